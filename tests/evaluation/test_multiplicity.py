from __future__ import annotations

import numpy as np
import pytest

from eegdae.evaluation.multiplicity import holm


def stepwise(p, alpha):
    """Holm's procedure as he states it: reject the smallest while it stays below alpha over those left."""
    rejected = np.zeros(len(p), dtype=bool)
    for place, k in enumerate(np.argsort(p, kind="stable")):
        if p[k] > alpha / (len(p) - place):
            break
        rejected[k] = True
    return rejected


def test_values_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.02]) == pytest.approx([0.02])
    assert holm([0.5, 0.6, 0.9]) == pytest.approx([1, 1, 1])
    assert holm([0.01, 0.01]) == pytest.approx([0.02, 0.02])
    assert len(holm([])) == 0


@pytest.mark.parametrize("seed", range(5))
def test_rejects_what_the_stepwise_procedure_rejects(seed):
    rng = np.random.default_rng(seed)
    p = rng.uniform(0, 0.2, size=12) ** 2
    corrected = holm(p)
    for alpha in (0.001, 0.01, 0.05, 0.2, 0.5):
        np.testing.assert_array_equal(corrected <= alpha, stepwise(p, alpha))
    order = np.argsort(p)
    assert (np.diff(corrected[order]) >= 0).all()
    assert (corrected >= p).all()
    assert corrected.max() <= 1


def test_what_was_not_tested_does_not_count():
    corrected = holm([0.02, np.nan, 0.03])
    assert corrected[[0, 2]] == pytest.approx([0.04, 0.04])
    assert np.isnan(corrected[1])
