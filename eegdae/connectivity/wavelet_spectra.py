r"""Cross-spectra of wavelet transforms, without the transforms.

With X the Fourier transform of a window followed by zeros, and W that of a wavelet, the product of two
channels' circular convolutions summed over time is :math:`\frac{1}{N} \sum_k |W(k)|^2 X_x(k) \bar X_y(k)`
(Parseval). The products :math:`X_x \bar X_y` serve all frequencies, so that is one product of real matrices.
What falls on the zeros instead of the window is taken off; it depends on half a wavelet at each end alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from torch import Tensor

from eegdae.connectivity.arrays import as_tensor
from eegdae.connectivity.wavelets import (
    Numbers,
    check_freqs,
    check_lengths,
    check_time_bandwidth,
    morlet_wavelets,
    multitaper_wavelets,
    without_constants,
)

# Bytes of the products of two channels at a time, and bins in them: what stays near a core is faster.
_BLOCK, _BINS = 3 * 2**20, 96
# Where a smooth wavelet falls on the zeros in more ways than that, it has a step and needs nearly all.
_MAX_RANK = 40


def morlet_cross_spectra(
    x: Tensor, *, sfreq: float, freqs: Numbers, n_cycles: float | Numbers = 7.0
) -> Tensor:
    pairs = check_freqs(freqs, sfreq, n_cycles)
    return _cross_spectra(x, sfreq=float(sfreq), pairs=tuple(pairs), bandwidths=None)


def multitaper_cross_spectra(
    x: Tensor,
    *,
    sfreq: float,
    freqs: Numbers,
    n_cycles: float | Numbers = 7.0,
    time_bandwidth: float | Numbers = 4.0,
) -> Tensor:
    pairs = check_freqs(freqs, sfreq, n_cycles)
    bandwidths = check_time_bandwidth(time_bandwidth, len(pairs))
    return _cross_spectra(x, sfreq=float(sfreq), pairs=tuple(pairs), bandwidths=tuple(bandwidths))


@dataclass(frozen=True)
class _Ends:
    """Map from the ends of a window to what falls on the zeros, of some wavelets of about one length."""

    rows: slice  # those wavelets, in order of length
    n_left: int  # samples at the start of the window, and at its end
    n_right: int
    factor: Tensor  # (n_left + n_right, n_wavelets * 2 * rank), real before imaginary parts


@dataclass(frozen=True)
class _Plan:
    """What depends on the wavelets alone, in order of their length."""

    n_fft: int
    even: Tensor  # (n_freqs, n_bins), weights of the real parts of the products
    odd: Tensor  # (n_freqs, n_bins), of the imaginary parts
    used: NDArray[np.bool_]  # (n_freqs, n_bins), where a weight is more than rounding
    ends: tuple[_Ends, ...]
    order: Tensor | None  # from order of length to the order of `freqs`, where it is another


def _cross_spectra(
    x: Tensor,
    *,
    sfreq: float,
    pairs: tuple[tuple[float, float], ...],
    bandwidths: tuple[float, ...] | None,
) -> Tensor:
    x, _ = as_tensor(x, name="x")
    n_chans, n_times = x.shape[-2:]
    plan = _plan(n_times, sfreq, pairs, bandwidths, x.dtype, x.device)
    flat = without_constants(x).reshape(-1, n_chans, n_times)
    n_products = (n_chans // 2 + 1) * n_chans
    n_bins = min(_BINS, plan.even.shape[-1])
    size = max(1, _BLOCK // (2 * n_products * n_bins * x.element_size()))
    blocks = [flat.new_zeros((0, len(pairs), n_chans, n_chans), dtype=x.dtype.to_complex())]
    for start in range(0, len(flat), size):
        blocks.append(_block(flat[start : start + size], plan))
    return torch.cat(blocks).reshape(*x.shape[:-2], len(pairs), n_chans, n_chans)


def _block(x: Tensor, plan: _Plan) -> Tensor:
    """(n_windows, n_chans, n_times) -> (n_windows, n_freqs, n_chans, n_chans), windows of one block."""
    n_windows, n_chans, _ = x.shape
    first, second, place, sign = _layout(n_chans, x.dtype, x.device)
    n_freqs, n_bins = plan.used.shape
    re = x.new_zeros((n_windows, n_freqs, len(first)))
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
        even, odd = _beyond(x, ends)
        re[:, ends.rows] -= _take(even, first)
        im[:, ends.rows] -= _take(odd, first) - _take(odd, second)
    if plan.order is not None:
        re, im = re[:, plan.order], im[:, plan.order]
    return torch.complex(_take(re, place), _take(im, place) * sign).unflatten(-1, (n_chans, n_chans))


def _take(s: Tensor, index: Tensor) -> Tensor:
    """(n_windows, n_freqs, ...) -> (n_windows, n_freqs, len(index)); six times as fast with two axes."""
    return s.reshape(-1, s[0, 0].numel()).index_select(1, index).unflatten(0, s.shape[:2])


def _products(spectrum: Tensor) -> tuple[Tensor, Tensor]:
    """Real and imaginary parts of X_i conj(X_(i + d)), (n_windows, n_shifts * n_chans, n_bins).

    Channels in a ring, and the next ones up to half way round: each pair once, and no index.
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


