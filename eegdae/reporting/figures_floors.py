"""Figure of measures beside their floors: how much of a value is what noise gives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from eegdae.connectivity import NoiseFloor
from eegdae.connectivity.closed_floors import CENTRES
from eegdae.reporting.names import measure_name
from eegdae.reporting.style import COLOURS, MINUS, WIDTH, new_figure, panels, shorten, styled

MOST_NAMED_BANDS = 12

_METHODS = {
    "phase": "phase-randomised surrogates",
    "shift": "circularly shifted surrogates",
    "closed_form": "by formula, for flat spectra",
}
_RANGE = "#d0d0d0"


@styled
def floors(mean: NDArray[Any], floor: NoiseFloor, *, bands: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the mean value of each measure in each band beside what it gives without coupling.

    Parameters
    ----------
    mean : ndarray, shape (n_measures, n_bands)
        Mean over windows and pairs, as `eegdae.connectivity.mean_modulus` gives it; the floor not taken off.
    floor : NoiseFloor
        Pooled over pairs.
    bands : mapping of str to pair of float
        Name -> (lower, upper) edge, Hz, in the order of the floor.

    Returns
    -------
    Figure
        One panel a measure. Dot: the data. Line: the mean of the floor. Bar: where 95 % of the values of one
        pair in one window lie without coupling, left out where only the mean is known.

    Raises
    ------
    ValueError
        If values, floor and bands disagree in shape.
    """
    if not mean.shape == floor.modulus.shape == (len(floor.measures), len(bands)):
        raise ValueError(f"floors: {mean.shape} values, floor {floor.modulus.shape}, {len(bands)} bands")
    n_panels = len(floor.measures)
    n_cols = min(n_panels, 3)
    n_rows = math.ceil(n_panels / n_cols)
    figure = new_figure(WIDTH if n_cols == 3 else 7.4, 1.0 + 2.3 * n_rows)
    grid = panels(figure, n_rows, n_cols)
    for axes in grid.flat[n_panels:]:
        axes.set_axis_off()
    for k, (axes, measure) in enumerate(zip(grid.flat, floor.measures, strict=False)):
        _panel(axes, mean[k], floor.modulus[k], floor.q95[k], centre=CENTRES.get(measure, 0.0))
        _name_bands(axes, bands)
        axes.set_ylabel(_value(measure))
        axes.set_title(measure_name(measure))
    figure.legend(handles=_legend(), loc="outside lower center", ncols=3)
    figure.suptitle(f"Connectivity and its floor ({_METHODS[floor.method]})")
    return figure


def _panel(axes: Axes, mean: NDArray[Any], floor: NDArray[Any], q95: NDArray[Any], *, centre: float) -> None:
    place = np.arange(len(mean))
    width = 0.62
    axes.bar(place, q95 - centre, width, bottom=centre, color=_RANGE, linewidth=0)
    axes.hlines(floor, place - width / 2, place + width / 2, color="black", linewidth=1.6)
    axes.plot(
        place, mean, linestyle="", marker="o", markersize=6.0, color=COLOURS[1], markeredgecolor="white"
    )
    drawn = [v for v in (*mean, *floor, *q95) if np.isfinite(v)]
    axes.set_ylim(min(centre, *drawn), centre + 1.08 * max(max(drawn) - centre, 1e-12))
    axes.set_xlim(-0.6, len(mean) - 0.4)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))


def _value(measure: str) -> str:
    """What is averaged, as `NoiseFloor.modulus` says."""
    if measure not in CENTRES:
        return "value (a.u.)"
    centre = CENTRES[measure]
    return f"{centre:g} + |value {MINUS} {centre:g}| (a.u.)" if centre else "|value| (a.u.)"


def _name_bands(axes: Axes, bands: Mapping[str, Sequence[float]]) -> None:
    step = math.ceil(len(bands) / MOST_NAMED_BANDS)
    ticks = list(range(0, len(bands), step))
    labels = []
    for name, (lo, hi) in bands.items():
        hertz = f"{lo:g}" if lo == hi else f"{lo:g}\N{EN DASH}{hi:g}"
        labels.append(f"{shorten(name, limit=12).replace('_', chr(10))}\n{hertz}")
    axes.set_xticks(ticks, labels=[labels[t] for t in ticks], fontsize=7)
    axes.set_xlabel("band (Hz)")


def _legend() -> list[Line2D | Patch]:
    return [
        Line2D(
            [],
            [],
            linestyle="",
            marker="o",
            markersize=6.0,
            color=COLOURS[1],
            label="data: mean of windows and pairs",
        ),
        Line2D([], [], color="black", linewidth=1.6, label="floor: mean without coupling"),
        Patch(facecolor=_RANGE, label="95 % of single values without coupling"),
    ]
