"""Figure of a sweep over two keys: a map of what each pair of values came to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from eegdae.reporting.style import (
    COLOURS,
    GREY,
    MAGNITUDE,
    WIDTH,
    frame,
    new_figure,
    panels,
    shorten,
    styled,
)
from eegdae.reporting.tables import cell


@styled
def heat_map(
    table: pd.DataFrame, *, x: str, y: str, label: str, best: tuple[object, object] | None = None
) -> Figure:
    """Draw a figure over two swept keys.

    Parameters
    ----------
    table : DataFrame
        A row a setting: columns ``x`` and ``y`` (numbers or text) and ``mean``.
    x, y : str
        Names of the two columns.
    label : str
        What ``mean`` is, with its unit.
    best : tuple or None
        Values of ``x`` and ``y`` of the setting to frame.

    Returns
    -------
    Figure
        Crossed out where no run stands.

    Raises
    ------
    ValueError
        If the table has no row.
    """
    if table.empty:
        raise ValueError("heat_map: the table has no rows")
    values = {name: _in_order(table[name]) for name in (x, y)}
    columns, rows = values[x], values[y]
    grid = np.full((len(rows), len(columns)), np.nan)
    for entry in table.to_dict("records"):
        grid[rows.index(_known(entry[y])), columns.index(_known(entry[x]))] = entry["mean"]
    figure = new_figure(
        float(np.clip(2.6 + 0.62 * len(columns), 5.0, WIDTH)),
        float(np.clip(1.6 + 0.42 * len(rows), 3.2, 8.0)),
    )
    axes = panels(figure, 1, 1)[0, 0]
    image = axes.imshow(grid, cmap=MAGNITUDE, aspect="auto", origin="lower")
    frame(axes)
    low, high = np.nanmin(grid), np.nanmax(grid)
    for row, column in np.ndindex(*grid.shape):
        value = grid[row, column]
        if np.isnan(value):
            axes.plot([column - 0.5, column + 0.5], [row - 0.5, row + 0.5], color=GREY, linewidth=0.7)
            axes.plot([column - 0.5, column + 0.5], [row + 0.5, row - 0.5], color=GREY, linewidth=0.7)
        elif len(columns) <= 14 and len(rows) <= 20:
            colour = "white" if high > low and (value - low) / (high - low) < 0.6 else "black"
            axes.text(column, row, f"{value:.3f}", ha="center", va="center", fontsize=7.5, color=colour)
    if best is not None and best[0] in columns and best[1] in rows:
        corner = (columns.index(best[0]) - 0.5, rows.index(best[1]) - 0.5)
        axes.add_patch(
            Rectangle(corner, 1, 1, fill=False, edgecolor=COLOURS[1], linewidth=2.4, clip_on=False)
        )
    _ticks(axes, columns, rows)
    axes.set_xlabel(f"{x} (swept)")
    axes.set_ylabel(f"{y} (swept)")
    figure.colorbar(image, ax=axes, label=label)
    figure.suptitle(f"{label.partition(' (')[0][0].upper()}{label.partition(' (')[0][1:]} over both keys")
    return figure


def _known(value: object) -> object:
    return None if value is None or value != value else value


def _in_order(column: pd.Series[Any]) -> list[Any]:
    """Values as an axis shows them: numbers by size, words as they came, what is missing last."""
    values: list[Any] = [value for value in dict.fromkeys(map(_known, column)) if value is not None]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return (sorted(values) if numbers else values) + [None] * bool(column.isna().any())


def _ticks(axes: Axes, columns: Sequence[object], rows: Sequence[object]) -> None:
    names = {
        "x": [shorten(cell(v), limit=18) for v in columns],
        "y": [shorten(cell(v), limit=28) for v in rows],
    }
    every = {side: -(-len(found) // 40) for side, found in names.items()}
    turned = 90 if max(map(len, names["x"]), default=0) > 6 else 0
    axes.set_xticks(range(0, len(columns), every["x"]), labels=names["x"][:: every["x"]], rotation=turned)
    axes.set_yticks(range(0, len(rows), every["y"]), labels=names["y"][:: every["y"]])
