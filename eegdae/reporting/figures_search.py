"""Figures of a search: all settings across parallel axes, and how much each parameter decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eegdae.reporting.style import COLOURS, GREY, MAGNITUDE, WIDTH, new_figure, panels, shorten, styled
from eegdae.reporting.tables import cell

MOST_AXES = 9
_LOG_FROM = 50.0


@styled
def parallel_coordinates(
    table: pd.DataFrame, *, values: Sequence[str], label: str, maximize: bool = True
) -> Figure:
    """Draw each run as a line across its parameters, coloured by what it came to.

    Parameters
    ----------
    table : DataFrame
        A row a run: a column a parameter (numbers or text; None = not there), and those of ``values``.
    values : sequence of str
        Columns of figures, the first of which colours the lines; they stand on the right.
    label : str
        What the first is, with its unit.
    maximize : bool
        Whether more of it is better; the best are drawn last and thick.

    Returns
    -------
    Figure
        At most `MOST_AXES` axes: parameters in their order, then the values.

    Raises
    ------
    ValueError
        If no run has a figure.
    """
    table = table[table[values[0]].notna()]
    if table.empty:
        raise ValueError("parallel_coordinates: no run has a figure")
    names = [name for name in table if name not in values][: MOST_AXES - len(values)] + list(values)
    figure = new_figure(WIDTH, 4.4)
    axes = panels(figure, 1, 1)[0, 0]
    places = np.column_stack([_axis(axes, k, str(name), table[name]) for k, name in enumerate(names)])
    figures = table[values[0]].to_numpy(float)
    colours = matplotlib.colormaps[MAGNITUDE]
    norm = Normalize(figures.min(), figures.max() if np.ptp(figures) else figures.min() + 1)
    order = np.argsort(figures if maximize else -figures, kind="stable")
    best = set(order[-max(1, min(5, len(order) // 10)) :].tolist())
    for row in order.tolist():
        thick = {"linewidth": 2.4, "alpha": 1.0} if row in best else {"linewidth": 1.0, "alpha": 0.55}
        # the light end of the colours would be lost on white
        axes.plot(range(len(names)), places[row], color=colours(0.92 * norm(figures[row])), **thick)
    axes.set_xticks(
        range(len(names)),
        labels=[shorten(str(name), limit=26) for name in names],
        rotation=20 if len(names) > 4 else 0,
        ha="right" if len(names) > 4 else "center",
    )
    axes.set_xlim(-0.25, len(names) - 0.55)
    axes.set_ylim(-0.06, 1.06)
    axes.set_yticks([])
    for side in ("left", "top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="x", length=0, pad=8)
    axes.set_xlabel("swept parameter, then figure (own scale on each axis)")
    axes.set_ylabel("value (least to most)")
    shown = matplotlib.colors.ListedColormap(colours(0.92 * np.linspace(0, 1, 256)))
    figure.colorbar(ScalarMappable(norm, shown), ax=axes, label=label, pad=0.02)
    figure.suptitle("All runs across their parameters; thick: the best")
    return figure


@styled
def importance_bars(
    table: pd.DataFrame, *, label: str, title: str = "Importance of each parameter"
) -> Figure:
    """Draw how much each parameter decides.

    Parameters
    ----------
    table : DataFrame
        Columns ``parameter`` (str), ``importance``, ``chance`` (float; NaN = none).
    label : str
        What the number is, with its unit.
    title : str

    Returns
    -------
    Figure
        A bar a parameter; grey mark: what a parameter without influence would come to.

    Raises
    ------
    ValueError
        If the table has no row.
    """
    if table.empty:
        raise ValueError("importance_bars: the table has no rows")
    table = table.head(20)
    figure = new_figure(7.2, 1.3 + 0.34 * max(len(table), 2))
    axes = panels(figure, 1, 1)[0, 0]
    rows = np.arange(len(table))
    axes.barh(rows, table["importance"].to_numpy(float), color=COLOURS[0], height=0.6)
    chance = table["chance"].to_numpy(float)
    if np.isfinite(chance).any():
        axes.plot(
            chance,
            rows,
            linestyle="",
            marker="|",
            markersize=15,
            markeredgewidth=2.2,
            color=GREY,
            label="without influence",
        )
        axes.legend(loc="lower right")
    axes.set_yticks(rows, labels=[shorten(str(name), limit=34) for name in table["parameter"]])
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.grid(axis="x", color="#e3e3e3", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel(label)
    axes.set_ylabel("parameter (swept)")
    figure.suptitle(title)
    return figure


def _axis(axes: Axes, at: int, name: str, column: pd.Series[Any]) -> NDArray[np.float64]:
    """Draw one axis with its ticks; give the height of every run on it, 0 to 1."""
    axes.axvline(at, color="#555555", linewidth=0.9, zorder=3)
    values = [None if value is None or value != value else value for value in column]
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        heights, ticks = _numbers(np.array([np.nan if v is None else float(str(v)) for v in values]))
    else:
        words = list(dict.fromkeys(cell(value) for value in known))
        words += ["not there"] * (len(known) < len(values))
        step = 1.0 / max(len(words) - 1, 1)
        ticks = [
            (0.5 if len(words) == 1 else step * k, shorten(word, limit=16)) for k, word in enumerate(words)
        ]
        place = dict(zip(words, (height for height, _ in ticks), strict=True))
        heights = np.array([place["not there" if v is None else cell(v)] for v in values])
    for height, text in ticks[:: -(-len(ticks) // 14)]:
        box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6}
        axes.text(at + 0.03, height, text, fontsize=7.5, va="center", zorder=4, bbox=box)
    return heights


def _numbers(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[tuple[float, str]]]:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    levels = np.unique(values[np.isfinite(values)])
    is_log = low > 0 and high / low >= _LOG_FROM
    if high == low:
        return np.where(np.isfinite(values), 0.5, np.nan), [(0.5, cell(low))]

    def height(value: NDArray[np.float64]) -> NDArray[np.float64]:
        if is_log:
            value, least, most = np.log(value), np.log(low), np.log(high)
        else:
            least, most = np.float64(low), np.float64(high)
        return np.asarray((value - least) / (most - least), dtype=np.float64)

    if len(levels) > 6:
        levels = np.geomspace(low, high, 4) if is_log else np.linspace(low, high, 5)
    return height(values), [(float(height(np.array(level))), f"{level:.3g}") for level in levels.tolist()]
