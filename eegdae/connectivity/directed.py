"""Directed connectivity: which channel's past says something about another's present.

In every matrix of this module the entry [x, y] is the influence of channel x on channel y: row = source,
column = target. The coefficients of `fit_var` are the other way round, as the model is written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, SupportsFloat

import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.connectivity.arrays import as_tensor
from eegdae.connectivity.autoregressive import RESOLUTION, check_order, check_windows, solve_var
from eegdae.errors import EegdaeError

Frequencies = Sequence[float] | NDArray[Any] | Tensor


def granger(x: Tensor, *, order: int) -> Tensor:
    r"""Measure how much the past of one channel improves the prediction of another: Granger causality.

    .. math:: F_{x \to y} = \ln \frac{\mathrm{var}(y(t) \mid y\text{'s past})}
              {\mathrm{var}(y(t) \mid \text{the past of } y \text{ and } x)}

    Directed: entry [x, y] is the influence of x on y. Bivariate: each pair has its own model, so a chain
    x -> y -> z also shows x -> z. Invariant to the gain of each channel. Not safe at zero lag: mixing of
    sources with different spectra makes values in both directions. Of two channels without influence the
    value is not 0 but order / (n_times - order) in the mean, so windows or orders of different size cannot
    be compared.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real signals, any unit. Computed in float64 whatever the type.
    order : int
        Samples of the past that predict; n_times - order >= 2 (order + 1) must hold.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        In nats, 0 or more, without symmetry, diagonal 0; differentiable. A constant channel has 0 with every
        other. The type of `x`.

    Raises
    ------
    EegdaeError
        Where there is one channel; the order is no whole number of 1 or more, or too large; `x` is complex or
        holds NaN or infinite values; two channels are equal, up to a gain, or one is predicted without error
        (the ratio is undefined).

    References
    ----------
    C. W. J. Granger, Investigating causal relations by econometric models and cross-spectral methods,
    Econometrica 37, 1969; J. Geweke, Measurement of linear dependence and feedback between multiple time
    series, J. American Statistical Association 77, 1982, eq. 3.
    """
    tensor, _, noise = _fit_pairs(x, order)
    alone = solve_var(tensor[..., None, :], order=order).covariance[..., 0, 0]  # (..., n_chans)
    rows, columns = _pairs(tensor)
    apart = torch.stack([alone[..., rows], alone[..., columns]], dim=-1)  # (..., n_pairs, 2)
    together = noise.diagonal(dim1=-2, dim2=-1)  # (..., n_pairs, 2)
    silent = apart == 0
    gain = (apart.masked_fill(silent, 1.0) / together.masked_fill(silent, 1.0)).log().clamp(min=0.0)
    gain = gain.masked_fill(silent.any(dim=-1, keepdim=True), 0.0)
    return _matrices(gain[..., 1], gain[..., 0], like=tensor)


def spectral_granger(x: Tensor, *, order: int, freqs: Frequencies, sfreq: float) -> Tensor:
    r"""Give the share of one channel's power at each frequency that another's past explains.

    .. math:: f_{x \to y}(f) = \ln \frac{S_{yy}(f)}
              {S_{yy}(f) - (\Sigma_{xx} - \Sigma_{xy}^2 / \Sigma_{yy}) |H_{yx}(f)|^2}

    with :math:`H(f) = (I - \sum_k A_k e^{-2 \pi i f k / f_s})^{-1}` and :math:`S = H \Sigma H^*` of the model
    of the pair. Directed: entry [x, y] is the influence of x on y. Invariant to the gain of each channel; not
    safe at zero lag. Its mean over frequencies from 0 to half the sampling rate is, for long windows and
    orders that hold the past, `granger`.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real signals, any unit. Computed in float64 whatever the type.
    order : int
        Samples of the past that predict; n_times - order >= 2 (order + 1) must hold.
    freqs : sequence of float
        Hz, from 0 to half the sampling rate.
    sfreq : float
        Sampling rate, Hz.

    Returns
    -------
    Tensor, shape (..., n_freqs, n_chans, n_chans)
        In nats, 0 or more, without symmetry, diagonal 0; differentiable. A constant channel has 0 with every
        other. The type of `x`.

    Raises
    ------
    EegdaeError
        Where `granger` does, or a frequency is negative or above half the sampling rate.

    References
    ----------
    J. Geweke, Measurement of linear dependence and feedback between multiple time series, J. American
    Statistical Association 77, 1982, eq. 12.
    """
    hertz = _check_freqs(freqs, sfreq)
    tensor, coefficients, noise = _fit_pairs(x, order)
    a = _prediction_filter(coefficients, hertz, sfreq)  # (..., n_pairs, n_freqs, 2, 2)
    noise = noise[..., None, :, :]  # (..., n_pairs, 1, 2, 2)
    to_column, to_row = (_geweke(a, noise, source=1 - target, target=target).mT for target in (1, 0))
    return _matrices(to_column, to_row, like=tensor)


def dtf(
    coefficients: Tensor, covariance: Tensor | None = None, *, freqs: Frequencies, sfreq: float
) -> Tensor:
    r"""Give the share of what reaches a channel, by any path, that comes from each source.

    .. math:: \mathrm{DTF}_{x \to y}(f) = \frac{\sigma_x |H_{yx}(f)|}
              {\sqrt{\sum_m \sigma_m^2 |H_{ym}(f)|^2}}, \qquad
              H(f) = \Big(I - \sum_k A_k e^{-2 \pi i f k / f_s}\Big)^{-1}

    The magnitude, not its square. Directed: entry [x, y] is the influence of x on y, direct or through
    others. Without `covariance` all sigma are 1 (the directed transfer function), and the gain of a channel
    changes its values; with it sigma_x is the standard deviation of the residual of x (directed coherence,
    or generalised DTF), and values are invariant to the gain of each channel.

    Parameters
    ----------
    coefficients : Tensor, shape (..., order, n_chans, n_chans)
        As `fit_var` gives them: [k, i, j] from j to i.
    covariance : Tensor, shape (..., n_chans, n_chans), optional
        Of the residuals, unit^2; only its diagonal is used.
    freqs : sequence of float
        Hz, from 0 to half the sampling rate.
    sfreq : float
        Sampling rate, Hz.

    Returns
    -------
    Tensor, shape (..., n_freqs, n_chans, n_chans)
        In [0, 1]; the squares of each column (over the sources of one target) sum to 1, the diagonal among
        them. A constant channel has 1 with itself and 0 with every other. The type of `coefficients`,
        computed in float64; differentiable.

    Raises
    ------
    EegdaeError
        Where a frequency is negative, above half the sampling rate or one at which the model has a pole;
        coefficients or covariance have another shape, are complex or not finite, or a variance is negative.

    References
    ----------
    M. J. Kaminski, K. J. Blinowska, A new method of the description of the information flow in the brain
    structures, Biological Cybernetics 65, 1991; L. A. Baccalá et al., Studying the interaction between brain
    structures via directed coherence and Granger causality, Applied Signal Processing 5, 1998.
    """
    hertz, a, sigma = _check_model(coefficients, covariance, freqs, sfreq)
    h, failed = torch.linalg.inv_ex(a)
    _refuse_poles(failed != 0, hertz)
    return _unit_rows(h.abs() * sigma, like=coefficients).mT  # rows were targets


def pdc(
    coefficients: Tensor, covariance: Tensor | None = None, *, freqs: Frequencies, sfreq: float
) -> Tensor:
    r"""Give the share of what leaves a channel directly that goes to each target.

    .. math:: \mathrm{PDC}_{x \to y}(f) = \frac{|\bar A_{yx}(f)| / \sigma_y}
              {\sqrt{\sum_m |\bar A_{mx}(f)|^2 / \sigma_m^2}}, \qquad
              \bar A(f) = I - \sum_k A_k e^{-2 \pi i f k / f_s}

    The magnitude, not its square. Directed: entry [x, y] is the direct influence of x on y, given all other
    channels. Without `covariance` all sigma are 1 (partial directed coherence), and the gain of a channel
    changes its values; with it sigma_y is the standard deviation of the residual of y (generalised PDC), and
    values are invariant to the gain of each channel.

    Parameters
    ----------
    coefficients : Tensor, shape (..., order, n_chans, n_chans)
        As `fit_var` gives them: [k, i, j] from j to i.
    covariance : Tensor, shape (..., n_chans, n_chans), optional
        Of the residuals, unit^2; only its diagonal is used.
    freqs : sequence of float
        Hz, from 0 to half the sampling rate.
    sfreq : float
        Sampling rate, Hz.

    Returns
    -------
    Tensor, shape (..., n_freqs, n_chans, n_chans)
        In [0, 1]; the squares of each row (over the targets of one source) sum to 1, the diagonal among them.
        A constant channel has 1 with itself and 0 with every other. The type of `coefficients`, computed in
        float64; differentiable.

    Raises
    ------
    EegdaeError
        As `dtf`; of poles only those that leave a source without any value.

    References
    ----------
    L. A. Baccalá, K. Sameshima, Partial directed coherence: a new concept in neural structure determination,
    Biological Cybernetics 84, 2001; L. A. Baccalá, K. Sameshima, D. Y. Takahashi, Generalized partial
    directed coherence, 15th International Conference on Digital Signal Processing, 2007.
    """
    hertz, a, sigma = _check_model(coefficients, covariance, freqs, sfreq)
    weight = a.mT.abs() / sigma  # rows are sources
    _refuse_poles((weight == 0).all(dim=-1).any(dim=-1), hertz)
    return _unit_rows(weight, like=coefficients)


def _fit_pairs(x: Tensor, order: int) -> tuple[Tensor, Tensor, Tensor]:
    """Windows, and the coefficients and residual covariances of each pair, in the order of `_pairs`."""
    tensor = check_windows(x)
    n_chans, n_times = tensor.shape[-2:]
    if n_chans < 2:
        raise EegdaeError(f"x: {n_chans} channel; a directed measure of pairs needs two channels or more")
    check_order(order, shape=(2, n_times))
    fits = []
    for row in range(n_chans - 1):
        others = tensor[..., row + 1 :, :]
        pairs = torch.stack([tensor[..., [row], :].expand_as(others), others], dim=-2)
        fits.append(solve_var(pairs, order=order))
    dependent = torch.cat([fit.dependent.flatten(-2).any(dim=-1) for fit in fits], dim=-1)
    _refuse_pairs(dependent, tensor, "have dependent pasts (equal channels, or a signal known from its past)")
    a = torch.cat([fit.coefficients for fit in fits], dim=-4)
    noise = torch.cat([fit.covariance for fit in fits], dim=-3)
    spread = (tensor.amax(dim=-1) - tensor.amin(dim=-1)).detach().to(torch.float64)
    rows, columns = _pairs(tensor)
    floor = (RESOLUTION[tensor.dtype] * torch.stack([spread[..., rows], spread[..., columns]], -1)).square()
    exact = (noise.detach().diagonal(dim1=-2, dim2=-1) <= floor) & (floor > 0)
    _refuse_pairs(exact.any(dim=-1), tensor, "predict one of them without error, so no ratio is defined")
    return tensor, a, noise


def _geweke(a: Tensor, noise: Tensor, *, source: int, target: int) -> Tensor:
    """The measure from one channel of a pair to the other, (..., n_pairs, n_freqs).

    For two channels the transfer function is the adjugate of A over its determinant, which cancels; what is
    left is ln(1 + explained / own), never negative and without an inverse.
    """
    variance = noise[..., target, target]
    variance = torch.where(variance > 0, variance, 1.0)  # a constant target has nothing to explain: 0 / 1
    regression = noise[..., source, target] / variance
    explained = noise[..., source, source] - regression * noise[..., source, target]
    across = a[..., target, source]
    own = a[..., source, source] - regression * across
    return torch.log1p(explained * _square(across) / (variance * _square(own)))


def _square(z: Tensor) -> Tensor:
    return torch.view_as_real(z).square().sum(dim=-1)


def _prediction_filter(coefficients: Tensor, hertz: Tensor, sfreq: float) -> Tensor:
    """A(f) = I - sum_k A_k exp(-2 pi i f k / sfreq), (..., n_freqs, n_chans, n_chans), complex128."""
    order, n_chans = coefficients.shape[-3:-1]
    lags = torch.arange(1, order + 1, dtype=torch.float64, device=coefficients.device)
    angle = -2 * math.pi / sfreq * hertz.to(coefficients.device)[:, None] * lags  # (n_freqs, order)
    wave = torch.polar(torch.ones_like(angle), angle)
    summed = wave @ coefficients.flatten(-2).to(torch.complex128)  # (..., n_freqs, n_chans * n_chans)
    eye = torch.eye(n_chans, dtype=torch.float64, device=coefficients.device)
    return eye - summed.reshape(*summed.shape[:-1], n_chans, n_chans)


def _pairs(x: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns of the upper triangle, row by row."""
    rows, columns = torch.triu_indices(x.shape[-2], x.shape[-2], offset=1, device=x.device)
    return rows, columns


def _matrices(to_column: Tensor, to_row: Tensor, *, like: Tensor) -> Tensor:
    """Lay (..., n_pairs) from row to column and from column to row out as (..., n_chans, n_chans)."""
    n_chans = like.shape[-2]
    rows, columns = _pairs(like)
    out = to_column.new_zeros((*to_column.shape[:-1], n_chans, n_chans))
    out[..., rows, columns] = to_column
    out[..., columns, rows] = to_row
    return out.to(like.dtype)


def _unit_rows(weight: Tensor, *, like: Tensor) -> Tensor:
    """Scale each row to a sum of squares of 1."""
    scaled: Tensor = weight / torch.linalg.vector_norm(weight, dim=-1, keepdim=True)
    return scaled.to(torch.float64 if like.dtype == torch.float64 else torch.float32)


def _check_freqs(freqs: Frequencies, sfreq: float) -> Tensor:
    """Frequencies, Hz, as a float64 vector; refused where they lie outside [0, sfreq / 2]."""
    if not (isinstance(sfreq, SupportsFloat) and math.isfinite(sfreq) and float(sfreq) > 0):
        raise EegdaeError(f"sfreq: {sfreq!r} is not a sampling rate; give a number of Hz above 0")
    try:
        hertz = torch.as_tensor(freqs).detach().to(torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise EegdaeError(f"freqs: {freqs!r}; give a list of numbers of Hz") from None
    if hertz.ndim != 1 or len(hertz) == 0:
        raise EegdaeError(f"freqs: shape {tuple(hertz.shape)}; give a list of one frequency or more, Hz")
    nyquist = float(sfreq) / 2
    # Half the rate must not be lost to the last digit of a float; NaN fails both comparisons.
    inside = (hertz >= 0) & (hertz <= nyquist * (1 + 1e-9))
    if not bool(inside.all()):
        outside = float(hertz[~inside][0])
        raise EegdaeError(f"freqs: {outside:g} Hz; allowed: 0 to {nyquist:g} Hz, half the sampling rate")
    return hertz


def _check_model(
    coefficients: Tensor, covariance: Tensor | None, freqs: Frequencies, sfreq: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Frequencies, A(f) and sigma of each channel (1 where there is none), ready to multiply columns."""
    hertz = _check_freqs(freqs, sfreq)
    model = as_tensor(coefficients, name="coefficients")[0].to(torch.float64)
    shape = model.shape
    if len(shape) < 3 or shape[-1] != shape[-2] or 0 in shape[-3:]:
        raise EegdaeError(f"coefficients: shape {tuple(shape)}; expected (..., order, n_chans, n_chans)")
    if not bool(torch.isfinite(model.detach()).all()):
        raise EegdaeError("coefficients: NaN or infinite values; allowed: finite values")
    a = _prediction_filter(model, hertz, sfreq)
    if covariance is None:
        return hertz, a, model.new_ones(1)
    noise = as_tensor(covariance, name="covariance")[0].to(torch.float64)
    if noise.shape != (expected := (*shape[:-3], *shape[-2:])):
        raise EegdaeError(
            f"covariance: shape {tuple(noise.shape)}; expected {expected}, coefficients being {tuple(shape)}"
        )
    variance = noise.diagonal(dim1=-2, dim2=-1)
    if not bool((torch.isfinite(variance.detach()) & (variance.detach() >= 0)).all()):
        raise EegdaeError("covariance: a variance is negative, NaN or infinite; allowed: finite, 0 or more")
    # A constant channel has no residual and no coefficients: any sigma but 0 leaves it with itself alone.
    return hertz, a, torch.where(variance > 0, variance, 1.0).sqrt()[..., None, None, :]


def _refuse_poles(bad: Tensor, hertz: Tensor) -> None:
    """Name the first frequency at which the mask (..., n_freqs) is True."""
    if bool(bad.any()):
        where = float(hertz[int(bad.nonzero()[0, -1])])
        raise EegdaeError(
            f"coefficients: the model has a pole at {where:g} Hz and no value there; leave that frequency out"
        )


def _refuse_pairs(bad: Tensor, x: Tensor, why: str) -> None:
    """Name the first window and pair of channels at which the mask (..., n_pairs) is True."""
    if bool(bad.any()):
        *window, pair = bad.nonzero()[0].tolist()
        rows, columns = _pairs(x)
        place = f" of window {window[0] if len(window) == 1 else tuple(window)}" if window else ""
        raise EegdaeError(
            f"x: channels {int(rows[pair])} and {int(columns[pair])}{place} {why}; leave one of them out"
        )
