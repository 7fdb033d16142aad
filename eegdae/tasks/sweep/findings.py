"""What a sweep found: settings compared, the best by validation, the choice repeated in each fold."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from eegdae.errors import EegdaeError
from eegdae.evaluation.importance import Importance, parameter_importance
from eegdae.evaluation.metrics import METRICS, MIN_GROUPS
from eegdae.evaluation.sweep import LEVEL, setting_table
from eegdae.evaluation.sweep_errors import error_ratio, error_table
from eegdae.tasks.settings import read_alignment
from eegdae.tasks.sweep.answer import Answer, answer_lines, mean_figures
from eegdae.tasks.sweep.runs import Run
from eegdae.tasks.sweep.search import SearchRecord
from eegdae.tasks.sweep.tables import setting_values


@dataclass(frozen=True, kw_only=True, eq=False)
class Findings:
    """Everything that is told of a sweep, on the screen and on its page.

    Parameters
    ----------
    keys : list of str
        Swept.
    tables : dict of str to DataFrame
        Metric -> table of `setting_table` with the column ``validation``; empty where nothing is labelled.
    errors : DataFrame
        Of `error_table`, of runs without labels; may be empty.
    best : int or None
        Row of the best setting.
    answer : list of Answer
    baselines : dict of str to dict of str to float
        Of the best setting, or the only one: representation -> metric -> mean over its runs.
    importance : Importance or None
        Of three or more swept keys, or of a search.
    across : DataFrame
        A row a run (or trial): parameters, then figures; empty where there is nothing to draw.
    values : list of tuple of (str, str, bool)
        Figures of ``across``: column, label with unit, whether more is better.
    transductive : str
        What the figures owe to unlabelled test windows.
    cautions, notes : list of str
        What must be said, and what explains.
    """

    keys: list[str]
    tables: dict[str, pd.DataFrame]
    errors: pd.DataFrame
    best: int | None
    answer: list[Answer]
    baselines: dict[str, dict[str, float]]
    importance: Importance | None
    across: pd.DataFrame
    values: list[tuple[str, str, bool]]
    transductive: str
    cautions: list[str]
    notes: list[str]


def find(runs: Sequence[Run], keys: list[str], search: SearchRecord | None) -> Findings:
    """Judge a sweep.

    Parameters
    ----------
    runs : sequence of Run
        Those that count (no ``problem``), one at least.
    keys : list of str
        Swept.
    search : SearchRecord or None
        What a search left.

    Returns
    -------
    Findings
    """
    settings = setting_values(runs, keys)
    judged = [k for k, run in enumerate(runs) if run.groups]
    cautions: list[str] = []
    notes: list[str] = []
    tables: dict[str, pd.DataFrame] = {}
    best: int | None = None
    answer: list[Answer] = []
    baselines: dict[str, dict[str, float]] = {}
    if judged:
        some, their = [runs[k] for k in judged], [settings[k] for k in judged]
        tables = {m: setting_table(_figures(some, their, keys, m), keys) for m in METRICS}
        numbers = _rows_of(their, tables[METRICS[0]], keys)
        validated = _add_validation(tables, some, numbers)
        best, answer = answer_lines(
            tables, keys, some, numbers, validated=validated, cautions=cautions, notes=notes
        )
        baselines = mean_figures([run for run, n in zip(some, numbers, strict=True) if n == (best or 0)])
        first = tables[METRICS[0]]
        if first["n_groups"].min() < MIN_GROUPS:
            cautions.append(
                f"Intervals and tests need {MIN_GROUPS} groups (people); where there are fewer, they are "
                "missing."
            )
        cautions += _least_p(first)
        if (first["against"] == "own autoencoder").any():
            cautions.append(
                "Where no run stands at level 0, the difference is to each run's own autoencoder: the same "
                "network trained at level 0."
            )
    others = [k for k in range(len(runs)) if k not in set(judged)]
    errors = pd.DataFrame()
    if others:
        errors = error_table(_errors([runs[k] for k in others], [settings[k] for k in others]), keys)
        if any(not runs[k].split for k in others):
            cautions.append("Errors of runs without folds are in-sample: nothing was held out.")
    across, values = _across(runs, settings, keys, search)
    importance = None
    if (search or len(keys) > 2) and len(across):
        importance = parameter_importance(
            across.drop(columns=[name for name, *_ in values]), across[values[0][0]].to_numpy(float)
        )
    told = sorted({note for run in runs if (note := _note(run))})
    return Findings(
        keys=keys,
        tables=tables,
        errors=errors,
        best=best,
        answer=answer,
        baselines=baselines,
        importance=importance,
        across=across if search or len(keys) > 2 else pd.DataFrame(),
        values=values,
        # one column holds the figures of all: what some owe to test windows is said of it
        transductive=told[0] if len(told) == 1 else "transductive" if told else "",
        cautions=cautions,
        notes=notes,
    )


def _least_p(table: pd.DataFrame) -> list[str]:
    """Say where so many settings are tested on so few people that nothing could come out."""
    n_tests = int(table["p"].notna().sum())
    if not n_tests:
        return []
    n_groups = int(table["n_groups"].max())
    least = 2.0 ** (1 - n_groups)
    if n_tests * least < 0.05:
        return []
    return [
        f"With {n_groups} groups no p is below {least:.2g}, so that over {n_tests} settings p (Holm) "
        f"cannot be below {min(1.0, n_tests * least):.2g}, however large a difference: test fewer settings, "
        "or more people."
    ]


def _note(run: Run) -> str:
    try:
        return read_alignment(run.alignment).note
    except EegdaeError:
        return ""


def _rows_of(
    settings: Sequence[Mapping[str, Hashable]], table: pd.DataFrame, keys: Sequence[str]
) -> list[int]:
    """Find the row of the table that each run's setting has."""
    entries = table[[*keys]].astype(object)
    rows = entries.where(entries.notna(), None).itertuples(index=False, name=None)
    known = {row: number for number, row in enumerate(rows)}
    return [known[tuple(setting.values())] for setting in settings]


