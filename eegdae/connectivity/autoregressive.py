"""Vector autoregression: every window's past predicts its present, one batched least-squares fit for all."""

from __future__ import annotations

import math
from numbers import Integral
from typing import NamedTuple, SupportsFloat

import torch
from torch import Tensor

from eegdae.connectivity.arrays import as_tensor
from eegdae.errors import EegdaeError

RESOLUTION = {torch.float32: 1e-6, torch.float64: 1e-12}
"""Type of the input -> share of a predictor below which what others leave of it is rounding, no signal."""


class Fit(NamedTuple):
    """A model of each window, and what stood in its way.

    Attributes
    ----------
    coefficients : Tensor, shape (..., order, n_chans, n_chans)
        float64; entry [k, i, j]: what channel j, k + 1 samples ago, adds to channel i.
    covariance : Tensor, shape (..., n_chans, n_chans)
        float64; of the residuals, unit^2.
    dependent : Tensor, shape (..., order, n_chans)
        True where a predictor is a combination of those before it: the coefficients then mean nothing.
    """

    coefficients: Tensor
    covariance: Tensor
    dependent: Tensor


def fit_var(x: Tensor, *, order: int, ridge: float = 0.0) -> tuple[Tensor, Tensor]:
    r"""Fit a vector autoregressive model to each window by least squares.

    .. math:: x_i(t) = \sum_{k=1}^{p} \sum_j A_{k,ij}\, x_j(t - k) + e_i(t), \qquad
              \Sigma = \frac{1}{T - p} \sum_{t=p}^{T-1} e(t) e(t)^\top

    The mean of each window is taken off and there is no intercept. The coefficients minimise
    :math:`\sum_t e_i(t)^2 + \lambda (T - p) \sum_{k,j} (s_j A_{k,ij})^2`, s_j being the standard deviation
    of channel j in the window and lambda the `ridge`, so a gain of a channel does not change what is
    penalised. Solved by a QR decomposition of the standardised predictors, always in float64: the normal
    equations would square a condition that is bad already, as neighbouring samples are alike. float32 goes
    in and comes out.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real signals, any unit.
    order : int
        Samples of the past that predict, p, at least 1; n_times - order >= n_chans (order + 1) must hold.
    ridge : float
        Penalty on the coefficients, lambda, without unit; 0 is ordinary least squares.

    Returns
    -------
    coefficients : Tensor, shape (..., order, n_chans, n_chans)
        Entry [k, i, j] is the influence of channel j at lag k + 1 on channel i, in units of i a unit of j.
        0 from and to a constant channel.
    covariance : Tensor, shape (..., n_chans, n_chans)
        Of the residuals, unit^2, symmetric, divided by the number of samples predicted (maximum
        likelihood), not by the degrees of freedom. 0 for a constant channel.

    Raises
    ------
    EegdaeError
        Where the order is no whole number of 1 or more, or too large for these windows (whatever the
        ridge); the ridge is negative or not finite; `x` is complex, holds NaN or infinite values or has
        fewer than two dimensions; without a ridge, where channels are linearly dependent, up to 1e-12 of a
        predictor in float64 and 1e-6 in float32: equal channels, or all those of an average reference.

    References
    ----------
    H. Lütkepohl, New Introduction to Multiple Time Series Analysis, Springer, 2005, section 3.2.
    """
    tensor = check_windows(x)
    check_order(order, shape=tensor.shape)
    if not (isinstance(ridge, SupportsFloat) and math.isfinite(ridge) and float(ridge) >= 0):
        raise EegdaeError(f"ridge: {ridge!r}; allowed: a finite number, 0 or more")
    fit = solve_var(tensor, order=order, ridge=float(ridge))
    if bool(fit.dependent.any()):
        raise _dependent(fit.dependent.any(dim=-2))
    return fit.coefficients.to(tensor.dtype), fit.covariance.to(tensor.dtype)


