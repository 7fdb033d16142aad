"""The head that every representation is judged with, as plain arrays once it is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError
from eegdae.evaluation.logistic import Solutions, solve_logistic
from eegdae.evaluation.metrics import METRICS, balanced_accuracy, roc_auc

_STATE = ("mean", "scale", "coef", "intercept", "C")


@dataclass(frozen=True, eq=False)
class LogisticHead:
    """Logistic regression on standardised inputs, classes weighing equally.

    Parameters
    ----------
    mean, scale : ndarray, shape (n_inputs,)
        Of the training inputs.
    coef : ndarray, shape (n_classes, n_inputs)
        Weights on the standardised inputs.
    intercept : ndarray, shape (n_classes,)
        Offsets.
    C : float
        Inverse strength of the penalty that it was fitted with.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    coef: NDArray[np.float64]
    intercept: NDArray[np.float64]
    C: float

    @classmethod
    def fit(
        cls, x: NDArray[Any], y: NDArray[np.int64], *, n_classes: int, C: float = 1.0, max_iter: int = 100
    ) -> LogisticHead:
        """Fit the head.

        Parameters
        ----------
        x : ndarray, shape (n_rows, n_inputs)
            Training inputs: codes, or a baseline's features.
        y : ndarray of int, shape (n_rows,)
            Class numbers; each of 0 to ``n_classes - 1`` at least once.
        n_classes : int
            Two or more.
        C : float
            Inverse strength of the L2 penalty.
        max_iter : int
            Most Newton iterations.

        Returns
        -------
        LogisticHead
            Fitted.

        Raises
        ------
        EegdaeError
            If a class has no row, or ``C`` or ``max_iter`` is not positive.
        """
        _check(y, n_classes, (C,), max_iter)
        everyone = np.ones((1, len(y)), dtype=bool)
        found = solve_logistic(x, y, everyone, np.array([C]), n_classes=n_classes, max_iter=max_iter)
        return cls.of(found, 0, C)

    @classmethod
    def of(cls, found: Solutions, number: int, C: float) -> LogisticHead:
        """Take one of several solutions."""
        mean, scale, coef, intercept = found.mean, found.scale, found.coef, found.intercept
        return cls(mean[number], scale[number], coef[number], intercept[number], C)

    def predict_proba(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Probability of each class: (n_rows, n_inputs) -> (n_rows, n_classes)."""
        score = (np.asarray(x, np.float64) - self.mean) / self.scale @ self.coef.T + self.intercept
        return softmax(score)

    def state(self) -> dict[str, NDArray[np.float64]]:
        """Its arrays by name, ``C`` of shape (); `from_state` makes the same head of them."""
        return {name: np.asarray(getattr(self, name), np.float64) for name in _STATE}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> LogisticHead:
        """Make a head from `state`."""
        mean, scale, coef, intercept, C = (np.asarray(state[name], np.float64) for name in _STATE)
        return cls(mean, scale, coef, intercept, float(C))


@dataclass(frozen=True, eq=False)
class Validated:
    """What inner folds of the training rows say about penalties.

    Parameters
    ----------
    C : float
        The candidate with the highest mean ROC-AUC; of equals the strongest penalty.
    figures : dict of str to float
        Of that candidate, by metric: mean over the inner folds.
    head : LogisticHead
        Fitted on all training rows with that candidate.
    """

    C: float
    figures: dict[str, float]
    head: LogisticHead


def validate_head(
    x: NDArray[Any],
    y: NDArray[np.int64],
    inner: NDArray[np.int64],
    *,
    candidates: Sequence[float],
    n_classes: int,
    max_iter: int = 100,
) -> Validated:
    """Judge heads by cross-validation inside the training rows, and choose the penalty by it.

    Parameters
    ----------
    x : ndarray, shape (n_rows, n_inputs)
        Training inputs.
    y : ndarray of int, shape (n_rows,)
        Class numbers.
    inner : ndarray of int, shape (n_rows,)
        Inner fold that holds the row out, of `eegdae.evaluation.splits.inner_folds`.
    candidates : sequence of float
        Values of ``C``.
    n_classes, max_iter : int
        See `LogisticHead.fit`.

    Returns
    -------
    Validated

    Raises
    ------
    EegdaeError
        If no inner fold has every class to train on and two to judge.
    """
    _check(y, n_classes, candidates, max_iter)
    held = [inner == k for k in np.unique(inner)]
    held = [k for k in held if len(np.unique(y[~k])) == n_classes and len(np.unique(y[k])) > 1]
    if not held:
        raise EegdaeError(
            f"head.C={list(candidates)}: no inner fold of the training rows has all {n_classes} classes to "
            "train on and two to judge; give one number"
        )
    ordered = sorted(candidates)
    # the first problem is the head itself where there is nothing to choose
    used = np.concatenate([np.ones((1, len(y)), dtype=bool), np.tile(~np.array(held), (len(ordered), 1))])
    strengths = np.concatenate([[ordered[len(ordered) // 2]], np.repeat(ordered, len(held))])
    found = solve_logistic(x, y, used, strengths, n_classes=n_classes, max_iter=max_iter)
    figures = []
    for number, C in enumerate(ordered):
        each: dict[str, list[float]] = {metric: [] for metric in METRICS}
        for k, rows in enumerate(held):
            proba = LogisticHead.of(found, 1 + number * len(held) + k, C).predict_proba(x[rows])
            each["balanced_accuracy"].append(balanced_accuracy(y[rows], proba))
            each["roc_auc"].append(roc_auc(y[rows], proba))
        figures.append({metric: float(np.mean(values)) for metric, values in each.items()})
    best = int(np.argmax([figure["roc_auc"] for figure in figures]))
    C = ordered[best]
    head = (
        LogisticHead.of(found, 0, C)
        if strengths[0] == C
        else LogisticHead.fit(x, y, n_classes=n_classes, C=C, max_iter=max_iter)
    )
    return Validated(C, figures[best], head)


def _check(y: NDArray[np.int64], n_classes: int, candidates: Sequence[float], max_iter: int) -> None:
    if not all(C > 0 for C in candidates) or max_iter < 1:
        told = candidates[0] if len(candidates) == 1 else list(candidates)
        raise EegdaeError(f"head.C={told}, head.max_iter={max_iter}: both must be above 0")
    if len(np.unique(y)) != n_classes:
        raise EegdaeError(
            f"head: {len(np.unique(y))} of {n_classes} classes among the {len(y)} training rows"
        )


def softmax(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities from class scores, each row summing to 1: (n_rows, n_classes) -> the same shape."""
    power = np.exp(score - score.max(1, keepdims=True))
    return np.asarray(power / power.sum(1, keepdims=True))
