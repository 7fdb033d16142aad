"""Figures of a sweep: a metric, or the error of reconstruction, over noise levels."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eegdae.reporting.figures_scores import METRIC_UNITS
from eegdae.reporting.names import ERROR_NAMES, metric_name, representation_name
from eegdae.reporting.style import (
    COLOURS,
    GREY,
    MARKERS,
    WIDTH,
    new_figure,
    panels,
    shorten,
    styled,
)

MOST_LINES = 7
"""Lines that one panel tells apart."""

MOST_PANELS = 12
LEVEL_LABELS = {
    "level": "level of the corruption (0 = none)",
    "snr_db": "signal-to-noise ratio (dB; more = less noise)",
}
"""What curves run along -> label of the axis."""

_DASHES = ("-", "--", "-.", (0, (6, 1.5, 1, 1.5, 1, 1.5)))

_Line = tuple[tuple[str, ...], pd.DataFrame]


@styled
def noise_curve(table: pd.DataFrame, *, metric: str, transductive: str = "", along: str = "level") -> Figure:
    """Draw a metric over the level of the corruption, beside what level 0 gives.

    Parameters
    ----------
    table : DataFrame
        Columns ``corruption`` ``representation`` (str) ``level`` ``mean`` ``low`` ``high`` (float; low and
        high may be NaN), and perhaps ``setting`` (str, what else tells lines apart) and ``reference`` (float,
        the value at level 0, for lines that have no such point).
    metric : str
    transductive : str
        What the figures owe to unlabelled test windows, said beside them; empty = none were used.
    along : str
        Key of `LEVEL_LABELS`.

    Returns
    -------
    Figure
        One line a corruption, setting and representation, its interval as a band; dotted: the value at level
        0. Up to three lines share their axes. More have a panel each, the `MOST_PANELS` highest of one
        corruption; of several corruptions with yet more lines each has a panel, without bands, with the
        `MOST_LINES` lines that come highest.

    Raises
    ------
    ValueError
        If the table has no row.
    """
    if table.empty:
        raise ValueError("noise_curve: the table has no rows")
    table = table.assign(setting=table.get("setting", ""), reference=table.get("reference", np.nan))
    keys = ["corruption", "setting", "representation"]
    lines = [(tuple(map(str, name)), line) for name, line in table.groupby(keys, sort=False)]
    kinds = list(dict.fromkeys(name[0] for name, _ in lines))
    codes = {name[2] for name, _ in lines}
    if len(lines) <= 3:
        shown = [("", lines)]
    elif len(lines) <= MOST_PANELS or len(kinds) == 1:
        lines = _highest(lines, MOST_PANELS)
        shown = [(_line_name(name, kinds, codes), [(name, line)]) for name, line in lines]
    else:
        of_kind = {kind: [item for item in lines if item[0][0] == kind] for kind in kinds[:MOST_PANELS]}
        shown = [(_spaced(kind), _highest(some, MOST_LINES)) for kind, some in of_kind.items()]
    figure, grid = _grid(len(shown), shared=True)
    looks: dict[str, dict[str, Any]] = {}
    for axes, (heading, some) in zip(grid, shown, strict=True):
        for name, line in some:
            label = _line_name(name, kinds if len(shown) == 1 else kinds[:1], codes, always=len(shown) == 1)
            if len(shown) > 1 and len(some) == 1:
                label = "mean and 95 % interval" if line["low"].notna().any() else "mean"
            look = looks.setdefault(label, _look(len(looks)))
            _line(axes, line, look, label=label, reference=True, band=len(some) <= 3)
        axes.set_title(_wrapped(heading), fontsize=9)
    _finish(grid, along=along, label=f"{metric_name(metric)}\n({METRIC_UNITS.get(metric, 'a.u.')})")
    _legend(figure, grid, looks, reference=True)
    title = metric_name(metric, transductive=transductive)
    figure.suptitle(f"{title[0].upper()}{title[1:]} over the noise level")
    return figure


@styled
def error_curves(table: pd.DataFrame, *, along: str = "level") -> Figure:
    """Draw the error of reconstruction over the level, beside doing nothing, PCA and the network of level 0.

    Parameters
    ----------
    table : DataFrame
        Columns ``corruption`` ``setting`` ``view`` ``way`` (str) ``level`` ``mean`` ``low`` ``high`` (float).
    along : str
        Key of `LEVEL_LABELS`.

    Returns
    -------
    Figure
        A panel a corruption, setting and view, the first `MOST_PANELS`; a line a way, its interval as a band.

    Raises
    ------
    ValueError
        If the table has no row.
    """
    if table.empty:
        raise ValueError("error_curves: the table has no rows")
    parts = list(table.groupby(["corruption", "setting", "view"], sort=False))[:MOST_PANELS]
    figure, grid = _grid(len(parts), shared=False)
    ways = [way for way in reversed(ERROR_NAMES) if way in set(table["way"])]
    told = {ERROR_NAMES[way]: _look(place) for place, way in enumerate(ways)}
    for axes, (name, rows) in zip(grid, parts, strict=True):
        for way in ways:
            of_way = rows[rows["way"] == way]
            _line(axes, of_way, told[ERROR_NAMES[way]], label=ERROR_NAMES[way], reference=False)
        axes.set_title(_wrapped(", ".join(_spaced(str(part)) for part in name if part)), fontsize=9)
        axes.set_ylim(bottom=0)
    _finish(grid, along=along, label="root mean squared error\n(scaled units)")
    _legend(figure, grid, told, reference=False)
    figure.suptitle("Error of reconstruction over the noise level")
    return figure


def _grid(n: int, *, shared: bool) -> tuple[Figure, Sequence[Axes]]:
    """Lay out panels, which may share their y axis."""
    n_cols = min(n, 3 if n > 4 else 2) if n > 1 else 1
    n_rows = -(-n // n_cols)
    figure = new_figure(WIDTH if n_cols > 1 else 7.6, 4.2 if n_rows == 1 else 0.6 + 2.6 * n_rows)
    grid = panels(figure, n_rows, n_cols, sharey=shared)
    for axes in grid.flat[n:]:
        axes.set_visible(False)
    return figure, list(grid.flat[:n])


def _highest(lines: Sequence[_Line], n: int) -> list[_Line]:
    """Keep the lines that come highest, in their order."""
    tops = [float(line["mean"].max()) for _, line in lines]
    kept = sorted(np.argsort([-top for top in tops], kind="stable")[:n].tolist())
    return [lines[k] for k in kept]


def _line_name(
    name: tuple[str, ...], kinds: Sequence[str], codes: Collection[str], *, always: bool = False
) -> str:
    """Say of a line what tells it apart: corruption, setting, representation."""
    parts = [_spaced(name[0])] * (len(kinds) > 1) + [name[1]] * bool(name[1])
    parts += [representation_name(name[2])] * (len(codes) > 1)
    return ", ".join(parts) or (_spaced(name[0]) if always else representation_name(name[2]))


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _wrapped(title: str) -> str:
    lines = textwrap.wrap(title, 40, break_long_words=True)
    return shorten("\n".join(lines[:3]), limit=124)


def _look(place: int) -> dict[str, Any]:
    """Colour, marker and dashes of a line, so that colour is never alone."""
    return {
        "color": COLOURS[place % len(COLOURS)],
        "marker": MARKERS[place % len(MARKERS)],
        "linestyle": _DASHES[place % len(_DASHES)],
        "markersize": 4.5,
    }


def _line(
    axes: Axes, rows: pd.DataFrame, look: Mapping[str, Any], *, label: str, reference: bool, band: bool = True
) -> None:
    line = rows.sort_values("level")
    level, mean = line["level"].to_numpy(float), line["mean"].to_numpy(float)
    low, high = line["low"].to_numpy(float), line["high"].to_numpy(float)
    if band:
        axes.fill_between(level, low, high, color=look["color"], alpha=0.15, linewidth=0)
    axes.plot(level, mean, label=label, **look)
    if reference:
        at_0 = mean[level == 0] if (level == 0).any() else line["reference"].dropna().to_numpy(float)
        if len(at_0):
            axes.axhline(float(at_0.mean()), color=look["color"], linestyle=":", linewidth=1.1)


def _finish(grid: Sequence[Axes], *, along: str, label: str) -> None:
    for axes in grid:
        curves = [line for line in axes.lines if line.get_marker() != "None"]
        levels = np.concatenate([np.asarray(line.get_xdata(), dtype=float) for line in curves])
        positive = levels[levels > 0]
        if along == "level" and len(positive) and positive.max() / positive.min() >= 50:
            least = float(positive.min())
            axes.set_xscale("symlog", linthresh=least)
            axes.set_xlim(-0.3 * least if (levels <= 0).any() else 0.8 * least, 1.3 * float(positive.max()))
        axes.grid(axis="y", color="#e3e3e3", linewidth=0.7)
        axes.set_axisbelow(True)
        axes.set_xlabel(LEVEL_LABELS[along])
        # one scale for all where they share it, else each has its own
        place = axes.get_subplotspec()
        shared = axes.get_shared_y_axes().joined(axes, grid[0])
        if not shared or place is None or place.is_first_col():
            axes.set_ylabel(label)


def _legend(figure: Figure, grid: Sequence[Axes], told: Mapping[str, Any], *, reference: bool) -> None:
    if reference:
        grid[0].plot([], [], color=GREY, linestyle=":", label="value at level 0")
    found = {str(line.get_label()): line for axes in grid for line in axes.lines}
    names = [*told, *(["value at level 0"] if reference else [])]
    handles = [found[name] for name in names]
    texts = [shorten(name, limit=44) for name in names]
    if len(grid) == 1:
        grid[0].legend(handles, texts, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
    else:
        figure.legend(handles, texts, loc="outside lower center", ncols=min(len(texts), 3))
