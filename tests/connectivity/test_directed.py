import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eegdae.connectivity.autoregressive import fit_var
from eegdae.connectivity.directed import dtf, granger, pdc, spectral_granger
from eegdae.errors import EegdaeError

SFREQ = 100.0
FREQS = [0.0, 3.0, 10.0, 22.5, 50.0]
CHAIN = np.array(  # (order 2, 3 channels, 3 channels), [k, i, j] from j to i; 0 -> 1 -> 2
    [
        [[0.9, 0, 0], [0.5, 0.5, 0], [0, 0.6, 0.4]],
        [[-0.5, 0, 0], [0.0, -0.3, 0], [0, 0, -0.2]],
    ]
)
OFF = ~torch.eye(3, dtype=torch.bool)


def simulate(seed, shape=(3,), n_times=400, a=CHAIN, mixing=None, warm_up=200):
    """Windows (*shape, n_chans, n_times) of the model; innovations are white, or mixed by a matrix."""
    order, n_chans = a.shape[:2]
    e = np.random.default_rng(seed).normal(size=(warm_up + n_times, *shape, n_chans))
    if mixing is not None:
        e = e @ np.asarray(mixing).T
    x = np.zeros_like(e)
    for t in range(order, len(e)):
        x[t] = e[t] + sum(x[t - k - 1] @ a[k].T for k in range(order))
    return np.moveaxis(x[warm_up:], 0, -1)


def windows(seed, **kwargs):
    return torch.from_numpy(simulate(seed, **kwargs))


def slow_residuals(target, predictors, order):
    """What the pasts of `predictors` leave of `target`, by numpy's lstsq, one window."""
    rows = range(order, len(target))
    past = np.array([[p[t - k] for p in predictors for k in range(1, order + 1)] for t in rows])
    b = np.linalg.lstsq(past, target[order:], rcond=None)[0]
    return target[order:] - past @ b, b.reshape(len(predictors), order)


def slow_granger(window, order):
    x = window - window.mean(-1, keepdims=True)
    f = np.zeros((len(x), len(x)))
    for source in range(len(x)):
        for target in range(len(x)):
            if source != target:
                alone, _ = slow_residuals(x[target], [x[target]], order)
                both, _ = slow_residuals(x[target], [x[target], x[source]], order)
                f[source, target] = np.log((alone**2).mean() / (both**2).mean())
    return f


def slow_spectral_granger(window, order, freqs):
    """Geweke's formula to the letter: transfer function, spectrum, one pair and frequency at a time."""
    x = window - window.mean(-1, keepdims=True)
    out = np.zeros((len(freqs), len(x), len(x)))
    for source in range(len(x)):
        for target in range(len(x)):
            if source == target:
                continue
            pair = [x[target], x[source]]
            (e0, b0), (e1, b1) = (slow_residuals(p, pair, order) for p in pair)
            sigma = np.cov(np.stack([e0, e1]), bias=True) + np.outer(
                [e0.mean(), e1.mean()], [e0.mean(), e1.mean()]
            )
            for n, freq in enumerate(freqs):
                wave = np.exp(-2j * np.pi * freq / SFREQ * np.arange(1, order + 1))
                h = np.linalg.inv(np.eye(2) - np.stack([b0 @ wave, b1 @ wave]))
                s = h @ sigma @ h.conj().T
                partial = sigma[1, 1] - sigma[0, 1] ** 2 / sigma[0, 0]
                out[n, source, target] = np.log(s[0, 0].real / (s[0, 0].real - partial * abs(h[0, 1]) ** 2))
    return out


