"""Which parameter of a sweep or search decides the figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance
from sklearn.model_selection import KFold

MIN_RUNS = 20
RUNS_A_PARAMETER = 5
N_TREES = 100


@dataclass(frozen=True, eq=False)
class Importance:
    """How much each parameter decides.

    Parameters
    ----------
    table : DataFrame
        A row a parameter, the most important first: ``parameter importance chance``; ``chance`` is what a
        parameter without any influence would come to, NaN where that is 0. Empty where there are too few
        runs.
    label : str
        What the number is, with its unit.
    note : str
        How it was computed and what to make of it.
    """

    table: pd.DataFrame
    label: str
    note: str


def parameter_importance(parameters: pd.DataFrame, value: NDArray[np.float64]) -> Importance:
    """Judge the parameters of a sweep or search.

    A full grid: the share of the variance over runs that the means of the parameter's values explain. Else: a
    random forest, and half of how much its R² on held-out settings falls when the parameter is shuffled,
    which, for parameters that vary independently, is the share of the variance that goes through it.

    Parameters
    ----------
    parameters : DataFrame, shape (n_runs, n_parameters)
        Numbers or text; None = the parameter does not exist there.
    value : ndarray, shape (n_runs,)
        The figure; runs without one are left out.

    Returns
    -------
    Importance
    """
    kept = np.isfinite(value)
    parameters, value = parameters[kept].reset_index(drop=True), value[kept]
    codes = parameters.apply(_numbers)
    codes = codes[[name for name in codes if codes[name].nunique() > 1]]
    empty = pd.DataFrame(columns=["parameter", "importance", "chance"])
    needed = max(MIN_RUNS, RUNS_A_PARAMETER * codes.shape[1])
    if codes.shape[1] == 0 or len(value) < needed or np.ptp(value) == 0:
        note = (
            f"The importance of {codes.shape[1]} parameters needs {needed} runs or more "
            f"({RUNS_A_PARAMETER} a parameter, {MIN_RUNS} at least); there are {len(value)}, and of so few "
            "it would mean nothing."
        )
        if len(value) >= needed:
            note = "Nothing varies, so no parameter is important."
        return Importance(empty, "", note)
    if _is_grid(codes):
        return _explained(codes, value)
    return _shuffled(codes, value)


def _numbers(column: pd.Series[Any]) -> pd.Series[float]:
    """Numbers as they are; anything else as the place of its text among the sorted ones."""
    numbers = [type(entry) in (int, float) for entry in column]
    if all(numbers):
        return column.astype(float)
    texts = column.map(str)
    places = {text: float(place) for place, text in enumerate(sorted(set(texts)))}
    return texts.map(places)


def _is_grid(codes: pd.DataFrame) -> bool:
    """Tell whether every combination of values was run, and equally often."""
    counts = codes.value_counts()
    return len(counts) == int(np.prod([codes[name].nunique() for name in codes])) and counts.nunique() == 1


def _explained(codes: pd.DataFrame, value: NDArray[np.float64]) -> Importance:
    total = float(((value - value.mean()) ** 2).sum())
    rows = []
    for name in codes:
        means = pd.Series(value).groupby(codes[name]).transform("mean").to_numpy()
        share = float(((means - value.mean()) ** 2).sum()) / total
        rows.append((str(name), share, (codes[name].nunique() - 1) / (len(value) - 1)))
    table = pd.DataFrame(rows, columns=["parameter", "importance", "chance"])
    note = (
        f"A full grid of {len(value)} runs: the share of the variance over runs that the means of a "
        "parameter's values explain. What is missing to 1 is interplay of parameters and the seed. A share "
        "near its grey mark is what a parameter without influence would come to."
    )
    return Importance(_sorted(table), "explained share of the variance (0 to 1)", note)


def _shuffled(codes: pd.DataFrame, value: NDArray[np.float64]) -> Importance:
    names = list(codes)
    # seeds of one setting must not stand on both sides
    settings = codes.assign(value=value).groupby(names, sort=False)["value"].mean().reset_index()
    x, y = settings[names].to_numpy(float), settings["value"].to_numpy(float)
    falls, scores = [], []
    for train, test in KFold(5, shuffle=True, random_state=0).split(x):
        forest = RandomForestRegressor(N_TREES, min_samples_leaf=2, random_state=0).fit(x[train], y[train])
        scores.append(float(forest.score(x[test], y[test])))
        shuffled = permutation_importance(forest, x[test], y[test], n_repeats=5, random_state=0)
        falls.append(shuffled["importances_mean"])
    table = pd.DataFrame(
        {"parameter": [str(name) for name in names], "importance": np.mean(falls, axis=0) / 2}
    )
    table["chance"] = np.nan
    score = float(np.mean(scores))
    note = (
        f"No full grid: a random forest of {N_TREES} trees over {len(x)} settings, five folds; how much its "
        f"R² on held-out settings (here {score:.2f}) falls when a parameter is shuffled. "
    )
    note += (
        "It explains next to nothing, so these numbers mean nothing."
        if score < 0.1
        else "Parameters that go together share their importance."
    )
    return Importance(_sorted(table), "share of the variance that goes through it (0 to 1)", note)


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values("importance", ascending=False, kind="stable").reset_index(drop=True)
