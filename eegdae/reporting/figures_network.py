"""Networks: the strongest edges of a matrix as curves round a circle and over the scalp."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.patches import FancyArrowPatch
from matplotlib.path import Path
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from eegdae.evaluation.edges import edge_kind
from eegdae.reporting.electrode_layout import circle_layout, draw_head
from eegdae.reporting.figures_scalp import flatten_positions
from eegdae.reporting.style import GREY, shorten

FEWEST_EDGES, MOST_EDGES = 20, 100
MOST_NAMES_ON_SCALP = 40
_WIDTHS = (0.9, 3.4)
_PALE = 0.6
"""Luminance above which a line on white needs an outline."""

_ACROSS = np.array([[0.0, 1.0], [-1.0, 0.0]])
"""Turns a direction to its right, so that the two ways between channels are two curves."""

_HALO = [withStroke(linewidth=1.8, foreground="white")]


@dataclass(frozen=True)
class Edge:
    """One edge that is drawn.

    Parameters
    ----------
    row, column : int
        Channels; where the matrix has directions, from row to column.
    value : float
        Entry of the matrix.
    strength : float
        How far the entry is from the value that means nothing, never negative.
    """

    row: int
    column: int
    value: float
    strength: float


@dataclass(frozen=True, eq=False)
class Network:
    """The edges of a matrix that are drawn, weakest first.

    Parameters
    ----------
    edges : sequence of Edge
    n_possible : int
        Edges of the matrix that have a value, drawn or not.
    has_direction : bool
        Whether edges are arrows.
    is_difference : bool
        Whether the matrix is a difference, which must pass a test to be drawn in full.
    n_significant : int or None
        How many edges passed the test, drawn or not; None = not tested.
    """

    edges: Sequence[Edge]
    n_possible: int
    has_direction: bool
    is_difference: bool
    n_significant: int | None

    @property
    def is_faint(self) -> bool:
        """Whether what is drawn has not passed a test that it needs."""
        return self.is_difference and not self.n_significant

    @property
    def sentence(self) -> str:
        """What is drawn, e.g. ``"20 strongest of 171 edges"``."""
        n, of = len(self.edges), f"of {self.n_possible} edges"
        if not self.edges:
            return "no edge has a value"
        if not self.is_difference:
            return f"{n} strongest {of}"
        if self.n_significant is None:
            return f"not tested; dashed: the {n} largest\n{of}"
        if not self.n_significant:
            return f"none {of} significant;\ndashed: the {n} largest"
        drawn = f";\ndrawn: the {n} largest" if n < self.n_significant else ""
        return f"{self.n_significant} {of} significant{drawn}"


def strongest_edges(
    values: NDArray[Any],
    *,
    is_difference: bool = False,
    significant: NDArray[np.bool_] | None = None,
    n_edges: int | None = None,
) -> Network:
    """Choose the edges of a matrix that are worth drawing.

    Parameters
    ----------
    values : ndarray, shape (n_chans, n_chans)
        Row = x, column = y; NaN and the diagonal are no edges. A symmetric matrix has one edge a pair, one
        of signed lags one from the channel ahead to the other, any other matrix two.
    is_difference : bool
        Whether they are a difference.
    significant : ndarray of bool, same shape, or None
        Edges of a difference that passed a test; None = not tested. Draw these alone; where there are none,
        the largest of all.
    n_edges : int or None
        Most edges to draw; None = 5 %, at least 20, at most 100 and no more than a third.

    Returns
    -------
    Network
    """
    kind, neutral = edge_kind(values), neutral_value(values)
    allowed = ~np.eye(len(values), dtype=bool) & np.isfinite(values)
    if kind == "undirected":
        allowed &= np.tri(len(values), k=-1, dtype=bool).T
    elif kind == "antisymmetric":
        # the positive entry of each pair, the upper one where both are equal
        allowed &= (values > neutral) | ((values == neutral) & np.tri(len(values), k=-1, dtype=bool).T)
    n_possible = int(allowed.sum())
    if n_edges is None:
        n_edges = min(int(np.clip(0.05 * n_possible, FEWEST_EDGES, MOST_EDGES)), -(-n_possible // 3))
    n_significant = None if significant is None else int((allowed & significant).sum())
    chosen = allowed & significant if significant is not None and n_significant else allowed
    rows, columns = chosen.nonzero()
    strengths = np.abs(values[rows, columns] - neutral)
    shown = np.argsort(strengths, kind="stable")[max(len(rows) - n_edges, 0) :]
    edges = [
        Edge(int(rows[k]), int(columns[k]), float(values[rows[k], columns[k]]), float(strengths[k]))
        for k in shown
    ]
    return Network(edges, n_possible, kind != "undirected", is_difference, n_significant)


def neutral_value(values: NDArray[Any]) -> float:
    """Tell which entry means nothing: 0, or .5 for a share of time such as that of the directed phase lag.

    Parameters
    ----------
    values : ndarray, shape (..., n_chans, n_chans)

    Returns
    -------
    float
        Half of ``c_xy + c_yx`` where that is the same everywhere and the matrix not symmetric; else 0.
    """
    if edge_kind(values) != "antisymmetric":
        return 0.0
    off = ~np.eye(values.shape[-1], dtype=bool)
    return round(float(np.nanmean(values[..., off])), 3)


def draw_circle(
    axes: Axes,
    network: Network,
    *,
    ch_names: Sequence[str],
    ch_pos: NDArray[Any] | None,
    colours: ScalarMappable,
) -> None:
    """Draw a network round a circle.

    Parameters
    ----------
    axes : Axes
    network : Network
    ch_names : sequence of str, length n_chans
    ch_pos : ndarray, shape (n_chans, 3), or None
        Metres, head coordinates.
    colours : ScalarMappable
        Colour of a value.
    """
    layout = circle_layout(ch_names, ch_pos)
    points, n_chans = layout.points, len(ch_names)
    for edge in network.edges:
        ends = points[[edge.row, edge.column]]
        # close channels are joined by a shallow curve, opposite ones through the middle
        control = ends.mean(0) * (0.15 + 0.6 * (1 - np.linalg.norm(ends[0] - ends[1]) / 2))
        if network.has_direction:
            control = control + 0.1 * _ACROSS @ (ends[1] - ends[0])
        _curve(axes, network, edge, ends, control, colours)
    _nodes(axes, network, points)
    size = float(np.clip(300 / n_chans, 4.0, 8.0))
    for name, angle, point in zip(ch_names, layout.angles, points, strict=True):
        turn = np.rad2deg(angle) % 360
        on_left = 90 < turn < 270
        axes.text(
            1.09 * point[0],
            1.09 * point[1],
            shorten(name, limit=8),
            rotation=turn + 180 if on_left else turn,
            rotation_mode="anchor",
            ha="right" if on_left else "left",
            va="center",
            fontsize=size,
        )
    if layout.has_sides:
        for side, x, align in (("left", -1.42, "left"), ("right", 1.42, "right")):
            axes.text(x, 1.3, side, ha=align, va="top", color="#555555", fontsize=8, style="italic")
    axes.set(xlim=(-1.42, 1.42), ylim=(-1.36, 1.36), aspect="equal")
    axes.set_axis_off()


def draw_scalp(
    axes: Axes,
    network: Network,
    *,
    ch_names: Sequence[str],
    ch_pos: NDArray[Any],
    colours: ScalarMappable,
) -> None:
    """Draw a network over the scalp, seen from above, nose up.

    Parameters
    ----------
    axes, network, ch_names, colours
        As for `draw_circle`.
    ch_pos : ndarray, shape (n_chans, 3)
        Metres, head coordinates.
    """
    points = flatten_positions(ch_pos)
    draw_head(axes)
    for edge in network.edges:
        ends = points[[edge.row, edge.column]]
        # bent, so that it passes beside the electrodes on its way
        across = _ACROSS @ (ends[1] - ends[0])
        outward = 1.0 if network.has_direction or across @ ends.mean(0) >= 0 else -1.0
        _curve(axes, network, edge, ends, ends.mean(0) + 0.16 * outward * across, colours)
    _nodes(axes, network, points)
    used = {channel for edge in network.edges for channel in (edge.row, edge.column)}
    is_crowded = len(ch_names) > MOST_NAMES_ON_SCALP
    named = sorted(used) if is_crowded else range(len(ch_names))
    if len(named) > MOST_NAMES_ON_SCALP:
        return
    for channel in named:
        # frontal edges leave downwards, where the name would be in their way
        above = points[channel, 1] > 0.45
        axes.annotate(
            shorten(ch_names[channel], limit=8),
            points[channel],
            (0, 5 if above else -5),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            fontsize=5.5 if is_crowded else 7.0,
            path_effects=_HALO,
            zorder=6,
        )


def luminance(colours: NDArray[Any] | tuple[float, ...]) -> Any:
    """Tell how light colours are.

    Parameters
    ----------
    colours : ndarray or tuple, shape (..., 4)
        Red, green, blue, alpha, 0 to 1.

    Returns
    -------
    float or ndarray, shape (...)
        0 (black) to 1 (white).
    """
    return np.asarray(colours)[..., :3] @ np.array([0.2126, 0.7152, 0.0722])


def _curve(
    axes: Axes,
    network: Network,
    edge: Edge,
    ends: NDArray[np.float64],
    control: NDArray[np.float64],
    colours: ScalarMappable,
) -> None:
    strengths = network.edges[0].strength, network.edges[-1].strength
    share = (edge.strength - strengths[0]) / (np.ptp(strengths) or 1.0)
    width = _WIDTHS[0] + (_WIDTHS[1] - _WIDTHS[0]) * share
    colour = colours.to_rgba(np.array(edge.value))
    look: dict[str, Any] = {"color": colour, "linewidth": width, "zorder": 2 + share}
    if network.is_faint:
        look.update(linewidth=min(width, 1.4), linestyle=(0, (3.0, 2.0)), alpha=0.6)
    elif luminance(colour) > _PALE:
        look["path_effects"] = [withStroke(linewidth=width + 0.8, foreground="#7a7a7a")]
    start, end = ends
    if network.has_direction:
        # the head of the arrow stops short of the channel
        end = end + 0.06 * (control - end) / max(float(np.linalg.norm(control - end)), 1e-12)
    path = Path(np.array([start, control, end]), [Path.MOVETO, Path.CURVE3, Path.CURVE3])
    style = "-|>,head_length=4,head_width=2" if network.has_direction else "-"
    axes.add_patch(
        FancyArrowPatch(
            path=path, arrowstyle=style, mutation_scale=0.9 + 0.12 * width, fill=network.has_direction, **look
        )
    )


def _nodes(axes: Axes, network: Network, points: NDArray[np.float64]) -> None:
    strength = np.zeros(len(points))
    for edge in network.edges:
        strength[[edge.row, edge.column]] += edge.strength
    used = strength > 0
    room = min(MOST_NAMES_ON_SCALP / len(points), 1.0)
    size = room * (10 + 50 * strength / max(strength.max(), 1e-300))
    look: dict[str, Any] = {"zorder": 5, "edgecolors": "white", "linewidths": 0.6}
    axes.scatter(points[~used, 0], points[~used, 1], s=10 * room, color=GREY, **look)
    colour = GREY if network.is_faint else "#333333"
    axes.scatter(points[used, 0], points[used, 1], s=size[used], color=colour, **look)