def slow_transfer(a, freqs):
    """A(f) and H(f), entry [target, source], (n_freqs, n_chans, n_chans)."""
    direct = np.array(
        [
            np.eye(a.shape[1]) - sum(a[k] * np.exp(-2j * np.pi * f * (k + 1) / SFREQ) for k in range(len(a)))
            for f in freqs
        ]
    )
    return direct, np.linalg.inv(direct)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_granger_agrees_with_the_definition(order):
    x = simulate(0, mixing=[[1, 0, 0], [0.5, 1, 0], [0, 0, 2]]) + 5
    expected = [slow_granger(window, order) for window in x]
    np.testing.assert_allclose(granger(torch.from_numpy(x), order=order), expected, atol=1e-10)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_spectral_granger_agrees_with_the_definition(order):
    x = simulate(1, mixing=[[1, 0, 0], [0.5, 1, 0], [0, 0, 2]]) + 5
    expected = [slow_spectral_granger(window, order, FREQS) for window in x]
    c = spectral_granger(torch.from_numpy(x), order=order, freqs=FREQS, sfreq=SFREQ)
    assert c.shape == (3, 5, 3, 3)
    np.testing.assert_allclose(c, expected, atol=1e-10)


def test_dtf_and_pdc_agree_with_the_definition():
    direct, transfer = slow_transfer(CHAIN, FREQS)
    sigma = np.array([0.5, 1.0, 3.0])
    a, covariance = torch.from_numpy(CHAIN), torch.from_numpy(np.diag(sigma**2) + 0.1)
    sigma = np.sqrt(sigma**2 + 0.1)
    for n in range(len(FREQS)):
        got = {
            (measure, known): measure(a, covariance if known else None, freqs=FREQS, sfreq=SFREQ)[n]
            for measure in (dtf, pdc)
            for known in (False, True)
        }
        for x in range(3):
            for y in range(3):
                reach, leave = abs(transfer[n]), abs(direct[n])
                for known, s in ((False, np.ones(3)), (True, sigma)):
                    expected = (
                        reach[y, x] * s[x] / np.sqrt(sum(reach[y, m] ** 2 * s[m] ** 2 for m in range(3)))
                    )
                    assert got[dtf, known][x, y] == pytest.approx(expected, abs=1e-12)
                    expected = (
                        leave[y, x] / s[y] / np.sqrt(sum(leave[m, x] ** 2 / s[m] ** 2 for m in range(3)))
                    )
                    assert got[pdc, known][x, y] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["granger", "spectral_granger"])
def test_a_chain_of_pairs(name):
    """0 -> 1 -> 2: row is source. A measure of pairs sees 0 -> 2 as well, through 1."""
    x = windows(2, shape=(4,), n_times=4000)
    if name == "granger":
        f = granger(x, order=4).mean(0)
    else:
        f = spectral_granger(x, order=4, freqs=np.linspace(0, 50, 101), sfreq=SFREQ).mean((0, 1))
    assert torch.count_nonzero(f.diagonal()) == 0
    assert f[0, 1] > 0.1
    assert f[1, 2] > 0.1
    assert f[0, 2] > 0.03
    assert max(f[1, 0], f[2, 1], f[2, 0]) < 0.004  # chance: 4 / 3996


def test_a_chain_direct_and_indirect():
    """0 -> 1 -> 2: row is source. DTF shows 0 -> 2 through 1; PDC, given 1, does not."""
    x = windows(3, shape=(4,), n_times=4000)
    a, sigma = fit_var(x, order=2)
    for covariance in (None, sigma):
        reach = dtf(a, covariance, freqs=FREQS[:3], sfreq=SFREQ).mean((0, 1))
        leave = pdc(a, covariance, freqs=FREQS[:3], sfreq=SFREQ).mean((0, 1))
        for c in (reach, leave):
            assert c[0, 1] > 0.3
            assert c[1, 2] > 0.3
            assert max(c[1, 0], c[2, 1], c[2, 0]) < 0.06
        assert reach[0, 2] > 0.3
        assert leave[0, 2] < 0.06


def test_granger_of_a_known_model():
    """y = .5 x(t - 1) + e, x white: alone y has variance 1.25, with x 1; ln 1.25 at every frequency."""
    a = np.array([[[0, 0], [0.5, 0]]])
    x = windows(4, shape=(), n_times=100_000, a=a)
    assert granger(x, order=1)[0, 1] == pytest.approx(np.log(1.25), abs=0.01)
    c = spectral_granger(x, order=1, freqs=FREQS, sfreq=SFREQ)[:, 0, 1]
    np.testing.assert_allclose(c, np.log(1.25), atol=0.03)


