"""The head that every representation is judged with, as plain arrays once it is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from eegdae.errors import EegdaeError
from eegdae.evaluation.metrics import roc_auc

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
        if not C > 0 or max_iter < 1:
            raise EegdaeError(f"head.C={C}, head.max_iter={max_iter}: both must be above 0")
        if len(np.unique(y)) != n_classes:
            raise EegdaeError(
                f"head: {len(np.unique(y))} of {n_classes} classes among the {len(y)} training rows"
            )
        scaler = StandardScaler().fit(x)
        # Newton with conjugate gradients: on hundreds of correlated features L-BFGS takes a thousand steps
        model = LogisticRegression(
            C=C, max_iter=max_iter, tol=1e-3, solver="newton-cg", class_weight="balanced"
        )
        model.fit(scaler.transform(np.asarray(x, np.float32)), y)
        coef, intercept = model.coef_.astype(np.float64), model.intercept_.astype(np.float64)
        if n_classes == 2:
            # one row of weights: the score of class 1 against 0
            coef, intercept = np.vstack([np.zeros_like(coef), coef]), np.concatenate([[0.0], intercept])
        return cls(scaler.mean_.astype(np.float64), scaler.scale_.astype(np.float64), coef, intercept, C)

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


def choose_C(
    x: NDArray[Any],
    y: NDArray[np.int64],
    inner: NDArray[np.int64],
    *,
    candidates: Sequence[float],
    n_classes: int,
    max_iter: int = 100,
) -> float:
    """Choose the strength of the penalty by cross-validation inside the training rows.

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
    float
        The candidate with the highest mean ROC-AUC over the inner folds; of equals the strongest penalty.

    Raises
    ------
    EegdaeError
        If no inner fold has every class to train on and two to judge.
    """
    folds = [(inner != k, inner == k) for k in np.unique(inner)]
    usable = [
        (fit, held)
        for fit, held in folds
        if len(np.unique(y[fit])) == n_classes and len(np.unique(y[held])) > 1
    ]
    if not usable:
        raise EegdaeError(
            f"head.C={list(candidates)}: no inner fold of the training rows has all {n_classes} classes to "
            "train on and two to judge; give one number"
        )
    ordered = sorted(candidates)
    scores = []
    for C in ordered:
        aucs = []
        for fit, held in usable:
            head = LogisticHead.fit(x[fit], y[fit], n_classes=n_classes, C=C, max_iter=max_iter)
            aucs.append(roc_auc(y[held], head.predict_proba(x[held])))
        scores.append(float(np.mean(aucs)))
    return ordered[int(np.argmax(scores))]


def softmax(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities from class scores, each row summing to 1: (n_rows, n_classes) -> the same shape."""
    power = np.exp(score - score.max(1, keepdims=True))
    return np.asarray(power / power.sum(1, keepdims=True))
