from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from scipy.stats import ttest_ind, ttest_rel

from eegdae.errors import EegdaeError
from eegdae.evaluation.edges import (
    edge_kind,
    edge_test,
    subject_means,
)

N_CHANS = 8
UPPER = np.triu_indices(N_CHANS, 1)


def draw(n_subjects, rng, *, directed=False, lead=()):
    x = rng.normal(size=(n_subjects, *lead, N_CHANS, N_CHANS))
    return x if directed else x + x.swapaxes(-1, -2)


def pair(n_subjects=12, seed=0, effect=0.0, **options):
    """Two classes of the same people; the edges 0-1, 1-2, 2-3 and 0-3 are stronger in the first."""
    rng = np.random.default_rng(seed)
    person = draw(n_subjects, rng, **options)
    a, b = (person + draw(n_subjects, rng, **options) for _ in range(2))
    for i, j in ((0, 1), (1, 2), (2, 3), (0, 3)):
        a[..., i, j] += effect
        a[..., j, i] += effect
    return a, b


def benjamini_hochberg(p):
    """Adjusted p as in the paper: the smallest level at which each is rejected."""
    adjusted = []
    ranked = sorted(p)
    for value in p:
        steps = [q * len(p) / (k + 1) for k, q in enumerate(ranked) if q >= value]
        adjusted.append(min(1.0, *steps, 1.0))
    return adjusted


def test_subject_means_give_each_subject_one_voice():
    c = np.arange(7.0)[:, None, None] * np.ones((7, 2, 3, 3))[:, 0]
    subjects = np.array(["b", "a", "b", "b", "a", "c", "b"])
    targets = np.array([0, 0, 0, 1, 1, -1, 0])
    means, names = subject_means(c, subjects, targets)
    assert names == ["b", "a"]
    assert means.shape == (2, 2, 3, 3)
    np.testing.assert_array_equal(means[:, :, 0, 1], [[(0 + 2 + 6) / 3, 3], [1, 4]])
    c[0, 0, 1] = np.nan
    assert subject_means(c, subjects, targets)[0][0, 0, 0, 1] == 4
    absent, _ = subject_means(c[:3], subjects[:3], np.array([0, 1, 0]))
    assert np.isnan(absent[1, 0]).all()
    assert subject_means(np.ones((2, 5, 3, 3)), np.array([1, 2]), np.array([0, 1]))[0].shape == (
        2,
        2,
        5,
        3,
        3,
    )


@pytest.mark.parametrize("paired", [True, False])
def test_t_p_and_fdr_against_scipy_and_the_paper(paired):
    a, b = pair(12, effect=1.5)
    b = b if paired else b[:9]
    found = edge_test(a, b, paired=paired)
    expected = ttest_rel(a, b) if paired else ttest_ind(a, b, equal_var=False)
    off = ~np.eye(N_CHANS, dtype=bool)
    np.testing.assert_allclose(found.t[off], expected.statistic[off])
    np.testing.assert_allclose(found.p[off], expected.pvalue[off])
    np.testing.assert_allclose(found.difference, a.mean(0) - b.mean(0), atol=1e-12)
    np.testing.assert_allclose(found.p_corrected[UPPER], benjamini_hochberg(expected.pvalue[UPPER]))
    np.testing.assert_array_equal(found.significant[UPPER], found.p_corrected[UPPER] <= 0.05)
    np.testing.assert_array_equal(found.significant, found.significant.T)
    assert not found.significant.diagonal().any()
    assert np.isnan(found.p.diagonal()).all()
    assert (found.n_edges, found.n_subjects) == (28, (12,) if paired else (12, 9))
    assert found.reason == ""


def test_directed_edges_are_counted_both_ways():
    rng = np.random.default_rng(0)
    a, b = draw(10, rng, directed=True), draw(10, rng, directed=True)
    a[:, 2, 5] += 4
    found = edge_test(a, b, paired=True, directed=True)
    assert np.argwhere(found.significant).tolist() == [[2, 5]]
    assert found.n_edges == 56
    off = ~np.eye(N_CHANS, dtype=bool)
    np.testing.assert_allclose(found.p_corrected[off], benjamini_hochberg(found.p[off]))
    with pytest.raises(EegdaeError, match="directed=True"):
        edge_test(a, b, paired=True)


