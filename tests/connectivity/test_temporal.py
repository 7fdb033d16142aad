import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyriemann.geometry.covariance import covariances

from eegdae.connectivity import pearson


def windows(seed, shape=(5, 4, 60)):
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.normal(size=shape), axis=-1) + rng.normal(size=(*shape[:2], 1))


def test_agrees_with_numpy_and_pyriemann():
    x = windows(0)
    r = pearson(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(r, np.stack([np.corrcoef(w) for w in x]), atol=1e-12)
    np.testing.assert_allclose(r, covariances(x, estimator="corr"), atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), gain=st.floats(1e-12, 1e12), channel=st.integers(0, 3))
def test_properties(seed, gain, channel):
    x = torch.from_numpy(windows(seed))
    r = pearson(x)
    assert torch.equal(r, r.mT)
    assert r.abs().max() <= 1
    assert torch.equal(r.diagonal(dim1=-2, dim2=-1), torch.ones(5, 4, dtype=r.dtype))
    scaled = x.clone()
    scaled[:, channel] *= gain
    torch.testing.assert_close(pearson(scaled), r)
    order = torch.randperm(4, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(pearson(x[:, order]), r[:, order][:, :, order])


def test_sign_flip_flips_one_row():
    x = torch.from_numpy(windows(1))
    sign = torch.tensor([-1.0, 1, 1, 1], dtype=x.dtype)
    torch.testing.assert_close(pearson(x * sign[:, None]), pearson(x) * sign * sign[:, None])


@pytest.mark.parametrize("value", [0.0, 0.1, 1e5, 12345.678])
@pytest.mark.parametrize("n_times", [60, 61, 97, 1000])
def test_constant_channel_has_no_correlation(value, n_times):
    x = torch.from_numpy(windows(2, shape=(5, 4, n_times))).float()
    x[:, 1] = value
    r = pearson(x)
    expected = torch.zeros(5, 4)
    expected[:, 1] = 1
    assert torch.equal(r[:, 1], expected)
    assert torch.isfinite(r).all()


@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_float32_holds_in_any_unit(scale):
    x = torch.from_numpy(windows(3))
    torch.testing.assert_close(pearson((x * scale).float()).double(), pearson(x), atol=1e-5, rtol=0)


def test_copies_do_not_leave_the_range():
    x = torch.from_numpy(windows(7, shape=(500, 3, 30))).float()
    r = pearson(torch.cat([x, -3 * x], dim=1))
    assert r.max() == 1
    assert r.min() == -1


def test_any_leading_batch():
    x = torch.from_numpy(windows(4, shape=(6, 3, 40)))
    torch.testing.assert_close(pearson(x.reshape(2, 3, 3, 40)), pearson(x).reshape(2, 3, 3, 3))
    torch.testing.assert_close(pearson(x[0]), pearson(x)[0])


def test_gradient():
    x = torch.from_numpy(windows(5, shape=(2, 3, 12))).requires_grad_()
    assert torch.autograd.gradcheck(pearson, x)


def test_gradient_of_a_constant_channel_is_finite():
    x = torch.from_numpy(windows(6, shape=(1, 3, 12)))
    x[:, 0] = 2.0
    x.requires_grad_()
    pearson(x).sum().backward()
    assert torch.isfinite(x.grad).all()
