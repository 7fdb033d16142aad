"""One stage of many models of one shape: their steps are taken together."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm import tqdm

from eegdae.randomness import Stream
from eegdae.training.chain import chain_of, squared_error
from eegdae.training.denoising import PENALTIES
from eegdae.training.early_stopping import BestEpoch
from eegdae.training.stage_module import broken_loss
from eegdae.training.stage_plan import StagePlan
from eegdae.training.together_draws import Draw, Member, draws_of
from eegdae.training.together_optimizer import OptimizersOfMany


@dataclass(frozen=True, eq=False)
class _Part:
    """Models that share a draw, with their weights, slopes and optimiser."""

    draw: Draw
    params: dict[str, Tensor]
    grads: dict[str, Tensor]
    optimizers: OptimizersOfMany


class StageOfMany:
    """A stage of all models of a group.

    Parameters
    ----------
    members : sequence of Member
        Those that share draws side by side; histories and errors are written into them.
    params : dict of str to Tensor, shape (n_models, ...)
        Of the whole stacks; changed in place.
    name : str
        ``layer 1``, ``joint``.
    """

    def __init__(self, members: Sequence[Member], params: dict[str, Tensor], name: str) -> None:
        self.members, self.name = members, name
        plans = [StagePlan.of(member.spec, member.stack, name) for member in members]
        self.plan, schedule = plans[0], members[0].spec.schedule
        self.batch_size, self.epochs = schedule.batch_size, self.plan.epochs
        self.patience = schedule.early_stopping.patience if schedule.early_stopping else 0
        layer, stack = self.plan.layer, members[0].stack.requires_grad_(False)
        self.prefix = "" if layer is None else f"layers.{layer}."
        self.params = {key: value for key, value in params.items() if key.startswith(self.prefix)}
        self.links = None if any(map(_has_more, plans)) else chain_of(stack.config, layer)
        self.device = next(iter(params.values())).device
        trained = members[0].trained
        self.n_trained = len(members[0].spec.x) if trained is None else len(trained)
        self.n_batches = math.ceil(self.n_trained / self.batch_size)
        self.draws = list(
            draws_of(
                members,
                plans,
                stack if layer is None else stack.layers[layer],
                clean_codes_of_many(members, params, layer) if layer else None,
                batch_size=self.batch_size,
                device=self.device,
            )
        )
        # one place for the slopes of all: those of a draw are used up before the next
        most = max(len(draw.members) for draw in self.draws)
        slopes = {key: torch.zeros_like(value[:most]) for key, value in self.params.items()}
        self.parts = [self._part(draw, plans[draw.at], slopes) for draw in self.draws]
        self.rows: list[list[dict[str, float]]] = [[] for _ in members]
        self.best = [BestEpoch.none() for _ in members]
        self.going = torch.tensor([member.error is None for member in members])

    def run(self) -> None:
        """Train to the last epoch, each model to its own where it stops early."""
        bar = tqdm(
            total=self.epochs,
            desc=f"fold {self.members[0].spec.fold} {len(self.members)} models {self.name}",
            unit="epoch",
            leave=False,
            disable=not sys.stderr.isatty(),
            dynamic_ncols=True,
        )
        with bar:
            for epoch in range(self.epochs):
                if not bool(self.going.any()):
                    break
                self._epoch(epoch)
                bar.update()
        for number, member in enumerate(self.members):
            if member.error is None and self.best[number].epoch:
                for key, value in self.best[number].weights.items():
                    self.params[key][number] = value
            who = {"model": member.spec.name, "fold": member.spec.fold, "view": member.spec.view}
            rows = enumerate(self.rows[number], 1)
            member.history.extend({**who, "stage": self.name, "epoch": e, **row} for e, row in rows)

    def _epoch(self, epoch: int) -> None:
        parts = [part for part in self.parts if bool(self.going[part.draw.at].any())]
        streams = {part.draw.key: Stream(*part.draw.key, self.name, epoch) for part in parts}
        orders = {key: stream.permutation("order", self.n_trained) for key, stream in streams.items()}
        total = torch.zeros(len(self.members), device=self.device)
        # all steps of some models, then of the next: one noise of the epoch, one place for the slopes
        for part in parts:
            key = part.draw.key
            total[part.draw.at] = self._steps(part, epoch, streams[key], orders[key])
        mean = [value / self.n_trained for value in total.tolist()]
        held = self._held_out_losses(parts) if self.members[0].held_out is not None else None
        # the last step of an epoch may have spoilt the weights without a loss that shows it
        weights = torch.stack([value.flatten(1).sum(1) for value in self.params.values()]).sum(0).tolist()
        for number in self.going.nonzero()[:, 0].tolist():
            val_loss = None if held is None else held[number]
            self._after_epoch(number, epoch + 1, mean[number], val_loss, weights[number])

    def _after_epoch(self, number: int, epoch: int, loss: float, held: float | None, weights: float) -> None:
        """Note one model's losses; it stops where they are no numbers, or no longer help."""
        row = {"loss": loss} if held is None else {"loss": loss, "val_loss": held}
        bad = next((value for value in (*row.values(), weights) if not math.isfinite(value)), None)
        if bad is not None:
            member = self.members[number]
            part = next(part for part in self.parts if part.draw.at.start <= number < part.draw.at.stop)
            lr = part.optimizers.rate(number - part.draw.at.start)
            member.error = broken_loss(member.spec.view, self.name, bad, epoch=epoch, lr=lr)
            self.going[number] = False
            return
        self.rows[number].append(row)
        if held is not None:
            best = self.best[number]
            best.see(epoch, held, {key: value[number] for key, value in self.params.items()})
            self.going[number] = epoch - best.epoch < self.patience

    def _part(self, draw: Draw, plans: Sequence[StagePlan], slopes: Mapping[str, Tensor]) -> _Part:
        params = {key: value[draw.at] for key, value in self.params.items()}
        grads = {key: value[: len(plans)] for key, value in slopes.items()}
        optimizers = OptimizersOfMany([plan.optimizer for plan in plans], params, grads)
        return _Part(draw, params, grads, optimizers)

    def _steps(self, part: _Part, epoch: int, stream: Stream, order: Tensor) -> Tensor:
        """Take the steps of an epoch; sum of the losses of the rows, shape (n_models,)."""
        progress, trained = epoch / max(1, self.epochs - 1), part.draw.members[0].trained
        total = torch.zeros(len(part.draw.members), device=self.device)
        for step in range(self.n_batches):
            at = order[step * self.batch_size : (step + 1) * self.batch_size]
            at = at if trained is None else trained[at]
            total += self._losses(part, at, stream, progress, with_slopes=True) * len(at)
            done, n_steps = epoch * self.n_batches + step, self.epochs * self.n_batches
            part.optimizers.step(done, n_steps=n_steps, steps_per_epoch=self.n_batches)
        return total

    def _losses(
        self, part: _Part, at: Tensor, stream: Stream, progress: float, *, with_slopes: bool
    ) -> Tensor:
        """Loss of some rows for every model of a part, shape (n_models,); the slopes go into ``grads``."""
        draw, params = part.draw, part.params
        step, slopes = draw.step(at, stream, progress), part.grads if with_slopes else None
        if self.links is not None:
            x, observed = step["x"], step.get("observed")
            return squared_error(self.links, params, slopes, step["corrupted"], x, observed)
        with torch.set_grad_enabled(with_slopes):
            own = {key: value.detach().requires_grad_(with_slopes) for key, value in params.items()}
            named = {key.removeprefix(self.prefix): value for key, value in own.items()}
            loss = _losses_by_autograd(draw, named, step)
            if slopes is not None:
                found = torch.autograd.grad(loss.sum(), list(own.values()), allow_unused=True)
                for key, slope in zip(own, found, strict=True):
                    if slope is not None:
                        slopes[key].copy_(slope)
        return loss.detach()

    def _held_out_losses(self, parts: Sequence[_Part]) -> list[float]:
        """Mean loss of the held-out rows of every model; their noise is the same in every epoch."""
        found = [0.0] * len(self.members)
        for part in parts:
            draw = part.draw
            held = draw.members[0].held_out
            assert held is not None
            stream = Stream(*draw.key, self.name, "held out")
            total, weights = torch.zeros(len(draw.members), dtype=torch.float64, device=self.device), 0.0
            for at in torch.split(held, self.batch_size):
                weight = float(len(at)) if draw.observed is None else float(draw.observed[at].sum())
                total += self._losses(part, at, stream, 1.0, with_slopes=False).double() * weight
                weights += weight
            found[draw.at] = (total / max(weights, 1e-12)).tolist()
        return found


