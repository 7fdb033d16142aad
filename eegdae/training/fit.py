"""``fit_many``: every autoencoder of the project is trained here, layer by layer and then as a whole."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from eegdae.corruption import Corruption, LevelSchedule
from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from eegdae.models import StackedAutoencoder, new_stack
from eegdae.models.losses import check_unit_interval
from eegdae.randomness import Stream
from eegdae.training.denoising import DenoisingLoss, with_defined_emphasis
from eegdae.training.locality import LocalityGraph, LocalityTerm
from eegdae.training.objective import Objective
from eegdae.training.schedule import Schedule
from eegdae.training.scratch import by_blocks
from eegdae.training.stage import Batch, CheckpointStore, Stage, n_rows_of, run_stage
from eegdae.training.stage_plan import StagePlan, graph_of


class TrainingWarning(UserWarning):
    """Training goes on, in another way than one may think."""


@dataclass(frozen=True, eq=False)
class FitSpec:
    """One autoencoder to fit: data, network, corruption, schedule, seed.

    Parameters
    ----------
    x : Tensor, shape (n_rows, n_features)
        Clean training rows, scaled; float32. May be mapped into memory from a file.
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
    recordings : Tensor of int64 or None, shape (n_rows,)
        Which recording a row is of; needed where ``objective.locality`` is above 0, and by a corruption that
        `needs_neighbours`.
    groups : ndarray of str or None, shape (n_rows,)
        Group of each row: early stopping holds whole groups out.
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
    recordings: Tensor | None = None
    groups: NDArray[Any] | None = None

    @property
    def key(self) -> str:
        """Name of the fit among those of a run."""
        return f"fold-{self.fold}.{self.view}.{self.name}"

    def on_rows(self, at: Tensor) -> FitSpec:
        """Ask for the same fit on some of its rows.

        Parameters
        ----------
        at : Tensor of int64, shape (n_kept,)
            Which of ``x``; what goes with a row goes along.

        Returns
        -------
        FitSpec
        """
        observed = None if self.observed is None else self.observed[at]
        recordings = None if self.recordings is None else self.recordings[at]
        groups = None if self.groups is None else self.groups[at.numpy()]
        return replace(
            self, x=self.x[at], rows=self.rows[at], observed=observed, recordings=recordings, groups=groups
        )


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
        One row an epoch a stage: ``model fold view stage epoch loss``, and ``val_loss`` with early stopping.
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


def ready(spec: FitSpec, clean: dict[tuple[int, int], Tensor] | None = None) -> FitSpec:
    """Check a spec, and fill in what follows from it before any weight is drawn.

    Parameters
    ----------
    spec : FitSpec
        What to fit.
    clean : dict or None
        Rows without what was not observed, by the identities of ``x`` and ``observed``: specs of the same
        rows share them.

    Returns
    -------
    FitSpec
        Corruption told of the rows, unobserved entries 0, the network's output as the loss needs it.

    Raises
    ------
    EegdaeError
        If the spec makes no sense.
    """
    spec.corruption.check_level(spec.level)
    if spec.x.ndim != 2 or spec.x.shape[0] < 2 or spec.x.shape[1] < 1:
        raise EegdaeError(
            f"view {spec.view!r}: {tuple(spec.x.shape)} rows and features; training needs 2 rows or more"
        )
    if spec.corruption.needs_neighbours:
        if spec.recordings is None:
            raise EegdaeError(
                f"corruption: {type(spec.corruption).__name__} needs the recording of every row; view "
                f"{spec.view!r} has none"
            )
        spec = replace(spec, corruption=spec.corruption.for_rows(spec.rows, spec.recordings))
    x, observed = spec.x, spec.observed
    if observed is not None:
        key = (id(x), id(observed))
        clean = {} if clean is None else clean
        if key not in clean:
            # what was not observed would still reach the network as input
            clean[key] = by_blocks(
                lambda block: x[block].masked_fill(~observed[block], 0.0),
                len(x),
                row_bytes=4 * x.shape[1],
                memory_gb=spec.schedule.hardware.memory_gb,
            )
        spec = replace(spec, x=clean[key])
    if spec.objective.loss != "bce":
        return spec
    check_unit_interval(spec.x, f"view {spec.view!r}")
    if spec.schedule.hardware.precision != "32":
        raise EegdaeError(
            f"trainer.precision={spec.schedule.hardware.precision}: loss=bce needs 32, its logarithm "
            "does not bear 16 bits"
        )
    return replace(spec, network={**spec.network, "output": "sigmoid"})


def untrained(spec: FitSpec) -> StackedAutoencoder:
    """Make the network of a spec that is `ready`, its weights as drawn."""
    stack = new_stack(spec.layout or Layout.rows(spec.x.shape[1]), hidden=spec.hidden, **spec.network)
    return stack.reset(Stream(spec.seed, spec.fold, spec.view))


def _fit_one(spec: FitSpec, checkpoints: CheckpointStore | None) -> FitResult:
    spec = ready(spec)
    schedule = spec.schedule
    stack = untrained(spec)
    names = schedule.stage_names(len(stack.layers))
    sides = sides_of(spec) if names else (None, None)
    state = (checkpoints.load(spec.key) if checkpoints else None) or {"stage": 0, "history": [], "fit": None}
    if "stack" in state:
        stack.load_state_dict(state["stack"])
    history: list[dict[str, Any]] = state["history"]

    check_codes(spec, stack, names)
    graph = graph_of(spec) if state["stage"] < len(names) else None
    for number, name in enumerate(names):
        if number < state["stage"]:
            continue
        stage = _stage(spec, stack, name, sides, graph)

        def save(fit: dict[str, Any] | None, *, at: int = number) -> None:
            if checkpoints:
                whole = {"stage": at, "stack": stack.state_dict(), "history": history, "fit": fit}
                checkpoints.save(spec.key, whole)

        losses = run_stage(
            stage,
            state=state["fit"] if number == state["stage"] else None,
            save=save if checkpoints else None,
            checkpoint_seconds=schedule.checkpoint_seconds,
            label=f"fold {spec.fold} {spec.name} {spec.view}",
        )
        who = {"model": spec.name, "fold": spec.fold, "view": spec.view, "stage": name}
        history.extend({**who, "epoch": e, **row} for e, row in enumerate(losses, 1))
        save(None, at=number + 1)
    return FitResult(spec, stack.requires_grad_(False).eval(), history)


