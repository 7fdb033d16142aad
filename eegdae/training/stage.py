"""One stage of training: a pure loss, minimised by one Lightning fit that can be interrupted."""

from __future__ import annotations

import logging
import math
import signal
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytorch_lightning as pl
from torch import Tensor, nn
from tqdm import tqdm

from eegdae.randomness import Keys
from eegdae.training.hardware import Hardware
from eegdae.training.optimizers import Optimizer
from eegdae.training.stage_module import BLOCK_BATCHES, StageModule

Batch = Mapping[str, Tensor]
Loss = Callable[[Mapping[str, Tensor], Batch, Keys], Tensor]


class CheckpointStore(Protocol):
    """Where unfinished fits are kept; the run folder is one."""

    def load(self, key: str) -> dict[str, Any] | None:
        """Return the state saved under ``key``, or None."""

    def save(self, key: str, state: dict[str, Any]) -> None:
        """Replace the state under ``key`` by plain data and tensors, whole or not at all."""


def n_rows_of(batch: Batch) -> float:
    """Give the weight of a batch in a mean over rows: their number."""
    return len(next(iter(batch.values())))


@dataclass(frozen=True, eq=False)
class Stage:
    """What one Lightning fit trains.

    Parameters
    ----------
    name : str
        ``layer 1``, ``joint``, ``fine-tune``: a part of the key of its random draws.
    module : nn.Module
        Holds the parameters; those that require a gradient are trained.
    loss : callable
        ``loss(params, batch, keys)``, pure: parameters by name, the batch, which draws.
    data : mapping of str to Tensor
        Columns of the rows, first axis the row; may be mapped into memory.
    rows : Tensor of int64, shape (n_rows,)
        Row numbers over the whole data set.
    epochs, batch_size : int
        How long and in what batches.
    optimizer : Optimizer
        How.
    key : tuple
        (seed, fold, view): what its random draws depend on besides stage and epoch.
    trained : Tensor of int64 or None
        Positions of the rows to train on; None = all.
    held_out : Tensor of int64 or None
        Positions of the rows that tell when to stop; None = the stage goes on to its last epoch.
    patience : int
        Epochs without a better loss on those after which it stops.
    weigh : callable
        ``weigh(batch)``: what its loss is a mean over; where several processes share a batch, each part
        counts by it.
    hardware : Hardware
        On what.
    """

    name: str
    module: nn.Module
    loss: Loss
    data: Mapping[str, Tensor]
    rows: Tensor
    epochs: int
    batch_size: int
    optimizer: Optimizer
    key: tuple[int | str, ...]
    trained: Tensor | None = None
    held_out: Tensor | None = None
    patience: int = 0
    weigh: Callable[[Batch], float] = n_rows_of
    hardware: Hardware = field(default_factory=Hardware)

    @property
    def n_trained(self) -> int:
        """Number of rows that are trained on."""
        return len(self.rows) if self.trained is None else len(self.trained)

    @property
    def n_batches(self) -> int:
        """Steps of an epoch."""
        return math.ceil(self.n_trained / self.batch_size)


def run_stage(
    stage: Stage,
    *,
    state: Mapping[str, Any] | None = None,
    save: Callable[[dict[str, Any]], None] | None = None,
    checkpoint_seconds: float = 1.0,
    label: str = "",
) -> list[dict[str, float]]:
    """Train one stage to its last epoch and return the losses of every epoch.

    Parameters
    ----------
    stage : Stage
        What to train; its module is changed in place. Where rows are held out it is left with the weights of
        its best epoch.
    state : dict or None
        What ``save`` was given when the stage was interrupted; the unfinished epoch is started again.
    save : callable or None
        Takes the state after an epoch, at most once in ``checkpoint_seconds`` and not after the last.
    checkpoint_seconds : float
        Shortest time between two saves, in seconds.
    label : str
        Shown before the progress bar.

    Returns
    -------
    list of dict
        Of every epoch ``loss``, the mean over the rows, and ``val_loss`` where rows are held out.

    Raises
    ------
    EegdaeError
        If the loss or a weight stops being a number; what was saved last is from before.
    """
    if state:
        stage.module.load_state_dict(dict(state["module"]))
    saved = time.monotonic()
    done = len(state["history"]) if state else 0
    bar = tqdm(
        total=stage.epochs,
        initial=done,
        desc=f"{label} {stage.name}",
        unit="epoch",
        leave=False,
        disable=not sys.stderr.isatty(),
        dynamic_ncols=True,
    )

    def after_epoch(module: StageModule) -> None:
        nonlocal saved
        bar.set_postfix({k: f"{v:.4g}" for k, v in module.history[-1].items()}, refresh=False)
        bar.update()
        is_last = module.epochs_done >= stage.epochs or module.is_over
        if save and not is_last and time.monotonic() - saved >= checkpoint_seconds:
            save(module.state())
            saved = time.monotonic()

    module = StageModule(stage, state, after_epoch)
    with bar, _quiet_lightning():
        if done < stage.epochs:
            trainer = pl.Trainer(
                max_epochs=stage.epochs - done, barebones=True, **stage.hardware.trainer_options()
            )
            _fit(trainer, module, math.ceil(stage.n_batches / BLOCK_BATCHES))
            stage.module.to("cpu")
    if module.best.epoch:
        stage.module.load_state_dict(dict(module.best.weights))
    return module.history


def _fit(trainer: pl.Trainer, module: StageModule, n_blocks: int) -> None:
    """Fit; Ctrl-C stays a KeyboardInterrupt, where Lightning would end the process without a word."""
    before = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(module, train_dataloaders=range(n_blocks))
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, before)
        raise KeyboardInterrupt from error


_LIGHTNING = ("pytorch_lightning", "lightning_fabric")


class _quiet_lightning(warnings.catch_warnings):
    """Keep Lightning's start-up lines off the screen: a run has hundreds of fits."""

    def __enter__(self) -> None:
        super().__enter__()
        self._levels = {name: logging.getLogger(name).level for name in _LIGHTNING}
        for name in _LIGHTNING:
            logging.getLogger(name).setLevel(logging.ERROR)
            warnings.filterwarnings("ignore", module=rf"{name}\..*")

    def __exit__(self, *error: object) -> None:
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)
        super().__exit__(*error)  # type: ignore[arg-type]
