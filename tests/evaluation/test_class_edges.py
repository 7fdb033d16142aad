from __future__ import annotations

import numpy as np

from eegdae.evaluation.class_edges import compare_classes, largest_difference
from eegdae.evaluation.edges import correct_together, edge_test

from .test_edges import N_CHANS, UPPER, benjamini_hochberg, pair


def test_classes_are_compared_within_people_where_they_can_be():
    a, b = pair(12, effect=3.0)
    means = np.stack([b, a, b + 0.01 * a], axis=1)
    means[:2, 1] = np.nan
    found = compare_classes(means)
    assert list(found) == [(0, 1), (0, 2), (1, 2)]
    assert [f.n_subjects for f in found.values()] == [(10,), (12,), (10,)]
    assert {f.n_edges for f in found.values()} == {3 * 28}
    np.testing.assert_allclose(found[0, 1].t, edge_test(a[2:], b[2:], paired=True).t)
    pooled = np.concatenate([f.p[UPPER] for f in found.values()])
    corrected = np.concatenate([f.p_corrected[UPPER] for f in found.values()])
    np.testing.assert_allclose(corrected, benjamini_hochberg(pooled))


def test_groups_of_people_are_compared_between_people():
    a, b = pair(12, effect=3.0)
    means = np.full((24, 2, N_CHANS, N_CHANS), np.nan)
    means[:12, 0], means[12:, 1] = b, a
    (found,) = compare_classes(means).values()
    assert not found.paired
    assert found.n_subjects == (12, 12)
    np.testing.assert_allclose(found.t, edge_test(a, b, paired=False).t)


def test_a_pair_that_too_few_people_have_leaves_the_others_alone():
    a, b = pair(9, effect=3.0)
    means = np.stack([b, a, a], axis=1)
    means[3:, 2] = np.nan
    found = compare_classes(means)
    assert "3 subjects with both classes" in found[0, 2].reason
    np.testing.assert_array_equal(found[0, 1].p_corrected, edge_test(a, b, paired=True).p_corrected)
    assert compare_classes(means[:, :1]) == {}
    assert correct_together([]) == []


def test_the_pair_with_most_significant_edges_is_the_largest():
    a, b = pair(12, effect=4.0)
    same = np.stack([b, b + 1e-3 * a, a], axis=1)
    assert largest_difference(compare_classes(same)) in ((0, 2), (1, 2))
    few = compare_classes(same[:3])
    assert largest_difference(few) in few
