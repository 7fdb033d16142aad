r"""What a wavelet makes of the two ends of a window outside of it, as few numbers as hold it.

A window followed by N zeros is convolved in a circle. What falls on the zeros is linear in the samples within
half a wavelet of an end, :math:`p = M x`. Only its products between channels are wanted, so a factor V of
:math:`V V^H = M^T \bar M` does as well as M, and of a wavelet that fades out smoothly it has a few columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# A Morlet wavelet of any length needs about 14 columns in float32; shorter ones than that have no more.
_MAX_RANK, _SHORT = 40, 24
# Multiplications a channel, by zeros that fill factors up, which take as long as a product of its own.
_WASTE = 16_000
# Samples times columns, a sample of the window, up to which a full factor is faster than the convolution.
_MAX_FULL = 128


@dataclass(frozen=True)
class Ends:
    """Factors of wavelets of about one length, beside one another."""

    rows: slice
    """Which wavelets."""

    n_left: int
    """Samples at the start of the window."""

    n_right: int
    """Samples at its end."""

    factor: Tensor
    """Shape (n_left + n_right, n_wavelets * 2 * rank); of each wavelet real before imaginary parts."""


def end_factor(
    transfer: NDArray[np.complex128], wavelet: NDArray[np.complex128], *, n_times: int, tolerance: float
) -> NDArray[np.complex128] | None:
    r"""Factor the map from a window's ends to the zeros behind it.

    Parameters
    ----------
    transfer : ndarray, shape (n_tapers, n_fft)
        Fourier transform of the wavelet with its middle at time 0.
    wavelet : ndarray, shape (n_tapers, n_samples)
        The wavelet.
    n_times : int
        Samples in a window, n_samples or more, and up to n_fft - n_samples // 2.
    tolerance : float
        Share of the trace of :math:`M^T \bar M` that may be left out.

    Returns
    -------
    ndarray, shape (n_samples - 1, rank), or None
        V; rows are the first (n_samples - 1) // 2 and the last n_samples // 2 samples of the window. None
        where no factor is so small that it saves time.
    """
    n_samples, n_fft = wavelet.shape[-1], transfer.shape[-1]
    n_zeros = n_fft - n_times
    energy = np.square(np.abs(wavelet))
    steps = energy[:, 0] + energy[:, -1]
    # The last columns of a wavelet that ends in a step are about as large as the step.
    if n_samples > _SHORT and steps.sum() <= tolerance * energy.sum():
        factor = _few_columns(transfer, wavelet, n_times=n_times, tolerance=tolerance)
        if factor is not None:
            return factor
    rank = min(len(wavelet) * min(n_zeros, n_samples - 1), n_samples - 1)
    if n_samples * rank > _MAX_FULL * n_fft:
        return None
    m = _end_map(wavelet, n_zeros)
    return (np.asarray(np.linalg.qr(m, mode="r")) if len(m) > m.shape[1] else m).T


def join_ends(factors: Sequence[NDArray[np.complex128]]) -> list[Ends]:
    """Put factors of about one size beside one another, filled up with zeros.

    Parameters
    ----------
    factors : sequence of ndarray, shape (n_samples - 1, rank)
        Of `end_factor`, in order of n_samples, the longest first.

    Returns
    -------
    list of Ends
        float64, on the CPU.
    """
    starts, waste = [0], 0
    for k, factor in enumerate(factors):
        n_samples, rank = factors[starts[-1]].shape
        waste += n_samples * max(rank, factor.shape[1]) - factor.size
        if waste > _WASTE:
            starts.append(k)
            waste = 0
    groups = []
    for start, stop in zip(starts, [*starts[1:], len(factors)], strict=True):
        if start == stop:  # no factors at all
            continue
        n_samples = len(factors[start])
        rank = max(factor.shape[1] for factor in factors[start:stop])
        joint = np.zeros((n_samples, stop - start, 2, rank))
        for k, factor in enumerate(factors[start:stop]):
            planes = np.stack([factor.real, factor.imag], axis=1)  # (n, 2, rank)
            left = len(factor) // 2
            joint[:left, k, :, : factor.shape[1]] = planes[:left]
            joint[n_samples - (len(factor) - left) :, k, :, : factor.shape[1]] = planes[left:]
        n_left = n_samples // 2
        groups.append(
            Ends(slice(start, stop), n_left, n_samples - n_left, torch.from_numpy(joint).flatten(1))
        )
    return groups


def _few_columns(
    transfer: NDArray[np.complex128], wavelet: NDArray[np.complex128], *, n_times: int, tolerance: float
) -> NDArray[np.complex128] | None:
    """Pivoted Cholesky of M^T conj(M), from the columns it asks for; None where it asks for too many."""
    n_samples, n_fft = wavelet.shape[-1], transfer.shape[-1]
    left, right = (n_samples - 1) // 2, n_samples // 2
    ends = np.r_[:left, n_times - right : n_times]
    back = np.roll(transfer[:, ::-1], 1, axis=-1)  # of the wavelet reversed in time
    energy = np.cumsum(np.square(np.abs(wavelet)).sum(axis=0))
    rest = np.r_[energy[left - 1 :: -1][:left], (energy[-1] - energy)[left : left + right][::-1]]
    limit = tolerance * rest.sum()
    v = np.zeros((len(ends), min(_MAX_RANK, len(ends))), dtype=np.complex128)
    for k in range(v.shape[1]):
        if rest.sum() <= limit:
            return v[:, :k]
        pivot = int(rest.argmax())
        shift = np.exp(-2j * np.pi / n_fft * (np.arange(n_fft) * ends[pivot] % n_fft))
        falls = np.fft.ifft(transfer * shift)[:, n_times:]
        seen = np.fft.fft(np.pad(falls.conj(), ((0, 0), (n_times, 0))))
        column = np.fft.ifft(seen * back).sum(axis=0)[ends] - v[:, :k] @ v[pivot, :k].conj()
        v[:, k] = column / np.sqrt(rest[pivot])
        rest = np.maximum(rest - np.square(np.abs(v[:, k])), 0.0)
    return None


def _end_map(wavelet: NDArray[np.complex128], n_zeros: int) -> NDArray[np.complex128]:
    """M, (n_tapers * n_rows, n_samples - 1), without the zeros that nothing falls on."""
    n_samples = wavelet.shape[-1]
    left, right = (n_samples - 1) // 2, n_samples // 2
    row = np.arange(n_zeros)[:, None]
    lag = np.concatenate([row - n_zeros - np.arange(left), row + right - np.arange(right)], axis=1)
    inside = (lag >= -left) & (lag <= right)
    m = np.where(inside, wavelet[:, np.where(inside, lag + left, 0)], 0.0)
    return m[:, inside.any(axis=1)].reshape(-1, n_samples - 1)
