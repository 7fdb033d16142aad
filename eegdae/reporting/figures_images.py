"""Images side by side: clean, corrupted and reconstructed, and a sheet of many with their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eegdae.reporting.style import WIDTH, new_figure, panels, pretty_unit, shorten, styled

MOST_COLUMNS = 10
MOST_ON_A_SHEET = 40

_MEANING = {"corrupted": "doing nothing", "reconstructed": "this network", "pca": "same dimension"}


@styled
def reconstruction_images(
    clean: NDArray[Any],
    corrupted: NDArray[Any],
    reconstructed: NDArray[Any],
    pca: NDArray[Any] | None = None,
    *,
    view: str,
    corruption: str,
    level: float,
    errors: Mapping[str, float],
    errors_over: str,
    errors_unit: str,
) -> Figure:
    """Draw images before, during and after the network, an image a column.

    Parameters
    ----------
    clean, corrupted, reconstructed : ndarray, shape (n, n_colours, height, width)
        Of more than ten images ten are drawn, spread evenly. All share the scale of the clean ones.
    pca : ndarray, same shape, or None
        The corrupted images through PCA of the same dimension.
    view, corruption, level, errors, errors_over, errors_unit
        As in `eegdae.reporting.figures_signal.reconstruction`.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the arrays disagree in shape.
    """
    rows = {"clean": clean, "corrupted": corrupted, "reconstructed": reconstructed}
    rows |= {} if pca is None else {"pca": pca}
    for name, values in rows.items():
        if values.shape != clean.shape:
            raise ValueError(f"reconstruction: {name} has shape {values.shape}, clean has {clean.shape}")
    shown = np.unique(np.linspace(0, len(clean) - 1, min(len(clean), MOST_COLUMNS)).round().astype(int))
    limits = _limits(clean)
    titles = {
        "clean": "clean",
        "corrupted": f"{shorten(corruption.replace('_', ' '), limit=20)}, level {level:g}",
        "reconstructed": "reconstructed",
        "pca": "PCA",
    }
    side = (WIDTH - 1.9) / max(len(shown), 4)
    figure = new_figure(WIDTH, 1.1 + len(rows) * max(side * min(_ratio(clean), 2.0), 0.62))
    grid = panels(figure, len(rows), len(shown))
    for axes_of_row, (name, values) in zip(grid, rows.items(), strict=True):
        for axes, image in zip(axes_of_row, values[shown], strict=True):
            _draw(axes, image, limits)
        told = [titles[name]]
        if name in errors:
            told += [f"RMSE {errors[name]:.3g} {pretty_unit(errors_unit)}", _MEANING[name]]
        axes_of_row[0].set_ylabel("\n".join(told), rotation=0, ha="right", va="center", fontsize=8.5)
    height, width = clean.shape[-2:]
    figure.suptitle(f"Reconstruction, {shorten(view, limit=40)}: images of {height} x {width} pixels")
    figure.supxlabel(f"RMSE (root mean squared error) over {errors_over}", fontsize=8.5, color="#4a4a4a")
    return figure


@styled
def image_sheet(images: NDArray[Any], labels: Sequence[str], *, title: str) -> Figure:
    """Draw images in rows of ten, each below its label.

    Parameters
    ----------
    images : ndarray, shape (n, n_colours, height, width)
        Of more than forty the first forty are drawn; NaN = not observed.
    labels : sequence of str, length n
        ``""`` = none.
    title : str

    Returns
    -------
    Figure
    """
    images, n_columns = images[:MOST_ON_A_SHEET], min(max(len(images), 1), MOST_COLUMNS)
    n_rows = -(-len(images) // n_columns)
    each = WIDTH / max(n_columns, 4) * min(_ratio(images), 2.0) + 0.3
    figure = new_figure(WIDTH, 0.6 + n_rows * each)
    grid = panels(figure, n_rows, n_columns)
    limits = _limits(images)
    for k, axes in enumerate(grid.ravel()):
        if k < len(images):
            _draw(axes, images[k], limits)
            axes.set_title(shorten(labels[k], limit=12), fontsize=8.5)
        else:
            axes.set_axis_off()
    figure.suptitle(shorten(title, limit=70))
    return figure


def _draw(axes: Axes, image: NDArray[Any], limits: tuple[float, float]) -> None:
    """Draw one image, shape (n_colours, height, width); what is outside the limits is cut."""
    low, high = limits
    light = np.clip((np.nan_to_num(image, nan=low) - low) / (high - low), 0.0, 1.0)
    if len(light) == 3:
        axes.imshow(np.moveaxis(light, 0, -1), interpolation="nearest")
    else:
        axes.imshow(light.mean(0), cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.5)


def _limits(images: NDArray[Any]) -> tuple[float, float]:
    """Black and white: 0 and 1 where all lie between them, else what nearly all lie between."""
    seen = images[np.isfinite(images)]
    if not seen.size or (seen.min() >= -1e-6 and seen.max() <= 1 + 1e-6):
        return 0.0, 1.0
    low, high = (float(q) for q in np.quantile(seen, [0.01, 0.99]))
    return (low, high) if high > low else (low, low + 1.0)


def _ratio(images: NDArray[Any]) -> float:
    """Height over width."""
    return float(images.shape[-2] / images.shape[-1])
