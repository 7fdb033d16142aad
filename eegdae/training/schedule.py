"""How a stack is trained: which stages, how long each, in what batches, by what optimiser, on what."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.training.early_stopping import EarlyStopping
from eegdae.training.hardware import Hardware
from eegdae.training.optimizers import Optimizer

PRETRAIN = ("greedy_then_joint", "greedy", "joint", "none")


@dataclass(frozen=True)
class Schedule:
    """How a stack is trained.

    Parameters
    ----------
    pretrain : str
        ``greedy_then_joint``, ``greedy`` (layer by layer), ``joint`` (all at once), ``none`` (left as drawn).
    epochs : int or tuple of int
        Of each greedy stage; several: one a layer.
    joint_epochs : int
        Of the joint pass.
    batch_size : int
        Rows a step.
    optimizer : Optimizer
        Started anew in each stage.
    checkpoint_seconds : float
        Shortest time between two saves of an unfinished stage, in seconds.
    joint_lr : float or None
        Step size of the joint pass; None = the optimiser's own.
    early_stopping : EarlyStopping or None
        When a stage ends before its last epoch; None = never.
    hardware : Hardware
        On what.
    """

    pretrain: str = "greedy_then_joint"
    epochs: int | tuple[int, ...] = 20
    joint_epochs: int = 20
    batch_size: int = 128
    optimizer: Optimizer = field(default_factory=Optimizer)
    checkpoint_seconds: float = 1.0
    joint_lr: float | None = None
    early_stopping: EarlyStopping | None = None
    hardware: Hardware = field(default_factory=Hardware)

    def __post_init__(self) -> None:
        if self.pretrain not in PRETRAIN:
            raise EegdaeError(
                f"pretrain={self.pretrain!r}: no such schedule; {did_you_mean(self.pretrain, PRETRAIN)}"
            )
        each = self.epochs if isinstance(self.epochs, tuple) else (self.epochs,)
        for key, value, low in (
            *(("pretrain.epochs", epochs, 0) for epochs in each),
            ("pretrain.joint_epochs", self.joint_epochs, 0),
            ("trainer.batch_size", self.batch_size, 1),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise EegdaeError(f"{key}={value}: must be a whole number, {low} or more")
        _ = self.joint_optimizer

    @property
    def joint_optimizer(self) -> Optimizer:
        """The optimiser of the joint pass."""
        if self.joint_lr is None:
            return self.optimizer
        if not self.joint_lr > 0:
            raise EegdaeError(
                f"pretrain.joint_lr={self.joint_lr}: must be above 0, or null for that of optimizer.lr"
            )
        return replace(self.optimizer, options={**self.optimizer.options, "lr": self.joint_lr})

    def stage_names(self, n_layers: int) -> list[str]:
        """Name the stages of a stack: ``layer 1``, ``layer 2``, ..., ``joint``.

        Raises
        ------
        EegdaeError
            If the epochs are given by layer, and of another number of layers.
        """
        is_greedy = self.pretrain.startswith("greedy")
        if is_greedy and isinstance(self.epochs, tuple) and len(self.epochs) != n_layers:
            raise EegdaeError(
                f"pretrain.epochs={list(self.epochs)}: one a layer, but the stack has {n_layers}; give as "
                "many, or one number for all"
            )
        greedy = [f"layer {k + 1}" for k in range(n_layers)] if is_greedy else []
        return greedy + (["joint"] if self.pretrain.endswith("joint") else [])

    def epochs_of(self, layer: int) -> int:
        """Epochs of the greedy stage of a layer, counted from 0."""
        return self.epochs[layer] if isinstance(self.epochs, tuple) else self.epochs
