"""Matrices of connectivity as rows of features, and the way back to valid matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.connectivity.arrays import as_tensor
from eegdae.connectivity.measures import get_measure
from eegdae.connectivity.spd import expm, logm
from eegdae.errors import EegdaeError

# How far from its symmetry a matrix may be, in epsilons of its largest entry.
_ROUNDING = 64
# Of the variance of a covariance that is rebuilt from any features: e^+-80 is inside the range of float32.
_LARGEST_LOG = 80.0


def n_features(measure: str, *, n_bands: int, n_chans: int) -> int:
    """Count the features of one measure.

    Parameters
    ----------
    measure : str
        A key of `MEASURES`.
    n_bands, n_chans : int
        Bands and channels.

    Returns
    -------
    int
        For each band n_chans for power, n_chans (n_chans - 1) for a directed measure,
        n_chans (n_chans + 1) / 2 for covariances and n_chans (n_chans - 1) / 2 for all others.

    Raises
    ------
    EegdaeError
        Where there is no such measure.
    """
    return n_bands * len(entries(measure, n_chans)[0])


@overload
def vectorize(c: NDArray[Any], measure: str) -> NDArray[Any]: ...
@overload
def vectorize(c: Tensor, measure: str) -> Tensor: ...
def vectorize(c: NDArray[Any] | Tensor, measure: str) -> NDArray[Any] | Tensor:
    r"""Lay the values of one measure out as a row of unbounded features.

    Band after band; inside a band the upper triangle row by row (``np.triu_indices(n_chans, k=1)``), all
    entries off the diagonal row by row for directed measures (``granger``, ``dtf``, ``pdc``), the diagonal
    for ``power``. Values are transformed:

    - Fisher's z, atanh(r) with r clipped to +-.999: ``pearson``, ``spearman``, ``partial_correlation``,
      ``cross_correlation``, ``spectral_correlation``, ``imaginary_coherence``, envelope correlations;
    - logit, ln(p / (1 - p)) with p clipped to [.001, .999]: ``coherence``, ``lagged_coherence``, ``plv``,
      ``ciplv``, ``pli``, ``dpli``, ``wpli``, ``dtf``, ``pdc``;
    - ln, of 1e-6 at least: ``granger``;
    - the matrix logarithm, for ``covariance``: its upper triangle with the diagonal, entries off the diagonal
      times :math:`\sqrt 2`, so that lengths are log-Euclidean distances;
    - as they are: ``debiased_wpli``, ``ppc`` (a bend would bias them), ``phase_slope_index``,
      ``cross_correlation_lag``, ``power``.

    Parameters
    ----------
    c : ndarray or Tensor, shape (..., n_bands, n_chans, n_chans)
        Matrices of one measure.
    measure : str
        A key of `MEASURES`.

    Returns
    -------
    ndarray or Tensor, shape (..., n_features)
        The kind of `c`.

    Raises
    ------
    EegdaeError
        Where there is no such measure, `c` is not a stack of square matrices, one of them does not have the
        symmetry of the measure, or a covariance is not positive definite.
    """
    if c.ndim < 3 or c.shape[-1] != c.shape[-2]:
        raise EegdaeError(f"c: shape {tuple(c.shape)}; expected (..., n_bands, n_chans, n_chans)")
    tensor, restore = as_tensor(c, name="c")
    kind = get_measure(measure)
    _check_symmetry(tensor, measure)
    rows, columns = entries(measure, c.shape[-1])
    if kind.symmetry == "definite":
        tensor = logm(tensor.double(), name="c", eps=torch.finfo(tensor.dtype).eps).to(tensor.dtype)
        values = tensor[..., rows, columns] * _lengths(rows, columns).to(tensor)
    else:
        values = kind.transform.forward(tensor[..., rows, columns])
    return restore(values.flatten(-2))


@overload
def unvectorize(v: NDArray[Any], measure: str, *, n_bands: int, n_chans: int) -> NDArray[Any]: ...
@overload
def unvectorize(v: Tensor, measure: str, *, n_bands: int, n_chans: int) -> Tensor: ...
def unvectorize(
    v: NDArray[Any] | Tensor, measure: str, *, n_bands: int, n_chans: int
) -> NDArray[Any] | Tensor:
    """Build the matrices of one measure from a row of features: the inverse of `vectorize`.

    Exact where `vectorize` clipped nothing. Any finite features give valid matrices: of the measure's
    symmetry, range and diagonal; positive definite for covariances.

    Parameters
    ----------
    v : ndarray or Tensor, shape (..., n_features)
        Features of one measure, for instance as a network rebuilt them.
    measure : str
        A key of `MEASURES`.
    n_bands, n_chans : int
        Bands and channels.

    Returns
    -------
    ndarray or Tensor, shape (..., n_bands, n_chans, n_chans)
        The kind of `v`.

    Raises
    ------
    EegdaeError
        Where there is no such measure or `v` has another number of features.
    """
    expected = n_features(measure, n_bands=n_bands, n_chans=n_chans)
    if v.ndim < 1 or v.shape[-1] != expected:
        raise EegdaeError(
            f"v: shape {tuple(v.shape)}; {measure!r} with {n_bands} bands and {n_chans} channels has "
            f"{expected} features in the last dimension"
        )
    tensor, restore = as_tensor(v, name="v")
    kind = get_measure(measure)
    rows, columns = entries(measure, n_chans)
    values = kind.transform.backward(tensor).reshape(*tensor.shape[:-1], n_bands, -1)
    c = values.new_zeros((*values.shape[:-1], n_chans, n_chans))
    if kind.symmetry == "definite":
        c[..., rows, columns] = values / _lengths(rows, columns).to(values)
        whole = (c + c.triu(1).mT).double()
        limited = _log_range(whole.detach(), torch.finfo(tensor.dtype).eps)
        # Only where the limits change something: the gradient stays that of the exponential.
        inside = torch.isclose(limited, whole.detach(), rtol=1e-9, atol=1e-9).all(dim=(-2, -1), keepdim=True)
        return restore(expm(torch.where(inside, whole, limited)).to(tensor.dtype))
    c[..., rows, columns] = values
    if kind.symmetry in ("diagonal", "directed"):
        return restore(c)
    other = {"symmetric": c, "antisymmetric": -c, "complementary": (1 - c).triu(1)}[kind.symmetry]
    eye = torch.eye(n_chans, dtype=values.dtype, device=values.device)
    return restore(c + other.mT + kind.diagonal * eye)


def feature_names(measure: str, *, band_names: Sequence[str], ch_names: Sequence[str]) -> list[str]:
    """Name the features of one measure in the order of `vectorize`.

    Parameters
    ----------
    measure : str
        A key of `MEASURES`.
    band_names, ch_names : sequence of str
        Bands (or frequencies) and channels, in the order of the matrices.

    Returns
    -------
    list of str
        ``"plv|alpha|O1-O2"`` for a pair, ``"granger|alpha|O1>O2"`` for a directed one (O1 acts on O2),
        ``"power|alpha|O1"`` for a channel.

    Raises
    ------
    EegdaeError
        Where there is no such measure.
    """
    rows, columns = entries(measure, len(ch_names))
    symmetry = get_measure(measure).symmetry
    between = ">" if symmetry == "directed" else "-"
    named = [
        ch_names[i] if symmetry == "diagonal" else f"{ch_names[i]}{between}{ch_names[j]}"
        for i, j in zip(rows, columns, strict=True)
    ]
    return [f"{measure}|{band}|{entry}" for band in band_names for entry in named]


def entries(measure: str, n_chans: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give the rows and columns of the entries of one matrix that become features.

    Parameters
    ----------
    measure : str
        A key of `MEASURES`.
    n_chans : int
        Channels.

    Returns
    -------
    rows, columns : ndarray of int, shape (n_entries,)
        In the order of the features.

    Raises
    ------
    EegdaeError
        Where there is no such measure.
    """
    symmetry = get_measure(measure).symmetry
    if symmetry == "diagonal":
        return np.diag_indices(n_chans)[0], np.diag_indices(n_chans)[1]
    if symmetry == "directed":
        rows, columns = np.nonzero(~np.eye(n_chans, dtype=bool))
        return rows, columns
    return np.triu_indices(n_chans, k=0 if symmetry == "definite" else 1)


