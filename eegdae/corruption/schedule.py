"""How the level of a corruption changes while a stage is trained."""

from __future__ import annotations

from dataclasses import dataclass

from eegdae.errors import EegdaeError, did_you_mean

SCHEDULES = ("constant",)


@dataclass(frozen=True)
class LevelSchedule:
    """The level at every moment of a stage.

    Parameters
    ----------
    kind : str
        ``constant``: the level itself from the first epoch to the last.

    Raises
    ------
    EegdaeError
        If there is no such kind.
    """

    kind: str = "constant"

    def __post_init__(self) -> None:
        if self.kind not in SCHEDULES:
            raise EegdaeError(
                f"corruption.schedule={self.kind!r}: no such schedule; {did_you_mean(self.kind, SCHEDULES)}"
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
        return level
