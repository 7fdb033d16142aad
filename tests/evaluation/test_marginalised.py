import itertools
import math

import numpy as np
import pytest
import torch

from eegdae.errors import EegdaeError
from eegdae.evaluation.marginalised import RIDGE, MarginalisedStack, fit_layer


def rows(n, n_features, seed=0, rank=None):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, rank or n_features)) @ rng.normal(size=(rank or n_features, n_features))
    return torch.from_numpy(x * np.geomspace(1, 3, n_features) + np.linspace(-1, 2, n_features))


def weights(layer, n_features):
    """W (n_out, n_in) and b, read off what the layer does to the axes."""
    bias = layer.reconstruct(torch.zeros(1, n_features))[0]
    return (layer.reconstruct(torch.eye(n_features)) - bias).T, bias


def by_least_squares(x, masks, chance, ridge):
    """Ridge regression of clean rows on masked copies, each weighing as its mask is likely; no ridge on 1."""
    size, d = (x**2).mean(), x.shape[1]
    left, right = torch.zeros(d + 1, d + 1).double(), torch.zeros(d + 1, d).double()
    for mask, weight in zip(masks, chance, strict=True):
        copies = torch.cat([x * mask, torch.ones(len(x), 1)], 1)
        left += weight * copies.T @ copies / len(x)
        right += weight * copies.T @ x / len(x)
    left[range(d), range(d)] += ridge * size
    solved = torch.linalg.solve(left, right)
    return solved[:d].T, solved[d]


@pytest.mark.parametrize("p", [0.0, 0.2, 0.7])
@pytest.mark.parametrize("n", [3, 40], ids=["fewer rows than features", "more rows"])
def test_the_expectation_over_every_mask_is_exact(p, n):
    x = rows(n, 5)
    masks = [torch.tensor(m, dtype=torch.float64) for m in itertools.product([0, 1], repeat=5)]
    chance = [math.prod((1 - p) if kept else p for kept in mask.tolist()) for mask in masks]
    W, b = by_least_squares(x, masks, chance, RIDGE)
    mine = weights(fit_layer(x, p=p), 5)
    torch.testing.assert_close(mine[0], W, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(mine[1], b, rtol=1e-6, atol=1e-8)


def test_corrupted_copies_converge_to_it():
    x = rows(60, 12, rank=4)
    mine, generator = weights(fit_layer(x, p=0.4), 12)[0], torch.Generator().manual_seed(1)
    far = []
    for n_copies in (20, 2000):
        masks = [(torch.rand(60, 12, generator=generator) > 0.4).double() for _ in range(n_copies)]
        W, _ = by_least_squares(x, masks, [1 / n_copies] * n_copies, RIDGE)
        far.append(float((W - mine).norm() / mine.norm()))
    # the error of a mean falls with the root of the number of copies
    assert far[1] < far[0] / 5
    assert far[1] < 0.02


@pytest.mark.parametrize("n", [30, 31])
def test_both_ways_to_solve_give_one_map(n):
    """30 rows of 30 features take the small system, 31 the large one; the bound is that of either ridge."""
    x = rows(n, 30)
    q, m, s = 0.7, x.mean(0), (x**2).mean(0)
    C = (x - m).T @ (x - m) / n
    W = q * C @ torch.linalg.inv(q**2 * C + torch.diag(0.3 * q * s + RIDGE * s.mean()))
    mine, b = weights(fit_layer(x, p=0.3), 30)
    torch.testing.assert_close(mine, W, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(b, m - q * W @ m, rtol=1e-6, atol=1e-8)
    assert len(fit_layer(x, p=0.3).factors) == (2 if n == 30 else 1)


def test_without_noise_it_gives_rows_back_and_what_never_varies_stays():
    x = rows(50, 6)
    x[:, 2] = 4.0
    assert (fit_layer(x, p=0.0).reconstruct(x) - x).abs().max() < 1e-3
    assert (fit_layer(x, p=0.5).reconstruct(x)[:, 2] - 4).abs().max() < 1e-9
    flat = fit_layer(torch.zeros(9, 3), p=0.5).transform(torch.ones(2, 3))
    assert torch.equal(flat, torch.zeros(2, 3))


def test_a_stack_is_the_input_beside_the_code_of_every_layer():
    x = rows(40, 3).float()
    stack = MarginalisedStack.fit(x, n_layers=2, p=0.3)
    first = torch.tanh(fit_layer(x, p=0.3).reconstruct(x)).float()
    second = torch.tanh(fit_layer(first, p=0.3).reconstruct(first)).float()
    assert torch.equal(stack.transform(x), torch.cat([x, first, second], 1))
    assert stack.transform(x).dtype == torch.float32
    other = rows(9000, 3, seed=1).float()  # more than a block
    torch.testing.assert_close(stack.transform(other)[8999:], stack.transform(other[8999:]))


def test_thousands_of_features():
    """Raw windows have more features than rows: the small system, no matrix of features by features."""
    x = torch.randn(60, 20_000, generator=torch.Generator().manual_seed(0))
    layer = fit_layer(x, p=0.5)
    assert max(factor.numel() for factor in layer.factors) == 60 * 20_000
    assert torch.isfinite(layer.transform(x)).all()


@pytest.mark.parametrize("p", [-0.1, 1.0, float("nan")])
def test_a_share_that_makes_no_sense(p):
    with pytest.raises(EegdaeError, match=r"msda=.*must be 0 or more and less than 1"):
        fit_layer(rows(5, 2), p=p)
    with pytest.raises(EegdaeError, match="msda: 1 rows"):
        fit_layer(rows(1, 2), p=0.5)
