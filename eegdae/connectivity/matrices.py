"""Matrices of connectivity and what is known of them: names, bands, which edges are real, how they came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eegdae.connectivity.bands import Band
from eegdae.connectivity.measures import MEASURES, Symmetry
from eegdae.errors import EegdaeError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Matrices:
    """Connectivity between named channels; `eegdae.connectivity.connectivity_of` makes it from windows.

    Parameters
    ----------
    values : ndarray, shape (n_windows, n_measures, n_bands or n_freqs, n_chans, n_chans)
        Row = x, column = y of S_xy, as `eegdae.connectivity` gives them. NaN = not computed.
    measures : sequence of str, length n_measures
        Their names.
    ch_names : sequence of str, length n_chans
        Distinct names of the channels, or of the regions that they were averaged over.
    mask : array of bool, broadcastable to the shape of `values`, or None
        True = an edge that was measured. None: every pair that has a value; the diagonal only for measures
        that say something there (``power``, ``covariance``).
    bands : mapping of str to (float, float), or None
        Name -> edges, Hz, of the third axis.
    freqs : sequence of float, or None
        Hz, of the third axis where there are no bands. Without either that axis has length 1.
    ch_pos : ndarray of float64, shape (n_chans, 3), or None
        Positions in metre; NaN for a channel that is not there.
    sfreq, n_times : float, int or None
        Sampling rate, Hz, and samples of a window.
    estimator : str or None
        How a band was taken out of a window.
    reference : str, tuple of str or None
        ``"average"``, or the channels whose mean was taken off; None = as recorded.
    laplacian : bool
        Whether the signals were surface Laplacians.
    interpolated : sequence of str
        Channels that were computed from the others; their edges are masked.
    rank : int or None
        Of the mean covariance of the signals: how many of the channels are independent.
    options : mapping
        Of the estimator and the measures.

    Raises
    ------
    EegdaeError
        Where shapes and names do not fit together.
    """

    values: NDArray[Any]
    measures: Sequence[str]
    ch_names: Sequence[str]
    mask: NDArray[np.bool_] = None  # type: ignore[assignment]
    bands: Mapping[str, Band] | None = None
    freqs: Sequence[float] | None = None
    ch_pos: NDArray[np.float64] | None = None
    sfreq: float | None = None
    n_times: int | None = None
    estimator: str | None = None
    reference: str | tuple[str, ...] | None = None
    laplacian: bool = False
    interpolated: Sequence[str] = ()
    rank: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("measures", "ch_names", "interpolated"):
            object.__setattr__(self, name, tuple(str(one) for one in getattr(self, name)))
        if self.freqs is not None:
            object.__setattr__(self, "freqs", tuple(float(f) for f in self.freqs))
        _check(self)
        mask: NDArray[np.bool_]
        if self.mask is None:
            mask = np.stack([measured(name, self.n_chans) for name in self.measures])[:, None]
            lost = np.isnan(self.values)
            mask = mask & ~lost if lost.any() else mask
        else:
            mask = np.asarray(self.mask, dtype=bool)
        try:
            object.__setattr__(self, "mask", np.broadcast_to(mask, self.values.shape))
        except ValueError:
            raise EegdaeError(
                f"mask: shape {mask.shape} does not go with values of shape {self.values.shape}"
            ) from None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def n_chans(self) -> int:
        """Number of channels or regions."""
        return int(self.values.shape[-1])

    @property
    def entries(self) -> tuple[str, ...]:
        """Name of each entry of the third axis: the band, the frequency (``"10 Hz"``) or ``"broadband"``."""
        if self.bands is not None:
            return tuple(self.bands)
        return ("broadband",) if self.freqs is None else tuple(f"{f:g} Hz" for f in self.freqs)


def symmetry(measure: str) -> Symmetry:
    """Say how a matrix of a measure relates its two triangles.

    Parameters
    ----------
    measure : str
        Any name; of one that is not in `eegdae.connectivity.MEASURES` nothing is known.

    Returns
    -------
    str
        As in `eegdae.connectivity.Measure`; ``"directed"``, where either triangle may hold anything, for an
        unknown name.
    """
    return MEASURES[measure].symmetry if measure in MEASURES else "directed"


def measured(measure: str, n_chans: int) -> NDArray[np.bool_]:
    """Say which entries of a matrix of a measure hold a measurement, not a constant.

    Parameters
    ----------
    measure : str
        Its name.
    n_chans : int
        Number of channels.

    Returns
    -------
    ndarray of bool, shape (n_chans, n_chans)
        The diagonal for ``power``, all for ``covariance``, the pairs for any other.
    """
    diagonal = np.eye(n_chans, dtype=bool)
    kind = symmetry(measure)
    if kind == "definite":
        return np.ones_like(diagonal)
    return diagonal if kind == "diagonal" else ~diagonal


def edges(m: Matrices, measure: str, band: str | None = None) -> pd.DataFrame:
    """List the edges of one measure in one band.

    Parameters
    ----------
    m : Matrices
        Of any number of windows.
    measure : str
        One of ``m.measures``.
    band : str or None
        One of ``m.entries``; may be left out where there is one.

    Returns
    -------
    DataFrame
        One row an edge of a window: ``window`` (int), ``from`` and ``to`` (str: row and column), ``value``,
        ``mask`` (bool, True = measured). The upper triangle, unless the measure is directed, and of the
        diagonal what was measured in some window.

    Raises
    ------
    EegdaeError
        Where there is no such measure or band.
    """
    import pandas as pd

    k = index_of(measure, m.measures, where="measure")
    if band is None and len(m.entries) > 1:
        raise EegdaeError(f"band: None; name one of {', '.join(m.entries)}")
    b = 0 if band is None else index_of(band, m.entries, where="band")
    values, mask = m.values[:, k, b], m.mask[:, k, b]
    listed = np.ones(values.shape[1:], dtype=bool)
    if symmetry(measure) != "directed":
        listed = np.triu(listed)
    if symmetry(measure) == "diagonal" and not (mask & ~np.eye(m.n_chans, dtype=bool)).any():
        listed &= np.eye(m.n_chans, dtype=bool)
    np.fill_diagonal(listed, mask.diagonal(axis1=-2, axis2=-1).any(axis=0))
    rows, columns = np.nonzero(listed)
    names = np.array(m.ch_names, dtype=object)
    return pd.DataFrame(
        {
            "window": np.repeat(np.arange(len(m)), len(rows)),
            "from": np.tile(names[rows], len(m)),
            "to": np.tile(names[columns], len(m)),
            "value": values[:, rows, columns].ravel(),
            "mask": mask[:, rows, columns].ravel(),
        }
    )


def index_of(name: str, known: Sequence[str], *, where: str) -> int:
    """Find a name among others.

    Raises
    ------
    EegdaeError
        Where it is not one of them; names the nearest.
    """
    if name not in known:
        raise EegdaeError(f"{where}: {name!r} is not there; {did_you_mean(name, known)}")
    return list(known).index(name)


def _check(m: Matrices) -> None:
    shape = np.shape(m.values)
    if len(shape) != 5 or shape[-1] != shape[-2]:
        raise EegdaeError(
            f"values: shape {shape}; expected (n_windows, n_measures, n_bands or n_freqs, n_chans, n_chans)"
        )
    if m.bands is not None and m.freqs is not None:
        raise EegdaeError("bands, freqs: both are given, and the third axis of the values is one of them")
    for axis, name, names in (
        (1, "measures", m.measures),
        (2, "freqs" if m.bands is None else "bands", m.entries),
        (4, "ch_names", m.ch_names),
    ):
        if len(names) != shape[axis]:
            raise EegdaeError(f"{name}: {len(names)} for axis {axis} of the values, of length {shape[axis]}")
        if len(set(names)) < len(names):
            raise EegdaeError(f"{name}: {', '.join(names)}; each may stand once")
    if m.ch_pos is not None and m.ch_pos.shape != (shape[-1], 3):
        raise EegdaeError(f"ch_pos: shape {m.ch_pos.shape}; expected ({shape[-1]}, 3)")
