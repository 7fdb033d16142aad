"""Corruptions that know channels and pairs: electrodes that fall off, edges of a network that are lost.

What is dropped becomes 0, the training mean of a scaled feature. Matrices stand in a row as
`eegdae.connectivity.vectorize` lays them out, every undirected pair once, so the matrix that a corrupted row
unfolds to keeps its symmetry; of a directed measure both directions are lost together.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from eegdae.corruption.entries import Masking
from eegdae.corruption.kind import Corruption
from eegdae.layout import Layout
from eegdae.randomness import Keys


@dataclass(frozen=True, eq=False)
class _Dropout(Corruption):
    """What is lost as one: each feature belongs to one thing or two, and is 0 where either is lost."""

    is_share: ClassVar[bool] = True

    members: Tensor | None = dataclasses.field(default=None, repr=False)
    n_members: int = dataclasses.field(default=0, repr=False)

    def for_codes(self) -> Corruption:
        """Masking: a dense code belongs to no channel."""
        return Masking(clip=self.clip)

    def fitted(self, x: Tensor, observed: Tensor | None = None, *, layout: Layout | None = None) -> Self:
        """Return a copy that knows which features are lost together."""
        one = super().fitted(x, observed, layout=layout)
        if layout is None:
            return one
        members, n = self._members(layout)
        return dataclasses.replace(one, members=members, n_members=n)

    def _draw(self, x: Tensor, level: float | Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
        members = self._known(self.members)
        # one more that is never lost, for features that belong to nothing that can be
        draw = torch.nn.functional.pad(keys.uniform("corruption", self.n_members), (0, 1), value=2.0)
        lost = draw.to(x.device) < level  # (..., n_rows, n_members + 1)
        touched = lost.index_select(-1, members[0].to(x.device))
        for more in members[1:]:
            touched = touched | lost.index_select(-1, more.to(x.device))
        corrupted = x.masked_fill(touched, 0.0)
        return corrupted, touched.expand(corrupted.shape)

    @staticmethod
    def _members(layout: Layout) -> tuple[Tensor, int]:
        """Give what each feature belongs to, shape (1 or 2, n_features), and how many can be lost."""
        raise TypeError("use one of the kinds, not what they share")


@dataclass(frozen=True, eq=False)
class ChannelDropout(_Dropout):
    """Set all that belongs to a channel to 0, each channel with probability ``level``.

    Of raw windows its samples, of power its bands, of a measure of pairs its row and its column.

    References
    ----------
    Saeed et al., Learning from heterogeneous EEG signals with differentiable channel reordering, ICASSP
    (2021): channels dropped at random.
    """

    def unusable(self, layout: Layout | None) -> str:
        """Say what rows of a layout lack: it needs two channels or more, of pairs three."""
        if layout is None or layout.n_chans is None:
            return "have no channels"
        needed = 3 if _of_pairs(layout) else 2
        if layout.n_chans < needed:
            return f"have {layout.n_chans} channels; {needed} are needed to drop one and keep some"
        return ""

    @staticmethod
    def _members(layout: Layout) -> tuple[Tensor, int]:
        first, second = layout.channels()
        members = [first] if torch.equal(first, second) else [first, second]
        return torch.stack(members), layout.n_chans or 0


@dataclass(frozen=True, eq=False)
class NodeDropout(ChannelDropout):
    """Set the row and the column of a channel to 0 in the matrices of all bands, with probability ``level``.

    References
    ----------
    You et al., Graph contrastive learning with augmentations, NeurIPS (2020): node dropping.
    """

    def unusable(self, layout: Layout | None) -> str:
        """Say what rows of a layout lack: they must be matrices of three channels or more."""
        if layout is None or layout.kind != "matrices":
            return "are no matrices of connectivity"
        return super().unusable(layout)


@dataclass(frozen=True, eq=False)
class EdgeDropout(_Dropout):
    """Set a pair of channels to 0 in all bands and both directions, each pair with probability ``level``.

    The diagonal of a covariance is no pair and stays.

    References
    ----------
    You et al., Graph contrastive learning with augmentations, NeurIPS (2020): edge perturbation.
    """

    def unusable(self, layout: Layout | None) -> str:
        """Say what rows of a layout lack: they must be of pairs, of three channels or more."""
        if layout is None or layout.kind != "matrices" or not _of_pairs(layout):
            return "hold no pairs of channels"
        if layout.shape[-1] < 3:
            return "hold one pair of channels, of which nothing would be left"
        return ""

    @staticmethod
    def _members(layout: Layout) -> tuple[Tensor, int]:
        first, second = layout.channels()
        n = layout.shape[-1]
        number = torch.full((n, n), n * (n - 1) // 2)  # of a pair; the diagonal comes after the last
        rows, columns = torch.triu_indices(n, n, offset=1)
        number[rows, columns] = number[columns, rows] = torch.arange(len(rows))
        return number[first, second][None], len(rows)


def _of_pairs(layout: Layout) -> bool:
    """Whether a feature may belong to two different channels."""
    if layout.kind != "matrices":
        return False
    first, second = layout.channels()
    return bool((first != second).any())
