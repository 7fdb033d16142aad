"""How ocular artefacts are corrected, and which channels take part in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.ocular.ica import METHODS
from eegdae.ocular.signals import channel_numbers, listed
from eegdae.windows import Windows

KINDS = ("regression", "ica")
"""Ways to correct ocular artefacts."""


@dataclass(frozen=True)
class OcularSpec:
    """How ocular artefacts are corrected: by one matrix of the channels, fitted on the training rows.

    Parameters
    ----------
    kind : str
        ``regression`` (`fit_regression`) or ``ica`` (`fit_ica`).
    channels : tuple of str
        What shows the eyes: EOG channels, or frontal EEG channels that stand in for them.
    keep : bool
        Whether views are of these channels too. A regression leaves them as they were recorded; independent
        components are then of these channels too, which are corrected as all others. False: no view sees
        them.
    n_components, method, threshold, max_iter
        Of `fit_ica`.

    Raises
    ------
    EegdaeError
        If an option is not possible whatever the windows.
    """

    kind: str
    channels: tuple[str, ...]
    keep: bool = False
    n_components: float | None = None
    method: str = "fastica"
    threshold: float = 3.0
    max_iter: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise EegdaeError(f"ocular.kind={self.kind!r}: not known; {did_you_mean(str(self.kind), KINDS)}")
        if self.method not in METHODS:
            raise EegdaeError(
                f"ocular.method={self.method!r}: not known; {did_you_mean(str(self.method), METHODS)}"
            )
        if not self.channels or len(set(self.channels)) < len(self.channels):
            raise EegdaeError(
                f"ocular.channels={listed(self.channels)}: must be one channel or more, each once, "
                "for example [Fp1, Fp2]"
            )
        n = self.n_components
        if n is not None and not (n >= 2 if _is_whole(n) else _is_number(n) and 0 < n < 1):
            raise EegdaeError(
                f"ocular.n_components={n!r}: must be a whole number, 2 or more, a share of the variance "
                "between 0 and 1, or null for all"
            )
        if not _is_number(self.threshold) or self.threshold <= 0:
            raise EegdaeError(f"ocular.threshold={self.threshold!r}: must be a number above 0")
        if self.max_iter is not None and not (_is_whole(self.max_iter) and self.max_iter >= 1):
            raise EegdaeError(
                f"ocular.max_iter={self.max_iter!r}: must be a whole number, 1 or more, or null for MNE's"
            )

    def without_eyes(self, windows: Windows) -> Windows:
        """Take the channels that views see, signals as they are.

        Parameters
        ----------
        windows : Windows
            As they were recorded.

        Returns
        -------
        Windows
            The same where the ocular channels are kept.

        Raises
        ------
        EegdaeError
            If samples are missing, an ocular channel is not there, or no other channel has its unit.
        """
        self.used(windows)
        kept = self.kept(windows)
        return windows if len(kept) == windows.n_chans else with_channels(windows, windows.x[:, kept], kept)

    def used(self, windows: Windows) -> NDArray[np.int64]:
        """Channels that take part, by number: those with the unit of the ocular ones."""
        if windows.image_shape is not None:
            raise EegdaeError(f"ocular={self.kind}: corrects EEG, and these are images; use ocular=none")
        refuse_missing(windows, self.kind)
        eyes = channel_numbers(windows.ch_names, self.channels)
        units = {windows.units[k] for k in eyes}
        if len(units) > 1:
            raise EegdaeError(
                f"ocular.channels={listed(self.channels)}: are in different units, {', '.join(sorted(units))}"
            )
        used = np.array([k for k, unit in enumerate(windows.units) if unit in units], dtype=np.int64)
        if len(used) == len(eyes):
            raise EegdaeError(
                f"ocular.channels={listed(self.channels)}: there is no other channel in {units.pop()}, and "
                "nothing is left to correct"
            )
        return used

    def kept(self, windows: Windows) -> NDArray[np.int64]:
        """Channels that views see, by number."""
        eyes = () if self.keep else self.channels
        return np.array([k for k, name in enumerate(windows.ch_names) if name not in eyes], dtype=np.int64)


def refuse_missing(windows: Windows, kind: str) -> None:
    """Raise an error where samples are missing."""
    if windows.mask is not None:
        raise EegdaeError(
            f"ocular={kind}: mixes channels, so it needs windows without missing samples; set "
            "windows.max_missing=0"
        )


def with_channels(windows: Windows, x: NDArray[np.float32], kept: NDArray[np.int64]) -> Windows:
    """Windows of some of the channels, with other signals."""
    names = tuple(windows.ch_names[k] for k in kept)
    return replace(
        windows,
        x=x,
        ch_names=names,
        units=tuple(windows.units[k] for k in kept),
        ch_pos=None if windows.ch_pos is None else windows.ch_pos[kept],
        interpolated=tuple(name for name in windows.interpolated if name in names),
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value
