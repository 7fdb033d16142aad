"""What every corruption shares: ``corrupt(x) -> (corrupted x, touched)``, its level and its statistics.

A corruption is data: its kind, its options and, once `fitted`, the statistics of the clean training input
of the layer that it corrupts. ``level`` is its one number: 0 is the identity, more is noisier. It is a share
of what is touched (entries, channels, time), or the size of the noise over that of the signal.
The unit draw does not depend on the level, so models that differ in level see the same noise scaled, or
masks that lie one in the other.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from eegdae.randomness import Keys

MOST_DECIBEL = 200.0
"""Largest signal-to-noise ratio that makes sense in float32, either way."""


def level_of_snr(snr_db: float) -> float:
    """Give the level of additive noise: RMS of the noise over that of the signal, ``10^(-snr_db / 20)``."""
    return float(10.0 ** (-snr_db / 20.0))


def snr_of_level(level: float) -> float:
    """Give the signal-to-noise ratio of a level above 0, in decibel: ``-20 log10(level)``."""
    return -20.0 * math.log10(level)


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

    is_share: ClassVar[bool] = False
    """Whether the level is a share of what is touched; else it is noise over signal, and an SNR says it."""

    @property
    def name(self) -> str:
        """What a configuration calls this kind: ``channel_dropout``."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(self).__name__).lower()

    def check_level(self, level: float, key: str = "corruption.level") -> None:
        """Refuse a level that this kind cannot have.

        Raises
        ------
        EegdaeError
            If ``level`` is no finite number, below 0, or a share that leaves nothing.
        """
        who = type(self).__name__
        if self.is_share and level == 1:
            raise EegdaeError(
                f"{key}={level}: the level of {who} must be less than 1, where nothing is left to learn from"
            )
        if not (level >= 0 and math.isfinite(level)) or (self.is_share and level > 1):
            bound = "0 or more and less than 1" if self.is_share else "a number, 0 or more"
            raise EegdaeError(f"{key}={level}: the level of {who} must be {bound}")

    def describe(self, level: float) -> str:
        """Say what is done and how much: ``Gaussian, level 0.5 (SNR 6.0 dB)``."""
        snr = f" (SNR {snr_of_level(level):.1f} dB)" if level > 0 and self.takes_snr() else ""
        return f"{type(self).__name__}, level {level:g}{snr}"

    @classmethod
    def takes_snr(cls) -> bool:
        """Whether its level is noise over signal, so that a ratio in decibel says the same."""
        return not cls.is_share

    @classmethod
    def options(cls) -> dict[str, Any]:
        """Name -> default of what a user may set besides the level; statistics are not among them."""
        return {field.name: field.default for field in dataclasses.fields(cls) if field.repr}

    @property
    def is_bare(self) -> bool:
        """Whether it has its options alone: no statistics, rows or signals."""
        fields = dataclasses.fields(self)
        return all(each.repr or getattr(self, each.name) is each.default for each in fields)

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

    def unusable(self, layout: Layout | None) -> str:
        """Say what rows of this layout lack for this kind, for example ``have no channels``; "" = nothing."""
        return ""

    def for_layout(self, layout: Layout | None) -> Corruption:
        """What corrupts rows of a layout: itself, or `for_codes` where the layout lacks what it needs.

        A layout of which nothing is known (None) changes nothing: `fitted` then says what is missing.
        """
        return self.for_codes() if layout is not None and self.unusable(layout) else self

    def fitted(self, x: Tensor, observed: Tensor | None = None, *, layout: Layout | None = None) -> Self:
        """Return a copy that knows the statistics of the clean training input.

        Parameters
        ----------
        x : Tensor, shape (n_rows, n_features)
            Clean training input of the layer.
        observed : Tensor of bool or None, shape (n_rows, n_features)
            True where ``x`` was observed.
        layout : Layout or None
            What the features stand for; None = nothing is known.

        Returns
        -------
        Corruption
            The same kind with ``low`` and ``high``, shape (n_features,), and what else the kind needs.

        Raises
        ------
        EegdaeError
            If the kind needs channels or samples and the layout has none.
        """
        lacking = self.unusable(layout)
        if lacking:
            raise EegdaeError(f"corruption={self.name}: the rows {lacking}; use {self.for_codes().name}")
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
            True where the corruption changed something. An entry that a share chose counts, also where its
            new value happens to be the old one.
        """
        if not isinstance(level, Tensor) and level == 0:
            return x, torch.zeros_like(x, dtype=torch.bool)
        corrupted, touched = self._draw(x, level, keys)
        if self.clip:
            low, high = self._statistic(self.low, x), self._statistic(self.high, x)
            corrupted = torch.where(touched, corrupted.clamp(low, high), corrupted)
            if not self.is_share:
                touched = touched & (corrupted != x)
        if observed is not None:
            corrupted, touched = torch.where(observed, corrupted, x), touched & observed
        return corrupted, touched

    def _draw(self, x: Tensor, level: float | Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
        """Draw and apply the corruption at any level, 0 among the levels of a tensor."""
        raise TypeError("use one of the kinds, not what they share")

    @staticmethod
    def _known(value: Tensor | None) -> Tensor:
        if value is None:
            raise EegdaeError("corruption: it has no statistics of the training input; call fitted(x) first")
        return value

    @classmethod
    def _statistic(cls, value: Tensor | None, x: Tensor) -> Tensor:
        return cls._known(value).to(x)
