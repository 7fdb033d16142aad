"""Noise made of real differences: what changes from one window to the next while the condition does not."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from eegdae.corruption.kind import Corruption
from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from eegdae.randomness import Keys


@dataclass(frozen=True, eq=False)
class WindowNoise(Corruption):
    r"""Add the difference of two windows that follow one another in a recording of the training rows.

    .. math:: x + \mathrm{level}\, (x_j - x_i) / \sqrt 2

    where i is a training row drawn at random, of any recording, and j a neighbour of it in time. At level 1
    the noise has the covariance with which windows scatter from one to the next: a linear autoencoder learns
    to shrink each direction by the share of its variance that does not last. Every layer draws from the
    differences of its own clean input.

    Parameters
    ----------
    clip : bool
        Keep the result inside the training range of each feature.

    Notes
    -----
    Only training rows are in the pool, and no label is looked at. But where a class is one recording each,
    differences never cross the classes, so the recordings tell the encoder what the labels tell the head.
    """

    neighbours: Tensor | None = dataclasses.field(default=None, repr=False)
    pool: Tensor | None = dataclasses.field(default=None, repr=False)
    seen: Tensor | None = dataclasses.field(default=None, repr=False)

    @classmethod
    def takes_snr(cls) -> bool:
        """Whether a ratio says the same as its level: noise over what changes between windows, so no."""
        return False

    @property
    def needs_neighbours(self) -> bool:
        """Whether it must be told, by `for_rows`, which training rows follow one another: it must."""
        return True

    def for_rows(self, rows: Tensor, recordings: Tensor) -> Self:
        """Return a copy that knows which training rows follow one another.

        Parameters
        ----------
        rows : Tensor of int64, shape (n_rows,)
            Row numbers over the whole data set, in the order of time inside a recording: of one recording,
            those that differ by 1 are neighbours.
        recordings : Tensor of int64, shape (n_rows,)
            Which recording a row is of.

        Returns
        -------
        WindowNoise
            To be `fitted` on the same rows.

        Raises
        ------
        EegdaeError
            If no row has a neighbour.
        """
        order = torch.argsort(rows)
        before, after = order[:-1], order[1:]
        follow = (rows[after] - rows[before] == 1) & (recordings[after] == recordings[before])
        if not bool(follow.any()):
            raise EegdaeError(
                f"corruption=window_noise: none of the {len(rows)} training rows has a neighbour in its "
                "recording; use gaussian"
            )
        return dataclasses.replace(self, neighbours=torch.stack([before[follow], after[follow]], 1))

    def fitted(self, x: Tensor, observed: Tensor | None = None, *, layout: Layout | None = None) -> Self:
        """Return a copy that draws from the differences of these rows; of entries seen in both alone."""
        if self.neighbours is None:
            raise EegdaeError(
                "corruption=window_noise: it does not know which rows follow one another; "
                "call for_rows(rows, recordings) first"
            )
        one = super().fitted(x, observed, layout=layout)
        pool = x if observed is None else x.masked_fill(~observed, 0.0)
        return dataclasses.replace(one, pool=pool, seen=observed)

    def _draw(self, x: Tensor, level: float | Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
        if self.pool is None or self.neighbours is None:
            raise EegdaeError("corruption: it has no statistics of the training input; call fitted(x) first")
        # which pair and which way round
        draw = keys.uniform("corruption", 1)[:, 0].double() * 2 * len(self.neighbours)
        number = draw.long().clamp(max=2 * len(self.neighbours) - 1)
        pair = self.neighbours[number // 2]
        first, second = (self.pool.index_select(0, pair[:, k]) for k in (0, 1))
        step = torch.where(number[:, None] % 2 == 0, second - first, first - second)
        if self.seen is not None:
            both = self.seen.index_select(0, pair[:, 0]) & self.seen.index_select(0, pair[:, 1])
            step = step.masked_fill(~both, 0.0)
        corrupted = x + level * (step.to(x) / math.sqrt(2.0))
        return corrupted, corrupted != x
