"""The page of a sweep: one row a setting, the paired difference to level 0, and the noise-level curve."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from eegdae.reporting.figures_scores import noise_curve
from eegdae.reporting.html import Block, FigureBlock, Section, Strong, Table, Text, figures_of, render
from eegdae.reporting.names import metric_name
from eegdae.reporting.tables import cell, interval

_STATISTICS = ("n_runs", "mean", "low", "high", "difference", "difference_low", "difference_high")


def sweep_page(
    table: pd.DataFrame,
    *,
    curve: pd.DataFrame,
    metric: str,
    title: str,
    notes: Sequence[str] = (),
    transductive: str = "",
) -> tuple[str, dict[str, bytes]]:
    """Write the page of a sweep.

    Parameters
    ----------
    table : DataFrame
        One row a setting: the setting's keys, then ``n_runs``, ``mean`` ``low`` ``high`` of the metric and
        ``difference`` ``difference_low`` ``difference_high`` to the same setting at level 0, paired by
        seed and fold. NaN where there is none.
    curve : DataFrame
        Columns of `noise_curve`; empty where the sweep has no level.
    metric : str
    title : str
    notes : sequence of str
        What must be said beside the table, e.g. which runs failed.
    transductive : str
        What the figures owe to unlabelled test windows, said beside them; empty = none were used.

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
    missing = [name for name in _STATISTICS if name not in table.columns]
    if missing:
        raise ValueError(f"sweep_page: the table has no column {', '.join(missing)}")
    name = metric_name(metric, transductive=transductive)
    blocks: list[Block] = [_settings_table(table, name)]
    if len(table) > 1:
        blocks.append(
            Text(
                "The best setting was chosen on the same folds that its figure comes from, so that "
                "figure is flattering. Judge the choice on data that no run of the sweep has seen."
            )
        )
    blocks.append(Text(*notes))
    drawn: list[Block] = []
    if len(curve):
        drawn.append(
            FigureBlock(
                figure=noise_curve(curve, metric=metric, transductive=transductive),
                name="noise_curve",
                caption=f"{name} at each level; band: 95 % interval; dotted: the value at level 0.",
                alt=f"{name} against the level of the corruption",
            )
        )
    sections = [Section("Settings", blocks), Section("Noise level", drawn)]
    return render(title, sections), figures_of(sections)


def _settings_table(table: pd.DataFrame, name: str) -> Table:
    keys = [str(column) for column in table.columns if column not in _STATISTICS]
    best = table["mean"].max()
    rows = []
    for values in table.to_dict("records"):
        texts = [cell(values[key]) for key in keys]
        texts += [cell(values["n_runs"]), interval(_statistics(values, "mean", "low", "high"))]
        texts.append(
            interval(_statistics(values, "difference", "difference_low", "difference_high"), signed=True)
        )
        is_best = values["mean"] == best and len(table) > 1
        rows.append([*(Strong(text) if is_best else text for text in texts), "best" if is_best else ""])
    header = [*keys, "runs", f"{name} [95 % interval]", "difference to level 0 [95 % interval]", ""]
    return Table(header=header, rows=rows, caption=f"{name[0].upper()}{name[1:]} of the codes by setting")


def _statistics(values: dict[object, object], *columns: str) -> dict[str, float | None]:
    numbers = (float(str(values[column])) for column in columns)
    return dict(zip(("mean", "low", "high"), (None if n != n else n for n in numbers), strict=True))
