"""The head that every representation is judged with, as plain arrays once it is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from eegdae.errors import EegdaeError


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
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    coef: NDArray[np.float64]
    intercept: NDArray[np.float64]

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
        return cls(scaler.mean_.astype(np.float64), scaler.scale_.astype(np.float64), coef, intercept)

    def predict_proba(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Probability of each class: (n_rows, n_inputs) -> (n_rows, n_classes)."""
        score = (np.asarray(x, np.float64) - self.mean) / self.scale @ self.coef.T + self.intercept
        return softmax(score)

    def state(self) -> dict[str, NDArray[np.float64]]:
        """Its arrays by name; ``LogisticHead(**state)`` is the same head."""
        return {"mean": self.mean, "scale": self.scale, "coef": self.coef, "intercept": self.intercept}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> LogisticHead:
        """Make a head from `state`."""
        return cls(
            **{name: np.asarray(state[name], np.float64) for name in ("mean", "scale", "coef", "intercept")}
        )


def softmax(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities from class scores, each row summing to 1: (n_rows, n_classes) -> the same shape."""
    power = np.exp(score - score.max(1, keepdims=True))
    return np.asarray(power / power.sum(1, keepdims=True))
