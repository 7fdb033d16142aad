"""Connectivity matrices of the classes and their reconstructions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from eegdae.reporting.names import measure_name
from eegdae.reporting.style import (
    MAGNITUDE,
    SIGNED,
    frame,
    new_figure,
    panels,
    shorten,
    styled,
)

MOST_CLASSES = 8
MOST_NAMED_CHANNELS = 24


@styled
def class_matrices(
    mean: NDArray[Any],
    reconstructed: NDArray[Any],
    *,
    classes: Sequence[str],
    ch_names: Sequence[str],
    measure: str,
    band: str,
) -> Figure:
    """Draw the mean connectivity matrix of each class, its reconstruction and what the reconstruction misses.

    Parameters
    ----------
    mean, reconstructed : ndarray, shape (n_classes, n_chans, n_chans)
        Mean over the windows of each class; the diagonal is left blank. The first eight classes are drawn.
    classes : sequence of str, length n_classes
    ch_names : sequence of str, length n_chans
    measure, band : str

    Returns
    -------
    Figure
        One colour scale for mean and reconstruction, one centred on zero for the difference.

    Raises
    ------
    ValueError
        If arrays and names disagree in shape.
    """
    n_chans = len(ch_names)
    if not mean.shape == reconstructed.shape == (len(classes), n_chans, n_chans):
        shapes = f"{mean.shape} and {reconstructed.shape}"
        raise ValueError(f"class_matrices: {shapes} for {len(classes)} classes and {n_chans} channels")
    n_shown = min(len(classes), MOST_CLASSES)
    off_diagonal = np.where(np.eye(n_chans, dtype=bool), np.nan, 1.0)
    kinds = [mean[:n_shown] * off_diagonal, reconstructed[:n_shown] * off_diagonal]
    looks = [_scale(np.stack(kinds))] * 2
    kinds.append(kinds[1] - kinds[0])
    looks.append(_scale(kinds[2], signed=True))
    # Few classes go down the page, many across it: the matrices stay large, the figure in one screen.
    across = n_shown > 3
    side = float(np.clip(8.2 / n_shown, 1.1, 2.2)) if across else 2.35
    width, height = (side * n_shown + 1.6, side * 3 + 1.1) if across else (8.4, side * n_shown + 1.5)
    figure = new_figure(width, height)
    grid = panels(figure, *((3, n_shown) if across else (n_shown, 3)), sharex=True, sharey=True)
    by_kind = grid if across else grid.T
    name = measure_name(measure)
    for k, label in enumerate(("mean of the class", "reconstruction", "difference")):
        for c in range(n_shown):
            axes = by_kind[k, c]
            image = axes.imshow(kinds[k][c], **looks[k])
            frame(axes)
            _matrix_names(axes, label, shorten(classes[c], limit=int(side * 9)), across=across)
        if k:
            where = by_kind[:2] if k == 1 else by_kind[2:]
            bar = figure.colorbar(
                image,
                ax=list(where.flat),
                label=f"{name} (a.u.)" if k == 1 else "difference (a.u.)",
                location="right" if across else "bottom",
                shrink=0.85 if across or k == 2 else 0.5,
                aspect=25,
            )
            bar.locator = MaxNLocator(5)
            bar.update_ticks()
    for axes in grid.flat:
        name_channels(axes, ch_names, side)
    of_all = f", first {n_shown} of {len(classes)} classes" if n_shown < len(classes) else ""
    figure.suptitle(f"{name}, {shorten(band, limit=40)}: mean by class and its reconstruction{of_all}")
    return figure


def _scale(values: NDArray[Any], *, signed: bool = False) -> dict[str, Any]:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if signed or low < 0:
        reach = max(-low, high) or 1.0
        return {"cmap": SIGNED, "vmin": -reach, "vmax": reach}
    return {"cmap": MAGNITUDE, "vmin": low, "vmax": high}


def _matrix_names(axes: Axes, kind: str, name: str, *, across: bool) -> None:
    place = axes.get_subplotspec()
    assert place is not None
    row, column = (kind, name) if across else (name, kind)
    if place.is_first_row():
        axes.set_title(column)
    if place.is_first_col():
        axes.set_ylabel(f"{row}\n(by channel)")
    if place.is_last_row():
        axes.set_xlabel("channel")


def name_channels(axes: Axes, ch_names: Sequence[str], side: float) -> None:
    """Write the channels beside a matrix, as many as there is room for.

    Parameters
    ----------
    axes : Axes
    ch_names : sequence of str, length n_chans
    side : float
        Of the matrix, in inches.
    """
    n_chans = len(ch_names)
    size = float(np.clip(side * 72 / n_chans * 0.75, 4.5, 8.0))
    step = 1 if n_chans <= MOST_NAMED_CHANNELS else int(np.ceil(n_chans / MOST_NAMED_CHANNELS))
    # A name needs its own height; where a panel is too small only every second or third is written.
    step = max(step, int(np.ceil(n_chans * 5.0 / (side * 72))))
    ticks = list(range(0, n_chans, step))
    shown = [shorten(ch_names[t], limit=8) for t in ticks]
    axes.set_xticks(ticks, labels=shown, rotation=90, fontsize=size)
    axes.set_yticks(ticks, labels=shown, fontsize=size)
