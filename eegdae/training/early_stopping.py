"""Early stopping: which groups of the training rows are held out, and which epoch was the best on them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.errors import EegdaeError
from eegdae.randomness import Stream


@dataclass(frozen=True)
class EarlyStopping:
    """End a stage when the loss on held-out groups of the training rows no longer falls.

    The stage keeps the weights of its best epoch. The rows held out are training rows of the fold: what is
    tested is never looked at.

    Parameters
    ----------
    patience : int
        Epochs without a new best after which the stage ends.
    share : float
        Share of the groups that is held out, above 0 and below 1; one group at the least.
    by : str
        What a group is: a column of `eegdae.evaluation.splits.GROUP_COLUMNS`.

    Raises
    ------
    EegdaeError
        If an option is out of its range.

    References
    ----------
    Prechelt, Early stopping - but when?, Neural Networks: Tricks of the Trade (1998).
    """

    patience: int = 10
    share: float = 0.2
    by: str = "subject"

    def __post_init__(self) -> None:
        key = "pretrain.early_stopping"
        if isinstance(self.patience, bool) or not isinstance(self.patience, int) or self.patience < 1:
            raise EegdaeError(f"{key}.patience={self.patience}: must be a whole number of epochs, 1 or more")
        if not 0 < self.share < 1:
            raise EegdaeError(f"{key}.share={self.share}: must be above 0 and below 1")

    def held_out(self, groups: NDArray[Any], key: tuple[int, int]) -> Tensor:
        """Choose the groups to hold out.

        Parameters
        ----------
        groups : ndarray of str, shape (n_rows,)
            Group of every training row.
        key : tuple of int
            (seed, fold): what the choice depends on; all views and models of a fold hold out the same.

        Returns
        -------
        Tensor of bool, shape (n_rows,)
            True where the row is held out.

        Raises
        ------
        EegdaeError
            If there is one group only.
        """
        names = sorted(set(groups.tolist()))
        if len(names) < 2:
            raise EegdaeError(
                f"pretrain.early_stopping.by={self.by}: the training rows are of one group, so none can "
                "be held out; choose a finer one (session, run, trial) or pretrain.early_stopping=null"
            )
        n_held = min(len(names) - 1, max(1, round(self.share * len(names))))
        order = Stream(*key, "early stopping").permutation("groups", len(names))
        held = [names[k] for k in order[:n_held].tolist()]
        return torch.from_numpy(np.isin(groups.astype(str), np.array(held, dtype=str)))


@dataclass
class BestEpoch:
    """The best epoch so far: its number, its loss on the held-out rows, its weights.

    Parameters
    ----------
    epoch : int
        Number of epochs that were over then; 0 = none yet.
    loss : float
        On the held-out rows.
    weights : mapping of str to Tensor
        Of the module then.
    """

    epoch: int
    loss: float
    weights: Mapping[str, Tensor]

    @classmethod
    def none(cls) -> BestEpoch:
        """Before the first epoch."""
        return cls(0, math.inf, {})

    @classmethod
    def from_state(cls, state: Mapping[str, Any] | None) -> BestEpoch:
        """Take up what ``vars`` gave of an interrupted stage."""
        return cls(**state) if state else cls.none()

    def see(self, epoch: int, loss: float, weights: Mapping[str, Tensor]) -> None:
        """Look at one more epoch; its weights are copied where it is the best."""
        if loss < self.loss:
            self.epoch, self.loss = epoch, loss
            self.weights = {name: value.detach().clone() for name, value in weights.items()}
