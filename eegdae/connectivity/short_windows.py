"""Windows too short for a band: few cycles of its rhythm, few independent samples."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

from eegdae.connectivity.bands import band_bins, check_bands
from eegdae.connectivity.closed_floors import HILBERT_MEASURES, hilbert_moments

MIN_CYCLES = 6
"""Cycles of a band's lowest frequency that a window should hold."""

MIN_BT = 10
"""Independent samples of a band, B T, that a window should hold before phases and coherences say much."""

BIASED = (
    "plv",
    "ciplv",
    "pli",
    "wpli",
    "coherence",
    "lagged_coherence",
    "envelope_correlation",
    "cross_correlation",
)
"""Measures that a small B T raises. Signed ones scatter more with it, but keep their mean."""


class ShortWindowWarning(UserWarning):
    """A window holds too little of a band for its values to be taken as they are."""


def check_cycles(
    bands: Mapping[str, Sequence[float]] | None,
    *,
    sfreq: float,
    n_times: int,
    measures: Sequence[str] = ("plv",),
    freqs: Sequence[float] | None = None,
    estimator: str = "hilbert",
) -> list[str]:
    """Warn of bands with fewer than six cycles or a B T under 10 in a window, one line for all bands.

    B T is the number of bins of the window's Fourier transform inside the band. Cycles are counted at the
    lower edge, but not of a band wider than two octaves (hi > 4 lo): that is no rhythm, and its slow end a
    small part of it. Single frequencies have cycles alone, and one line for all of them.

    Parameters
    ----------
    bands : mapping of str to pair of float, or None
        Name -> (lower, upper) edge, Hz.
    sfreq : float
        Sampling rate, Hz.
    n_times : int
        Samples in a window.
    measures : sequence of str
        What is computed; B T matters to those of `BIASED` only.
    freqs : sequence of float, optional
        Single frequencies, Hz.
    estimator : str
        How bands are taken out; a floor is named for the two of Hilbert, for which there is a formula.

    Returns
    -------
    list of str
        The lines, each of which is also a `ShortWindowWarning` that points at the caller of the caller.

    Raises
    ------
    EegdaeError
        Where the windows cannot have a band.
    """
    seconds = n_times / sfreq
    lines = []
    if bands is not None:
        in_window = estimator in ("hilbert", "filter_hilbert")
        checked = check_bands(bands, sfreq=sfreq, n_times=n_times, min_bins=int(in_window))
        biased = [measure for measure in measures if measure in BIASED]
        slow = {
            name: lo * seconds
            for name, (lo, hi) in checked.items()
            if hi <= 4 * lo and lo * seconds < MIN_CYCLES
        }
        few = {
            name: bt
            for name, band in checked.items()
            if biased and (bt := len(band_bins(band, sfreq=sfreq, n_times=n_times))) < MIN_BT
        }
        said = []
        if slow:
            counted = ", ".join(f"{name} ({cycles:.1f})" for name, cycles in slow.items())
            said.append(f"fewer than {MIN_CYCLES} cycles of {counted}")
        if few:
            counted = ", ".join(f"{name} ({bt})" for name, bt in few.items())
            floors = ", of ".join(_floor(measure, min(few.values()), known=in_window) for measure in biased)
            said.append(f"BT below {MIN_BT} in {counted}: floor of {floors}")
        if said:
            mend = ", subtract the floor" if few else ""
            lines.append(
                f"windows of {seconds:g} s: {'; '.join(said)}; lengthen the windows{mend} or leave bands out"
            )
    hertz = [] if freqs is None else [float(freq) for freq in freqs]
    below = [freq for freq in hertz if freq * seconds < MIN_CYCLES]
    if below:
        lines.append(
            f"freqs: {len(below)} of {len(hertz)}, {min(below):g} to {max(below):g} Hz, have fewer than "
            f"{MIN_CYCLES} cycles in a window of {seconds:g} s; lengthen the window or leave out those below "
            f"{MIN_CYCLES / seconds:g} Hz"
        )
    for line in lines:
        warnings.warn(line, ShortWindowWarning, stacklevel=3)
    return lines


def _floor(measure: str, bt: int, *, known: bool) -> str:
    """Name a measure with its floor in flat noise, where a formula gives it."""
    if known and bt and measure in HILBERT_MEASURES:
        return f"{measure} up to {hilbert_moments(measure, bt).mean:.2f}"
    return f"{measure} above 0"
