"""The stacked autoencoder: layers that can be trained one at a time, then together.

Layer k maps the code of layer k - 1 to its own code and back. A greedy stage trains one `DenseLayer` on
the clean codes of the layers below; the joint pass trains the whole `StackedAutoencoder`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.layout import Layout
from eegdae.randomness import Stream

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": torch.relu,
    "gelu": nn.functional.gelu,
    "elu": nn.functional.elu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}


def _activation(name: str, key: str) -> Callable[[Tensor], Tensor]:
    if name not in ACTIVATIONS:
        raise EegdaeError(f"{key}={name!r}: no such activation; {did_you_mean(name, ACTIVATIONS)}")
    return ACTIVATIONS[name]


def new_linear(n_in: int, n_out: int) -> nn.Linear:
    """Make a linear layer (..., n_in) -> (..., n_out) whose weights are yet to be drawn from a stream."""
    # nn.Linear itself would draw from torch's global generator
    return nn.utils.skip_init(nn.Linear, n_in, n_out)  # type: ignore[no-any-return, no-untyped-call]


class DenseLayer(nn.Module):
    """One autoencoder of the stack: ``x -> activation(x W + b) -> output(z W' + b')``.

    Parameters
    ----------
    n_in, n_out : int
        Width of the input and of the code.
    activation : str
        Of the code.
    output : str
        Of the reconstruction.
    """

    def __init__(self, n_in: int, n_out: int, *, activation: str, output: str) -> None:
        super().__init__()
        self.activation = _activation(activation, "model.activation")
        self.output = _activation(output, "model.output")
        self.encoder = new_linear(n_in, n_out)
        self.decoder = new_linear(n_out, n_in)

    def reset(self, stream: Stream, purpose: str) -> None:
        """Draw the initial weights and biases, uniform in +-1 / sqrt(fan in), from a stream."""
        for part, linear in (("encoder", self.encoder), ("decoder", self.decoder)):
            for name, parameter in linear.named_parameters():
                draw = stream.symmetric_uniform(
                    f"{purpose}.{part}.{name}", tuple(parameter.shape), linear.in_features**-0.5
                )
                with torch.no_grad():
                    parameter.copy_(draw)

    def encode(self, x: Tensor) -> Tensor:
        """Code of ``x``: (..., n_in) -> (..., n_out)."""
        return self.activation(self.encoder(x))

    def decode(self, z: Tensor) -> Tensor:
        """Reconstruction from a code: (..., n_out) -> (..., n_in)."""
        return self.output(self.decoder(z))

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruction of ``x``: (..., n_in) -> (..., n_in)."""
        return self.decode(self.encode(x))


class StackedAutoencoder(nn.Module):
    """A stack of dense autoencoders.

    Parameters
    ----------
    n_features : int
        Width of the input.
    hidden : sequence of int
        Width of each layer's code; the last is the number of codes.
    activation : str
        Of every layer but the last: ``linear relu gelu elu tanh sigmoid``.
    code_activation : str
        Of the last layer's code.
    output : str
        Of the reconstruction; ``sigmoid`` for data in [0, 1].

    Raises
    ------
    EegdaeError
        If a width is not positive or an activation is unknown.
    """

    def __init__(
        self,
        n_features: int,
        *,
        hidden: Sequence[int] = (256, 64),
        activation: str = "relu",
        code_activation: str = "relu",
        output: str = "linear",
    ) -> None:
        super().__init__()
        widths = [n_features, *hidden]
        if len(widths) < 2 or any(isinstance(w, bool) or not isinstance(w, int) or w < 1 for w in widths):
            raise EegdaeError(
                f"model.hidden={list(hidden)}: needs one or more widths, whole numbers of 1 or more"
            )
        codes = [activation] * (len(hidden) - 1) + [code_activation]
        self._widths = widths
        self.config: dict[str, Any] = {
            "n_features": n_features,
            "hidden": list(hidden),
            "activation": activation,
            "code_activation": code_activation,
            "output": output,
        }
        # the reconstruction of a code passes through the activation that made it
        self.layers: nn.ModuleList = nn.ModuleList(
            DenseLayer(n_in, n_out, activation=code, output=below)
            for n_in, n_out, code, below in zip(widths, widths[1:], codes, [output, *codes], strict=False)
        )

    @property
    def n_features(self) -> int:
        """Width of the input."""
        return self._widths[0]

    @property
    def n_codes(self) -> int:
        """Width of the code."""
        return self._widths[-1]

    def reset(self, stream: Stream) -> StackedAutoencoder:
        """Draw all initial weights from a stream and return self."""
        for k, layer in enumerate(self.layers):
            layer.reset(stream, f"init.{k}")  # type: ignore[operator]
        return self

    def encode(self, x: Tensor, *, n_layers: int | None = None) -> Tensor:
        """Code of ``x`` after ``n_layers`` layers (default all): (..., n_features) -> (..., n_codes)."""
        for layer in self.layers[:n_layers]:
            x = layer.encode(x)  # type: ignore[operator]
        return x

    def decode(self, z: Tensor) -> Tensor:
        """Reconstruction from a code: (..., n_codes) -> (..., n_features)."""
        for layer in reversed(self.layers):
            z = layer.decode(z)  # type: ignore[operator]
        return z

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruction of ``x``: (..., n_features) -> (..., n_features)."""
        return self.decode(self.encode(x))


def new_stack(layout: Layout, *, hidden: Sequence[int], **options: Any) -> StackedAutoencoder:
    """Make the stack that a configuration describes, its weights yet to be drawn.

    Parameters
    ----------
    layout : Layout
        Of a row of its input.
    hidden : sequence of int
        Widths of the layers; the last is the number of codes.
    **options
        Of `StackedAutoencoder`.

    Returns
    -------
    StackedAutoencoder
        ``stack_from_config(stack.config)`` makes another one like it.

    Raises
    ------
    EegdaeError
        If an option is not possible.
    """
    return StackedAutoencoder(layout.n_features, hidden=hidden, **options)


def stack_from_config(config: Mapping[str, Any]) -> StackedAutoencoder:
    """Make a stack from its ``config``: plain data, as a checkpoint keeps it."""
    return StackedAutoencoder(**config)


class PassThrough(nn.Module):
    """An encoder that leaves its input as it is: for heads on features that no stack encodes.

    Parameters
    ----------
    n_features : int
        Width of the input and of the code.
    """

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.n_codes = n_features

    def encode(self, x: Tensor) -> Tensor:
        """Return ``x``."""
        return x
