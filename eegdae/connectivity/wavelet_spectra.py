r"""Cross-spectra of wavelet transforms, without the transforms.

With X the Fourier transform of a window followed by zeros, and W that of a wavelet, the product of two
channels' circular convolutions summed over time is :math:`\frac{1}{N} \sum_k |W(k)|^2 X_x(k) \bar X_y(k)`
(Parseval). The products :math:`X_x \bar X_y` serve all frequencies, so that is one product of real matrices.
What falls on the zeros instead of the window is taken off; it depends on half a wavelet at each end alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.connectivity.arrays import as_tensor
from eegdae.connectivity.convolution import Run, convolve, fast_length, plan_convolution, transfer_function
from eegdae.connectivity.cross_spectrum import cross_spectrum
from eegdae.connectivity.wavelet_ends import Ends, end_factor, join_ends
from eegdae.connectivity.wavelet_request import Numbers, WaveletRequest, check_morlet, check_multitaper
from eegdae.connectivity.wavelets import make_wavelets, without_constants

# Bytes of the products of two channels at a time, and bins in them: what stays near a core is faster, and a
# wavelet takes part only where it has weight. A GPU has no such place and wants much at once.
_CPU_BLOCK, _GPU_BLOCK, _BINS = 3 * 2**20, 64 * 2**20, 96


def morlet_cross_spectra(
    x: Tensor, *, sfreq: float, freqs: Numbers, n_cycles: float | Numbers = 7.0
) -> Tensor:
    r"""Average the products of every two channels over time, at each frequency, after Morlet wavelets.

    .. math:: S_{xy}(f) = \frac{1}{T} \sum_t z_x(t)\, \bar z_y(t)
              = \frac{1}{T} \Bigl[ \frac{1}{N} \sum_k |W_f(k)|^2 X(k)\, \bar Y(k)
              - \sum_{t \ge T} z_x(t)\, \bar z_y(t) \Bigr]

    with X the Fourier transform of the window and zeros, N samples long. The `cross_spectrum` of each signal
    of `morlet_transform`, up to rounding and many times faster, since z is made outside of the window alone.

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

    Returns
    -------
    Tensor, shape (..., n_freqs, n_chans, n_chans)
        Complex, exactly Hermitian, positive semi-definite up to rounding, unit of `x` squared. A constant
        channel has 0 with every other and itself. Differentiable.

    Raises
    ------
    EegdaeError
        Where `morlet_transform` does.
    """
    return wavelet_cross_spectra(x, check_morlet(freqs, sfreq=sfreq, n_cycles=n_cycles))


def multitaper_cross_spectra(
    x: Tensor,
    *,
    sfreq: float,
    freqs: Numbers,
    n_cycles: float | Numbers = 7.0,
    time_bandwidth: float | Numbers = 4.0,
) -> Tensor:
    """Average the products of every two channels over time and tapers, at each frequency.

    The `cross_spectrum` of each signal of `multitaper_transform`, in the way of `morlet_cross_spectra`.

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

    Returns
    -------
    Tensor, shape (..., n_freqs, n_chans, n_chans)
        As that of `morlet_cross_spectra`.

    Raises
    ------
    EegdaeError
        Where `multitaper_transform` does.
    """
    request = check_multitaper(freqs, sfreq=sfreq, n_cycles=n_cycles, time_bandwidth=time_bandwidth)
    return wavelet_cross_spectra(x, request)


_Layout = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class _Plan:
    """What depends on the wavelets alone. First those that the spectrum serves, the longest first."""

    n_fft: int
    even: Tensor  # (n_rows, n_bins), weights of the real parts of the products
    odd: Tensor  # (n_rows, n_bins), of the imaginary parts
    used: NDArray[np.bool_]  # (n_rows, n_bins), where a weight is more than rounding
    ends: tuple[Ends, ...]
    runs: tuple[Run, ...]  # the others, convolved
    order: Tensor | None  # to the order of the request, where it is another


def wavelet_cross_spectra(x: Tensor, request: WaveletRequest) -> Tensor:
    """Average the products of every two channels over time, and tapers, for what a request asks for.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real signals, any unit, float32 or float64.
    request : WaveletRequest
        Wavelets or tapers.

    Returns
    -------
    Tensor, shape (..., n_freqs, n_chans, n_chans)
        As that of `morlet_cross_spectra`.

    Raises
    ------
    EegdaeError
        Where a wavelet is longer than the window.
    """
    x, _ = as_tensor(x, name="x")
    n_chans, n_times = x.shape[-2:]
    with torch.inference_mode(False):  # what is kept must do for a gradient later
        plan = _plan(request, n_times, x.dtype, x.device)
        layout = _layout(n_chans, x.dtype, x.device)
    flat = without_constants(x).reshape(-1, n_chans, n_times)
    n_products = (n_chans // 2 + 1) * n_chans
    block = _CPU_BLOCK if x.device.type == "cpu" else _GPU_BLOCK
    size = max(1, block // (2 * n_products * min(_BINS, plan.n_fft) * x.element_size()))
    n_freqs = len(request.freqs)
    blocks = [flat.new_zeros((0, n_freqs, n_chans, n_chans), dtype=x.dtype.to_complex())]
    for start in range(0, len(flat), size):
        blocks.append(_block(flat[start : start + size], plan, layout))
    return torch.cat(blocks).reshape(*x.shape[:-2], n_freqs, n_chans, n_chans)


def _block(x: Tensor, plan: _Plan, layout: _Layout) -> Tensor:
    """(n_windows, n_chans, n_times) -> (n_windows, n_freqs, n_chans, n_chans)."""
    parts = [_from_spectrum(x, plan, layout)] if len(plan.even) else []
    for _, z in convolve(x, plan.runs):
        parts.append(cross_spectrum(z, tapers=z.ndim == 5))
    s = torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]
    return s if plan.order is None else s.index_select(1, plan.order)


def _from_spectrum(x: Tensor, plan: _Plan, layout: _Layout) -> Tensor:
    """Cross-spectra of the first rows of the plan: of the circular convolution, less the zeros' share."""
    n_windows, n_chans, _ = x.shape
    first, second, place, sign = layout
    n_rows, n_bins = plan.used.shape
    re = x.new_zeros((n_windows, n_rows, len(first)))
    im = torch.zeros_like(re)
    spectrum = torch.fft.rfft(x, n=plan.n_fft)
    for start in range(0, n_bins, _BINS):
        bins = slice(start, start + _BINS)
        used = np.flatnonzero(plan.used[:, bins].any(axis=1))
        if len(used):
            rows = slice(int(used[0]), int(used[-1]) + 1)
            even, odd = _products(spectrum[..., bins])
            re[:, rows] += plan.even[rows, bins] @ even.mT
            im[:, rows] += plan.odd[rows, bins] @ odd.mT
    for ends in plan.ends:
        even, odd = _on_zeros(x, ends)
        re[:, ends.rows] -= _take(even, first)
        im[:, ends.rows] -= _take(odd, first) - _take(odd, second)
    s = torch.complex(_take(re, place), _take(im, place) * sign)
    return s.reshape(n_windows, n_rows, n_chans, n_chans)


