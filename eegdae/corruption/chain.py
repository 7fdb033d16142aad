"""Several corruptions one after the other."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from eegdae.corruption.kind import Corruption
from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from eegdae.randomness import Keys


@dataclass(frozen=True, eq=False)
class Part:
    """One corruption of a chain.

    Parameters
    ----------
    name : str
        Names its random draws: they do not depend on the other parts.
    corruption : Corruption
        Its kind and options.
    level : float
        Its own level, multiplied by that of the chain.
    """

    name: str
    corruption: Corruption
    level: float


@dataclass(frozen=True, eq=False)
class Chain(Corruption):
    """Apply several corruptions in order, each with a level of its own.

    The chain's ``level`` multiplies theirs: 1 is what the parts say, 0 the identity. A level that would make
    the share of a part 1 or more is refused. Every part takes its statistics from the clean training input.

    Parameters
    ----------
    clip : bool
        Keep the result inside the training range of each feature.
    parts : tuple of Part
        One or more, with different names.

    Raises
    ------
    EegdaeError
        If there is no part, or two have one name.
    """

    parts: tuple[Part, ...] = ()

    @property
    def is_bare(self) -> bool:
        """Whether it and all its parts have their options alone."""
        return super().is_bare and all(part.corruption.is_bare for part in self.parts)

    def __post_init__(self) -> None:
        names = [part.name for part in self.parts]
        if not names or len(set(names)) < len(names):
            raise EegdaeError(f"corruption.parts={names}: must be one or more corruptions of different names")

    @classmethod
    def takes_snr(cls) -> bool:
        """Whether a ratio says the same as its level: a multiple of other levels, so no."""
        return False

    def check_level(self, level: float, key: str = "corruption.level") -> None:
        """Refuse a level that makes no sense, or that a part times its own cannot have.

        Raises
        ------
        EegdaeError
            Names the part.
        """
        super().check_level(level, key)
        for part in self.parts:
            try:
                part.corruption.check_level(level * part.level, f"part {part.name!r} would have level")
            except EegdaeError as error:
                raise EegdaeError(f"{key}={level}: {error}") from error

    def describe(self, level: float) -> str:
        """Say what each part does and how much."""
        parts = "; ".join(part.corruption.describe(level * part.level) for part in self.parts)
        return f"Chain, level {level:g}: {parts}"

    def for_codes(self) -> Corruption:
        """Every part as it corrupts codes."""
        return self._with([part.corruption.for_codes() for part in self.parts])

    @property
    def needs_neighbours(self) -> bool:
        """Whether a part must be told which training rows follow one another."""
        return any(part.corruption.needs_neighbours for part in self.parts)

    def for_rows(self, rows: Tensor, recordings: Tensor) -> Corruption:
        """Every part as it corrupts training rows of known number and recording."""
        return self._with([part.corruption.for_rows(rows, recordings) for part in self.parts])

    def unusable(self, layout: Layout | None) -> str:
        """Say what rows of a layout lack for the first part that lacks something."""
        return next((why for part in self.parts if (why := part.corruption.unusable(layout))), "")

    def for_layout(self, layout: Layout | None) -> Corruption:
        """Every part as it corrupts rows of a layout."""
        return self._with([part.corruption.for_layout(layout) for part in self.parts])

    def fitted(self, x: Tensor, observed: Tensor | None = None, *, layout: Layout | None = None) -> Self:
        """Return a copy of which every part knows the clean training input."""
        low_high = Corruption().fitted(x, observed)
        fitted = self._with([part.corruption.fitted(x, observed, layout=layout) for part in self.parts])
        return dataclasses.replace(fitted, low=low_high.low, high=low_high.high)

    def _draw(self, x: Tensor, level: float | Tensor, keys: Keys) -> tuple[Tensor, Tensor]:
        touched = torch.zeros((), dtype=torch.bool, device=x.device)
        for part in self.parts:
            own = Keys(keys.stream.child(part.name), keys.rows, keys.progress)
            x, more = part.corruption.corrupt(x, level=level * part.level, keys=own)
            touched = touched | more
        return x, touched.expand(x.shape)

    def _with(self, corruptions: list[Corruption]) -> Self:
        parts = zip(self.parts, corruptions, strict=True)
        return dataclasses.replace(
            self, parts=tuple(dataclasses.replace(part, corruption=kind) for part, kind in parts)
        )
