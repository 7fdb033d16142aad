"""Clean, corrupted and reconstructed side by side: windows of signals and rows of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eegdae.reporting.style import (
    COLOURS,
    GREY,
    MAGNITUDE,
    SIGNED,
    WIDTH,
    frame,
    new_figure,
    panels,
    pretty_unit,
    shorten,
    styled,
)

MOST_CHANNELS = 8
MOST_ROWS = 40


@styled
def reconstruction(
    clean: NDArray[Any],
    corrupted: NDArray[Any],
    reconstructed: NDArray[Any],
    pca: NDArray[Any] | None = None,
    *,
    ch_names: Sequence[str],
    units: Sequence[str],
    sfreq: float,
    view: str,
    corruption: str,
    level: float,
    errors: Mapping[str, float],
    errors_over: str,
    errors_unit: str,
) -> Figure:
    """Draw one window before, during and after the network, its channels above one another.

    Parameters
    ----------
    clean, corrupted, reconstructed : ndarray, shape (n_chans, n_times)
        In ``units``. The clean window stands in grey behind the others.
    pca : ndarray, shape (n_chans, n_times), or None
        The corrupted window through PCA of the same dimension.
    ch_names, units : sequence of str, length n_chans
        The first eight channels are drawn; channels of one unit share one scale.
    sfreq : float
        Sampling rate in Hz.
    view, corruption : str
    level : float
        Level of the corruption.
    errors : mapping of str to float
        Root mean squared error under ``"corrupted"``, ``"reconstructed"``, ``"pca"``.
    errors_over, errors_unit : str
        What the errors were taken over, and their unit.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the arrays or the names disagree in shape.
    """
    columns = _columns(clean, corrupted, reconstructed, pca, corruption=corruption, level=level)
    if not len(ch_names) == len(units) == len(clean):
        raise ValueError(f"reconstruction: {len(clean)} channels, {len(ch_names)} names, {len(units)} units")
    n_shown = min(len(clean), MOST_CHANNELS)
    scale = _divisions(clean[:n_shown], corrupted[:n_shown], units[:n_shown])
    # A constant (gravity, an electrode's offset) would push a trace out of its row.
    shift = np.median(clean[:n_shown], axis=1) / scale + np.arange(n_shown)
    thin = 0.9 if clean.shape[1] <= 300 else 0.6
    times = np.arange(clean.shape[1]) / sfreq
    figure = new_figure(WIDTH, 1.5 + 0.55 * max(n_shown, 3))
    grid = panels(figure, 1, len(columns), sharex=True, sharey=True)[0]
    for axes, (key, title, signal) in zip(grid, columns, strict=True):
        if key != "clean":
            axes.plot(
                times, (clean[:n_shown] / scale[:, None] - shift[:, None]).T, color=GREY, linewidth=thin
            )
        axes.plot(
            times, (signal[:n_shown] / scale[:, None] - shift[:, None]).T, color=_COLOUR[key], linewidth=thin
        )
        axes.set_title(title)
        axes.set_xlabel(f"time (s)\n{_error_line(key, errors, errors_unit)}")
        axes.margins(x=0)
    divisions = dict(zip((pretty_unit(u) for u in units[:n_shown]), scale, strict=True))
    grid[0].set_yticks(-np.arange(n_shown), labels=[shorten(name, limit=14) for name in ch_names[:n_shown]])
    grid[0].set_ylabel("channel (one row = " + ", ".join(f"{s:.3g} {u}" for u, s in divisions.items()) + ")")
    of_all = f", first {n_shown} of {len(clean)} channels" if n_shown < len(clean) else ""
    _head(figure, f"{view}: one window{of_all}", errors_over, grey=True)
    return figure


@styled
def reconstruction_features(
    clean: NDArray[Any],
    corrupted: NDArray[Any],
    reconstructed: NDArray[Any],
    pca: NDArray[Any] | None = None,
    *,
    unit: str,
    view: str,
    corruption: str,
    level: float,
    errors: Mapping[str, float],
    errors_over: str,
    errors_unit: str,
) -> Figure:
    """Draw features before, during and after the network: one window as a line, several as the rows of a map.

    Parameters
    ----------
    clean, corrupted, reconstructed : ndarray, shape (n_features,) or (n_windows, n_features)
        In ``unit``; of more than 40 windows the first 40 are drawn.
    pca : ndarray, same shape, or None
        The corrupted features through PCA of the same dimension.
    unit : str
    view, corruption, level, errors, errors_over, errors_unit
        As in `reconstruction`.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the arrays disagree in shape.
    """
    columns = _columns(clean, corrupted, reconstructed, pca, corruption=corruption, level=level)
    is_map = clean.ndim == 2
    figure = new_figure(WIDTH, 3.6 if is_map else 3.0)
    grid = panels(figure, 1, len(columns), sharex=True, sharey=True)[0]
    low, high, colours = _limits(clean)
    image = None
    for axes, (key, title, values) in zip(grid, columns, strict=True):
        if is_map:
            image = axes.imshow(values[:MOST_ROWS], aspect="auto", cmap=colours, vmin=low, vmax=high)
            frame(axes)
        else:
            _feature_line(axes, key, values, clean)
        axes.set_title(title)
        axes.set_xlabel(f"feature (index)\n{_error_line(key, errors, errors_unit)}")
    grid[0].set_ylabel("window (index)" if is_map else f"value ({pretty_unit(unit)})")
    if image is not None:
        figure.colorbar(image, ax=list(grid), label=f"value ({pretty_unit(unit)})", extend="both", shrink=0.9)
    n_windows = f"{len(clean[:MOST_ROWS])} windows" if is_map else "one window"
    _head(figure, f"{view}: {n_windows}", errors_over, grey=not is_map)
    return figure


_COLOUR = {"clean": "#000000", "corrupted": COLOURS[1], "reconstructed": COLOURS[0], "pca": COLOURS[2]}
_MEANING = {"corrupted": "doing nothing", "reconstructed": "this network", "pca": "PCA of the same dimension"}


def _columns(
    clean: NDArray[Any],
    corrupted: NDArray[Any],
    reconstructed: NDArray[Any],
    pca: NDArray[Any] | None,
    *,
    corruption: str,
    level: float,
) -> list[tuple[str, str, NDArray[Any]]]:
    columns = [
        ("clean", "clean", clean),
        (
            "corrupted",
            f"corrupted\n({shorten(corruption.replace('_', ' '), limit=20)}, level {level:g})",
            corrupted,
        ),
        ("reconstructed", "reconstructed", reconstructed),
    ]
    if pca is not None:
        columns.append(("pca", "PCA", pca))
    for name, _, values in columns:
        if values.shape != clean.shape:
            raise ValueError(f"reconstruction: {name} has shape {values.shape}, clean has {clean.shape}")
    return columns


def _divisions(clean: NDArray[Any], corrupted: NDArray[Any], units: Sequence[str]) -> NDArray[np.float64]:
    """Value that one row stands for, shape (n_chans,): the widest channel of the unit about fills its row."""
    centre = np.median(clean, axis=1, keepdims=True)
    spread, noisy = (np.quantile(np.abs(signal - centre), 0.98, axis=1) for signal in (clean, corrupted))
    # Strong noise may run over its row's edges; the clean trace must stay large enough to be read.
    reach = np.maximum(1.5 * spread, noisy)
    widest = {
        unit: max(float(r) for r, u in zip(reach, units, strict=True) if u == unit) for unit in set(units)
    }
    return np.array([_round_up(widest[unit]) for unit in units])


def _round_up(value: float) -> float:
    """Next round number."""
    if value <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= value))


def _limits(clean: NDArray[Any]) -> tuple[float, float, str]:
    low, high = (float(q) for q in np.quantile(clean, [0.01, 0.99]))
    if low < 0 < high:
        reach = max(-low, high)
        return -reach, reach, SIGNED
    return low, high, MAGNITUDE


def _feature_line(axes: Axes, key: str, values: NDArray[Any], clean: NDArray[Any]) -> None:
    if key != "clean":
        axes.plot(clean, color=GREY, linewidth=0.9)
    axes.plot(values, color=_COLOUR[key], linewidth=1.0)
    axes.margins(x=0.01)


def _error_line(key: str, errors: Mapping[str, float], unit: str) -> str:
    if key not in errors:
        return ""
    return f"RMSE {errors[key]:.3g} {pretty_unit(unit)}\n{_MEANING.get(key, key)}"


def _head(figure: Figure, what: str, errors_over: str, *, grey: bool) -> None:
    figure.suptitle(f"Reconstruction, {shorten(what, limit=80)}")
    figure.supxlabel(
        f"{'grey: clean; ' * grey}RMSE (root mean squared error) over {errors_over}",
        fontsize=8.5,
        color="#4a4a4a",
    )
