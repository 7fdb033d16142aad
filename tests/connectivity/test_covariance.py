import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyriemann.geometry.covariance import covariances
from sklearn.covariance import OAS, EmpiricalCovariance, LedoitWolf

from eegdae.connectivity import pearson
from eegdae.connectivity.covariance import covariance, estimate_rank, partial_correlation
from eegdae.errors import EegdaeError

# ours, pyriemann's name, scikit-learn's class
ESTIMATORS = [
    ("empirical", "scm", EmpiricalCovariance),
    ("oas", "oas", OAS),
    ("ledoit_wolf", "lwf", LedoitWolf),
]
NAMES = [name for name, _, _ in ESTIMATORS]


def windows(seed, shape=(5, 4, 60)):
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.normal(size=shape), axis=-1) + 10 * rng.normal(size=(*shape[:2], 1))


def slow_partial_correlation(x):
    """The definition: regress both signals on all others, correlate what is left."""
    n_chans = len(x)
    x = x - x.mean(axis=1, keepdims=True)
    r = np.eye(n_chans)
    for i in range(n_chans):
        for j in range(n_chans):
            if i != j:
                others = np.delete(x, [i, j], axis=0).T
                left = [v - others @ np.linalg.lstsq(others, v)[0] for v in (x[i], x[j])]
                r[i, j] = np.corrcoef(left)[0, 1]
    return r


@pytest.mark.parametrize(("estimator", "theirs", "sklearn"), ESTIMATORS)
@pytest.mark.parametrize(
    "shape", [(5, 4, 60), (3, 12, 8), (4, 2, 3)]
)  # the second: fewer samples than channels
def test_agrees_with_pyriemann_and_sklearn(estimator, theirs, sklearn, shape):
    x = windows(0, shape)
    c = covariance(torch.from_numpy(x), estimator=estimator).numpy()
    np.testing.assert_allclose(c, covariances(x, estimator=theirs), atol=1e-10)
    np.testing.assert_allclose(c, np.stack([sklearn().fit(w.T).covariance_ for w in x]), atol=1e-10)


@pytest.mark.parametrize(("estimator", "theirs", "_sklearn"), ESTIMATORS)
def test_agrees_with_pyriemann_on_a_real_recording(eegmat, estimator, theirs, _sklearn):
    expected = covariances(eegmat, estimator=theirs)
    c = covariance(torch.from_numpy(eegmat), estimator=estimator).numpy()
    np.testing.assert_allclose(c, expected, atol=1e-9)
    single = covariance(torch.from_numpy(eegmat).float(), estimator=estimator).numpy()
    assert single.dtype == np.float32
    np.testing.assert_allclose(single / expected.max(), expected / expected.max(), atol=1e-5)


