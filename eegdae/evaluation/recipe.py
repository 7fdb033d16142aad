"""What a verdict is made of: how to fit and judge (`Recipe`), and on what (`Data`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.alignment import AlignmentSpec
from eegdae.corruption import Corruption, LevelSchedule
from eegdae.features import View
from eegdae.ocular import OcularSpec
from eegdae.training import AdaptationSpec, Objective, Optimizer, Schedule
from eegdae.windows import Windows


@dataclass(frozen=True)
class HeadSpec:
    """The head that all representations are judged with.

    Parameters
    ----------
    kind : str
        ``logistic`` or ``mlp``.
    C : tuple of float
        Inverse strengths of the logistic regression's penalty; of several, `validate_head` takes one for each
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
    """How the encoders are trained on with a head and the labels.

    Parameters
    ----------
    epochs, batch_size, optimizer
        How long and how.
    level : float
        Noise on the input.
    width, dropout
        Of the head, see `CodeClassifier`.
    reconstruction : float
        Weight of the reconstruction loss that is kept, see `ClassifierSpec`; above 0, unlabelled rows count
        in it.
    """

    epochs: int = 20
    batch_size: int = 128
    level: float = 0.0
    width: int = 0
    dropout: float = 0.0
    optimizer: Optimizer = field(default_factory=Optimizer)
    reconstruction: float = 0.0


@dataclass(frozen=True)
class CommitteeSpec:
    """A committee of stacks, one a training person.

    Parameters
    ----------
    n_members : int
        How many are kept, at most.
    C : float
        Inverse strength of the penalty of every member's logistic head, and of the one that stacks them.
    max_iter : int
        Most Newton iterations of each.
    """

    n_members: int = 5
    C: float = 1.0
    max_iter: int = 100


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
    committee : CommitteeSpec or None
        None: no committee is judged.
    seed : int
        Of every random draw.
    alignment : AlignmentSpec
        How people or sessions are aligned; signals are before there are rows, features inside the fold.
    adaptation : AdaptationSpec or None
        How the first layers go on learning in a test session (``adapted``, beside ``codes``); None: not at
        all.
    baselines : mapping of str to float or None
        Further baselines and the number that each takes: ``msda`` its share of masked entries, ``cae`` the
        weight of its penalty; ``deviation`` is made of the scaled features in each fold and
        ``eigenvalue_ratio`` stands in ``Data.extra``, both without a number.
    lpp : int or None
        Also judge this many dimensions of a locality-preserving projection of the codes; None = none.
    joint_layer : int or None
        Width of a layer over the codes of all views; None = these stand side by side.
    ocular : OcularSpec or None
        How ocular artefacts are corrected inside the fold, before any view is computed; None: not at all.
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
    alignment: AlignmentSpec = field(default_factory=AlignmentSpec)
    adaptation: AdaptationSpec | None = None
    baselines: Mapping[str, float | None] = field(default_factory=dict)
    joint_layer: int | None = None
    objective: Objective = field(default_factory=Objective)
    level_schedule: LevelSchedule = field(default_factory=LevelSchedule)
    committee: CommitteeSpec | None = None
    lpp: int | None = None
    ocular: OcularSpec | None = None


@dataclass(frozen=True, eq=False)
class Data:
    """All rows, before any split.

    Parameters
    ----------
    features : mapping of str to Tensor, shape (n_rows, n_features of the view)
        By view, as `compute_views` gives them: nothing fitted, no feature aligned. Empty with ``recorded``.
    target : ndarray of int, shape (n_rows,)
        Class numbers, -1 = none.
    n_classes, n_chans : int
        How many.
    observed : Tensor of bool or None, shape (n_rows, n_chans n_times)
        Of the raw view.
    groups : mapping of str to ndarray of str, shape (n_rows,)
        Of `eegdae.evaluation.splits.group_labels`, by column; needed only where something is aligned, or
        chosen inside the training rows, or neighbours count.
    sfreq : float or None
        Sampling rate of the raw view, in hertz.
    extra : mapping of str to Tensor, shape (n_rows, n_inputs)
        Further representations to judge as they are, standardised like all others.
    ch_names : tuple of str
        Of the channels; needed only where these weigh by name.
    image_shape : (int, int) or None
        Height and width where the raw view is of images.
    recorded : Windows or None
        Signals as they were recorded, with the ocular channels, where each fold corrects them and computes
        the views anew (`eegdae.evaluation.cleaning`); None = the features are the same in every fold.
    """

    features: Mapping[str, Tensor]
    target: NDArray[np.int64]
    n_classes: int
    n_chans: int
    observed: Tensor | None = None
    groups: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    sfreq: float | None = None
    extra: Mapping[str, Tensor] = field(default_factory=dict)
    ch_names: tuple[str, ...] = ()
    image_shape: tuple[int, int] | None = None
    recorded: Windows | None = None

    def recordings(self, rows: NDArray[np.int64]) -> Tensor:
        """Number of the recording that each of some rows is of: int64, shape (n_rows,)."""
        return torch.from_numpy(np.unique(self.groups["run"][rows], return_inverse=True)[1].astype(np.int64))

    def observed_of(self, view: View, rows: NDArray[np.int64] | None = None) -> Tensor | None:
        """Which entries of a view's rows (None: of all) were observed, (n_rows, n_features); None = all."""
        if self.observed is None or not view.is_raw:
            return None
        return self.observed if rows is None else self.observed[torch.from_numpy(rows)]