def test_floor_of_independent_noise():
    """(n_times - order) F is chi-squared with `order` degrees of freedom."""
    x = torch.from_numpy(np.random.default_rng(5).normal(size=(400, 3, 203)))
    f = granger(x, order=3)[:, OFF]
    assert f.mean() == pytest.approx(3 / 200, rel=0.1)
    assert (f * 200).var() == pytest.approx(2 * 3, rel=0.25)


def test_instant_mixing_is_not_safe():
    a = np.array([[[0.9, 0], [0, -0.5]]])
    x = np.array([[1, 0.5], [0.5, 1]]) @ simulate(6, shape=(4,), n_times=2000, a=a)
    f = granger(torch.from_numpy(x), order=5).mean(0)
    assert min(f[0, 1], f[1, 0]) > 0.05


@pytest.mark.parametrize("mixing", [None, [[1, 0, 0], [0.6, 1, 0], [0.3, 0, 1]]])
def test_the_mean_over_frequencies_is_granger_in_time(mixing):
    """Geweke's theorem; 0.003 is what a finite order and 20 000 samples leave, of values of 0.2."""
    x = windows(7, shape=(2,), n_times=20_000, mixing=mixing)
    freqs = (
        (np.arange(256) + 0.5) / 256 * SFREQ / 2
    )  # midpoints of equal steps from 0 to the Nyquist frequency
    mean = spectral_granger(x, order=8, freqs=freqs, sfreq=SFREQ).mean(-3)
    f = granger(x, order=8)
    assert f.max() > 0.2
    torch.testing.assert_close(mean, f, atol=3e-3, rtol=0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), order=st.integers(1, 4), n_chans=st.integers(1, 5))
def test_shares_sum_to_one(seed, order, n_chans):
    rng = np.random.default_rng(seed)
    a = torch.from_numpy(rng.normal(size=(2, order, n_chans, n_chans)))
    root = torch.from_numpy(rng.normal(size=(2, n_chans, n_chans)))
    for covariance in (None, root @ root.mT):
        reach = dtf(a, covariance, freqs=FREQS, sfreq=SFREQ)
        leave = pdc(a, covariance, freqs=FREQS, sfreq=SFREQ)
        assert reach.shape == leave.shape == (2, 5, n_chans, n_chans)
        for c in (reach, leave):
            assert c.min() >= 0
            assert c.max() <= 1
        ones = torch.ones(2, 5, n_chans, dtype=torch.float64)
        torch.testing.assert_close(reach.square().sum(-2), ones)  # over sources, one target
        torch.testing.assert_close(leave.square().sum(-1), ones)  # over targets, one source


def all_measures(x):
    a, sigma = fit_var(x, order=2)
    return {
        "granger": granger(x, order=2),
        "spectral_granger": spectral_granger(x, order=2, freqs=FREQS, sfreq=SFREQ),
        "generalised dtf": dtf(a, sigma, freqs=FREQS, sfreq=SFREQ),
        "generalised pdc": pdc(a, sigma, freqs=FREQS, sfreq=SFREQ),
        "dtf": dtf(a, freqs=FREQS, sfreq=SFREQ),
        "pdc": pdc(a, freqs=FREQS, sfreq=SFREQ),
    }


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    gain=st.floats(1e-6, 1e6),
    sign=st.sampled_from([-1, 1]),
    channel=st.integers(0, 2),
)
def test_properties(seed, gain, sign, channel):
    x = windows(seed, n_times=60, warm_up=20)
    changed = x.clone()
    changed[:, channel] = changed[:, channel] * gain * sign + 3 * gain
    order = torch.randperm(3, generator=torch.Generator().manual_seed(seed))
    louder, permuted = all_measures(changed), all_measures(x[:, order])
    for name, c in all_measures(x).items():
        assert c.min() >= 0
        torch.testing.assert_close(permuted[name], c[..., order, :][..., order], atol=1e-7, rtol=0)
        if name not in ("dtf", "pdc"):
            torch.testing.assert_close(louder[name], c, atol=1e-7, rtol=0)


