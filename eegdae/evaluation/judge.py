"""One fold: judge every representation on its test rows by heads fitted on its training rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.coder import head_proba
from eegdae.errors import EegdaeError
from eegdae.evaluation.adaptation import adapt_fold
from eegdae.evaluation.cleaning import cleaned
from eegdae.evaluation.committee import Committee, committee_people, fit_committee
from eegdae.evaluation.fitting import Fitted, corruption_of, fit_models
from eegdae.evaluation.heads import LogisticHead, softmax, validate_head
from eegdae.evaluation.metrics import METRICS
from eegdae.evaluation.recipe import Data, FinetuneSpec, Recipe
from eegdae.evaluation.reconstruction import Reconstruction, compare_reconstructions
from eegdae.evaluation.representations import encode, represent
from eegdae.evaluation.splits import Fold, inner_folds
from eegdae.models import CodeClassifier, PassThrough, ViewStacks
from eegdae.ocular import OcularFilter
from eegdae.tangent_space import TangentSpace
from eegdae.training import (
    CheckpointStore,
    ClassifierSpec,
    fit_classifier,
)


@dataclass(frozen=True, eq=False)
class Verdict:
    """What one fold found on its test rows.

    Codes, class probabilities by representation, the penalty ``C`` of each logistic head, the figures of the
    codes' head on inner folds of the training rows, reconstructions by view, the loss of every epoch, what
    was projected on, by view, who is in the committee, and what the signals were corrected by.
    """

    codes: NDArray[np.float32]
    proba: dict[str, NDArray[np.float64]]
    penalties: dict[str, float]
    validation: dict[str, float | None]
    reconstructions: dict[str, Reconstruction]
    history: list[dict[str, Any]]
    projections: Mapping[str, TangentSpace]
    committee: Committee | None = None
    ocular: OcularFilter | None = None


def fit_head(
    x: NDArray[Any],
    data: Data,
    rows: NDArray[np.int64],
    recipe: Recipe,
    *,
    fold: int,
    name: str,
    validate: bool = False,
    checkpoints: CheckpointStore | None = None,
) -> tuple[LogisticHead | CodeClassifier, list[dict[str, Any]], dict[str, float | None]]:
    """Fit the recipe's head on one representation of labelled rows.

    Where the penalty is chosen, and in the validation, the encoder has seen the inner held-out rows, without
    their labels: the choice may flatter codes, the verdict on the test rows does not.

    Parameters
    ----------
    x : ndarray, shape (n_rows, n_inputs)
        The representation of ``rows``.
    data, rows, recipe, fold, checkpoints
        As for `fit_models`.
    name : str
        Of the representation.
    validate : bool
        Also judge the head on inner folds of ``rows``.

    Returns
    -------
    head : LogisticHead or CodeClassifier
        Fitted.
    history : list of dict
        Loss of every epoch; empty for the logistic head.
    validation : dict of str to float or None
        By metric: what heads like it reach on inner folds of ``rows``; None where that is neither asked for
        nor needed, of the network head, and where no inner fold can be judged.
    """
    y, spec, nothing = data.target[rows], recipe.head, dict.fromkeys(METRICS)
    if spec.kind == "logistic":
        options = {"n_classes": data.n_classes, "max_iter": spec.max_iter}
        if len(spec.C) == 1 and not (validate and _has_inner_folds(data, rows, y)):
            return LogisticHead.fit(x, y, C=spec.C[0], **options), [], {**nothing}
        found = validate_head(x, y, inner_folds(data.groups, rows), candidates=spec.C, **options)
        return found.head, [], {**found.figures}
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
    return *fit_classifier(fit, checkpoints=checkpoints), {**nothing}


def _has_inner_folds(data: Data, rows: NDArray[np.int64], y: NDArray[np.int64]) -> bool:
    """Whether there are inner folds that can be judged."""
    if not data.groups:
        return False
    try:
        inner = inner_folds(data.groups, rows)
    except EegdaeError:
        return False
    return any(
        len(np.unique(y[inner != k])) == data.n_classes and len(np.unique(y[inner == k])) > 1
        for k in np.unique(inner)
    )


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
        Of the test rows, in their order; without class probabilities where there are no classes.
        ``adapted``, where asked for, has the classifier of the plain codes.
    """
    # what cannot be a committee is told before hours of training, not after them
    people = committee_people(data, fold.train, fold=number) if recipe.committee and data.n_classes else {}
    data, ocular = cleaned(data, fold.train, recipe, fold=number)
    fitted = fit_models(data, fold.train, recipe, fold=number, checkpoints=checkpoints)
    if not data.n_classes:
        codes = encode(fitted.stacks["codes"], fitted.inputs(data, fold.test, recipe.views))
        brought_back = reconstruct(data, fold.train, fold.test, fitted, recipe, fold=number)
        return Verdict(
            codes, {}, {}, {}, brought_back, list(fitted.history), fitted.projections, ocular=ocular
        )
    train, test = (fitted.inputs(data, side, recipe.views) for side in (fold.train, fold.test))
    represented = represent(data, fold, train, test, fitted.stacks, recipe)

    labelled = data.target[fold.train] >= 0
    rows, history, proba, penalties = fold.train[labelled], list(fitted.history), {}, {}
    validation: dict[str, float | None] = {}
    for name, (x_train, x_test) in represented.items():
        head, losses, figures = fit_head(
            x_train[labelled],
            data,
            rows,
            recipe,
            fold=number,
            name=name,
            validate=name == "codes",
            checkpoints=checkpoints,
        )
        if name == "codes":
            validation = figures
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
    return Verdict(
        codes, proba, penalties, validation, reconstructions, history, fitted.projections, committee, ocular
    )


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
    corruption = corruption_of(data, train, recipe)
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
            layout=view.layout(
                scaled[0][view.name], n_chans=data.n_chans, sfreq=data.sfreq, image_shape=data.image_shape
            ),
        )
        for view in recipe.views
    }


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
        corruption=corruption_of(data, rows, recipe),
        level=how.level,
        layouts={
            view.name: view.layout(
                views[view.name], n_chans=data.n_chans, sfreq=data.sfreq, image_shape=data.image_shape
            )
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
