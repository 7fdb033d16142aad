"""The recipe's head on one representation, and what inner folds of the training rows say of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from eegdae.errors import EegdaeError
from eegdae.evaluation.heads import LogisticHead, validate_head
from eegdae.evaluation.metrics import METRICS
from eegdae.evaluation.recipe import Data, Recipe
from eegdae.evaluation.splits import inner_folds
from eegdae.models import CodeClassifier, PassThrough
from eegdae.training import CheckpointStore, ClassifierSpec, fit_classifier


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