def select_order(x: Tensor, *, max_order: int, criterion: str = "bic") -> int:
    r"""Choose one order of autoregression for all windows: the one of the least mean criterion.

    .. math:: \mathrm{BIC}(p) = \ln \det \Sigma_p + \frac{\ln n}{n}\, p\, C^2, \qquad
              \mathrm{AIC}(p) = \ln \det \Sigma_p + \frac{2}{n}\, p\, C^2

    Sigma_p is the maximum-likelihood covariance of the residuals at order p and C the number of channels.
    Every order predicts the same samples, n = n_times - max_order, or a higher one would seem better for
    having fewer to predict. The mean over windows is the mean of the criterion, each window its own model.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real signals, any unit.
    max_order : int
        The largest order tried; 1 is the smallest. n_times - max_order >= n_chans (max_order + 1) must hold.
    criterion : str
        ``bic`` finds the true order of a long recording; ``aic`` predicts better and tends to more lags.

    Returns
    -------
    int
        The order, from 1 to `max_order`; the lowest of equals.

    Raises
    ------
    EegdaeError
        Where `fit_var` would at `max_order`; a channel is constant; there is no window; the criterion is
        unknown.

    References
    ----------
    H. Lütkepohl, New Introduction to Multiple Time Series Analysis, Springer, 2005, section 4.3.
    """
    tensor = check_windows(x)
    check_order(max_order, shape=tensor.shape, name="max_order")
    if criterion not in ("bic", "aic"):
        raise EegdaeError(f"criterion: {criterion!r}; allowed: 'bic', 'aic'")
    if tensor.numel() == 0:
        raise EegdaeError(f"x: shape {tuple(tensor.shape)} holds no windows; an order needs at least one")
    n_chans = tensor.shape[-2]
    with torch.no_grad():
        predictors, targets, scale = _regression(tensor, max_order)
        if bool((scale == 0).any()):
            raise EegdaeError(f"x: constant in {_where(scale[..., 0] == 0)}; leave that channel out")
        # Predictors come lag after lag, so one triangle holds the residuals of every order: the rows below.
        triangle = torch.linalg.qr(torch.cat([predictors, targets], dim=-1), mode="r").R
        dependent = _dependent_columns(triangle, predictors, RESOLUTION[tensor.dtype])
        if bool(dependent.any()):
            raise _dependent(dependent.reshape(*dependent.shape[:-1], max_order, n_chans).any(dim=-2))
        n_predicted = targets.shape[-2]
        weight = (math.log(n_predicted) if criterion == "bic" else 2.0) / n_predicted
        scores = []
        for order in range(1, max_order + 1):
            rest = triangle[..., order * n_chans :, max_order * n_chans :]
            log_det = torch.linalg.slogdet(rest.mT @ rest / n_predicted).logabsdet
            scores.append(float(log_det.mean()) + weight * order * n_chans**2)
    return 1 + scores.index(min(scores))


def solve_var(x: Tensor, *, order: int, ridge: float = 0.0) -> Fit:
    """Fit as `fit_var` does, without its checks: in float64, and telling dependent predictors, not refusing.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        float32 or float64, as `check_windows` gives it; the type decides what is rounding.
    order : int
        As `check_order` lets it through.
    ridge : float
        Penalty, 0 or more.

    Returns
    -------
    Fit
        Coefficients, covariance of the residuals, and where predictors were dependent.
    """
    n_chans = x.shape[-2]
    predictors, targets, scale = _regression(x, order)
    n_predicted = targets.shape[-2]
    silent = scale[..., 0] == 0  # (..., n_chans)
    rows, wanted = predictors, targets
    if ridge > 0 or bool(silent.any()):
        # A penalty is a row of its own. A constant channel gets one too: it predicts nothing and needs a
        # coefficient of 0, where an equation 0 = 0 would leave any.
        penalty = rows.new_full(silent.shape, ridge).masked_fill(silent, 1.0).mul(n_predicted).sqrt()
        penalty = penalty[..., None, :].expand(*silent.shape[:-1], order, n_chans).flatten(-2)
        rows = torch.cat([rows, torch.diag_embed(penalty)], dim=-2)
        wanted = torch.cat([wanted, wanted.new_zeros((*penalty.shape, n_chans))], dim=-2)
    q, r = torch.linalg.qr(rows)  # (..., n_rows, order * n_chans), (..., order * n_chans, order * n_chans)
    dependent = _dependent_columns(r, rows, RESOLUTION[x.dtype])
    solution = torch.linalg.solve_triangular(r, q.mT @ wanted, upper=True)  # (..., order * n_chans, n_chans)
    error = targets - predictors @ solution
    scale = torch.where(silent[..., None], 1.0, scale)  # (..., n_chans, 1)
    covariance = error.mT @ error / n_predicted * (scale * scale.mT)
    a = solution.reshape(*silent.shape[:-1], order, n_chans, n_chans).mT * (scale / scale.mT)[..., None, :, :]
    either = silent[..., :, None] | silent[..., None, :]
    return Fit(
        a.masked_fill(either[..., None, :, :], 0.0),
        (covariance + covariance.mT) / 2,
        dependent.reshape(*silent.shape[:-1], order, n_chans),
    )


