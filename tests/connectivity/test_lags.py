import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate

from eegdae.connectivity import pearson
from eegdae.connectivity.lags import cross_correlation
from eegdae.errors import EegdaeError


def windows(seed, shape=(5, 4, 60)):
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.normal(size=shape), axis=-1) + rng.normal(size=(*shape[:2], 1))


def slow_cross_correlation(x, max_lag):
    """The definition, a pair and a lag at a time, the shortest lags first."""
    n_chans, n_times = x.shape
    x = x - x.mean(axis=1, keepdims=True)
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    peak, lag = np.full((n_chans, n_chans), -np.inf), np.zeros((n_chans, n_chans), dtype=int)
    for i in range(n_chans):
        for j in range(n_chans):
            for shift in sorted(range(-max_lag, max_lag + 1), key=abs):
                r = sum(x[i, t] * x[j, t + shift] for t in range(n_times) if 0 <= t + shift < n_times)
                if r > peak[i, j]:
                    peak[i, j], lag[i, j] = r, shift
    return peak, lag


def scipy_cross_correlation(x, max_lag):
    n_times = x.shape[1]
    x = x - x.mean(axis=1, keepdims=True)
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    inside = slice(n_times - 1 - max_lag, n_times + max_lag)
    r = np.stack([[correlate(y, z)[inside] for y in x] for z in x])  # (row, column, lag)
    return r.max(axis=-1), r.argmax(axis=-1) - max_lag


@pytest.mark.parametrize(("n_times", "max_lag"), [(30, 7), (31, 30), (24, 0), (17, 1)])
def test_agrees_with_the_definition(n_times, max_lag):
    x = windows(0, (3, 4, n_times))
    peak, lag = cross_correlation(torch.from_numpy(x), max_lag=max_lag)
    expected = [slow_cross_correlation(w, max_lag) for w in x]
    np.testing.assert_allclose(peak, [p for p, _ in expected], atol=1e-12)
    assert np.array_equal(lag, [found for _, found in expected])
    assert bool(lag.any()) == (max_lag > 0)


def test_agrees_with_scipy_on_a_real_recording(eegmat):
    peak, lag = cross_correlation(torch.from_numpy(eegmat[:4]), max_lag=100)
    expected = [scipy_cross_correlation(w, 100) for w in eegmat[:4]]
    np.testing.assert_allclose(peak, [p for p, _ in expected], atol=1e-9)
    assert np.array_equal(lag, [found for _, found in expected])
    single, _ = cross_correlation(torch.from_numpy(eegmat[:4]).float(), max_lag=100)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), peak, atol=1e-5, rtol=0)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    gain=st.floats(1e-12, 1e12),
    shift=st.floats(-10, 10),
    channel=st.integers(0, 3),
    max_lag=st.integers(0, 59),
)
def test_properties(seed, gain, shift, channel, max_lag):
    x = torch.from_numpy(windows(seed))
    peak, lag = cross_correlation(x, max_lag=max_lag)
    assert torch.equal(peak, peak.mT)
    assert torch.equal(lag, -lag.mT)
    assert peak.abs().max() <= 1
    assert lag.abs().max() <= max_lag
    assert torch.equal(peak.diagonal(dim1=-2, dim2=-1), torch.ones(5, 4, dtype=x.dtype))
    assert (peak >= pearson(x) - 1e-12).all()  # lag 0 is among those tried
    changed = x + shift
    changed[:, channel] *= gain
    same, same_lag = cross_correlation(changed, max_lag=max_lag)
    torch.testing.assert_close(same, peak, atol=1e-9, rtol=0)
    assert torch.equal(same_lag, lag)
    back, back_lag = cross_correlation(x.flip(-1), max_lag=max_lag)
    torch.testing.assert_close(back, peak)
    assert torch.equal(back_lag, -lag)  # time reversed, who followed now leads


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), delay=st.integers(-20, 20))
def test_who_follows_whom(seed, delay):
    source = np.random.default_rng(seed).normal(size=400)
    x = torch.from_numpy(np.stack([source[50:350], source[50 - delay : 350 - delay]]))  # y_t = x_(t - delay)
    peak, lag = cross_correlation(x, max_lag=20)
    assert lag[0, 1] == delay
    assert lag[1, 0] == -delay
    # 300 - |delay| of 300 samples have a partner; sums of squares of noise vary.
    assert peak[0, 1] == pytest.approx(1 - abs(delay) / 300, abs=0.1)


def test_no_lag_is_pearson():
    x = torch.from_numpy(windows(1))
    peak, lag = cross_correlation(x, max_lag=0)
    torch.testing.assert_close(peak, pearson(x))
    assert not lag.any()


def test_nothing_wraps_around():
    x = torch.zeros(2, 100, dtype=torch.float64)
    x[0, 1], x[1, 98] = 1, 1
    assert cross_correlation(x, max_lag=50)[0][0, 1] < 0.01
    peak, lag = cross_correlation(x, max_lag=99)
    assert peak[0, 1] > 0.98
    assert lag[0, 1] == 97


@pytest.mark.parametrize("value", [0.0, 0.1, 12345.678])
def test_constant_channel_has_no_correlation_and_no_lag(value):
    x = torch.from_numpy(windows(2)).float()
    x[:, 1] = value
    peak, lag = cross_correlation(x, max_lag=20)
    assert torch.equal(peak[:, 1], torch.tensor([0.0, 1, 0, 0]).expand(5, 4))
    assert torch.count_nonzero(lag[:, 1]) == 0
    assert torch.isfinite(peak).all()


def test_one_channel_and_two_equal_ones():
    x = torch.from_numpy(windows(3))[:, :1]
    peak, lag = cross_correlation(x, max_lag=5)
    assert torch.equal(peak, torch.ones_like(peak))
    assert torch.count_nonzero(lag) == 0
    peak, lag = cross_correlation(torch.cat([x, x], dim=1), max_lag=5)
    torch.testing.assert_close(peak, torch.ones_like(peak))
    assert torch.count_nonzero(lag) == 0


@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_float32_holds_in_any_unit(scale):
    x = torch.from_numpy(windows(4))
    peak, _ = cross_correlation((x * scale).float(), max_lag=20)
    torch.testing.assert_close(peak.double(), cross_correlation(x, max_lag=20)[0], atol=1e-5, rtol=0)


def test_any_leading_batch():
    x = torch.from_numpy(windows(5, (6, 3, 40)))
    whole = cross_correlation(x, max_lag=9)
    for kind, part, one in zip(
        whole,
        cross_correlation(x.reshape(2, 3, 3, 40), max_lag=9),
        cross_correlation(x[0], max_lag=9),
        strict=True,
    ):
        torch.testing.assert_close(part, kind.reshape(2, 3, 3, 3))
        torch.testing.assert_close(one, kind[0])


def test_gradient():
    x = torch.from_numpy(windows(6, (2, 3, 12))).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: cross_correlation(v, max_lag=4)[0], x)
    x = torch.from_numpy(windows(7, (1, 3, 12)))
    x[:, 0] = 2.0
    x.requires_grad_()
    cross_correlation(x, max_lag=4)[0].sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("max_lag", [-1, 60, 2.5, "3", None, float("nan")])
def test_impossible_lag(max_lag):
    with pytest.raises(EegdaeError, match=r"max_lag: .*; allowed: whole samples, 0 to 59"):
        cross_correlation(torch.from_numpy(windows(8)), max_lag=max_lag)
