"""Connectivity across time lags: when one signal follows another, and how closely."""

from __future__ import annotations

import operator

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from eegdae.connectivity.temporal import correlation_matrix, standardized
from eegdae.errors import EegdaeError


def cross_correlation(x: Tensor, *, max_lag: int) -> tuple[Tensor, Tensor]:
    r"""Find the lag at which two signals are most alike, and how alike they are there.

    .. math:: r_{xy}(l) = \frac{\sum_t (x_t - \bar x)(y_{t + l} - \bar y)}
              {\sqrt{\sum_t (x_t - \bar x)^2 \sum_t (y_t - \bar y)^2}}, \qquad
              \mathrm{peak}_{xy} = \max_{|l| \le L} r_{xy}(l)

    Means and norms are those of the whole window, and what lies outside of it counts as 0 (nothing wraps
    around), so values at lag l are smaller by about the share l / n_times of samples without a partner, and
    never leave [-1, 1]. The maximum is that of the signed value: of two signals of opposite sign the lag is
    not the one at which they mirror one another.

    The peak is undirected, the lag antisymmetric. Not safe at zero lag: one source seen by two channels gives
    a high peak at lag 0, which can hide a true lag.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real signals, any unit, float32 or float64.
    max_lag : int
        Largest lag L, samples; 0 gives `pearson`.

    Returns
    -------
    peak : Tensor, shape (..., n_chans, n_chans)
        Symmetric, in [-1, 1], diagonal 1. A constant channel has 0 with every other.
    lag : Tensor, shape (..., n_chans, n_chans)
        Integers, samples, antisymmetric. Positive in row x, column y: y follows x (y repeats x that many
        samples later). The shortest lag where several have the peak, 0 for a constant channel.

    Raises
    ------
    EegdaeError
        Where `max_lag` is not a whole number from 0 to n_times - 1.

    References
    ----------
    J. S. Bendat, A. G. Piersol, Random Data, 4th edition, 2010, section 5.1.
    """
    n_chans, n_times = x.shape[-2:]
    try:
        limit = operator.index(max_lag)
    except TypeError:
        limit = -1
    if not 0 <= limit < n_times:
        raise EegdaeError(f"max_lag: {max_lag!r}; allowed: whole samples, 0 to {n_times - 1} in this window")
    n_fft = int(next_fast_len(n_times + limit, real=True))
    spectrum = torch.fft.rfft(standardized(x), n=n_fft)
    # 0, 1, -1, 2, -2, ...: argmax takes the first of equals, which is the shortest lag.
    lags = torch.tensor(
        [0, *(sign * lag for lag in range(1, limit + 1) for sign in (1, -1))], device=x.device
    )
    # One row at a time and right of the diagonal only: the other half is the mirror image, exactly.
    peaks = x.new_zeros((*x.shape[:-1], n_chans))
    found = torch.zeros(peaks.shape, dtype=torch.int64, device=x.device)
    for row in range(n_chans - 1):
        others = slice(row + 1, n_chans)
        product = spectrum[..., row : row + 1, :].conj() * spectrum[..., others, :]
        r = torch.fft.irfft(product, n=n_fft)[..., lags % n_fft]
        best = r.max(dim=-1)
        peaks[..., row, others] = best.values
        found[..., row, others] = lags[best.indices]
    return correlation_matrix(2 * peaks.triu(1)).clamp(-1.0, 1.0), found - found.mT