def _products(spectrum: Tensor) -> tuple[Tensor, Tensor]:
    """Real and imaginary parts of X_i conj(X_(i + d)), (n_windows, n_shifts * n_chans, n_bins).

    Channels stand in a ring, and d goes half way round: every pair once, and each d is one slice.
    """
    n_chans = spectrum.shape[-2]
    n_shifts = n_chans // 2 + 1
    re, im = spectrum.real.contiguous(), spectrum.imag.contiguous()
    other_re, other_im = (
        torch.cat([part, part[:, : n_shifts - 1]], dim=1).unfold(1, n_chans, 1).movedim(-1, -2)
        for part in (re, im)
    )  # (n_windows, n_shifts, n_chans, n_bins)
    re, im = re.unsqueeze(1), im.unsqueeze(1)
    even = torch.addcmul(re * other_re, im, other_im)
    odd = torch.addcmul(im * other_re, re, other_im, value=-1)
    return even.flatten(1, 2), odd.flatten(1, 2)


def _on_zeros(x: Tensor, ends: Ends) -> tuple[Tensor, Tensor]:
    """Real part of P P^H, and a matrix that less its transpose is the imaginary part.

    (n_windows, n_wavelets, n_chans, n_chans) each.
    """
    samples = torch.cat([x[..., : ends.n_left], x[..., x.shape[-1] - ends.n_right :]], dim=-1)
    n_wavelets = ends.rows.stop - ends.rows.start
    rank = ends.factor.shape[-1] // (2 * n_wavelets)
    p = (samples @ ends.factor).reshape(*samples.shape[:2], n_wavelets, 2 * rank)
    p = p.transpose(1, 2).contiguous()  # (n_windows, n_wavelets, n_chans, 2 * rank)
    return p @ p.mT, p[..., rank:] @ p[..., :rank].mT


