"""Optimisers of ``torch.optim`` by name: their options, how their rate changes, how gradients are clipped."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from eegdae.errors import EegdaeError, did_you_mean, one_line
from eegdae.training.learning_rate import LearningRate

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "Adagrad": torch.optim.Adagrad,
    "Adam": torch.optim.Adam,
    "AdamW": torch.optim.AdamW,
    "NAdam": torch.optim.NAdam,
    "RAdam": torch.optim.RAdam,
    "RMSprop": torch.optim.RMSprop,
    "SGD": torch.optim.SGD,
}

_FUSED = ("Adam", "AdamW", "SGD")
"""One pass over the weights, on any device, where the default on a CPU makes a dozen."""


@dataclass(frozen=True)
class Optimizer:
    """How gradients become steps.

    Parameters
    ----------
    name : str
        A key of `OPTIMIZERS`.
    options : mapping
        Its keyword arguments, ``lr`` among them.
    schedule : LearningRate
        How ``lr`` changes during each stage.
    clip_norm : float or None
        Longest gradient of all weights together; a longer one is scaled down to it.
    clip_value : float or None
        Largest absolute value of an entry of a gradient; before ``clip_norm`` where both are given.

    Raises
    ------
    EegdaeError
        If there is no such optimiser or option, or torch refuses its value.

    References
    ----------
    Clipping by norm: Pascanu, Mikolov and Bengio, ICML (2013), algorithm 1.
    """

    name: str = "Adam"
    options: Mapping[str, Any] = field(default_factory=lambda: {"lr": 1e-3})
    schedule: LearningRate = field(default_factory=LearningRate)
    clip_norm: float | None = None
    clip_value: float | None = None

    def __post_init__(self) -> None:
        if self.name not in OPTIMIZERS:
            raise EegdaeError(
                f"optimizer={self.name!r}: no such optimiser; {did_you_mean(self.name, OPTIMIZERS)}"
            )
        known = list(inspect.signature(OPTIMIZERS[self.name]).parameters)[1:]
        for key, value in self.options.items():
            if key not in known:
                raise EegdaeError(
                    f"optimizer.{key}={value!r}: {self.name} has no such option; {did_you_mean(key, known)}"
                )
            if isinstance(value, str) or value is None:
                raise EegdaeError(f"optimizer.{key}={value!r}: must be a number")
        for key in ("clip_norm", "clip_value"):
            bound = getattr(self, key)
            if bound is not None and not bound > 0:
                raise EegdaeError(f"trainer.{key}={bound}: must be above 0, or null for no clipping")
        self.build([nn.Parameter(torch.zeros(1))])

    def build(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """Make the optimiser of some parameters.

        Raises
        ------
        EegdaeError
            If torch refuses an option.
        """
        fused = {"fused": True} if self.name in _FUSED else {}
        try:
            return OPTIMIZERS[self.name](parameters, **{**fused, **self.options})
        except (TypeError, ValueError, RuntimeError, IndexError) as error:
            raise EegdaeError(
                f"optimizer: {self.name} does not take {dict(self.options)}: {one_line(error)}"
            ) from error

    def clip(self, parameters: Iterable[nn.Parameter]) -> None:
        """Clip the gradients of parameters in place, where that is asked for."""
        if self.clip_value is None and self.clip_norm is None:
            return
        parameters = list(parameters)
        if self.clip_value is not None:
            nn.utils.clip_grad_value_(parameters, self.clip_value)
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters, self.clip_norm)
