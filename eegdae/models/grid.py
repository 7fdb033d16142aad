"""Rows of features as maps over time or over a plane, and back: what convolutions need."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from eegdae.connectivity.measures import get_measure
from eegdae.connectivity.vectorize import entries
from eegdae.errors import EegdaeError
from eegdae.layout import Layout

# What an entry below the diagonal is of the one above; directed measures have both.
_SIGN = {"symmetric": 1.0, "definite": 1.0, "antisymmetric": -1.0, "complementary": -1.0, "directed": 0.0}


@dataclass(frozen=True)
class Grid:
    """Maps side by side in a row: map after map, each row by row.

    Parameters
    ----------
    n_maps : int
        Channels, bands, colours, or the units of a convolution.
    space : tuple of int
        ``(n_times,)`` or ``(height, width)``.
    """

    n_maps: int
    space: tuple[int, ...]

    @property
    def n_features(self) -> int:
        """Length of a row."""
        return self.n_maps * math.prod(self.space)

    def __str__(self) -> str:
        return " x ".join(str(n) for n in (self.n_maps, *self.space))

    def unfold(self, x: Tensor) -> Tensor:
        """Give rows as maps: (..., n_features) -> (n_rows, n_maps, *space)."""
        return x.reshape(-1, self.n_maps, *self.space)

    def fold(self, maps: Tensor) -> Tensor:
        """Give maps as rows: (n_rows, n_maps, *space) -> (n_rows, n_features)."""
        return maps.flatten(1)


@dataclass(frozen=True)
class MatrixGrid(Grid):
    """Matrices of connectivity as planes, a band a map: from the features of a row, and back to them.

    An entry below the diagonal is that above it (times -1 for measures whose features change sign, such as
    dPLI and imaginary coherence); a directed measure has both. The diagonal is 0 where no feature stands
    for it. On the way back both halves are averaged: a matrix has its symmetry whatever a network made of it.

    Parameters
    ----------
    n_maps : int
        Bands.
    space : tuple of int
        ``(n_chans, n_chans)``.
    measure : str
        A key of `eegdae.connectivity.MEASURES`, not power, which has no pairs.
    """

    measure: str

    @property
    def n_features(self) -> int:
        """Length of a row."""
        return self.n_maps * len(_places(self.measure, self.space[0])[0])

    def unfold(self, x: Tensor) -> Tensor:
        """Give rows as full matrices: (..., n_features) -> (n_rows, n_bands, n_chans, n_chans)."""
        rows, _, place = _places(self.measure, self.space[0])
        x = x.reshape(-1, self.n_maps, len(rows))
        x = nn.functional.pad(x, (0, 1))  # one 0 more, for entries that no feature stands for
        square = x[..., place.to(x.device)]  # (n_rows, n_bands, n_chans, n_chans)
        sign = _SIGN[get_measure(self.measure).symmetry]
        return square + sign * square.triu(1).mT if sign else square

    def fold(self, maps: Tensor) -> Tensor:
        """Give full matrices as rows: (n_rows, n_bands, n_chans, n_chans) -> (n_rows, n_features)."""
        rows, columns, _ = (at.to(maps.device) for at in _places(self.measure, self.space[0]))
        sign = _SIGN[get_measure(self.measure).symmetry]
        square = (maps + sign * maps.mT) / 2 if sign else maps
        return square[..., rows, columns].flatten(1)


def grid_of(layout: Layout) -> Grid:
    """Say how the rows of a layout unfold.

    Parameters
    ----------
    layout : Layout
        Of signals, images, or the matrices of a measure of pairs.

    Returns
    -------
    Grid
        Signals: a channel a map over time; images: a colour a map; matrices: a band a map.

    Raises
    ------
    EegdaeError
        If features stand for nothing that could be convolved.
    """
    if layout.kind == "matrices" and get_measure(layout.measure).of_pairs:
        return MatrixGrid(layout.shape[0], layout.shape[1:], layout.measure)
    if layout.kind in ("signals", "images"):
        return Grid(layout.shape[0], layout.shape[1:])
    what = layout.measure or layout.kind
    raise EegdaeError(f"model.convolution: {what} have neither samples in time nor a plane to convolve over")


@cache
def _places(measure: str, n_chans: int) -> tuple[Tensor, Tensor, Tensor]:
    """Row and column of each feature of a band, and which feature stands at [row, column]."""
    rows, columns = (torch.from_numpy(at) for at in entries(measure, n_chans))
    place = torch.full((n_chans, n_chans), len(rows))
    place[rows, columns] = torch.arange(len(rows))
    return rows, columns, place
