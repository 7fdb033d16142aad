"""Connectivity of ranks: how alike two signals rise and fall, whatever the shape of the relation."""

from __future__ import annotations

import torch
from torch import Tensor

from eegdae.connectivity.temporal import pearson


def spearman(x: Tensor) -> Tensor:
    r"""Correlate the ranks of every channel's samples with those of every other.

    .. math:: \rho_{xy} = r\bigl(\mathrm{rank}(x), \mathrm{rank}(y)\bigr)

    with :math:`r` of `pearson`; equal samples share the mean of their ranks. Undirected. Not safe at zero
    lag: one source seen by two channels makes a correlation. Robust against single large samples, which an
    artefact leaves and which decide over Pearson's.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real signals, any unit, float32 or float64.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Symmetric, in [-1, 1], diagonal 1. A constant channel has 0 with every other. It carries no gradient:
        ranks do not change with a small change of the signal.

    References
    ----------
    C. Spearman, The proof and measurement of association between two things, American Journal of
    Psychology 15, 1904.
    """
    x = x.contiguous()
    ordered = x.sort(dim=-1).values
    smaller = torch.searchsorted(ordered, x)  # samples below this one
    not_larger = torch.searchsorted(ordered, x, right=True)  # and those below or equal to it
    # The ranks of a run of equal samples are smaller + 1 ... not_larger; twice their mean is a whole number.
    return pearson((smaller + not_larger).to(x.dtype))
