"""The tables of a sweep as files: a row a run, and a row a setting."""

from __future__ import annotations

import io
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from eegdae.evaluation.metrics import METRICS
from eegdae.tasks.sweep.answer import Answer
from eegdae.tasks.sweep.runs import Run


def setting_values(runs: Sequence[Run], keys: Sequence[str]) -> list[dict[str, Hashable]]:
    """Take the swept keys of every run, each key's values of one type.

    Parameters
    ----------
    runs : sequence of Run
    keys : sequence of str
        Of `eegdae.evaluation.sweep.swept_keys`.

    Returns
    -------
    list of dict of str to value
        Whole numbers beside others are made float, numbers beside words are made words; None = not there.
    """
    columns: dict[str, list[Any]] = {}
    for key in keys:
        column = [run.config.get(key) for run in runs]
        column = [None if value != value else value for value in column]
        types = {type(value) for value in column} - {type(None)}
        if types == {int, float}:
            column = [None if value is None else float(str(value)) for value in column]
        elif len(types) > 1:
            column = [None if value is None else str(value) for value in column]
        columns[key] = column
    return [{key: columns[key][k] for key in keys} for k in range(len(runs))]


def runs_table(runs: Sequence[Run], keys: Sequence[str]) -> pd.DataFrame:
    """Make the tidy table of a sweep.

    Parameters
    ----------
    runs : sequence of Run
        All, also those without figures.
    keys : sequence of str
        Swept.

    Returns
    -------
    DataFrame
        A row a run: ``folder status problem seed wall_s kind``, the swept keys, ``validation.METRIC``,
        ``REPRESENTATION.METRIC.mean``, ``.low``, ``.high`` of every representation, and, of runs without
        labels, ``reconstruction.VIEW.WAY``, means over folds.
    """
    rows = []
    for run, setting in zip(runs, setting_values(runs, keys), strict=True):
        seed, wall = run.state.get("seed"), run.state.get("wall_s")
        row: dict[str, Any] = {
            "folder": run.name,
            "status": run.status,
            "problem": run.problem,
            "seed": seed if isinstance(seed, int) else None,
            "wall_s": wall if isinstance(wall, int | float) else None,
            "kind": run.kind,
            **setting,
        }
        if not run.problem:
            row |= _figures(run)
        rows.append(row)
    table = pd.DataFrame(rows)
    table["seed"] = table["seed"].astype("Int64")
    order = list(dict.fromkeys(["folder", "status", "problem", "seed", "wall_s", "kind", *keys]))
    groups = ("validation.", "")
    late = [name for name in table if str(name).startswith("reconstruction.")]
    figures = [name for name in table if name not in order and name not in late]
    first = [name for name in figures if str(name).startswith(groups[0])]
    return table[[*order, *first, *(name for name in figures if name not in first), *late]]


def _figures(run: Run) -> dict[str, float | None]:
    figures: dict[str, float | None] = {}
    for metric in METRICS if run.validation else ():
        figures[f"validation.{metric}"] = run.validation_of(metric)
    for representation, metrics in run.metrics.items():
        for metric, parts in metrics.items() if isinstance(metrics, Mapping) else ():
            for part in ("mean", "low", "high") if isinstance(parts, Mapping) else ():
                figures[f"{representation}.{metric}.{part}"] = parts.get(part)
    for view, ways in (run.errors[0] if run.errors else {}).items():
        for way in ways:
            values = [fold.get(view, {}).get(way, np.nan) for fold in run.errors]
            figures[f"reconstruction.{view}.{way}"] = float(np.mean(values))
    return figures


def csv_bytes(table: pd.DataFrame) -> bytes:
    """Write a table as CSV, numbers in full.

    Parameters
    ----------
    table : DataFrame

    Returns
    -------
    bytes
    """
    return table.to_csv(index=False).encode()


def parquet_bytes(table: pd.DataFrame) -> bytes | None:
    """Write a table as Parquet.

    Parameters
    ----------
    table : DataFrame

    Returns
    -------
    bytes or None
        None where pyarrow is not installed.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return None
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def answer_csv(answer: Sequence[Answer]) -> bytes:
    """Write the answer, a row a line of it and metric; the difference to level 0 is of the first metric.

    Parameters
    ----------
    answer : sequence of Answer

    Returns
    -------
    bytes
    """
    rows = []
    for line in answer:
        for number, (metric, figures) in enumerate(line.figures.items()):
            difference = {} if number else line.difference
            row: dict[str, Any] = {"what": line.what, "setting": line.setting, "metric": metric}
            row |= {"n_runs": line.n_runs, "validation": None if number else line.validation}
            row |= {part: figures.get(part) for part in ("mean", "low", "high")}
            row["difference"] = difference.get("mean")
            row |= {f"difference_{part}": difference.get(part) for part in ("low", "high")}
            rows.append({**row, "p_holm": difference.get("p_holm")})
    return csv_bytes(pd.DataFrame(rows))


def settings_csv(tables: Mapping[str, pd.DataFrame], best: int | None) -> bytes:
    """Write the tables of all metrics below one another, with the best setting marked.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Metric -> table of `eegdae.evaluation.sweep.setting_table`.
    best : int or None
        Its row.

    Returns
    -------
    bytes
    """
    parts = []
    for metric, table in tables.items():
        part = table.copy()
        part.insert(0, "metric", metric)
        part["best"] = np.arange(len(part)) == (-1 if best is None else best)
        parts.append(part)
    return csv_bytes(pd.concat(parts, ignore_index=True))
