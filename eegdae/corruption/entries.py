"""Corruptions entry by entry: they know nothing of channels, samples or pairs."""

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
class Gaussian(Corruption):
    """Add normal noise: ``x + level * sd * n``, with sd that of the clean training input of the layer.

    Parameters
    ----------
    clip : bool
        Keep the result inside the training range of each feature.
    per_feature : bool
        One sd for each feature instead of one over all (root mean square of the features' sd).

    References
    ----------
    Vincent et al., JMLR 11:3371 (2010), section 3.3.
    """

    per_feature: bool = False
    sd: Tensor | None = dataclasses.field(default=None, repr=False)

    def fitted(self, x: Tensor, observed: Tensor | None = None, *, layout: Layout | None = None) -> Self:
        """Return a copy that knows sd, minimum and maximum of the clean training input ``x``."""
        if observed is None:
            variance = x.var(0, correction=0)
        else:
            count = observed.sum(0).clamp(min=1)
            mean = (x * observed).sum(0) / count
            variance = (((x - mean) * observed) ** 2).sum(0) / count
        sd = (variance if self.per_feature else variance.mean()).sqrt()
        return dataclasses.replace(super().fitted(x, observed, layout=layout), sd=sd)

    def _draw(self, x: Tensor, level: float | Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
        scale = level * self._statistic(self.sd, x)
        corrupted = torch.addcmul(x, keys.normal("corruption", x.shape[-1]).to(x), scale)
        # a normal number is never exactly 0, so no comparison entry by entry
        return corrupted, (scale != 0).expand(corrupted.shape)


@dataclass(frozen=True, eq=False)
class Masking(Corruption):
    """Set a share ``level`` of the entries to 0.

    References
    ----------
    Vincent et al., JMLR 11:3371 (2010), section 3.3.
    """

    largest_level: ClassVar[float] = 1.0

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

    largest_level: ClassVar[float] = 1.0

    def _draw(self, x: Tensor, level: float | Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
        touched = keys.uniform("corruption", x.shape[-1]).to(x.device) < level
        salt = keys.uniform("salt", x.shape[-1]).to(x.device) < 0.5
        grain = torch.where(salt, self._statistic(self.high, x), self._statistic(self.low, x))
        corrupted = torch.where(touched, grain, x)
        return corrupted, touched.expand(corrupted.shape)
