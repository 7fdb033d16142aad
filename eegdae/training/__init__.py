"""Fitting: LightningModules, layer-wise pretraining, fine-tuning."""

from __future__ import annotations

from eegdae.training.finetune import ClassifierSpec, fit_classifier
from eegdae.training.fit import FitResult, FitSpec, Schedule, fit_many
from eegdae.training.objective import Objective, denoising_loss
from eegdae.training.stage import CheckpointStore, Optimizer, Stage, run_stage

__all__ = [
    "CheckpointStore",
    "ClassifierSpec",
    "FitResult",
    "FitSpec",
    "Objective",
    "Optimizer",
    "Schedule",
    "Stage",
    "denoising_loss",
    "fit_classifier",
    "fit_many",
    "run_stage",
]
