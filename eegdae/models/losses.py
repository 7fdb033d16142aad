"""Losses as pure functions of a reconstruction and its clean target; missing entries never count."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from eegdae.errors import EegdaeError


def _mean(values: Tensor, observed: Tensor | None) -> Tensor:
    if observed is None:
        return values.mean()
    return (values * observed).sum() / observed.sum().clamp(min=1)


def mse(reconstruction: Tensor, target: Tensor, observed: Tensor | None = None) -> Tensor:
    """Mean squared error over the observed entries.

    Parameters
    ----------
    reconstruction, target : Tensor, shape (n_rows, n_features)
        What the network gave, and the clean input.
    observed : Tensor of bool or None, same shape
        True where the target was observed.

    Returns
    -------
    Tensor, shape ()
        In squared units of the scaled input.
    """
    return _mean((reconstruction - target) ** 2, observed)


def bce(reconstruction: Tensor, target: Tensor, observed: Tensor | None = None) -> Tensor:
    """Mean binary cross-entropy over the observed entries, for data and reconstructions in [0, 1].

    Parameters and result as for `mse`, the result in nats. Reconstructions are probabilities, not logits.
    """
    # torch refuses NaN with a traceback; handed on, the stage can name its learning rate
    probability = reconstruction.nan_to_num(nan=0.5)
    values = nn.functional.binary_cross_entropy(probability, target, reduction="none")
    return _mean(values + (reconstruction - reconstruction).detach(), observed)


def cross_entropy(logits: Tensor, target: Tensor, class_weight: Tensor) -> Tensor:
    """Cross-entropy of class scores, weighted by class.

    Parameters
    ----------
    logits : Tensor, shape (n_rows, n_outputs)
        Class scores before the softmax.
    target : Tensor of int64, shape (n_rows,)
        Class numbers.
    class_weight : Tensor, shape (n_outputs,)
        Weight of each class.

    Returns
    -------
    Tensor, shape ()
        Weighted mean in nats.
    """
    return nn.functional.cross_entropy(logits, target, weight=class_weight)


LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor | None], Tensor]] = {"mse": mse, "bce": bce}


def check_unit_interval(x: Tensor, what: str) -> None:
    """Refuse data that a binary cross-entropy cannot take.

    Raises
    ------
    EegdaeError
        If an entry of ``x`` lies outside [0, 1].
    """
    low, high = float(torch.min(x)), float(torch.max(x))
    if not (low >= 0.0 and high <= 1.0):
        raise EegdaeError(
            f"loss=bce: {what} lies in [{low:.4g}, {high:.4g}], outside [0, 1]; set scaler=minmax"
        )
