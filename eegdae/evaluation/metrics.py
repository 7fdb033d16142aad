"""Figures of merit, taken subject by subject: the mean, its interval, and paired differences."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata, wilcoxon

METRICS = ("balanced_accuracy", "roc_auc")
MIN_GROUPS = 5
N_BOOTSTRAP = 10_000


def balanced_accuracy(y: NDArray[np.int64], proba: NDArray[np.floating[Any]]) -> float:
    """Mean over the classes present of the share of their rows that got the highest probability.

    Parameters
    ----------
    y : ndarray of int, shape (n_rows,)
        True class numbers.
    proba : ndarray, shape (n_rows, n_classes)
        Probabilities.

    Returns
    -------
    float
        0 to 1.
    """
    hit = proba.argmax(1) == y
    return float(np.mean([hit[y == k].mean() for k in np.unique(y)]))


def roc_auc(y: NDArray[np.int64], proba: NDArray[np.floating[Any]]) -> float:
    """Area under the ROC curve; for more than two classes the mean of one class against the rest.

    Parameters and result as for `balanced_accuracy`; NaN where only one class is present. By ranks (Mann and
    Whitney, Ann Math Stat 18:50, 1947); equal probabilities count half.
    """
    present = np.unique(y)
    if len(present) < 2:
        return float("nan")
    if proba.shape[1] == 2:
        present = present[1:]
    is_class = y[:, None] == present  # (n_rows, n_present)
    n_in = is_class.sum(0)
    rank_sum = np.where(is_class, rankdata(proba[:, present], axis=0), 0.0).sum(0)
    return float(np.mean((rank_sum - n_in * (n_in + 1) / 2) / (n_in * (len(y) - n_in))))


def group_metrics(
    y: NDArray[np.int64], proba: Mapping[str, NDArray[np.floating[Any]]], groups: NDArray[Any]
) -> pd.DataFrame:
    """Judge every representation on every group by itself.

    Parameters
    ----------
    y : ndarray of int, shape (n_rows,)
        True class numbers of the test rows.
    proba : mapping of str to ndarray, shape (n_rows, n_classes)
        Out-of-fold probabilities by representation.
    groups : ndarray of str, shape (n_rows,)
        The unit of statistics: whose row it is.

    Returns
    -------
    DataFrame
        Columns ``representation group n_windows balanced_accuracy roc_auc``.
    """
    rows = []
    for name, p in proba.items():
        for group in dict.fromkeys(groups.tolist()):
            at = groups == group
            rows.append(
                {
                    "representation": name,
                    "group": group,
                    "n_windows": int(at.sum()),
                    "balanced_accuracy": balanced_accuracy(y[at], p[at]),
                    "roc_auc": roc_auc(y[at], p[at]),
                }
            )
    return pd.DataFrame(rows)


def interval(values: NDArray[np.float64], *, seed: int = 0) -> dict[str, float | None]:
    """Mean over groups with its 95 % bootstrap interval.

    Parameters
    ----------
    values : ndarray, shape (n_groups,)
        One number a group; NaN is left out.
    seed : int
        Of the 10 000 resamples.

    Returns
    -------
    dict
        ``mean low high``; ``low`` and ``high`` are None with fewer than 5 groups, ``mean`` with none.
    """
    values = values[np.isfinite(values)]
    mean = float(values.mean()) if len(values) else None
    if len(values) < MIN_GROUPS:
        return {"mean": mean, "low": None, "high": None}
    means = values[_resamples(len(values), seed)].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {"mean": mean, "low": float(low), "high": float(high)}


@functools.lru_cache(maxsize=2)
def _resamples(n: int, seed: int) -> NDArray[np.int64]:
    """Draw which groups are in which resample: the same for all figures, and slower than their use."""
    return np.random.default_rng(seed).integers(0, n, (N_BOOTSTRAP, n))


def summarize(table: pd.DataFrame) -> dict[str, dict[str, dict[str, float | None]]]:
    """Means and intervals of a `group_metrics` table: ``{representation: {metric: {mean, low, high}}}``."""
    return {
        str(name): {metric: interval(rows[metric].to_numpy(np.float64)) for metric in METRICS}
        for name, rows in table.groupby("representation", sort=False)
    }


def paired_difference(a: NDArray[np.float64], b: NDArray[np.float64]) -> dict[str, float | None]:
    """Difference of two columns of figures of the same groups.

    Parameters
    ----------
    a, b : ndarray, shape (n_groups,)
        One number a group, in the same order.

    Returns
    -------
    dict
        ``mean low high`` of ``a - b`` (see `interval`) and ``p``, the two-sided Wilcoxon signed-rank test;
        None with fewer than 5 groups.
    """
    difference = a - b
    difference = difference[np.isfinite(difference)]
    p = None
    if len(difference) >= MIN_GROUPS:
        p = float(wilcoxon(difference).pvalue) if np.any(difference) else 1.0
    return {**interval(difference), "p": p}


def paired_table(table: pd.DataFrame, *, against: str = "codes") -> pd.DataFrame:
    """Differences between one representation and every other, group by group.

    Parameters
    ----------
    table : DataFrame
        Of `group_metrics`.
    against : str
        The one.

    Returns
    -------
    DataFrame
        Columns ``representation metric mean low high p``: ``against`` minus the representation.
    """
    wide = {metric: table.pivot(index="group", columns="representation", values=metric) for metric in METRICS}
    rows = []
    for name in dict.fromkeys(table["representation"]):
        if name != against and against in wide[METRICS[0]]:
            for metric, values in wide.items():
                difference = paired_difference(values[against].to_numpy(float), values[name].to_numpy(float))
                rows.append({"representation": name, "metric": metric, **difference})
    return pd.DataFrame(rows, columns=["representation", "metric", "mean", "low", "high", "p"])
