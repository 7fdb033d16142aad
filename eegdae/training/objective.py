"""The pure loss of a denoising autoencoder: what is minimised, whoever minimises it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn
from torch.func import functional_call

from eegdae.corruption import Corruption, LevelSchedule
from eegdae.errors import EegdaeError, did_you_mean
from eegdae.models import LOSSES
from eegdae.randomness import Keys
from eegdae.training.stage import Batch, Loss


@dataclass(frozen=True)
class Objective:
    """What a stack is trained to minimise.

    Parameters
    ----------
    loss : str
        ``mse`` or ``bce``; stages on the codes of a layer below use ``bce`` only where those are sigmoids.

    Raises
    ------
    EegdaeError
        If there is no such loss.
    """

    loss: str = "mse"

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise EegdaeError(f"loss={self.loss!r}: no such loss; {did_you_mean(self.loss, LOSSES)}")


def denoising_loss(
    module: nn.Module,
    corruption: Corruption,
    level: float,
    objective: Objective,
    *,
    schedule: LevelSchedule | None = None,
) -> Loss:
    """Build the pure loss of a denoising autoencoder: reconstruct the clean batch from its corrupted copy.

    Parameters
    ----------
    module : nn.Module
        Its forward pass reconstructs; its own parameters are not used.
    corruption : Corruption
        Fitted on the clean training input of the module.
    level : float
        How much of it.
    objective : Objective
        What is minimised.
    schedule : LevelSchedule or None
        How the level changes during the stage; None = it stays.

    Returns
    -------
    callable
        ``loss(params, batch, keys)``; the batch holds ``x`` and, where entries are missing, ``observed``.
    """
    criterion = LOSSES[objective.loss]

    def pure(params: Mapping[str, Tensor], batch: Batch, keys: Keys) -> Tensor:
        observed = batch.get("observed")
        now = schedule.at(level, keys.progress) if schedule else level
        corrupted, _ = corruption.corrupt(batch["x"], level=now, keys=keys, observed=observed)
        return criterion(functional_call(module, dict(params), (corrupted,)), batch["x"], observed)

    return pure
