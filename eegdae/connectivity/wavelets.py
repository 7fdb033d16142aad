"""Signals of single frequencies: a window convolved with Morlet wavelets or with tapered oscillations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal.windows import dpss
from torch import Tensor

from eegdae.connectivity.arrays import as_tensor
from eegdae.connectivity.convolution import Run, convolve, plan_convolution
from eegdae.connectivity.wavelet_request import Numbers, WaveletRequest, check_morlet, check_multitaper
from eegdae.errors import EegdaeError

# Longer windows take so long that making their wavelets anew is nothing, and keeping those takes memory.
_LONGEST_KEPT = 8192


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
    return make_wavelets(check_morlet(freqs, sfreq=sfreq, n_cycles=n_cycles))


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
    time_bandwidth : float or sequence of float
        Length of a taper, s, times the full width of the band, Hz, 2 or more, one number or one a frequency:
        mne's ``time_bandwidth``, and what mne-connectivity calls ``mt_bandwidth`` (there no Hz either). The
        band is ``f +- time_bandwidth f / (2 n_cycles)``, with ``floor(time_bandwidth - 1)`` tapers.

    Returns
    -------
    list of Tensor, shape (n_tapers, n_samples)
        complex128, one a frequency, on the CPU.

    Raises
    ------
    EegdaeError
        Where `morlet_wavelets` does; `time_bandwidth` is under 2, no less than the samples of a taper, or has
        another length than `freqs`.

    References
    ----------
    D. J. Thomson, Spectrum estimation and harmonic analysis, Proc. IEEE 70, 1982.
    """
    return make_wavelets(
        check_multitaper(freqs, sfreq=sfreq, n_cycles=n_cycles, time_bandwidth=time_bandwidth)
    )


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
    return _each(morlet_groups(x, sfreq=sfreq, freqs=freqs, n_cycles=n_cycles), dim=-3)


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
    time_bandwidth : float or sequence of float
        Length of a taper, s, times the full width of the band, Hz, 2 or more, one number or one a frequency.

    Yields
    ------
    Tensor, shape (..., n_tapers, n_chans, n_times)
        Complex, one a frequency; unit of `x`, larger the longer the wavelet. Differentiable.

    Raises
    ------
    EegdaeError
        Where `multitaper_wavelets` does, at once; `x` is complex; a taper is longer than the window.
    """
    groups = multitaper_groups(x, sfreq=sfreq, freqs=freqs, n_cycles=n_cycles, time_bandwidth=time_bandwidth)
    return _each(groups, dim=-4)


def morlet_groups(
    x: Tensor, *, sfreq: float, freqs: Numbers, n_cycles: float | Numbers = 7.0
) -> Iterator[tuple[slice, Tensor]]:
    """Convolve with Morlet wavelets as `morlet_transform` does, several frequencies at a time.

    Fast where a block of windows is small enough to stay near a core, as one or a few windows are.

    Parameters
    ----------
    x, sfreq, freqs, n_cycles
        As in `morlet_transform`.

    Yields
    ------
    rows : slice
        Which of `freqs`; every one once, in order.
    z : Tensor, shape (..., n_rows, n_chans, n_times)
        Complex, not always contiguous but in the last axis. Differentiable.

    Raises
    ------
    EegdaeError
        Where `morlet_transform` does, at once.
    """
    return wavelet_groups(x, check_morlet(freqs, sfreq=sfreq, n_cycles=n_cycles))


def multitaper_groups(
    x: Tensor,
    *,
    sfreq: float,
    freqs: Numbers,
    n_cycles: float | Numbers = 7.0,
    time_bandwidth: float | Numbers = 4.0,
) -> Iterator[tuple[slice, Tensor]]:
    """Convolve with tapered oscillations as `multitaper_transform` does, several frequencies at a time.

    Parameters
    ----------
    x, sfreq, freqs, n_cycles, time_bandwidth
        As in `multitaper_transform`.

    Yields
    ------
    rows : slice
        Which of `freqs`; every one once, in order.
    z : Tensor, shape (..., n_rows, n_tapers, n_chans, n_times)
        Complex, not always contiguous but in the last axis. Differentiable.

    Raises
    ------
    EegdaeError
        Where `multitaper_transform` does, at once.
    """
    request = check_multitaper(freqs, sfreq=sfreq, n_cycles=n_cycles, time_bandwidth=time_bandwidth)
    return wavelet_groups(x, request)


def make_wavelets(request: WaveletRequest, *, n_times: int | None = None) -> list[Tensor]:
    """Make the wavelets of a request.

    Parameters
    ----------
    request : WaveletRequest
        Checked.
    n_times : int, optional
        Samples in the window that they are to fit. Default: any.

    Returns
    -------
    list of Tensor, shape ([n_tapers,] n_samples)
        complex128, one a frequency, on the CPU.

    Raises
    ------
    EegdaeError
        Where a taper is too short for its bandwidth, or a wavelet longer than the window.
    """
    if request.time_bandwidths is None:
        wavelets = [
            _morlet(freq, cycles, sfreq=request.sfreq)
            for freq, cycles in zip(request.freqs, request.n_cycles, strict=True)
        ]
    else:
        wavelets = [
            _tapered(freq, cycles, sfreq=request.sfreq, time_bandwidth=time_bandwidth)
            for freq, cycles, time_bandwidth in zip(
                request.freqs, request.n_cycles, request.time_bandwidths, strict=True
            )
        ]
    for freq, wavelet in zip(request.freqs, wavelets, strict=True):
        if n_times is not None and wavelet.shape[-1] > n_times:
            raise EegdaeError(
                f"freqs: the wavelet of {freq:g} Hz has {wavelet.shape[-1]} samples and the window "
                f"{n_times} ({n_times / request.sfreq:g} s); lengthen the window, leave the frequency out or "
                "lower n_cycles"
            )
    return wavelets


def without_constants(x: Tensor) -> Tensor:
    """Set channels that are constant over their window to 0; they would answer to its two ends.

    Parameters
    ----------
    x : Tensor, shape (..., n_times)
        Real signals.

    Returns
    -------
    Tensor, same shape
        The same but for those channels.
    """
    return x.masked_fill((x == x[..., :1]).all(dim=-1, keepdim=True), 0.0)


def wavelet_groups(x: Tensor, request: WaveletRequest) -> Iterator[tuple[slice, Tensor]]:
    """Convolve with what a request asks for, several frequencies at a time.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real signals, any unit, float32 or float64.
    request : WaveletRequest
        Wavelets or tapers.

    Yields
    ------
    rows : slice
        Which of the frequencies; every one once, in order.
    z : Tensor, shape (..., n_rows, [n_tapers,] n_chans, n_times)
        As `morlet_groups` and `multitaper_groups`.

    Raises
    ------
    EegdaeError
        Where a wavelet is longer than the window, at once.
    """
    tensor, _ = as_tensor(x, name="x")
    n_times = tensor.shape[-1]
    plan = _runs if n_times <= _LONGEST_KEPT else _runs.__wrapped__
    with torch.inference_mode(False):  # what is kept must do for a gradient later
        runs = plan(request, n_times, tensor.dtype, tensor.device)
    return convolve(without_constants(tensor), runs)


def _each(groups: Iterator[tuple[slice, Tensor]], *, dim: int) -> Iterator[Tensor]:
    """One frequency at a time of groups of them."""
    for _, z in groups:
        yield from z.unbind(dim)


@lru_cache(maxsize=8)
def _runs(request: WaveletRequest, n_times: int, dtype: torch.dtype, device: torch.device) -> tuple[Run, ...]:
    wavelets = make_wavelets(request, n_times=n_times)
    return plan_convolution(wavelets, n_times=n_times, dtype=dtype, device=device)


def _morlet(freq: float, cycles: float, *, sfreq: float) -> Tensor:
    """See `morlet_wavelets`."""
    sigma = cycles / (2.0 * np.pi * freq)
    t = np.arange(0.0, 5.0 * sigma, 1.0 / sfreq)
    t = np.r_[-t[::-1], t[1:]]
    wavelet = np.exp(2j * np.pi * freq * t) * np.exp(-(t**2) / (2.0 * sigma**2))
    return torch.from_numpy(wavelet / (math.sqrt(0.5) * np.linalg.norm(wavelet)))


def _tapered(freq: float, cycles: float, *, sfreq: float, time_bandwidth: float) -> Tensor:
    """See `multitaper_wavelets`."""
    t = np.arange(0.0, cycles / freq, 1.0 / sfreq)
    if len(t) <= time_bandwidth:
        raise EegdaeError(
            f"time_bandwidth: {time_bandwidth:g} is too much for the {len(t)} samples of {cycles:g} "
            f"cycles at {freq:g} Hz; allowed: less than that number; raise n_cycles"
        )
    tapers, concentration = _slepian(len(t), time_bandwidth)
    wavelet = tapers * np.exp(2j * np.pi * freq * (t - cycles / freq / 2.0))
    wavelet = wavelet - wavelet.mean(axis=-1, keepdims=True)
    norm = math.sqrt(0.5) * np.linalg.norm(wavelet, axis=-1)
    weight = np.sqrt(2 * concentration / concentration.sum()) / norm
    return torch.from_numpy(wavelet * weight[:, None])


@lru_cache(maxsize=256)
def _slepian(n_samples: int, time_bandwidth: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slepian sequences, (n_tapers, n_samples), and the share of each one's energy inside the band."""
    n_tapers = math.floor(time_bandwidth - 1)
    tapers, ratios = dpss(n_samples, time_bandwidth / 2, n_tapers, sym=False, return_ratios=True)
    return np.asarray(tapers, dtype=np.float64), np.asarray(ratios, dtype=np.float64)
