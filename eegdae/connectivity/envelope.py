"""Connectivity of envelopes: how alike the amplitudes of two rhythms wax and wane."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from eegdae.connectivity import compiled
from eegdae.connectivity.temporal import pearson
from eegdae.errors import EegdaeError

# What stays of a signal after orthogonalisation to a copy of itself is rounding, a few epsilons of its peak.
_ROUNDING = 16


def envelope_correlation(
    z: Tensor,
    *,
    orthogonalize: Literal[False, "pairwise"] = "pairwise",
    log: bool = False,
    absolute: bool = True,
) -> Tensor:
    r"""Correlate the envelopes of every two signals of a band, with or without what they share at zero lag.

    Without orthogonalisation, with :math:`r` of `pearson`,

    .. math:: \mathrm{AEC}_{xy} = r(|z_x|, |z_y|),

    with it, pair by pair (options and defaults are those of ``mne_connectivity.envelope_correlation``),

    .. math:: \mathrm{AEC}_{xy} = \tfrac{1}{2} \bigl( |r(|z_{x \perp y}|, |z_y|)|
              + |r(|z_{y \perp x}|, |z_x|)| \bigr), \qquad
              z_{x \perp y} = \mathrm{Im}\bigl( z_x \bar z_y / |z_y| \bigr)

    Undirected. Without orthogonalisation not safe at zero lag; with it, safe: the value of two copies of one
    source is exactly 0, and that of two independent noises near 0 (above it with `absolute`, where the two
    correlations cannot cancel). One channel after the other is orthogonalised to all others, so memory is a
    few times that of `z`; a gradient needs n_chans times that.

    Parameters
    ----------
    z : Tensor, shape (..., n_chans, n_times)
        Complex analytic signals of one band, any unit, complex64 or complex128.
    orthogonalize : False or "pairwise"
        Whether to take out of x what it shares with y at zero lag (sample by sample) before correlating.
    log : bool
        Correlate the logarithms of the squared envelopes (powers), which are nearer to normal. With
        ``pairwise``, float32 then keeps three digits only: what is left where two signals are nearly in phase
        is rounding, and its logarithm large.
    absolute : bool
        Take the modulus of the two correlations of a pair before their mean; for ``pairwise`` only.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Real, symmetric, in [-1, 1], or in [0, 1] for ``pairwise`` with `absolute`. Diagonal 1 without
        orthogonalisation and 0 with it: a signal orthogonalised to itself leaves nothing. A channel without
        signal, or with an envelope that does not change, has 0 with every other.

    Raises
    ------
    EegdaeError
        Where `z` is real or `orthogonalize` is neither of the two.

    References
    ----------
    J. F. Hipp et al., Large-scale cortical correlation structure of spontaneous oscillatory activity, Nature
    Neuroscience 15, 2012.
    """
    if orthogonalize not in (False, "pairwise"):
        raise EegdaeError(f"orthogonalize: {orthogonalize!r}; allowed: False, 'pairwise'")
    if not z.is_complex():
        raise EegdaeError(f"z: values of type {z.dtype}; allowed: complex analytic signals")
    if orthogonalize == "pairwise" and not log and compiled.available(z):
        return compiled.orthogonal_envelopes(z, absolute=absolute)
    if orthogonalize is False and not log:
        return pearson(z.abs())
    # Scaled to a maximum of 1 first: squares of volts or teslas would leave the range of float32.
    peak = z.detach().abs().amax(dim=-1, keepdim=True)
    z = z / torch.where(peak > 0, peak, 1.0)
    envelope = _log_power(z.abs()) if log else z.abs()
    if orthogonalize is False:
        return pearson(envelope)
    envelope = _standardized(envelope)
    unit = torch.sgn(z)  # e^(i phi), 0 where the amplitude is 0
    re, im, unit_re, unit_im = z.real, z.imag, unit.real, unit.imag
    rounding = _ROUNDING * torch.finfo(re.dtype).eps
    rows = []
    for x in range(z.shape[-2]):
        here = slice(x, x + 1)
        orthogonal = (im[..., here, :] * unit_re - re[..., here, :] * unit_im).abs()  # x to each y
        nothing = orthogonal.detach().amax(dim=-1) <= rounding  # false for NaN, which stays
        if log:
            orthogonal = _log_power(orthogonal)
        r = (_standardized(orthogonal) * envelope).sum(dim=-1)
        rows.append(r.masked_fill(nothing, 0.0))
    eye = torch.eye(z.shape[-2], dtype=torch.bool, device=z.device)
    r = torch.stack(rows, dim=-2).masked_fill(eye, 0.0).clamp(-1.0, 1.0)
    if absolute:
        r = r.abs()
    return (r + r.mT) / 2


def _log_power(amplitude: Tensor) -> Tensor:
    """Log of the square, of an amplitude of at most about 1; no amplitude at all counts as the smallest."""
    return amplitude.square().clamp(min=torch.finfo(amplitude.dtype).tiny).log()


def _standardized(x: Tensor) -> Tensor:
    """`eegdae.connectivity.temporal.standardized` in the inner loop, for amplitudes of at most 1."""
    x = x - x[..., :1]
    x = x - x.mean(dim=-1, keepdim=True)
    norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return x / torch.where(norm > 0, norm, 1.0)
