"""Matrices of connectivity as rows of features, and the way back to valid matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.connectivity.arrays import as_tensor
from eegdae.connectivity.measures import get_measure
from eegdae.errors import EegdaeError


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
        n_bands n_chans (n_chans - 1) / 2 for a measure of pairs, n_bands n_chans for power.

    Raises
    ------
    EegdaeError
        Where there is no such measure.
    """
    return n_bands * len(_entries(measure, n_chans)[0])


@overload
def vectorize(c: NDArray[Any], measure: str) -> NDArray[Any]: ...
@overload
def vectorize(c: Tensor, measure: str) -> Tensor: ...
def vectorize(c: NDArray[Any] | Tensor, measure: str) -> NDArray[Any] | Tensor:
    """Lay the values of one measure out as a row of unbounded features.

    Band after band; inside a band the upper triangle row by row (``np.triu_indices(n_chans, k=1)``) for
    measures of pairs, the diagonal for power. ``pearson``: atanh(r), r clipped to +-.999. ``plv``:
    ln(p / (1 - p)), p clipped to [.001, .999]. ``power``: as it is.

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
        Where there is no such measure or `c` is not a stack of square matrices.
    """
    if c.ndim < 3 or c.shape[-1] != c.shape[-2]:
        raise EegdaeError(f"c: shape {tuple(c.shape)}; expected (..., n_bands, n_chans, n_chans)")
    tensor, restore = as_tensor(c, name="c")
    rows, columns = _entries(measure, c.shape[-1])
    return restore(get_measure(measure).to_features(tensor[..., rows, columns]).flatten(-2))


@overload
def unvectorize(v: NDArray[Any], measure: str, *, n_bands: int, n_chans: int) -> NDArray[Any]: ...
@overload
def unvectorize(v: Tensor, measure: str, *, n_bands: int, n_chans: int) -> Tensor: ...
def unvectorize(
    v: NDArray[Any] | Tensor, measure: str, *, n_bands: int, n_chans: int
) -> NDArray[Any] | Tensor:
    """Build the matrices of one measure from a row of features: the inverse of `vectorize`.

    Exact where `vectorize` clipped nothing. Any finite features give valid matrices: symmetric, in the
    measure's range and with a diagonal of 1 for measures of pairs; diagonal for power.

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
    values = kind.from_features(tensor).reshape(*tensor.shape[:-1], n_bands, -1)
    rows, columns = _entries(measure, n_chans)
    upper = values.new_zeros((*values.shape[:-1], n_chans, n_chans))
    upper[..., rows, columns] = values
    if not kind.of_pairs:
        return restore(upper)
    return restore(upper + upper.mT + torch.eye(n_chans, dtype=values.dtype, device=values.device))


def feature_names(measure: str, *, band_names: Sequence[str], ch_names: Sequence[str]) -> list[str]:
    """Name the features of one measure in the order of `vectorize`.

    Parameters
    ----------
    measure : str
        A key of `MEASURES`.
    band_names, ch_names : sequence of str
        Bands and channels, in the order of the matrices.

    Returns
    -------
    list of str
        ``"plv|alpha|O1-O2"`` for a pair, ``"power|alpha|O1"`` for a channel.

    Raises
    ------
    EegdaeError
        Where there is no such measure.
    """
    rows, columns = _entries(measure, len(ch_names))
    of_pairs = get_measure(measure).of_pairs
    entries = [
        f"{ch_names[i]}-{ch_names[j]}" if of_pairs else ch_names[i]
        for i, j in zip(rows, columns, strict=True)
    ]
    return [f"{measure}|{band}|{entry}" for band in band_names for entry in entries]


def _entries(measure: str, n_chans: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the entries of one matrix that become features."""
    if get_measure(measure).of_pairs:
        return np.triu_indices(n_chans, k=1)
    return np.diag_indices(n_chans)[0], np.diag_indices(n_chans)[1]
