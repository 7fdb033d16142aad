"""One dense autoencoder, and how the weights of any layer are drawn."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from eegdae.errors import EegdaeError
from eegdae.models.activations import activation_of
from eegdae.randomness import Stream


def new_linear(n_in: int, n_out: int, *, bias: bool = True) -> nn.Linear:
    """Make a linear layer (..., n_in) -> (..., n_out) whose weights are yet to be drawn from a stream."""
    # nn.Linear itself would draw from torch's global generator
    return nn.utils.skip_init(nn.Linear, n_in, n_out, bias=bias)  # type: ignore[no-any-return, no-untyped-call]


def draw_weights(layer: nn.Module, stream: Stream, purpose: str, fan_in: Mapping[str, int]) -> None:
    """Draw weights and biases uniform in +-1 / sqrt(fan in); a norm begins with gain 1 and shift 0.

    Parameters
    ----------
    layer : nn.Module
        Changed in place.
    stream : Stream
        Each parameter has numbers of its own, by its name.
    purpose : str
        What the numbers are for: ``init.0``.
    fan_in : mapping of str to int
        First part of a parameter's name -> inputs of one of its units.
    """
    for name, parameter in layer.named_parameters():
        # the bias of a tied decoder is drawn as that of an untied one
        name = name.replace("decoder_bias", "decoder.bias")
        part = name.partition(".")[0]
        with torch.no_grad():
            if part == "norm":
                parameter.fill_(float(name.endswith("weight")))
            else:
                bound = fan_in[part] ** -0.5
                parameter.copy_(stream.symmetric_uniform(f"{purpose}.{name}", tuple(parameter.shape), bound))


class DenseLayer(nn.Module):
    r"""One autoencoder of the stack.

    .. math::
        z &= a(\mathrm{LN}(W x + b)) + S x \\
        \hat x &= o(W' z + b') + S' z

    Layer norm LN and shortcuts S and S' are there where they are asked for. A shortcut is the identity where
    both widths are equal, else a matrix that is learned. Tied: :math:`W' = W^T` and :math:`S' = S^T`.

    Parameters
    ----------
    n_in, n_out : int
        Width of the input and of the code.
    activation : str
        a, of the code.
    output : str
        o, of the reconstruction.
    tied : bool
        The decoder has the encoder's weights, transposed, and a bias of its own.
    residual : bool
        Add the shortcut to the code.
    residual_output : bool
        Add the shortcut to the reconstruction; not for data that must stay in the range of ``output``.
    layer_norm : bool
        Give the units of a row mean 0 and sd 1, then a learned gain and shift for each unit.

    Raises
    ------
    EegdaeError
        If an activation is unknown, or one unit alone should be normalised.

    References
    ----------
    Vincent et al., JMLR 11:3371 (2010); layer norm: Ba et al., arXiv:1607.06450; shortcuts: He et al., CVPR
    (2016), equations 1 and 2.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        activation: str,
        output: str,
        tied: bool = False,
        residual: bool = False,
        residual_output: bool = False,
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        self.activation = activation_of(activation, "model.activation")
        self.output = activation_of(output, "model.output")
        self.n_in, self.n_out, self.tied = n_in, n_out, tied
        self.residual, self.residual_output = residual, residual_output
        self.encoder = new_linear(n_in, n_out)
        if tied:
            self.decoder_bias = nn.Parameter(torch.empty(n_in))
        else:
            self.decoder = new_linear(n_out, n_in)
        if layer_norm and n_out == 1:
            raise EegdaeError("model.layer_norm=True: a layer of 1 unit has nothing to normalise over")
        self.norm = nn.LayerNorm(n_out) if layer_norm else None
        learned = n_in != n_out
        self.shortcut = new_linear(n_in, n_out, bias=False) if residual and learned else None
        own = residual_output and learned and not (tied and residual)
        self.decoder_shortcut = new_linear(n_out, n_in, bias=False) if own else None

    def reset(self, stream: Stream, purpose: str) -> None:
        """Draw the initial weights and biases from a stream, see `draw_weights`."""
        parts = {"encoder": self.n_in, "shortcut": self.n_in}
        draw_weights(self, stream, purpose, {**parts, "decoder": self.n_out, "decoder_shortcut": self.n_out})

    @property
    def is_plain(self) -> bool:
        """Whether the code is ``activation(encoder(x))`` and nothing else."""
        return self.norm is None and not self.residual

    @property
    def shape(self) -> str:
        """Widths on the way to the code and back, for whoever reads them."""
        return f"{self.n_in} → {self.n_out} → {self.n_in}"

    def encode(self, x: Tensor) -> Tensor:
        """Code of ``x``: (..., n_in) -> (..., n_out)."""
        z = self.encoder(x)  # (..., n_out)
        if self.norm is not None:
            z = self.norm(z)
        z = self.activation(z)
        if self.residual:
            z = z + (x if self.shortcut is None else self.shortcut(x))
        return z

    def decode(self, z: Tensor) -> Tensor:
        """Reconstruction from a code: (..., n_out) -> (..., n_in)."""
        if self.tied:
            x = nn.functional.linear(z, self.encoder.weight.T, self.decoder_bias)  # (..., n_in)
        else:
            x = self.decoder(z)
        x = self.output(x)
        if self.residual_output:
            x = x + self._back(z)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruction of ``x``: (..., n_in) -> (..., n_in)."""
        return self.decode(self.encode(x))

    def _back(self, z: Tensor) -> Tensor:
        if self.n_in == self.n_out:
            return z
        if self.decoder_shortcut is None:
            return nn.functional.linear(z, self.shortcut.weight.T)  # type: ignore[union-attr]
        return self.decoder_shortcut(z)  # type: ignore[no-any-return]
