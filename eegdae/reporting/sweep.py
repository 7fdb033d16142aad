"""The page of a sweep: the answer, the settings, curves over the level, maps and importance."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from eegdae.reporting.figures_heat_map import heat_map
from eegdae.reporting.figures_search import importance_bars, parallel_coordinates
from eegdae.reporting.figures_sweep import MOST_LINES, MOST_PANELS, error_curves, noise_curve
from eegdae.reporting.html import Block, FigureBlock, Section, Strong, Table, Text, figures_of, render
from eegdae.reporting.names import ERROR_NAMES, metric_name
from eegdae.reporting.sweep_data import SweepData
from eegdae.reporting.tables import cell, interval, setting_cell, setting_key

MOST_ROWS = 200
"""Settings that the page lists; all are in its CSV file."""

_STATISTICS = ("n_runs", "mean", "low", "high", "difference", "difference_low", "difference_high", "p_holm")


def sweep_page(data: SweepData) -> tuple[str, dict[str, bytes]]:
    """Write the page of a sweep.

    Parameters
    ----------
    data : SweepData

    Returns
    -------
    html : str
    figures : dict of str to bytes
        File name -> PNG of every figure in it.

    Raises
    ------
    ValueError
        If the table lacks a column.
    """
    missing = [name for name in _STATISTICS if len(data.table) and name not in data.table.columns]
    if missing:
        raise ValueError(f"sweep_page: the table has no column {', '.join(missing)}")
    answer: list[Block] = [data.answer] if data.answer else []
    answer += [Text(line) for line in data.cautions]
    answer += [data.baselines] if data.baselines else []
    sections = [
        Section("Answer", answer),
        Section("Noise level", _curves(data)),
        Section("Two keys together", _map(data)),
        Section("Search" if data.search else "All runs", _search(data)),
        Section("Settings", [_settings(data)] if len(data.table) else []),
        Section("Reconstruction", [_errors(data)] if len(data.errors) else []),
        Section("How this was computed", [Text(*data.notes)] if data.notes else []),
        Section("Left out", [Text(*data.left_out)] if data.left_out else []),
    ]
    return render(data.title, sections), figures_of(sections)


def _curves(data: SweepData) -> list[Block]:
    blocks: list[Block] = []
    name = metric_name(data.metric, transductive=data.transductive)
    if len(data.curve):
        blocks.append(
            FigureBlock(
                figure=noise_curve(
                    data.curve, metric=data.metric, transductive=data.transductive, along=data.along
                ),
                name="noise_curve",
                caption=f"{_capital(name)} on test rows at each level; "
                f"{'band: 95 % interval over people; ' if data.curve['low'].notna().any() else ''}"
                f"dotted: the value at level 0.{_left_undrawn(data.curve)}",
                alt=f"{name} against the level of the corruption",
            )
        )
    if len(data.error_curve):
        blocks.append(
            FigureBlock(
                figure=error_curves(data.error_curve, along=data.along),
                name="error_curve",
                caption="Runs without labels: error of bringing corrupted windows back, beside PCA "
                "of the same dimension, the same network trained at level 0, and doing nothing; band: 95 % "
                "interval over folds. The level is that of the test windows too, so errors of two levels are "
                "of two tasks: compare lines at one level.",
                alt="error of reconstruction against the level of the corruption",
            )
        )
    return blocks


def _left_undrawn(curve: pd.DataFrame) -> str:
    """Say which lines of a noise-level curve the figure leaves out."""
    kinds, lines = curve["corruption"].nunique(), len(curve[["corruption", "setting"]].drop_duplicates())
    if lines <= MOST_PANELS:
        return ""
    if kinds == 1:
        return f" Only the {MOST_PANELS} of {lines} lines that come highest are drawn."
    few = f" Of each corruption at most the {MOST_LINES} lines that come highest are drawn, without bands."
    return few + (f" Only the first {MOST_PANELS} of {kinds} corruptions." if kinds > MOST_PANELS else "")


def _map(data: SweepData) -> list[Block]:
    if len(data.keys) != 2 or not len(data.table):
        return []
    counts = [data.table[key].nunique(dropna=False) for key in data.keys]
    # a map of which less than half is filled shows nothing that the table does not
    if min(counts) < 2 or len(data.table) * 2 < counts[0] * counts[1]:
        return []
    numeric = [pd.api.types.is_numeric_dtype(data.table[key]) for key in data.keys]
    y, x = data.keys if not (numeric[0] and not numeric[1]) else data.keys[::-1]
    table = data.table.rename(columns=setting_key)
    for key in data.keys:
        if key.endswith("._target_"):
            table[setting_key(key)] = [setting_cell(key, value) for value in data.table[key]]
    x, y = setting_key(x), setting_key(y)
    best = None if data.best is None else (table.iloc[data.best][x], table.iloc[data.best][y])
    name = metric_name(data.metric, transductive=data.transductive)
    return [
        FigureBlock(
            figure=heat_map(table, x=x, y=y, label=f"{name} (share, 0 to 1)", best=best),
            name="heat_map",
            caption=f"{_capital(name)} on test rows, mean over people and runs; framed: the best; "
            "crossed: no run.",
            alt=f"{name} for every pair of {x} and {y}",
        )
    ]


def _search(data: SweepData) -> list[Block]:
    blocks: list[Block] = [Text(*data.search)] if data.search else []
    if len(data.across) and data.values and data.across[data.values[0][0]].notna().any():
        first, label, maximize = data.values[0]
        blocks.append(
            FigureBlock(
                figure=parallel_coordinates(
                    data.across, values=[name for name, *_ in data.values], label=label, maximize=maximize
                ),
                name="parallel_coordinates",
                caption=f"A line a run; colour: {label}; the best are thick and drawn last.",
                alt=f"parameters of every run and {first}",
            )
        )
    if len(data.importance):
        blocks.append(
            FigureBlock(
                figure=importance_bars(data.importance, label=data.importance_label),
                name="importance",
                caption=data.importance_note,
                alt="importance of each swept parameter",
            )
        )
    elif data.importance_note:
        blocks.append(Text(data.importance_note))
    return blocks


def _settings(data: SweepData) -> Table:
    name = metric_name(data.metric, transductive=data.transductive)
    table = data.table.reset_index(drop=True)
    by = "validation" if "validation" in table and table["validation"].notna().all() else "mean"
    shown = table
    if len(table) > MOST_ROWS:
        shown = table.sort_values(by, ascending=False, kind="stable").head(MOST_ROWS)
    has_validation = "validation" in table and table["validation"].notna().any()
    rows = []
    for number, values in zip(shown.index, shown.to_dict("records"), strict=True):
        texts = [*(setting_cell(key, values[key]) for key in data.keys), cell(values["n_runs"])]
        texts += [interval({"mean": _number(values["validation"])})] if has_validation else []
        texts.append(interval(_statistics(values, "mean", "low", "high")))
        difference = _statistics(values, "difference", "difference_low", "difference_high")
        texts += [interval(difference, signed=True), p_text(_number(values["p_holm"]))]
        is_best = number == data.best
        rows.append([*(Strong(text) if is_best else text for text in texts), "best" if is_best else ""])
    header = [
        *map(setting_key, data.keys),
        "runs",
        *(["validation"] if has_validation else []),
        name,
        "difference to level 0",
        "p (Holm)",
        "",
    ]
    notes = []
    if len(shown) < len(table):
        notes = [f"The first {MOST_ROWS} of {len(table)} settings by {by}; all are in sweep.csv."]
    caption = f"{_capital(name)} of the codes by setting (95 % intervals)"
    return Table(header=header, rows=rows, caption=caption, notes=notes)


def _errors(data: SweepData) -> Table:
    ways = [way for way in reversed(ERROR_NAMES) if way in set(data.errors["way"])]
    rows = []
    for _, part in data.errors.groupby([*data.keys, "view"], sort=False, dropna=False):
        first = part.iloc[0]
        of_way = {row["way"]: row for row in part.to_dict("records")}
        texts = [
            *(setting_cell(key, first[key]) for key in data.keys),
            str(first["view"]),
            cell(int(first["n_runs"])),
        ]
        rows.append(
            texts
            + [
                interval(_statistics(of_way[way], "mean", "low", "high")) if way in of_way else ""
                for way in ways
            ]
        )
    header = [
        *map(setting_key, data.keys),
        "view",
        "runs",
        *(ERROR_NAMES[way] for way in ways),
    ]
    return Table(
        header=header,
        rows=rows[:MOST_ROWS],
        caption="Root mean squared error of reconstruction (scaled units), mean over folds and runs, 95 % "
        "intervals",
        notes=[f"The first {MOST_ROWS} of {len(rows)} rows."] if len(rows) > MOST_ROWS else [],
    )


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]


def p_text(p: float | None) -> str:
    """Write a p-value.

    Parameters
    ----------
    p : float or None

    Returns
    -------
    str
        Three digits, ``<0.001`` below; empty where there is none.
    """
    if p is None:
        return ""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _number(value: object) -> float | None:
    number = float("nan") if value is None else float(str(value))
    return None if number != number else number


def _statistics(values: Mapping[object, object], *columns: str) -> dict[str, float | None]:
    return dict(zip(("mean", "low", "high"), (_number(values[column]) for column in columns), strict=True))
