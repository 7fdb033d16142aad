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
from eegdae.evaluation.adaptation import adapt_fold
from eegdae.evaluation.baselines import deviation, fit_pca, pca_codes
from eegdae.evaluation.heads import LogisticHead, choose_C, softmax
from eegdae.evaluation.recipe import Data, FinetuneSpec, HeadSpec, Recipe
from eegdae.evaluation.reconstruction import Reconstruction, compare_reconstructions
from eegdae.evaluation.splits import Fold, inner_folds
from eegdae.features import View
from eegdae.models import CodeClassifier, PassThrough, StackedAutoencoder, ViewStacks
from eegdae.scaling import Scaler
from eegdae.tangent_space import TangentSpace
from eegdae.training import (
    CheckpointStore,
    ClassifierSpec,
    FitSpec,
    fit_classifier,
    fit_many,
)

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
        By model: ``codes``, ``autoencoder``, ``random_encoder``.
    history : list of dict
        The loss of every epoch.
    features : mapping of str to Tensor, shape (n_rows, n_features)
        Of all rows, also of those that were not fitted on, by view: projected and aligned, what the scalers
        take.
    """

    projections: Mapping[str, TangentSpace]
    scalers: Mapping[str, Scaler]
    stacks: Mapping[str, ViewStacks]
    history: list[dict[str, Any]]
    features: Mapping[str, Tensor]

    def inputs(self, data: Data, rows: NDArray[np.int64], views: Sequence[View]) -> dict[str, Tensor]:
        """What the stacks take of some rows, by view: scaled, shape (n_rows, n_features)."""
        at = torch.from_numpy(rows)
        return {
            view.name: self.scalers[view.name].transform(
                self.features[view.name][at], data.observed_of(view, rows)
            )
            for view in views
        }


@dataclass(frozen=True, eq=False)
class Verdict:
    """What one fold found on its test rows.

    Codes, class probabilities by representation, the penalty ``C`` of each logistic head, reconstructions by
    view, the loss of every epoch, and what was projected on, by view.
    """

    codes: NDArray[np.float32]
    proba: dict[str, NDArray[np.float64]]
    penalties: dict[str, float]
    reconstructions: dict[str, Reconstruction]
    history: list[dict[str, Any]]
    projections: Mapping[str, TangentSpace]


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
        Also fit the level-0 and the untrained network.
    checkpoints : CheckpointStore or None
        Where interrupted fits are kept.

    Returns
    -------
    Fitted
        By model and view.
    """
    at = torch.from_numpy(rows)
    features, projections, scalers, specs = {}, {}, {}, []
    for view in recipe.views:
        groups = view.n_groups(data.n_chans)
        projection = view.fit_projection(data.features[view.name][at], data.n_chans)
        if projection:
            projections[view.name] = projection
        features[view.name] = _aligned(data, view, view.project(data.features[view.name], projection), recipe)
        x = features[view.name][at]
        observed = data.observed_of(view, rows)
        scalers[view.name] = Scaler.fit(x, recipe.scaler, n_groups=groups, observed=observed)
        spec = FitSpec(
            x=scalers[view.name].transform(x, observed),
            rows=at,
            hidden=view.hidden or recipe.hidden,
            corruption=recipe.corruption,
            level=recipe.level,
            schedule=recipe.schedule,
            seed=recipe.seed,
            fold=fold,
            view=view.name,
            observed=observed,
            network=recipe.network,
            layout=view.layout(x, n_chans=data.n_chans, sfreq=data.sfreq),
            objective=recipe.objective,
            level_schedule=recipe.level_schedule,
        )
        specs.append(spec)
        if compare:
            if recipe.level != 0:
                specs.append(replace(spec, level=0.0, name="autoencoder"))
            untrained = replace(recipe.schedule, pretrain="none")
            specs.append(replace(spec, schedule=untrained, name="random_encoder"))
    by_model: dict[str, dict[str, StackedAutoencoder]] = {}
    results = fit_many(specs, checkpoints=checkpoints)
    for result in results:
        by_model.setdefault(result.spec.name, {})[result.spec.view] = result.model
    stacks = {model: ViewStacks(views) for model, views in by_model.items()}
    if compare and recipe.level == 0:
        stacks["autoencoder"] = stacks["codes"]
    history = [row for result in results for row in result.history]
    return Fitted(projections, scalers, stacks, history, features)


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
    fitted = fit_models(data, fold.train, recipe, fold=number, checkpoints=checkpoints)
    train, test = (fitted.inputs(data, side, recipe.views) for side in (fold.train, fold.test))
    represented = {
        name: (encode(fitted.stacks[name], train), encode(fitted.stacks[name], test))
        for name in ("codes", "autoencoder", "random_encoder")
    }
    n_codes = {view: stack.n_codes for view, stack in fitted.stacks["codes"].items()}
    wide_train, wide_test = (torch.cat(list(side.values()), 1) for side in (train, test))
    represented["raw"] = wide_train.numpy(), wide_test.numpy()
    represented["pca"] = pca_codes(train, test, n_codes)
    if len(recipe.views) > 1:
        joint = fit_pca(wide_train, sum(n_codes.values()))
        represented["pca_joint"] = joint.transform(wide_train.numpy()), joint.transform(wide_test.numpy())
    if "deviation" in recipe.baselines:
        represented["deviation"] = deviation(wide_train), deviation(wide_test)
    for name, x in data.extra.items():
        represented[name] = x[torch.from_numpy(fold.train)].numpy(), x[torch.from_numpy(fold.test)].numpy()

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
            proba["adapted"] = head_proba(
                head, adapt_fold(data, fold, train, test, fitted.stacks["codes"], recipe, number=number)
            )
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
    proba["chance"] = np.full((len(fold.test), data.n_classes), 1.0 / data.n_classes)
    reconstructions = reconstruct(data, fold.train, fold.test, fitted, recipe, fold=number)
    codes = represented["codes"][1]
    return Verdict(codes, proba, penalties, reconstructions, history, fitted.projections)


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
    scaled = [fitted.inputs(data, rows, recipe.views) for rows in (train, test)]
    return {
        view.name: compare_reconstructions(
            scaled[0][view.name],
            scaled[1][view.name],
            rows=test,
            stacks={m: fitted.stacks[m][view.name] for m in ("codes", "autoencoder") if m in fitted.stacks},
            corruption=recipe.corruption,
            level=recipe.level,
            key=(recipe.seed, fold, view.name),
            observed_train=data.observed_of(view, train),
            observed=data.observed_of(view, test),
            layout=view.layout(scaled[0][view.name], n_chans=data.n_chans, sfreq=data.sfreq),
        )
        for view in recipe.views
    }


def encode(stacks: ViewStacks, scaled: Mapping[str, Tensor]) -> NDArray[np.float32]:
    """Codes of scaled features, views side by side: float32, shape (n_rows, n_codes)."""
    with torch.inference_mode():
        return stacks.encode(scaled).numpy()


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
        corruption=recipe.corruption,
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
        seed=recipe.seed,
        fold=fold,
        name=name,
    )
