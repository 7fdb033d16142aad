"""Supervised training of a head on codes, with the encoders frozen or trained along."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from eegdae.corruption import Corruption, Gaussian
from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from eegdae.models import CodeClassifier, PassThrough, StackedAutoencoder, cross_entropy, is_of_decoder
from eegdae.randomness import Keys, Stream
from eegdae.training.denoising import DenoisingLoss
from eegdae.training.hardware import Hardware
from eegdae.training.objective import Objective
from eegdae.training.optimizers import Optimizer
from eegdae.training.stage import Batch, CheckpointStore, Stage, n_rows_of, run_stage


@dataclass(frozen=True, eq=False)
class ClassifierSpec:
    """One classifier to fit on encoders.

    Parameters
    ----------
    views : mapping of str to Tensor, shape (n_rows, n_features of the view)
        Scaled training features.
    target : Tensor of int64, shape (n_rows,)
        Class numbers, 0 to ``n_outputs - 1``; with ``reconstruction`` also -1, no label.
    rows : Tensor of int64, shape (n_rows,)
        Row numbers over the whole data set.
    encoders : mapping of str to StackedAutoencoder or PassThrough
        One a view; copied, never changed.
    n_outputs : int
        Number of classes.
    train_encoder : bool
        Fine-tune the encoders with the head.
    corruption, level
        Noise on the input while the encoders are trained; None or 0 for none.
    layouts : mapping of str to Layout
        What the features of a view stand for, where it is known.
    objective : Objective
        How reconstructions are measured.
    reconstruction : float
        Weight of the loss of reconstructing each view from its corrupted copy, the one that is classified;
        0 leaves the term out, and the decoders as they are.
    observed : mapping of str to Tensor of bool, shape of the view
        Entries that count in a reconstruction, of those views in which some do not; not looked at where
        nothing is reconstructed.
    width, dropout
        Of the head, see `CodeClassifier`.
    epochs, batch_size, optimizer
        How long and how.
    seed, fold, name
        What the random draws depend on, and what the model is called in the history.
    hardware : Hardware
        On what it is trained.
    """

    views: Mapping[str, Tensor]
    target: Tensor
    rows: Tensor
    encoders: Mapping[str, StackedAutoencoder | PassThrough]
    n_outputs: int
    train_encoder: bool = True
    corruption: Corruption | None = None
    level: float = 0.0
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    objective: Objective = field(default_factory=Objective)
    reconstruction: float = 0.0
    observed: Mapping[str, Tensor] = field(default_factory=dict)
    width: int = 0
    dropout: float = 0.0
    epochs: int = 20
    batch_size: int = 128
    optimizer: Optimizer = field(default_factory=Optimizer)
    checkpoint_seconds: float = 1.0
    seed: int = 0
    fold: int = 0
    name: str = "finetuned"
    hardware: Hardware = field(default_factory=Hardware)

    @property
    def key(self) -> str:
        """Name of the fit among those of a run."""
        return f"fold-{self.fold}.{self.name}"


def fit_classifier(
    spec: ClassifierSpec, *, checkpoints: CheckpointStore | None = None
) -> tuple[CodeClassifier, list[dict[str, Any]]]:
    r"""Fit a head on codes, and the encoders with it where asked.

    .. math:: L = \mathrm{CE}(\text{labelled rows of the batch})
              + \lambda \sum_{\text{views}} \mathrm{loss}(\hat x, x)

    with :math:`\lambda` the weight of the reconstruction and :math:`\hat x` the view as its stack brings it
    back from the corrupted input. Classes weigh inversely to their number of rows; rows without a label, and
    batches without one, have the second term only. Decoders are trained where that term is.

    Parameters
    ----------
    spec : ClassifierSpec
        What to fit.
    checkpoints : CheckpointStore or None
        Where an interrupted fit is kept and found again.

    Returns
    -------
    model : CodeClassifier
        On the CPU, in no need of a gradient.
    history : list of dict
        One row an epoch: ``model fold view stage epoch loss``, and ``reconstruction``, the second term
        before its weight, where it is kept.

    Raises
    ------
    EegdaeError
        If a class has no training row, a row has no label and nothing to reconstruct, or the loss stops
        being a number.

    References
    ----------
    Keeping the reconstruction: A. Rasmus et al., Semi-supervised learning with ladder networks, NeurIPS
    28, 2015, without the lateral connections; L. Le, A. Patterson, M. White, Supervised autoencoders,
    NeurIPS 31, 2018.
    """
    has_label = spec.target >= 0
    if not bool(has_label.all()) and not spec.reconstruction:
        raise EegdaeError(
            f"finetune.reconstruction=0: {int((~has_label).sum())} rows have no label and would teach nothing"
        )
    counts = torch.bincount(spec.target[has_label], minlength=spec.n_outputs).float()
    if bool((counts == 0).any()) or len(counts) < 2:
        raise EegdaeError(f"head: training rows a class are {counts.int().tolist()}; each needs one or more")
    if spec.corruption:
        spec.corruption.check_level(spec.level, "finetune.level")
    model = CodeClassifier(
        copy.deepcopy(spec.encoders), n_outputs=spec.n_outputs, width=spec.width, dropout=spec.dropout
    )
    model.reset_head(Stream(spec.seed, spec.fold, spec.name))
    with torch.no_grad():
        model.fit_code_scale(spec.views)
    for name, parameter in model.named_parameters():
        is_used = spec.reconstruction > 0 or not is_of_decoder(name)
        parameter.requires_grad_(name.startswith("head") or (spec.train_encoder and is_used))
    corruptions = {
        view: spec.corruption.for_layout(spec.layouts.get(view)).fitted(x, layout=spec.layouts.get(view))
        for view, x in spec.views.items()
        if spec.corruption and spec.level
    }
    skeleton = copy.deepcopy(model)
    weight = int(has_label.sum()) / (len(counts) * counts)
    seen = {f"observed.{view}": mask for view, mask in spec.observed.items() if spec.reconstruction}
    rebuild = _Reconstruction(spec, skeleton, corruptions) if spec.reconstruction else None

    def loss(params: Mapping[str, Tensor], batch: Batch, keys: Keys) -> Tensor:
        views = {view: batch[view] for view in spec.views}
        for view, corruption in corruptions.items():
            # the same noise in two views of one width would tie them together: each has its own stream
            own = Keys(keys.stream.child(view), keys.rows)
            views[view], _ = corruption.corrupt(
                views[view], level=spec.level, keys=own, observed=batch.get(f"observed.{view}")
            )
        keep = keys.uniform("dropout", _n_dropped(skeleton)) if spec.dropout else None
        keep = keep.to(batch["target"].device) if keep is not None else None
        # the scale of the codes lies where the model is trained, as its weights do
        logits = functional_call(skeleton, {**dict(model.named_buffers()), **params}, (views, keep))
        if rebuild is None:
            return cross_entropy(logits, batch["target"], weight.to(logits))
        known = batch["target"] >= 0
        supervised = cross_entropy(logits[known], batch["target"][known], weight.to(logits))
        kept = spec.reconstruction * rebuild(params, batch, keys)
        return supervised + kept if bool(known.any()) else kept

    def weight_of(batch: Batch) -> float:
        return float(weight.to(batch["target"].device)[batch["target"]].sum())

    stage = Stage(
        name="fine-tune" if spec.train_encoder else "head",
        module=model,
        loss=loss,
        data={**spec.views, "target": spec.target, **seen},
        rows=spec.rows,
        epochs=spec.epochs,
        batch_size=spec.batch_size,
        optimizer=spec.optimizer,
        key=(spec.seed, spec.fold, spec.name),
        weigh=n_rows_of if spec.reconstruction else weight_of,
        hardware=spec.hardware,
    )
    state = checkpoints.load(spec.key) if checkpoints else None
    if rebuild and state:
        rebuild.totals = dict(state["reconstruction"])

    def save(state: dict[str, Any]) -> None:
        if checkpoints:
            more = {"reconstruction": rebuild.totals} if rebuild else {}
            checkpoints.save(spec.key, {**state, **more})

    losses = run_stage(
        stage,
        state=state,
        save=save if checkpoints else None,
        checkpoint_seconds=spec.checkpoint_seconds,
        label=f"fold {spec.fold} {spec.name}",
    )
    history = [
        {"model": spec.name, "fold": spec.fold, "view": "all", "stage": stage.name, "epoch": e, **row}
        for e, row in enumerate(losses, 1)
    ]
    if rebuild:
        for epoch, row in enumerate(history):
            row["reconstruction"] = float(rebuild.totals[epoch]) / len(spec.target)
    return model.requires_grad_(False).eval(), history


class _Reconstruction:
    """The loss of reconstructing every view, and its total over the rows of each epoch."""

    def __init__(
        self, spec: ClassifierSpec, model: CodeClassifier, corruptions: Mapping[str, Corruption]
    ) -> None:
        self.totals: dict[int, Tensor] = {}
        level = spec.level if corruptions else 0.0
        self.losses = {
            view: DenoisingLoss(
                stack, corruptions.get(view, Gaussian()), level, spec.objective.of_reconstruction()
            )
            for view, stack in model.encoders.items()
        }

    def __call__(self, params: Mapping[str, Tensor], batch: Batch, keys: Keys) -> Tensor:
        total = batch["target"].new_zeros((), dtype=torch.float32)
        for view, loss in self.losses.items():
            prefix = f"encoders.stacks.{view}."
            own = {n.removeprefix(prefix): p for n, p in params.items() if n.startswith(prefix)}
            part = {"x": batch[view]}
            if f"observed.{view}" in batch:
                part["observed"] = batch[f"observed.{view}"]
            # the draw that the classifier's input has
            total = total + loss(own, part, Keys(keys.stream.child(view), keys.rows, keys.progress))
        epoch = int(keys.stream.key[-1])  # of `StageModule`
        # an epoch that was interrupted is started again, with its first batch
        self.totals[epoch] = self.totals.get(epoch, 0.0) + total.detach() * len(batch["target"])
        return total


def _n_dropped(model: CodeClassifier) -> int:
    return sum(linear.in_features for linear in model.head)  # type: ignore[misc]
