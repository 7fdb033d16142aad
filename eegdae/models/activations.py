"""Activations by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from eegdae.errors import EegdaeError, did_you_mean

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": torch.relu,
    "leaky_relu": nn.functional.leaky_relu,
    "elu": nn.functional.elu,
    "selu": torch.selu,
    "gelu": nn.functional.gelu,
    "silu": nn.functional.silu,
    "softplus": nn.functional.softplus,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
"""Name -> function of one tensor, entry by entry."""


def activation_of(name: str, key: str) -> Callable[[Tensor], Tensor]:
    """Look an activation up.

    Parameters
    ----------
    name : str
        A key of `ACTIVATIONS`.
    key : str
        Which setting it is, for the message.

    Returns
    -------
    callable
        Tensor of any shape -> the same shape.

    Raises
    ------
    EegdaeError
        If there is no such activation.
    """
    if name not in ACTIVATIONS:
        raise EegdaeError(f"{key}={name!r}: no such activation; {did_you_mean(name, ACTIVATIONS)}")
    return ACTIVATIONS[name]
