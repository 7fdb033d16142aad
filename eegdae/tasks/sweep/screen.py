"""What ``sweep-report`` says on the screen: the answer, a small curve, what is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from eegdae.evaluation.metrics import METRICS
from eegdae.evaluation.sweep import curve_key
from eegdae.reporting.html import Table
from eegdae.reporting.names import ERROR_NAMES, metric_name, representation_name
from eegdae.reporting.sweep import p_text
from eegdae.reporting.tables import cell, interval, setting_cell, setting_key
from eegdae.tasks.sweep.answer import Answer
from eegdae.tasks.sweep.findings import Findings

FEW = 10
"""Settings that are all shown; of more there are `MOST_ROWS`."""

MOST_ROWS = 8
MOST_LEFT_OUT = 4


def answer_table(found: Findings) -> Table | None:
    """Make the table of the answer: best, choice repeated in each fold, level 0.

    Parameters
    ----------
    found : Findings

    Returns
    -------
    Table or None
        None where nothing was chosen.
    """
    if not found.answer:
        return None
    header, rows = _answer_cells(found)
    return Table(
        header=header, rows=rows, caption="Best setting, and what it is worth on test rows (95 % intervals)"
    )


def baselines_table(found: Findings) -> Table | None:
    """Make the table of all representations of the best setting: no figure stands without its baselines.

    Parameters
    ----------
    found : Findings

    Returns
    -------
    Table or None
        None where nothing is labelled.
    """
    if not found.baselines:
        return None
    rows = [
        [representation_name(name), *(interval({"mean": figures.get(metric)}) for metric in METRICS)]
        for name, figures in found.baselines.items()
    ]
    names = [metric_name(metric, transductive=found.transductive) for metric in METRICS]
    which = "the only setting" if found.best is None else "the best setting"
    return Table(
        header=["representation", *names],
        rows=rows,
        caption=f"Baselines of {which}, mean over its runs",
        notes=["Their intervals are in the report of each run and in runs.csv."],
    )


def screen_lines(found: Findings, *, title: str, left_out: Sequence[str]) -> list[str]:
    """Lay out what a sweep found as lines of text.

    Parameters
    ----------
    found : Findings
    title : str
        First line.
    left_out : sequence of str
        A line each; the first are shown.

    Returns
    -------
    list of str
    """
    lines = [title]
    if found.answer:
        lines += _aligned(*_answer_cells(found))
    if found.tables:
        lines += _aligned(*_setting_cells(found))
    if len(found.errors):
        lines += _aligned(*_error_cells(found))
    others = [
        (name, figures[METRICS[0]]) for name, figures in found.baselines.items() if METRICS[0] in figures
    ]
    if others:
        told = ", ".join(f"{representation_name(name)} {figure:.3f}" for name, figure in others)
        of = "" if found.best is None else " at the best setting"
        lines.append(f"Baselines{of} ({metric_name(METRICS[0])}): {told}")
    lines += found.cautions
    lines += left_out[:MOST_LEFT_OUT]
    if len(left_out) > MOST_LEFT_OUT:
        lines.append(f"Left out: and for {len(left_out) - MOST_LEFT_OUT} more reasons; all are in runs.csv.")
    return lines


def _answer_cells(found: Findings) -> tuple[list[str], list[list[str]]]:
    has_validation = any(line.validation is not None for line in found.answer)
    names = [metric_name(metric, transductive=found.transductive) for metric in METRICS]
    header = [
        "",
        "setting",
        *(["validation"] if has_validation else []),
        *names,
        "difference to level 0",
        "p (Holm)",
    ]
    return header, [_answer_row(line, has_validation=has_validation) for line in found.answer]


def _answer_row(line: Answer, *, has_validation: bool) -> list[str]:
    validation = [interval({"mean": line.validation})] if has_validation else []
    figures = [interval(line.figures[metric]) for metric in METRICS]
    has_difference = line.difference.get("mean") is not None
    difference = interval(line.difference, signed=True) if has_difference else ""
    return [line.what, line.setting, *validation, *figures, difference, p_text(line.difference.get("p_holm"))]


def _setting_cells(found: Findings) -> tuple[list[str], list[list[str]]]:
    """Lay out all settings where they are few, else the curve, else the best of each line, else the best."""
    first = found.tables[METRICS[0]]
    axis = curve_key(first, found.keys)
    rank = "validation" if first["validation"].notna().all() else "mean"
    kept = list(range(len(first)))
    what = ""
    if len(first) > FEW:
        lines = _lines(first, found.keys, axis) if axis else []
        if axis and len(lines) == 1:
            kept, what = _spread(first, axis, found.best), f"{MOST_ROWS} of {len(first)} levels"
        elif axis and len(lines) < len(first):
            tops = [int(str(rows[rank].fillna(-np.inf).idxmax())) for rows in lines]
            kept = sorted(tops, key=lambda k: -_rank(first, k, rank))[:MOST_ROWS]
            what = f"best level of {len(kept)} of {len(lines)} lines, by {_said(rank)}"
        else:
            kept = sorted(kept, key=lambda k: -_rank(first, k, rank))[:MOST_ROWS]
            what = f"{len(kept)} of {len(first)} settings, by {_said(rank)}"
    names = [metric_name(metric, transductive=found.transductive) for metric in METRICS]
    header = [*map(setting_key, found.keys), "runs", *names, "difference to level 0", "p (Holm)", what]
    rows = []
    for k in kept:
        row = first.iloc[k]
        figures = [interval(_three(table.iloc[k])) for table in found.tables.values()]
        difference = interval(_three(row, "difference", "difference_low", "difference_high"), signed=True)
        best = "best" if k == found.best else ""
        p = p_text(None if np.isnan(row["p_holm"]) else row["p_holm"])
        rows.append(
            [
                *(setting_cell(key, row[key]) for key in found.keys),
                cell(int(row["n_runs"])),
                *figures,
                difference,
                p,
                best,
            ]
        )
    return header, rows


def _said(rank: str) -> str:
    return "validation" if rank == "validation" else "test figure"


def _rank(table: pd.DataFrame, row: int, rank: str) -> float:
    value = float(table.loc[row, rank])  # type: ignore[arg-type]
    return -np.inf if np.isnan(value) else value


def _lines(table: pd.DataFrame, keys: Sequence[str], axis: str) -> list[pd.DataFrame]:
    others = ["kind", *(key for key in keys if key != axis)]
    return [rows for _, rows in table.groupby(others, sort=False, dropna=False)]


def _spread(table: pd.DataFrame, axis: str, best: int | None) -> list[int]:
    """Choose rows spread evenly over the levels, the best among them."""
    order = table[axis].sort_values(kind="stable").index.to_list()
    at = set(np.linspace(0, len(order) - 1, MOST_ROWS - 1).round().astype(int).tolist())
    if best is not None:
        at.add(order.index(best))
    return [order[k] for k in sorted(at)]


def _error_cells(found: Findings) -> tuple[list[str], list[list[str]]]:
    errors = found.errors
    ways = [way for way in reversed(ERROR_NAMES) if way in set(errors["way"])]
    header = [*map(setting_key, found.keys), "view", "runs", *(ERROR_NAMES[way] for way in ways)]
    rows = []
    for _, part in errors.groupby([*found.keys, "view"], sort=False, dropna=False):
        row = part.iloc[0]
        of_way: dict[str, Mapping[Any, Any]] = {r["way"]: r for r in part.to_dict("records")}
        figures = [interval(_three(of_way[way])) if way in of_way else "" for way in ways]
        rows.append(
            [
                *(setting_cell(key, row[key]) for key in found.keys),
                row["view"],
                cell(int(row["n_runs"])),
                *figures,
            ]
        )
    if len(rows) > FEW:
        at = sorted(set(np.linspace(0, len(rows) - 1, MOST_ROWS).round().astype(int).tolist()))
        header, rows = [*header, f"{len(at)} of {len(rows)} rows"], [rows[k] for k in at]
    return header, rows


def _three(row: Mapping[Any, Any] | pd.Series[Any], *columns: str) -> dict[str, float | None]:
    numbers = [float(row[column]) for column in columns or ("mean", "low", "high")]
    return dict(zip(("mean", "low", "high"), (None if n != n else n for n in numbers), strict=True))


def _aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [list(header), *([*row, *[""] * (len(header) - len(row))] for row in rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(header))]
    kept = [k for k, width in enumerate(widths) if width]
    return ["  ".join(line[k].ljust(widths[k]) for k in kept).rstrip() for line in lines]
