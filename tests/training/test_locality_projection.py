"""The locality-preserving projection: against the textbook's matrices, and what it promises."""

import numpy as np
import pytest
import torch
from scipy.linalg import eigh

from eegdae.training import LocalityProjection, locality_graph

N, M = 60, 5
G = torch.Generator().manual_seed(0)
X = torch.randn(N, 6, generator=G, dtype=torch.float64).cumsum(0)
GRAPH = locality_graph(X, torch.arange(N) // 20, torch.arange(N))
CODES = (X @ torch.randn(6, M, generator=G, dtype=torch.float64) + 3).numpy()


def matrices():
    """W, D and L as dense matrices, and the codes as columns, centred by degree."""
    w = torch.zeros(N, N, dtype=torch.float64).scatter_add(1, GRAPH.neighbours, GRAPH.weights).numpy()
    w = (w + w.T) / 2
    d = np.diag(w.sum(1))
    h = CODES.T - (CODES.T @ d.diagonal() / d.sum())[:, None]
    return w, d, d - w, h


def test_it_solves_the_textbooks_equation():
    _, d, laplacian, h = matrices()
    found = LocalityProjection.fit(CODES, GRAPH, M)
    values, vectors = eigh(h @ laplacian @ h.T, h @ d @ h.T)
    np.testing.assert_allclose(found.eigenvalues, values, rtol=1e-8)
    vectors = vectors * np.sqrt(d.sum())
    vectors *= np.sign(vectors[np.abs(vectors).argmax(0), np.arange(M)])
    np.testing.assert_allclose(found.components, vectors, rtol=1e-6)


def test_scores_have_variance_1_and_neighbours_are_nearest_along_the_first():
    w, d, _, h = matrices()
    found = LocalityProjection.fit(CODES, GRAPH, 3)
    scores = found.transform(CODES).astype(np.float64)
    assert scores.shape == (N, 3)
    weighed = scores.T @ d @ scores / d.sum()
    np.testing.assert_allclose(weighed, np.eye(3), atol=1e-5)
    apart = ((scores[:, None] - scores[None]) ** 2 * w[:, :, None]).sum((0, 1)) / (2 * d.sum())
    np.testing.assert_allclose(apart, found.eigenvalues, rtol=1e-4)
    for direction in np.random.default_rng(0).normal(size=(20, M)):
        y = direction @ h
        ratio = ((y[:, None] - y[None]) ** 2 * w).sum() / (2 * (y**2 * d.diagonal()).sum())
        assert ratio > found.eigenvalues[0] * (1 - 1e-9)


def test_dead_and_doubled_codes_add_no_direction():
    wide = np.concatenate([CODES, np.full((N, 2), 4.0), CODES[:, :1]], 1).astype(np.float32)
    found = LocalityProjection.fit(wide, GRAPH, 8)
    assert found.components.shape == (M + 3, M)
    expected = LocalityProjection.fit(CODES, GRAPH, M)
    np.testing.assert_allclose(found.eigenvalues, expected.eigenvalues, rtol=1e-3)
    np.testing.assert_allclose(np.abs(found.transform(wide)), np.abs(expected.transform(CODES)), atol=1e-2)


def test_codes_that_are_all_alike_give_one_score_of_0():
    found = LocalityProjection.fit(np.ones((N, 3)), GRAPH, 2)
    assert found.transform(np.ones((4, 3))).tolist() == [[0.0]] * 4


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_the_unit_of_the_codes_makes_no_difference(scale):
    np.testing.assert_allclose(
        LocalityProjection.fit(CODES * scale, GRAPH, 3).transform(CODES * scale),
        LocalityProjection.fit(CODES, GRAPH, 3).transform(CODES),
        rtol=1e-4,
        atol=1e-5,
    )
