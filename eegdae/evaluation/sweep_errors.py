"""What a sweep without labels is judged by: the error of reconstruction by setting, view and way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from eegdae.evaluation.metrics import interval
from eegdae.evaluation.reconstruction import WAYS
from eegdae.evaluation.sweep import curve_key, only_lines, other_keys


def error_table(errors: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Average errors over the runs of a setting, fold by fold, then over folds.

    Parameters
    ----------
    errors : DataFrame
        A row a run, fold, view and way: ``keys``, ``kind`` (of corruption), ``run``, ``fold``, ``view``,
        ``way`` (of `eegdae.evaluation.reconstruction.WAYS`), ``value`` (root mean squared, scaled units).
    keys : sequence of str
        What makes a setting.

    Returns
    -------
    DataFrame
        A row a setting, view and way: ``keys``, ``kind view way n_runs n_folds``, ``mean low high`` over
        folds (see `interval`), in the order of the runs.
    """
    table = []
    for setting, rows in errors.groupby([*keys, "view", "way"], sort=False, dropna=False):
        of_folds = rows.groupby("fold", sort=False)["value"].mean().to_numpy(float)
        row: dict[str, Any] = dict(zip([*keys, "view", "way"], setting, strict=True))
        counts = {"n_runs": rows["run"].nunique(), "n_folds": len(of_folds)}
        table.append({**row, "kind": rows["kind"].iloc[0], **counts, **interval(of_folds)})
    return pd.DataFrame(table).astype(dict.fromkeys(("mean", "low", "high"), np.float64))


def error_curve(table: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Take the curves over the level out of a table of errors.

    Parameters
    ----------
    table : DataFrame
        Of `error_table`.
    keys : sequence of str
        What makes a setting.

    Returns
    -------
    DataFrame
        Columns ``corruption setting view way level mean low high``, for
        `eegdae.reporting.figures_sweep.error_curves`; empty where the level is not swept.
    """
    columns = ["corruption", "setting", "view", "way", "level", "mean", "low", "high"]
    axis = curve_key(table, keys)
    if axis is None:
        return pd.DataFrame(columns=columns)
    others = other_keys(table, keys, axis)
    rows = [
        {
            **row,
            "corruption": row["kind"],
            "setting": ", ".join(f"{key}={row[key]}" for key in others),
            "level": float(row[axis]),
        }
        for row in table[table[axis].notna()].to_dict("records")
    ]
    return only_lines(pd.DataFrame(rows, columns=columns))


def error_ratio(errors: Sequence[dict[str, dict[str, float]]]) -> float:
    """Put a run into one number: its error over that of PCA of the same dimension.

    Parameters
    ----------
    errors : sequence of dict
        By fold: view -> way -> error.

    Returns
    -------
    float
        Geometric mean over folds and views; below 1 the network is nearer than PCA. NaN where an error is
        missing or 0.
    """
    ratios = [
        ways.get(WAYS[1], np.nan) / ways[WAYS[2]] if ways.get(WAYS[2]) else np.nan
        for fold in errors
        for ways in fold.values()
    ]
    with np.errstate(divide="ignore"):
        found = float(np.exp(np.mean(np.log(ratios)))) if ratios else np.nan
    return found if found > 0 else float("nan")
