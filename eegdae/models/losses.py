"""Losses as pure functions of a reconstruction and its clean target; missing entries never count."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from eegdae.errors import EegdaeError


def _mean(values: Tensor, observed: Tensor | None, weight: Tensor | None) -> Tensor:
    if weight is not None:
        values = values * weight
    if observed is None:
        return values.mean()
    return (values * observed).sum() / observed.sum().clamp(min=1)


def mse(
    reconstruction: Tensor, target: Tensor, observed: Tensor | None = None, *, weight: Tensor | None = None
) -> Tensor:
    """Mean squared error over the observed entries.

    Parameters
    ----------
    reconstruction, target : Tensor, shape (n_rows, n_features)
        What the network gave, and the clean input.
    observed : Tensor of bool or None, same shape
        True where the target was observed.
    weight : Tensor or None, shape that broadcasts to the same
        What each entry's loss is multiplied by; the sum is still divided by the number of observed entries.

    Returns
    -------
    Tensor, shape ()
        In squared units of the scaled input.
    """
    return _mean((reconstruction - target) ** 2, observed, weight)


def bce(
    reconstruction: Tensor, target: Tensor, observed: Tensor | None = None, *, weight: Tensor | None = None
) -> Tensor:
    """Mean binary cross-entropy over the observed entries, for data and reconstructions in [0, 1].

    Parameters and result as for `mse`, the result in nats. Reconstructions are probabilities, not logits.
    """
    # torch refuses NaN with a traceback; handed on, the stage can name its learning rate
    probability = reconstruction.nan_to_num(nan=0.5)
    values = nn.functional.binary_cross_entropy(probability, target, reduction="none")
    return _mean(values + (reconstruction - reconstruction).detach(), observed, weight)


def huber(
    reconstruction: Tensor,
    target: Tensor,
    observed: Tensor | None = None,
    *,
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    r"""Mean Huber loss: squared where the error is small, linear where it is large.

    .. math:: h(e) = e^2 / 2 \text{ where } |e| \le \delta, \quad \delta (|e| - \delta / 2) \text{ elsewhere}

    Parameters
    ----------
    reconstruction, target, observed, weight
        As for `mse`.
    delta : float
        Where the two meet, above 0, in units of the scaled input.

    Returns
    -------
    Tensor, shape ()
        In squared units of the scaled input.

    References
    ----------
    Huber, Ann Math Stat 35:73 (1964).
    """
    return _mean(
        nn.functional.huber_loss(reconstruction, target, reduction="none", delta=delta), observed, weight
    )


def correntropy(
    reconstruction: Tensor,
    target: Tensor,
    observed: Tensor | None = None,
    *,
    sigma: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    r"""Mean correntropy-induced loss: an entry far off costs no more than a limit.

    .. math:: c(e) = 2 \sigma^2 (1 - \exp(-e^2 / 2 \sigma^2))

    It is the squared error where the error is small beside :math:`\sigma`, and at most
    :math:`2 \sigma^2`.

    Parameters
    ----------
    reconstruction, target, observed, weight
        As for `mse`.
    sigma : float
        Width of the kernel, above 0, in units of the scaled input.

    Returns
    -------
    Tensor, shape ()
        In squared units of the scaled input.

    References
    ----------
    Liu et al., IEEE Trans Signal Process 55:5286 (2007); in a stacked autoencoder: Qi et al., ICASSP (2014).
    """
    twice = 2.0 * sigma**2
    return _mean(-twice * torch.expm1(-((reconstruction - target) ** 2) / twice), observed, weight)


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


LOSSES: dict[str, Callable[..., Tensor]] = {
    "mse": mse,
    "bce": bce,
    "huber": huber,
    "correntropy": correntropy,
}
"""Name -> ``loss(reconstruction, target, observed, weight=)``; options by name: ``delta``, ``sigma``."""


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
