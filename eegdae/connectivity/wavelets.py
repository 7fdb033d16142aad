"""Signals of single frequencies: a window convolved with Morlet wavelets or with tapered oscillations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, SupportsFloat

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from scipy.signal.windows import dpss
from torch import Tensor
from torch.nn.functional import pad

from eegdae.connectivity.arrays import as_tensor
from eegdae.errors import EegdaeError

Numbers = Sequence[float] | NDArray[Any] | Tensor


def morlet_wavelets(freqs: Numbers, *, sfreq: float, n_cycles: float | Numbers = 7.0) -> list[Tensor]:
    r"""Make one Morlet wavelet a frequency, as ``mne.time_frequency.morlet(..., zero_mean=False)`` does.

    .. math:: w(t) \propto e^{2 \pi i f t}\, e^{-t^2 / (2 \sigma^2)}, \qquad
              \sigma = \frac{n_\mathrm{cycles}}{2 \pi f}, \qquad |t| < 5 \sigma, \qquad \|w\|^2 = 2

    A wavelet has a sample at t = 0 and an odd length of about 1.6 n_cycles / f seconds; its standard
    deviation in frequency is f / n_cycles.

    Parameters
    ----------
    freqs : sequence of float
        Hz, above 0 and at most half the sampling rate.
    sfreq : float
        Sampling rate, Hz.
    n_cycles : float or sequence of float
        Cycles in a wavelet, one number or one a frequency. With few (under 5) the wavelet's mean is not 0 and
        it answers to a constant.

    Returns
    -------
    list of Tensor, shape (n_samples,)
        complex128, one a frequency, on the CPU.

    Raises
    ------
    EegdaeError
        Where there is no frequency; one is not above 0 or is above half the sampling rate; `n_cycles` is not
        above 0 or has another length than `freqs`; `sfreq` is no sampling rate.

    References
    ----------
    C. Tallon-Baudry et al., Oscillatory gamma-band (30-70 Hz) activity induced by a visual search task in
    humans, J. Neuroscience 17, 1997.
    """
    wavelets = []
    for freq, cycles in _check_freqs(freqs, sfreq, n_cycles):
        sigma = cycles / (2.0 * np.pi * freq)
        t = np.arange(0.0, 5.0 * sigma, 1.0 / float(sfreq))
        t = np.r_[-t[::-1], t[1:]]
        wavelet = np.exp(2j * np.pi * freq * t) * np.exp(-(t**2) / (2.0 * sigma**2))
        wavelets.append(torch.from_numpy(wavelet / (math.sqrt(0.5) * np.linalg.norm(wavelet))))
    return wavelets


def multitaper_wavelets(
    freqs: Numbers, *, sfreq: float, n_cycles: float | Numbers = 7.0, time_bandwidth: float | Numbers = 4.0
) -> list[Tensor]:
    r"""Make weighted, tapered oscillations for each frequency, as mne's time-frequency multitaper does.

    .. math:: w_k(t) = \sqrt{\frac{2 \lambda_k}{\sum_j \lambda_j}}\;
              \frac{\sqrt 2\, v_k(t)}{\|v_k\|}, \qquad
              v_k(t) = d_k(t)\, e^{2 \pi i f t} - \overline{d_k(t)\, e^{2 \pi i f t}}

    with :math:`d_k` the Slepian sequences of n_cycles / f seconds, the mean taken off, and :math:`\lambda_k`
    the share of each one's energy inside the band. The weights are those of
    ``mne_connectivity.spectral_connectivity_time(mode="multitaper")``, so that the sum of
    :math:`z_x \bar z_y` over tapers is its cross-spectrum; like mne's, its power is twice the weighted mean.

    Parameters
    ----------
    freqs : sequence of float
        Hz, above 0 and at most half the sampling rate.
    sfreq : float
        Sampling rate, Hz.
    n_cycles : float or sequence of float
        Cycles in a taper, one number or one a frequency.
    time_bandwidth : float
        Length of a taper, s, times the full width of the band, Hz, 2 or more: mne's ``time_bandwidth``, and
        what mne-connectivity calls ``mt_bandwidth`` (there no Hz either). The band is
        ``f +- time_bandwidth f / (2 n_cycles)``, and there are ``floor(time_bandwidth - 1)`` tapers.

    Returns
    -------
    list of Tensor, shape (n_tapers, n_samples)
        complex128, one a frequency, on the CPU.

    Raises
    ------
    EegdaeError
        Where `morlet_wavelets` does; `time_bandwidth` is under 2 or no less than the samples of a taper.

    References
    ----------
    D. J. Thomson, Spectrum estimation and harmonic analysis, Proc. IEEE 70, 1982.
    """
    pairs = _check_freqs(freqs, sfreq, n_cycles)
    products = [time_bandwidth] * len(pairs) if np.ndim(time_bandwidth) == 0 else list(time_bandwidth)  # type: ignore[arg-type]
    wavelets = []
    for (freq, cycles), time_bandwidth in zip(pairs, products, strict=True):
        if not (isinstance(time_bandwidth, SupportsFloat) and 2 <= float(time_bandwidth) < math.inf):
            raise EegdaeError(f"time_bandwidth: {time_bandwidth!r}; allowed: numbers of 2 or more")
        t = np.arange(0.0, cycles / freq, 1.0 / float(sfreq))
        if len(t) <= time_bandwidth:
            raise EegdaeError(
                f"time_bandwidth: {time_bandwidth:g} is too much for the {len(t)} samples of {cycles:g} "
                f"cycles at {freq:g} Hz; allowed: less than that number; raise n_cycles"
            )
        tapers, concentration = _slepian(len(t), float(time_bandwidth))
        wavelet = tapers * np.exp(2j * np.pi * freq * (t - cycles / freq / 2.0))
        wavelet = wavelet - wavelet.mean(axis=-1, keepdims=True)
        norm = math.sqrt(0.5) * np.linalg.norm(wavelet, axis=-1)
        weight = np.sqrt(2 * concentration / concentration.sum()) / norm
        wavelets.append(torch.from_numpy(wavelet * weight[:, None]))
    return wavelets


def morlet_transform(
    x: Tensor, *, sfreq: float, freqs: Numbers, n_cycles: float | Numbers = 7.0
) -> Iterator[Tensor]:
    r"""Convolve each channel with the Morlet wavelet of each frequency in turn.

    .. math:: z(t) = \sum_u x(u)\, w(t - u)

    What lies outside of the window counts as 0, so values within half a wavelet of an end are those of a
    signal that stops there. Equal to ``mne.time_frequency.tfr_array_morlet(zero_mean=False)``, but for a
    channel that is constant over its window, which is 0 here and there the answer to its two ends.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real signals, any unit, float32 or float64.
    sfreq : float
        Sampling rate, Hz.
    freqs : sequence of float
        Hz, above 0 and at most half the sampling rate.
    n_cycles : float or sequence of float
        Cycles in a wavelet, one number or one a frequency.

    Yields
    ------
    Tensor, shape (..., n_chans, n_times)
        Complex, one a frequency; unit of `x`, larger the longer the wavelet. Differentiable.

    Raises
    ------
    EegdaeError
        Where `morlet_wavelets` does, at once; `x` is complex; a wavelet is longer than the window.
    """
    wavelets = morlet_wavelets(freqs, sfreq=sfreq, n_cycles=n_cycles)
    return _convolve(x, wavelets, freqs=freqs, sfreq=sfreq)


def multitaper_transform(
    x: Tensor,
    *,
    sfreq: float,
    freqs: Numbers,
    n_cycles: float | Numbers = 7.0,
    time_bandwidth: float | Numbers = 4.0,
) -> Iterator[Tensor]:
    """Convolve each channel with the weighted tapered oscillations of each frequency in turn.

    Equal to ``mne.time_frequency.tfr_array_multitaper(output="complex")`` times the weights of
    `multitaper_wavelets`; ends and constant channels as in `morlet_transform`.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real signals, any unit, float32 or float64.
    sfreq : float
        Sampling rate, Hz.
    freqs : sequence of float
        Hz, above 0 and at most half the sampling rate.
    n_cycles : float or sequence of float
        Cycles in a taper, one number or one a frequency.
    time_bandwidth : float
        Length of a taper, s, times the full width of the band, Hz, 2 or more.

    Yields
    ------
    Tensor, shape (..., n_tapers, n_chans, n_times)
        Complex, one a frequency; unit of `x`, larger the longer the wavelet. Differentiable.

    Raises
    ------
    EegdaeError
        Where `multitaper_wavelets` does, at once; `x` is complex; a taper is longer than the window.
    """
    wavelets = multitaper_wavelets(freqs, sfreq=sfreq, n_cycles=n_cycles, time_bandwidth=time_bandwidth)
    return _convolve(x, wavelets, freqs=freqs, sfreq=sfreq)


def _convolve(x: Tensor, wavelets: Sequence[Tensor], *, freqs: Numbers, sfreq: float) -> Iterator[Tensor]:
    """Refuse wavelets longer than the window now, convolve when asked for."""
    n_times = x.shape[-1]
    for freq, wavelet in zip(freqs, wavelets, strict=True):
        if wavelet.shape[-1] > n_times:
            raise EegdaeError(
                f"freqs: the wavelet of {float(freq):g} Hz has {wavelet.shape[-1]} samples and the window "
                f"{n_times} ({n_times / float(sfreq):g} s); lengthen the window, leave the frequency out or "
                "lower n_cycles"
            )
    return _convolutions(as_tensor(x, name="x")[0], wavelets)


def _convolutions(x: Tensor, wavelets: Sequence[Tensor]) -> Iterator[Tensor]:
    """The middle n_times samples of each convolution (mode "same"), (..., [n_tapers,] n_chans, n_times)."""
    n_times = x.shape[-1]
    x = x.masked_fill((x == x[..., :1]).all(dim=-1, keepdim=True), 0.0)
    # Half a wavelet of zeros is enough: what wraps around the end falls on the half that is cut off.
    n_fft = int(next_fast_len(n_times + max(wavelet.shape[-1] // 2 for wavelet in wavelets)))
    spectrum = torch.fft.fft(x, n=n_fft)
    for wavelet in wavelets:
        n_samples = wavelet.shape[-1]
        centred = pad(wavelet, (0, n_fft - n_samples)).roll(-((n_samples - 1) // 2), dims=-1)
        transfer = torch.fft.fft(centred).to(spectrum)
        if transfer.ndim == 2:  # (n_tapers, n_fft)
            product = spectrum.unsqueeze(-3) * transfer.unsqueeze(-2)  # (..., n_tapers, n_chans, n_fft)
        else:
            product = spectrum * transfer
        yield torch.fft.ifft(product)[..., :n_times]


@lru_cache(maxsize=256)
def _slepian(n_samples: int, time_bandwidth: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slepian sequences, (n_tapers, n_samples), and the share of each one's energy inside the band."""
    n_tapers = math.floor(time_bandwidth - 1)
    tapers, ratios = dpss(n_samples, time_bandwidth / 2, n_tapers, sym=False, return_ratios=True)
    return np.asarray(tapers, dtype=np.float64), np.asarray(ratios, dtype=np.float64)


