"""Fitting: LightningModules, layer-wise pretraining, fine-tuning."""

from __future__ import annotations

from eegdae.training.denoising import denoising_loss
from eegdae.training.finetune import ClassifierSpec, fit_classifier
from eegdae.training.fit import FitResult, FitSpec, Schedule, fit_many
from eegdae.training.locality import LocalityGraph, LocalityTerm, locality_graph
from eegdae.training.locality_projection import LocalityProjection
from eegdae.training.objective import LOSS_OPTIONS, Objective
from eegdae.training.stage import CheckpointStore, Optimizer, Stage, run_stage

__all__ = [
    "LOSS_OPTIONS",
    "CheckpointStore",
    "ClassifierSpec",
    "FitResult",
    "FitSpec",
    "LocalityGraph",
    "LocalityProjection",
    "LocalityTerm",
    "Objective",
    "Optimizer",
    "Schedule",
    "Stage",
    "denoising_loss",
    "fit_classifier",
    "fit_many",
    "locality_graph",
    "run_stage",
]
