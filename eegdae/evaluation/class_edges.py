"""Every pair of classes tested at every edge, with one correction for all."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.evaluation.edges import EdgeTest, correct_together, edge_test


def compare_classes(
    means: NDArray[Any], *, alpha: float = 0.05, directed: bool = False
) -> dict[tuple[int, int], EdgeTest]:
    """Test every pair of classes, the false discovery rate held over all pairs, bands and edges together.

    A pair is tested over the subjects that have both classes; where no subject has two classes (groups of
    people), it is tested between subjects.

    Parameters
    ----------
    means : ndarray, shape (n_subjects, n_classes, ..., n_chans, n_chans)
        As `subject_means` gives them.
    alpha, directed
        As for `edge_test`.

    Returns
    -------
    dict of (int, int) to EdgeTest
        ``(i, j)``, i < j: class j minus class i; ``n_edges`` counts the edges of all pairs.

    Raises
    ------
    EegdaeError
        As `edge_test`.
    """
    means = np.asarray(means, dtype=np.float64)
    has = np.isfinite(means).any(axis=tuple(range(2, means.ndim)))
    paired = bool((has.sum(1) > 1).any())
    tests = {}
    for i, j in combinations(range(means.shape[1]), 2):
        if paired:
            both = has[:, i] & has[:, j]
            a, b = means[both, j], means[both, i]
        else:
            a, b = means[has[:, j], j], means[has[:, i], i]
        tests[i, j] = edge_test(a, b, paired=paired, alpha=alpha, directed=directed)
    corrected = correct_together(list(tests.values()))
    return dict(zip(tests, corrected, strict=True))


def largest_difference(tests: Mapping[tuple[int, int], EdgeTest]) -> tuple[int, int]:
    """Choose the pair of classes that differs most; tested with all pairs, it may be chosen by its result.

    Parameters
    ----------
    tests : mapping of (int, int) to EdgeTest
        Of `compare_classes`, at least one.

    Returns
    -------
    (int, int)
        The pair with most significant edges; among equals, with the largest t.
    """

    def size(pair: tuple[int, int]) -> tuple[int, float]:
        t = np.abs(tests[pair].t)
        return int(tests[pair].significant.sum()), float(np.nanmax(t, initial=0.0))

    return max(tests, key=size)
