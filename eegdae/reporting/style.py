"""One look for every figure: fonts, colours, panel grids and the bytes of the PNG."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from typing import Any, ParamSpec

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

P = ParamSpec("P")

WIDTH = 9.6
"""Width of a full-width figure in inches: 960 CSS pixels, the width of the page's text."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, which colour-blind readers tell apart, without the yellow that white swallows."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "*", ">", "p", "h")
GREY = "#8c8c8c"
MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"
"""Stands for a value that is missing."""

MAGNITUDE = "viridis"
STRENGTH = "plasma_r"
"""For lines on white: the more, the darker."""

SIGNED = "RdBu_r"

_STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "normal",
    "axes.labelsize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.unicode_minus": True,
    "axes.linewidth": 0.8,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "legend.title_fontsize": 8.0,
    "legend.frameon": False,
    "figure.titlesize": 11.0,
    "figure.titleweight": "bold",
    "figure.facecolor": "white",
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
    "lines.linewidth": 1.3,
    "image.interpolation": "nearest",
    "savefig.facecolor": "white",
    "savefig.bbox": None,
    "text.usetex": False,
    "path.simplify": True,
}


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Run a drawing function under the house style, whatever the user's matplotlibrc says.

    Parameters
    ----------
    draw : callable
        Returns a Figure.

    Returns
    -------
    callable
        The same function; matplotlib's settings are as before once it returns.
    """

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.rc_context(_STYLE):
            return draw(*args, **kwargs)

    return drawn


def new_figure(width: float, height: float) -> Figure:
    """Make a figure that belongs to no window system and no global list.

    Parameters
    ----------
    width, height : float
        Inches.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(width, height), dpi=144, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def panels(figure: Figure, n_rows: int, n_cols: int, **options: Any) -> NDArray[Any]:
    """Lay out a grid of axes, always two-dimensional.

    Parameters
    ----------
    figure : Figure
    n_rows, n_cols : int
    **options
        Passed to ``Figure.subplots``.

    Returns
    -------
    ndarray of Axes, shape (n_rows, n_cols)
    """
    axes: NDArray[Any] = figure.subplots(n_rows, n_cols, squeeze=False, **options)
    return axes


def frame(axes: Axes) -> None:
    """Close the box around an image.

    Parameters
    ----------
    axes : Axes
    """
    for side in ("top", "right"):
        axes.spines[side].set_visible(True)


def pretty_unit(unit: str) -> str:
    """Write a unit as a reader expects it.

    Parameters
    ----------
    unit : str
        As in the data: ``"uV"``, ``""``.

    Returns
    -------
    str
        ``"µV"``; ``"a.u."`` where there is no unit.
    """
    return unit.replace("uV", "µV").replace("^2", "²") or "a.u."


def shorten(name: str, *, limit: int) -> str:
    """Cut a long name so that it fits beside an axis.

    Parameters
    ----------
    name : str
    limit : int
        Most characters to keep.

    Returns
    -------
    str
        The name, ended by an ellipsis where it was cut; dollar signs, which would start a formula, escaped.
    """
    cut = name if len(name) <= limit else name[: limit - 1] + "…"
    return cut.replace("$", r"\$")


def figure_png(figure: Figure) -> bytes:
    """Draw a figure; equal figures give equal bytes.

    Parameters
    ----------
    figure : Figure

    Returns
    -------
    bytes
        A PNG at 144 dots an inch without program name or date.
    """
    buffer = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        # One pass of the constrained layout, which takes longer than the drawing, leaves the labels of square
        # axes over the edge; once laid out, nothing moves any more, and drawing again gives the same bytes.
        if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
            figure.draw_without_rendering()
            if any(axes.get_aspect() != "auto" or axes.get_box_aspect() is not None for axes in figure.axes):
                figure.draw_without_rendering()
            figure.set_layout_engine("none")
        figure.savefig(buffer, format="png", dpi="figure", metadata={"Software": None})
    return buffer.getvalue()
