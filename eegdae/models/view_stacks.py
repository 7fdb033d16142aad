"""Several views, one stack each: their codes side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from eegdae.models.stack import PassThrough, StackedAutoencoder


class ViewStacks(nn.Module, Mapping[str, StackedAutoencoder]):
    """Encoders by view as one encoder of all of them.

    Parameters
    ----------
    stacks : mapping of str to StackedAutoencoder or PassThrough
        By view, in the order of their codes.
    """

    def __init__(self, stacks: Mapping[str, StackedAutoencoder | PassThrough]) -> None:
        super().__init__()
        self.stacks = nn.ModuleDict(dict(stacks))

    def __getitem__(self, view: str) -> StackedAutoencoder:
        return self.stacks[view]  # type: ignore[return-value]

    def __iter__(self) -> Iterator[str]:
        return iter(self.stacks)

    def __len__(self) -> int:
        return len(self.stacks)

    # a module and a mapping both say what equality is; two encoders are the same if they are one object
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def n_codes(self) -> int:
        """Width of the code, all views side by side."""
        return sum(stack.n_codes for stack in self.values())

    def encode(self, views: Mapping[str, Tensor]) -> Tensor:
        """Codes of all views side by side: {view: (n_rows, n_features)} -> (n_rows, n_codes)."""
        return torch.cat([stack.encode(views[view]) for view, stack in self.items()], -1)
