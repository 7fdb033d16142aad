"""What the phase-lag measures are made of: Im s_xy, its modulus and its sign, averaged over time.

s_xy(t) = sum_k z_kx(t) conj(z_ky(t)) over tapers k. Rounding has a sign too: what remains of Im s_xy of two
copies is a few epsilons of |z_x| max|z_y|, so a pair with no more than 16 of those in the mean over the
window counts as without a lag. On the CPU, where no gradient is asked for, kernels/phase_lag.h does the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

# Measured: at most 7 for copies at any gain whose band has a hundredth of the signal's amplitude.
_ROUNDING = 16


def lag_means(z: Tensor, *, tapers: bool, signs: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Average the imaginary part of every two signals' product over time, its modulus and its sign.

    Parameters
    ----------
    z : Tensor, shape (..., n_chans, n_times) or, with `tapers`, (..., n_tapers, n_chans, n_times)
        Complex signals.
    tapers : bool
        Whether the third axis from the end is one of tapers.
    signs : bool
        Whether to average the signs as well.

    Returns
    -------
    mean : Tensor, shape (..., n_chans, n_chans)
        Of Im s_xy of signals scaled to a peak of about 1: antisymmetric, 0 for a pair without a lag.
    size : Tensor, shape (..., n_chans, n_chans)
        Of its modulus, in the same unit: symmetric, 0 for a pair without a lag and on the diagonal.
    sign : Tensor, shape (..., n_chans, n_chans)
        Of its sign: antisymmetric, in [-1, 1], 0 for a pair without a lag and without `signs`; no gradient.
    """
    z = scaled(z, tapers=tapers)
    mean, size, sign = (
        z.real.new_zeros((*z.shape[: -3 if tapers else -2], z.shape[-2], z.shape[-2])) for _ in range(3)
    )
    for row, others, part, rounding in _imaginary_parts(z, tapers=tapers):
        modulus = part.abs().mean(dim=-1)
        none = modulus.detach() <= rounding
        mean[..., row, others] = part.mean(dim=-1).masked_fill(none, 0.0)
        size[..., row, others] = modulus.masked_fill(none, 0.0)
        if signs:
            value = part.detach().sign().mean(dim=-1).masked_fill(none, 0.0)
            missing = modulus.detach().isnan()  # the sign of NaN is 0
            sign[..., row, others] = value.masked_fill(missing, torch.nan)
    return mean - mean.mT, size + size.mT, sign - sign.mT


def scaled(z: Tensor, *, tapers: bool) -> Tensor:
    """Scale each channel to a peak of 1: squares of volts or teslas would leave the range of float32.

    Parameters
    ----------
    z : Tensor, shape (..., n_chans, n_times) or, with `tapers`, (..., n_tapers, n_chans, n_times)
        Complex signals.
    tapers : bool
        Whether the third axis from the end is one of tapers, which keep their weights to each other.

    Returns
    -------
    Tensor, same shape
        A channel without signal stays 0.
    """
    peak = z.detach().abs().amax(dim=(-3, -1) if tapers else -1, keepdim=True)
    return z / torch.where(peak > 0, peak, 1.0)


def _imaginary_parts(z: Tensor, *, tapers: bool) -> Iterator[tuple[int, slice, Tensor, Tensor]]:
    """Im s_xy(t) right of the diagonal, a row x at a time, for signals scaled to a peak of 1.

    One row needs as much memory as the signals themselves; all at once n_chans times that.

    Yields
    ------
    row, columns : int, slice
        Where in the matrix.
    part : Tensor, shape (..., n_columns, n_times)
        Im s_xy.
    rounding : Tensor, shape (..., n_columns)
        The mean of abs Im s_xy up to which it is nothing but rounding.
    """
    re, im = z.real.contiguous(), z.imag.contiguous()
    amplitude = torch.linalg.vector_norm(z.detach(), dim=-3) if tapers else z.detach().abs()
    size = amplitude.mean(dim=-1)  # (..., n_chans)
    for row in range(z.shape[-2] - 1):
        here, others = slice(row, row + 1), slice(row + 1, None)
        part = torch.addcmul(
            im[..., here, :] * re[..., others, :], re[..., here, :], im[..., others, :], value=-1
        )
        if tapers:
            part = part.sum(dim=-3)
        epsilons = _ROUNDING * torch.finfo(part.dtype).eps
        yield row, others, part, epsilons * (size[..., here] + size[..., others])
