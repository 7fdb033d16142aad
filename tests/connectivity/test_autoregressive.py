import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mne_connectivity import vector_auto_regression

from eegdae.connectivity.autoregressive import fit_var, select_order
from eegdae.errors import EegdaeError

A = np.array(  # stable: (order 2, 3 channels, 3 channels), [k, i, j] from j to i; 0 -> 1 -> 2
    [
        [[0.9, 0, 0], [0.5, 0.5, 0], [0, 0.6, 0.4]],
        [[-0.5, 0, 0], [0.0, -0.3, 0], [0, 0, -0.2]],
    ]
)
SIGMA = np.array([[1.0, 0.3, 0], [0.3, 2.0, 0], [0, 0, 0.5]])


def simulate(seed, shape=(3,), n_times=400, a=A, sigma=SIGMA, warm_up=200):
    """Windows (*shape, n_chans, n_times) of the model."""
    rng = np.random.default_rng(seed)
    order, n_chans = a.shape[:2]
    e = rng.normal(size=(warm_up + n_times, *shape, n_chans)) @ np.linalg.cholesky(sigma).T
    x = np.zeros_like(e)
    for t in range(order, len(e)):
        x[t] = e[t] + sum(x[t - k - 1] @ a[k].T for k in range(order))
    return np.moveaxis(x[warm_up:], 0, -1)


def slow_fit(window, order, start=None):
    """One window, one equation after the other, by numpy's lstsq; samples from `start` on are predicted."""
    x = window - window.mean(-1, keepdims=True)
    n_chans, n_times = x.shape
    start = order if start is None else start
    past = np.array(
        [[x[j, t - k] for k in range(1, order + 1) for j in range(n_chans)] for t in range(start, n_times)]
    )
    a = np.empty((order, n_chans, n_chans))
    residuals = np.empty((n_chans, n_times - start))
    for i in range(n_chans):
        b = np.linalg.lstsq(past, x[i, start:], rcond=None)[0]
        a[:, i] = b.reshape(order, n_chans)
        residuals[i] = x[i, start:] - past @ b
    return a, residuals @ residuals.T / (n_times - start)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_agrees_with_the_definition(order):
    x = simulate(0) * [[1.0], [1e-3], [50.0]] + 7
    a, sigma = fit_var(torch.from_numpy(x), order=order)
    assert a.shape == (3, order, 3, 3)
    for window, got, noise in zip(x, a.numpy(), sigma.numpy(), strict=True):
        expected, covariance = slow_fit(window, order)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(noise, covariance, rtol=1e-9)


@pytest.mark.parametrize("lags", [1, 3])
@pytest.mark.parametrize("ridge", [0.0, 0.05])
def test_agrees_with_mne_connectivity(lags, ridge):
    """Their model has no intercept either, but takes no mean off: it gets windows without one.

    Their penalty is absolute, on Z'Z; ours is a share of it, so channels of unit variance make them equal.
    They lay the result out (n_windows, to, from, lag), and do not give the covariance back.
    """
    x = simulate(1)
    x = x - x.mean(-1, keepdims=True)
    x /= x.std(-1, keepdims=True)
    theirs = vector_auto_regression(
        x, lags=lags, l2_reg=ridge * (x.shape[-1] - lags), model="dynamic", verbose="error"
    )
    dense = theirs.get_data("dense").reshape(3, 3, 3, lags)
    a, _ = fit_var(torch.from_numpy(x), order=lags, ridge=ridge)
    np.testing.assert_allclose(a.numpy(), np.moveaxis(dense, -1, 1), atol=1e-9)


def test_finds_the_model_that_made_the_signal():
    a, sigma = fit_var(torch.from_numpy(simulate(2, shape=(), n_times=50_000)), order=2)
    np.testing.assert_allclose(a, A, atol=0.03)
    np.testing.assert_allclose(sigma, SIGMA, atol=0.05)


def test_the_covariance_is_that_of_the_residuals():
    x = torch.from_numpy(simulate(3))
    _, sigma = fit_var(x, order=2)
    assert torch.equal(sigma, sigma.mT)
    assert torch.linalg.eigvalsh(sigma).min() > 0
    wider = fit_var(x[..., 2:], order=1)[1].diagonal(
        dim1=-2, dim2=-1
    )  # fewer lags, the same samples or fewer
    assert (sigma.diagonal(dim1=-2, dim2=-1) < wider * 1.02).all()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    gain=st.floats(1e-6, 1e6),
    offset=st.floats(-1e3, 1e3),
    channel=st.integers(0, 2),
    ridge=st.sampled_from([0.0, 0.1]),
)
def test_gain_changes_units_and_an_offset_nothing(seed, gain, offset, channel, ridge):
    x = simulate(seed, n_times=80, warm_up=20)
    gains = np.ones(3)
    gains[channel] = gain
    a, sigma = fit_var(torch.from_numpy(x), order=2, ridge=ridge)
    changed = torch.from_numpy((x + offset) * gains[:, None])
    b, noise = fit_var(changed, order=2, ridge=ridge)
    np.testing.assert_allclose(b.numpy() / (gains[:, None] / gains), a, atol=1e-8)
    np.testing.assert_allclose(noise.numpy() / (gains[:, None] * gains), sigma, rtol=1e-6, atol=1e-8)


