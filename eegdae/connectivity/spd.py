"""Functions of symmetric positive definite matrices: of their eigenvalues, with finite gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from eegdae.errors import EegdaeError

_Function = Callable[[Tensor], Tensor]
_Slope = Callable[[Tensor, Tensor], Tensor]


class _SpectralFunction(torch.autograd.Function):
    """f of the eigenvalues of a symmetric matrix; the gradient by the formula of Daleckii and Krein.

    torch's gradient of eigh divides by differences of eigenvalues and is NaN where two coincide; this one
    uses (f(a) - f(b)) / (a - b) in a form that does not cancel and has a limit.
    """

    @staticmethod
    def forward(ctx: Any, c: Tensor, f: _Function, slope: _Slope, name: str, eps: float | None) -> Tensor:
        w, v = torch.linalg.eigh(c)
        if eps is not None:
            _check_positive(w, name=name, eps=eps)
        ctx.save_for_backward(w, v)
        ctx.slope = slope
        return symmetric((v * f(w)[..., None, :]) @ v.mT)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:
        w, v = ctx.saved_tensors
        inner = v.mT @ symmetric(grads[0]) @ v
        return v @ (ctx.slope(w[..., :, None], w[..., None, :]) * inner) @ v.mT, None, None, None, None


def _apply(c: Tensor, f: _Function, slope: _Slope, name: str = "", eps: float | None = None) -> Tensor:
    result: Tensor = _SpectralFunction.apply(c, f, slope, name, eps)  # type: ignore[no-untyped-call]
    return result


def expm(c: Tensor) -> Tensor:
    r"""Give the matrix exponential.

    .. math:: \exp(C) = V\, \mathrm{diag}(e^\lambda)\, V^\top

    with :math:`C = V\, \mathrm{diag}(\lambda)\, V^\top`.

    Parameters
    ----------
    c : Tensor, shape (..., n, n)
        Symmetric.

    Returns
    -------
    Tensor, shape (..., n, n)
        Exactly symmetric.
    """

    def slope(a: Tensor, b: Tensor) -> Tensor:
        half = (a - b) / 2
        return ((a + b) / 2).exp() * torch.where(half == 0, 1.0, half.sinh() / half)

    return _apply(c, torch.exp, slope)


def logm(c: Tensor, *, name: str = "c", eps: float = 0.0) -> Tensor:
    r"""Give the matrix logarithm.

    .. math:: \log(C) = V\, \mathrm{diag}(\ln \lambda)\, V^\top

    with :math:`C = V\, \mathrm{diag}(\lambda)\, V^\top`.

    Parameters
    ----------
    c : Tensor, shape (..., n, n)
        Symmetric positive definite.
    name : str
        What an error calls it.
    eps : float
        An eigenvalue counts as positive above n eps times the largest.

    Returns
    -------
    Tensor, shape (..., n, n)
        Exactly symmetric.

    Raises
    ------
    EegdaeError
        Where a matrix is not positive definite.
    """

    def slope(a: Tensor, b: Tensor) -> Tensor:
        u = (a - b) / (a + b)
        return 2 / (a + b) * torch.where(u == 0, 1.0, u.atanh() / u)

    return _apply(c, torch.log, slope, name, eps)


def sqrtm(c: Tensor, *, name: str = "c", eps: float = 0.0) -> Tensor:
    r"""Give the square root.

    .. math:: C^{1/2} = V\, \mathrm{diag}(\sqrt \lambda)\, V^\top

    with :math:`C = V\, \mathrm{diag}(\lambda)\, V^\top`.

    Parameters
    ----------
    c : Tensor, shape (..., n, n)
        Symmetric positive definite.
    name : str
        What an error calls it.
    eps : float
        An eigenvalue counts as positive above n eps times the largest.

    Returns
    -------
    Tensor, shape (..., n, n)
        Exactly symmetric.

    Raises
    ------
    EegdaeError
        Where a matrix is not positive definite.
    """
    return _apply(c, torch.sqrt, lambda a, b: 1 / (a.sqrt() + b.sqrt()), name, eps)


def invsqrtm(c: Tensor, *, name: str = "c", eps: float = 0.0) -> Tensor:
    r"""Give the inverse square root.

    .. math:: C^{-1/2} = V\, \mathrm{diag}(1 / \sqrt \lambda)\, V^\top

    with :math:`C = V\, \mathrm{diag}(\lambda)\, V^\top`.

    Parameters
    ----------
    c : Tensor, shape (..., n, n)
        Symmetric positive definite.
    name : str
        What an error calls it.
    eps : float
        An eigenvalue counts as positive above n eps times the largest.

    Returns
    -------
    Tensor, shape (..., n, n)
        Exactly symmetric.

    Raises
    ------
    EegdaeError
        Where a matrix is not positive definite.
    """

    def slope(a: Tensor, b: Tensor) -> Tensor:
        return -(a * b).rsqrt() / (a.sqrt() + b.sqrt())

    return _apply(c, torch.rsqrt, slope, name, eps)


def symmetric(c: Tensor) -> Tensor:
    """Take the rounding out of a matrix that is symmetric by construction.

    Parameters
    ----------
    c : Tensor, shape (..., n, n)
        Symmetric up to rounding.

    Returns
    -------
    Tensor, shape (..., n, n)
        Exactly symmetric.
    """
    return (c + c.mT) / 2


def _check_positive(eigenvalues: Tensor, *, name: str, eps: float) -> None:
    """Name the first matrix whose eigenvalues are not all above 0, to the precision of `eps`."""
    low, high = eigenvalues[..., 0].reshape(-1), eigenvalues[..., -1].reshape(-1)
    bad = (~(low > eigenvalues.shape[-1] * eps * high)).nonzero()
    if len(bad):
        first = int(bad[0])
        raise EegdaeError(
            f"{name}: matrix {first} is not positive definite (eigenvalues from {float(low[first]):.2g} to "
            f"{float(high[first]):.2g}); shrink it (estimator='oas') or reduce it to a subspace"
        )
