"""Filters and rates that use the past alone, as a stream must: what comes later changes nothing before it.

They delay the signal, and frequencies by different times; a model for a stream is to be trained on them. Each
starts from rest at the first sample, as if that had lasted for ever, so that an offset does not ring.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError

_HALF_LENGTH = (
    10  # of the filter against aliases, in samples of the lower rate, as scipy.signal.resample_poly
)
_BETA = 5.0  # of its Kaiser window, likewise


def filtered(
    data: NDArray[np.float64], sfreq: float, l_freq: float | None, h_freq: float | None
) -> NDArray[np.float64]:
    """Filter forward: Butterworth of order 4 at either edge.

    Parameters
    ----------
    data : ndarray, shape (n_chans, n_times)
        Finite.
    sfreq : float
        Sampling rate in hertz.
    l_freq, h_freq : float or None
        Edges of the pass band in hertz.

    Returns
    -------
    ndarray, shape (n_chans, n_times)

    Raises
    ------
    EegdaeError
        If no stable filter has such an edge.

    Notes
    -----
    ``mne.filter.filter_data(x - x[0], ..., method="iir", phase="forward")``.
    """
    import mne

    said = f"data.prepare.l_freq={l_freq} h_freq={h_freq}"
    first = data[:, :1]
    try:
        result: NDArray[np.float64] = mne.filter.filter_data(
            data - first, sfreq, l_freq, h_freq, method="iir", phase="forward", copy=False, verbose="error"
        )
    except (RuntimeError, ValueError) as error:
        raise EegdaeError(f"{said}: no causal filter: {' '.join(str(error).split())}") from error
    if not np.isfinite(result).all():
        raise EegdaeError(f"{said}: no stable causal filter at {sfreq:g} Hz; move the edge")
    return result if l_freq is not None else result + first


def notched(data: NDArray[np.float64], sfreq: float, freqs: Sequence[float]) -> NDArray[np.float64]:
    """Take frequencies out, forward.

    Parameters
    ----------
    data : ndarray, shape (n_chans, n_times)
        Finite.
    sfreq : float
        Sampling rate in hertz.
    freqs : sequence of float
        In hertz.

    Returns
    -------
    ndarray, shape (n_chans, n_times)

    Notes
    -----
    ``mne.filter.notch_filter(x - x[0], ..., method="iir", phase="forward") + x[0]``, one after the other.
    """
    import mne

    first = data[:, :1]
    result: NDArray[np.float64] = data - first
    for freq in freqs:
        result = mne.filter.notch_filter(
            result, sfreq, freq, method="iir", phase="forward", copy=False, verbose="error"
        )
    return result + first


def resampled(data: NDArray[np.float64], old: float, new: float) -> NDArray[np.float64]:
    """Resample with a minimum-phase filter against aliases.

    Parameters
    ----------
    data : ndarray, shape (n_chans, n_times)
        Finite.
    old, new : float
        Rates in hertz.

    Returns
    -------
    ndarray, shape (n_chans, floor((n_times - 1) * new / old) + 1)
        Sample k stands for time k / new and is made of what was there by then.

    Notes
    -----
    The filter is that of `scipy.signal.resample_poly` (and so of ``mne.filter.resample(method="polyphase")``)
    with its phase made minimal by `scipy.signal.minimum_phase`: the same passes, some samples later.
    """
    from scipy import signal

    ratio = rational(new) / rational(old)
    up, down = ratio.numerator, ratio.denominator
    taps = _minimum_phase_taps(up, down)
    first = data[:, :1]
    n_times = (data.shape[1] - 1) * up // down + 1
    result: NDArray[np.float64] = signal.upfirdn(taps, data - first, up, down, axis=1)[:, :n_times]
    return np.pad(result, ((0, 0), (0, max(2 - n_times, 0))), mode="edge") + first


@lru_cache(maxsize=8)
def _minimum_phase_taps(up: int, down: int) -> NDArray[np.float64]:
    from scipy import fft, signal

    longest = max(up, down)
    taps = signal.firwin(2 * _HALF_LENGTH * longest + 1, 1 / longest, window=("kaiser", _BETA))
    taps = signal.minimum_phase(taps, half=False, n_fft=fft.next_fast_len(16 * len(taps)))
    # the sum of each phase is 1, so that what does not change stays as it is
    phases = np.pad(taps, (0, -len(taps) % up)).reshape(-1, up)
    result: NDArray[np.float64] = (phases / phases.sum(axis=0)).ravel()
    return result


def rational(rate: float) -> Fraction:
    """Give a rate as a fraction, to a thousandth of a hertz or finer; below 1 Hz, of a second a sample."""
    return 1 / rational(1 / rate) if rate < 1 else Fraction(rate).limit_denominator(1000)