def _lengths(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Tensor:
    return torch.from_numpy(np.where(rows == columns, 1.0, math.sqrt(2)))


def _log_range(c: Tensor, eps: float) -> Tensor:
    """Bring the eigenvalues of a logarithm into the range where the exponential is finite and definite."""
    w, v = torch.linalg.eigh(c)
    top = w[..., -1:].clamp(min=-_LARGEST_LOG, max=_LARGEST_LOG)
    w = w.clamp(min=-2 * _LARGEST_LOG).clamp(max=top).clamp(min=top + math.log(4 * c.shape[-1] * eps))
    limited: Tensor = (v * w[..., None, :]) @ v.mT
    return limited


def _check_symmetry(c: Tensor, measure: str) -> None:
    """Refuse a matrix whose other half says something else; NaN marks what is not known."""
    symmetry = get_measure(measure).symmetry
    if symmetry in ("directed", "diagonal"):
        return
    expected = {"antisymmetric": -c.mT, "complementary": 1 - c.mT}.get(symmetry, c.mT).detach()
    apart = (c.detach() - expected).abs().nan_to_num(0.0)
    allowed = (
        _ROUNDING
        * torch.finfo(c.dtype).eps
        * c.detach().abs().nan_to_num(0.0).amax(dim=(-2, -1)).clamp(min=1e-30)
    )
    if c.shape[-1] and bool((apart.amax(dim=(-2, -1)) > allowed).any()):
        where = [int(k) for k in (apart > allowed[..., None, None]).nonzero()[0]]
        x, y = where[-2:]
        first, second = (float(c.detach()[(*where[:-2], *at)]) for at in ((x, y), (y, x)))
        raise EegdaeError(
            f"c: entries [{x}, {y}] and [{y}, {x}] of matrix {where[:-2]} are {first:.4g} and {second:.4g}; "
            f"{measure!r} is {symmetry if symmetry != 'definite' else 'symmetric'}"
        )