@pytest.mark.parametrize("middle", [0.0, 0.5])
@pytest.mark.parametrize("method", ["fdr", "nbs"])
def test_a_signed_lag_is_one_edge_a_pair_whatever_the_order_of_channels(middle, method):
    rng = np.random.default_rng(0)
    a, b = (middle + x - x.swapaxes(-1, -2) for x in (draw(10, rng, directed=True) for _ in range(2)))
    for i, j in ((0, 3), (3, 1), (1, 6)):
        a[:, i, j] += 8
        a[:, j, i] -= 8
    found = edge_test(a, b, paired=True, method=method, n_permutations=200)
    assert found.n_edges == 28
    np.testing.assert_allclose(found.t, -found.t.T)
    assert set(map(tuple, np.argwhere(np.triu(found.significant)))) == {(0, 3), (1, 3), (1, 6)}
    order = rng.permutation(N_CHANS)
    turned = edge_test(
        a[:, order][:, :, order], b[:, order][:, :, order], paired=True, method=method, n_permutations=200
    )
    np.testing.assert_array_equal(turned.significant, found.significant[order][:, order])


def test_bands_are_corrected_for_together():
    a, b = pair(12, lead=(3,), effect=1.5)
    found = edge_test(a, b, paired=True)
    assert found.n_edges == 3 * 28
    adjusted = benjamini_hochberg(found.p[(slice(None), *UPPER)].ravel())
    np.testing.assert_allclose(found.p_corrected[(slice(None), *UPPER)].ravel(), adjusted)


def test_masked_edges_are_no_test_and_stay_out_of_the_correction():
    a, b = pair(10, effect=2.0)
    a[:, 7, :] = a[:, :, 7] = np.nan
    a[:6, 6, :] = a[:6, :, 6] = np.nan  # four people are too few
    b[0, 5, :] = b[0, :, 5] = np.nan  # nine are not
    for method in ("fdr", "nbs"):
        found = edge_test(a, b, paired=True, method=method, n_permutations=100)
        assert np.isnan(found.p[6:]).all()
        assert np.isnan(found.p_corrected[6:]).all()
        assert not found.significant[6:].any()
        assert found.n_edges == 15
        assert found.p[4, 5] == pytest.approx(ttest_rel(a[1:], b[1:]).pvalue[4, 5])
    same = edge_test(a[:, :6, :6], b[:, :6, :6], paired=True)
    np.testing.assert_array_equal(same.p_corrected, edge_test(a, b, paired=True).p_corrected[:6, :6])


@pytest.mark.parametrize(("paired", "method"), [(True, "fdr"), (True, "nbs"), (False, "nbs")])
def test_false_positives_are_as_rare_as_the_level_says(paired, method):
    hits = []
    for seed in range(300):
        a, b = pair(10, seed=seed)
        b = b if paired else pair(10, seed=1000 + seed)[1]  # other people
        found = edge_test(a, b, paired=paired, alpha=0.1, method=method, n_permutations=99, threshold=1.5)
        hits.append(found.significant.any())
    # 0.1 +- 3 sd of 300 draws; sizes of groups have ties, which only makes the test more careful
    assert (0.05 if method == "fdr" else 0.02) < np.mean(hits) < 0.152


@pytest.mark.parametrize("paired", [True, False])
def test_a_planted_network_is_found_where_single_edges_are_not(paired):
    """The four edges form a ring: weak alone, together a group that chance does not make."""
    effect, power = 1.6 if paired else 2.4, {}
    options = {"n_permutations": 200, "threshold": 2.0}
    for method in ("fdr", "nbs"):
        found = [
            edge_test(*pair(20, seed=s, effect=effect), paired=paired, method=method, **options)
            for s in range(20)
        ]
        power[method] = np.mean([f.significant[[0, 1, 2, 0], [1, 2, 3, 3]].all() for f in found])
    assert power["nbs"] > power["fdr"]
    sure = edge_test(*pair(20, effect=6.0), paired=paired, method="nbs", n_permutations=500)
    (component, *_) = sure.components
    assert component.channels == (0, 1, 2, 3)
    assert (component.n_edges, component.sign) == (4, 1)
    assert component.p == pytest.approx(1 / 500, abs=0.004)  # chance made no group as large, or hardly
    assert sure.significant.sum() == 8


