"""The learning rate at every step of a stage: a pure function of the step's number."""

from __future__ import annotations

import math
from dataclasses import dataclass

from eegdae.errors import EegdaeError, did_you_mean

LEARNING_RATES = ("constant", "cosine", "linear", "step", "exponential")


@dataclass(frozen=True)
class LearningRate:
    """What the learning rate is multiplied by, step by step.

    After the warm-up, with ``s`` the share of the remaining steps and ``e`` the epochs that are over:
    ``cosine`` is ``final + (1 - final) (1 + cos(pi s)) / 2``, ``linear`` is ``1 - (1 - final) s``, ``step``
    is ``gamma ** floor(e / every)`` and ``exponential`` is ``gamma ** (e / every)``.

    Parameters
    ----------
    name : str
        ``constant cosine linear step exponential``.
    warmup : float
        The factor first rises in equal steps to 1: over this share of the stage where below 1, else over this
        many steps; 0: not at all.
    final : float
        Of ``cosine`` and ``linear``: the factor at the end, 0 to 1.
    gamma : float
        Of ``step`` and ``exponential``: what the factor is multiplied by every so many epochs, above 0, at
        most 1.
    every : int
        Of ``step`` and ``exponential``: how many.

    Raises
    ------
    EegdaeError
        If there is no such schedule, or an option is out of its range.

    References
    ----------
    Cosine: Loshchilov and Hutter, ICLR (2017), arXiv:1608.03983, equation 5. Warm-up: Goyal et al. (2017),
    arXiv:1706.02677, section 2.2.
    """

    name: str = "constant"
    warmup: float = 0.0
    final: float = 0.0
    gamma: float = 0.5
    every: int = 10

    def __post_init__(self) -> None:
        if self.name not in LEARNING_RATES:
            raise EegdaeError(
                f"lr_schedule.name={self.name!r}: no such schedule; {did_you_mean(self.name, LEARNING_RATES)}"
            )
        if not 0 <= self.warmup < math.inf or (self.warmup >= 1 and self.warmup != int(self.warmup)):
            raise EegdaeError(
                f"lr_schedule.warmup={self.warmup}: must be a share of the stage, 0 or more and less than "
                "1, or a whole number of steps"
            )
        if not 0 <= self.final <= 1:
            raise EegdaeError(f"lr_schedule.final={self.final}: must be a share of optimizer.lr, 0 to 1")
        if not 0 < self.gamma <= 1:
            raise EegdaeError(f"lr_schedule.gamma={self.gamma}: must be above 0 and at most 1")
        if isinstance(self.every, bool) or not isinstance(self.every, int) or self.every < 1:
            raise EegdaeError(f"lr_schedule.every={self.every}: must be a whole number of epochs, 1 or more")

    @property
    def is_constant(self) -> bool:
        """Whether no step is taken at another rate than the optimiser's own."""
        return self.name == "constant" and self.warmup == 0

    def factor(self, step: int, *, n_steps: int, steps_per_epoch: int) -> float:
        """Give the factor of one step.

        Parameters
        ----------
        step : int
            Its number in the stage, from 0.
        n_steps : int
            Of the whole stage, as planned.
        steps_per_epoch : int
            Of one epoch.

        Returns
        -------
        float
            More than 0 but in the last step of a schedule that ends at 0.
        """
        n_warm = int(self.warmup) if self.warmup >= 1 else int(self.warmup * n_steps)
        if step < n_warm:
            return (step + 1) / n_warm
        past, left = step - n_warm, max(1, n_steps - n_warm)
        if self.name == "cosine":
            return self.final + (1 - self.final) * (1 + math.cos(math.pi * past / left)) / 2
        if self.name == "linear":
            return 1 - (1 - self.final) * past / left
        if self.name == "step":
            return float(self.gamma ** (past // (self.every * steps_per_epoch)))
        if self.name == "exponential":
            return float(self.gamma ** (past / (self.every * steps_per_epoch)))
        return 1.0