def test_ridge_shrinks():
    x = torch.from_numpy(simulate(4))
    norms = [float(fit_var(x, order=3, ridge=ridge)[0].norm()) for ridge in (0, 0.01, 1, 1e6)]
    assert norms == sorted(norms, reverse=True)
    assert norms[-1] < 1e-4


def test_smooth_signals_do_not_lose_half_the_digits():
    """Neighbouring samples almost alike: here the normal equations, in float64, are off by 4e-2."""
    t = np.arange(600) / 500
    rng = np.random.default_rng(5)
    x = np.stack([np.sin(2 * np.pi * f * t + 1) for f in (3.1, 4.7)]) + 1e-7 * rng.normal(size=(2, 600))
    a, _ = fit_var(torch.from_numpy(x), order=4)
    np.testing.assert_allclose(a, slow_fit(x, 4)[0], atol=1e-7)
    rough = torch.from_numpy(x + 1e-4 * rng.normal(size=x.shape)).float()
    torch.testing.assert_close(fit_var(rough, order=4)[0], fit_var(rough.double(), order=4)[0].float())


def test_any_leading_batch():
    x = torch.from_numpy(simulate(6, shape=(2, 3), n_times=60))
    a, sigma = fit_var(x, order=2)
    assert a.shape == (2, 3, 2, 3, 3)
    one, noise = fit_var(x[1, 2], order=2)
    torch.testing.assert_close(a[1, 2], one)
    torch.testing.assert_close(sigma[1, 2], noise)
    assert fit_var(x[:0], order=2)[0].shape == (0, 3, 2, 3, 3)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_float32_agrees_with_float64(scale):
    x = torch.from_numpy(simulate(7) * scale)
    single, noise = fit_var(x.float(), order=3)
    assert single.dtype == noise.dtype == torch.float32
    a, sigma = fit_var(x, order=3)
    torch.testing.assert_close(single.double(), a, atol=1e-5, rtol=0)
    torch.testing.assert_close(noise.double() / scale**2, sigma / scale**2, atol=1e-5, rtol=0)


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_gradient(ridge):
    x = torch.from_numpy(simulate(8, shape=(2,), n_times=14)).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: fit_var(v, order=2, ridge=ridge), x)


def test_one_channel():
    x = simulate(9)[:, :1]
    a, sigma = fit_var(torch.from_numpy(x), order=2)
    expected = [slow_fit(window, 2) for window in x]
    np.testing.assert_allclose(a, [e[0] for e in expected], atol=1e-10)
    np.testing.assert_allclose(sigma, [e[1] for e in expected], atol=1e-10)


@pytest.mark.parametrize("value", [0.0, 0.1, 12345.678])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_a_constant_channel_has_no_influence_and_takes_none(value, dtype, ridge):
    x = torch.from_numpy(simulate(10)).to(dtype)
    x[1, 1] = value
    x.requires_grad_()
    a, sigma = fit_var(x, order=2, ridge=ridge)
    assert torch.count_nonzero(a[1, :, 1]) == torch.count_nonzero(a[1, :, :, 1]) == 0
    assert torch.count_nonzero(sigma[1, 1]) == torch.count_nonzero(sigma[1, :, 1]) == 0
    without, noise = fit_var(x[:, [0, 2]], order=2, ridge=ridge)
    torch.testing.assert_close(a[1][:, [0, 2]][:, :, [0, 2]], without[1])
    torch.testing.assert_close(sigma[1][[0, 2]][:, [0, 2]], noise[1])
    torch.testing.assert_close(a[0], fit_var(x[0], order=2, ridge=ridge)[0])
    (a.square().sum() + sigma.sum()).backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dependent_channels_are_named(dtype):
    x = torch.from_numpy(simulate(11))
    x[1, 2] = 3 * x[1, 0] + 1  # equal up to a gain and an offset
    with pytest.raises(EegdaeError, match=r"x: window 1, channel 2 is a linear combination.*ridge above 0"):
        fit_var(x.to(dtype), order=2)
    averaged = x[0] - x[0].mean(0)
    with pytest.raises(EegdaeError, match="x: channel 2 is a linear combination"):
        fit_var(averaged.to(dtype), order=1)
    with pytest.raises(EegdaeError, match=r"x: window \(0, 1\), channel 2 is"):
        select_order(x[None].to(dtype), max_order=2)
    a, sigma = fit_var(x.to(dtype), order=2, ridge=1e-3)
    assert torch.isfinite(a).all()
    assert torch.isfinite(sigma).all()


