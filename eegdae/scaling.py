"""Shift and scale of features, fitted on training rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from eegdae.errors import EegdaeError, did_you_mean

SCALERS = ("standard", "minmax", "none")

_BLOCK_BYTES = 2**24
"""Bytes of the double-precision copy that a scaler makes of a part of its features."""


@dataclass(frozen=True, eq=False)
class Scaler:
    """Shift and scale of each feature, fitted on training rows: ``(x - center) / scale``.

    Parameters
    ----------
    center, scale : Tensor, shape (n_features,)
        In the unit of the features; a constant feature has scale 1.
    """

    center: Tensor
    scale: Tensor

    @classmethod
    def fit(
        cls, x: Tensor, kind: str, *, n_groups: int | None = None, observed: Tensor | None = None
    ) -> Scaler:
        """Fit a scaler.

        Parameters
        ----------
        x : Tensor, shape (n_rows, n_features)
            Training rows.
        kind : str
            ``standard`` (mean 0, sd 1), ``minmax`` (0 to 1) or ``none``.
        n_groups : int or None
            Equal blocks of features that are scaled as one (channels of raw windows); None = each its own.
        observed : Tensor of bool or None, shape (n_rows, n_features)
            True where ``x`` was observed; the others do not count.

        Returns
        -------
        Scaler
            Fitted.

        Raises
        ------
        EegdaeError
            If the kind is unknown.
        """
        if kind not in SCALERS:
            raise EegdaeError(f"scaler={kind!r}: no such scaler; {did_you_mean(str(kind), SCALERS)}")
        n_features = x.shape[1]
        if kind == "none":
            return cls(torch.zeros(n_features), torch.ones(n_features))
        width = n_features // n_groups if n_groups else 1
        # whole groups, a few at a time: what follows takes several times their memory
        step = width * max(1, _BLOCK_BYTES // (8 * max(1, len(x)) * width))
        center, scale = torch.empty(n_features), torch.empty(n_features)
        for part in (slice(at, at + step) for at in range(0, n_features, step)):
            seen = None if observed is None else observed[:, part]
            center[part], scale[part] = cls._block(x[:, part], kind, width, seen)
        return cls(center, scale)

    @staticmethod
    def _block(x: Tensor, kind: str, width: int, observed: Tensor | None) -> tuple[Tensor, Tensor]:
        # (rows, groups, width) -> (groups, rows x width): numbers that share a scale; NaN where unobserved
        values = x.double() if observed is None else x.double().masked_fill(~observed, math.nan)
        pooled = values.reshape(len(x), -1, width).transpose(0, 1).flatten(1)
        if kind == "standard":
            center = pooled.nanmean(1)
            scale = (pooled - center[:, None]).square().nanmean(1).sqrt()
        else:
            center = pooled.nan_to_num(nan=math.inf).amin(1)
            scale = pooled.nan_to_num(nan=-math.inf).amax(1) - center
        # a feature that was never observed stays as it is
        center, scale = center.nan_to_num(0.0, 0.0, 0.0), scale.nan_to_num(0.0, 0.0, 0.0)
        scale = torch.where(scale > 1e-12 * center.abs().clamp(min=1e-12), scale, 1.0)
        return center.repeat_interleave(width).float(), scale.repeat_interleave(width).float()

    def transform(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """Scale rows, shape (n_rows, n_features); what was not observed becomes 0."""
        scaled = (x - self.center) / self.scale
        return scaled if observed is None else scaled.masked_fill(~observed, 0.0)

    def inverse_transform(self, x: Tensor) -> Tensor:
        """Bring scaled rows back to the unit of the features, shape (n_rows, n_features)."""
        return x * self.scale + self.center
