"""The answer of a sweep: the best setting by validation, the choice repeated in each fold, and level 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from eegdae.errors import EegdaeError
from eegdae.evaluation.choice import choose
from eegdae.evaluation.metrics import METRICS, interval, paired_difference
from eegdae.reporting.tables import setting_cell, setting_key
from eegdae.tasks.sweep.choice import NestedChoice
from eegdae.tasks.sweep.runs import Run

CHOSEN_ON_TEST = (
    "Best: chosen on the same folds that its figure comes from, as not every run has validation figures: "
    "that figure is flattering."
)
CHOSEN_ON_VALIDATION = (
    "Best: chosen by validation in training rows; over all folds these are of the same people that are "
    "tested, so its test figure is a little flattering."
)
REPEATED = (
    "Choice repeated in each fold: no test row had a say in it; this is what to expect of sweeping, then "
    "choosing."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """One line of the answer.

    Parameters
    ----------
    what : str
        E.g. ``best``.
    setting : str
        Which one; empty where it differs by fold.
    n_runs : int or None
        Of the setting.
    validation : float or None
        Mean over its runs, of the first metric.
    figures : dict of str to dict
        Metric -> mean, low, high on test rows.
    difference : dict
        To level 0, first metric: mean, low, high, p_holm.
    """

    what: str
    setting: str = ""
    n_runs: int | None = None
    validation: float | None = None
    figures: dict[str, dict[str, float | None]]
    difference: dict[str, float | None] = field(default_factory=dict)


def setting_text(row: Mapping[Any, Any], keys: Sequence[str]) -> str:
    """Write a setting as overrides: ``key=value key=value``.

    Parameters
    ----------
    row : mapping
        Key -> value.
    keys : sequence of str

    Returns
    -------
    str
    """
    return " ".join(f"{setting_key(key)}={setting_cell(key, row[key])}" for key in keys)


def mean_figures(runs: Sequence[Run]) -> dict[str, dict[str, float]]:
    """Average what the runs of one setting say of every representation.

    Parameters
    ----------
    runs : sequence of Run
        Of one setting, with figures.

    Returns
    -------
    dict of str to dict of str to float
        Representation -> metric -> mean over the runs that have it, the best first.
    """
    found: dict[str, dict[str, float]] = {}
    for name in dict.fromkeys(name for run in runs for name in run.metrics):
        of_runs = [run.metrics[name] for run in runs if isinstance(run.metrics.get(name), Mapping)]
        for metric in METRICS:
            parts = [of[metric] for of in of_runs if isinstance(of.get(metric), Mapping)]
            means = [part["mean"] for part in parts if isinstance(part.get("mean"), int | float)]
            if means:
                found.setdefault(name, {})[metric] = float(np.mean(means))
    return dict(sorted(found.items(), key=lambda item: -item[1].get(METRICS[0], -np.inf)))


def answer_lines(
    tables: Mapping[str, pd.DataFrame],
    keys: Sequence[str],
    runs: Sequence[Run],
    numbers: Sequence[int],
    *,
    validated: bool,
    cautions: list[str],
    notes: list[str],
) -> tuple[int | None, list[Answer]]:
    """Choose, repeat the choice in each fold, and put level 0 beside both.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Metric -> table of `eegdae.evaluation.sweep.setting_table` with the column ``validation``.
    keys : sequence of str
        Swept.
    runs : sequence of Run
        With figures.
    numbers : sequence of int
        Row of the tables of each run's setting.
    validated : bool
        Whether every run has validation figures; else the best is chosen on test figures.
    cautions, notes : list of str
        What must be said, and what explains, is added to them.

    Returns
    -------
    best : int or None
        Row of the tables; None for a single setting.
    lines : list of Answer
    """
    first = tables[METRICS[0]]
    at_0 = [k for k in range(len(first)) if first.loc[k, "against"] == ""]
    best: int | None = None
    lines: list[Answer] = []
    if len(first) > 1:
        values = [run.validation_of(METRICS[0]) for run in runs]
        if validated:
            best = choose(pd.DataFrame({"setting": numbers, "value": values}))
        elif first["mean"].notna().any():
            best = int(np.nanargmax(first["mean"].to_numpy(float)))
    if best is not None:
        cautions.append(CHOSEN_ON_VALIDATION if validated else CHOSEN_ON_TEST)
        lines.append(_line("best by validation" if validated else "best on test", tables, keys, best))
        if validated:
            nested = _nested(NestedChoice(runs, numbers), first, keys, at_0, notes)
            if nested:
                cautions.append(REPEATED)
            lines += nested
    same = [k for k in at_0 if best is not None and _beside(first, keys, k, best)]
    if at_0 and best is not None:
        lines.append(_line("level 0", tables, keys, (same or at_0)[0]))
    return best, lines


def _beside(table: pd.DataFrame, keys: Sequence[str], one: int, other: int) -> bool:
    """Tell whether two settings differ in their corruption alone."""
    return all(
        str(table.loc[one, key]) == str(table.loc[other, key])
        for key in keys
        if not key.startswith("corruption.")
    )


def _line(what: str, tables: Mapping[str, pd.DataFrame], keys: Sequence[str], row: int) -> Answer:
    table = tables[METRICS[0]]
    found = table.iloc[row]
    names = {
        "mean": "difference",
        "low": "difference_low",
        "high": "difference_high",
        "p_holm": "p_holm",
    }
    return Answer(
        what=what,
        setting=setting_text(found.to_dict(), keys),
        n_runs=int(found["n_runs"]),
        validation=_or_none(found["validation"]),
        figures={
            metric: {part: _or_none(of.iloc[row][part]) for part in ("mean", "low", "high")}
            for metric, of in tables.items()
        },
        difference={name: _or_none(found[column]) for name, column in names.items()},
    )


def _nested(
    nested: NestedChoice, table: pd.DataFrame, keys: Sequence[str], at_0: list[int], notes: list[str]
) -> list[Answer]:
    """Repeat the choice in each fold, among all settings and among those at level 0."""
    every = list(range(len(table)))
    problem = nested.problem()
    if problem:
        notes.append(problem)
        return []
    try:
        figures = nested.figures(every, METRICS[0])
        at_level_0 = (at_0, "codes") if at_0 else (every, "autoencoder")
        level_0 = nested.figures(at_level_0[0], METRICS[0], representation=at_level_0[1])
    except EegdaeError as error:
        notes.append(f"The choice could not be repeated in each fold: {error}.")
        return []
    if figures is None:
        notes.append("The choice could not be repeated in each fold: a fold has no validation figure.")
        return []
    difference: dict[str, float | None] = {}
    if level_0 is not None:
        both = figures.index.intersection(level_0.index)
        columns = [table.loc[both, METRICS[0]].to_numpy(float) for table in (figures, level_0)]
        difference = paired_difference(*columns)
        difference["p_holm"] = difference["p"]  # one test, nothing to correct
    chosen = nested.chosen(every, METRICS[0]) or {}
    n = len(set(chosen.values()))
    answer = Answer(
        what="choice repeated in each fold",
        setting=f"{n} setting{'s' if n > 1 else ''} in {len(chosen)} fold{'s' if len(chosen) > 1 else ''}",
        figures={metric: interval(figures[metric].to_numpy(float)) for metric in METRICS},
        difference=difference,
    )
    folds: dict[int, list[str]] = {}
    for fold, setting in chosen.items():
        folds.setdefault(setting, []).append(str(fold))
    told = [f"{setting_text(table.loc[s].to_dict(), keys)} in {', '.join(ks)}" for s, ks in folds.items()]
    more = f"; and {len(told) - 12} more" if len(told) > 12 else ""
    notes.append(f"Chosen by validation in each fold (folds count from 0): {'; '.join(told[:12])}{more}.")
    if len(at_0) > 1:
        notes.append(
            "The difference of the choice repeated in each fold is to the same choice among the settings at "
            "level 0."
        )
    return [answer]


def _or_none(value: Any) -> float | None:
    return None if value is None or value != value else float(value)
