"""Scalp maps of the classes, band by band."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from eegdae.reporting.style import MAGNITUDE, MINUS, SIGNED, new_figure, panels, pretty_unit, shorten, styled

MOST_CLASSES = 8
_MOST_TILT = np.deg2rad(25.0)


@styled
def scalp_maps(
    values: NDArray[Any],
    *,
    ch_pos: NDArray[Any],
    ch_names: Sequence[str],
    classes: Sequence[str],
    bands: Sequence[str],
    unit: str,
) -> Figure:
    """Draw the mean log power of each class and band over the scalp, and for two classes their difference.

    Parameters
    ----------
    values : ndarray, shape (n_classes, n_bands, n_chans)
        In ``unit``. The first eight classes are drawn.
    ch_pos : ndarray, shape (n_chans, 3)
        Metres, head coordinates.
    ch_names, classes, bands : sequence of str
    unit : str

    Returns
    -------
    Figure
        The classes of one band share a colour scale.

    Raises
    ------
    ValueError
        If the array and the names disagree in shape.
    """
    if values.shape != (len(classes), len(bands), len(ch_names)) or ch_pos.shape != (len(ch_names), 3):
        raise ValueError(
            f"scalp_maps: values {values.shape}, positions {ch_pos.shape} for {len(classes)} classes, "
            f"{len(bands)} bands, {len(ch_names)} channels"
        )
    n_shown = min(len(classes), MOST_CLASSES)
    is_pair = len(classes) == 2
    n_rows = n_shown + is_pair
    figure = new_figure(max(1.55 * len(bands) + 1.1, 5.2), 1.55 * n_rows + 1.6 + 0.5 * is_pair)
    grid = panels(figure, n_rows, len(bands))
    flat = flatten_positions(ch_pos)
    for b, band in enumerate(bands):
        low, high = float(values[:n_shown, b].min()), float(values[:n_shown, b].max())
        for c in range(n_shown):
            image = _topomap(grid[c, b], values[c, b], flat, {"cmap": MAGNITUDE, "vlim": (low, high)})
        label = f"log power\n({pretty_unit(unit)})"
        _bar_below(figure, image, grid[:n_shown, b], label, shrink=0.8)
        first, _, rest = band.partition(" (")
        grid[0, b].set_title(shorten(first, limit=18) + (f"\n({shorten(rest, limit=18)}" if rest else ""))
    for c in range(n_shown):
        _row_name(grid[c, 0], classes[c])
    if is_pair:
        difference = values[1] - values[0]
        reach = float(np.abs(difference).max()) or 1.0
        for b in range(len(bands)):
            image = _topomap(grid[2, b], difference[b], flat, {"cmap": SIGNED, "vlim": (-reach, reach)})
        _row_name(grid[2, 0], f"{classes[1]} {MINUS}\n{classes[0]}")
        label = f"difference of log power ({pretty_unit(unit)})"
        _bar_below(figure, image, grid[2], label, shrink=0.4)
    figure.suptitle("Mean log power over the scalp, by class and band")
    return figure


def flatten_positions(ch_pos: NDArray[Any]) -> NDArray[np.float64]:
    """Lay electrodes on a disc, seen from above, nose up.

    An electrode lies at its angle from the top of the head, as in an azimuthal equidistant map. Centred
    between the ears, as head coordinates are, that map puts the frontal electrodes of common caps outside
    the head; so it is centred on the sphere through the electrodes and levelled where they lie all round it.

    Parameters
    ----------
    ch_pos : ndarray, shape (n_chans, 3)
        Metres, head coordinates (x right, y front, z up).

    Returns
    -------
    ndarray, shape (n_chans, 2)
        In units of the head's radius: 1 is the outermost electrode.
    """
    # |p|^2 = 2 c.p + const is linear in the centre c of the sphere.
    design = np.column_stack([2 * ch_pos, np.ones(len(ch_pos))])
    solution, _, rank, _ = np.linalg.lstsq(design, (ch_pos**2).sum(axis=1), rcond=1e-6)
    centre = solution[:3] if rank == 4 else np.array([0.0, 0.0, 0.04])
    x, y, z = (ch_pos - centre).T
    radius = np.sqrt(x**2 + y**2 + z**2)
    tilt = float(np.arctan2((y / radius).mean(), (z / radius).mean()))
    if abs(tilt) < _MOST_TILT:
        y, z = np.cos(tilt) * y - np.sin(tilt) * z, np.sin(tilt) * y + np.cos(tilt) * z
    around = np.hypot(x, y)
    outward = np.arctan2(around, z) / np.maximum(around, 1e-12)
    flat: NDArray[np.float64] = np.column_stack([x * outward, y * outward])
    flat /= np.hypot(*flat.T).max()
    return flat


def _topomap(axes: Axes, values: NDArray[Any], flat: NDArray[Any], look: dict[str, Any]) -> Any:
    import mne

    # A radius just above 1 keeps the outermost electrodes off the drawn outline.
    sphere = (0.0, 0.0, 0.0, 1.04)
    options = {"axes": axes, "sphere": sphere, "contours": 4, "sensors": "k.", "show": False}
    image, _ = mne.viz.plot_topomap(values, flat, **options, **look)
    axes.set_axis_off()
    return image


def _bar_below(figure: Figure, image: Any, axes: NDArray[Any], label: str, *, shrink: float) -> None:
    aspect = 14 if shrink > 0.5 else 40
    bar = figure.colorbar(
        image, ax=list(axes.flat), location="bottom", shrink=shrink, aspect=aspect, label=label
    )
    bar.locator = MaxNLocator(2 if shrink > 0.5 else 5)
    bar.update_ticks()


def _row_name(axes: Axes, name: str) -> None:
    axes.text(
        -0.08, 0.5, shorten(name, limit=40), transform=axes.transAxes, rotation=90, ha="right", va="center"
    )
