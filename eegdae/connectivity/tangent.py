"""Geometry of covariances: their mean, the flat space around it, and the subspace where they have full rank.

Nothing here is fitted in secret: means and subspaces come from training matrices and are arguments.
All is computed in float64 in either precision, because logarithms and inverse roots magnify rounding.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from eegdae.connectivity.covariance import estimate_rank
from eegdae.connectivity.spd import expm, invsqrtm, logm, sqrtm, symmetric
from eegdae.errors import EegdaeError, did_you_mean

METRICS = ("logeuclid", "riemann")
"""Names of the means of covariances."""

# The mean is done where its gradient, a dimensionless matrix, has a norm below the first. Rounding can stop
# it earlier, in matrices of high condition, which is good enough below the second.
_CONVERGED, _GOOD_ENOUGH, _MAX_STEPS = 1e-11, 1e-6, 100


def mean_covariance(c: Tensor, *, metric: str = "riemann") -> Tensor:
    r"""Average covariances in their own geometry: the reference of `tangent`. Give training matrices only.

    ``riemann``: the M with :math:`\sum_i \log(M^{-1/2} C_i M^{-1/2}) = 0`, by gradient descent; the mean of
    :math:`A C_i A^\top` is :math:`A M A^\top` for any mixing A. ``logeuclid``:
    :math:`\exp(\frac{1}{n} \sum_i \log C_i)`, in one step, the same for rotations A alone.

    Parameters
    ----------
    c : Tensor, shape (..., n_matrices, n_chans, n_chans)
        Symmetric positive definite, any unit squared.
    metric : str
        ``riemann`` or ``logeuclid``.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Symmetric positive definite, unit of `c`.

    Raises
    ------
    EegdaeError
        Where the metric is unknown, there is no matrix, one is not positive definite, or the descent does not
        arrive within 100 steps.

    References
    ----------
    M. Moakher, A differential geometric approach to the geometric mean of symmetric positive-definite
    matrices, SIAM J. Matrix Anal. Appl. 26(3), 2005. V. Arsigny et al., Geometric means in a novel vector
    space structure on symmetric positive-definite matrices, SIAM J. Matrix Anal. Appl. 29(1), 2007. Step:
    D. A. Bini, B. Iannazzo, Computing the Karcher mean of symmetric positive definite matrices, Linear
    Algebra and its Applications 438, 2013.
    """
    if metric not in METRICS:
        raise EegdaeError(f"mean_covariance: unknown metric {metric!r}; {did_you_mean(str(metric), METRICS)}")
    if c.ndim < 3 or c.shape[-3] == 0:
        raise EegdaeError(f"mean_covariance: shape {tuple(c.shape)}; expected (..., n_matrices >= 1, n, n)")
    matrices = symmetric(c.double())
    mean = expm(logm(matrices, name="c", eps=_eps(c)).mean(dim=-3))
    if metric == "logeuclid":
        return mean.to(c.dtype)
    last = mean.new_full(mean.shape[:-2], math.inf)
    for _ in range(_MAX_STEPS):
        root, whiten = sqrtm(mean), invsqrtm(mean)
        logs = logm(_sandwich(whiten[..., None, :, :], matrices))
        gradient = logs.mean(dim=-3)
        mean = _sandwich(root, expm(_step(logs) * gradient))
        size = torch.linalg.matrix_norm(gradient.detach())
        if bool(((size <= _CONVERGED) | ((size >= last) & (size <= _GOOD_ENOUGH))).all()):
            break
        last = size
    if float(size.max()) > _GOOD_ENOUGH:
        raise EegdaeError(
            f"mean_covariance: gradient {float(size.max()):.1e} after {_MAX_STEPS} steps, allowed: "
            f"{_GOOD_ENOUGH:g}; reduce the matrices to a subspace, shrink them or use metric='logeuclid'"
        )
    return mean.to(c.dtype)


def _step(logs: Tensor) -> Tensor:
    """Bini and Iannazzo's step: 2 over the sum of the bounds of the Hessian's eigenvalues, 1 and gamma."""
    eigenvalues = torch.linalg.eigvalsh(logs.detach())
    half = (eigenvalues[..., -1] - eigenvalues[..., 0]).clamp(min=1e-6) / 2
    gamma = (half / half.tanh()).mean(dim=-1)
    step: Tensor = 2 / (1 + gamma)
    return step[..., None, None]


def tangent(c: Tensor, reference: Tensor) -> Tensor:
    r"""Lay covariances flat around a reference, where means, distances and linear models make sense.

    .. math:: S = \log\bigl(M^{-1/2} C M^{-1/2}\bigr)

    Its Frobenius norm is the Riemannian distance of C from M. Not safe at zero lag. The values do not change
    when every channel's gain changes, in `c` and in `reference`, up to a rotation of S.

    Parameters
    ----------
    c : Tensor, shape (..., n_chans, n_chans)
        Symmetric positive definite (see `covariance`, and `reduce` for singular ones).
    reference : Tensor, shape (n_chans, n_chans) or broadcast to `c`
        M, symmetric positive definite, unit of `c`: the `mean_covariance` of training matrices.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Symmetric, dimensionless. Gradients are finite, also where eigenvalues coincide.

    Raises
    ------
    EegdaeError
        Where the sizes differ or a matrix is not positive definite.

    References
    ----------
    A. Barachant et al., Classification of covariance matrices using a Riemannian-based kernel for BCI
    applications, Neurocomputing 112, 2013.
    """
    _check_size(c, reference)
    whiten = invsqrtm(symmetric(reference.double()), name="reference", eps=_eps(reference))
    return logm(_sandwich(whiten, symmetric(c.double())), name="c", eps=_eps(c)).to(c.dtype)


def untangent(s: Tensor, reference: Tensor) -> Tensor:
    r"""Bring symmetric matrices back from the flat space: the inverse of `tangent`.

    .. math:: C = M^{1/2} \exp(S) M^{1/2}

    Parameters
    ----------
    s : Tensor, shape (..., n_chans, n_chans)
        Any symmetric matrices, dimensionless.
    reference : Tensor, shape (n_chans, n_chans) or broadcast to `s`
        M, symmetric positive definite.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Symmetric positive definite, unit of `reference`. Gradients are finite, also at S = 0.

    Raises
    ------
    EegdaeError
        Where the sizes differ or the reference is not positive definite.
    """
    _check_size(s, reference)
    root = sqrtm(symmetric(reference.double()), name="reference", eps=_eps(reference))
    return _sandwich(root, expm(symmetric(s.double()))).to(s.dtype)


def tangent_vectors(c: Tensor, reference: Tensor) -> Tensor:
    r"""Give the entries of `tangent` as a vector whose length is the distance from the reference.

    The upper triangle with the diagonal, row by row (``np.triu_indices(n_chans)``), entries off the diagonal
    times :math:`\sqrt 2`, as they stand for two.

    Parameters
    ----------
    c, reference : Tensor
        As in `tangent`.

    Returns
    -------
    Tensor, shape (..., n_chans (n_chans + 1) / 2)
        Dimensionless.

    Raises
    ------
    EegdaeError
        As `tangent`.

    References
    ----------
    O. Tuzel et al., Pedestrian detection via classification on Riemannian manifolds, IEEE Trans. Pattern
    Analysis and Machine Intelligence 30(10), 2008.
    """
    s = tangent(c, reference)
    rows, columns, weights = _triangle(s)
    return s[..., rows, columns] * weights


def from_tangent_vectors(v: Tensor, reference: Tensor) -> Tensor:
    """Build covariances from vectors: the inverse of `tangent_vectors`.

    Parameters
    ----------
    v : Tensor, shape (..., n_chans (n_chans + 1) / 2)
        Any finite values, for instance as a network rebuilt them.
    reference : Tensor, shape (n_chans, n_chans)
        Symmetric positive definite.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Symmetric positive definite, unit of `reference`.

    Raises
    ------
    EegdaeError
        Where the length of the vectors does not fit the reference or that is not positive definite.
    """
    n_chans = reference.shape[-1]
    expected = n_chans * (n_chans + 1) // 2
    if v.shape[-1] != expected:
        raise EegdaeError(
            f"v: shape {tuple(v.shape)}; a reference of {n_chans} channels needs {expected} in the last one"
        )
    s = v.new_zeros((*v.shape[:-1], n_chans, n_chans))
    rows, columns, weights = _triangle(s)
    s[..., rows, columns] = v / weights
    return untangent(s + s.triu(1).mT, reference)


def fit_subspace(c: Tensor, *, n_components: int | None = None) -> Tensor:
    """Find the directions in which covariances have variance. Give training matrices only.

    After an average reference, interpolation or ICA, covariances are singular and have no tangent space;
    reduced to these directions (see `reduce`) they have. Fewer components than the rank leave out directions
    of little variance, in which a recording's cleaning rather than the brain may show.

    Parameters
    ----------
    c : Tensor, shape (..., n_matrices, n_chans, n_chans)
        Symmetric, positive semi-definite.
    n_components : int, optional
        How many directions. Default: the rank (`estimate_rank`) of the mean, the smallest of the batch.

    Returns
    -------
    Tensor, shape (..., n_chans, n_components)
        Orthonormal columns: leading eigenvectors of the arithmetic mean, largest eigenvalue first, the entry
        of largest modulus in each positive.

    Raises
    ------
    EegdaeError
        Where there is no matrix, or `n_components` is not between 1 and the rank.
    """
    if c.ndim < 3 or c.shape[-3] == 0:
        raise EegdaeError(f"fit_subspace: shape {tuple(c.shape)}; expected (..., n_matrices >= 1, n, n)")
    mean = symmetric(c.double().mean(dim=-3))
    rank = int(estimate_rank(mean.to(c.dtype)).min())
    kept = rank if n_components is None else n_components
    if not 1 <= kept <= rank:
        raise EegdaeError(
            f"n_components: {kept}; allowed: 1 to {rank}, the rank of the mean of these "
            f"{c.shape[-1]}-channel covariances"
        )
    vectors: Tensor = torch.linalg.eigh(mean).eigenvectors.flip(-1)[..., :kept]
    largest = vectors.gather(-2, vectors.abs().argmax(dim=-2, keepdim=True))
    return (vectors * largest.sign()).to(c.dtype)


def reduce(c: Tensor, subspace: Tensor) -> Tensor:
    r"""Express covariances in a subspace: :math:`W^\top C W`.

    Parameters
    ----------
    c : Tensor, shape (..., n_chans, n_chans)
        Covariances.
    subspace : Tensor, shape (n_chans, n_components) or broadcast to `c`
        W, from `fit_subspace`.

    Returns
    -------
    Tensor, shape (..., n_components, n_components)
        Exactly symmetric, unit of `c`.

    Raises
    ------
    EegdaeError
        Where the numbers of channels differ.
    """
    if c.shape[-1] != subspace.shape[-2]:
        raise EegdaeError(f"c: {c.shape[-1]} channels; the subspace was fitted on {subspace.shape[-2]}")
    w = subspace.to(c.dtype)
    return symmetric(w.mT @ c @ w)


def _eps(c: Tensor) -> float:
    return torch.finfo(c.dtype).eps


def _sandwich(a: Tensor, c: Tensor) -> Tensor:
    """Give A C A for symmetric A."""
    return symmetric(a @ c @ a)


def _triangle(s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rows, columns and weights of the entries of a symmetric matrix that a vector keeps."""
    rows, columns = torch.triu_indices(s.shape[-1], s.shape[-1], device=s.device)
    weights = torch.where(rows == columns, 1.0, torch.tensor(math.sqrt(2), dtype=s.dtype, device=s.device))
    return rows, columns, weights.to(s.dtype)


def _check_size(c: Tensor, reference: Tensor) -> None:
    sizes = (*c.shape[-2:], *reference.shape[-2:])
    if c.ndim < 2 or reference.ndim < 2 or len(set(sizes)) > 1:
        raise EegdaeError(
            f"shape {tuple(c.shape)} does not fit a reference of shape {tuple(reference.shape)}; "
            "both end in (n_chans, n_chans)"
        )
