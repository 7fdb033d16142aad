"""Many models trained as one program: which specs can go together, and what they share.

Specs of one shape form a group; their weights lie in one tensor a parameter, ``(n_models, ...)``, and every
layer of all of them is one matrix product. Each model keeps its own noise level, rate, early stopping and
random draws, so it is the model that `eegdae.training.fit.fit_many` makes of its spec alone, up to the
rounding of sums.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from eegdae.errors import EegdaeError, one_line
from eegdae.layout import Layout
from eegdae.models import new_stack, stack_from_config
from eegdae.training.denoising import PENALTIES
from eegdae.training.fit import (
    FitResult,
    FitSpec,
    TrainingWarning,
    check_codes,
    fit_many,
    ready,
    sides_of,
    untrained,
)
from eegdae.training.objective import LOSS_OPTIONS, Objective
from eegdae.training.together_draws import Member
from eegdae.training.together_stage import StageOfMany

TOGETHER = ("Adam", "AdamW", "SGD")
"""Optimisers whose step is the same for a slice of a tensor as for the whole."""

SHARE_OF_MEMORY = 0.5
"""Share of ``trainer.memory_gb`` that the weights of a group and what is kept beside them may take."""


def fit_together(specs: Sequence[FitSpec]) -> list[FitResult | EegdaeError]:
    """Fit autoencoders, those of one shape together; what cannot be is fitted one by one.

    Parameters
    ----------
    specs : sequence of FitSpec
        What to fit. Those with the same rows should hold the same tensors.

    Returns
    -------
    list of FitResult or EegdaeError
        In the order of the specs: a model whose spec makes no sense, or whose loss stops being a number, does
        not stop the others. Specs that describe the same model (level 0 of any corruption) share it.
    """
    found: list[FitResult | EegdaeError | None] = [None] * len(specs)
    first_of: dict[Hashable, int] = {}
    same_as: dict[int, int] = {}
    groups: dict[Hashable, list[Member]] = {}
    clean: dict[tuple[int, int], Tensor] = {}
    alone: dict[str, list[int]] = {}
    for number, given in enumerate(specs):
        identity = _identity(given)
        if identity in first_of:
            same_as[number] = first_of[identity]
            continue
        if identity is not None:
            first_of[identity] = number
        reason = _why_alone(given)
        if reason:
            alone.setdefault(reason, []).append(number)
            continue
        try:
            member = _member(number, ready(given, clean))
        except EegdaeError as error:
            found[number] = error
            continue
        groups.setdefault(_shape(member), []).append(member)
    for group in groups.values():
        names = group[0].spec.schedule.stage_names(len(group[0].stack.layers))
        for part in _fitting(group):
            try:
                results = _fit_group(part, names)
            except Exception as error:  # what one kind of model cannot do must not cost the others theirs
                numbers = [member.number for member in part]
                alone.setdefault(f"{type(error).__name__}: {one_line(error)}", []).extend(numbers)
                continue
            for member, result in zip(part, results, strict=True):
                found[member.number] = result
    for reason, numbers in alone.items():
        warnings.warn(
            f"{reason}: {len(numbers)} models are trained one by one", TrainingWarning, stacklevel=2
        )
        for number in numbers:
            try:
                found[number] = fit_many([specs[number]])[0]
            except EegdaeError as error:
                found[number] = error
    for number, other in same_as.items():
        found[number] = _renamed(found[other], specs[number])
    return [result for result in found if result is not None]


def _identity(spec: FitSpec) -> Hashable:
    """What makes a model that has no noise the same as another; None of a model that has."""
    if spec.level != 0 and spec.schedule.pretrain != "none":
        return None
    parts = (spec.schedule, spec.objective, dict(spec.network), spec.layout)
    if spec.schedule.pretrain == "none":
        parts = (dict(spec.network), spec.layout, spec.objective.loss)  # type: ignore[assignment]
    return (
        *(id(part) for part in (spec.x, spec.rows, spec.observed, spec.recordings, spec.groups)),
        *(spec.hidden, spec.seed, spec.fold, spec.view, repr(parts)),
    )


def _why_alone(spec: FitSpec) -> str:
    """Say what keeps a spec from being trained together with others; "" = nothing."""
    schedule = spec.schedule
    if schedule.pretrain == "none":
        return ""
    for optimizer in (schedule.optimizer, schedule.joint_optimizer):
        if optimizer.name not in TOGETHER:
            return f"optimizer={optimizer.name}"
    if schedule.hardware.precision != "32":
        return f"trainer.precision={schedule.hardware.precision}"
    if schedule.hardware.n_processes > 1:
        return f"trainer.devices={schedule.hardware.devices}"
    return ""


def _member(number: int, spec: FitSpec) -> Member:
    stack = new_stack(spec.layout or Layout.rows(spec.x.shape[1]), hidden=spec.hidden, **spec.network)
    names = spec.schedule.stage_names(len(stack.layers))
    check_codes(spec, stack, names)
    sides = sides_of(spec) if names else (None, None)
    return Member(number, spec, stack, *sides)


def _shape(member: Member) -> Hashable:
    """What has to be equal in a group."""
    spec, schedule = member.spec, member.spec.schedule
    stopping = schedule.early_stopping
    plan = (schedule.pretrain, schedule.epochs, schedule.joint_epochs, schedule.batch_size, schedule.hardware)
    held = None if member.held_out is None else len(member.held_out)
    trained = len(spec.x) if member.trained is None else len(member.trained)
    return (
        *(repr(member.stack.config), spec.layout, tuple(spec.x.shape), spec.observed is None, trained, held),
        *(plan, stopping, schedule.optimizer.name),
        repr(_static(spec.objective)),
    )


def _static(objective: Objective) -> Objective:
    """Take the weights of the penalties out of an objective, but not which of them there are."""
    weights: dict[str, Any] = {name: float(getattr(objective, name) > 0) for name in PENALTIES}
    unused: dict[str, Any] = {
        option: getattr(Objective(), option)
        for loss, options in LOSS_OPTIONS.items()
        if loss != objective.loss
        for option in options
    }
    return replace(objective, touched=1.0, kept=1.0, **weights, **unused)


def _fitting(group: list[Member]) -> list[list[Member]]:
    """Put members that share draws side by side, and split the group so that each part fits the memory."""
    order: dict[Hashable, int] = {}
    ordered = sorted(group, key=lambda member: order.setdefault(_draws(member), len(order)))
    first = group[0]
    n_params = sum(p.numel() for p in first.stack.parameters())
    widest = max([int(layer.n_out) for layer in first.stack.layers][:-1], default=0)  # type: ignore[arg-type]
    # weights, two moments, the best epoch; and the clean codes of the layer below
    each = 4 * (n_params * (4 if first.held_out is not None else 3) + 2 * widest * len(first.spec.x))
    budget = SHARE_OF_MEMORY * first.spec.schedule.hardware.memory_gb * 1e9
    at_once = max(1, int(budget // each))
    return [ordered[k : k + at_once] for k in range(0, len(ordered), at_once)]


def _draws(member: Member) -> Hashable:
    spec = member.spec
    return id(spec.x), spec.seed, spec.fold, spec.view, type(spec.corruption).__name__, repr(spec.corruption)


def _fit_group(members: list[Member], names: Sequence[str]) -> list[FitResult | EegdaeError]:
    """Train models of one shape, stage by stage."""
    first = members[0]
    on_gpu = first.spec.schedule.hardware.on_gpu and names
    device = torch.device("cuda" if on_gpu else "cpu")
    drawn: dict[Hashable, dict[str, Tensor]] = {}
    for member in members:
        spec = member.spec
        key = (spec.seed, spec.fold, spec.view)
        if key not in drawn:
            drawn[key] = untrained(spec).state_dict()
    states = [drawn[(m.spec.seed, m.spec.fold, m.spec.view)] for m in members]
    params = {name: torch.stack([state[name] for state in states]).to(device) for name in states[0]}
    for name in names:
        if any(member.error is None for member in members):
            StageOfMany(members, params, name).run()
    results: list[FitResult | EegdaeError] = []
    for number, member in enumerate(members):
        if member.error:
            results.append(member.error)
            continue
        stack = stack_from_config(member.stack.config)
        stack.load_state_dict({name: value[number].cpu() for name, value in params.items()})
        results.append(FitResult(member.spec, stack.requires_grad_(False).eval(), member.history))
    return results


def _renamed(result: FitResult | EegdaeError | None, spec: FitSpec) -> FitResult | EegdaeError | None:
    """The same model under the name of another spec."""
    if not isinstance(result, FitResult):
        return result
    history = [{**row, "model": spec.name} for row in result.history]
    return FitResult(replace(result.spec, name=spec.name), result.model, history)
