"""Corruptions that replace a share of the entries: they know nothing of channels, samples or pairs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from eegdae.corruption.kind import Corruption
from eegdae.layout import Layout
from eegdae.randomness import Keys


@dataclass(frozen=True, eq=False)
class Masking(Corruption):
    """Set a share ``level`` of the entries to 0.

    References
    ----------
    Vincent et al., JMLR 11:3371 (2010), section 3.3.
    """

    is_share: ClassVar[bool] = True

    def _draw(self, x: Tensor, level: float | Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
        touched = keys.uniform("corruption", x.shape[-1]).to(x.device) < level
        corrupted = x.masked_fill(touched, 0.0)
        return corrupted, touched.expand(corrupted.shape)


@dataclass(frozen=True, eq=False)
class SaltAndPepper(Corruption):
    """Set a share ``level`` of the entries to the feature's training minimum or maximum, half each.

    References
    ----------
    Vincent et al., JMLR 11:3371 (2010), section 3.3.
    """

    is_share: ClassVar[bool] = True

    def _draw(self, x: Tensor, level: float | Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
        touched = keys.uniform("corruption", x.shape[-1]).to(x.device) < level
        salt = keys.uniform("salt", x.shape[-1]).to(x.device) < 0.5
        grain = torch.where(salt, self._statistic(self.high, x), self._statistic(self.low, x))
        corrupted = torch.where(touched, grain, x)
        return corrupted, touched.expand(corrupted.shape)


@dataclass(frozen=True, eq=False)
class SampleSwap(Corruption):
    """Replace a share ``level`` of the entries by the same feature of other training rows.

    Every entry has a donor of its own, so each feature keeps its distribution and only what ties features
    together is disturbed. A donor that was not observed leaves the entry as it is.

    References
    ----------
    Bahri et al., SCARF, ICLR (2022), section 3: corruption by the empirical marginals.
    """

    is_share: ClassVar[bool] = True

    donors: Tensor | None = dataclasses.field(default=None, repr=False)
    has_donor: Tensor | None = dataclasses.field(default=None, repr=False)

    def fitted(self, x: Tensor, observed: Tensor | None = None, *, layout: Layout | None = None) -> Self:
        """Return a copy that knows the clean training rows themselves."""
        donors = x if observed is None else x.masked_fill(~observed, 0.0)
        return dataclasses.replace(
            super().fitted(x, observed, layout=layout), donors=donors, has_donor=observed
        )

    def _draw(self, x: Tensor, level: float | Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
        # the donors stay where they are: only what is drawn of them goes to the device of x
        rows = self._known(self.donors)
        at = (keys.uniform("donor", x.shape[-1]) * len(rows)).long().clamp(max=len(rows) - 1).to(rows.device)
        touched = keys.uniform("corruption", x.shape[-1]).to(x.device) < level
        if self.has_donor is not None:
            touched = touched & self.has_donor.gather(0, at).to(x.device)
        corrupted = torch.where(touched, rows.gather(0, at).to(x), x)
        return corrupted, touched.expand(corrupted.shape)
