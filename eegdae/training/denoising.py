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
from eegdae.training.stage import Batch

ROWS_LOOKED_AT = 256
"""Rows that are corrupted once to see whether a corruption leaves an entry alone."""


PENALTIES = ("l1", "kl", "contractive", "locality")
"""Terms of an `Objective` besides the reconstruction, by the name of their weight."""


class DenoisingLoss:
    """The pure loss of a denoising autoencoder: reconstruct the clean batch from its corrupted copy.

    Called, it is ``loss(params, batch, keys)``: `drawn` makes all that is random of a step, `of` is a
    function of tensors alone, which many models may share by `torch.func.vmap`. Sparsity is of the codes of
    the corrupted rows, which are at hand; the Jacobian and the codes of neighbours are of clean rows, since
    those are what is used later.

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

    Raises
    ------
    EegdaeError
        If weights by channel do not fit the layout, or neighbours are wanted and not given.
    """

    def __init__(
        self,
        module: nn.Module,
        corruption: Corruption,
        level: float,
        objective: Objective,
        *,
        schedule: LevelSchedule | None = None,
        layout: Layout | None = None,
        locality: LocalityTerm | None = None,
    ) -> None:
        if objective.locality and locality is None:
            raise EegdaeError(
                f"loss.locality={objective.locality:g}: needs the neighbours of the training rows"
            )
        self.module, self.corruption, self.objective = module, corruption, objective
        self.level, self.schedule, self.locality = level, schedule, locality
        self.weights: dict[str, float | Tensor] = {
            name: weight for name in PENALTIES if (weight := getattr(objective, name))
        }
        self.is_plain = not self.weights
        self._criterion = objective.criterion()
        self._by_feature = objective.feature_weights(layout)
        self._parts = _Parts(module)

    def __call__(self, params: Mapping[str, Tensor], batch: Batch, keys: Keys) -> Tensor:
        """Loss of a batch: ``x``, and where there are any ``observed`` and ``position``; see `drawn`."""
        return self.of(params, self.drawn(batch, keys))

    def level_at(self, progress: float) -> float:
        """Give the level at a moment of the stage, 0 in its first epoch and 1 in its last."""
        return self.schedule.at(self.level, progress) if self.schedule else self.level

    def drawn(
        self,
        batch: Batch,
        keys: Keys,
        *,
        level: float | Tensor | None = None,
        emphasis: tuple[float | Tensor, float | Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Corrupt a batch and draw what else is random, for one model or for several that differ in level.

        Parameters
        ----------
        batch : mapping of str to Tensor
            ``x``, shape (n_rows, n_features); where entries are missing ``observed``, and where neighbours
            count ``position``, the place of each row among the training rows.
        keys : Keys
            Which draws.
        level : float, Tensor of shape (n_models, 1, 1), or None
            How much; None = the loss's own.
        emphasis : pair of float or of Tensor of shape (n_models, 1, 1), or None
            What the loss of touched entries and of the others is multiplied by; None = the objective's own.

        Returns
        -------
        dict of str to Tensor
            What `of` takes: ``x``, ``corrupted``, of several models with an axis in front, and what else the
            objective needs.
        """
        x, observed = batch["x"], batch.get("observed")
        now = self.level_at(keys.progress) if level is None else level
        corrupted, touched = self.corruption.corrupt(x, level=now, keys=keys, observed=observed)
        step = {"x": x, "corrupted": corrupted}
        if observed is not None:
            step["observed"] = observed
        weight = self._by_feature.to(x) if self._by_feature is not None else None
        if emphasis is None and self.objective.has_emphasis and now != 0:
            emphasis = self.objective.touched, self.objective.kept
        if emphasis is not None:
            on, off = (torch.as_tensor(weight).to(x) for weight in emphasis)
            by_entry = torch.where(touched, on, off)
            weight = by_entry if weight is None else weight * by_entry
        if weight is not None:
            step["weight"] = weight
        if "contractive" in self.weights and not _is_plain_dense(self.module):
            is_minus = keys.uniform("probe", x.shape[-1]).to(x) < 0.5
            step["probe"] = torch.where(is_minus, -1.0, 1.0).to(x)
        if self.locality and "locality" in self.weights:
            drawn = keys.uniform("neighbour", 1)[:, 0]
            near, share = self.locality.pairs(batch["position"].cpu(), drawn)
            step |= {"near": near.to(x), "share": share.to(x)}
        return step

    def of(
        self,
        params: Mapping[str, Tensor],
        step: Mapping[str, Tensor],
        weights: Mapping[str, float | Tensor] | None = None,
    ) -> Tensor:
        """Loss of one model in one step.

        Parameters
        ----------
        params : mapping of str to Tensor
            Of the module, by name.
        step : mapping of str to Tensor
            What `drawn` gave, of one model.
        weights : mapping of str to float or Tensor of shape ()
            Of the penalties; None = the objective's own.

        Returns
        -------
        Tensor, shape ()
        """
        x, observed, weight = step["x"], step.get("observed"), step.get("weight")
        if self.is_plain:
            back = functional_call(self.module, dict(params), (step["corrupted"],))
            return self._criterion(back, x, observed, weight=weight)
        weights = self.weights if weights is None else weights
        by_part = {f"module.{name}": value for name, value in params.items()}
        codes = _encode(self._parts, by_part, step["corrupted"])
        reconstruction = functional_call(self._parts, by_part, ("decode", codes))
        total = self._criterion(reconstruction, x, observed, weight=weight)
        if "l1" in self.weights:
            total = total + weights["l1"] * l1_sparsity(codes)
        if "kl" in self.weights:
            total = total + weights["kl"] * kl_sparsity(codes, self.objective.kl_target)
        if "contractive" in self.weights:
            total = total + weights["contractive"] * self._contraction(params, by_part, step)
        if "near" in step:
            both = _encode(self._parts, by_part, torch.cat([x, step["near"]]))
            own, theirs = both[: len(x)], both[len(x) :]
            term = neighbour_distance(own, theirs, step["share"])
            if self.objective.variance_floor:
                term = term + variance_floor(own, self.objective.variance_floor)
            total = total + weights["locality"] * term
        return total

    def _contraction(
        self, params: Mapping[str, Tensor], by_part: dict[str, Tensor], step: Mapping[str, Tensor]
    ) -> Tensor:
        """Squared norm of the Jacobian over the number of inputs, as a mean squared error is one."""
        x = step["x"]
        if "probe" not in step:
            weight, bias = params["encoder.weight"], params["encoder.bias"]
            return dense_contraction(x, weight, bias, self.module.activation) / x.shape[-1]  # type: ignore[arg-type]
        found = estimated_contraction(lambda rows: _encode(self._parts, by_part, rows), x, step["probe"])
        return found / x.shape[-1]


def _is_plain_dense(module: nn.Module) -> bool:
    """Whether the Jacobian of the code has a closed form."""
    return isinstance(module, DenseLayer) and module.is_plain


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


def _encode(parts: _Parts, by_part: dict[str, Tensor], x: Tensor) -> Tensor:
    return functional_call(parts, by_part, ("encode", x))  # type: ignore[no-any-return]