def _check_freqs(freqs: Numbers, sfreq: float, n_cycles: float | Numbers) -> list[tuple[float, float]]:
    """Pairs (frequency, cycles), refused where no wavelet can be made of them."""
    if not (isinstance(sfreq, SupportsFloat) and math.isfinite(sfreq) and float(sfreq) > 0):
        raise EegdaeError(f"sfreq: {sfreq!r} is not a sampling rate; give a number of Hz above 0")
    try:
        hertz = [float(freq) for freq in freqs]
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
    try:
        cycles = (
            [float(n_cycles)] * len(hertz)
            if isinstance(n_cycles, SupportsFloat) and not np.ndim(n_cycles)
            else [float(n) for n in n_cycles]  # type: ignore[union-attr]
        )
    except (TypeError, ValueError):
        raise EegdaeError(f"n_cycles: {n_cycles!r}; give a number or a list of one a frequency") from None
    if len(cycles) != len(hertz):
        raise EegdaeError(
            f"n_cycles: {len(cycles)} numbers for {len(hertz)} frequencies; give one or one each"
        )
    for n in cycles:
        if not 0 < n < math.inf:
            raise EegdaeError(f"n_cycles: {n:g}; allowed: numbers above 0")
    return list(zip(hertz, cycles, strict=True))
