"""Noise on every entry, its size by the level or by a signal-to-noise ratio."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from eegdae.corruption.kind import Corruption
from eegdae.layout import Layout
from eegdae.randomness import Keys


@dataclass(frozen=True, eq=False)
class _White(Corruption):
    """Independent noise on every entry: ``x + level * sd * n``, n of mean 0 and sd 1."""

    per_feature: bool = False
    sd: Tensor | None = dataclasses.field(default=None, repr=False)

    def fitted(self, x: Tensor, observed: Tensor | None = None, *, layout: Layout | None = None) -> Self:
        """Return a copy that knows sd, minimum and maximum of the clean training input ``x``."""
        sd = training_sd(x, observed, per_feature=self.per_feature)
        return dataclasses.replace(super().fitted(x, observed, layout=layout), sd=sd)

    def _draw(self, x: Tensor, level: float | Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
        scale = level * self._statistic(self.sd, x)
        corrupted = torch.addcmul(x, self._unit(keys, x.shape[-1]).to(x), scale)
        # the noise is as good as never exactly 0: no comparison entry by entry
        return corrupted, (scale != 0).expand(corrupted.shape)

    def _unit(self, keys: Keys, n_features: int) -> Tensor:
        raise TypeError("use one of the kinds, not what they share")


@dataclass(frozen=True, eq=False)
class Gaussian(_White):
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

    def _unit(self, keys: Keys, n_features: int) -> Tensor:
        return keys.normal("corruption", n_features)


@dataclass(frozen=True, eq=False)
class Uniform(_White):
    """Add uniform noise of the same sd: ``x + level * sd * sqrt(3) * u``, u uniform in [-1, 1).

    Parameters
    ----------
    clip : bool
        Keep the result inside the training range of each feature.
    per_feature : bool
        One sd for each feature instead of one over all (root mean square of the features' sd).
    """

    def _unit(self, keys: Keys, n_features: int) -> Tensor:
        return keys.uniform("corruption", n_features).sub(0.5).mul(2.0 * math.sqrt(3.0))


@dataclass(frozen=True, eq=False)
class Multiplicative(Corruption):
    """Multiply every entry by normal noise around 1: ``x (1 + level * n)``; an entry that is 0 stays 0.

    References
    ----------
    Srivastava et al., JMLR 15:1929 (2014), section 10: multiplicative Gaussian noise.
    """

    def _draw(self, x: Tensor, level: float | Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
        corrupted = torch.addcmul(
            x, x * keys.normal("corruption", x.shape[-1]).to(x), torch.as_tensor(level).to(x)
        )
        return corrupted, corrupted != x


def training_sd(x: Tensor, observed: Tensor | None = None, *, per_feature: bool = False) -> Tensor:
    """Give the sd of the clean training input.

    Parameters
    ----------
    x : Tensor, shape (n_rows, n_features)
        Clean training input.
    observed : Tensor of bool or None, shape (n_rows, n_features)
        True where ``x`` was observed; the others do not count.
    per_feature : bool
        One for each feature, shape (n_features,); else the root mean square of these, shape ().

    Returns
    -------
    Tensor
        In the unit of ``x``.
    """
    if observed is None:
        variance = x.var(0, correction=0)
    else:
        count = observed.sum(0).clamp(min=1)
        mean = (x * observed).sum(0) / count
        variance = (((x - mean) * observed) ** 2).sum(0) / count
    return (variance if per_feature else variance.mean()).sqrt()
