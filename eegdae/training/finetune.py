"""Supervised training of a head on codes, with the encoders frozen or trained along."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from eegdae.corruption import Corruption
from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from eegdae.models import CodeClassifier, PassThrough, StackedAutoencoder, cross_entropy
from eegdae.randomness import Keys, Stream
from eegdae.training.stage import Batch, CheckpointStore, Optimizer, Stage, run_stage


@dataclass(frozen=True, eq=False)
class ClassifierSpec:
    """One classifier to fit on encoders.

    Parameters
    ----------
    views : mapping of str to Tensor, shape (n_rows, n_features of the view)
        Scaled training features.
    target : Tensor of int64, shape (n_rows,)
        Class numbers, 0 to ``n_outputs - 1``.
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
    width, dropout
        Of the head, see `CodeClassifier`.
    epochs, batch_size, optimizer
        How long and how.
    seed, fold, name
        What the random draws depend on, and what the model is called in the history.
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
    width: int = 0
    dropout: float = 0.0
    epochs: int = 20
    batch_size: int = 128
    optimizer: Optimizer = field(default_factory=Optimizer)
    checkpoint_seconds: float = 1.0
    seed: int = 0
    fold: int = 0
    name: str = "finetuned"

    @property
    def key(self) -> str:
        """Name of the fit among those of a run."""
        return f"fold-{self.fold}.{self.name}"


def fit_classifier(
    spec: ClassifierSpec, *, checkpoints: CheckpointStore | None = None
) -> tuple[CodeClassifier, list[dict[str, Any]]]:
    """Fit a head on codes, and the encoders with it where asked.

    Classes weigh inversely to their number of rows. Decoders are never trained.

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
        One row an epoch: ``model fold view stage epoch loss``.

    Raises
    ------
    EegdaeError
        If a class has no training row, or the loss stops being a number.
    """
    counts = torch.bincount(spec.target, minlength=spec.n_outputs).float()
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
        trained = name.startswith("head") or (spec.train_encoder and ".encoder." in name)
        parameter.requires_grad_(trained)
    corruptions = {
        view: spec.corruption.for_layout(spec.layouts.get(view)).fitted(x, layout=spec.layouts.get(view))
        for view, x in spec.views.items()
        if spec.corruption and spec.level
    }
    skeleton = copy.deepcopy(model)
    weight = len(spec.target) / (len(counts) * counts)

    def loss(params: Mapping[str, Tensor], batch: Batch, keys: Keys) -> Tensor:
        views = {view: batch[view] for view in spec.views}
        for view, corruption in corruptions.items():
            # the same noise in two views of one width would tie them together: each has its own stream
            own = Keys(keys.stream.child(view), keys.rows)
            views[view], _ = corruption.corrupt(views[view], level=spec.level, keys=own)
        keep = keys.uniform("dropout", _n_dropped(skeleton)) if spec.dropout else None
        keep = keep.to(batch["target"].device) if keep is not None else None
        # the scale of the codes lies where the model is trained, as its weights do
        logits = functional_call(skeleton, {**dict(model.named_buffers()), **params}, (views, keep))
        return cross_entropy(logits, batch["target"], weight.to(logits))

    stage = Stage(
        name="fine-tune" if spec.train_encoder else "head",
        module=model,
        loss=loss,
        data={**spec.views, "target": spec.target},
        rows=spec.rows,
        epochs=spec.epochs,
        batch_size=spec.batch_size,
        optimizer=spec.optimizer,
        key=(spec.seed, spec.fold, spec.name),
    )
    losses = run_stage(
        stage,
        state=checkpoints.load(spec.key) if checkpoints else None,
        save=(lambda state: checkpoints.save(spec.key, state)) if checkpoints else None,
        checkpoint_seconds=spec.checkpoint_seconds,
        label=f"fold {spec.fold} {spec.name}",
    )
    history = [
        {"model": spec.name, "fold": spec.fold, "view": "all", "stage": stage.name, "epoch": e, "loss": loss_}
        for e, loss_ in enumerate(losses, 1)
    ]
    return model.requires_grad_(False).eval(), history


def _n_dropped(model: CodeClassifier) -> int:
    return sum(linear.in_features for linear in model.head)  # type: ignore[misc]
