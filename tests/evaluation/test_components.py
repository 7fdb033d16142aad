from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from scipy.stats import t as student
from scipy.stats import ttest_1samp, ttest_ind

from eegdae.evaluation.components import network_components

N_CHANS = 7
EDGES = np.triu(np.ones((N_CHANS, N_CHANS), dtype=bool), 1)


def draw(n_subjects, seed=0, effect=1.5):
    """Symmetric noise, and a path 0-1-2-3 where the first class is higher."""
    x = np.random.default_rng(seed).normal(size=(n_subjects, N_CHANS, N_CHANS))
    for i in range(3):
        x[:, i, i + 1] += effect
    return np.triu(x, 1) + np.triu(x, 1).swapaxes(1, 2)


def find(x, is_a, **options):
    options = {
        "edges": EDGES,
        "threshold": 2.0,
        "either_sign": False,
        "n_permutations": 5000,
        "seed": 0,
        "alpha": 0.05,
        **options,
    }
    return network_components(x.reshape(len(x), -1), is_a, x.shape[1:], **options)


def slow_sizes(t, threshold):
    """Sizes of the connected groups of each tail, by walking from channel to channel."""
    sizes = []
    for tail in (1, -1):
        edges = {(i, j) for i, j in combinations(range(N_CHANS), 2) if tail * t[i, j] > threshold}
        while edges:
            group = {edges.pop()}
            while True:
                channels = {channel for edge in group for channel in edge}
                near = {edge for edge in edges if channels & set(edge)}
                if not near:
                    break
                group |= near
                edges -= near
            sizes.append(len(group))
    return sorted(sizes, reverse=True)


def test_all_sign_flips_against_a_slow_reference():
    x = draw(7)
    null = []
    for signs in product((1, -1), repeat=7):
        t = ttest_1samp(x * np.array(signs)[:, None, None], 0).statistic
        null.append(max(slow_sizes(t, 2.0), default=0))
    found, reason = find(x, np.ones(7, dtype=bool))
    assert reason == ""
    assert sorted((c.n_edges for c in found), reverse=True) == slow_sizes(ttest_1samp(x, 0).statistic, 2.0)
    for component in found:
        assert component.p == pytest.approx(np.mean(np.array(null) >= component.n_edges))


def test_all_labels_against_a_slow_reference():
    rng = np.random.default_rng(1)
    x = np.concatenate([draw(5, effect=3.0), draw(6, seed=2, effect=0.0)])
    order = rng.permutation(11)
    x, is_a = x[order], (np.arange(11) < 5)[order]
    null = []
    for members in combinations(range(11), 5):
        a = np.isin(np.arange(11), members)
        null.append(max(slow_sizes(ttest_ind(x[a], x[~a], equal_var=False).statistic, 2.0), default=0))
    found, _ = find(x, is_a)
    t = ttest_ind(x[is_a], x[~is_a], equal_var=False).statistic
    assert sorted((c.n_edges for c in found), reverse=True) == slow_sizes(t, 2.0)
    for component in found:
        assert component.p == pytest.approx(np.mean(np.array(null) >= component.n_edges))


def test_a_component_says_where_it_is_and_which_class_is_higher():
    x = draw(16, effect=3.0)
    x[:, 5, 6] -= 3.0
    found, _ = find(x, np.ones(16, dtype=bool), threshold=5.0)
    assert [(c.channels, c.n_edges, c.sign) for c in found] == [((0, 1, 2, 3), 3, 1), ((5, 6), 1, -1)]
    assert {tuple(edge) for edge in np.argwhere(found[0].edges)} == {(0, 1), (1, 2), (2, 3)}
    assert found[0].p <= found[1].p


def test_opposite_signs_join_only_where_they_may():
    x = draw(16, effect=0.0)
    x[:, 0, 1] += 5.0
    x[:, 1, 2] -= 5.0
    everyone = np.ones(16, dtype=bool)
    assert [c.n_edges for c in find(x, everyone, threshold=6.0)[0]] == [1, 1]
    joined = find(x, everyone, threshold=6.0, either_sign=True)[0]
    assert [(c.n_edges, c.sign) for c in joined] == [(2, 0)]


def test_bands_are_never_connected_and_share_the_correction():
    x = np.stack([draw(12, effect=4.0), draw(12, seed=3, effect=0.0)], axis=1)
    x[:, 1, 3, 4] += 8.0
    found, _ = find(x, np.ones(12, dtype=bool), edges=np.stack([EDGES] * 2), threshold=6.0)
    assert [c.n_edges for c in found] == [3, 1]
    assert found[0].edges[0].sum() == 3
    assert found[1].edges[1].sum() == 1


def test_the_default_threshold_is_that_of_one_percent():
    x = draw(16)
    everyone = np.ones(16, dtype=bool)
    by_hand = find(x, everyone, threshold=float(student.isf(0.005, 15)))[0]
    default = find(x, everyone, threshold=None)[0]
    assert [c.n_edges for c in default] == [c.n_edges for c in by_hand]


def test_too_few_permutations_for_the_level_are_said():
    x = draw(5)
    reason = find(x, np.ones(5, dtype=bool))[1]
    assert reason == "16 permutations allow no p below 0.0625, above the level of 0.05"
    assert find(draw(6), np.ones(6, dtype=bool))[1] == ""


def test_blocks_of_permutations_change_nothing(monkeypatch):
    x, is_a = draw(14), np.arange(14) < 7
    whole = find(x, is_a, n_permutations=300)[0]
    monkeypatch.setattr("eegdae.evaluation.components._CHUNK", 21 * 17)
    assert [c.p for c in find(x, is_a, n_permutations=300)[0]] == [c.p for c in whole]