def sides_of(spec: FitSpec) -> tuple[Tensor | None, Tensor | None]:
    """Positions of the rows to train on (None = all), and of those held out (None = none)."""
    n_rows = len(spec.x)
    seen = torch.ones(n_rows, dtype=torch.bool) if spec.observed is None else spec.observed.any(1)
    n_empty = n_rows - int(seen.sum())
    if n_empty == n_rows:
        raise EegdaeError(
            f"view {spec.view!r}: no entry of its {n_rows} training rows was observed; lower "
            "windows.max_missing, or leave the view out"
        )
    if n_empty:
        warnings.warn(
            f"view {spec.view!r}: {n_empty} of {n_rows} training rows have no observed entry and are left "
            "out of training",
            TrainingWarning,
            stacklevel=4,
        )
    trained, held = seen, torch.zeros_like(seen)
    stopping = spec.schedule.early_stopping
    if stopping:
        if spec.groups is None:
            raise EegdaeError(
                "pretrain.early_stopping: holds groups out, and the rows have none; give groups"
            )
        out = stopping.held_out(spec.groups, (spec.seed, spec.fold))
        trained, held = seen & ~out, seen & out
        if not bool(trained.any()) or not bool(held.any()):
            raise EegdaeError(
                f"pretrain.early_stopping.by={stopping.by}: all rows of one side are empty; choose "
                "another seed or share"
            )
    n_trained, size = int(trained.sum()), spec.schedule.batch_size
    if size > n_trained:
        warnings.warn(
            f"trainer.batch_size={size}: more than the {n_trained} training rows; every epoch is a "
            "single step",
            TrainingWarning,
            stacklevel=4,
        )
    whole = n_trained == n_rows
    return None if whole else trained.nonzero()[:, 0], held.nonzero()[:, 0] if stopping else None


def check_codes(spec: FitSpec, stack: StackedAutoencoder, stages: Sequence[str]) -> None:
    """Refuse a KL sparsity of codes that are not in (0, 1)."""
    for stage in stages if spec.objective.kl else ():
        is_last = stage == "joint" or stage == f"layer {len(stack.layers)}"
        key = "code_activation" if is_last else "activation"
        if stack.config[key] != "sigmoid" or stack.config.get("residual"):
            raise EegdaeError(
                f"loss.kl: needs codes in (0, 1), those of {stage} are {stack.config[key]}; set "
                f"model.{key}=sigmoid, or take loss.l1"
            )


def _stage(
    spec: FitSpec,
    stack: StackedAutoencoder,
    name: str,
    sides: tuple[Tensor | None, Tensor | None],
    graph: LocalityGraph | None,
) -> Stage:
    """Build a stage."""
    schedule, plan = spec.schedule, StagePlan.of(spec, stack, name)
    module: nn.Module = stack if plan.layer is None else stack.layers[plan.layer]
    x = clean_codes(stack, spec.x, plan.layer or 0, memory_gb=schedule.hardware.memory_gb)
    observed = spec.observed if plan.is_input else None  # a code has no missing entries
    data = {"x": x} if observed is None else {"x": x, "observed": observed}
    if graph:
        data["position"] = torch.arange(len(x))
    skeleton = copy.deepcopy(module).requires_grad_(False)
    fitted = plan.corruption.fitted(x, observed, layout=plan.layout)
    return Stage(
        name=name,
        module=module,
        loss=DenoisingLoss(
            skeleton,
            fitted,
            spec.level,
            with_defined_emphasis(
                plan.objective, fitted, x, spec.level, observed=observed, is_input=plan.is_input
            ),
            schedule=spec.level_schedule,
            layout=plan.layout,
            locality=LocalityTerm(graph, x) if graph else None,
        ),
        data=data,
        rows=spec.rows,
        epochs=plan.epochs,
        batch_size=schedule.batch_size,
        optimizer=plan.optimizer,
        key=(spec.seed, spec.fold, spec.view),
        trained=sides[0],
        held_out=sides[1],
        patience=schedule.early_stopping.patience if schedule.early_stopping else 0,
        weigh=n_rows_of if observed is None else _n_observed,
        hardware=schedule.hardware,
    )


def clean_codes(stack: StackedAutoencoder, x: Tensor, n_layers: int, *, memory_gb: float) -> Tensor:
    """Give the clean codes of the first layers: once a stage, block by block.

    Parameters
    ----------
    stack : StackedAutoencoder
        Whose layers are frozen below ``n_layers``.
    x : Tensor, shape (n_rows, n_features)
        Clean rows.
    n_layers : int
        How many layers; 0 gives ``x`` itself.
    memory_gb : float
        See `Hardware`.

    Returns
    -------
    Tensor, shape (n_rows, n_codes of the layer)
        In memory or mapped into it.
    """
    if n_layers == 0:
        return x
    with torch.no_grad():
        return by_blocks(
            lambda block: stack.encode(x[block], n_layers=n_layers),
            len(x),
            row_bytes=4 * x.shape[1],
            memory_gb=memory_gb,
        )


def _n_observed(batch: Batch) -> float:
    return float(batch["observed"].sum())
