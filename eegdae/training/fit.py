"""``fit_many``: every autoencoder of the project is trained here, layer by layer and then as a whole."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from eegdae.corruption import Corruption, LevelSchedule
from eegdae.errors import EegdaeError, did_you_mean
from eegdae.layout import Layout
from eegdae.models import StackedAutoencoder, new_stack
from eegdae.models.losses import check_unit_interval
from eegdae.randomness import Stream
from eegdae.training.objective import Objective, denoising_loss
from eegdae.training.stage import CheckpointStore, Optimizer, Stage, run_stage

PRETRAIN = ("greedy_then_joint", "greedy", "joint", "none")


@dataclass(frozen=True)
class Schedule:
    """How a stack is trained.

    Parameters
    ----------
    pretrain : str
        ``greedy_then_joint``, ``greedy`` (layer by layer), ``joint`` (all at once), ``none`` (left as drawn).
    epochs : int
        Of each greedy stage.
    joint_epochs : int
        Of the joint pass.
    batch_size : int
        Rows a step.
    optimizer : Optimizer
        Started anew in each stage.
    checkpoint_seconds : float
        Shortest time between two saves of an unfinished stage, in seconds.
    """

    pretrain: str = "greedy_then_joint"
    epochs: int = 20
    joint_epochs: int = 20
    batch_size: int = 128
    optimizer: Optimizer = field(default_factory=Optimizer)
    checkpoint_seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.pretrain not in PRETRAIN:
            raise EegdaeError(
                f"pretrain={self.pretrain!r}: no such schedule; {did_you_mean(self.pretrain, PRETRAIN)}"
            )
        for key, value, low in (
            ("pretrain.epochs", self.epochs, 0),
            ("pretrain.joint_epochs", self.joint_epochs, 0),
            ("trainer.batch_size", self.batch_size, 1),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise EegdaeError(f"{key}={value}: must be a whole number, {low} or more")


@dataclass(frozen=True, eq=False)
class FitSpec:
    """One autoencoder to fit: data, network, corruption, schedule, seed.

    Parameters
    ----------
    x : Tensor, shape (n_rows, n_features)
        Clean training rows, scaled; float32.
    rows : Tensor of int64, shape (n_rows,)
        Their numbers over the whole data set: noise is drawn by row number.
    hidden : tuple of int
        Widths of the dense layers; the last is the number of codes.
    corruption : Corruption
        Kind and options; its statistics are taken here, layer by layer, from the clean training input.
    level : float
        How much; 0 is the plain autoencoder.
    schedule : Schedule
        How long and how.
    seed, fold : int
        What the random draws depend on.
    view, name : str
        Which block of features, and what the model is called in the history (``codes``, ``autoencoder``).
    observed : Tensor of bool or None, shape (n_rows, n_features)
        True where ``x`` was observed; the others count in no loss.
    network : mapping
        Further options of `new_stack`.
    layout : Layout or None
        What the features stand for; None = nothing is known.
    objective : Objective
        What is minimised.
    level_schedule : LevelSchedule
        How the level changes during each stage.
    """

    x: Tensor
    rows: Tensor
    hidden: tuple[int, ...]
    corruption: Corruption
    level: float
    schedule: Schedule = field(default_factory=Schedule)
    seed: int = 0
    fold: int = 0
    view: str = "x"
    name: str = "codes"
    observed: Tensor | None = None
    network: Mapping[str, Any] = field(default_factory=dict)
    layout: Layout | None = None
    objective: Objective = field(default_factory=Objective)
    level_schedule: LevelSchedule = field(default_factory=LevelSchedule)

    @property
    def key(self) -> str:
        """Name of the fit among those of a run."""
        return f"fold-{self.fold}.{self.view}.{self.name}"


@dataclass(frozen=True, eq=False)
class FitResult:
    """A fitted autoencoder.

    Parameters
    ----------
    spec : FitSpec
        What was asked for.
    model : StackedAutoencoder
        On the CPU, in no need of a gradient.
    history : list of dict
        One row an epoch a stage: ``model fold view stage epoch loss``.
    """

    spec: FitSpec
    model: StackedAutoencoder
    history: list[dict[str, Any]]


def fit_many(specs: Sequence[FitSpec], *, checkpoints: CheckpointStore | None = None) -> list[FitResult]:
    """Fit autoencoders: folds, seeds, levels, views and untrained baselines are all specs.

    Parameters
    ----------
    specs : sequence of FitSpec
        What to fit; keys must differ where checkpoints are kept.
    checkpoints : CheckpointStore or None
        Where interrupted fits are kept and found again.

    Returns
    -------
    list of FitResult
        In the order of the specs.

    Raises
    ------
    EegdaeError
        If a spec makes no sense, or a loss stops being a number.
    """
    return [_fit_one(spec, checkpoints) for spec in specs]


def _fit_one(spec: FitSpec, checkpoints: CheckpointStore | None) -> FitResult:
    spec.corruption.check_level(spec.level)
    if spec.x.ndim != 2 or spec.x.shape[0] < 2 or spec.x.shape[1] < 1:
        raise EegdaeError(
            f"view {spec.view!r}: {tuple(spec.x.shape)} rows and features; training needs 2 rows or more"
        )
    if spec.observed is not None:
        # what was not observed would still reach the network as input
        spec = replace(spec, x=spec.x.masked_fill(~spec.observed, 0.0))
    if spec.objective.loss == "bce":
        check_unit_interval(spec.x, f"view {spec.view!r}")
    network = {**spec.network, **({"output": "sigmoid"} if spec.objective.loss == "bce" else {})}
    stack = new_stack(spec.layout or Layout.rows(spec.x.shape[1]), hidden=spec.hidden, **network)
    stack.reset(Stream(spec.seed, spec.fold, spec.view))
    state = (checkpoints.load(spec.key) if checkpoints else None) or {"stage": 0, "history": [], "fit": None}
    if "stack" in state:
        stack.load_state_dict(state["stack"])
    history: list[dict[str, Any]] = state["history"]

    names = _stage_names(spec.schedule.pretrain, len(stack.layers))
    for number, name in enumerate(names):
        if number < state["stage"]:
            continue
        stage = _stage(spec, stack, name)

        def save(fit: dict[str, Any] | None, *, at: int = number) -> None:
            if checkpoints:
                whole = {"stage": at, "stack": stack.state_dict(), "history": history, "fit": fit}
                checkpoints.save(spec.key, whole)

        losses = run_stage(
            stage,
            state=state["fit"] if number == state["stage"] else None,
            save=save if checkpoints else None,
            checkpoint_seconds=spec.schedule.checkpoint_seconds,
            label=f"fold {spec.fold} {spec.name} {spec.view}",
        )
        who = {"model": spec.name, "fold": spec.fold, "view": spec.view, "stage": name}
        history.extend({**who, "epoch": e, "loss": loss} for e, loss in enumerate(losses, 1))
        save(None, at=number + 1)
    return FitResult(spec, stack.requires_grad_(False).eval(), history)


def _stage_names(pretrain: str, n_layers: int) -> list[str]:
    greedy = [f"layer {k + 1}" for k in range(n_layers)] if pretrain.startswith("greedy") else []
    return greedy + (["joint"] if pretrain.endswith("joint") else [])


def _stage(spec: FitSpec, stack: StackedAutoencoder, name: str) -> Stage:
    """Build a stage: the whole stack on the input, or a layer on the clean codes of the frozen ones below."""
    observed = spec.observed
    if name == "joint":
        module: nn.Module = stack
        x, objective, epochs = spec.x, spec.objective, spec.schedule.joint_epochs
        corruption, layout = spec.corruption, spec.layout
    else:
        k = int(name.split()[1]) - 1
        module = stack.layers[k]
        with torch.no_grad():
            x = stack.encode(spec.x, n_layers=k)
        # a code has no missing entries, and only sigmoids are probabilities
        observed = observed if k == 0 else None
        is_probability = k == 0 or stack.codes_are_probabilities
        objective = spec.objective if is_probability else replace(spec.objective, loss="mse")
        epochs = spec.schedule.epochs
        corruption, layout = (spec.corruption, spec.layout) if k == 0 else (spec.corruption.for_codes(), None)
    data = {"x": x} if observed is None else {"x": x, "observed": observed}
    skeleton = copy.deepcopy(module).requires_grad_(False)
    return Stage(
        name=name,
        module=module,
        loss=denoising_loss(
            skeleton,
            corruption.fitted(x, observed, layout=layout),
            spec.level,
            objective,
            schedule=spec.level_schedule,
        ),
        data=data,
        rows=spec.rows,
        epochs=epochs,
        batch_size=spec.schedule.batch_size,
        optimizer=spec.schedule.optimizer,
        key=(spec.seed, spec.fold, spec.view),
    )
