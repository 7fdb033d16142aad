"""Many tests at once: Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def holm(p: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Correct p-values so that the chance of even one false finding stays below what one test allows.

    The i-th smallest of m values is multiplied by m - i + 1; a value is never less than the one before it in
    that order, and never more than 1.

    Parameters
    ----------
    p : array-like of float, shape (n_tests,)
        NaN: nothing was tested there; it counts for nothing.

    Returns
    -------
    ndarray of float64, shape (n_tests,)
        In the order of ``p``, NaN where it is NaN.

    References
    ----------
    Holm S. A simple sequentially rejective multiple test procedure. Scand. J. Stat. 6, 65-70 (1979).
    """
    values = np.asarray(p, dtype=np.float64)
    corrected = np.full(values.shape, np.nan)
    tested = np.flatnonzero(np.isfinite(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return corrected
