"""Models that see the same rows under the same draws, and what one step of them is made of."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor, nn

from eegdae.corruption import Corruption
from eegdae.errors import EegdaeError
from eegdae.models import StackedAutoencoder
from eegdae.randomness import Keys, Stream
from eegdae.training.denoising import DenoisingLoss, with_defined_emphasis
from eegdae.training.fit import FitSpec
from eegdae.training.locality import LocalityGraph, LocalityTerm
from eegdae.training.stage_plan import StagePlan, graph_of

CHUNK_BYTES = 2**22
"""Bytes of corrupted rows that are worked on at once on a CPU: more would not stay near the processor."""

GPU_CHUNK_BYTES = 2**29
"""The same on a GPU, which wants large products."""


@dataclass(eq=False)
class Member:
    """One model of a group.

    Parameters
    ----------
    number : int
        Of its spec among those that were asked for.
    spec : FitSpec
        Ready.
    stack : StackedAutoencoder
        Its shape; the weights in it are not used.
    trained, held_out : Tensor of int64 or None
        Of `Stage`.
    history : list of dict
        Of `FitResult`.
    error : EegdaeError or None
        Why it is not trained any more.
    graph : LocalityGraph or None
        Of its rows, once neighbours count.
    """

    number: int
    spec: FitSpec
    stack: StackedAutoencoder
    trained: Tensor | None = None
    held_out: Tensor | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    error: EegdaeError | None = None
    graph: LocalityGraph | None = None


@dataclass(eq=False)
class Draw:
    """Models side by side that see the same draws: they differ in level and in what weighs in the loss.

    Parameters
    ----------
    at : slice
        Which models of the group.
    members : sequence of Member
        These.
    x : Tensor, shape (n_rows, n_features) or (n_models, n_rows, n_features)
        Clean input: the data, or the codes of each model's own layers below.
    observed : Tensor of bool or None, shape (n_rows, n_features)
        True where ``x`` was observed.
    losses : list of DenoisingLoss
        Of each model; all but the levels and weights of the first holds for all.
    weights : dict of str to Tensor, shape (n_models,)
        Of the penalties.
    emphasis : pair of Tensor, shape (n_models, 1, 1), or None
        Weights of touched and of other entries.
    """

    at: slice
    members: Sequence[Member]
    x: Tensor
    observed: Tensor | None
    losses: Sequence[DenoisingLoss]
    weights: dict[str, Tensor]
    emphasis: tuple[Tensor, Tensor] | None

    @property
    def key(self) -> tuple[int | str, ...]:
        """What its random draws depend on besides stage and epoch."""
        spec = self.members[0].spec
        return spec.seed, spec.fold, spec.view

    def step(self, at: Tensor, stream: Stream, progress: float) -> dict[str, Tensor]:
        """Take some rows and draw what is random.

        Parameters
        ----------
        at : Tensor of int64, shape (n_drawn,)
            Positions among the rows.
        stream : Stream
            Of this seed, fold, view, stage and epoch.
        progress : float
            0 in the first epoch of the stage, 1 in the last.

        Returns
        -------
        dict of str to Tensor
            Of `DenoisingLoss.drawn`; ``corrupted``, shape (n_models, n_drawn, n_features), has an axis of
            models in front, ``x`` where each model has its own.
        """
        device = self.x.device
        there = at.to(device)
        batch = {"x": self.x.index_select(self.x.ndim - 2, there)}
        if self.observed is not None:
            batch["observed"] = self.observed.index_select(0, there)
        if self.members[0].graph is not None:
            batch["position"] = at
        levels = [loss.level_at(progress) for loss in self.losses]
        # one level is a number: a corruption knows that 0 of it is nothing
        level: float | Tensor = levels[0]
        if len(set(levels)) > 1:
            level = torch.tensor(levels, device=device)[:, None, None]
        keys = Keys(stream, self.members[0].spec.rows.index_select(0, at), progress)
        step = self.losses[0].drawn(batch, keys, level=level, emphasis=self.emphasis)
        if step["corrupted"].ndim == 2:
            step["corrupted"] = step["corrupted"].expand(len(self.members), *step["corrupted"].shape)
        return step


def draws_of(
    members: Sequence[Member],
    plans: Sequence[StagePlan],
    module: nn.Module,
    codes: Tensor | None,
    *,
    batch_size: int,
    device: torch.device,
) -> Iterator[Draw]:
    """Split the models of a group into those that share their draws, no more than lie near the processor.

    Parameters
    ----------
    members : sequence of Member
        Of the group.
    plans : sequence of StagePlan
        Of each.
    module : nn.Module
        Of the shape that the stage trains.
    codes : Tensor or None, shape (n_models, n_rows, n_codes)
        Codes of the layers below, where the stage trains a higher layer.
    batch_size : int
        Rows a step.
    device : torch.device
        Where the arithmetic is.

    Yields
    ------
    Draw
        In the order of the models, each model once.
    """
    limit = GPU_CHUNK_BYTES if device.type == "cuda" else CHUNK_BYTES
    graphs: dict[Hashable, LocalityGraph | None] = {}
    start = 0
    while start < len(members):
        first, plan = members[start], plans[start]
        x = first.spec.x if codes is None else codes[start]
        n_rows = min(batch_size, len(x))
        size = max(1, limit // (4 * n_rows * x.shape[1]))
        # codes of several models: each has neighbours, and donors, of its own
        known = _fitted(plan, x, first.spec.observed)
        fitted = known if codes is None else None
        size = size if fitted or _can_stack(plan, known) else 1
        stop = start + 1
        while stop < len(members) and shares_draws(first, members[stop]):
            stop += 1
        for begin in range(start, stop, size):
            at = slice(begin, min(begin + size, stop))
            yield _draw(at, members[at], plans[at], module, codes, fitted, graphs, device)
        start = stop


def shares_draws(a: Member, b: Member) -> bool:
    """Whether two models see the same rows under the same draws."""
    one, two = a.spec, b.spec
    return (
        one.x is two.x
        and (one.seed, one.fold, one.view) == (two.seed, two.fold, two.view)
        and _same(one.corruption, two.corruption)
        and _same(a.trained, b.trained)
        and _same(a.held_out, b.held_out)
    )


def _draw(
    at: slice,
    members: Sequence[Member],
    plans: Sequence[StagePlan],
    module: nn.Module,
    codes: Tensor | None,
    fitted: Corruption | None,
    graphs: dict[Hashable, LocalityGraph | None],
    device: torch.device,
) -> Draw:
    plan, first = plans[0], members[0].spec
    observed = first.observed if plan.is_input else None
    inputs = [first.x] * len(members) if codes is None else list(codes[at])
    each = [fitted] * len(members) if fitted else [_fitted(plan, x, observed) for x in inputs]
    together = each[0] if fitted or len(each) == 1 else _stacked(each)
    losses = []
    for member, own, x, kind in zip(members, plans, inputs, each, strict=True):
        level, is_input = member.spec.level, own.is_input
        objective = with_defined_emphasis(own.objective, kind, x, level, observed=observed, is_input=is_input)
        if objective.locality and member.graph is None:
            member.graph = _graph(member.spec, graphs)
        losses.append(
            DenoisingLoss(
                module,
                together,
                level,
                objective,
                schedule=member.spec.level_schedule,
                layout=plan.layout,
                locality=LocalityTerm(member.graph, x) if member.graph else None,
            )
        )
    objectives = [loss.objective for loss in losses]
    emphasis = None
    if any(objective.has_emphasis for objective in objectives):
        both = ([getattr(objective, name) for objective in objectives] for name in ("touched", "kept"))
        touched, kept = (torch.tensor(weights, device=device)[:, None, None] for weights in both)
        emphasis = touched, kept
    weights = {
        name: torch.tensor([float(loss.weights[name]) for loss in losses], device=device)
        for name in losses[0].weights
    }
    x = inputs[0] if codes is None or len(members) == 1 else codes[at]
    observed = None if observed is None else observed.to(device)
    return Draw(at, members, x.to(device), observed, losses, weights, emphasis)


def _graph(spec: FitSpec, graphs: dict[Hashable, LocalityGraph | None]) -> LocalityGraph | None:
    """Connect the rows of a spec, once for all models that have the same rows."""
    parts = (spec.x, spec.rows, spec.recordings)
    key = (*map(id, parts), spec.objective.n_neighbours, spec.objective.heat)
    if key not in graphs:
        graphs[key] = graph_of(spec)
    return graphs[key]


def _fitted(plan: StagePlan, x: Tensor, observed: Tensor | None) -> Corruption:
    return plan.corruption.fitted(x, observed if plan.is_input else None, layout=plan.layout)


def _can_stack(plan: StagePlan, fitted: Corruption) -> bool:
    """Whether what a corruption knows of several inputs can be put into one: a number, or one a feature."""
    known = [getattr(fitted, each.name) for each in fields(fitted)]
    has_parts = any(isinstance(value, tuple) for value in known)
    has_rows = any(isinstance(value, Tensor) and value.ndim > 1 for value in known)
    return not (has_parts or has_rows or plan.objective.locality)


def _stacked(fitted: Sequence[Corruption]) -> Corruption:
    """Make one corruption of several that differ in their statistics alone: () or (n_features,) each."""
    changed: dict[str, Any] = {}
    for name in (each.name for each in fields(fitted[0])):
        values = [getattr(one, name) for one in fitted]
        if isinstance(values[0], Tensor):
            changed[name] = torch.stack([value.reshape(1, -1) for value in values])
    return replace(fitted[0], **changed)


def _same(a: Any, b: Any) -> bool:
    """Whether two corruptions draw the same: options, and what they know of the training rows."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Tensor):
        return a is b or (a.shape == b.shape and bool(torch.equal(a, b)))
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if hasattr(a, "__dataclass_fields__"):
        return a is b or all(_same(getattr(a, each.name), getattr(b, each.name)) for each in fields(a))
    return a is b if hasattr(a, "__array__") else bool(a == b)
