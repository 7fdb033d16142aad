"""The pure loss of a denoising autoencoder: what is minimised, whoever minimises it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.func import functional_call

from eegdae.corruption import Corruption, LevelSchedule
from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from eegdae.models import DenseLayer
from eegdae.models.penalties import (
    dense_contraction,
    estimated_contraction,
    kl_sparsity,
    l1_sparsity,
    variance_floor,
)
from eegdae.randomness import Keys, Stream
from eegdae.training.locality import LocalityTerm, neighbour_distance
from eegdae.training.objective import Objective
from eegdae.training.stage import Batch, Loss

ROWS_LOOKED_AT = 256
"""Rows that are corrupted once to see whether a corruption leaves an entry alone."""


def denoising_loss(
    module: nn.Module,
    corruption: Corruption,
    level: float,
    objective: Objective,
    *,
    schedule: LevelSchedule | None = None,
    layout: Layout | None = None,
    locality: LocalityTerm | None = None,
) -> Loss:
    """Build the pure loss of a denoising autoencoder: reconstruct the clean batch from its corrupted copy.

    Sparsity is of the codes of the corrupted rows, which are at hand; the Jacobian and the codes of
    neighbours are of clean rows, since those are what is used later.

    Parameters
    ----------
    module : nn.Module
        With ``encode`` and ``decode``, one after the other its forward pass; its own parameters are not used.
    corruption : Corruption
        Fitted on the clean training input of the module.
    level : float
        How much of it.
    objective : Objective
        What is minimised.
    schedule : LevelSchedule or None
        How the level changes during the stage; None = it stays.
    layout : Layout or None
        What the features of a row stand for; needed by weights by channel.
    locality : LocalityTerm or None
        Neighbours of the training rows; needed where ``objective.locality`` is above 0.

    Returns
    -------
    callable
        ``loss(params, batch, keys)``; the batch holds ``x``, where entries are missing ``observed``, and
        where neighbours count ``position``, the place of each row among the training rows.

    Raises
    ------
    EegdaeError
        If weights by channel do not fit the layout, or neighbours are wanted and not given.
    """
    if objective.locality and locality is None:
        raise EegdaeError(f"loss.locality={objective.locality:g}: needs the neighbours of the training rows")
    criterion = objective.criterion()
    by_feature = objective.feature_weights(layout)
    parts = _Parts(module)

    def pure(params: Mapping[str, Tensor], batch: Batch, keys: Keys) -> Tensor:
        x, observed = batch["x"], batch.get("observed")
        now = schedule.at(level, keys.progress) if schedule else level
        corrupted, touched = corruption.corrupt(x, level=now, keys=keys, observed=observed)
        weight = by_feature.to(x) if by_feature is not None else None
        if objective.has_emphasis and now != 0:
            emphasis = torch.where(touched, objective.touched, objective.kept).to(x)
            weight = emphasis if weight is None else weight * emphasis
        by_part = {f"module.{name}": value for name, value in params.items()}
        codes = _encode(parts, by_part, corrupted)
        reconstruction = functional_call(parts, by_part, ("decode", codes))
        total: Tensor = criterion(reconstruction, x, observed, weight=weight)
        if objective.l1:
            total = total + objective.l1 * l1_sparsity(codes)
        if objective.kl:
            total = total + objective.kl * kl_sparsity(codes, objective.kl_target)
        if objective.contractive:
            total = total + objective.contractive * _contraction(parts, params, by_part, x, keys)
        if locality and objective.locality:
            drawn = keys.uniform("neighbour", 1)[:, 0]
            near, share = locality.pairs(batch["position"].cpu(), drawn)
            both = _encode(parts, by_part, torch.cat([x, near.to(x)]))
            own, theirs = both[: len(x)], both[len(x) :]
            term = neighbour_distance(own, theirs, share.to(x))
            if objective.variance_floor:
                term = term + variance_floor(own, objective.variance_floor)
            total = total + objective.locality * term
        return total

    def plain(params: Mapping[str, Tensor], batch: Batch, keys: Keys) -> Tensor:
        observed = batch.get("observed")
        now = schedule.at(level, keys.progress) if schedule else level
        corrupted, _ = corruption.corrupt(batch["x"], level=now, keys=keys, observed=observed)
        return criterion(functional_call(module, dict(params), (corrupted,)), batch["x"], observed)

    o = objective
    has_penalty = o.l1 or o.kl or o.contractive or o.locality
    return pure if has_penalty or o.has_emphasis or by_feature is not None else plain


def with_defined_emphasis(
    objective: Objective,
    corruption: Corruption,
    x: Tensor,
    level: float,
    *,
    observed: Tensor | None = None,
    is_input: bool = True,
) -> Objective:
    """Keep the emphasis only where the corruption leaves some entries alone.

    Parameters
    ----------
    objective : Objective
        What is minimised.
    corruption : Corruption
        Fitted.
    x : Tensor, shape (n_rows, n_features)
        Clean training input.
    level : float
        How much of it.
    observed : Tensor of bool or None, shape (n_rows, n_features)
        True where ``x`` was observed.
    is_input : bool
        Whether ``x`` is the data, not the codes of a layer below.

    Returns
    -------
    Objective
        Without emphasis at level 0, and on codes whose noise touches every entry.

    Raises
    ------
    EegdaeError
        If the noise on the data touches every entry, so that there is nothing to emphasise.
    """
    if not objective.has_emphasis:
        return objective
    if level != 0:
        x = x[:ROWS_LOOKED_AT]
        observed = None if observed is None else observed[:ROWS_LOOKED_AT]
        keys = Keys(Stream("emphasis"), torch.arange(len(x)))
        _, touched = corruption.corrupt(x, level=level, keys=keys, observed=observed)
        if not bool((touched if observed is None else touched[observed]).all()):
            return objective
        if is_input:
            raise EegdaeError(
                f"loss.touched={objective.touched:g}, loss.kept={objective.kept:g}: "
                f"{type(corruption).__name__} at level {level:g} touches every entry, so none stands out; "
                "choose another corruption, such as masking, or set both to 1"
            )
    return replace(objective, touched=1.0, kept=1.0)


class _Parts(nn.Module):
    """A module whose code and whose reconstruction can be asked for apart, with parameters from outside."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, part: str, x: Tensor) -> Tensor:
        return getattr(self.module, part)(x)  # type: ignore[no-any-return]


def _contraction(
    parts: _Parts, params: Mapping[str, Tensor], by_part: dict[str, Tensor], x: Tensor, keys: Keys
) -> Tensor:
    """Squared norm of the Jacobian over the number of inputs: it has the scale of a mean squared error."""
    layer, n_inputs = parts.module, x.shape[-1]
    if isinstance(layer, DenseLayer) and getattr(layer, "is_plain", True):
        weight, bias = params["encoder.weight"], params["encoder.bias"]
        return dense_contraction(x, weight, bias, layer.activation) / n_inputs
    is_minus = keys.uniform("probe", n_inputs).to(x) < 0.5
    probe = torch.where(is_minus, -1.0, 1.0).to(x)
    return estimated_contraction(lambda rows: _encode(parts, by_part, rows), x, probe) / n_inputs


def _encode(parts: _Parts, by_part: dict[str, Tensor], x: Tensor) -> Tensor:
    return functional_call(parts, by_part, ("encode", x))  # type: ignore[no-any-return]
