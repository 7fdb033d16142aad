"""Connectivity three ways: as a matrix, round a circle and over the scalp."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from eegdae.reporting.figures_matrices import name_channels
from eegdae.reporting.figures_network import (
    draw_circle,
    draw_scalp,
    luminance,
    neutral_value,
    strongest_edges,
)
from eegdae.reporting.names import measure_name
from eegdae.reporting.style import SIGNED, STRENGTH, WIDTH, frame, new_figure, panels, shorten, styled

_SIDE = 2.75


@styled
def connectivity_pictures(
    values: NDArray[Any],
    *,
    names: Sequence[str],
    ch_names: Sequence[str],
    ch_pos: NDArray[Any] | None = None,
    measure: str,
    band: str,
    difference: NDArray[Any] | None = None,
    difference_name: str = "difference",
    significant: NDArray[np.bool_] | None = None,
    note: str = "",
    n_edges: int | None = None,
) -> Figure:
    """Draw connectivity as a matrix, its strongest edges round a circle and, with positions, over the scalp.

    For a window or the mean of a class give one matrix, for classes one each, and for what differs between
    two classes the difference with its test; any of them may be left out.

    Parameters
    ----------
    values : ndarray, shape (n_matrices, n_chans, n_chans)
        Row = x, column = y; NaN = missing. They share one colour scale. n_matrices may be 0.
    names : sequence of str, length n_matrices
        What each matrix is, e.g. ``"rest"``.
    ch_names : sequence of str, length n_chans
    ch_pos : ndarray, shape (n_chans, 3), or None
        Metres, head coordinates; None leaves the scalp out.
    measure, band : str
        E.g. ``"plv"`` and ``"alpha (8 to 13 Hz)"``.
    difference : ndarray, shape (n_chans, n_chans), or None
        Drawn last, on a scale of its own, centred on zero.
    difference_name : str
        E.g. ``"task - rest"``.
    significant : ndarray of bool, shape (n_chans, n_chans), or None
        Edges of the difference that passed a test: marked in the matrix, the only ones drawn as a network.
        None = not tested.
    note : str
        Under the figure, e.g. the test and what it found.
    n_edges : int or None
        Most edges of a network; None = 5 %, at least 20, at most 100 and no more than a third.

    Returns
    -------
    Figure
        One matrix: its pictures side by side. More: one column each.

    Raises
    ------
    ValueError
        If arrays and names disagree in shape, or there is nothing to draw.
    """
    _check(values, names, ch_names, ch_pos, difference, significant)
    off_diagonal = np.where(np.eye(len(ch_names), dtype=bool), np.nan, 1.0)
    columns = [(matrix * off_diagonal, name) for matrix, name in zip(values, names, strict=True)]
    looks = [_colours(values * off_diagonal)] * len(columns) if columns else []
    networks = [strongest_edges(matrix, n_edges=n_edges) for matrix, _ in columns]
    if difference is not None:
        columns.append((difference * off_diagonal, difference_name))
        looks.append(_colours(columns[-1][0], signed=True))
        networks.append(
            strongest_edges(columns[-1][0], is_difference=True, significant=significant, n_edges=n_edges)
        )
    n_kinds = 2 if ch_pos is None else 3
    is_row = len(columns) == 1
    n_across = n_kinds if is_row else len(columns)
    side = min(_SIDE, WIDTH / n_across)
    note = _lines(note, 14.5 * (side * n_across + 0.6))
    height = (side + 1.6 if is_row else side * n_kinds + 1.2) + 0.17 * (len(note.splitlines()))
    figure = new_figure(side * n_across + 0.9, height)
    grid = panels(figure, *((1, n_kinds) if is_row else (n_kinds, len(columns))))
    by_column = grid if is_row else grid.T
    for axes, (matrix, name), colours, network, k in zip(
        by_column, columns, looks, networks, range(len(columns)), strict=True
    ):
        is_difference = difference is not None and k == len(columns) - 1
        _matrix(axes[0], matrix, colours, ch_names, side, significant if is_difference else None)
        marked = is_difference and significant is not None and bool(significant.any())
        title = shorten(name, limit=int(side * 11)) + " (dots: significant)" * marked
        axes[0].set_title(title, fontsize=9 if marked else None)
        if k == 0:
            axes[0].set_ylabel("channel (row)")
        else:
            axes[0].sharey(by_column[0, 0])
            axes[0].tick_params(labelleft=False)
        axes[0].set_xlabel("channel (column)")
        draw_circle(axes[1], network, ch_names=ch_names, ch_pos=ch_pos, colours=colours)
        axes[1].set_title(network.sentence, fontsize=8.5)
        if ch_pos is not None:
            draw_scalp(axes[2], network, ch_names=ch_names, ch_pos=ch_pos, colours=colours)
    n_values = len(values)
    name = measure_name(measure)
    if n_values:
        _bar(figure, looks[0], list(by_column[:n_values].flat), f"{name} (a.u.)", n_values, is_row)
    if difference is not None:
        _bar(figure, looks[-1], list(by_column[-1]), f"difference of {name} (a.u.)", 1, is_row)
    figure.suptitle(f"{name}, {shorten(band, limit=40)}")
    if note:
        figure.supxlabel(note.replace("$", r"\$"), fontsize=8.5)
    return figure


def _check(
    values: NDArray[Any],
    names: Sequence[str],
    ch_names: Sequence[str],
    ch_pos: NDArray[Any] | None,
    difference: NDArray[Any] | None,
    significant: NDArray[np.bool_] | None,
) -> None:
    n_chans = len(ch_names)
    square = (n_chans, n_chans)
    wrong = [
        f"{key} {array.shape}"
        for key, array, shape in (
            ("values", values, (len(names), *square)),
            ("ch_pos", ch_pos, (n_chans, 3)),
            ("difference", difference, square),
            ("significant", significant, square),
        )
        if array is not None and array.shape != shape
    ]
    if wrong:
        raise ValueError(
            f"connectivity_pictures: {', '.join(wrong)} for {len(names)} names and {n_chans} channels"
        )
    if not len(names) and difference is None:
        raise ValueError("connectivity_pictures: neither values nor a difference to draw")


def _colours(values: NDArray[Any], *, signed: bool = False) -> ScalarMappable:
    """One scale for matrices and edges; diverging about the value that means nothing where there is one."""
    seen = values[np.isfinite(values)]
    low, high = (float(seen.min()), float(seen.max())) if len(seen) else (0.0, 1.0)
    neutral = neutral_value(values)
    if signed or low < 0 or neutral:
        reach = max(neutral - low, high - neutral) or 1.0
        return ScalarMappable(Normalize(neutral - reach, neutral + reach), SIGNED)
    return ScalarMappable(Normalize(low, high if high > low else low + 1.0), STRENGTH)


def _matrix(
    axes: Axes,
    matrix: NDArray[Any],
    colours: ScalarMappable,
    ch_names: Sequence[str],
    side: float,
    significant: NDArray[np.bool_] | None,
) -> None:
    low, high = colours.get_clim()
    axes.imshow(matrix, cmap=colours.get_cmap(), vmin=low, vmax=high)
    axes.set_facecolor("#d9d9d9")
    frame(axes)
    name_channels(axes, ch_names, 0.8 * side)
    if significant is not None and significant.any():
        rows, columns = significant.nonzero()
        dark = luminance(colours.to_rgba(matrix[rows, columns])) < 0.5
        size = (0.8 * side * 72 / len(ch_names) * 0.42) ** 2
        axes.scatter(columns, rows, s=size, c=np.where(dark, "white", "black"), linewidths=0)


def _bar(
    figure: Figure, colours: ScalarMappable, axes: list[Axes], label: str, n_columns: int, is_row: bool
) -> None:
    bar = figure.colorbar(
        colours,
        ax=axes,
        label=label,
        location="bottom",
        shrink=0.4 if is_row else 0.8 / n_columns**0.5,
        aspect=30 if is_row or n_columns > 1 else 22,
    )
    bar.locator = MaxNLocator(5)
    bar.update_ticks()


def _lines(text: str, most: float) -> str:
    """Break a text into as few lines as it needs, about equally long."""
    if not text:
        return ""
    n_lines = len(textwrap.wrap(text, int(most)))
    width = -(-len(text) // n_lines)
    while len(textwrap.wrap(text, width)) > n_lines:
        width += 1
    return "\n".join(textwrap.wrap(text, width))
