"""Fitting on the rows of a fold: projections, scalers, the stacks and those they are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.alignment import Alignment
from eegdae.corruption import Corruption
from eegdae.evaluation.networks import fit_joint_layers, log_networks
from eegdae.evaluation.recipe import Data, Recipe
from eegdae.features import View
from eegdae.models import StackedAutoencoder, ViewStacks
from eegdae.scaling import Scaler
from eegdae.tangent_space import TangentSpace
from eegdae.training import (
    CheckpointStore,
    FitSpec,
    fit_many,
)
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
    at = torch.from_numpy(rows)
    objective = recipe.objective.for_channels(data.ch_names)
    recordings = data.recordings(rows) if objective.locality or recipe.corruption.needs_neighbours else None
    stopping, memory_gb = recipe.schedule.early_stopping, recipe.schedule.hardware.memory_gb
    features, projections, scalers, specs = {}, {}, {}, []
    for view in recipe.views:
        groups = view.n_groups(data.n_chans)
        projection = None
        if view.is_tangent:
            projection = view.fit_projection(data.features[view.name][at], data.n_chans)
        if projection:
            projections[view.name] = projection
        features[view.name] = _aligned(data, view, view.project(data.features[view.name], projection), recipe)
        x = _scaled(features[view.name], at, None, None, memory_gb)
        observed = data.observed_of(view, rows)
        scalers[view.name] = Scaler.fit(x, recipe.scaler, n_groups=groups, observed=observed)
        layout = view.layout(x, n_chans=data.n_chans, sfreq=data.sfreq, image_shape=data.image_shape)
        spec = FitSpec(
            x=_scaled(features[view.name], at, scalers[view.name], observed, memory_gb),
            rows=at,
            hidden=view.hidden or recipe.hidden,
            corruption=recipe.corruption.for_layout(layout),
            level=recipe.level,
            schedule=recipe.schedule,
            seed=recipe.seed,
            fold=fold,
            view=view.name,
            observed=observed,
            network=recipe.network,
            layout=layout,
            objective=objective,
            level_schedule=recipe.level_schedule,
            recordings=recordings,
            groups=data.groups[stopping.by][rows] if stopping else None,
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
    by_model: dict[str, dict[str, StackedAutoencoder]] = {}
    results = fit_many(specs, checkpoints=checkpoints)
    for result in results:
        by_model.setdefault(result.spec.name, {})[result.spec.view] = result.model
    stacks = {model: ViewStacks(views) for model, views in by_model.items()}
    history = [row for result in results for row in result.history]
    if recipe.joint_layer:
        stacks, losses = fit_joint_layers(stacks, specs, width=recipe.joint_layer, checkpoints=checkpoints)
        history += losses
    if compare and recipe.level == 0:
        stacks["autoencoder"] = stacks["codes"]
    of_codes = {spec.view: spec for spec in specs if spec.name == "codes"}
    return Fitted(projections, scalers, stacks, history, features, of_codes, memory_gb)


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
