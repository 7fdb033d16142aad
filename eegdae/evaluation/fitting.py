"""Fitting on the rows of a fold: projections, scalers, the stacks and those they are compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.alignment import Alignment
from eegdae.corruption import Corruption
from eegdae.errors import EegdaeError
from eegdae.evaluation.networks import fused, joint_specs, log_networks
from eegdae.evaluation.once import Once
from eegdae.evaluation.recipe import Data, Recipe
from eegdae.features import View
from eegdae.layout import Layout
from eegdae.models import StackedAutoencoder, ViewStacks
from eegdae.scaling import Scaler
from eegdae.tangent_space import TangentSpace
from eegdae.training import CheckpointStore, FitResult, FitSpec, fit_many, fit_together
from eegdae.training.scratch import by_blocks


@dataclass(frozen=True, eq=False)
class Fitted:
    """What was fitted on some rows: of the denoising model and of those it is compared with.

    Parameters
    ----------
    projections : mapping of str to TangentSpace
        By view, of those views that have one.
    scalers : mapping of str to Scaler
        By view.
    stacks : mapping of str to ViewStacks
        By model: ``codes``, ``autoencoder``, ``random_encoder``, ``cae``.
    history : list of dict
        The loss of every epoch.
    features : mapping of str to Tensor, shape (n_rows, n_features)
        Of all rows, also of those that were not fitted on, by view: projected and aligned, what the scalers
        take.
    specs : mapping of str to FitSpec
        How the codes were fitted, by view.
    memory_gb : float
        See `eegdae.training.Hardware`.
    """

    projections: Mapping[str, TangentSpace]
    scalers: Mapping[str, Scaler]
    stacks: Mapping[str, ViewStacks]
    history: list[dict[str, Any]]
    features: Mapping[str, Tensor]
    specs: Mapping[str, FitSpec]
    memory_gb: float = 4.0

    def inputs(self, data: Data, rows: NDArray[np.int64], views: Sequence[View]) -> dict[str, Tensor]:
        """What the stacks take of some rows, by view: scaled, shape (n_rows, n_features)."""
        return {
            view.name: _scaled(
                self.features[view.name],
                torch.from_numpy(rows),
                self.scalers[view.name],
                data.observed_of(view, rows),
                self.memory_gb,
            )
            for view in views
        }


def fit_models(
    data: Data,
    rows: NDArray[np.int64],
    recipe: Recipe,
    *,
    fold: int,
    compare: bool = True,
    checkpoints: CheckpointStore | None = None,
) -> Fitted:
    """Fit projections, scalers and stacks on some rows.

    Parameters
    ----------
    data : Data
        All rows.
    rows : ndarray of int
        Those to fit on; no other row is looked at, but by an alignment, which takes all rows of a subject (or
        of a session).
    recipe : Recipe
        How.
    fold : int
        What the random draws depend on.
    compare : bool
        Also fit the level-0, the untrained and, where it is asked for, the contractive network.
    checkpoints : CheckpointStore or None
        Where interrupted fits are kept.

    Returns
    -------
    Fitted
        By model and view.
    """
    prepared = _Prepared.of(data, rows, recipe)
    specs = prepared.specs(data, recipe, fold=fold, compare=compare)
    results = fit_many(specs, checkpoints=checkpoints)
    stacks, history = _by_model(results)
    if recipe.joint_layer:
        joint = fit_many(joint_specs(stacks, specs, width=recipe.joint_layer), checkpoints=checkpoints)
        stacks, history = fused(stacks, joint), [*history, *(row for one in joint for row in one.history)]
    return prepared.fitted(recipe, stacks, specs, history, compare=compare)


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows, and the recipes whose models are fitted on them.

    Parameters
    ----------
    data : Data
        All rows.
    rows : ndarray of int
        Those to fit on.
    fold : int
        What the random draws depend on.
    recipes : mapping of int to Recipe
        By number; with the same views, scaler and alignment.
    """

    data: Data
    rows: NDArray[np.int64]
    fold: int
    recipes: Mapping[int, Recipe]


