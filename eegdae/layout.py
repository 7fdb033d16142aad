"""What the features of one row stand for: samples of channels, pairs of channels, pixels, or nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from eegdae.connectivity.vectorize import entries
from eegdae.errors import EegdaeError

KINDS = {"rows": 1, "signals": 2, "matrices": 3, "images": 3}
"""Kind -> length of its shape."""


@dataclass(frozen=True)
class Layout:
    """How a row of features unfolds.

    Parameters
    ----------
    kind : str
        ``rows``: no order is known. ``signals``: channel after channel, the samples of each in time.
        ``matrices``: band after band the entries of a measure, as `eegdae.connectivity.vectorize` lays them
        out (power is the diagonal). ``images``: colour after colour, row by row.
    shape : tuple of int
        ``(n_features,)``, ``(n_chans, n_times)``, ``(n_bands, n_chans, n_chans)`` or
        ``(n_colours, height, width)``.
    sfreq : float or None
        Sampling rate of signals, in hertz.
    measure : str
        Of matrices: a key of `eegdae.connectivity.MEASURES`.

    Raises
    ------
    EegdaeError
        If the kind is unknown or the shape does not fit it.
    """

    kind: str
    shape: tuple[int, ...]
    sfreq: float | None = None
    measure: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS or len(self.shape) != KINDS[self.kind]:
            raise EegdaeError(
                f"layout: {self.kind!r} of shape {self.shape}; kinds and length of their shapes: {KINDS}"
            )

    @classmethod
    def rows(cls, n_features: int) -> Layout:
        """Features of which nothing is known."""
        return cls("rows", (n_features,))

    @property
    def n_features(self) -> int:
        """Length of a row."""
        if self.kind == "matrices":
            return self.shape[0] * len(entries(self.measure, self.shape[1])[0])
        return math.prod(self.shape)

    @property
    def n_chans(self) -> int | None:
        """Number of channels, None where features belong to none."""
        return {"signals": self.shape[0], "matrices": self.shape[-1]}.get(self.kind)

    def channels(self) -> tuple[Tensor, Tensor]:
        """Number of the two channels that each feature belongs to; of signals and power twice the same.

        Returns
        -------
        first, second : Tensor of int64, shape (n_features,)
            Row and column of a matrix entry.

        Raises
        ------
        EegdaeError
            If features belong to no channel.
        """
        if self.kind == "signals":
            one = torch.arange(self.shape[0]).repeat_interleave(self.shape[1])
            return one, one
        if self.kind != "matrices":
            raise EegdaeError(f"layout: the features of {self.kind} belong to no channel")
        first, second = (torch.from_numpy(at).long() for at in entries(self.measure, self.shape[1]))
        return first.repeat(self.shape[0]), second.repeat(self.shape[0])
