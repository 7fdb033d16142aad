"""Frequency bands of a window: which are possible, and the analytic signal inside each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import SupportsFloat

import torch
from torch import Tensor
from torch.nn.functional import pad

from eegdae.errors import EegdaeError

Band = tuple[float, float]

EEG_BANDS: Mapping[str, Band] = {
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 13.0),
    "low_beta": (13.0, 20.0),
    "high_beta": (20.0, 30.0),
    "gamma": (30.0, 45.0),
}
"""The six bands, in Hz, that the figures on EEG were measured with; both edges belong to a band."""

# Edges such as 0.1 * 3 must not lose their bin to the last digit of a float.
_EDGE_TOLERANCE = 1e-9


def band_bins(band: Band, *, sfreq: float, n_times: int) -> range:
    """Give the bins k of the window's Fourier transform with ``lo <= k sfreq / n_times <= hi``.

    Parameters
    ----------
    band : tuple of float
        Lower and upper edge, Hz.
    sfreq : float
        Sampling rate, Hz.
    n_times : int
        Samples in a window.

    Returns
    -------
    range
        The bins, without the one at 0 Hz (the mean of a window is not a rhythm); empty where none fits.
    """
    lo, hi = (edge * n_times / sfreq for edge in band)
    slack = _EDGE_TOLERANCE * n_times
    return range(max(1, math.ceil(lo - slack)), min(n_times // 2, math.floor(hi + slack)) + 1)


def check_bands(
    bands: Mapping[str, Sequence[float]], *, sfreq: float, n_times: int, min_bins: int = 1
) -> dict[str, Band]:
    """Refuse bands that these windows cannot have.

    Parameters
    ----------
    bands : mapping of str to pair of float
        Name -> (lower, upper) edge in Hz; both edges belong to the band.
    sfreq : float
        Sampling rate, Hz.
    n_times : int
        Samples in a window.
    min_bins : int
        How many bins of the window's Fourier transform a band must hold.

    Returns
    -------
    dict of str to (float, float)
        The same bands in the same order, plain floats.

    Raises
    ------
    EegdaeError
        Where there is no band; a band is not two numbers, holds NaN, is negative, reversed, reaches above
        half the sampling rate or holds fewer than `min_bins` bins; the sampling rate is not positive.
    """
    if not (isinstance(sfreq, SupportsFloat) and math.isfinite(sfreq) and float(sfreq) > 0):
        raise EegdaeError(f"sfreq: {sfreq!r} is not a sampling rate; give a number of Hz above 0")
    if not isinstance(bands, Mapping) or not bands:
        raise EegdaeError(f"bands: {bands!r}; give at least one band as name: [lo, hi] in Hz, lo <= hi")
    checked: dict[str, Band] = {}
    nyquist = sfreq / 2
    for name, edges in bands.items():
        try:
            lo, hi = (float(edge) for edge in edges)
        except (TypeError, ValueError):
            raise EegdaeError(f"bands.{name}: {edges!r} is not [lo, hi], two numbers of Hz") from None
        where = f"bands.{name}: [{lo:g}, {hi:g}] Hz"
        if not (math.isfinite(lo) and math.isfinite(hi)):
            raise EegdaeError(
                f"{where} holds a value that is not finite; allowed: 0 <= lo <= hi <= {nyquist:g}"
            )
        if lo < 0:
            raise EegdaeError(f"{where} begins below 0; allowed: 0 <= lo <= hi <= {nyquist:g}")
        if lo > hi:
            raise EegdaeError(f"{where} is reversed; did you mean [{hi:g}, {lo:g}]?")
        if hi > nyquist * (1 + _EDGE_TOLERANCE):
            raise EegdaeError(
                f"{where} reaches above half the sampling rate, {nyquist:g} Hz; lower it or drop the band"
            )
        n_bins = len(band_bins((lo, hi), sfreq=sfreq, n_times=n_times))
        if n_bins < min_bins:
            raise EegdaeError(
                f"{where} holds {n_bins} of the frequencies of a window ({n_times} samples at {sfreq:g} Hz), "
                f"which lie {sfreq / max(n_times, 1):g} Hz apart, and needs {min_bins}; "
                "widen the band or lengthen the window"
            )
        checked[str(name)] = (lo, hi)
    return checked


def analytic_signals(x: Tensor, sfreq: float, *, bands: Sequence[Band]) -> Iterator[Tensor]:
    r"""Give the analytic signal of each band in turn, from one Fourier transform of the window.

    The mean is taken off, bins outside ``lo <= f <= hi`` are set to zero, those inside are doubled (the one
    at half the sampling rate is not), those of negative frequency are zero: the real part is the band-limited
    signal, the modulus its envelope. The filter is exact and circular: the two ends of a window touch, so a
    window should hold six cycles or more of the lowest frequency.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real signals, any unit, float32 or float64.
    sfreq : float
        Sampling rate, Hz.
    bands : sequence of (float, float)
        Lower and upper edges, Hz, as `check_bands` lets them through.

    Yields
    ------
    Tensor, shape (..., n_chans, n_times)
        Complex, unit of `x`; zero where a channel is constant.

    References
    ----------
    S. L. Marple, Computing the discrete-time "analytic" signal via FFT, IEEE Trans. Signal Processing 47(9),
    1999.
    """
    n_times = x.shape[-1]
    # The first sample goes first: a constant channel then becomes exactly zero, not the rounding of its mean,
    # whose phase would look like a signal's.
    x = x - x[..., :1]
    spectrum = torch.fft.rfft(x - x.mean(dim=-1, keepdim=True))  # (..., n_chans, n_times // 2 + 1)
    gain = torch.full((spectrum.shape[-1],), 2.0, dtype=x.dtype, device=x.device)
    if n_times % 2 == 0:
        gain[-1] = 1.0
    for band in bands:
        bins = band_bins(band, sfreq=sfreq, n_times=n_times)
        inside = slice(bins.start, bins.stop)
        kept = spectrum[..., inside] * gain[inside]
        yield torch.fft.ifft(pad(kept, (bins.start, n_times - bins.start - len(bins))))


def analytic_signal(x: Tensor, sfreq: float, *, band: Band) -> Tensor:
    """Give the analytic signal of one band: `analytic_signals` for a single band.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real signals, any unit.
    sfreq : float
        Sampling rate, Hz.
    band : (float, float)
        Lower and upper edge, Hz.

    Returns
    -------
    Tensor, shape (..., n_chans, n_times)
        Complex, unit of `x`.

    Raises
    ------
    EegdaeError
        Where the window cannot have the band (see `check_bands`).
    """
    checked = check_bands({"band": band}, sfreq=sfreq, n_times=x.shape[-1])
    return next(analytic_signals(x, sfreq, bands=[checked["band"]]))
