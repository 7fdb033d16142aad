"""How the level of a corruption changes while a stage is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass

from eegdae.errors import EegdaeError, did_you_mean

SCHEDULES = ("constant", "linear", "exponential", "cyclic")


@dataclass(frozen=True)
class LevelSchedule:
    """The level at every moment of a stage, from ``level`` in its first epoch to ``end_level`` in its last.

    Level 0 stays 0 whatever the schedule: the plain network is never trained on noise.

    Parameters
    ----------
    kind : str
        ``constant``: the level itself throughout. With p from 0 to 1 over the epochs, ``linear``:
        ``level + p (end - level)``; ``exponential``: ``level (end / level)^p``; ``cyclic``: in each of
        ``n_cycles`` falls along half a cosine, then starts again at ``level``.
    end_level : float or None
        Level at the end; None = a tenth of the level.
    n_cycles : int
        Falls of ``cyclic``.

    Raises
    ------
    EegdaeError
        If there is no such kind, or the end does not fit it.

    References
    ----------
    Geras and Sutton, Scheduled denoising autoencoders, ICLR (2015): high to low. Loshchilov and Hutter, SGDR,
    ICLR (2017), eq. 5: the shape of a cycle.
    """

    kind: str = "constant"
    end_level: float | None = None
    n_cycles: int = 4

    def __post_init__(self) -> None:
        if self.kind not in SCHEDULES:
            raise EegdaeError(
                f"corruption.schedule={self.kind!r}: no such schedule; "
                f"{did_you_mean(str(self.kind), SCHEDULES)}"
            )
        if isinstance(self.n_cycles, bool) or not isinstance(self.n_cycles, int) or self.n_cycles < 1:
            raise EegdaeError(f"corruption.n_cycles={self.n_cycles!r}: must be a whole number, 1 or more")
        end = self.end_level
        if end is None:
            return
        if isinstance(end, bool) or not isinstance(end, int | float) or not (0 <= end < math.inf):
            raise EegdaeError(f"corruption.end_level={end!r}: must be a number, 0 or more, or null")
        if self.kind == "constant":
            raise EegdaeError(
                f"corruption.end_level={end:g}: a constant level has no other end; add "
                "corruption.schedule=linear, exponential or cyclic"
            )
        if self.kind == "exponential" and end == 0:
            raise EegdaeError(
                "corruption.end_level=0: an exponential never gets to 0; give more, or "
                "corruption.schedule=linear"
            )

    def at(self, level: float, progress: float) -> float:
        """Give the level at a moment.

        Parameters
        ----------
        level : float
            Of the corruption, as the user gave it.
        progress : float
            0 in the first epoch of the stage, 1 in the last.

        Returns
        -------
        float
            The level of this epoch.
        """
        if self.kind == "constant" or level == 0:
            return level
        end = level / 10 if self.end_level is None else self.end_level
        if self.kind == "linear":
            return level + progress * (end - level)
        if self.kind == "exponential":
            return float(level * (end / level) ** progress)
        cycles = progress * self.n_cycles
        # the last moment ends the last fall, it does not start another
        within = cycles - min(math.floor(cycles), self.n_cycles - 1)
        return end + (level - end) * (1 + math.cos(math.pi * within)) / 2

    def describe(self, level: float) -> str:
        """Say how a level changes: ``linear to 0.1``; "" where it stays."""
        if self.kind == "constant" or level == 0:
            return ""
        cycles = f" in {self.n_cycles} cycles" if self.kind == "cyclic" else ""
        return f"{self.kind} to {self.at(level, 1.0):g}{cycles}"
