"""Networks and losses: ``nn.Module`` and pure functions, no training and no files."""

from __future__ import annotations

from eegdae.models.activations import ACTIVATIONS
from eegdae.models.classifier import CodeClassifier
from eegdae.models.convolution import ConvLayer, Convolution
from eegdae.models.dense import DenseLayer
from eegdae.models.losses import LOSSES, bce, correntropy, cross_entropy, huber, mse
from eegdae.models.stack import (
    PassThrough,
    StackedAutoencoder,
    is_of_decoder,
    new_stack,
    stack_from_config,
)
from eegdae.models.view_stacks import FUSION, ViewStacks

__all__ = [
    "ACTIVATIONS",
    "FUSION",
    "LOSSES",
    "CodeClassifier",
    "ConvLayer",
    "Convolution",
    "DenseLayer",
    "PassThrough",
    "StackedAutoencoder",
    "ViewStacks",
    "bce",
    "correntropy",
    "cross_entropy",
    "huber",
    "is_of_decoder",
    "mse",
    "new_stack",
    "stack_from_config",
]
