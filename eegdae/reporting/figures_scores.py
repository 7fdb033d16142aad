"""Figures of the verdict: confusion, and representations compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eegdae.reporting.names import metric_name, representation_name
from eegdae.reporting.report_data import Metrics
from eegdae.reporting.style import COLOURS, GREY, frame, new_figure, panels, shorten, styled

METRIC_UNITS = {"balanced_accuracy": "share, 0 to 1", "roc_auc": "area, 0 to 1"}
"""Metric -> unit and range, as an axis says it."""


@styled
def confusion(matrix: NDArray[Any], *, classes: Sequence[str], transductive: str = "") -> Figure:
    """Draw which class was taken for which.

    Parameters
    ----------
    matrix : ndarray of int, shape (n_classes, n_classes)
        Counts of windows, row = true class, column = predicted class.
    classes : sequence of str, length n_classes
    transductive : str
        What the figures owe to unlabelled test windows, said beside them; empty = none were used.

    Returns
    -------
    Figure
        Colour: share of the row; number: count, under the share in percent.

    Raises
    ------
    ValueError
        If matrix and classes disagree in shape.
    """
    n = len(classes)
    if matrix.shape != (n, n):
        raise ValueError(f"confusion: matrix {matrix.shape} for {n} classes")
    share = 100.0 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(0.62 * n, 2.4, 8.0))
    figure = new_figure(side + 2.0, side + 1.2)
    axes = panels(figure, 1, 1)[0, 0]
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
    frame(axes)
    if n <= 16:  # beyond, numbers no longer fit their cells
        for row, column in np.ndindex(n, n):
            text = (
                f"{share[row, column]:.0f} %\n{matrix[row, column]}"
                if n <= 10
                else f"{share[row, column]:.0f}"
            )
            colour = "white" if share[row, column] > 55 else "black"
            if not matrix[row, column]:
                text, colour = "0", GREY
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    names = [shorten(name, limit=16) for name in classes]
    axes.set_xticks(range(n), labels=names, rotation=90 if max(map(len, names), default=0) > 6 else 0)
    axes.set_yticks(range(n), labels=names)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    figure.colorbar(image, ax=axes, label="share of the true class (%)", shrink=0.9)
    figure.suptitle("Confusion of held-out windows" + (f" ({transductive})" if transductive else ""))
    return figure


@styled
def metric_bars(metrics: Metrics, *, metric: str, transductive: str = "") -> Figure:
    """Draw one metric of every representation: mean and interval, with the chance line.

    Parameters
    ----------
    metrics : mapping
        ``{representation: {metric: {"mean": , "low": , "high": }}}``; those without the metric
        are left out.
    metric : str
    transductive : str
        What the figures owe to unlabelled test windows, said beside them; empty = none were used.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If no representation has the metric.
    """
    entries = {
        key: value[metric] for key, value in metrics.items() if value.get(metric, {}).get("mean") is not None
    }
    if not entries:
        raise ValueError(f"metric_bars: no representation has {metric!r}")
    chance = entries.pop("chance", {}).get("mean")
    figure = new_figure(7.2, 1.3 + 0.34 * max(len(entries), 2))
    axes = panels(figure, 1, 1)[0, 0]
    for row, (key, value) in enumerate(entries.items()):
        colour = COLOURS[0] if key == "codes" else "#444444"
        mean, low, high = (value.get(part) for part in ("mean", "low", "high"))
        if low is not None and high is not None:
            axes.plot([low, high], [row, row], color=colour, linewidth=2.0, solid_capstyle="butt")
        axes.plot([mean], [row], marker="o", markersize=6.5, color=colour, linestyle="")
    if chance is not None:
        axes.axvline(chance, color=COLOURS[1], linestyle="--", linewidth=1.1)
        axes.text(chance, -0.7, " chance", color=COLOURS[1], fontsize=8, va="top")
    axes.set_yticks(
        range(len(entries)), labels=[shorten(representation_name(key), limit=28) for key in entries]
    )
    axes.set_ylim(len(entries) - 0.4, -0.75)
    axes.grid(axis="x", color="#e3e3e3", linewidth=0.7)
    axes.set_axisbelow(True)
    name = metric_name(metric, transductive=transductive)
    axes.set_xlabel(f"{metric_name(metric)} ({METRIC_UNITS.get(metric, 'a.u.')})")
    axes.set_ylabel("representation")
    shown = " and 95 % interval" if any(value.get("low") is not None for value in entries.values()) else ""
    figure.suptitle(f"{name[0].upper()}{name[1:]}: mean{shown}")
    return figure