def fit_models_together(
    parts: Sequence[Part],
    *,
    compare: bool = True,
    about: Callable[[int], AbstractContextManager[object]] = nullcontext,
) -> list[dict[int, Fitted | EegdaeError]]:
    """Fit the models of many recipes on the rows of one or more folds, those of one shape together.

    Parameters
    ----------
    parts : sequence of Part
        Whose rows are as many are of one shape.
    compare : bool
        As for `fit_models`.
    about : callable
        ``about(k)`` is entered while something is said about recipe k.

    Returns
    -------
    list of dict of int to Fitted or EegdaeError
        Of each part what was found by each recipe; those that cannot be fitted do not stop the others.
    """
    prepared = [_Prepared.of(part.data, part.rows, next(iter(part.recipes.values()))) for part in parts]
    found: list[dict[int, Fitted | EegdaeError]] = [{} for _ in parts]
    asked: dict[_Place, list[FitSpec]] = {}
    for at, part in enumerate(parts):
        for number, recipe in part.recipes.items():
            with about(number):
                try:
                    asked[at, number] = prepared[at].specs(part.data, recipe, fold=part.fold, compare=compare)
                except EegdaeError as error:
                    found[at][number] = error
    stacks = {}
    for (at, number), one in _together(asked, found).items():
        stacks[at, number], history = _by_model(one)
        found[at][number] = prepared[at].fitted(
            parts[at].recipes[number], stacks[at, number], asked[at, number], history, compare=compare
        )
    wanted = {
        (at, number): joint_specs(own, asked[at, number], width=width)
        for (at, number), own in stacks.items()
        if (width := parts[at].recipes[number].joint_layer)
    }
    for (at, number), joint in _together(wanted, found).items():
        before = found[at][number]
        assert isinstance(before, Fitted)
        history = [*before.history, *(row for one in joint for row in one.history)]
        with_joint = fused(stacks[at, number], joint)
        found[at][number] = prepared[at].fitted(
            parts[at].recipes[number], with_joint, asked[at, number], history, compare=compare
        )
    return found


_Place = tuple[int, int]
"""Number of a part, and of a recipe."""


def _together(
    asked: Mapping[_Place, Sequence[FitSpec]], found: Sequence[dict[int, Fitted | EegdaeError]]
) -> dict[_Place, list[FitResult]]:
    """Fit the specs of several recipes; the error of a recipe goes to what was found by it."""
    places = [place for place, specs in asked.items() for _ in specs]
    results: dict[_Place, list[FitResult]] = {place: [] for place in asked}
    whole = fit_together([spec for specs in asked.values() for spec in specs]) if places else []
    for (at, number), result in zip(places, whole, strict=True):
        if isinstance(result, FitResult):
            results[at, number].append(result)
        elif not isinstance(found[at].get(number), EegdaeError):
            found[at][number] = result
    return {
        (at, number): one
        for (at, number), one in results.items()
        if not isinstance(found[at].get(number), EegdaeError)
    }


def _by_model(results: Sequence[FitResult]) -> tuple[dict[str, ViewStacks], list[dict[str, Any]]]:
    by_model: dict[str, dict[str, StackedAutoencoder]] = {}
    for result in results:
        by_model.setdefault(result.spec.name, {})[result.spec.view] = result.model
    stacks = {model: ViewStacks(views) for model, views in by_model.items()}
    return stacks, [row for result in results for row in result.history]


