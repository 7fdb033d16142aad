"""What every corruption shares: ``corrupt(x) -> (corrupted x, touched)``, its level and its statistics.

A corruption is data: its kind, its options and, once `fitted`, the statistics of the clean training input
of the layer that it corrupts. ``level`` is its one number: 0 is the identity, more is noisier.
The unit draw does not depend on the level, so models that differ in level see the same noise scaled.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from eegdae.randomness import Keys


@dataclass(frozen=True, eq=False)
class Corruption:
    """What all kinds share; use one of the classes below.

    Parameters
    ----------
    clip : bool
        Keep the corrupted input inside the training range of each feature.
    """

    clip: bool = False
    low: Tensor | None = dataclasses.field(default=None, repr=False)
    high: Tensor | None = dataclasses.field(default=None, repr=False)

    largest_level: ClassVar[float] = float("inf")

    def check_level(self, level: float, key: str = "corruption.level") -> None:
        """Refuse a level that this kind cannot have.

        Raises
        ------
        EegdaeError
            If ``level`` is not a number in ``[0, largest_level]``.
        """
        if not (0.0 <= level <= self.largest_level and math.isfinite(level)):
            bound = (
                "a number, 0 or more"
                if self.largest_level == float("inf")
                else f"0 to {self.largest_level:g}"
            )
            raise EegdaeError(f"{key}={level}: the level of {type(self).__name__} must be {bound}")

    @classmethod
    def options(cls) -> dict[str, Any]:
        """Name -> default of what a user may set besides the level; statistics are not among them."""
        return {field.name: field.default for field in dataclasses.fields(cls) if field.repr}

    def for_codes(self) -> Corruption:
        """What corrupts the codes of the layers above: itself, or another if it needs channels or samples."""
        return self

    @property
    def needs_neighbours(self) -> bool:
        """Whether it must be told, by `for_rows`, which training rows follow one another."""
        return False

    def for_rows(self, rows: Tensor, recordings: Tensor) -> Corruption:
        """What corrupts training rows of known number and recording: itself, unless it `needs_neighbours`."""
        return self

    def fitted(self, x: Tensor, observed: Tensor | None = None, *, layout: Layout | None = None) -> Self:
        """Return a copy that knows the statistics of the clean training input.

        Parameters
        ----------
        x : Tensor, shape (n_rows, n_features)
            Clean training input of the layer.
        observed : Tensor of bool or None, shape (n_rows, n_features)
            True where ``x`` was observed.
        layout : Layout or None
            What the features stand for; None = nothing is known. Kinds that need channels or samples refuse
            a layout without them.

        Returns
        -------
        Corruption
            The same kind with ``low`` and ``high``, shape (n_features,), and what else the kind needs.
        """
        if observed is None:
            low, high = x.amin(0), x.amax(0)
        else:
            low = x.masked_fill(~observed, float("inf")).amin(0).nan_to_num(posinf=0.0)
            high = x.masked_fill(~observed, -float("inf")).amax(0).nan_to_num(neginf=0.0)
        return dataclasses.replace(self, low=low, high=high)

    def corrupt(
        self, x: Tensor, *, level: float | Tensor, keys: Keys, observed: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Corrupt clean rows.

        Parameters
        ----------
        x : Tensor, shape (..., n_rows, n_features)
            Clean input, scaled.
        level : float or Tensor of shape (n_models, 1, 1)
            How much; 0 gives ``x`` back.
        keys : Keys
            Which draws; one a row.
        observed : Tensor of bool or None, shape (n_rows, n_features)
            True where ``x`` was observed; the others are left as they are.

        Returns
        -------
        x_corrupted : Tensor, shape of ``x`` (broadcast with ``level``)
            The corrupted input.
        touched : Tensor of bool, same shape
            True where the corruption changed something.
        """
        if not isinstance(level, Tensor) and level == 0:
            return x, torch.zeros_like(x, dtype=torch.bool)
        corrupted, touched = self._draw(x, level, keys)
        if self.clip:
            low, high = self._statistic(self.low, x), self._statistic(self.high, x)
            corrupted = torch.where(touched, corrupted.clamp(low, high), corrupted)
        if observed is not None:
            corrupted, touched = torch.where(observed, corrupted, x), touched & observed
        return corrupted, touched

    def _draw(self, x: Tensor, level: float | Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
        raise TypeError("use one of the kinds, not what they share")

    @staticmethod
    def _statistic(value: Tensor | None, x: Tensor) -> Tensor:
        if value is None:
            raise EegdaeError("corruption: it has no statistics of the training input; call fitted(x) first")
        return value.to(x)
