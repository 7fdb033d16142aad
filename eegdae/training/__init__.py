"""Fitting: LightningModules, layer-wise pretraining, fine-tuning."""

from __future__ import annotations

from eegdae.training.early_stopping import EarlyStopping
from eegdae.training.finetune import ClassifierSpec, fit_classifier
from eegdae.training.fit import FitResult, FitSpec, TrainingWarning, fit_many
from eegdae.training.hardware import Hardware
from eegdae.training.learning_rate import LearningRate
from eegdae.training.objective import Objective, denoising_loss
from eegdae.training.optimizers import OPTIMIZERS, Optimizer
from eegdae.training.schedule import Schedule
from eegdae.training.stage import CheckpointStore, Stage, run_stage

__all__ = [
    "OPTIMIZERS",
    "CheckpointStore",
    "ClassifierSpec",
    "EarlyStopping",
    "FitResult",
    "FitSpec",
    "Hardware",
    "LearningRate",
    "Objective",
    "Optimizer",
    "Schedule",
    "Stage",
    "TrainingWarning",
    "denoising_loss",
    "fit_classifier",
    "fit_many",
    "run_stage",
]
