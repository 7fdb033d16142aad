"""Several views, one stack each: their codes side by side, or fused by one more layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from eegdae.models.stack import PassThrough, StackedAutoencoder

FUSION = "fusion"
"""What the joint layer is called where views are named."""


class ViewStacks(nn.Module, Mapping[str, StackedAutoencoder]):
    """Encoders by view as one encoder of all of them.

    Parameters
    ----------
    stacks : mapping of str to StackedAutoencoder or PassThrough
        By view, in the order of their codes.
    joint : StackedAutoencoder or None
        The joint layer, an autoencoder of the views' codes side by side; None = these are the codes.

    References
    ----------
    Ngiam et al., Multimodal deep learning, ICML (2011): a shared layer over a stack for each view.
    """

    def __init__(
        self,
        stacks: Mapping[str, StackedAutoencoder | PassThrough],
        joint: StackedAutoencoder | None = None,
    ) -> None:
        super().__init__()
        self.stacks = nn.ModuleDict(dict(stacks))
        self.joint = joint

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
    def networks(self) -> tuple[nn.Module, ...]:
        """The stacks, and the joint layer where there is one: what makes two encoders the same."""
        return (*self.values(), *([self.joint] if self.joint else []))

    @property
    def n_codes(self) -> int:
        """Width of the code: of the joint layer, else all views side by side."""
        return self.joint.n_codes if self.joint else sum(stack.n_codes for stack in self.values())

    @property
    def shares(self) -> dict[str, int]:
        """What part of the code each view may count as its own: what PCA gets, view by view.

        Without a joint layer the view's number of codes. With one, its width is shared out in proportion to
        these (largest remainders first), at least 1 a view.
        """
        own = {view: stack.n_codes for view, stack in self.items()}
        if self.joint is None:
            return own
        exact = {view: self.n_codes * n / sum(own.values()) for view, n in own.items()}
        found = {view: int(part) for view, part in exact.items()}
        by_remainder = sorted(own, key=lambda view: found[view] - exact[view])
        for view in by_remainder[: self.n_codes - sum(found.values())]:
            found[view] += 1
        return {view: max(1, n) for view, n in found.items()}

    def encode_views(self, views: Mapping[str, Tensor]) -> Tensor:
        """Codes of the views' own stacks side by side: (n_rows, sum of their n_codes)."""
        return torch.cat([stack.encode(views[view]) for view, stack in self.items()], -1)

    def encode(self, views: Mapping[str, Tensor]) -> Tensor:
        """Codes of all views: {view: (n_rows, n_features)} -> (n_rows, n_codes)."""
        codes = self.encode_views(views)
        return self.joint.encode(codes) if self.joint else codes

    def decode(self, codes: Tensor) -> dict[str, Tensor]:
        """Reconstruction of every view: (n_rows, n_codes) -> {view: (n_rows, n_features)}."""
        if self.joint:
            codes = self.joint.decode(codes)  # (n_rows, sum of the views' n_codes)
        parts = torch.split(codes, [stack.n_codes for stack in self.values()], -1)
        return {view: stack.decode(z) for (view, stack), z in zip(self.items(), parts, strict=True)}

    def forward(self, views: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Reconstruction of every view: {view: (n_rows, n_features)} -> the same."""
        return self.decode(self.encode(views))
