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
import torch
from torch import Tensor, nn
from tqdm import tqdm  # type: ignore[import-untyped]

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.randomness import Keys, Stream

Batch = Mapping[str, Tensor]
Loss = Callable[[Mapping[str, Tensor], Batch, Keys], Tensor]

BLOCK_BATCHES = 64
"""Batches that Lightning hands over at once; between two blocks it sees to signals and callbacks."""

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "SGD": torch.optim.SGD,
    "Adam": torch.optim.Adam,
    "AdamW": torch.optim.AdamW,
}


class CheckpointStore(Protocol):
    """Where unfinished fits are kept; the run folder is one."""

    def load(self, key: str) -> dict[str, Any] | None:
        """Return the state saved under ``key``, or None."""

    def save(self, key: str, state: dict[str, Any]) -> None:
        """Replace the state under ``key`` by plain data and tensors, whole or not at all."""


@dataclass(frozen=True)
class Optimizer:
    """An optimiser of ``torch.optim`` by name, with its options.

    Parameters
    ----------
    name : str
        ``SGD``, ``Adam`` or ``AdamW``.
    options : mapping
        Its keyword arguments, ``lr`` among them.
    """

    name: str = "Adam"
    options: Mapping[str, Any] = field(default_factory=lambda: {"lr": 1e-3})

    def __post_init__(self) -> None:
        if self.name not in OPTIMIZERS:
            raise EegdaeError(
                f"optimizer={self.name!r}: no such optimiser; {did_you_mean(self.name, OPTIMIZERS)}"
            )
        for key, value in self.options.items():
            if isinstance(value, str) or value is None:
                raise EegdaeError(f"optimizer.{key}={value!r}: must be a number")
        self.build([nn.Parameter(torch.zeros(1))])

    def build(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """Make the optimiser of some parameters.

        Raises
        ------
        EegdaeError
            If torch refuses an option.
        """
        try:
            # fused: one pass over the weights; the default on a CPU makes a dozen
            return OPTIMIZERS[self.name](parameters, **{"fused": True, **self.options})
        except (TypeError, ValueError) as error:
            raise EegdaeError(
                f"optimizer: {self.name} does not take {dict(self.options)}: {error}"
            ) from error


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
        Columns of the training rows, first axis the row.
    rows : Tensor of int64, shape (n_rows,)
        Row numbers over the whole data set.
    epochs, batch_size : int
        How long and in what batches.
    optimizer : Optimizer
        How.
    key : tuple
        (seed, fold, view): what its random draws depend on besides stage and epoch.
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


class StageModule(pl.LightningModule):
    """The LightningModule of a stage: order, batches and noise of an epoch come from its `Stream`.

    Parameters
    ----------
    stage : Stage
        What to train.
    state : dict or None
        Where an interrupted fit stood: ``epoch``, ``module``, ``optimizer``, ``history``.
    on_epoch_end : callable
        Called with the module after each epoch, to save and to show progress.
    """

    def __init__(
        self, stage: Stage, state: Mapping[str, Any] | None, on_epoch_end: Callable[[StageModule], None]
    ) -> None:
        super().__init__()
        self.stage = stage
        self.trained = stage.module
        self.history: list[float] = list(state["history"]) if state else []
        self._state = state
        self._after_epoch = on_epoch_end
        self._total = torch.zeros(())
        self._order = torch.empty(0, dtype=torch.int64)
        self._stream = Stream()
        self._params: dict[str, Tensor] = {}
        self._progress = 0.0
        # Lightning's own loop costs as much as the arithmetic of a small layer, so it hands over blocks of
        # batches and the steps inside a block are taken here
        self.automatic_optimization = False

    @property
    def epochs_done(self) -> int:
        """Finished epochs, those before an interruption counted in."""
        return len(self.history)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Make the optimiser, or take it up where it stood."""
        optimizer = self.stage.optimizer.build([p for p in self.trained.parameters() if p.requires_grad])
        if self._state:
            optimizer.load_state_dict(dict(self._state["optimizer"]))
        return optimizer

    def on_train_epoch_start(self) -> None:
        """Draw the order of this epoch and open its stream of noise."""
        self._stream = Stream(*self.stage.key, self.stage.name, self.epochs_done)
        self._order = self._stream.permutation("order", len(self.stage.rows))
        self._total = torch.zeros((), device=self.device)
        self._params = dict(self.trained.named_parameters())
        self._progress = self.epochs_done / max(1, self.stage.epochs - 1)

    def training_step(self, block: int, batch_idx: int) -> None:
        """Take one step for each batch of a block, given by its number: the rows are at hand already."""
        optimizer = self.optimizers()
        stage = self.stage
        rows = self._order[block * BLOCK_BATCHES * stage.batch_size :][: BLOCK_BATCHES * stage.batch_size]
        for at in torch.split(rows, stage.batch_size):
            columns = {
                name: column.index_select(0, at).to(self.device) for name, column in stage.data.items()
            }
            keys = Keys(self._stream, stage.rows.index_select(0, at), self._progress)
            loss = stage.loss(self._params, columns, keys)
            optimizer.zero_grad()  # type: ignore[union-attr]
            self.manual_backward(loss)
            optimizer.step()  # type: ignore[union-attr]
            self._total += loss.detach() * len(at)

    def on_train_epoch_end(self) -> None:
        """Note the epoch's mean loss and refuse one that is not a number."""
        mean = float(self._total) / len(self.stage.rows)
        if not math.isfinite(mean):
            view, lr = self.stage.key[-1], self.stage.optimizer.options.get("lr")
            raise EegdaeError(
                f"training: the loss of {view} {self.stage.name} became {mean} in epoch "
                f"{self.epochs_done + 1} at optimizer.lr={lr}; lower it"
            )
        self.history.append(mean)
        self._after_epoch(self)


def run_stage(
    stage: Stage,
    *,
    state: Mapping[str, Any] | None = None,
    save: Callable[[dict[str, Any]], None] | None = None,
    checkpoint_seconds: float = 1.0,
    label: str = "",
) -> list[float]:
    """Train one stage to its last epoch and return the mean loss of every epoch.

    Parameters
    ----------
    stage : Stage
        What to train; its module is changed in place.
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
    list of float
        One loss an epoch.
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
        bar.set_postfix(loss=f"{module.history[-1]:.4g}", refresh=False)
        bar.update()
        if save and module.epochs_done < stage.epochs and time.monotonic() - saved >= checkpoint_seconds:
            optimizer = module.optimizers(use_pl_optimizer=False)
            save(
                {
                    "module": stage.module.state_dict(),
                    "optimizer": optimizer.state_dict(),  # type: ignore[union-attr]
                    "history": list(module.history),
                }
            )
            saved = time.monotonic()

    module = StageModule(stage, state, after_epoch)
    with bar, _quiet_lightning():
        if done < stage.epochs:
            n_blocks = math.ceil(len(stage.rows) / stage.batch_size / BLOCK_BATCHES)
            trainer = pl.Trainer(
                max_epochs=stage.epochs - done, accelerator="auto", devices=1, barebones=True
            )
            _fit(trainer, module, n_blocks)
            stage.module.to("cpu")
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


class _quiet_lightning(warnings.catch_warnings):
    """Keep Lightning's start-up lines off the screen: a run has hundreds of fits."""

    def __enter__(self) -> None:
        super().__enter__()
        self._level = logging.getLogger("pytorch_lightning").level
        logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", module=r"pytorch_lightning\..*")

    def __exit__(self, *error: object) -> None:
        logging.getLogger("pytorch_lightning").setLevel(self._level)
        super().__exit__(*error)  # type: ignore[arg-type]
