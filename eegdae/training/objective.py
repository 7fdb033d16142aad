"""The pure loss of a denoising autoencoder: what is minimised, whoever minimises it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from eegdae.corruption import Corruption, LevelSchedule
from eegdae.errors import EegdaeError, did_you_mean
from eegdae.models import LOSSES
from eegdae.randomness import Keys
from eegdae.training.stage import Batch, Loss


@dataclass(frozen=True)
class Objective:
    """What a stack is trained to minimise.

    Parameters
    ----------
    loss : str
        ``mse`` or ``bce``; stages on the codes of a layer below use ``bce`` only where those are sigmoids.
    contractive : float
        Weight of `contractive_penalty`; 0 leaves it out.

    Raises
    ------
    EegdaeError
        If there is no such loss, or the weight is negative.
    """

    loss: str = "mse"
    contractive: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.contractive < float("inf"):
            raise EegdaeError(f"loss.contractive={self.contractive}: must be a number, 0 or more")
        if self.loss not in LOSSES:
            raise EegdaeError(f"loss={self.loss!r}: no such loss; {did_you_mean(self.loss, LOSSES)}")


def denoising_loss(
    module: nn.Module,
    corruption: Corruption,
    level: float,
    objective: Objective,
    *,
    schedule: LevelSchedule | None = None,
) -> Loss:
    """Build the pure loss of a denoising autoencoder: reconstruct the clean batch from its corrupted copy.

    Parameters
    ----------
    module : nn.Module
        Its forward pass reconstructs; its own parameters are not used.
    corruption : Corruption
        Fitted on the clean training input of the module.
    level : float
        How much of it.
    objective : Objective
        What is minimised.
    schedule : LevelSchedule or None
        How the level changes during the stage; None = it stays.

    Returns
    -------
    callable
        ``loss(params, batch, keys)``; the batch holds ``x`` and, where entries are missing, ``observed``.
    """
    criterion = LOSSES[objective.loss]

    def pure(params: Mapping[str, Tensor], batch: Batch, keys: Keys) -> Tensor:
        observed = batch.get("observed")
        now = schedule.at(level, keys.progress) if schedule else level
        corrupted, _ = corruption.corrupt(batch["x"], level=now, keys=keys, observed=observed)
        loss = criterion(functional_call(module, dict(params), (corrupted,)), batch["x"], observed)
        if objective.contractive:
            loss = loss + objective.contractive * contractive_penalty(module, params, batch["x"])
        return loss

    return pure


def contractive_penalty(module: nn.Module, params: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """Mean squared Frobenius norm of the Jacobian of each layer's code, over its number of inputs, summed.

    A layer ``z = f(W x + b)`` has ``sum_j f'(a_j)^2 sum_i W_ji^2`` in closed form, ``a`` its values before
    the activation. In a stack every layer counts by itself, at the clean code of the layers below.

    Parameters
    ----------
    module : DenseLayer or StackedAutoencoder
        Its own parameters are not used.
    params : mapping of str to Tensor
        Parameters by name.
    x : Tensor, shape (n_rows, n_features)
        Clean rows.

    Returns
    -------
    Tensor, shape ()
        On the scale of a mean squared error: both are sums over the inputs divided by their number.

    References
    ----------
    Rifai et al., Contractive auto-encoders, ICML (2011), equation 7.
    """
    layers = {f"layers.{k}.": layer for k, layer in enumerate(getattr(module, "layers", ()))} or {"": module}
    total = x.new_zeros(())
    for prefix, layer in layers.items():
        weight, bias = (params[f"{prefix}encoder.{name}"] for name in ("weight", "bias"))
        before = nn.functional.linear(x, weight, bias)
        before = before if before.requires_grad else before.requires_grad_()
        x = layer.activation(before)
        (slope,) = torch.autograd.grad(x.sum(), before, create_graph=True)
        total = total + (slope.square() @ weight.square().sum(1)).mean() / weight.shape[1]
    return total
