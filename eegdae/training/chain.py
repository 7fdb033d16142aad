"""Gradients of plain dense autoencoders written out, several models in one product a layer.

A chain is ``x -> a_1(W_1 x + b_1) -> a_2(W_2 ...)``: encoders, then decoders. Its squared error and the
slopes of all weights need five matrix products a pair of layers and a few passes over the reconstruction;
autograd makes three times as many passes. The same numbers up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from eegdae.models.activations import ACTIVATIONS

_SLOPES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "linear": lambda slope, z: slope,
    "relu": lambda slope, z: torch.ops.aten.threshold_backward.grad_input(slope, z, 0, grad_input=slope),
    "leaky_relu": lambda slope, z: torch.where(z > 0, slope, 0.01 * slope),
    "elu": lambda slope, z: slope.mul_(z.clamp(max=0).add_(1)),
    "tanh": lambda slope, z: slope.mul_(z.square().neg_().add_(1)),
    "sigmoid": lambda slope, z: slope.mul_(z).mul_(1 - z),
}
"""Activation -> what takes the slope after it to the slope before it, given its output; in place."""


@dataclass(frozen=True)
class Link:
    """One affine map of a chain: the names of its weights, and the activation after it."""

    weight: str
    bias: str
    activation: str


def chain_of(config: Mapping[str, object], layer: int | None) -> tuple[Link, ...] | None:
    """Give the links of a stack, or of one of its layers, where it is a plain chain.

    Parameters
    ----------
    config : mapping
        Of a `StackedAutoencoder`.
    layer : int or None
        Which layer, from 0; None = the whole stack.

    Returns
    -------
    tuple of Link or None
        By the names of the stack's parameters; None where weights are tied, or there are shortcuts, norms,
        convolutions or an activation whose slope its output does not tell.
    """
    if any(config.get(name) for name in ("tied", "residual", "layer_norm", "convolution")):
        return None
    hidden: Sequence[int] = config["hidden"]  # type: ignore[assignment]
    activation, last = str(config["activation"]), str(config["code_activation"])
    codes = [activation] * (len(hidden) - 1) + [last]
    pairs = list(enumerate(pairwise([str(config["output"]), *codes])))
    if layer is not None:
        pairs = [pairs[layer]]
    links = [
        Link(f"layers.{k}.encoder.weight", f"layers.{k}.encoder.bias", code) for k, (_, code) in pairs
    ] + [
        Link(f"layers.{k}.decoder.weight", f"layers.{k}.decoder.bias", below)
        for k, (below, _) in reversed(pairs)
    ]
    return tuple(links) if all(link.activation in _SLOPES for link in links) else None


def squared_error(
    links: Sequence[Link],
    params: Mapping[str, Tensor],
    grads: Mapping[str, Tensor] | None,
    corrupted: Tensor,
    x: Tensor,
    observed: Tensor | None = None,
) -> Tensor:
    """Give the mean squared error of several models, and write its slopes.

    Parameters
    ----------
    links : sequence of Link
        Of `chain_of`.
    params : mapping of str to Tensor, shape (n_models, n_out, n_in) or (n_models, n_out)
        Weights and biases.
    grads : mapping of str to Tensor or None
        Where the slopes go, of the same shapes; None = they are not wanted.
    corrupted : Tensor, shape (n_models, n_rows, n_features)
        Input.
    x : Tensor, shape (n_rows, n_features) or (n_models, n_rows, n_features)
        What should come out.
    observed : Tensor of bool or None, shape (n_rows, n_features)
        True where the error of an entry counts.

    Returns
    -------
    Tensor, shape (n_models,)
        Mean over the observed entries.
    """
    with torch.no_grad():
        outputs = [corrupted]
        for link in links:
            z = torch.baddbmm(params[link.bias][:, None], outputs[-1], params[link.weight].transpose(1, 2))
            outputs.append(_applied(link.activation, z))
        error = outputs[-1] - x if links[-1].activation != "linear" else outputs[-1].sub_(x)
        if observed is None:
            count = float(error.shape[1] * error.shape[2])
        else:
            error.mul_(observed)
            count = max(1.0, float(observed.sum()))
        loss: Tensor = torch.linalg.vector_norm(error, dim=(1, 2)).square() / count
        if grads is None:
            return loss
        # before the products, as autograd does it: so that both round alike
        slope = error.mul_(2.0 / count)
        for number in range(len(links) - 1, -1, -1):
            link = links[number]
            slope = _SLOPES[link.activation](slope, outputs[number + 1])
            torch.bmm(slope.transpose(1, 2), outputs[number], out=grads[link.weight])
            torch.sum(slope, 1, out=grads[link.bias])
            if number:
                slope = torch.bmm(slope, params[link.weight])
        return loss


def _applied(name: str, z: Tensor) -> Tensor:
    if name == "relu":
        return z.relu_()
    return ACTIVATIONS[name](z)
