"""Gradients of plain dense autoencoders written out, several models in one product a layer.

A chain is ``x -> a_1(W_1 x + b_1) -> a_2(W_2 ...)``: encoders, then decoders. Its squared error and the
slopes of all weights need five matrix products a pair of layers and a few passes over the reconstruction;
autograd makes three times as many passes. Products, sums and slopes are taken as autograd takes them for one
model, so that on a CPU they are the same numbers to the bit: any other rounding Adam makes large where a
slope is near 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from eegdae.models.activations import ACTIVATIONS

_EXACT = ("linear", "relu", "leaky_relu")
"""Activations whose entries are the same numbers wherever they lie in a tensor; of the others, those at the
end of a tensor are rounded otherwise than those that fill a vector unit."""

_UNIT, _SHARE = 32, 32768
"""Numbers in the vector units that are worked on at once, and the least that a thread is given."""

_SMALL = 400
"""Multiplications below which torch does not hand a batch of products to the library of matrix products."""

_BACK = torch.ops.aten
_SELU = 1.6732632423543772, 1.0507009873554805
_SLOPES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "linear": lambda slope, z, a: slope,
    "relu": lambda slope, z, a: _BACK.threshold_backward.grad_input(slope, a, 0, grad_input=slope),
    "leaky_relu": lambda slope, z, a: _BACK.leaky_relu_backward(slope, z, 0.01, False),
    "elu": lambda slope, z, a: _BACK.elu_backward(slope, 1, 1, 1, False, z),
    "selu": lambda slope, z, a: _BACK.elu_backward(slope, _SELU[0], _SELU[1], 1, False, z),
    "gelu": lambda slope, z, a: _BACK.gelu_backward(slope, z),
    "silu": lambda slope, z, a: _BACK.silu_backward(slope, z),
    "softplus": lambda slope, z, a: _BACK.softplus_backward(slope, z, 1, 20),
    "tanh": lambda slope, z, a: _BACK.tanh_backward(slope, a),
    "sigmoid": lambda slope, z, a: _BACK.sigmoid_backward(slope, a),
}
"""Activation -> what takes the slope after it to the slope before it, given its input and its output."""


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
        By the names of the stack's parameters; None where weights are tied, or there are shortcuts, norms or
        convolutions.
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
    return tuple(links)


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
        sums, outputs = [], [corrupted]
        for link in links:
            z = _affine(params[link.bias], outputs[-1], params[link.weight])
            sums.append(z)
            outputs.append(_applied(link.activation, z))
        error = outputs[-1] - x if links[-1].activation != "linear" else outputs[-1].sub_(x)
        if observed is None:
            count = float(error.shape[1] * error.shape[2])
        else:
            error.mul_(observed)
            count = max(1.0, float(observed.sum()))
        loss = _square_sums(error) / count
        if grads is None:
            return loss
        # before the products, as autograd does it: so that both round alike
        slope = error.mul_(2.0 / count)
        for number in range(len(links) - 1, -1, -1):
            link = links[number]
            back = _SLOPES[link.activation]
            slope = _by_entry(link.activation, back, slope, sums[number], outputs[number + 1])
            _product(slope.transpose(1, 2), outputs[number], out=grads[link.weight])
            torch.sum(slope, 1, out=grads[link.bias])
            if number:
                slope = _product(slope, params[link.weight])
        return loss


def _square_sums(error: Tensor) -> Tensor:
    """Sum the squares of each model, on a CPU as in a model alone: over several axes it rounds otherwise."""
    if error.is_cuda:
        return error.square().sum((1, 2))
    return torch.stack([one.square().sum() for one in error])


def _applied(name: str, z: Tensor) -> Tensor:
    return z.relu_() if name == "relu" else _by_entry(name, ACTIVATIONS[name], z)


def _by_entry(name: str, function: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
    """Take a function entry by entry, each at the place in a vector unit that it has in one model."""
    if name in _EXACT or _are_aligned(tensors[0]):
        return function(*tensors)
    return torch.stack([function(*each) for each in zip(*tensors, strict=True)])


def _are_aligned(z: Tensor) -> bool:
    """Whether each model, and each thread's share of all, begins at a vector unit."""
    shares = min(torch.get_num_threads(), math.ceil(z.numel() / _SHARE))
    return z.is_cuda or (z[0].numel() % _UNIT == 0 and math.ceil(z.numel() / shares) % _UNIT == 0)


def _affine(bias: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    if _is_small(x, weight):
        return torch.stack([torch.addmm(b, a, w.t()) for b, a, w in zip(bias, x, weight, strict=True)])
    return torch.baddbmm(bias[:, None], x, weight.transpose(1, 2))


def _product(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
    if not _is_small(a, b):
        return torch.bmm(a, b, out=out)
    return torch.stack([one @ other for one, other in zip(a, b, strict=True)], out=out)


def _is_small(a: Tensor, b: Tensor) -> bool:
    """Whether torch takes the products of a batch by a loop of its own, which rounds otherwise."""
    return not a.is_cuda and a[0].numel() * b[0].numel() < _SMALL * a.shape[-1]
