"""Adaptive SDAE: in a new session the first layer goes on learning, from windows without labels."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.alignment import rows_of
from eegdae.corruption import Corruption
from eegdae.errors import EegdaeError
from eegdae.models import ViewStacks
from eegdae.randomness import Keys, Stream
from eegdae.training.denoising import DenoisingLoss
from eegdae.training.objective import Objective


@dataclass(frozen=True)
class AdaptationSpec:
    """How the first layers go on learning in a new session, by plain gradient descent.

    Parameters
    ----------
    lr : float
        Step size; 0 is the network as it was trained, bit for bit.
    batch_size : int
        Windows an update: so many are encoded before each.
    steps : int
        Steps an update.

    Raises
    ------
    EegdaeError
        If a number is out of its range.
    """

    lr: float = 0.01
    batch_size: int = 16
    steps: int = 1

    def __post_init__(self) -> None:
        is_number = isinstance(self.lr, int | float) and not isinstance(self.lr, bool)
        if not is_number or not 0 <= self.lr < math.inf:
            raise EegdaeError(f"adaptation.lr={self.lr!r}: must be a number, 0 or more")
        for key in ("batch_size", "steps"):
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise EegdaeError(f"adaptation.{key}={value!r}: must be a whole number, 1 or more")


@dataclass(frozen=True, eq=False)
class Noise:
    """What the adapting layers have to undo.

    Parameters
    ----------
    corruptions : mapping of str to Corruption
        By view, fitted.
    level : float
        How much.
    objective : Objective
        What is minimised.
    key : tuple
        What the draws depend on besides the row: (seed, fold) of a run.
    """

    corruptions: Mapping[str, Corruption]
    level: float
    objective: Objective
    key: tuple[int | str, ...] = (0,)


def adapted_codes(
    stacks: ViewStacks,
    views: Mapping[str, Tensor],
    sessions: NDArray[Any],
    spec: AdaptationSpec,
    noise: Noise,
    *,
    rows: Tensor | None = None,
    observed: Mapping[str, Tensor] | None = None,
) -> NDArray[np.float32]:
    """Encode sessions while the first layer of every stack goes on learning in each.

    A session's windows come in batches, in their order. A batch is encoded first; then the first layers, in
    otherwise frozen stacks, take steps against the loss of reconstructing the batch from a corrupted copy.
    So a window's code depends on earlier batches of its session, on nothing later, on no other session and
    on no label. Every session starts from the stacks as given.

    Parameters
    ----------
    stacks : ViewStacks
        Trained; copied, never changed.
    views : mapping of str to Tensor, shape (n_rows, n_features of the view)
        Scaled features, each session's in time.
    sessions : ndarray of str, shape (n_rows,)
        Which session a row is of.
    spec : AdaptationSpec
        How.
    noise : Noise
        What is to be undone.
    rows : Tensor of int64 or None, shape (n_rows,)
        Row numbers over the whole data set, for the noise; None = counted from 0.
    observed : mapping of str to Tensor of bool or None
        Entries that count, by view; of views that are left out all do.

    Returns
    -------
    ndarray of float32, shape (n_rows, n_codes)
        As `ViewStacks.encode` lays them out.

    Raises
    ------
    EegdaeError
        If the loss stops being a number.

    References
    ----------
    Z. Yin, J. Zhang, Cross-session classification of mental workload levels using EEG and an adaptive deep
    learning model, Biomedical Signal Processing and Control 33, 2017.
    """
    with torch.no_grad():
        codes = stacks.encode(views)
    rows = torch.arange(len(sessions)) if rows is None else rows
    for at in rows_of(sessions).values() if spec.lr else ():
        adapt_session(codes, torch.from_numpy(at), stacks, views, spec, noise, rows, observed or {})
    return codes.numpy()


def adapt_session(
    codes: Tensor,
    at: Tensor,
    stacks: ViewStacks,
    views: Mapping[str, Tensor],
    spec: AdaptationSpec,
    noise: Noise,
    rows: Tensor,
    observed: Mapping[str, Tensor],
) -> None:
    """Put the codes of one session's rows in the place of the plain ones; its first batch keeps those.

    Parameters
    ----------
    codes : Tensor, shape (n_rows, n_codes)
        Plain codes of all rows; changed in place.
    at : Tensor of int64
        Positions of the session's rows, in the order of time.
    stacks, views, spec, noise, rows, observed
        As for `adapted_codes`, of all rows.
    """
    before, *later = torch.split(at, spec.batch_size)
    learner = _Learner(stacks, spec, noise)
    for batch in later:
        seen = {view: mask[before] for view, mask in observed.items()}
        learner.update({view: x[before] for view, x in views.items()}, seen, rows[before])
        codes[batch] = learner.encode({view: x[batch] for view, x in views.items()})
        before = batch


class _Learner:
    """Stacks of one session: frozen but for the first layers."""

    def __init__(self, stacks: ViewStacks, spec: AdaptationSpec, noise: Noise) -> None:
        self.stacks = copy.deepcopy(stacks).requires_grad_(False)
        self.spec = spec
        trained = [p for stack in self.stacks.values() for p in stack.layers[0].parameters()]
        for parameter in trained:
            parameter.requires_grad_(True)
        self.optimizer = torch.optim.SGD(trained, lr=spec.lr)
        self.params = {view: dict(stack.named_parameters()) for view, stack in self.stacks.items()}
        self.losses = {
            view: DenoisingLoss(
                stack, noise.corruptions[view], noise.level, noise.objective.of_reconstruction()
            )
            for view, stack in self.stacks.items()
        }
        # a row meets each of them once, with noise of its own
        self.streams = [Stream(*noise.key, "adaptation", step) for step in range(spec.steps)]

    @torch.no_grad()
    def encode(self, views: Mapping[str, Tensor]) -> Tensor:
        return self.stacks.encode(views)

    def update(self, views: Mapping[str, Tensor], observed: Mapping[str, Tensor], rows: Tensor) -> None:
        for stream in self.streams:
            losses = []
            for view, x in views.items():
                batch = {"x": x, "observed": observed[view]} if view in observed else {"x": x}
                losses.append(self.losses[view](self.params[view], batch, Keys(stream.child(view), rows)))
            loss = torch.stack(losses).sum()
            if not bool(loss.isfinite()):
                raise EegdaeError(
                    f"adaptation.lr={self.spec.lr}: the loss of the first layers became {loss.item():g}; "
                    "lower it"
                )
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
