"""Which wavelets are wanted: frequencies, cycles and bandwidths, checked; the key of what is kept of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from eegdae.errors import EegdaeError

Numbers = Sequence[float] | NDArray[Any] | Tensor


@dataclass(frozen=True)
class WaveletRequest:
    """One wavelet, or one set of tapers, a frequency."""

    sfreq: float
    """Sampling rate, Hz."""

    freqs: tuple[float, ...]
    """Hz."""

    n_cycles: tuple[float, ...]
    """Cycles in a wavelet, one number a frequency."""

    time_bandwidths: tuple[float, ...] | None
    """Of the tapers, one number a frequency; None for Morlet wavelets."""

    def pick(self, numbers: Sequence[int]) -> WaveletRequest:
        """Give the request of some of its frequencies, by their numbers."""
        return replace(
            self,
            freqs=tuple(self.freqs[k] for k in numbers),
            n_cycles=tuple(self.n_cycles[k] for k in numbers),
            time_bandwidths=(
                None if self.time_bandwidths is None else tuple(self.time_bandwidths[k] for k in numbers)
            ),
        )


def check_morlet(freqs: Numbers, *, sfreq: float, n_cycles: float | Numbers) -> WaveletRequest:
    """Refuse what no wavelet can be made of, and give each frequency its cycles.

    Parameters
    ----------
    freqs : sequence of float
        Hz, above 0 and at most half the sampling rate.
    sfreq : float
        Sampling rate, Hz.
    n_cycles : float or sequence of float
        Cycles in a wavelet, one number or one a frequency.

    Returns
    -------
    WaveletRequest
        Of Morlet wavelets.

    Raises
    ------
    EegdaeError
        Where there is no frequency; one is not above 0 or is above half the sampling rate; `n_cycles` is not
        above 0 or has another length than `freqs`; `sfreq` is no sampling rate.
    """
    if not (isinstance(sfreq, SupportsFloat) and math.isfinite(sfreq) and float(sfreq) > 0):
        raise EegdaeError(f"sfreq: {sfreq!r} is not a sampling rate; give a number of Hz above 0")
    try:
        hertz = tuple(float(freq) for freq in freqs)
    except (TypeError, ValueError):
        raise EegdaeError(f"freqs: {freqs!r}; give a list of numbers of Hz") from None
    if not hertz:
        raise EegdaeError("freqs: the list is empty; give one frequency or more, Hz")
    nyquist = float(sfreq) / 2
    for freq in hertz:
        if not 0 < freq <= nyquist:
            raise EegdaeError(
                f"freqs: {freq:g} Hz; allowed: above 0 and up to {nyquist:g} Hz, half the sampling rate"
            )
    cycles = _one_a_frequency(n_cycles, len(hertz), name="n_cycles")
    for number in cycles:
        if not 0 < number < math.inf:
            raise EegdaeError(f"n_cycles: {number:g}; allowed: numbers above 0")
    return WaveletRequest(float(sfreq), hertz, cycles, None)


def check_multitaper(
    freqs: Numbers, *, sfreq: float, n_cycles: float | Numbers, time_bandwidth: float | Numbers
) -> WaveletRequest:
    """Refuse what no taper can be made of, and give each frequency its cycles and bandwidth.

    Parameters
    ----------
    freqs, sfreq, n_cycles
        As in `check_morlet`.
    time_bandwidth : float or sequence of float
        Length of a taper, s, times the full width of the band, Hz, 2 or more; one number or one a frequency.

    Returns
    -------
    WaveletRequest
        Of tapers.

    Raises
    ------
    EegdaeError
        Where `check_morlet` does; a `time_bandwidth` is under 2, or there is not one a frequency.
    """
    request = check_morlet(freqs, sfreq=sfreq, n_cycles=n_cycles)
    bandwidths = _one_a_frequency(time_bandwidth, len(request.freqs), name="time_bandwidth")
    for number in bandwidths:
        if not 2 <= number < math.inf:
            raise EegdaeError(f"time_bandwidth: {number:g}; allowed: numbers of 2 or more")
    return replace(request, time_bandwidths=bandwidths)


def _one_a_frequency(value: float | Numbers, n_freqs: int, *, name: str) -> tuple[float, ...]:
    """A number repeated, or the numbers of a list as long as there are frequencies."""
    try:
        if not np.ndim(value):
            return (float(value),) * n_freqs  # type: ignore[arg-type]
        numbers = tuple(float(number) for number in value)  # type: ignore[union-attr]
    except (TypeError, ValueError):
        raise EegdaeError(f"{name}: {value!r}; give a number or a list of one a frequency") from None
    if len(numbers) != n_freqs:
        raise EegdaeError(f"{name}: {len(numbers)} numbers for {n_freqs} frequencies; give one or one each")
    return numbers