@pytest.mark.parametrize("method", ["fdr", "nbs"])
@pytest.mark.parametrize("paired", [True, False])
def test_the_order_of_subjects_changes_nothing(method, paired):
    a, b = pair(18, effect=1.0)
    order = np.random.default_rng(1).permutation(18)
    one = edge_test(a, b, paired=paired, method=method, n_permutations=200)
    two = edge_test(a[order], b[order], paired=paired, method=method, n_permutations=200)
    for field in fields(one):
        if field.name != "components":
            np.testing.assert_array_equal(getattr(one, field.name), getattr(two, field.name))
    assert [c.p for c in one.components] == [c.p for c in two.components]


def test_exchanged_classes_change_signs_alone():
    a, b = pair(12, effect=2.0)
    one, two = (edge_test(*ab, paired=True, method="nbs", n_permutations=5000) for ab in ((a, b), (b, a)))
    np.testing.assert_allclose(one.t, -two.t)
    assert [(c.n_edges, c.p, c.sign) for c in one.components] == [
        (c.n_edges, c.p, -c.sign) for c in two.components
    ]


@pytest.mark.parametrize("method", ["fdr", "nbs"])
def test_fewer_than_five_subjects_are_no_test(method):
    a, b = pair(4, effect=9.0)
    found = edge_test(a, b, paired=True, method=method)
    assert found.reason == "4 subjects with both classes, fewer than the 5 that a test needs"
    assert np.isnan(found.p).all()
    assert not found.significant.any()
    np.testing.assert_allclose(found.difference, (a - b).mean(0), atol=1e-12)
    a, b = pair(9)
    assert "1 subject in one of the classes" in edge_test(a, b[:1], paired=False, method=method).reason
    assert edge_test(a, b[:0], paired=False, method=method).n_subjects == (9, 0)


def test_five_subjects_cannot_be_significant_by_permutation():
    found = edge_test(*pair(5, effect=50.0), paired=True, method="nbs")
    assert "no p below 0.0625" in found.reason
    assert not found.significant.any()
    assert found.components[0].p == 1 / 16


def test_classes_that_never_differ_are_no_test():
    a, _ = pair(8)
    assert edge_test(a, a, paired=True).reason == "no edge varies in 5 subjects or more"


def test_edge_kind_reads_the_values():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, N_CHANS, N_CHANS)).astype(np.float32)
    assert edge_kind(x) == "directed"
    assert edge_kind(x + x.swapaxes(1, 2) + 1e-6 * x) == "undirected"
    assert edge_kind(0.5 + x - x.swapaxes(1, 2)) == "antisymmetric"
    assert edge_kind(np.full((3, 3), np.nan)) == "undirected"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 5}, "alpha=5: a level lies between 0 and 1"),
        ({"method": "fdrr"}, "method='fdrr': no such method; did you mean 'fdr'"),
        ({"n_permutations": 0}, "n_permutations=0"),
        ({"threshold": -1.0}, "threshold=-1.0"),
    ],
)
def test_options_that_are_not_allowed_are_named(options, message):
    a, b = pair(6)
    with pytest.raises(EegdaeError, match=message):
        edge_test(a, b, paired=True, **options)


def test_shapes_that_disagree_are_named():
    a, b = pair(6)
    with pytest.raises(EegdaeError, match="6 and 5 subjects; paired=True"):
        edge_test(a, b[:5], paired=True)
    with pytest.raises(EegdaeError, match="expected \\(n_subjects"):
        edge_test(a, b[:, :3], paired=True)
    with pytest.raises(EegdaeError, match="6 windows for 5 subjects"):
        subject_means(a, np.zeros(5), np.zeros(6, dtype=int))
    with pytest.raises(EegdaeError, match="no window has a class"):
        subject_means(a, np.zeros(6), np.full(6, -1))
