"""Networks and losses: ``nn.Module`` and pure functions, no training and no files."""

from __future__ import annotations

from eegdae.models.classifier import CodeClassifier
from eegdae.models.losses import LOSSES, bce, correntropy, cross_entropy, huber, mse
from eegdae.models.stack import (
    ACTIVATIONS,
    DenseLayer,
    PassThrough,
    StackedAutoencoder,
    new_stack,
    stack_from_config,
)
from eegdae.models.view_stacks import ViewStacks

__all__ = [
    "ACTIVATIONS",
    "LOSSES",
    "CodeClassifier",
    "DenseLayer",
    "PassThrough",
    "StackedAutoencoder",
    "ViewStacks",
    "bce",
    "correntropy",
    "cross_entropy",
    "huber",
    "mse",
    "new_stack",
    "stack_from_config",
]
