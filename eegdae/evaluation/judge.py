"""One fold: fit everything on its training rows, judge every representation on its test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.alignment import Alignment
from eegdae.coder import head_proba
from eegdae.corruption import Corruption
from eegdae.evaluation.committee import Committee, committee_people, fit_committee
from eegdae.evaluation.heads import LogisticHead, choose_C, softmax
from eegdae.evaluation.networks import fit_joint_layers, log_networks
from eegdae.evaluation.recipe import Data, FinetuneSpec, HeadSpec, Recipe
from eegdae.evaluation.reconstruction import Reconstruction, compare_reconstructions
from eegdae.evaluation.representations import encode, represent
from eegdae.evaluation.splits import Fold, inner_folds
from eegdae.features import View
from eegdae.models import CodeClassifier, PassThrough, StackedAutoencoder, ViewStacks
from eegdae.scaling import Scaler
from eegdae.tangent_space import TangentSpace
from eegdae.training import (
    AdaptationSpec,
    CheckpointStore,
    ClassifierSpec,
    FitSpec,
    Noise,
    adapted_codes,
    fit_classifier,
    fit_many,
)
from eegdae.training.scratch import by_blocks

__all__ = [
    "Data",
    "FinetuneSpec",
    "Fitted",
    "HeadSpec",
    "Recipe",
    "Verdict",
    "encode",
    "fit_head",
    "fit_models",
    "judge_fold",
    "reconstruct",
]


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


@dataclass(frozen=True, eq=False)
class Verdict:
    """What one fold found on its test rows.

    Codes, class probabilities by representation, the penalty ``C`` of each logistic head, reconstructions by
    view, the loss of every epoch, what was projected on, by view, and who is in the committee.
    """

    codes: NDArray[np.float32]
    proba: dict[str, NDArray[np.float64]]
    penalties: dict[str, float]
    reconstructions: dict[str, Reconstruction]
    history: list[dict[str, Any]]
    projections: Mapping[str, TangentSpace]
    committee: Committee | None = None


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
        layout = view.layout(x, n_chans=data.n_chans, sfreq=data.sfreq)
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


def fit_head(
    x: NDArray[Any],
    data: Data,
    rows: NDArray[np.int64],
    recipe: Recipe,
    *,
    fold: int,
    name: str,
    checkpoints: CheckpointStore | None = None,
) -> tuple[LogisticHead | CodeClassifier, list[dict[str, Any]]]:
    """Fit the recipe's head on one representation of labelled rows.

    Where the penalty is chosen, the encoder has seen the inner held-out rows, without their labels: the
    choice may flatter codes, the verdict on the test rows does not.

    Parameters
    ----------
    x : ndarray, shape (n_rows, n_inputs)
        The representation of ``rows``.
    data, rows, recipe, fold, checkpoints
        As for `fit_models`.
    name : str
        Of the representation.

    Returns
    -------
    head : LogisticHead or CodeClassifier
        Fitted.
    history : list of dict
        Loss of every epoch; empty for the logistic head.
    """
    y, spec = data.target[rows], recipe.head
    if spec.kind == "logistic":
        options = {"n_classes": data.n_classes, "max_iter": spec.max_iter}
        if len(spec.C) == 1:
            return LogisticHead.fit(x, y, C=spec.C[0], **options), []
        C = choose_C(x, y, inner_folds(data.groups, rows), candidates=spec.C, **options)
        return LogisticHead.fit(x, y, C=C, **options), []
    fit = ClassifierSpec(
        views={"x": torch.as_tensor(x, dtype=torch.float32)},
        target=torch.from_numpy(y),
        rows=torch.from_numpy(rows),
        encoders={"x": PassThrough(x.shape[1])},
        n_outputs=data.n_classes,
        train_encoder=False,
        width=spec.width,
        dropout=spec.dropout,
        epochs=spec.epochs,
        batch_size=spec.batch_size,
        optimizer=spec.optimizer,
        checkpoint_seconds=recipe.schedule.checkpoint_seconds,
        hardware=recipe.schedule.hardware,
        seed=recipe.seed,
        fold=fold,
        name=f"head.{name}",
    )
    return fit_classifier(fit, checkpoints=checkpoints)


def judge_fold(
    data: Data, fold: Fold, number: int, recipe: Recipe, *, checkpoints: CheckpointStore | None = None
) -> Verdict:
    """Fit on the training rows of a fold and tell the classes of its test rows, by every representation.

    Parameters
    ----------
    data : Data
        All rows.
    fold : Fold
        Which to train on, which to test.
    number : int
        Of the fold.
    recipe : Recipe
        How.
    checkpoints : CheckpointStore or None
        Where interrupted fits are kept.

    Returns
    -------
    Verdict
        Of the test rows, in their order. ``adapted``, where asked for, has the classifier of the plain codes.
    """
    # what cannot be a committee is told before hours of training, not after them
    people = committee_people(data, fold.train, fold=number) if recipe.committee else {}
    fitted = fit_models(data, fold.train, recipe, fold=number, checkpoints=checkpoints)
    train, test = (fitted.inputs(data, side, recipe.views) for side in (fold.train, fold.test))
    represented = represent(data, fold, train, test, fitted.stacks, recipe)

    labelled = data.target[fold.train] >= 0
    rows, history, proba, penalties = fold.train[labelled], list(fitted.history), {}, {}
    for name, (x_train, x_test) in represented.items():
        head, losses = fit_head(
            x_train[labelled], data, rows, recipe, fold=number, name=name, checkpoints=checkpoints
        )
        proba[name] = head_proba(head, x_test)
        if isinstance(head, LogisticHead):
            penalties[name] = head.C
        history += losses
        if name == "codes" and recipe.adaptation:
            # the classifier of the plain codes: nothing in a new session tells what it should be
            proba["adapted"] = head_proba(head, _adapted(data, fold, fitted, recipe, number))
    if recipe.finetune:
        for name, start in (("finetuned", "codes"), ("supervised", "random_encoder")):
            # rows without a label teach nothing but reconstruction
            used = fold.train if recipe.finetune.reconstruction else rows
            views = train if recipe.finetune.reconstruction else _rows(train, labelled)
            spec = _finetune_spec(data, views, used, fitted.stacks[start], recipe, number, name)
            model, losses = fit_classifier(spec, checkpoints=checkpoints)
            with torch.inference_mode():
                proba[name] = softmax(model(test).double().numpy())
            history += losses
    committee = None
    if recipe.committee:
        committee = fit_committee(
            data, fold.train, people, fitted.specs, test, recipe.committee, checkpoints=checkpoints
        )
        proba["committee"] = committee.proba
        history += committee.history
    proba["chance"] = np.full((len(fold.test), data.n_classes), 1.0 / data.n_classes)
    reconstructions = reconstruct(data, fold.train, fold.test, fitted, recipe, fold=number)
    codes = represented["codes"][1]
    return Verdict(codes, proba, penalties, reconstructions, history, fitted.projections, committee)


def reconstruct(
    data: Data,
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    fitted: Fitted,
    recipe: Recipe,
    *,
    fold: int,
) -> dict[str, Reconstruction]:
    """Corrupt and bring back some rows, view by view, with what was fitted on the training rows.

    Parameters
    ----------
    data, recipe, fold
        As for `fit_models`.
    train, test : ndarray of int
        Rows that the models were fitted on, and rows to bring back.
    fitted : Fitted
        The models.

    Returns
    -------
    dict of str to Reconstruction
        By view.
    """
    corruption = _corruption(data, train, recipe)
    scaled = [fitted.inputs(data, rows, recipe.views) for rows in (train, test)]
    return {
        view.name: compare_reconstructions(
            scaled[0][view.name],
            scaled[1][view.name],
            rows=test,
            stacks={m: fitted.stacks[m][view.name] for m in ("codes", "autoencoder") if m in fitted.stacks},
            corruption=corruption,
            level=recipe.level,
            key=(recipe.seed, fold, view.name),
            observed_train=data.observed_of(view, train),
            observed=data.observed_of(view, test),
            layout=view.layout(scaled[0][view.name], n_chans=data.n_chans, sfreq=data.sfreq),
        )
        for view in recipe.views
    }


def _scaled(
    x: Tensor, at: Tensor, scaler: Scaler | None, observed: Tensor | None, memory_gb: float
) -> Tensor:
    """Take some rows and scale them (None: as they are), block by block."""

    def rows(block: slice) -> Tensor:
        taken = x[at[block]]
        return scaler.transform(taken, None if observed is None else observed[block]) if scaler else taken

    return by_blocks(rows, len(at), row_bytes=4 * x.shape[1], memory_gb=memory_gb)


def _corruption(data: Data, rows: NDArray[np.int64], recipe: Recipe) -> Corruption:
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


def _rows(views: Mapping[str, Tensor], which: NDArray[np.bool_]) -> dict[str, Tensor]:
    return {view: x[torch.from_numpy(which)] for view, x in views.items()}


def _adapted(data: Data, fold: Fold, fitted: Fitted, recipe: Recipe, number: int) -> NDArray[np.float32]:
    """Codes of the test rows while the first layers go on learning in each test session."""
    train, test = (fitted.inputs(data, side, recipe.views) for side in (fold.train, fold.test))
    corruption = _corruption(data, fold.train, recipe)
    corruptions = {}
    for view in recipe.views:
        x = train[view.name]
        layout = view.layout(x, n_chans=data.n_chans, sfreq=data.sfreq)
        corruptions[view.name] = corruption.for_layout(layout).fitted(
            x, data.observed_of(view, fold.train), layout=layout
        )
    observed = {view.name: data.observed_of(view, fold.test) for view in recipe.views}
    return adapted_codes(
        fitted.stacks["codes"],
        test,
        data.groups["session"][fold.test],
        recipe.adaptation or AdaptationSpec(lr=0.0),
        Noise(
            corruptions,
            recipe.level_schedule.at(recipe.level, 1.0),
            recipe.objective,
            (recipe.seed, number),
        ),
        rows=torch.from_numpy(fold.test),
        observed={view: mask for view, mask in observed.items() if mask is not None},
    )


def _finetune_spec(
    data: Data,
    views: Mapping[str, Tensor],
    rows: NDArray[np.int64],
    stacks: ViewStacks,
    recipe: Recipe,
    fold: int,
    name: str,
) -> ClassifierSpec:
    how = recipe.finetune or FinetuneSpec()
    observed = {view.name: data.observed_of(view, rows) for view in recipe.views if how.reconstruction}
    return ClassifierSpec(
        views=views,
        target=torch.from_numpy(data.target[rows]),
        rows=torch.from_numpy(rows),
        encoders=stacks,
        n_outputs=data.n_classes,
        corruption=_corruption(data, rows, recipe),
        level=how.level,
        layouts={
            view.name: view.layout(views[view.name], n_chans=data.n_chans, sfreq=data.sfreq)
            for view in recipe.views
        },
        objective=recipe.objective,
        reconstruction=how.reconstruction,
        observed={view: mask for view, mask in observed.items() if mask is not None},
        width=how.width,
        dropout=how.dropout,
        epochs=how.epochs,
        batch_size=how.batch_size,
        optimizer=how.optimizer,
        checkpoint_seconds=recipe.schedule.checkpoint_seconds,
        hardware=recipe.schedule.hardware,
        seed=recipe.seed,
        fold=fold,
        name=name,
    )
