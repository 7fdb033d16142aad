"""The stacked autoencoder: layers that can be trained one at a time, then together.

Layer k maps the code of layer k - 1 to its own code and back: convolutions first, where there are any, then
dense layers. Between layers a row is flat, (n_rows, n_features); a convolution unfolds it for itself. A
greedy stage trains one layer on the clean codes of the layers below; the joint pass trains the whole
`StackedAutoencoder`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from eegdae.models.convolution import ConvLayer, Convolution
from eegdae.models.dense import DenseLayer
from eegdae.models.grid import grid_of
from eegdae.randomness import Stream


class StackedAutoencoder(nn.Module):
    """A stack of autoencoders: convolutional ones, if any, then dense ones.

    Parameters
    ----------
    n_features : int
        Width of the input.
    hidden : sequence of int
        Width of each dense layer's code; the last is the number of codes. Empty only after convolutions,
        whose maps then are the codes.
    activation : str
        Of every layer but the last, a key of `ACTIVATIONS`.
    code_activation : str
        Of the last layer's code.
    output : str
        Of the reconstruction; ``sigmoid`` for data in [0, 1].
    tied, residual, layer_norm : bool
        Of every layer, see `DenseLayer`; the reconstruction of the data itself has no shortcut.
    convolution : Convolution or None
        Layers before the dense ones.
    layout : Layout or None
        Of a row of the input; needed by convolutions.

    Raises
    ------
    EegdaeError
        If a width is not positive, an activation is unknown, or a convolution does not fit its input.
    """

    def __init__(
        self,
        n_features: int,
        *,
        hidden: Sequence[int] = (256, 64),
        activation: str = "relu",
        code_activation: str = "relu",
        output: str = "linear",
        tied: bool = False,
        residual: bool = False,
        layer_norm: bool = False,
        convolution: Convolution | None = None,
        layout: Layout | None = None,
    ) -> None:
        super().__init__()
        is_whole = all(
            isinstance(w, int) and not isinstance(w, bool) and w >= 1 for w in (n_features, *hidden)
        )
        if not is_whole or not (hidden or convolution):
            raise EegdaeError(
                f"model.hidden={list(hidden)}: needs one or more widths, whole numbers of 1 or more"
            )
        self.config: dict[str, Any] = {
            "n_features": n_features,
            "hidden": list(hidden),
            "activation": activation,
            "code_activation": code_activation,
            "output": output,
            "tied": tied,
            "residual": residual,
            "layer_norm": layer_norm,
        }
        options: dict[str, Any] = {"tied": tied, "residual": residual, "layer_norm": layer_norm}
        n_layers = len(hidden) + (len(convolution.channels) if convolution else 0)
        # the activation of each code; its reconstruction from above passes through it again
        codes = [activation] * (n_layers - 1) + [code_activation]
        each: list[dict[str, Any]] = [
            {"activation": code, "output": below, "residual_output": residual and k > 0, **options}
            for k, (below, code) in enumerate(pairwise([output, *codes]))
        ]
        self.layers: nn.ModuleList = nn.ModuleList()
        width = n_features
        if convolution:
            if layout is None or layout.n_features != n_features:
                raise EegdaeError(f"model.convolution: needs the layout of its {n_features} features")
            self.config |= {"convolution": _plain(convolution), "layout": _plain(layout)}
            grid = grid_of(layout)
            for n_maps in convolution.channels:
                layer = ConvLayer(grid, n_maps, convolution, **each[len(self.layers)])
                self.layers.append(layer)
                grid, width = layer.code_grid, layer.n_out
        for n_in, n_out in pairwise([width, *hidden]):
            self.layers.append(DenseLayer(n_in, n_out, **each[len(self.layers)]))

    @property
    def n_features(self) -> int:
        """Width of the input."""
        return int(self.config["n_features"])

    @property
    def n_codes(self) -> int:
        """Width of the code."""
        return self.layers[-1].n_out  # type: ignore[return-value]

    @property
    def codes_are_probabilities(self) -> bool:
        """Whether the codes of every layer but the last lie in [0, 1]."""
        return self.config["activation"] == "sigmoid" and not self.config["residual"]

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


def new_stack(
    layout: Layout, *, hidden: Sequence[int], convolution: Convolution | None = None, **options: Any
) -> StackedAutoencoder:
    """Make the stack that a configuration describes, its weights yet to be drawn.

    Parameters
    ----------
    layout : Layout
        Of a row of its input.
    hidden : sequence of int
        Widths of the dense layers; the last is the number of codes.
    convolution : Convolution or None
        Layers before them, where the layout can be convolved that way; else the dense layers alone.
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
    if convolution and convolution.fits(layout):
        options = {**options, "convolution": convolution, "layout": layout}
    return StackedAutoencoder(layout.n_features, hidden=hidden, **options)


def stack_from_config(config: Mapping[str, Any]) -> StackedAutoencoder:
    """Make a stack from its ``config``: plain data, as a checkpoint keeps it."""
    options = dict(config)
    if options.get("convolution"):
        layout = options["layout"]
        options["convolution"] = Convolution(**options["convolution"])
        options["layout"] = Layout(**{**layout, "shape": tuple(layout["shape"])})
    return StackedAutoencoder(**options)


def is_of_decoder(parameter: str) -> bool:
    """Tell by its name whether a parameter, of a stack or what holds stacks, only serves to decode."""
    # a view may be called decoder, a layer has a number
    return re.search(r"(^|\.)layers\.\d+\.decoder", parameter) is not None


def _plain(options: Convolution | Layout) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in dataclasses.asdict(options).items()
    }


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
