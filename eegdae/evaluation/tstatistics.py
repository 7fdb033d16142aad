"""t statistics of many variables under many permutations at once, missing values left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from eegdae.evaluation.metrics import MIN_GROUPS

Result = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

_SMALLEST = 1e-12
"""Share of the mean square below which a variance is rounding."""


def paired_t(x: NDArray[np.float64], signs: NDArray[np.float64]) -> Result:
    """Test the mean of differences against 0 by t, the signs of subjects flipped.

    t = m / sqrt(s^2 / n), with n, m and s^2 over the subjects that are not missing.

    Parameters
    ----------
    x : ndarray, shape (n_subjects, n_variables)
        Differences; NaN = missing.
    signs : ndarray, shape (n_permutations, n_subjects)
        1 or -1.

    Returns
    -------
    t, df, mean : ndarray, shape (n_permutations, n_variables)
        Statistic, degrees of freedom n - 1, and mean. t is NaN where fewer than 5 subjects are left or, all
        signs as they were, all differences are equal.
    """
    seen = np.isfinite(x)
    n = seen.sum(0)
    filled = np.where(seen, x, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = signs @ filled / n
        square = (filled**2).sum(0) / n
        variance = np.maximum((square - mean**2) * n / (n - 1), _SMALLEST * square)
        t = mean / np.sqrt(variance / n)
    t[:, (n < MIN_GROUPS) | ~_varies(x)] = np.nan
    df = np.broadcast_to((n - 1).astype(np.float64), t.shape)
    return t, df, mean


def welch_t(x: NDArray[np.float64], is_a: NDArray[np.bool_]) -> Result:
    """Test the difference of two means by Welch's t, the labels of subjects permuted.

    t = (m_a - m_b) / sqrt(s_a^2 / n_a + s_b^2 / n_b), degrees of freedom after Welch and Satterthwaite.

    Parameters
    ----------
    x : ndarray, shape (n_subjects, n_variables)
        Values; NaN = missing.
    is_a : ndarray of bool, shape (n_permutations, n_subjects)
        Who is in the first class; the others are in the second.

    Returns
    -------
    t, df, difference : ndarray, shape (n_permutations, n_variables)
        Statistic, degrees of freedom, and ``m_a - m_b``. t is NaN where fewer than 5 subjects are left in a
        class or all values are equal.
    """
    seen = np.isfinite(x)
    count = seen.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        # about the mean of all, so that the squares do not swallow a small variance
        centred = np.where(seen, x - np.where(seen, x, 0.0).sum(0) / count, 0.0)
        square = (centred**2).sum(0) / count
        means, errors, sizes = [], [], []
        for member in (is_a.astype(np.float64), (~is_a).astype(np.float64)):
            n = member @ seen.astype(np.float64)
            mean = member @ centred / n
            variance = (member @ centred**2 / n - mean**2) * n / (n - 1)
            means.append(mean)
            errors.append(np.maximum(variance, _SMALLEST * square) / n)
            sizes.append(n)
        difference = means[0] - means[1]
        t = difference / np.sqrt(errors[0] + errors[1])
        df = (errors[0] + errors[1]) ** 2 / (
            errors[0] ** 2 / (sizes[0] - 1) + errors[1] ** 2 / (sizes[1] - 1)
        )
    few = (sizes[0] < MIN_GROUPS) | (sizes[1] < MIN_GROUPS)
    return np.where(few | ~_varies(x), np.nan, t), df, difference


def t_to_p(t: NDArray[np.float64], df: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two-sided p of Student's t, NaN where t is.

    Parameters
    ----------
    t, df : ndarray
        Statistic and degrees of freedom, of one shape.

    Returns
    -------
    ndarray
        2 P(T <= -abs t).
    """
    return np.where(np.isnan(t), np.nan, 2 * stdtr(df, -np.abs(t)))


def _varies(x: NDArray[np.float64]) -> NDArray[np.bool_]:
    seen = np.isfinite(x)
    highest = np.where(seen, x, -np.inf).max(0, initial=-np.inf)
    return np.asarray(highest > np.where(seen, x, np.inf).min(0, initial=np.inf))
