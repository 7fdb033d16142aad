"""One convolutional autoencoder, over time or over a plane; any size goes in and the same size comes out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from eegdae.connectivity.measures import get_measure
from eegdae.errors import EegdaeError, did_you_mean
from eegdae.layout import Layout
from eegdae.models.activations import activation_of
from eegdae.models.dense import draw_weights
from eegdae.models.grid import Grid
from eegdae.randomness import Stream

KINDS = ("1d", "2d")
POOLINGS = ("stride", "max", "average")
UPSAMPLINGS = ("nearest", "linear", "transposed")

_CONV: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d}
_CONVOLVE: dict[int, Any] = {1: nn.functional.conv1d, 2: nn.functional.conv2d}
_TRANSPOSED: dict[int, Any] = {1: nn.functional.conv_transpose1d, 2: nn.functional.conv_transpose2d}
_POOL: dict[tuple[str, int], Any] = {
    ("max", 1): nn.functional.max_pool1d,
    ("max", 2): nn.functional.max_pool2d,
    ("average", 1): nn.functional.avg_pool1d,
    ("average", 2): nn.functional.avg_pool2d,
}


@dataclass(frozen=True)
class Convolution:
    """The convolutional layers of a stack: one for each number of channels, all with the same options.

    Parameters
    ----------
    kind : str
        ``1d`` over the samples of signals, ``2d`` over images and matrices of connectivity.
    channels : sequence of int
        Maps that each layer makes.
    kernel_size : int
        Samples, or rows and columns, that a unit sees; odd, so that it has a middle.
    factor : int
        What each layer divides the length of every axis by, rounded up; 1 keeps it.
    pooling : str
        How: ``stride`` (every ``factor``-th value), ``max`` or ``average`` of ``factor`` values.
    upsampling : str
        How the decoder goes back: ``nearest`` or ``linear`` interpolation, then a convolution;
        ``transposed`` does both in one.

    Raises
    ------
    EegdaeError
        If an option is not possible, whatever the input.
    """

    kind: str
    channels: Sequence[int]
    kernel_size: int = 5
    factor: int = 2
    pooling: str = "stride"
    upsampling: str = "nearest"

    def __post_init__(self) -> None:
        for key, value, known in (
            ("convolution", self.kind, KINDS),
            ("pooling", self.pooling, POOLINGS),
            ("upsampling", self.upsampling, UPSAMPLINGS),
        ):
            if value not in known:
                raise EegdaeError(f"model.{key}={value!r}: not known; {did_you_mean(str(value), known)}")
        channels = self.channels
        is_list = isinstance(channels, Sequence) and not isinstance(channels, str)
        if not is_list or not channels or not all(_is_whole(n) for n in channels):
            raise EegdaeError(
                f"model.channels={channels!r}: must be one or more whole numbers, 1 or more, for example "
                "[32, 64]; model=dense is without convolutions"
            )
        object.__setattr__(self, "channels", tuple(channels))
        if not _is_whole(self.kernel_size) or self.kernel_size % 2 == 0:
            raise EegdaeError(
                f"model.kernel_size={self.kernel_size!r}: must be an odd whole number, 1 or more"
            )
        if not _is_whole(self.factor):
            raise EegdaeError(f"model.factor={self.factor!r}: must be a whole number, 1 (no pooling) or more")

    def fits(self, layout: Layout) -> bool:
        """Tell whether rows of this layout can be convolved: over time, or over a plane."""
        if self.kind == "1d":
            return layout.kind == "signals"
        return layout.kind == "images" or (layout.kind == "matrices" and get_measure(layout.measure).of_pairs)


class ConvLayer(nn.Module):
    r"""One convolutional autoencoder of the stack, on flat rows like any other layer.

    .. math::
        z &= a(\mathrm{LN}(\mathrm{pool}(W * x + b))) + \mathrm{pool}(S * x) \\
        \hat x &= o(W' * \mathrm{up}(z) + b') + S' * \mathrm{up}(z)

    Zeros are put around the input, so that a convolution keeps its size, whatever that is; pooling divides it
    by ``factor``, rounded up; the decoder brings it back to exactly what it was. LN normalises all units of a
    row, with a gain and a shift for each map. A shortcut S is the identity where the numbers of maps are
    equal, else a convolution with kernels of size 1. Tied: :math:`W'` and :math:`S'` are W and S transposed.

    Parameters
    ----------
    grid : Grid
        How a row of the input unfolds.
    n_maps : int
        Maps that the layer makes.
    convolution : Convolution
        Kernel, pooling and upsampling.
    activation, output : str
        a of the code and o of the reconstruction.
    tied, residual, residual_output, layer_norm : bool
        As for `DenseLayer`.

    Raises
    ------
    EegdaeError
        If kernel or pooling are too large for the input, or an option is not possible.

    References
    ----------
    Masci et al., ICANN (2011); layer norm over maps: Wu and He, ECCV (2018), with one group; interpolation
    before the convolution leaves no chequered pattern: Odena et al., Distill (2016).
    """

    def __init__(
        self,
        grid: Grid,
        n_maps: int,
        convolution: Convolution,
        *,
        activation: str,
        output: str,
        tied: bool = False,
        residual: bool = False,
        residual_output: bool = False,
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        size, factor, smallest = convolution.kernel_size, convolution.factor, min(grid.space)
        if size > 2 * smallest - 1:
            raise EegdaeError(
                f"model.kernel_size={size}: reaches beyond both ends of a layer's input, {grid}; at most "
                f"{2 * smallest - 1}, or fewer model.channels, or a smaller model.factor"
            )
        if factor > smallest:
            raise EegdaeError(
                f"model.factor={factor}: pools more than there is of a layer's input, {grid}; at most "
                f"{smallest}, or fewer model.channels"
            )
        self.activation = activation_of(activation, "model.activation")
        self.output = activation_of(output, "model.output")
        self.convolution, self.grid = convolution, grid
        self.code_grid = Grid(n_maps, tuple(math.ceil(n / factor) for n in grid.space))
        self.n_in, self.n_out = grid.n_features, self.code_grid.n_features
        self.tied, self.residual, self.residual_output = tied, residual, residual_output
        self._n_axes = len(grid.space)
        self.encoder = self._new(
            grid.n_maps, n_maps, size, stride=factor if convolution.pooling == "stride" else 1
        )
        if tied:
            self.decoder_bias = nn.Parameter(torch.empty(grid.n_maps))
        elif convolution.upsampling == "transposed":
            self.decoder = self._new(n_maps, grid.n_maps, size, transposed=True)
        else:
            self.decoder = self._new(n_maps, grid.n_maps, size)
        if layer_norm and self.n_out == 1:
            raise EegdaeError("model.layer_norm=True: a layer of 1 unit has nothing to normalise over")
        self.norm = nn.GroupNorm(1, n_maps) if layer_norm else None
        learned = grid.n_maps != n_maps
        self.shortcut = self._new(grid.n_maps, n_maps, 1, bias=False) if residual and learned else None
        own = residual_output and learned and not (tied and residual)
        self.decoder_shortcut = self._new(n_maps, grid.n_maps, 1, bias=False) if own else None

    def reset(self, stream: Stream, purpose: str) -> None:
        """Draw the initial weights and biases from a stream, see `draw_weights`."""
        taps = self.convolution.kernel_size**self._n_axes
        n_in, n_out = self.grid.n_maps, self.code_grid.n_maps
        fan_in = {"encoder": n_in * taps, "decoder": n_out * taps, "shortcut": n_in}
        draw_weights(self, stream, purpose, {**fan_in, "decoder_shortcut": n_out})

    @property
    def is_plain(self) -> bool:
        """Whether the code is ``activation(encoder(x))`` of flat rows and nothing else: never."""
        return False

    @property
    def shape(self) -> str:
        """Maps and sizes on the way to the code and back, for whoever reads them."""
        return f"{self.grid} → {self.code_grid} → {self.grid}"

    def encode(self, x: Tensor) -> Tensor:
        """Code of ``x``: (..., n_in) -> (..., n_out)."""
        maps = self.grid.unfold(x)  # (n_rows, n_maps, n_times)
        z = self.encoder(maps)  # (n_rows, n_codes_maps, n_times), with a stride n_times / factor
        if self.convolution.pooling != "stride":
            z = self._pool(z)  # (n_rows, n_code_maps, n_times / factor, rounded up)
        if self.norm is not None:
            z = self.norm(z)
        z = self.activation(z)
        if self.residual:
            z = z + self._pool(maps if self.shortcut is None else self.shortcut(maps))
        return z.reshape(*x.shape[:-1], self.n_out)

    def decode(self, z: Tensor) -> Tensor:
        """Reconstruction from a code: (..., n_out) -> (..., n_in)."""
        maps = self.code_grid.unfold(z)  # (n_rows, n_code_maps, n_times / factor)
        x = self.output(self.grid.fold(self._deconvolve(maps)))  # (n_rows, n_in)
        if self.residual_output:
            x = x + self.grid.fold(self._back(self._upsample(maps)))
        return x.reshape(*z.shape[:-1], self.n_in)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruction of ``x``: (..., n_in) -> (..., n_in)."""
        return self.decode(self.encode(x))

    def _new(
        self,
        n_in: int,
        n_out: int,
        size: int,
        *,
        stride: int = 1,
        bias: bool = True,
        transposed: bool = False,
    ) -> Any:
        """Make a convolution that keeps the size, its weights yet to be drawn."""
        kind = (
            {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d}[self._n_axes]
            if transposed
            else _CONV[self._n_axes]
        )
        options = {"stride": stride, "padding": size // 2, "bias": bias}
        return nn.utils.skip_init(kind, n_in, n_out, size, **options)  # type: ignore[no-untyped-call]

    def _pool(self, maps: Tensor) -> Tensor:
        factor, pooling = self.convolution.factor, self.convolution.pooling
        if factor == 1:
            return maps
        if pooling == "stride":
            return maps[..., ::factor] if self._n_axes == 1 else maps[..., ::factor, ::factor]
        return _POOL[pooling, self._n_axes](maps, factor, ceil_mode=True)  # type: ignore[no-any-return]

    def _deconvolve(self, maps: Tensor) -> Tensor:
        """Bring maps of the code back to the size of the input: (n_rows, n_maps, n_times)."""
        size, factor = self.convolution.kernel_size, self.convolution.factor
        weight = self.encoder.weight if self.tied else self.decoder.weight
        bias = self.decoder_bias if self.tied else self.decoder.bias
        if self.convolution.upsampling == "transposed":
            # what rounding up left out: 0 to factor - 1 values at the end of each axis
            rest = [n - 1 - (m - 1) * factor for n, m in zip(self.grid.space, maps.shape[2:], strict=True)]
            options = {"stride": factor, "padding": size // 2, "output_padding": rest}
            return _TRANSPOSED[self._n_axes](maps, weight, bias, **options)  # type: ignore[no-any-return]
        if self.tied:
            weight = weight.transpose(0, 1).flip(list(range(2, weight.ndim)))
        maps = self._upsample(maps)
        return _CONVOLVE[self._n_axes](maps, weight, bias, padding=size // 2)  # type: ignore[no-any-return]

    def _upsample(self, maps: Tensor) -> Tensor:
        """Stretch maps of the code to the size of the input: (n_rows, n_code_maps, n_times)."""
        if maps.shape[2:] == self.grid.space:
            return maps
        if self.convolution.upsampling == "linear":
            mode = "linear" if self._n_axes == 1 else "bilinear"
            return nn.functional.interpolate(maps, self.grid.space, mode=mode, align_corners=False)
        return nn.functional.interpolate(maps, self.grid.space, mode="nearest")

    def _back(self, maps: Tensor) -> Tensor:
        if self.grid.n_maps == self.code_grid.n_maps:
            return maps
        if self.decoder_shortcut is None:
            weight = self.shortcut.weight.transpose(0, 1)  # type: ignore[union-attr]
            return _CONVOLVE[self._n_axes](maps, weight)  # type: ignore[no-any-return]
        return self.decoder_shortcut(maps)  # type: ignore[no-any-return]


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
