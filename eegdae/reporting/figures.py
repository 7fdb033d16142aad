"""Figures of the training and of the codes it ends with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from eegdae.reporting.style import COLOURS, MAGNITUDE, MARKERS, WIDTH, new_figure, panels, shorten, styled

MOST_MARKED_GROUPS = len(MARKERS)


@styled
def loss_curves(history: pd.DataFrame) -> Figure:
    """Draw the training loss of every stage, one panel a view.

    Parameters
    ----------
    history : DataFrame
        Columns ``model`` ``view`` ``stage`` (str), ``epoch`` (int), ``loss`` (float). The final model is
        drawn in colour; other models (the folds) are thin lines behind it.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there is no row.
    """
    if history.empty:
        raise ValueError("loss_curves: history has no rows")
    views = list(dict.fromkeys(history["view"]))
    models = list(dict.fromkeys(history["model"]))
    main = "final" if "final" in models else models[-1]
    n_cols = min(len(views), 3)
    n_rows = math.ceil(len(views) / n_cols)
    figure = new_figure(WIDTH if n_cols == 3 else 1.6 + 3.6 * n_cols, 0.5 + 2.7 * n_rows)
    grid = panels(figure, n_rows, n_cols)
    for axes in grid.flat[len(views) :]:
        axes.set_axis_off()
    for axes, view in zip(grid.flat, views, strict=False):
        _loss_panel(axes, history[history["view"] == view], main)
        axes.set_title(shorten(str(view), limit=40))
    folds = ", thin lines: the models of the folds" if len(models) > 1 else ""
    figure.suptitle(f"Training loss of each stage ({main} model{folds})")
    return figure


@styled
def code_map(
    codes2d: NDArray[Any],
    *,
    labels: Sequence[str],
    title: str,
    legend_title: str,
    explained: tuple[float, float],
) -> Figure:
    """Draw codes in two dimensions, coloured by group.

    Parameters
    ----------
    codes2d : ndarray, shape (n_windows, 2)
        First two principal components of the codes.
    labels : sequence of str, length n_windows
        Class or subject of each row.
    title, legend_title : str
    explained : (float, float)
        Share of the variance on each component, 0 to 1.

    Returns
    -------
    Figure
        Up to 12 groups differ by colour and marker; more share a colour bar in sorted order.

    Raises
    ------
    ValueError
        If codes and labels disagree in length.
    """
    if len(codes2d) != len(labels):
        raise ValueError(f"code_map: {len(codes2d)} codes and {len(labels)} labels")
    groups = sorted(set(labels), key=_natural)
    index = {group: i for i, group in enumerate(groups)}
    members = np.array([index[label] for label in labels])
    figure = new_figure(6.6, 4.8)
    axes = panels(figure, 1, 1)[0, 0]
    size = float(np.clip(6000 / max(len(members), 1), 9, 40))
    # Groups drawn one after another would bury the first ones, hence a fixed shuffled order.
    order = np.random.default_rng(0).permutation(len(members))
    if len(groups) <= MOST_MARKED_GROUPS:
        _marked(axes, codes2d, members, order, size, groups)
        axes.legend(
            title=legend_title,
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            borderaxespad=0.0,
            markerscale=1.2,
        )
    else:
        colours = matplotlib.colormaps[MAGNITUDE](members[order] / (len(groups) - 1))
        axes.scatter(*codes2d[order].T, c=colours, s=size, alpha=0.8, linewidths=0)
        _group_bar(figure, axes, groups, legend_title)
    axes.set_xlabel(f"first principal component ({100 * explained[0]:.0f} % of variance)")
    axes.set_ylabel(f"second principal component ({100 * explained[1]:.0f} % of variance)")
    figure.suptitle(title)
    return figure


def _loss_panel(axes: Axes, rows: pd.DataFrame, main: str) -> None:
    stages = list(dict.fromkeys(rows["stage"]))
    for (model, stage), line in rows.groupby(["model", "stage"], sort=False):
        is_main = model == main
        axes.plot(
            line["epoch"].to_numpy(),
            line["loss"].to_numpy(),
            color=COLOURS[stages.index(stage) % len(COLOURS)],
            linestyle=("-", "--", ":")[stages.index(stage) // len(COLOURS) % 3],
            linewidth=1.6 if is_main else 0.5,
            alpha=1.0 if is_main else 0.35,
            marker="o" if len(line) == 1 else "",
            markersize=4,
            label=shorten(str(stage), limit=24) if is_main else None,
        )
    if (rows["loss"] > 0).all():
        _log_axis(axes, rows["loss"].max() / rows["loss"].min())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel("training loss (a.u.)")
    axes.legend(loc="best")


def _log_axis(axes: Axes, ratio: float) -> None:
    axes.set_yscale("log")
    # Powers of ten alone would leave a curve within one decade without a number.
    if ratio < 3:
        axes.yaxis.set_major_locator(MaxNLocator(5))
    else:
        subs = (1, 2, 3, 5) if ratio < 20 else (1, 2, 5) if ratio < 1000 else (1,)
        axes.yaxis.set_major_locator(LogLocator(subs=subs))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _marked(
    axes: Axes,
    points: NDArray[Any],
    members: NDArray[Any],
    order: NDArray[Any],
    size: float,
    groups: list[str],
) -> None:
    options: dict[str, Any] = {"s": size, "alpha": 0.75, "linewidths": 0.0}
    for g, group in enumerate(groups):
        name = shorten(group or "(none)", limit=22)
        look: dict[str, Any] = {"color": COLOURS[g % len(COLOURS)], "marker": MARKERS[g]}
        axes.scatter([], [], **options, **look, label=name)
    for chunk in np.array_split(order, min(24, len(order))):
        for g in range(len(groups)):
            rows = chunk[members[chunk] == g]
            axes.scatter(*points[rows].T, **options, color=COLOURS[g % len(COLOURS)], marker=MARKERS[g])


def _group_bar(figure: Figure, axes: Axes, groups: list[str], title: str) -> None:
    bar = figure.colorbar(ScalarMappable(Normalize(0, len(groups) - 1), MAGNITUDE), ax=axes)
    shown = np.unique(np.linspace(0, len(groups) - 1, min(len(groups), 10)).round().astype(int))
    bar.set_ticks(list(shown), labels=[shorten(groups[i], limit=22) for i in shown])
    bar.set_label(f"{title} ({len(groups)} in sorted order)", labelpad=8)


def _natural(name: str) -> tuple[int, float, str]:
    return (0, float(name), name) if name.isdigit() else (1, 0.0, name)