@dataclass(frozen=True, eq=False)
class _Prepared:
    """What is the same for all recipes of some rows: projections, scalers, scaled rows."""

    projections: Mapping[str, TangentSpace]
    scalers: Mapping[str, Scaler]
    features: Mapping[str, Tensor]
    scaled: Mapping[str, Tensor]
    observed: Mapping[str, Tensor | None]
    layouts: Mapping[str, Layout]
    rows: NDArray[np.int64]
    at: Tensor
    groups: Mapping[str, NDArray[Any]]
    once: Once

    @classmethod
    def of(cls, data: Data, rows: NDArray[np.int64], recipe: Recipe) -> _Prepared:
        at, memory_gb = torch.from_numpy(rows), recipe.schedule.hardware.memory_gb
        features, projections, scalers, scaled, layouts = {}, {}, {}, {}, {}
        observed = {view.name: data.observed_of(view, rows) for view in recipe.views}
        for view in recipe.views:
            name, seen = view.name, observed[view.name]
            projection = None
            if view.is_tangent:
                projection = view.fit_projection(data.features[name][at], data.n_chans)
            if projection:
                projections[name] = projection
            features[name] = _aligned(data, view, view.project(data.features[name], projection), recipe)
            x = _scaled(features[name], at, None, None, memory_gb)
            scalers[name] = Scaler.fit(x, recipe.scaler, n_groups=view.n_groups(data.n_chans), observed=seen)
            layouts[name] = view.layout(
                x, n_chans=data.n_chans, sfreq=data.sfreq, image_shape=data.image_shape
            )
            scaled[name] = _scaled(features[name], at, scalers[name], seen, memory_gb)
        groups = {by: labels[rows] for by, labels in data.groups.items()}
        return cls(projections, scalers, features, scaled, observed, layouts, rows, at, groups, Once())

    def specs(self, data: Data, recipe: Recipe, *, fold: int, compare: bool) -> list[FitSpec]:
        """Ask for the models of a recipe, each view of each model."""
        objective = recipe.objective.for_channels(data.ch_names)
        recordings = None
        if objective.locality or recipe.corruption.needs_neighbours:
            recordings = self.once(lambda: data.recordings(self.rows), "recordings")
        stopping, specs = recipe.schedule.early_stopping, []
        for view in recipe.views:
            layout = self.layouts[view.name]
            spec = FitSpec(
                x=self.scaled[view.name],
                rows=self.at,
                hidden=view.hidden or recipe.hidden,
                corruption=recipe.corruption.for_layout(layout),
                level=recipe.level,
                schedule=recipe.schedule,
                seed=recipe.seed,
                fold=fold,
                view=view.name,
                observed=self.observed[view.name],
                network=recipe.network,
                layout=layout,
                objective=objective,
                level_schedule=recipe.level_schedule,
                recordings=recordings,
                groups=self.groups[stopping.by] if stopping else None,
            )
            specs.append(spec)
            if compare:
                if recipe.level != 0:
                    specs.append(replace(spec, level=0.0, name="autoencoder"))
                untrained = replace(recipe.schedule, pretrain="none")
                specs.append(replace(spec, schedule=untrained, name="random_encoder"))
                if (weight := recipe.baselines.get("cae")) is not None:
                    contractive = replace(objective, contractive=weight)
                    specs.append(replace(spec, level=0.0, objective=contractive, name="cae"))
        if fold == 0:
            log_networks([spec for spec in specs if spec.name == "codes"], recipe.joint_layer)
        return specs

    def fitted(
        self,
        recipe: Recipe,
        stacks: dict[str, ViewStacks],
        specs: Sequence[FitSpec],
        history: list[dict[str, Any]],
        *,
        compare: bool,
    ) -> Fitted:
        """Put together what was fitted by a recipe."""
        if compare and recipe.level == 0:
            stacks = {**stacks, "autoencoder": stacks["codes"]}
        of_codes = {spec.view: spec for spec in specs if spec.name == "codes"}
        memory_gb = recipe.schedule.hardware.memory_gb
        return Fitted(self.projections, self.scalers, stacks, history, self.features, of_codes, memory_gb)


def _scaled(
    x: Tensor, at: Tensor, scaler: Scaler | None, observed: Tensor | None, memory_gb: float
) -> Tensor:
    """Take some rows and scale them (None: as they are), block by block."""

    def rows(block: slice) -> Tensor:
        taken = x[at[block]]
        return scaler.transform(taken, None if observed is None else observed[block]) if scaler else taken

    return by_blocks(rows, len(at), row_bytes=4 * x.shape[1], memory_gb=memory_gb)


def corruption_of(data: Data, rows: NDArray[np.int64], recipe: Recipe) -> Corruption:
    """Tell the corruption which of the training rows follow one another, where it asks."""
    if not recipe.corruption.needs_neighbours:
        return recipe.corruption
    return recipe.corruption.for_rows(torch.from_numpy(rows), data.recordings(rows))


def _aligned(data: Data, view: View, x: Tensor, recipe: Recipe) -> Tensor:
    """Align a view's features, all rows: each subject or session has its own windows, wherever they are."""
    how = recipe.alignment
    if how.kind == "none" or how.is_of_signals:
        return x
    groups, observed = data.groups[how.by], data.observed_of(view)
    alignment = Alignment.fit(
        x,
        groups,
        how.kind,
        n_windows=how.n_windows,
        n_groups=view.n_groups(data.n_chans),
        observed=observed,
    )
    return alignment.transform(x, groups, observed)
