"""What a verdict is made of: how to fit and judge (`Recipe`), and on what (`Data`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.corruption import Corruption, LevelSchedule
from eegdae.features import View
from eegdae.training import Objective, Optimizer, Schedule


@dataclass(frozen=True)
class HeadSpec:
    """The head that all representations are judged with.

    Parameters
    ----------
    kind : str
        ``logistic`` or ``mlp``.
    C : tuple of float
        Inverse strengths of the logistic regression's penalty; of several, `choose_C` takes one for each
        representation inside the training rows.
    max_iter : int
        Of the logistic regression.
    width, dropout, epochs, batch_size, optimizer
        Of the multilayer perceptron, see `ClassifierSpec`.
    """

    kind: str = "logistic"
    C: tuple[float, ...] = (1.0,)
    max_iter: int = 100
    width: int = 64
    dropout: float = 0.2
    epochs: int = 30
    batch_size: int = 128
    optimizer: Optimizer = field(default_factory=Optimizer)


@dataclass(frozen=True)
class FinetuneSpec:
    """How the encoders are trained on with a head and the labels; ``level`` is the noise on their input."""

    epochs: int = 20
    batch_size: int = 128
    level: float = 0.0
    width: int = 0
    dropout: float = 0.0
    optimizer: Optimizer = field(default_factory=Optimizer)


@dataclass(frozen=True, eq=False)
class Recipe:
    """Everything that turns features into models and verdicts, data and split apart.

    Parameters
    ----------
    views : tuple of View
        Blocks of features.
    hidden : tuple of int
        Widths of a stack whose view has none of its own.
    scaler : str
        See `Scaler`.
    corruption, level, schedule, network, objective, level_schedule
        See `FitSpec`.
    head : HeadSpec
        What judges.
    finetune : FinetuneSpec or None
        None: encoders stay as pretraining left them.
    seed : int
        Of every random draw.
    alignment : str
        See `Alignment`.
    baselines : tuple of str
        Further one-number baselines: ``deviation`` is made of the scaled features in each fold,
        ``eigenvalue_ratio`` stands in ``Data.extra``.
    """

    views: tuple[View, ...]
    hidden: tuple[int, ...]
    scaler: str
    corruption: Corruption
    level: float
    schedule: Schedule
    network: Mapping[str, Any]
    head: HeadSpec
    finetune: FinetuneSpec | None = None
    seed: int = 0
    alignment: str = "none"
    baselines: tuple[str, ...] = ()
    objective: Objective = field(default_factory=Objective)
    level_schedule: LevelSchedule = field(default_factory=LevelSchedule)


@dataclass(frozen=True, eq=False)
class Data:
    """All rows, before any split.

    Parameters
    ----------
    features : mapping of str to Tensor, shape (n_rows, n_features of the view)
        By view, as `compute_views` gives them: nothing fitted, nothing aligned.
    target : ndarray of int, shape (n_rows,)
        Class numbers, -1 = none.
    n_classes, n_chans : int
        How many.
    observed : Tensor of bool or None, shape (n_rows, n_chans n_times)
        Of the raw view.
    groups : mapping of str to ndarray of str, shape (n_rows,)
        Of `eegdae.evaluation.splits.group_labels`, by column; needed only where something is aligned, or
        chosen inside the training rows.
    sfreq : float or None
        Sampling rate of the raw view, in hertz.
    extra : mapping of str to Tensor, shape (n_rows, n_inputs)
        Further representations to judge as they are, standardised like all others.
    """

    features: Mapping[str, Tensor]
    target: NDArray[np.int64]
    n_classes: int
    n_chans: int
    observed: Tensor | None = None
    groups: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    sfreq: float | None = None
    extra: Mapping[str, Tensor] = field(default_factory=dict)

    def recordings(self, rows: NDArray[np.int64]) -> Tensor:
        """Number of the recording that each of some rows is of: int64, shape (n_rows,)."""
        return torch.from_numpy(np.unique(self.groups["run"][rows], return_inverse=True)[1].astype(np.int64))

    def observed_of(self, view: View, rows: NDArray[np.int64] | None = None) -> Tensor | None:
        """Which entries of a view's rows (None: of all) were observed, (n_rows, n_features); None = all."""
        if self.observed is None or not view.is_raw:
            return None
        return self.observed if rows is None else self.observed[torch.from_numpy(rows)]
