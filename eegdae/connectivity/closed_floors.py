"""What measures give of independent channels, where a formula says it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import get_window
from scipy.special import betaincinv, betaln, hyp2f1

from eegdae.connectivity.bands import Band, band_bins
from eegdae.connectivity.cross_spectrum import segment_spectra
from eegdae.errors import EegdaeError

CENTRES: Mapping[str, float] = {
    "pearson": 0.0,
    "spearman": 0.0,
    "partial_correlation": 0.0,
    "covariance": 0.0,
    "cross_correlation_lag": 0.0,
    "imaginary_coherence": 0.0,
    "phase_slope_index": 0.0,
    "dpli": 0.5,
    "power": 0.0,
}
"""Measures whose values of independent channels lie evenly on both sides of a number: those have no bias."""

# Phases of Gaussian noise forget faster than the noise does: with g of `_phase_memory` and a band's
# autocorrelation sinc u, 1 / (integral of g(sinc u)^2 du) samples stand where the coherency has one. So
# sqrt(pi / (4 1.23 B T)) = .9 sqrt(pi / (4 B T)).
_PHASE_SAMPLES = 1.23


class Moments(NamedTuple):
    """One measure in one band: mean and standard deviation of the value, mean and 95 % of its modulus."""

    mean: float
    sd: float
    modulus: float
    q95: float


def closed_form(
    measure: str, band: Band, *, sfreq: float, n_times: int, estimator: str, options: Mapping[str, Any]
) -> Moments:
    r"""Give the floor of a measure by formula.

    With n independent samples of two independent, complex Gaussian signals the coherency C lies in the unit
    disc with density :math:`\propto (1 - |C|^2)^{n - 2}`, so that

    .. math:: |C|^2 \sim \mathrm{Beta}(1, n - 1), \qquad (\mathrm{Re}\, C)^2, (\mathrm{Im}\, C)^2 \sim
              \mathrm{Beta}(\tfrac12, n - \tfrac12), \qquad
              \frac{(\mathrm{Im}\, C)^2}{1 - (\mathrm{Re}\, C)^2} \sim \mathrm{Beta}(\tfrac12, n - 1)

    with means (of the moduli) near :math:`\sqrt{\pi / (4 n)}`, :math:`1 / \sqrt{\pi n}` and
    :math:`1 / \sqrt{\pi n}`. They are those of ``coherence``; ``pearson`` and ``imaginary_coherence``; and
    ``lagged_coherence``; and, with the number of independent phases in the place of n, of ``plv`` and
    ``ciplv`` (the mean within 3 % from 2 bins on, standard deviation and quantile within 5 % from 4 on).

    ``hilbert``: n is the number B T of bins of the window's Fourier transform inside the band, and 1.23 B T
    that of independent phases; true for spectra that are flat *inside the band*. A slope or a peak leaves
    fewer (an alpha peak 1.2 Hz wide: PLV .33 in 2 s, not .24).

    ``welch``: n is the number of segments, less for their overlap, :math:`n^2 / \sum_{jk} |\rho_{jk}|^2` with
    :math:`\rho` the correlation of two segments of white noise under a Hann window; a band is the mean over
    its frequencies. ``ppc`` has what the overlap leaves, ``debiased_wpli`` 0 without overlap.

    Parameters
    ----------
    measure : str
        Name.
    band : (float, float)
        Edges, Hz, as `check_bands` lets them through.
    sfreq : float
        Sampling rate, Hz.
    n_times : int
        Samples in a window.
    estimator : str
        ``hilbert`` or ``welch``; with any other only the measures of `CENTRES` have a formula, their mean.
    options : mapping of str to object
        Of the estimator. ``welch``: n_per_segment and, if not half of it, n_overlap; others play no part.

    Returns
    -------
    Moments
        NaN where only the mean is known: measures of `CENTRES` that are not named above, ``ppc``,
        ``debiased_wpli``, and all but the mean where a band of ``welch`` holds several frequencies.

    Raises
    ------
    EegdaeError
        Where there is no formula.

    References
    ----------
    N. R. Goodman, Statistical analysis based on a certain multivariate complex Gaussian distribution, Annals
    of Mathematical Statistics 34, 1963; G. C. Carter et al., Estimation of the magnitude-squared coherence
    function via overlapped fast Fourier transform processing, IEEE Trans. Audio and Electroacoustics 21,
    1973.
    """
    of_segments = estimator == "welch" and options.get("window", "hann") == "hann"
    if estimator == "hilbert" and measure in _SHAPES:
        return hilbert_moments(measure, len(band_bins(band, sfreq=sfreq, n_times=n_times)))
    if of_segments and measure in _SHAPES and measure != "pearson":
        _, n, n_phases = _independent_segments(n_times, options)
        moments = _moments(measure, n=n, n_phases=n_phases)
        if len(band_bins(band, sfreq=sfreq, n_times=options["n_per_segment"])) == 1:
            return moments
        modulus = math.nan if measure in CENTRES else moments.mean
        return Moments(moments.mean, math.nan, modulus, math.nan)
    if of_segments and measure == "ppc":
        n_segments, _, n_phases = _independent_segments(n_times, options)
        return Moments((n_segments / n_phases - 1) / max(n_segments - 1, 1), *[math.nan] * 3)
    if of_segments and measure == "debiased_wpli" and options.get("n_overlap") == 0:
        return Moments(0.0, *[math.nan] * 3)
    if measure in CENTRES:
        return Moments(CENTRES[measure], *[math.nan] * 3)
    raise EegdaeError(
        f"method: 'closed_form', but no formula gives the floor of {measure!r} with estimator={estimator!r}; "
        "use method=phase"
    )


def hilbert_moments(measure: str, bt: int) -> Moments:
    """Give the floor of a measure in a band of flat spectrum, for the analytic signal inside the window.

    Parameters
    ----------
    measure : str
        One of `HILBERT_MEASURES`.
    bt : int
        Bins of the window's Fourier transform inside the band, B T.

    Returns
    -------
    Moments
        Mean, standard deviation, mean modulus and its 95 % quantile (see `closed_form`).
    """
    return _moments(measure, n=bt, n_phases=_PHASE_SAMPLES * bt)


def _moments(measure: str, *, n: float, n_phases: float) -> Moments:
    """Moments of a value the square of which is Beta(a, b)."""
    shape, of_phases = _SHAPES[measure]
    a, b = shape(n_phases if of_phases else n)
    if b <= 0:  # one sample alone: every modulus is 1
        return Moments(1.0, 0.0, 1.0, 1.0)
    modulus = math.exp(betaln(a + 0.5, b) - betaln(a, b))
    mean = 0.0 if measure in CENTRES else modulus
    return Moments(mean, math.sqrt(a / (a + b) - mean**2), modulus, math.sqrt(betaincinv(a, b, 0.95)))


def _independent_segments(n_times: int, options: Mapping[str, Any]) -> tuple[int, float, float]:
    """Segments of a window, and how many independent ones they are worth for amplitudes and for phases."""
    length: Any = options.get("n_per_segment")
    shared = options.get("n_overlap")
    # The spectra of nothing: they check the options and count the segments.
    nothing, _ = segment_spectra(torch.zeros(1, n_times), sfreq=1.0, n_per_segment=length, n_overlap=shared)
    n = nothing.shape[-1]
    step = length - (length // 2 if shared is None else shared)
    weight = get_window("hann", length)
    apart = np.arange(1, n)
    rho = np.array([weight[k:] @ weight[: max(length - k, 0)] for k in apart * step]) / (weight @ weight)

    def worth(memory: NDArray[np.float64]) -> float:
        return float(n / (1 + 2 * np.sum((1 - apart / n) * memory**2)))

    return n, worth(rho), worth(_phase_memory(rho))


def _phase_memory(rho: NDArray[np.float64]) -> NDArray[np.float64]:
    """E e^(i (phi - phi')) of the phases of two complex Gaussians of correlation rho."""
    memory: NDArray[np.float64] = np.pi / 4 * rho * hyp2f1(0.5, 0.5, 2, rho**2)
    return memory


_SHAPES: Mapping[str, tuple[Callable[[float], tuple[float, float]], bool]] = {
    "coherence": (lambda n: (1.0, n - 1), False),
    "plv": (lambda n: (1.0, n - 1), True),
    "imaginary_coherence": (lambda n: (0.5, n - 0.5), False),
    "pearson": (lambda n: (0.5, n - 0.5), False),
    "lagged_coherence": (lambda n: (0.5, n - 1), False),
    "ciplv": (lambda n: (0.5, n - 1), True),
}
"""Measure -> the Beta distribution of its square with n independent samples, and whether these are phases."""

HILBERT_MEASURES = tuple(_SHAPES)
"""Measures with a formula for ``hilbert``."""