def _take(s: Tensor, index: Tensor) -> Tensor:
    """(n_windows, n_freqs, ...) -> (n_windows, n_freqs, len(index)); six times as fast on two axes."""
    taken = s.reshape(s.shape[0] * s.shape[1], -1).index_select(1, index)
    return taken.reshape(s.shape[0], s.shape[1], -1)


@lru_cache(maxsize=32)
def _layout(n_chans: int, dtype: torch.dtype, device: torch.device) -> _Layout:
    """Places in a flat matrix of [x, y] and [y, x] of each product; of each entry, its product and sign."""
    chan = np.arange(n_chans)
    other = (chan + np.arange(n_chans // 2 + 1)[:, None]) % n_chans  # (n_shifts, n_chans)
    low, high = np.minimum(chan[:, None], chan), np.maximum(chan[:, None], chan)
    near = high - low <= n_chans // 2
    place = np.where(near, (high - low) * n_chans + low, (n_chans - high + low) * n_chans + high)
    sign = np.where(near, 1.0, -1.0) * np.sign(chan - chan[:, None])
    return (
        torch.from_numpy((chan * n_chans + other).ravel()).to(device),
        torch.from_numpy((other * n_chans + chan).ravel()).to(device),
        torch.from_numpy(place.ravel()).to(device),
        torch.from_numpy(sign.ravel()).to(device, dtype),
    )


@lru_cache(maxsize=8)
def _plan(request: WaveletRequest, n_times: int, dtype: torch.dtype, device: torch.device) -> _Plan:
    made = make_wavelets(request, n_times=n_times)
    n_fft = fast_length(n_times + max(wavelet.shape[-1] for wavelet in made) // 2)
    # A share of energy that rounding hides, also where a channel's mean is 10^4 times what varies.
    tolerance = torch.finfo(dtype).eps ** 1.5
    served, factors, weights, others = [], [], [], []
    for k in sorted(range(len(made)), key=lambda k: -made[k].shape[-1]):
        wavelet = made[k].reshape(-1, made[k].shape[-1])  # (n_tapers, n_samples)
        transfer = transfer_function(wavelet, n_fft).numpy()
        factor = end_factor(transfer, wavelet.numpy(), n_times=n_times, tolerance=tolerance)
        if factor is None:
            others.append(k)
            continue
        served.append(k)
        factors.append(factor / np.sqrt(n_times))
        weights.append(np.square(np.abs(transfer)).sum(axis=0) / (n_fft * n_times))
    order = np.argsort([*served, *others])
    weight = np.reshape(weights, (-1, n_fft))
    mirrored = np.roll(weight[:, ::-1], 1, axis=1)  # the weights at -k, where the product is the conjugate
    n_bins = n_fft // 2 + 1
    even, odd = (weight + mirrored)[:, :n_bins], (weight - mirrored)[:, :n_bins]
    even[:, [0, -1]] /= 2  # n_fft is even: the first and last bin are their own mirror images
    return _Plan(
        n_fft=n_fft,
        even=torch.from_numpy(even).to(device, dtype),
        odd=torch.from_numpy(odd).to(device, dtype),
        used=even > tolerance * even.max(axis=1, keepdims=True),
        ends=tuple(replace(ends, factor=ends.factor.to(device, dtype)) for ends in join_ends(factors)),
        runs=plan_convolution([made[k] for k in others], n_times=n_times, dtype=dtype, device=device),
        order=None if (np.diff(order) > 0).all() else torch.from_numpy(order).to(device),
    )
