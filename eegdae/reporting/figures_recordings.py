"""Recordings as they are: some seconds of signal, spectra, and eigenvalues by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eegdae.inspection.facts import Example
from eegdae.reporting.style import (
    COLOURS,
    GREY,
    MARKERS,
    WIDTH,
    new_figure,
    panels,
    pretty_unit,
    shorten,
    styled,
)

MOST_SPECTRA = 200
_MAINS = (50.0, 60.0)


@styled
def signal(example: Example) -> Figure:
    """Draw some seconds of a recording, its channels above one another.

    Parameters
    ----------
    example : Example
        Channels of one unit share one scale; what was not observed is left blank.

    Returns
    -------
    Figure
    """
    data, n_chans = example.data, len(example.ch_names)
    centred = data - np.nan_to_num(_median(data))[:, None]
    scale = np.ones(n_chans)
    for unit in dict.fromkeys(example.units):
        same = np.array([other == unit for other in example.units])
        spread = np.nanpercentile(np.abs(centred[same]), 99) if np.isfinite(centred[same]).any() else 0.0
        scale[same] = 1.6 * spread or 1.0
    times = (example.start + np.arange(data.shape[1])) / example.sfreq
    figure = new_figure(WIDTH, 1.5 + 0.4 * max(n_chans, 3))
    axes = panels(figure, 1, 1)[0, 0]
    for k in range(n_chans):
        axes.plot(times, np.clip(centred[k] / scale[k], -1.5, 1.5) - k, color=COLOURS[0], linewidth=0.7)
    axes.set_yticks(-np.arange(n_chans), labels=[shorten(name, limit=14) for name in example.ch_names])
    rows = {pretty_unit(unit): size for unit, size in zip(example.units, scale, strict=True)}
    axes.set_ylabel("channel (one row = " + ", ".join(f"{s:.3g} {unit}" for unit, s in rows.items()) + ")")
    axes.set_xlabel("time (s)")
    axes.margins(x=0)
    of_all = f", first {n_chans} of {example.n_chans} channels" if n_chans < example.n_chans else ""
    figure.suptitle(f"{shorten(example.name, limit=70)}{of_all}")
    return figure


def _median(data: NDArray[np.float32]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.array(
        [np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else np.nan for row in data]
    )
    return found


@styled
def spectra(
    freqs: Sequence[NDArray[np.float64]],
    power: Sequence[NDArray[np.float64]],
    groups: Sequence[str],
    *,
    unit: str,
) -> Figure:
    """Draw the power spectrum of every recording, the mains marked.

    Parameters
    ----------
    freqs, power : sequence of ndarray of float64, shape (n_freqs,)
        One a recording: hertz, unit squared per hertz; of more than 200 recordings 200, evenly spread.
    groups : sequence of str
        What colours them, one a recording; ``""`` = grey.
    unit : str
        Of the signals.

    Returns
    -------
    Figure
    """
    names = sorted({group for group in groups if group})
    shown = np.unique(np.linspace(0, len(power) - 1, min(len(power), MOST_SPECTRA)).astype(int))
    figure = new_figure(WIDTH, 3.6)
    axes = panels(figure, 1, 1)[0, 0]
    told: set[str] = set()
    top = 0.0
    for k in shown:
        f, p = freqs[k][1:], power[k][1:]
        fine = np.isfinite(p) & (p > 0)
        if not fine.any():
            continue
        top = max(top, float(f[-1]))
        group = groups[k] if len(names) <= len(COLOURS) else ""
        colour = COLOURS[names.index(group)] if group else GREY
        label = group if group and group not in told else None
        told.add(group)
        axes.plot(f[fine], p[fine], color=colour, linewidth=0.7, alpha=0.6, label=label)
    for mains in _MAINS:
        if mains <= top:
            axes.axvline(mains, color="#4a4a4a", linewidth=0.7, linestyle=":")
            axes.annotate(
                f"{mains:g}", (mains, 0.97), xycoords=("data", "axes fraction"), fontsize=8, va="top"
            )
    axes.set_yscale("log")
    axes.set_xlabel("frequency (Hz)")
    axes.set_ylabel(f"power ({pretty_unit(unit)}²/Hz)" if "," not in unit else "power (unit²/Hz)")
    axes.margins(x=0)
    if told - {""}:
        legend = axes.legend(title="class", loc="upper right")
        for handle in legend.legend_handles:
            if handle is not None:
                handle.set_alpha(1)
    figure.suptitle("Power spectra of the recordings, median over channels")
    return figure


@styled
def eigenvalue_ratios(values: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the ratio of eigenvalues of every recording by class.

    Parameters
    ----------
    values : mapping of str to sequence of float
        Class -> natural logarithm of smallest over largest eigenvalue, one a recording.

    Returns
    -------
    Figure
    """
    figure = new_figure(WIDTH, 1.3 + 0.35 * max(len(values), 2))
    axes = panels(figure, 1, 1)[0, 0]
    for k, ratios in enumerate(values.values()):
        decades = np.asarray(ratios) / np.log(10)
        spread = 0.25 * np.sin(2.4 * np.arange(len(decades)))  # apart, and the same every time
        axes.plot(
            decades,
            spread - k,
            linestyle="none",
            marker=MARKERS[k % len(MARKERS)],
            color=COLOURS[k % len(COLOURS)],
            markersize=4.5,
            alpha=0.75,
        )
        axes.plot([np.median(decades)] * 2, [-k - 0.4, -k + 0.4], color="#1b1b1b", linewidth=1.6)
    axes.set_yticks(-np.arange(len(values)), labels=[shorten(name, limit=20) for name in values])
    axes.set_ylabel("class")
    axes.set_xlabel("smallest over largest eigenvalue (powers of ten)")
    figure.suptitle("Eigenvalues of the covariance by class: a dot a recording, a bar the median")
    return figure
