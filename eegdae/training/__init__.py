"""Fitting: LightningModules, layer-wise pretraining, fine-tuning, adaptation."""

from __future__ import annotations

from eegdae.training.adaptation import AdaptationSpec, Noise, adapt, adapted_codes
from eegdae.training.finetune import ClassifierSpec, fit_classifier
from eegdae.training.fit import FitResult, FitSpec, Schedule, fit_many
from eegdae.training.objective import Objective, denoising_loss
from eegdae.training.stage import CheckpointStore, Optimizer, Stage, run_stage

__all__ = [
    "AdaptationSpec",
    "CheckpointStore",
    "ClassifierSpec",
    "FitResult",
    "FitSpec",
    "Noise",
    "Objective",
    "Optimizer",
    "Schedule",
    "Stage",
    "adapt",
    "adapted_codes",
    "denoising_loss",
    "fit_classifier",
    "fit_many",
    "run_stage",
]
