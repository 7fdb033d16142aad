"""A head on codes as a network, so that the encoders below it can be trained with it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from eegdae.errors import EegdaeError
from eegdae.models.dense import new_linear
from eegdae.models.stack import PassThrough, StackedAutoencoder
from eegdae.models.view_stacks import ViewStacks
from eegdae.randomness import Stream


class CodeClassifier(nn.Module):
    """Encoders of all views, their codes side by side or fused, and a perceptron with one hidden layer.

    Parameters
    ----------
    encoders : ViewStacks, or mapping of str to StackedAutoencoder or PassThrough
        One a view; only their encoding half is used.
    n_outputs : int
        Number of classes.
    width : int
        Width of the hidden layer; 0 for a linear head.
    dropout : float
        Share of codes and of hidden units dropped in training, in [0, 1).
    """

    def __init__(
        self,
        encoders: Mapping[str, StackedAutoencoder | PassThrough],
        *,
        n_outputs: int,
        width: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if isinstance(width, bool) or not isinstance(width, int) or width < 0:
            raise EegdaeError(f"head.width={width}: must be a whole number, 0 (a linear head) or more")
        if not 0.0 <= dropout < 1.0:
            raise EegdaeError(f"head.dropout={dropout}: must be 0 or more and less than 1")
        self.dropout = dropout
        self.encoders = encoders if isinstance(encoders, ViewStacks) else ViewStacks(encoders)
        n_codes = self.encoders.n_codes
        widths = [n_codes, width, n_outputs] if width else [n_codes, n_outputs]
        self.register_buffer("code_mean", torch.zeros(n_codes))
        self.register_buffer("code_sd", torch.ones(n_codes))
        self.head = nn.ModuleList(new_linear(n_in, n_out) for n_in, n_out in pairwise(widths))

    def reset_head(self, stream: Stream) -> CodeClassifier:
        """Draw the head's initial weights, uniform in +-1 / sqrt(fan in), and return self."""
        for k, linear in enumerate(self.head):
            for name, parameter in linear.named_parameters():
                bound = parameter.shape[-1] ** -0.5 if name == "weight" else 0.0
                with torch.no_grad():
                    parameter.copy_(
                        stream.symmetric_uniform(f"head.{k}.{name}", tuple(parameter.shape), bound)
                    )
        return self

    def fit_code_scale(self, views: Mapping[str, Tensor]) -> None:
        """Take mean and sd of the training codes: the head sees codes of mean 0 and sd 1 at its start."""
        codes = self.codes(views)
        self.code_mean = codes.mean(0)
        self.code_sd = codes.std(0, correction=0).clamp(min=1e-6)

    def codes(self, views: Mapping[str, Tensor]) -> Tensor:
        """Codes of all views: {view: (n_rows, n_features)} -> (n_rows, n_codes)."""
        return self.encoders.encode(views)

    def forward(self, views: Mapping[str, Tensor], keep: Tensor | None = None) -> Tensor:
        """Class scores before the softmax.

        Parameters
        ----------
        views : mapping of str to Tensor, shape (n_rows, n_features of the view)
            Scaled features.
        keep : Tensor or None, shape (n_rows, n_codes + width)
            Uniform numbers that decide what dropout keeps; None switches dropout off.

        Returns
        -------
        Tensor, shape (n_rows, n_outputs)
            Logits.
        """
        z = (self.codes(views) - self.code_mean) / self.code_sd
        for k, linear in enumerate(self.head):
            if keep is not None and self.dropout:
                kept, keep = keep[:, : z.shape[-1]] >= self.dropout, keep[:, z.shape[-1] :]
                z = z * kept / (1.0 - self.dropout)
            z = linear(z)
            if k < len(self.head) - 1:
                z = torch.relu(z)
        return z