@pytest.mark.parametrize("order", [0, -1, 1.0, 2.5, "2", None, True])
@pytest.mark.parametrize("function", ["fit_var", "select_order"])
def test_what_is_no_order(order, function):
    x = torch.from_numpy(simulate(12))
    with pytest.raises(EegdaeError, match=r"order: .*; allowed: whole numbers of 1 or more") as caught:
        fit_var(x, order=order) if function == "fit_var" else select_order(x, max_order=order)
    assert "\n" not in str(caught.value)


def test_too_few_samples():
    x = torch.from_numpy(simulate(13, n_times=23))
    assert fit_var(x, order=np.int64(5))[0].shape == (3, 5, 3, 3)  # 18 samples, 15 coefficients
    said = "order: 6 is too large for 3 channels of 23 samples; lower it to 5 or less, or lengthen .* to 27"
    with pytest.raises(EegdaeError, match=said):
        fit_var(x, order=6)
    with pytest.raises(EegdaeError, match=r"max_order: 6 is too large"):
        select_order(x, max_order=6)
    with pytest.raises(EegdaeError, match=r"order: 1 is too large .*; no order fits"):
        fit_var(x[..., :6], order=1)


@pytest.mark.parametrize("ridge", [-1e-3, float("nan"), float("inf"), None, "1"])
def test_what_is_no_ridge(ridge):
    with pytest.raises(EegdaeError, match=r"ridge: .*; allowed: a finite number, 0 or more"):
        fit_var(torch.from_numpy(simulate(14)), order=1, ridge=ridge)


def test_what_is_no_window():
    x = torch.from_numpy(simulate(15))
    for value in (float("nan"), float("inf")):
        x[2, 1, 5] = value
        with pytest.raises(EegdaeError, match=r"x: NaN or infinite in window 2, channel 1; allowed: finite"):
            fit_var(x, order=1)
    with pytest.raises(EegdaeError, match=r"x: values of type torch.complex128"):
        fit_var(x * 1j, order=1)
    with pytest.raises(EegdaeError, match=r"x: shape \(400,\); expected \(..., n_chans, n_times\)"):
        fit_var(x[0, 0], order=1)


def slow_criterion(x, order, max_order, criterion):
    n = x.shape[-1] - max_order
    weight = {"bic": np.log(n), "aic": 2}[criterion]
    log_dets = [np.linalg.slogdet(slow_fit(window, order, start=max_order)[1])[1] for window in x]
    return np.mean(log_dets) + weight / n * order * x.shape[-2] ** 2


@pytest.mark.parametrize("criterion", ["bic", "aic"])
@pytest.mark.parametrize("n_times", [24, 30, 40, 60, 120])
def test_order_agrees_with_the_definition(criterion, n_times):
    x = simulate(n_times, shape=(2,), n_times=n_times) * [[1.0], [1e-6], [1e6]]
    scores = [slow_criterion(x, order, 5, criterion) for order in range(1, 6)]
    assert select_order(torch.from_numpy(x), max_order=5, criterion=criterion) == 1 + np.argmin(scores)


def test_orders_that_agree_are_not_all_one_order():
    """What the test above compares does vary: criteria differ, and so do lengths."""
    chosen = {
        (criterion, n): select_order(
            torch.from_numpy(simulate(n, shape=(2,), n_times=n)), max_order=5, criterion=criterion
        )
        for criterion in ("bic", "aic")
        for n in (24, 30, 40, 60, 120)
    }
    assert len(set(chosen.values())) > 1
    assert any(chosen["bic", n] < chosen["aic", n] for n in (24, 30, 40, 60, 120))


def test_bic_finds_the_true_order():
    x = torch.from_numpy(simulate(16, shape=(4,), n_times=2000))
    assert select_order(x, max_order=6) == 2
    assert select_order(x.float(), max_order=6) == 2


def test_order_is_refused():
    x = torch.from_numpy(simulate(17))
    with pytest.raises(EegdaeError, match="criterion: 'hq'; allowed: 'bic', 'aic'"):
        select_order(x, max_order=2, criterion="hq")
    with pytest.raises(EegdaeError, match=r"x: shape \(0, 3, 400\) holds no windows"):
        select_order(x[:0], max_order=2)
    x[1, 2] = 0.1
    with pytest.raises(EegdaeError, match="x: constant in window 1, channel 2; leave"):
        select_order(x, max_order=2)