def clean_codes_of_many(members: Sequence[Member], params: Mapping[str, Tensor], n_layers: int) -> Tensor:
    """Codes of the first layers of every model.

    Parameters
    ----------
    members : sequence of Member
        Of the group.
    params : mapping of str to Tensor, shape (n_models, ...)
        Of the whole stacks.
    n_layers : int
        How many layers.

    Returns
    -------
    Tensor, shape (n_models, n_rows, n_codes of the layer)
        On the CPU.
    """
    encoder = _Encoder(nn.ModuleList(list(members[0].stack.layers)[:n_layers]))
    below = {key: value for key, value in params.items() if int(key.split(".")[1]) < n_layers}
    found = []
    with torch.no_grad():
        for number, member in enumerate(members):
            own = {key: value[number] for key, value in below.items()}
            x = member.spec.x.to(next(iter(own.values())).device)
            found.append(torch.func.functional_call(encoder, own, (x,)).cpu())
    return torch.stack(found)


def _has_more(plan: StagePlan) -> bool:
    """Whether something else than a bare squared error is minimised."""
    objective = plan.objective
    has_penalty = any(getattr(objective, name) for name in PENALTIES)
    is_weighed = objective.has_emphasis or objective.channel_weights is not None
    return objective.loss != "mse" or has_penalty or is_weighed


def _losses_by_autograd(draw: Draw, params: Mapping[str, Tensor], step: Mapping[str, Tensor]) -> Tensor:
    """Loss of every model, shape (n_models,), as autograd can follow it."""
    loss, n_models = draw.losses[0].of, len(draw.members)
    # what each model has for itself has an axis more than a batch
    usual = {"x": 2, "corrupted": 2, "observed": 2, "weight": 2, "near": 2, "share": 1, "probe": 2}
    own = {name for name, value in step.items() if value.ndim > usual[name]}
    if n_models == 1:
        alone = {name: value[0] if name in own else value for name, value in step.items()}
        weights = {name: value[0] for name, value in draw.weights.items()}
        return loss({key: value[0] for key, value in params.items()}, alone, weights)[None]
    axes = {name: 0 if name in own else None for name in step}
    found: Tensor = torch.func.vmap(loss, in_dims=(0, axes, 0))(dict(params), dict(step), draw.weights)
    return found


class _Encoder(nn.Module):
    """The lower layers of a stack, under the names that their parameters have there."""

    def __init__(self, layers: nn.ModuleList) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer.encode(x)  # type: ignore[operator]
        return x