def test_plain_dtf_and_pdc_depend_on_gain():
    x = windows(8)
    before, after = all_measures(x), all_measures(x * torch.tensor([[1.0], [10.0], [1.0]]))
    for name in ("dtf", "pdc"):
        assert (before[name] - after[name]).abs().max() > 0.2


def test_any_leading_batch():
    x = windows(9, shape=(2, 3), n_times=60)
    whole = all_measures(x)
    for name, c in all_measures(x[1, 2]).items():
        torch.testing.assert_close(whole[name][1, 2], c)
    assert granger(x[:0], order=2).shape == (0, 3, 3, 3)
    assert spectral_granger(x[:0], order=2, freqs=FREQS, sfreq=SFREQ).shape == (0, 3, 5, 3, 3)


def test_float32_agrees_with_float64():
    x = windows(10)
    double = all_measures(x)
    for name, c in all_measures(x.float()).items():
        assert c.dtype == torch.float32
        torch.testing.assert_close(c.double(), double[name], atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", [list, np.asarray, torch.tensor])
def test_kinds_of_frequencies(kind):
    a = torch.from_numpy(CHAIN)
    torch.testing.assert_close(
        pdc(a, freqs=kind([0, 10, 50]), sfreq=100), pdc(a, freqs=[0.0, 10.0, 50.0], sfreq=SFREQ)
    )


@pytest.mark.parametrize(
    "name", ["granger", "spectral_granger", "generalised dtf", "generalised pdc", "dtf", "pdc"]
)
def test_gradient(name):
    x = windows(11, shape=(2,), n_times=14).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: all_measures(v)[name][..., OFF], x)


@pytest.mark.parametrize("value", [0.0, 0.1, 12345.678])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_constant_channel_keeps_to_itself(value, dtype):
    x = windows(12).to(dtype)
    x[1, 1] = value
    x.requires_grad_()
    measures = all_measures(x)
    without = all_measures(x[:, [0, 2]])
    for name, c in measures.items():
        own = 0.0 if "granger" in name else 1.0
        expected = torch.tensor([0.0, own, 0.0], dtype=dtype).expand_as(c[1][..., 1, :])
        torch.testing.assert_close(c[1][..., 1, :], expected, atol=0, rtol=0)
        torch.testing.assert_close(c[1][..., :, 1], expected, atol=0, rtol=0)
        torch.testing.assert_close(c[1][..., [0, 2], :][..., [0, 2]], without[name][1])
    sum(c.sum() for c in measures.values()).backward()
    assert torch.isfinite(x.grad).all()


def test_all_channels_constant():
    for name, c in all_measures(torch.ones(2, 3, 100)).items():
        own = torch.zeros(3, 3) if "granger" in name else torch.eye(3)
        assert torch.equal(c, own.expand_as(c))


def of_pairs():
    return [
        lambda x, order=2: granger(x, order=order),
        lambda x, order=2: spectral_granger(x, order=order, freqs=FREQS, sfreq=SFREQ),
    ]


@pytest.mark.parametrize("measure", of_pairs())
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_channels_are_named(measure, dtype):
    x = windows(13)
    x[1, 2] = -3 * x[1, 1]
    with pytest.raises(EegdaeError, match="x: channels 1 and 2 of window 1 have dependent pasts") as caught:
        measure(x.to(dtype))
    assert "\n" not in str(caught.value)
    with pytest.raises(EegdaeError, match="x: channels 1 and 2 have dependent pasts"):
        measure(x[1].to(dtype))
    with pytest.raises(EegdaeError, match=r"x: channels 1 and 2 of window \(0, 1\) have"):
        measure(x[None].to(dtype))


@pytest.mark.parametrize("measure", of_pairs())
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_channel_that_is_another_delayed_is_named(measure, dtype):
    x = torch.from_numpy(np.random.default_rng(14).normal(size=(2, 3, 200))).to(dtype)
    x[1, 2, 1:] = x[1, 0, :-1]
    x[1, 2, 0] = -x[1, 2, 1:].sum() + x[1, 0].sum()  # the same mean, so nothing but the delay differs
    with pytest.raises(
        EegdaeError, match="x: channels 0 and 2 of window 1 predict one of them without error"
    ):
        measure(x, 1)


