"""The LightningModule of a stage: what happens in an epoch, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from eegdae.errors import EegdaeError
from eegdae.randomness import Keys, Stream
from eegdae.training.early_stopping import BestEpoch

if TYPE_CHECKING:
    from eegdae.training.stage import Stage

BLOCK_BATCHES = 64
"""Batches that Lightning hands over at once; between two blocks it sees to signals and callbacks."""

DEVICE_SHARE = 0.5
"""Share of a GPU's free memory that the columns of a stage may take; larger ones go over batch by batch."""


class StageModule(pl.LightningModule):
    """The LightningModule of a stage: order, batches and noise of an epoch come from its `Stream`.

    Parameters
    ----------
    stage : Stage
        What to train.
    state : dict or None
        Where an interrupted fit stood: what `state` gave.
    on_epoch_end : callable
        Called with the module after each epoch, to save and to show progress.
    """

    def __init__(
        self, stage: Stage, state: Mapping[str, Any] | None, on_epoch_end: Callable[[StageModule], None]
    ) -> None:
        super().__init__()
        self.stage = stage
        self.trained = stage.module
        self.history: list[dict[str, float]] = [dict(row) for row in state["history"]] if state else []
        self.best = BestEpoch.from_state(state["best"] if state else None)
        self._state = state
        self._after_epoch = on_epoch_end
        self._total = torch.zeros(())
        self._order = torch.empty(0, dtype=torch.int64)
        self._stream = Stream()
        self._params: dict[str, Tensor] = {}
        self._columns: dict[str, Tensor] = {}
        self._progress = 0.0
        # Lightning's own loop costs as much as the arithmetic of a small layer, so it hands over blocks of
        # batches and the steps inside a block are taken here
        self.automatic_optimization = False

    @property
    def epochs_done(self) -> int:
        """Finished epochs, those before an interruption counted in."""
        return len(self.history)

    @property
    def is_over(self) -> bool:
        """Whether the held-out rows have not become better for too long."""
        return self.stage.held_out is not None and self.epochs_done - self.best.epoch >= self.stage.patience

    def state(self) -> dict[str, Any]:
        """Give plain data and tensors from which an interrupted fit goes on."""
        return {
            "module": self.trained.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict() if self._scaler else {},
            "history": [dict(row) for row in self.history],
            "best": vars(self.best) if self.stage.held_out is not None else None,
        }

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Make the optimiser, or take it up where it stood."""
        optimizer = self.stage.optimizer.build([p for p in self.trained.parameters() if p.requires_grad])
        self._base_lr = [group["lr"] for group in optimizer.param_groups]
        if self._state:
            optimizer.load_state_dict(dict(self._state["optimizer"]))
        self._optimizer = optimizer
        return optimizer

    def on_fit_start(self) -> None:
        """Move the columns to the device once, where they fit, and find out who else trains."""
        strategy = self.trainer.strategy
        self._rank, self._world = strategy.global_rank, strategy.world_size  # type: ignore[attr-defined]
        self._scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        # the plain case goes round Lightning's hooks, which cost as much as a small layer
        self._is_plain = self._world == 1 and self._scaler is None
        if self._scaler and self._state:
            self._scaler.load_state_dict(self._state["scaler"])
        self._columns = dict(self.stage.data)
        if self.device.type == "cuda":
            n_bytes = sum(column.nbytes for column in self._columns.values())
            if n_bytes <= DEVICE_SHARE * torch.cuda.mem_get_info(self.device)[0]:
                self._columns = {name: column.to(self.device) for name, column in self._columns.items()}

    def on_train_epoch_start(self) -> None:
        """Draw the order of this epoch and open its stream of noise."""
        stage = self.stage
        self._stream = Stream(*stage.key, stage.name, self.epochs_done)
        order = self._stream.permutation("order", stage.n_trained)
        self._order = order if stage.trained is None else stage.trained[order]
        self._total = torch.zeros((), device=self.device)
        self._params = dict(self.trained.named_parameters())
        self._progress = self.epochs_done / max(1, stage.epochs - 1)
        self._step = self.epochs_done * stage.n_batches

    def training_step(self, block: int, batch_idx: int) -> None:
        """Take one step for each batch of a block, given by its number: the rows are at hand already."""
        size = self.stage.batch_size
        for at in torch.split(self._order[block * BLOCK_BATCHES * size :][: BLOCK_BATCHES * size], size):
            self._set_learning_rate()
            self._optimizer.zero_grad()
            loss = self._shared(at) if self._world > 1 else self._loss(at, self._stream, self._progress)
            if self._is_plain:
                loss.backward()  # type: ignore[no-untyped-call]
            else:
                self.manual_backward(loss * self._world)
            self._take_step()
            self._total += loss.detach() * len(at)
            self._step += 1
        if self._world == 1:
            self._check(float(self._total) / self.stage.n_trained)

    def on_train_epoch_end(self) -> None:
        """Note the epoch's losses, refuse what is not a number, and stop where it no longer helps."""
        total = self._total
        if self._world > 1:
            total = self.trainer.strategy.reduce(total, reduce_op="sum")
        row = {"loss": float(total) / self.stage.n_trained}
        if self.stage.held_out is not None:
            row["val_loss"] = self._held_out_loss()
        self._check(*row.values(), *self._weight_sums())
        self.history.append(row)
        if self.stage.held_out is not None:
            self.best.see(self.epochs_done, row["val_loss"], self.trained.state_dict())
        self._after_epoch(self)
        self.trainer.should_stop = self.is_over

    def _batch(self, at: Tensor) -> dict[str, Tensor]:
        return {
            name: column.index_select(0, at.to(column.device)).to(self.device)
            for name, column in self._columns.items()
        }

    def _loss(self, at: Tensor, stream: Stream, progress: float) -> Tensor:
        keys = Keys(stream, self.stage.rows.index_select(0, at), progress)
        return self.stage.loss(self._params, self._batch(at), keys)

    def _shared(self, at: Tensor) -> Tensor:
        """Give this process's part of a batch's loss: the parts of all processes add up to it."""
        mine = at.tensor_split(self._world)[self._rank]
        if len(mine) == 0:
            # every process has to bring gradients
            return torch.stack([p.sum() for p in self._optimizer.param_groups[0]["params"]]).sum() * 0.0
        share = self.stage.weigh(self._batch(mine)) / max(1.0, self.stage.weigh(self._batch(at)))
        return self._loss(mine, self._stream, self._progress) * share

    def _set_learning_rate(self) -> None:
        schedule, stage = self.stage.optimizer.schedule, self.stage
        if schedule.is_constant:
            return
        n_steps = stage.epochs * stage.n_batches
        factor = schedule.factor(self._step, n_steps=n_steps, steps_per_epoch=stage.n_batches)
        for group, lr in zip(self._optimizer.param_groups, self._base_lr, strict=True):
            group["lr"] = lr * factor

    def _take_step(self) -> None:
        optimizer = self._optimizer
        if self._scaler is None:
            self.stage.optimizer.clip(p for group in optimizer.param_groups for p in group["params"])
            optimizer.step()
            return
        self._scaler.unscale_(optimizer)
        self.stage.optimizer.clip(p for group in optimizer.param_groups for p in group["params"])
        self._scaler.step(optimizer)
        self._scaler.update()

    @torch.no_grad()
    def _held_out_loss(self) -> float:
        """Give the mean loss of the held-out rows; their noise is the same in every epoch."""
        stage = self.stage
        assert stage.held_out is not None
        stream, total, weights = Stream(*stage.key, stage.name, "held out"), 0.0, 0.0
        with self.trainer.precision_plugin.forward_context():
            for at in torch.split(stage.held_out, stage.batch_size):
                weight = float(stage.weigh(self._batch(at)))
                total += float(self._loss(at, stream, 1.0)) * weight
                weights += weight
        return total / max(weights, 1e-12)

    def _weight_sums(self) -> list[float]:
        # the last step of an epoch may have spoilt the weights without a loss that shows it
        with torch.no_grad():
            return [float(sum(p.sum() for p in self._params.values()))]

    def _check(self, *values: float) -> None:
        bad = next((value for value in values if not math.isfinite(value)), None)
        if bad is not None:
            lr = self._optimizer.param_groups[0]["lr"]
            raise broken_loss(self.stage.key[-1], self.stage.name, bad, epoch=self.epochs_done + 1, lr=lr)


def broken_loss(view: int | str, stage: str, value: float, *, epoch: int, lr: float) -> EegdaeError:
    """Make the error of a loss that is no number any more."""
    return EegdaeError(
        f"training: the loss of {view} {stage} became {value} in epoch {epoch} at optimizer.lr={lr:g}; lower "
        "it, or set trainer.clip_norm=1"
    )
