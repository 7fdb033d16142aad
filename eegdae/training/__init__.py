"""Fitting: LightningModules, layer-wise pretraining, fine-tuning, adaptation."""

from __future__ import annotations

from eegdae.training.adaptation import AdaptationSpec, Noise, adapt_session, adapted_codes
from eegdae.training.denoising import DenoisingLoss
from eegdae.training.early_stopping import EarlyStopping
from eegdae.training.finetune import ClassifierSpec, fit_classifier
from eegdae.training.fit import FitResult, FitSpec, TrainingWarning, fit_many
from eegdae.training.hardware import Hardware
from eegdae.training.learning_rate import LearningRate
from eegdae.training.locality import LocalityGraph, LocalityTerm, locality_graph
from eegdae.training.locality_projection import LocalityProjection
from eegdae.training.objective import LOSS_OPTIONS, Objective
from eegdae.training.optimizers import OPTIMIZERS, Optimizer
from eegdae.training.schedule import Schedule
from eegdae.training.stage import CheckpointStore, Stage, run_stage
from eegdae.training.together import fit_together

__all__ = [
    "LOSS_OPTIONS",
    "OPTIMIZERS",
    "AdaptationSpec",
    "CheckpointStore",
    "ClassifierSpec",
    "DenoisingLoss",
    "EarlyStopping",
    "FitResult",
    "FitSpec",
    "Hardware",
    "LearningRate",
    "LocalityGraph",
    "LocalityProjection",
    "LocalityTerm",
    "Noise",
    "Objective",
    "Optimizer",
    "Schedule",
    "Stage",
    "TrainingWarning",
    "adapt_session",
    "adapted_codes",
    "fit_classifier",
    "fit_many",
    "fit_together",
    "locality_graph",
    "run_stage",
]