@pytest.mark.parametrize("measure", of_pairs())
def test_windows_that_have_no_value(measure):
    x = windows(15)
    with pytest.raises(EegdaeError, match=r"x: 1 channel; .* needs two channels or more"):
        measure(x[:, :1])
    for order in (0, 1.5, True):
        with pytest.raises(EegdaeError, match=r"order: .*; allowed: whole numbers of 1 or more"):
            measure(x, order)
    measure(x[..., :8], 2)
    with pytest.raises(
        EegdaeError, match=r"order: 2 is too large for 2 channels of 7 samples; lower it to 1"
    ):
        measure(x[..., :7], 2)
    with pytest.raises(EegdaeError, match=r"x: values of type torch.complex128"):
        measure(x * 1j)
    x[2, 1, 0] = float("nan")
    with pytest.raises(EegdaeError, match=r"x: NaN or infinite in window 2, channel 1"):
        measure(x)


def in_frequency():
    a = torch.from_numpy(CHAIN)
    x = windows(16, n_times=60)
    return [
        lambda **kwargs: spectral_granger(x, order=2, **kwargs),
        lambda **kwargs: dtf(a, **kwargs),
        lambda **kwargs: pdc(a, **kwargs),
    ]


@pytest.mark.parametrize("measure", in_frequency())
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"freqs": [10, 50.1]}, "freqs: 50.1 Hz; allowed: 0 to 50 Hz, half the sampling rate"),
        ({"freqs": [-1, 10]}, "freqs: -1 Hz; allowed: 0 to 50 Hz"),
        ({"freqs": [float("nan")]}, "freqs: nan Hz; allowed"),
        ({"freqs": []}, r"freqs: shape \(0,\); give a list of one frequency or more"),
        ({"freqs": 10.0}, r"freqs: shape \(\); give a list"),
        ({"freqs": ["a"]}, r"freqs: \['a'\]; give a list of numbers"),
        ({"freqs": None}, "freqs: None; give a list of numbers"),
        ({"sfreq": 0}, "sfreq: 0 is not a sampling rate"),
        ({"sfreq": float("nan")}, "sfreq: nan is not a sampling rate"),
        ({"sfreq": None}, "sfreq: None is not a sampling rate"),
    ],
)
def test_impossible_frequencies(measure, changed, said):
    with pytest.raises(EegdaeError, match=said) as caught:
        measure(**({"freqs": [10.0], "sfreq": SFREQ} | changed))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("measure", [dtf, pdc])
def test_models_that_have_no_value(measure):
    a = torch.from_numpy(CHAIN)
    for bad, said in [
        ((a[0],), r"coefficients: shape \(3, 3\); expected"),
        ((a[:, :2],), r"coefficients: shape \(2, 2, 3\); expected"),
        ((a[:0],), r"coefficients: shape \(0, 3, 3\); expected"),
        ((a * 1j,), "coefficients: values of type torch.complex128"),
        ((a * float("nan"),), "coefficients: NaN or infinite"),
        ((a, torch.eye(2)), r"covariance: shape \(2, 2\); expected \(3, 3\)"),
        ((a, -torch.eye(3)), "covariance: a variance is negative"),
        ((a, torch.eye(3) * float("nan")), "covariance: a variance is negative, NaN"),
    ]:
        with pytest.raises(EegdaeError, match=said):
            measure(*bad, freqs=[10], sfreq=SFREQ)
    walk = torch.zeros(1, 2, 2, dtype=torch.float64)
    walk[0, 0, 0] = 1  # a random walk: endless power at 0 Hz
    with pytest.raises(EegdaeError, match="coefficients: the model has a pole at 0 Hz"):
        measure(walk, freqs=[10, 0], sfreq=SFREQ)
    assert torch.isfinite(measure(walk, freqs=[10], sfreq=SFREQ)).all()
