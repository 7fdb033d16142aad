"""One fold: judge every representation on its test rows by heads fitted on its training rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
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
from eegdae.evaluation.fit_head import fit_head
from eegdae.evaluation.fitting import Fitted, Part, corruption_of, fit_models, fit_models_together
from eegdae.evaluation.heads import LogisticHead, softmax
from eegdae.evaluation.once import Once
from eegdae.evaluation.recipe import Data, FinetuneSpec, Recipe
from eegdae.evaluation.reconstruction import Reconstruction, compare_reconstructions
from eegdae.evaluation.representations import encode, represent
from eegdae.evaluation.splits import Fold
from eegdae.models import CodeClassifier, ViewStacks
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
    people = _people(data, fold, recipe, number)
    data, ocular = cleaned(data, fold.train, recipe, fold=number)
    fitted = fit_models(data, fold.train, recipe, fold=number, checkpoints=checkpoints)
    return _verdict(data, fold, number, recipe, fitted, people, ocular, Once(), checkpoints)


def judge_folds_together(
    data: Data,
    asked: Sequence[tuple[int, Fold, Sequence[int]]],
    recipes: Sequence[Recipe],
    *,
    checkpoints: Sequence[CheckpointStore],
    about: Callable[[int], AbstractContextManager[object]] = nullcontext,
) -> Iterator[tuple[int, int, Verdict | EegdaeError]]:
    """Judge many recipes on some folds: models are fitted together, what they have in common is done once.

    Parameters
    ----------
    data : Data
        As for `judge_fold`.
    asked : sequence of (int, Fold, sequence of int)
        Number of a fold, the fold, and which recipes are to be judged on it.
    recipes : sequence of Recipe
        With the same views, scaler, alignment and correction of ocular artefacts.
    checkpoints : sequence of CheckpointStore
        Of each recipe: where what is fitted alone (heads that are networks, fine-tuning, committees) is kept.
    about : callable
        ``about(k)`` is entered while something is said about recipe k.

    Yields
    ------
    int, int, Verdict or EegdaeError
        Number of the fold, which recipe, and what came of it: in the order asked.
    """
    people: dict[tuple[int, int], Mapping[str, NDArray[np.int64]] | EegdaeError] = {}
    parts, filters = [], []
    for number, fold, which in asked:
        for k in which:
            with about(k):
                try:
                    people[number, k] = _people(data, fold, recipes[k], number)
                except EegdaeError as error:
                    people[number, k] = error
        clean, ocular = cleaned(data, fold.train, recipes[which[0]], fold=number)
        parts.append(Part(clean, fold.train, number, {k: recipes[k] for k in which}))
        filters.append(ocular)
    for (number, fold, which), part, ocular, fitted in zip(
        asked, parts, filters, fit_models_together(parts, about=about), strict=True
    ):
        once = Once()
        for k in which:
            models, told = fitted.pop(k), people[number, k]
            if isinstance(told, EegdaeError) or isinstance(models, EegdaeError):
                yield number, k, told if isinstance(told, EegdaeError) else models  # type: ignore[misc]
                continue
            with about(k):
                try:
                    verdict = _verdict(
                        part.data, fold, number, recipes[k], models, told, ocular, once, checkpoints[k]
                    )
                except EegdaeError as error:
                    yield number, k, error
                    continue
            yield number, k, verdict


def _people(data: Data, fold: Fold, recipe: Recipe, number: int) -> Mapping[str, NDArray[np.int64]]:
    """Rows of the people of a committee; what cannot be one is told before hours of training, not after."""
    return committee_people(data, fold.train, fold=number) if recipe.committee and data.n_classes else {}


def _verdict(
    data: Data,
    fold: Fold,
    number: int,
    recipe: Recipe,
    fitted: Fitted,
    people: Mapping[str, NDArray[np.int64]],
    ocular: OcularFilter | None,
    once: Once,
    checkpoints: CheckpointStore | None,
) -> Verdict:
    """Judge what was fitted on the training rows of a fold."""
    if not data.n_classes:
        codes = encode(fitted.stacks["codes"], fitted.inputs(data, fold.test, recipe.views))
        brought_back = reconstruct(data, fold.train, fold.test, fitted, recipe, fold=number, once=once)
        return Verdict(
            codes, {}, {}, {}, brought_back, list(fitted.history), fitted.projections, ocular=ocular
        )
    train, test = (_inputs(data, side, fitted, recipe, once) for side in (fold.train, fold.test))
    represented = represent(data, fold, train, test, fitted.stacks, recipe, once)

    labelled = data.target[fold.train] >= 0
    rows, history, proba, penalties = fold.train[labelled], list(fitted.history), {}, {}
    validation: dict[str, float | None] = {}
    for name, (x_train, x_test) in represented.items():
        judged = partial(
            _judged,
            *(x_train, x_test, labelled, data, rows, recipe),
            fold=number,
            name=name,
            checkpoints=checkpoints,
        )
        if recipe.head.kind == "logistic":
            # of the same rows the same head, whichever model has them
            head, losses, figures, proba[name] = once(
                judged, "head", repr(recipe.head), name == "codes", of=(x_train,)
            )
        else:
            head, losses, figures, proba[name] = judged()
        if name == "codes":
            validation = figures
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
    reconstructions = reconstruct(data, fold.train, fold.test, fitted, recipe, fold=number, once=once)
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
    once: Once | None = None,
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
    once : Once or None
        What other recipes have made of the same rows.

    Returns
    -------
    dict of str to Reconstruction
        By view.
    """
    corruption = corruption_of(data, train, recipe)
    once = once or Once()
    scaled = [_inputs(data, rows, fitted, recipe, once) for rows in (train, test)]
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
            once=once,
        )
        for view in recipe.views
    }


def _inputs(
    data: Data, rows: NDArray[np.int64], fitted: Fitted, recipe: Recipe, once: Once
) -> dict[str, Tensor]:
    """What the stacks take of some rows, by view: the same tensors for all recipes of a fold."""
    return once(lambda: fitted.inputs(data, rows, recipe.views), "inputs", of=(rows, fitted.features))


def _judged(
    x_train: NDArray[Any],
    x_test: NDArray[Any],
    labelled: NDArray[np.bool_],
    data: Data,
    rows: NDArray[np.int64],
    recipe: Recipe,
    *,
    fold: int,
    name: str,
    checkpoints: CheckpointStore | None,
) -> tuple[LogisticHead | CodeClassifier, list[dict[str, Any]], dict[str, float | None], NDArray[np.float64]]:
    """Fit the head of a representation and tell the classes of the test rows by it."""
    head, losses, validation = fit_head(
        x_train[labelled],
        data,
        rows,
        recipe,
        fold=fold,
        name=name,
        validate=name == "codes",
        checkpoints=checkpoints,
    )
    return head, losses, validation, head_proba(head, x_test)


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
