"""Connectivity in time: how alike two signals run, sample by sample."""

from __future__ import annotations

import torch
from torch import Tensor


def pearson(x: Tensor) -> Tensor:
    r"""Correlate every channel with every other.

    .. math:: r_{xy} = \frac{\sum_t (x_t - \bar x)(y_t - \bar y)}
              {\sqrt{\sum_t (x_t - \bar x)^2 \sum_t (y_t - \bar y)^2}}

    Undirected. Not safe at zero lag: one source seen by two channels makes a correlation.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real signals (band-limited or not), any unit.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Symmetric, in [-1, 1], diagonal 1. A constant channel has 0 with every other.
    """
    x = x - x[..., :1]  # makes a constant channel exactly zero, not the rounding of its mean
    # Scaled to about 1 first: squares of volts or teslas would leave the range of float32.
    low, high = x.detach().aminmax(dim=-1, keepdim=True)
    peak = torch.maximum(high, -low)
    weight = 1 / torch.where(peak > torch.finfo(x.dtype).tiny, peak, 1.0)
    x = torch.addcmul(-weight * x.mean(dim=-1, keepdim=True), x, weight)
    s = x @ x.mT
    # Divided as matrices, which are smaller than the signals.
    size = s.diagonal(dim1=-2, dim2=-1)
    norm = torch.where(size > 0, size, 1.0).rsqrt()
    return correlation_matrix(s * norm[..., :, None] * norm[..., None, :]).clamp(-1.0, 1.0)


def standardized(x: Tensor) -> Tensor:
    """Take each channel's mean off and scale it to a length of 1, whatever its unit.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real signals, any unit.

    Returns
    -------
    Tensor, shape (..., n_chans, n_times)
        Sum 0 and sum of squares 1 over time; a constant channel is exactly 0.
    """
    x = x - x[..., :1]  # makes a constant channel exactly zero, not the rounding of its mean
    x = x - x.mean(dim=-1, keepdim=True)
    # Scaled to a maximum of 1 first: squares of volts or teslas would leave the range of float32.
    peak = x.detach().abs().amax(dim=-1, keepdim=True)
    x = x / torch.where(peak > 0, peak, 1.0)
    norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return x / torch.where(norm > 0, norm, 1.0)


def correlation_matrix(c: Tensor) -> Tensor:
    """Take the rounding out of what is a correlation matrix by construction.

    Parameters
    ----------
    c : Tensor, shape (..., n_chans, n_chans)
        Symmetric with a diagonal of 1 (0 for a channel without signal), both up to rounding.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Exactly symmetric, diagonal exactly 1.
    """
    eye = torch.eye(c.shape[-1], dtype=torch.bool, device=c.device)
    return ((c + c.mT) / 2).masked_fill(eye, 1.0)
