import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from eegdae.connectivity import pearson
from eegdae.connectivity.rank import spearman


def windows(seed, shape=(5, 4, 60)):
    return np.cumsum(np.random.default_rng(seed).normal(size=shape), axis=-1)


def scipy_spearman(x):
    return np.stack([spearmanr(w, axis=1).statistic for w in x])


@pytest.mark.parametrize("decimals", [8, 0, "sign"])  # no ties, some, nothing else
def test_agrees_with_scipy(decimals):
    x = np.random.default_rng(0).normal(scale=3, size=(5, 4, 60))
    x = np.sign(x) if decimals == "sign" else x.round(decimals)
    np.testing.assert_allclose(spearman(torch.from_numpy(x)).numpy(), scipy_spearman(x), atol=1e-12)


def test_agrees_with_scipy_on_a_real_recording(eegmat):
    np.testing.assert_allclose(spearman(torch.from_numpy(eegmat)).numpy(), scipy_spearman(eegmat), atol=1e-12)
    single = eegmat.astype(np.float32)
    np.testing.assert_allclose(spearman(torch.from_numpy(single)).numpy(), scipy_spearman(single), atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), gain=st.floats(1e-12, 1e12), channel=st.integers(0, 3))
def test_properties(seed, gain, channel):
    x = torch.from_numpy(windows(seed))
    r = spearman(x)
    assert torch.equal(r, r.mT)
    assert r.abs().max() <= 1
    assert torch.equal(r.diagonal(dim1=-2, dim2=-1), torch.ones(5, 4, dtype=r.dtype))
    scaled = x.clone()
    scaled[:, channel] *= gain
    torch.testing.assert_close(spearman(scaled), r)
    order = torch.randperm(4, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(spearman(x[:, order]), r[:, order][:, :, order])


def test_the_shape_of_a_rising_relation_does_not_matter():
    x = torch.from_numpy(windows(1))[:, :1]
    both = torch.cat([x, x.exp(), -(x**3)], dim=1)
    expected = torch.tensor([[1.0, 1, -1], [1, 1, -1], [-1, -1, 1]], dtype=x.dtype)
    torch.testing.assert_close(spearman(both), expected.expand(5, 3, 3))
    assert (pearson(both)[:, 0, 1] < 0.99).all()


def test_one_large_sample_does_not_decide():
    x = torch.from_numpy(np.random.default_rng(2).normal(size=(1, 2, 500)))
    x[..., 100] = 1e6
    assert pearson(x)[0, 0, 1] > 0.99
    assert spearman(x)[0, 0, 1].abs() < 0.2


@pytest.mark.parametrize("value", [0.0, 0.1, -12345.678])
def test_constant_channel_has_no_correlation(value):
    x = torch.from_numpy(windows(3)).float()
    x[:, 1] = value
    r = spearman(x)
    assert torch.equal(r[:, 1], torch.tensor([0.0, 1, 0, 0]).expand(5, 4))
    assert torch.isfinite(r).all()


def test_one_channel_and_two_equal_ones():
    x = torch.from_numpy(windows(4))[:, :1]
    assert torch.equal(spearman(x), torch.ones(5, 1, 1, dtype=x.dtype))
    torch.testing.assert_close(spearman(torch.cat([x, x], dim=1)), torch.ones(5, 2, 2, dtype=x.dtype))


def test_any_leading_batch_and_memory_layout():
    x = torch.from_numpy(windows(5, shape=(6, 3, 40)))
    torch.testing.assert_close(spearman(x.reshape(2, 3, 3, 40)), spearman(x).reshape(2, 3, 3, 3))
    torch.testing.assert_close(spearman(x[0]), spearman(x)[0])
    torch.testing.assert_close(spearman(x.mT.contiguous().mT), spearman(x))


def test_carries_no_gradient():
    assert not spearman(torch.from_numpy(windows(6)).requires_grad_()).requires_grad