def _beyond(x: Tensor, ends: _Ends) -> tuple[Tensor, Tensor]:
    """P P^H of what falls on the zeros: its real part, and a matrix that less its transpose is the imaginary.

    (n_windows, n_wavelets, n_chans, n_chans) each.
    """
    n_windows, n_chans, n_times = x.shape
    samples = torch.cat([x[..., : ends.n_left], x[..., n_times - ends.n_right :]], dim=-1)
    beyond = (samples @ ends.factor).unflatten(-1, (ends.rows.stop - ends.rows.start, -1))
    beyond = beyond.transpose(1, 2).contiguous()  # (n_windows, n_wavelets, n_chans, 2 * rank)
    rank = beyond.shape[-1] // 2
    return beyond @ beyond.mT, beyond[..., rank:] @ beyond[..., :rank].mT


@lru_cache(maxsize=32)
def _layout(n_chans: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Where [x, y] and [y, x] of each product lie in a matrix, and a matrix of where its product lies."""
    chan = np.arange(n_chans)
    other = (chan + np.arange(n_chans // 2 + 1)[:, None]) % n_chans  # (n_shifts, n_chans)
    first, second = (chan * n_chans + other).ravel(), (other * n_chans + chan).ravel()
    row, col = np.minimum(chan[:, None], chan), np.maximum(chan[:, None], chan)
    shift = col - row
    near = shift <= n_chans // 2
    place = np.where(near, shift * n_chans + row, (n_chans - shift) * n_chans + col)
    sign = np.where(near, 1.0, -1.0) * np.sign(chan - chan[:, None])
    return (
        torch.from_numpy(first).to(device),
        torch.from_numpy(second).to(device),
        torch.from_numpy(place.ravel()).to(device),
        torch.from_numpy(sign.ravel()).to(device, dtype),
    )


@lru_cache(maxsize=8)
def _plan(
    n_times: int,
    sfreq: float,
    pairs: tuple[tuple[float, float], ...],
    bandwidths: tuple[float, ...] | None,
    dtype: torch.dtype,
    device: torch.device,
) -> _Plan:
    freqs, n_cycles = zip(*pairs, strict=True)
    if bandwidths is None:
        made = morlet_wavelets(freqs, sfreq=sfreq, n_cycles=n_cycles)
    else:
        made = multitaper_wavelets(freqs, sfreq=sfreq, n_cycles=n_cycles, time_bandwidth=bandwidths)
    check_lengths(made, freqs=freqs, sfreq=sfreq, n_times=n_times)
    wavelets = [np.atleast_2d(wavelet.numpy()) for wavelet in made]  # (n_tapers, n_samples)
    order = np.argsort([-wavelet.shape[-1] for wavelet in wavelets], kind="stable")
    wavelets = [wavelets[k] for k in order]
    n_fft = int(next_fast_len(n_times + wavelets[0].shape[-1] // 2, real=True))
    tolerance = torch.finfo(dtype).eps ** 1.5

    power = np.array([(np.abs(np.fft.fft(wavelet, n_fft)) ** 2).sum(axis=0) for wavelet in wavelets])
    n_bins = n_fft // 2 + 1
    mirrored = np.roll(power[:, ::-1], 1, axis=1)  # the weights of -k
    even, odd = (power + mirrored)[:, :n_bins], (power - mirrored)[:, :n_bins]
    even[:, 0] /= 2
    if n_fft % 2 == 0:
        even[:, -1] /= 2
    weights = torch.from_numpy(np.stack([even, odd]) / (n_fft * n_times)).to(device, dtype)
    return _Plan(
        n_fft=n_fft,
        even=weights[0],
        odd=weights[1],
        used=even > tolerance * even.max(axis=1, keepdims=True),
        ends=tuple(
            _Ends(
                rows=ends.rows, n_left=ends.n_left, n_right=ends.n_right, factor=ends.factor.to(device, dtype)
            )
            for ends in _padding(wavelets, n_times=n_times, n_fft=n_fft, tolerance=tolerance)
        ),
        order=None
        if (order == np.arange(len(order))).all()
        else torch.from_numpy(np.argsort(order)).to(device),
    )


def _padding(
    wavelets: Sequence[NDArray[np.complex128]], *, n_times: int, n_fft: int, tolerance: float
) -> list[_Ends]:
    """Factors of wavelets of about one length and rank beside one another, filled up with zeros."""
    sides = [((w.shape[-1] - 1) // 2, w.shape[-1] // 2) for w in wavelets]
    factors = [
        _factor(_beyond_map(w, n_fft - n_times) / np.sqrt(n_times), tolerance=tolerance) for w in wavelets
    ]
    starts = [0]
    for k, factor in enumerate(factors):
        first = factors[starts[-1]]
        if 1.5 * len(factor) < len(first) or not 0.5 <= (1 + factor.shape[1]) / (1 + first.shape[1]) <= 2:
            starts.append(k)
    groups = []
    for start, stop in zip(starts, [*starts[1:], len(factors)], strict=True):
        n_left, n_right = sides[start]
        rank = max(factor.shape[1] for factor in factors[start:stop])
        joint = np.zeros((n_left + n_right, stop - start, 2, rank))
        for k, factor in enumerate(factors[start:stop]):
            left = sides[start + k][0]
            planes = np.stack([factor.real, factor.imag], axis=1)  # (n_samples, 2, rank)
            joint[:left, k, :, : factor.shape[1]] = planes[:left]
            joint[n_left + n_right - (len(factor) - left) :, k, :, : factor.shape[1]] = planes[left:]
        groups.append(_Ends(slice(start, stop), n_left, n_right, torch.from_numpy(joint).flatten(1)))
    return groups


def _beyond_map(wavelet: NDArray[np.complex128], n_zeros: int) -> NDArray[np.complex128]:
    """Matrix from the samples at the two ends to what falls on the zeros, (n_tapers * n_zeros, n_samples)."""
    n_samples = wavelet.shape[-1]
    left, right = (n_samples - 1) // 2, n_samples // 2
    row = np.arange(n_zeros)[:, None]
    lag = np.concatenate([row - n_zeros - np.arange(left), row + right - np.arange(right)], axis=1)
    inside = (lag >= -left) & (lag <= right)
    taken = np.where(inside, wavelet[:, np.where(inside, lag + left, 0)], 0.0)
    return taken[:, inside.any(axis=1)].reshape(-1, n_samples - 1)


def _factor(m: NDArray[np.complex128], *, tolerance: float) -> NDArray[np.complex128]:
    """V with V V^H = M^T conj(M) up to `tolerance` of the trace: pivoted Cholesky, or all of M.

    Where few columns are enough they are found without the others.
    """
    rest = np.square(np.abs(m)).sum(axis=0)
    limit = tolerance * rest.sum()
    v = np.zeros((m.shape[1], min(_MAX_RANK, *m.shape)), dtype=m.dtype)
    for k in range(v.shape[1]):
        if rest.sum() <= limit:
            return v[:, :k]
        pivot = int(rest.argmax())
        column = m.T @ m[:, pivot].conj() - v[:, :k] @ v[pivot, :k].conj()
        v[:, k] = column / np.sqrt(rest[pivot])
        rest = np.maximum(rest - np.square(np.abs(v[:, k])), 0.0)
    return np.linalg.qr(m, mode="r").T if len(m) > m.shape[1] else m.T