def test_shrinking_does_something_and_not_everything():
    x = torch.from_numpy(windows(1, (3, 6, 20)))
    plain = covariance(x)
    for estimator in ("oas", "ledoit_wolf"):
        off = covariance(x, estimator=estimator).triu(1) / plain.triu(1).masked_fill(plain.triu(1) == 0, 1)
        kept = off[:, 0, 1]  # 1 - alpha
        assert ((kept > 0.01) & (kept < 0.99)).all()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    gain=st.floats(1e-6, 1e6),
    shift=st.floats(-100, 100),
    estimator=st.sampled_from(NAMES),
)
def test_properties(seed, gain, shift, estimator):
    x = torch.from_numpy(windows(seed))
    c = covariance(x, estimator=estimator)
    assert torch.equal(c, c.mT)
    assert torch.linalg.eigvalsh(c).min() > 0
    torch.testing.assert_close(covariance(gain * x + shift, estimator=estimator), gain**2 * c)
    torch.testing.assert_close(torch.einsum("...ii", c), torch.einsum("...ii", covariance(x)))
    order = torch.randperm(4, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(covariance(x[:, order], estimator=estimator), c[:, order][:, :, order])


@pytest.mark.parametrize("estimator", NAMES)
@pytest.mark.parametrize("scale", [1e-13, 1e13])
def test_float32_holds_in_any_unit(estimator, scale):
    x = torch.from_numpy(windows(2))
    exact = covariance(x, estimator=estimator)
    single = covariance((x * scale).float(), estimator=estimator).double() / scale**2
    torch.testing.assert_close(single / exact.max(), exact / exact.max(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("estimator", NAMES)
def test_unusual_windows(estimator):
    x = torch.from_numpy(windows(3, (2, 3, 40))).float()
    one = covariance(x[:, :1], estimator=estimator)
    torch.testing.assert_close(one[:, 0, 0], x[:, 0].var(dim=-1, correction=0))
    x[:, 1] = 0.1
    c = covariance(x, estimator=estimator)
    assert torch.count_nonzero(c[:, 1, [0, 2]]) == 0
    assert bool((c[:, 1, 1] == 0).all()) == (estimator == "empirical")
    assert torch.count_nonzero(covariance(torch.full((2, 3, 40), 0.1), estimator=estimator)) == 0
    equal = covariance(x[:, [0, 0]], estimator=estimator)
    smallest = torch.linalg.eigvalsh(equal)[:, 0] / equal[:, 0, 0]
    assert bool((smallest < 1e-6).all()) == (estimator == "empirical")


@pytest.mark.parametrize("function", [covariance, partial_correlation])
@pytest.mark.parametrize("estimator", NAMES)
def test_gradient_and_any_leading_batch(function, estimator):
    x = torch.from_numpy(windows(4, (6, 3, 12)))
    whole = function(x, estimator=estimator)
    torch.testing.assert_close(
        function(x.reshape(2, 3, 3, 12), estimator=estimator), whole.reshape(2, 3, 3, 3)
    )
    torch.testing.assert_close(function(x[0], estimator=estimator), whole[0])
    assert torch.autograd.gradcheck(lambda v: function(v, estimator=estimator), x[:2].requires_grad_())


@pytest.mark.parametrize("function", [covariance, partial_correlation])
@pytest.mark.parametrize("estimator", NAMES)
def test_gradient_of_a_constant_channel_is_finite(function, estimator):
    x = torch.from_numpy(windows(5, (1, 3, 12)))
    x[:, 0] = 2.0
    x.requires_grad_()
    function(x, estimator=estimator).sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("function", [covariance, partial_correlation])
def test_unknown_estimator(function):
    with pytest.raises(EegdaeError, match="unknown estimator 'osa'; did you mean 'oas'"):
        function(torch.zeros(2, 10), estimator="osa")


def test_partial_correlation_agrees_with_the_definition():
    x = windows(6)
    r = partial_correlation(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(r, [slow_partial_correlation(w) for w in x], atol=1e-10)


@pytest.mark.parametrize(("estimator", "_theirs", "sklearn"), ESTIMATORS)
def test_partial_correlation_agrees_with_the_precision_of_sklearn(eegmat, estimator, _theirs, sklearn):
    r = partial_correlation(torch.from_numpy(eegmat), estimator=estimator)
    for window, ours in zip(eegmat, r, strict=True):
        p = sklearn().fit(window.T).precision_
        expected = -p / np.sqrt(np.outer(p.diagonal(), p.diagonal()))
        np.fill_diagonal(expected, 1)
        np.testing.assert_allclose(ours, expected, atol=1e-9)
    single = partial_correlation(torch.from_numpy(eegmat).float(), estimator=estimator)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), r, atol=1e-5, rtol=0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), gain=st.floats(1e-9, 1e9), channel=st.integers(0, 3))
def test_partial_correlation_properties(seed, gain, channel):
    x = torch.from_numpy(windows(seed))
    r = partial_correlation(x)
    assert torch.equal(r, r.mT)
    assert r.abs().max() <= 1
    assert torch.equal(r.diagonal(dim1=-2, dim2=-1), torch.ones(5, 4, dtype=r.dtype))
    scaled = x.clone()
    scaled[:, channel] *= gain
    torch.testing.assert_close(partial_correlation(scaled), r, atol=1e-8, rtol=1e-8)
    torch.testing.assert_close(partial_correlation(x[:, :2]), pearson(x[:, :2]))  # no others to take out


def test_partial_correlation_tells_a_chain_from_a_pair():
    noise = torch.randn(3, 20_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    middle = noise[0]
    r = partial_correlation(torch.stack([middle + noise[1], middle, middle + noise[2]]))
    assert pearson(torch.stack([middle + noise[1], middle + noise[2]]))[0, 1] == pytest.approx(0.5, abs=0.03)
    assert r[0, 2].abs() < 0.03
    assert r[0, 1] == pytest.approx(1 / 3**0.5, abs=0.03)


def test_partial_correlation_leaves_a_constant_channel_aside():
    x = torch.from_numpy(windows(7))
    expected = partial_correlation(x[:, [0, 2, 3]])
    x[:, 1] = 0.1
    r = partial_correlation(x)
    assert torch.equal(r[:, 1], torch.tensor([0.0, 1, 0, 0], dtype=r.dtype).expand(5, 4))
    torch.testing.assert_close(r[:, [0, 2, 3]][:, :, [0, 2, 3]], expected)
    assert torch.equal(partial_correlation(x[:, :1]), torch.ones(5, 1, 1, dtype=r.dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("spoil", "rank"),
    [
        (lambda x: x[:, [0, 1, 2, 0]], 3),
        (lambda x: x - x.mean(dim=1, keepdim=True), 3),
        (lambda x: torch.cat([x[:, :3], x[:, :3].mean(dim=1, keepdim=True)], dim=1), 3),
        (lambda x: x[..., :3].repeat(1, 1, 20), 2),
    ],
    ids=["equal channels", "average reference", "interpolated channel", "too few samples"],
)
def test_dependent_channels_are_named_unless_shrunk(dtype, spoil, rank):
    x = torch.from_numpy(windows(8)).to(dtype)
    x[2:] = spoil(x)[2:]
    with pytest.raises(EegdaeError, match=rf"the 4 channels of window 2 .* \(rank {rank}\)") as caught:
        partial_correlation(x)
    assert "\n" not in str(caught.value)
    assert torch.isfinite(partial_correlation(x, estimator="oas")).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rank_of_a_real_recording(eegmat, dtype):
    """One direction of its 19 holds rounding alone; an average reference takes one of those without it."""
    x = eegmat.astype(dtype)
    assert estimate_rank(covariance(torch.from_numpy(x)).mean(dim=0)) == 18
    part = x[:, :12]
    assert estimate_rank(covariance(torch.from_numpy(part)).mean(dim=0)) == 12
    referenced = part - part.mean(axis=1, keepdims=True)
    assert estimate_rank(covariance(torch.from_numpy(referenced)).mean(dim=0)) == 11


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), rank=st.integers(0, 6), gain=st.floats(1e-9, 1e9))
def test_rank_is_that_of_the_mixing(seed, rank, gain):
    rng = np.random.default_rng(seed)
    mixing = np.linalg.qr(rng.normal(size=(6, 6)))[0][:, :rank] * rng.uniform(1, 3, size=rank)
    gains = np.array([1, gain, 1, 1, 1, 1])[:, None]
    c = torch.from_numpy(mixing @ mixing.T * gains * gains.T)
    assert estimate_rank(c) == rank
    assert torch.equal(estimate_rank(c.expand(2, 3, 6, 6)), torch.full((2, 3), rank))


def test_tolerance_of_the_rank():
    c = torch.tensor([[1.0, 0.99], [0.99, 1.0]])  # eigenvalues 1.99 and .01
    assert estimate_rank(c) == 2
    assert estimate_rank(c, tolerance=0.01) == 1
    assert estimate_rank(c, tolerance=0.001) == 2
    assert estimate_rank(torch.diag(torch.tensor([2.0, 0.0, 1e-9]))) == 2
    for tolerance in (-0.1, 1.0, float("nan")):
        with pytest.raises(EegdaeError, match=r"tolerance: .* allowed: \[0, 1\)"):
            estimate_rank(c, tolerance=tolerance)
