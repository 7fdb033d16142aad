"""Penalties on codes as pure functions: sparse, hardly moved by their input, spread out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

TINY = 1e-4
"""Added to a variance before its root is taken, which has no slope at 0."""


def l1_sparsity(codes: Tensor) -> Tensor:
    """Mean absolute code: (n_rows, n_codes) -> ()."""
    return codes.abs().mean()


def kl_sparsity(codes: Tensor, target: float) -> Tensor:
    r"""Divergence of how active each code is on average from how active it should be.

    .. math::
        \frac 1 m \sum_j \rho \ln \frac{\rho}{\hat\rho_j}
        + (1 - \rho) \ln \frac{1 - \rho}{1 - \hat\rho_j}

    Parameters
    ----------
    codes : Tensor, shape (n_rows, n_codes)
        In [0, 1]; :math:`\hat\rho_j` is the mean of code j over the rows.
    target : float
        :math:`\rho`, between 0 and 1.

    Returns
    -------
    Tensor, shape ()
        In nats, mean over the codes.

    References
    ----------
    Ng, Sparse autoencoder, CS294A lecture notes (2011).
    """
    # a sigmoid of float32 that is saturated is exactly 0 or 1
    active = codes.mean(0).clamp(1e-6, 1 - 1e-6)
    return (target * (target / active).log() + (1 - target) * ((1 - target) / (1 - active)).log()).mean()


def dense_contraction(
    x: Tensor, weight: Tensor, bias: Tensor | None, activation: Callable[[Tensor], Tensor]
) -> Tensor:
    r"""Squared Frobenius norm of the Jacobian of a dense encoder, in closed form.

    .. math:: \frac 1 n \sum_i \sum_j a'(w_j x_i + b_j)^2 \, \lVert w_j \rVert^2

    Parameters
    ----------
    x : Tensor, shape (n_rows, n_features)
        Clean rows.
    weight, bias : Tensor, shape (n_codes, n_features) and (n_codes,)
        Of the encoder.
    activation : callable
        a, entry by entry.

    Returns
    -------
    Tensor, shape ()
        Mean over the rows.

    References
    ----------
    Rifai et al., Contractive auto-encoders, ICML (2011).
    """
    before = torch.nn.functional.linear(x, weight, bias)
    slope: Tensor = torch.func.jvp(activation, (before,), (torch.ones_like(before),))[1]
    return (slope.square() @ weight.square().sum(1)).mean()


def estimated_contraction(encode: Callable[[Tensor], Tensor], x: Tensor, probe: Tensor) -> Tensor:
    r"""Squared Frobenius norm of the Jacobian of any encoder, estimated along one random direction a row.

    .. math:: \lVert J \rVert_F^2 = \mathrm E \lVert J u \rVert^2, \quad \mathrm E \, u u^T = I

    Parameters
    ----------
    encode : callable
        (n_rows, n_features) -> (n_rows, n_codes), row by row.
    x : Tensor, shape (n_rows, n_features)
        Clean rows.
    probe : Tensor, shape (n_rows, n_features)
        u, each entry +1 or -1, as likely.

    Returns
    -------
    Tensor, shape ()
        Mean over the rows; unbiased.

    References
    ----------
    Hutchinson, Commun Stat Simul Comput 19:433 (1990); the penalty: Rifai et al., ICML (2011).
    """
    moved: Tensor = torch.func.jvp(encode, (x,), (probe,))[1]
    return moved.square().sum(-1).mean()


def variance_floor(codes: Tensor, floor: float) -> Tensor:
    r"""Penalty on codes whose standard deviation over the rows is below a floor.

    .. math:: \frac 1 m \sum_j \max(0, \gamma - \sqrt{\mathrm{var}_j + 10^{-4}})

    Parameters
    ----------
    codes : Tensor, shape (n_rows, n_codes)
        Of one batch.
    floor : float
        :math:`\gamma`.

    Returns
    -------
    Tensor, shape ()
        Mean over the codes.

    References
    ----------
    Bardes et al., VICReg, ICLR (2022), equation 1.
    """
    return torch.relu(floor - (codes.var(0, correction=0) + TINY).sqrt()).mean()