def check_windows(x: Tensor) -> Tensor:
    """Refuse windows that no model can be fitted to.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real signals.

    Returns
    -------
    Tensor, same shape
        float64 for float64 and float32 otherwise.

    Raises
    ------
    EegdaeError
        Where `x` is complex, has fewer than two dimensions, or holds NaN or infinite values.
    """
    tensor, _ = as_tensor(x, name="x")
    if tensor.ndim < 2:
        raise EegdaeError(f"x: shape {tuple(tensor.shape)}; expected (..., n_chans, n_times)")
    bad = ~torch.isfinite(tensor.detach()).all(dim=-1)
    if bool(bad.any()):
        raise EegdaeError(f"x: NaN or infinite in {_where(bad)}; allowed: finite values")
    return tensor


def check_order(order: int, *, shape: tuple[int, ...], name: str = "order") -> None:
    """Refuse an order that windows of this shape cannot have.

    Parameters
    ----------
    order : int
        Lags of the model.
    shape : tuple of int
        (..., n_chans, n_times) of the windows.
    name : str
        What an error calls it.

    Raises
    ------
    EegdaeError
        Where it is no whole number of 1 or more, or leaves fewer samples to predict than the coefficients
        of one channel and a residual covariance of full rank need: n_chans (order + 1).
    """
    if not isinstance(order, Integral) or isinstance(order, bool) or order < 1:
        raise EegdaeError(f"{name}: {order!r}; allowed: whole numbers of 1 or more")
    n_chans, n_times = shape[-2:]
    largest = (n_times - n_chans) // (n_chans + 1)
    if order > largest:
        mend = f"lower it to {largest} or less, or" if largest > 0 else "no order fits:"
        raise EegdaeError(
            f"{name}: {order} is too large for {n_chans} channels of {n_times} samples; {mend} lengthen the "
            f"window to {n_chans * (order + 1) + order} samples or take fewer channels"
        )


def _regression(x: Tensor, order: int) -> tuple[Tensor, Tensor, Tensor]:
    """Predictors (lag after lag, channel after channel inside one), targets, and each channel's scale."""
    x = x.to(torch.float64)
    n_times = x.shape[-1]
    x = x - x[..., :1]  # makes a constant channel exactly zero, not the rounding of its mean
    x = x - x.mean(dim=-1, keepdim=True)
    scale = torch.linalg.vector_norm(x, dim=-1, keepdim=True) / math.sqrt(n_times)  # (..., n_chans, 1)
    x = x / torch.where(scale > 0, scale, 1.0)
    lagged = torch.cat([x[..., order - k : n_times - k] for k in range(1, order + 1)], dim=-2)
    return lagged.mT, x[..., order:].mT, scale


def _dependent_columns(triangle: Tensor, columns: Tensor, resolution: float) -> Tensor:
    """Which columns keep less than the resolution of their length beside those before them."""
    left = triangle.detach().diagonal(dim1=-2, dim2=-1)[..., : columns.shape[-1]].abs()
    whole: Tensor = torch.linalg.vector_norm(columns.detach(), dim=-2)
    return left <= resolution * whole


def _dependent(bad: Tensor) -> EegdaeError:
    return EegdaeError(
        f"x: {_where(bad)} is a linear combination of other channels or of its own past; leave it out, lower "
        "the order or set ridge above 0"
    )


def _where(bad: Tensor) -> str:
    """Name the first window and channel of a mask (..., n_chans)."""
    *window, channel = bad.nonzero()[0].tolist()
    if not window:
        return f"channel {channel}"
    return f"window {window[0] if len(window) == 1 else tuple(window)}, channel {channel}"
