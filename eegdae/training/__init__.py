"""Fitting: LightningModules, layer-wise pretraining, fine-tuning."""

from __future__ import annotations

from eegdae.training.finetune import ClassifierSpec, fit_classifier
from eegdae.training.fit import FitResult, FitSpec, Schedule, fit_many
from eegdae.training.stage import CheckpointStore, Optimizer, Stage, run_stage

__all__ = [
    "CheckpointStore",
    "ClassifierSpec",
    "FitResult",
    "FitSpec",
    "Optimizer",
    "Schedule",
    "Stage",
    "fit_classifier",
    "fit_many",
    "run_stage",
]