def _figures(
    runs: Sequence[Run], settings: Sequence[Mapping[str, Hashable]], keys: Sequence[str], metric: str
) -> pd.DataFrame:
    """Gather one metric of all runs: a row a run and group."""
    at = METRICS.index(metric)
    rows = []
    missing = (np.nan,) * len(METRICS)
    for number, (run, setting) in enumerate(zip(runs, settings, strict=True)):
        level = {} if LEVEL in keys else {LEVEL: run.config.get(LEVEL)}
        first = {**setting, **level, "kind": run.kind, "run": number}
        plain = run.groups.get("autoencoder", {})
        for group, figures in run.groups["codes"].items():
            figure = {"value": figures[at], "reference": plain.get(group, missing)[at]}
            rows.append({**first, "group": group, **figure})
    return pd.DataFrame(rows)


def _errors(runs: Sequence[Run], settings: Sequence[Mapping[str, Hashable]]) -> pd.DataFrame:
    """Gather the errors of all runs without labels: a row a run, fold, view and way."""
    return pd.DataFrame(
        [
            {**setting, "kind": run.kind, "run": number, "fold": k, "view": view, "way": way, "value": value}
            for number, (run, setting) in enumerate(zip(runs, settings, strict=True))
            for k, fold in enumerate(run.errors)
            for view, ways in fold.items()
            for way, value in ways.items()
        ]
    )


def _add_validation(tables: Mapping[str, pd.DataFrame], runs: Sequence[Run], numbers: Sequence[int]) -> bool:
    """Put validation figures into the tables; tell whether every run has one."""
    for metric, table in tables.items():
        values = pd.Series([run.validation_of(metric) for run in runs]).groupby(list(numbers)).mean()
        table.insert(list(table.columns).index("n_groups") + 1, "validation", values.reindex(table.index))
    return all(np.isfinite(run.validation_of(METRICS[0])) for run in runs)


def _across(
    runs: Sequence[Run],
    settings: Sequence[Mapping[str, Hashable]],
    keys: Sequence[str],
    search: SearchRecord | None,
) -> tuple[pd.DataFrame, list[tuple[str, str, bool]]]:
    """Lay out the trials of a search, else the runs: for parallel coordinates and importance."""
    if search is not None and len(search.parameters) and search.parameters.shape[1]:
        taken = set(search.parameters)
        values = search.values.rename(columns=lambda name: f"{name} (objective)" if name in taken else name)
        labels = [
            (str(name), f"{objective} (objective, {'more' if up else 'less'} is better)", up)
            for name, objective, up in zip(values, search.objectives, search.maximize, strict=True)
        ]
        return pd.concat([search.parameters, values], axis=1), labels
    table = pd.DataFrame([dict(setting) for setting in settings], columns=list(keys), dtype=object)
    if not all(run.groups for run in runs):
        if any(run.groups for run in runs):
            return pd.DataFrame(), []
        table["error / PCA's"] = [error_ratio(run.errors) for run in runs]
        return table, [("error / PCA's", "error over that of PCA (ratio, less is better)", False)]
    validation = [run.validation_of(METRICS[0]) for run in runs]
    name = METRICS[0].replace("_", " ")
    if np.isfinite(validation).all():
        column = f"validation {name}"
        table[column] = validation
        return table, [(column, f"{name} in validation (share, 0 to 1)", True)]
    figures = [pd.Series([f[0] for f in run.groups["codes"].values()]) for run in runs]
    table[name] = [float(values.mean()) for values in figures]
    return table, [(name, f"{name} on test rows (share, 0 to 1)", True)]
