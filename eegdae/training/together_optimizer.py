"""The optimisers of many models: each its own rate, schedule and clipping, on slices of the same tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import torch
from torch import Tensor, nn

from eegdae.training.optimizers import OPTIMIZERS, Optimizer

UNIT = 16
"""Numbers that a fused optimiser works on at once; those left over at a tensor's end it rounds otherwise."""


class OptimizersOfMany:
    """One torch optimiser; models that are told the same are one of its parameter groups.

    Parameters
    ----------
    each : sequence of Optimizer
        Of every model; all of one name.
    params, grads : mapping of str to Tensor, shape (n_models, ...)
        Weights, changed in place by `step`, and where their slopes are.
    """

    def __init__(
        self, each: Sequence[Optimizer], params: Mapping[str, Tensor], grads: Mapping[str, Tensor]
    ) -> None:
        self._grads = grads
        told: list[Optimizer] = []
        number = [_index(told, how) for how in each]
        # slices of models side by side that are told the same
        self._parts: list[list[slice]] = [[] for _ in told]
        at = 0
        for which, run in groupby(number):
            length = len(list(run))
            self._parts[which].append(slice(at, at + length))
            at += length
        self._told, self._number = told, number
        groups = []
        for how, parts in zip(told, self._parts, strict=True):
            slices = []
            for part in parts:
                for name, value in params.items():
                    for own in _alike(part, value):
                        parameter = nn.Parameter(value[own])
                        parameter.grad = grads[name][own]
                        slices.append(parameter)
            groups.append({"params": slices, **how.options})
        self._optimizer = OPTIMIZERS[told[0].name](groups, fused=True)  # type: ignore[call-arg]
        self._base = [float(group["lr"]) for group in self._optimizer.param_groups]

    def step(self, number: int, *, n_steps: int, steps_per_epoch: int) -> None:
        """Take a step of every model.

        Parameters
        ----------
        number : int
            Of the step in the stage, from 0.
        n_steps, steps_per_epoch : int
            Of `LearningRate.factor`.
        """
        groups = self._optimizer.param_groups
        for how, group, base, parts in zip(self._told, groups, self._base, self._parts, strict=True):
            if not how.schedule.is_constant:
                group["lr"] = base * how.schedule.factor(
                    number, n_steps=n_steps, steps_per_epoch=steps_per_epoch
                )
            for part in parts:
                self._clip(how, part)
        self._optimizer.step()

    def rate(self, number: int) -> float:
        """Learning rate of a model in its last step."""
        return float(self._optimizer.param_groups[self._number[number]]["lr"])

    def _clip(self, how: Optimizer, part: slice) -> None:
        """Clip the slopes of each model for itself, as `Optimizer.clip` does."""
        if how.clip_value is None and how.clip_norm is None:
            return
        slopes = [value[part] for value in self._grads.values()]
        if how.clip_value is not None:
            for slope in slopes:
                slope.clamp_(-how.clip_value, how.clip_value)
        if how.clip_norm is not None:
            norm = torch.stack([slope.flatten(1).norm(dim=1) for slope in slopes]).norm(dim=0)  # (n_models,)
            share = (how.clip_norm / (norm + 1e-6)).clamp(max=1.0)
            for slope in slopes:
                slope.mul_(share.view(-1, *[1] * (slope.ndim - 1)))


def _alike(part: slice, value: Tensor) -> list[slice]:
    """Cut models side by side so that each weight has the place in a unit that it has in a model alone."""
    if value.is_cuda or value[0].numel() % UNIT == 0:
        return [part]
    return [slice(k, k + 1) for k in range(part.start, part.stop)]


def _index(told: list[Optimizer], how: Optimizer) -> int:
    """Number of an optimiser among those told so far; a new one is added."""
    if how not in told:
        told.append(how)
    return told.index(how)
