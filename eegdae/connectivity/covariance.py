"""Covariance of the channels of a window, plain and shrunk, what it says of pairs, and its rank."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from eegdae.connectivity.temporal import correlation_matrix
from eegdae.errors import EegdaeError, did_you_mean

# Share of a channel's variance that the others do not explain, below which it counts as their combination:
# a residual of 1e-5 of its amplitude is under the resolution of any amplifier, and above the rounding that
# float32 storage leaves of an average reference (1e-14) or of an interpolation.
_DEPENDENT = 1e-10


def covariance(x: Tensor, *, estimator: str = "empirical") -> Tensor:
    r"""Estimate the covariance between the channels of each window.

    Every channel's mean over the window is taken off and sums are divided by :math:`T`, the number of
    samples (not :math:`T - 1`), as scikit-learn and pyriemann's ``"scm"``, ``"oas"`` and ``"lwf"`` do
    (pyriemann's own default, ``"cov"``, divides by :math:`T - 1`):

    .. math:: S = \frac{1}{T} \sum_t (x_t - \bar x)(x_t - \bar x)^\top, \qquad
              C = (1 - \alpha) S + \alpha\, \mu I, \qquad \mu = \mathrm{tr}\, S / p

    for p channels. ``empirical``: :math:`\alpha = 0`. ``oas``, oracle approximating shrinkage, in the form of
    scikit-learn, which leaves out the paper's 2 / p:
    :math:`\alpha = \min(1, (\overline{S^2} + \mu^2) / ((T + 1)(\overline{S^2} - \mu^2 / p)))`, with
    :math:`\overline{S^2}` the mean of the squared entries. ``ledoit_wolf``:
    :math:`\alpha = \min(1, \beta / \delta)` with :math:`\delta = \|S - \mu I\|_F^2` and
    :math:`\beta = (\frac{1}{T} \sum_t \|x_t - \bar x\|^4 - \|S\|_F^2) / T`.

    Undirected. Not safe at zero lag. The empirical estimate is singular where there are no more samples than
    channels, after an average reference, an interpolation or the removal of components by ICA.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real signals, any unit, float32 or float64.
    estimator : str
        ``empirical``, ``oas`` or ``ledoit_wolf``.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Exactly symmetric, positive semi-definite, unit of `x` squared. A constant channel has 0 with every
        other and, where nothing is shrunk, itself; shrunk estimates are positive definite unless every
        channel is constant (or no shrinkage is called for).

    Raises
    ------
    EegdaeError
        Where there is no such estimator.

    References
    ----------
    Y. Chen et al., Shrinkage algorithms for MMSE covariance estimation, IEEE Trans. Signal Processing 58(10),
    2010, Eq. 23. O. Ledoit, M. Wolf, A well-conditioned estimator for large-dimensional covariance matrices,
    Journal of Multivariate Analysis 88, 2004.
    """
    if estimator not in COVARIANCES:
        raise EegdaeError(
            f"covariance: unknown estimator {estimator!r}; {did_you_mean(str(estimator), COVARIANCES)}"
        )
    x = x - x[..., :1]  # makes a constant channel exactly zero, not the rounding of its mean
    x = x - x.mean(dim=-1, keepdim=True)
    # Scaled to a maximum of 1 first: fourth powers of volts or teslas would leave the range of float32.
    peak = x.detach().abs().amax(dim=(-2, -1), keepdim=True)
    peak = torch.where(peak > 0, peak, 1.0)
    x = x / peak
    s = x @ x.mT / x.shape[-1]
    s = (s + s.mT) / 2
    alpha = COVARIANCES[estimator](s, x)[..., None, None]
    shrunk = (1 - alpha) * s + alpha * _mean_variance(s)[..., None, None] * _eye(s)
    return shrunk * peak * peak


def partial_correlation(x: Tensor, *, estimator: str = "empirical") -> Tensor:
    r"""Correlate every two channels after the linear share of all other channels is taken out of both.

    .. math:: \rho_{xy} = \frac{-P_{xy}}{\sqrt{P_{xx} P_{yy}}}, \qquad P = C^{-1}

    with C the `covariance`. Undirected. Not safe at zero lag: a source seen by two channels alone makes a
    partial correlation (a source that all channels see makes little). Computed in float64 in either
    precision, because an inverse magnifies rounding. Empirical values do not change with the gain of a
    channel; shrunk ones do, since the same variance is added to each.

    Channels that depend on one another linearly have no partial correlation, and a pseudo-inverse would
    invent one (-1 for two equal channels), so they are refused: shrink, or leave a channel out. Channels that
    nearly do, as after cleaning by ICA (see `estimate_rank`), have values that tell of that and little else.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real signals, any unit, float32 or float64.
    estimator : str
        Of the covariance: ``empirical``, ``oas`` or ``ledoit_wolf``.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Symmetric, in [-1, 1], diagonal 1. A constant channel has 0 with every other and leaves the others'
        values as they are.

    Raises
    ------
    EegdaeError
        Where there is no such estimator, or a channel of a window is a linear combination of others: all but
        1e-10 of its variance, as after an average reference or an interpolation, with two equal channels, or
        with no more samples than channels.

    References
    ----------
    S. L. Lauritzen, Graphical Models, 1996, section 5.1.3.
    """
    c = covariance(x.double(), estimator=estimator)
    c = _unit_diagonal(c)
    # A constant channel is a world of its own: 1 on the diagonal, 0 elsewhere, also in the inverse.
    c = correlation_matrix(c)
    factor, failed = torch.linalg.cholesky_ex(c)
    factor = torch.where((failed > 0)[..., None, None], _eye(c), factor)
    p = torch.cholesky_inverse(factor)
    scale = p.diagonal(dim1=-2, dim2=-1)  # 1 / the share of its variance that the others do not explain
    dependent = ((failed > 0) | (scale.detach() > 1 / _DEPENDENT).any(dim=-1)).reshape(-1)
    if bool(dependent.any()):
        window = int(dependent.nonzero()[0])
        rank = int(estimate_rank(c.detach().reshape(-1, *c.shape[-2:])[window]))
        raise EegdaeError(
            f"partial_correlation: the {c.shape[-1]} channels of window {window} depend on one another "
            f"(rank {rank}), so no inverse exists; use estimator='oas' or 'ledoit_wolf', or leave out "
            "repeated, interpolated and reference channels"
        )
    r = -p / (scale[..., :, None] * scale[..., None, :]).sqrt()
    return correlation_matrix(r).clamp(-1.0, 1.0).to(x.dtype)


def estimate_rank(c: Tensor, *, tolerance: float | None = None) -> Tensor:
    r"""Count the independent directions of a covariance: its numerical rank.

    The number of eigenvalues of :math:`D^{-1/2} C D^{-1/2}`, D the diagonal of C, above `tolerance` times the
    largest. The division by the diagonal makes it independent of the gains and units of the channels; a
    channel without variance adds nothing. Estimate it from the mean covariance of many windows: a window of
    its own has no more than n_times - 1.

    Parameters
    ----------
    c : Tensor, shape (..., n_chans, n_chans)
        Covariances.
    tolerance : float, optional
        In [0, 1). Default: 1e-7 in float64, below what sensor noise adds to every direction and above what
        the rounding of a file to 16 bits leaves of a removed one (5e-10 in a recording cleaned by ICA); 1e-6
        in float32, where sums round as much as that.

    Returns
    -------
    Tensor, shape (...)
        Integers in [0, n_chans].

    Raises
    ------
    EegdaeError
        Where the tolerance is outside of [0, 1).
    """
    if tolerance is None:
        tolerance = 1e-7 if c.dtype == torch.float64 else 1e-6
    if not 0 <= tolerance < 1:
        raise EegdaeError(
            f"tolerance: {tolerance!r} is not a share of the largest eigenvalue; allowed: [0, 1)"
        )
    eigenvalues = torch.linalg.eigvalsh(_unit_diagonal(c.detach().double()))
    above: Tensor = eigenvalues > tolerance * eigenvalues[..., -1:].clamp(min=0)
    return above.sum(dim=-1)


def _unit_diagonal(c: Tensor) -> Tensor:
    """Divide by the standard deviations; rows of channels without variance stay zero."""
    variance = c.diagonal(dim1=-2, dim2=-1)
    weight = torch.where(variance > 0, variance, 1.0).rsqrt()
    return c * weight[..., :, None] * weight[..., None, :]


def _eye(c: Tensor) -> Tensor:
    return torch.eye(c.shape[-1], dtype=c.dtype, device=c.device)


def _mean_variance(s: Tensor) -> Tensor:
    return s.diagonal(dim1=-2, dim2=-1).mean(dim=-1)


def _no_shrinkage(s: Tensor, x: Tensor) -> Tensor:
    return s.new_zeros(s.shape[:-2])


def _oas_shrinkage(s: Tensor, x: Tensor) -> Tensor:
    mu = _mean_variance(s)
    above = s.square().mean(dim=(-2, -1)) + mu.square()
    below = (x.shape[-1] + 1) * ((s - mu[..., None, None] * _eye(s)).square().mean(dim=(-2, -1)))
    return _ratio_up_to_one(above, below)


def _ledoit_wolf_shrinkage(s: Tensor, x: Tensor) -> Tensor:
    mu = _mean_variance(s)
    fourth = x.square().sum(dim=-2).square().mean(dim=-1)  # of the length of a sample's vector
    beta = (fourth - s.square().sum(dim=(-2, -1))) / x.shape[-1]
    delta = (s - mu[..., None, None] * _eye(s)).square().sum(dim=(-2, -1))
    return _ratio_up_to_one(beta.clamp(min=0), delta)


def _ratio_up_to_one(above: Tensor, below: Tensor) -> Tensor:
    """Divide where the ratio is under 1; the other branch gets a safe divisor, or its gradient is NaN."""
    inside = above < below
    return torch.where(inside, above / torch.where(inside, below, 1.0), 1.0)


COVARIANCES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "empirical": _no_shrinkage,
    "oas": _oas_shrinkage,
    "ledoit_wolf": _ledoit_wolf_shrinkage,
}
