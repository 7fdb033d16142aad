import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mne_connectivity import spectral_connectivity_epochs, spectral_connectivity_time
from scipy.signal import hilbert

from eegdae.connectivity import analytic_signal, plv
from eegdae.connectivity.cross_spectrum import segment_cross_spectra, segment_spectra
from eegdae.connectivity.phase_lag import ciplv, debiased_wpli, dpli, phase_locking, pli, ppc, wpli
from eegdae.connectivity.wavelets import morlet_transform, multitaper_transform
from eegdae.errors import EegdaeError

FREQS = np.array([9.0, 13.5, 30.0])
OVER_TIME = [ciplv, pli, dpli, wpli]
OVER_SEGMENTS = [debiased_wpli, ppc]
WITHOUT_LAG = {ciplv: 0.0, pli: 0.0, dpli: 0.5, wpli: 0.0}


def noise(seed, shape=(2, 4, 300)):
    x = np.random.default_rng(seed).normal(size=shape)
    return np.cumsum(x, axis=-1) + x


def complex_noise(seed, shape):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=shape) + 1j * rng.normal(size=shape))


def alpha(x):
    return analytic_signal(torch.as_tensor(x), 128.0, band=(8, 13))


def modulus_of_phase_locking(z, *, tapers=False):
    return phase_locking(z, tapers=tapers).abs()


MNE_TIME = {"plv": modulus_of_phase_locking, "ciplv": ciplv, "pli": pli, "wpli": wpli}
MNE_EPOCHS = {"wpli2_debiased": debiased_wpli, "ppc": ppc, "dpli": dpli, "pli": pli, "wpli": wpli}


def lower(c):
    return np.tril(np.asarray(c), -1)


def check_parity_with_mne_over_time(x, sfreq):
    """mne fills the lower triangle; row = source."""
    single = {"ciplv": 1e-3, "pli": 2 * 2 / x.shape[-1] + 1e-5}  # two signs turned in the mean of n_times
    for mode, transform in [("cwt_morlet", morlet_transform), ("multitaper", multitaper_transform)]:
        con = spectral_connectivity_time(
            x, FREQS, method=list(MNE_TIME), sfreq=sfreq, mode=mode, n_cycles=7.0, verbose="error"
        )
        expected = {c.method: np.moveaxis(c.get_data("dense"), -1, 0) for c in con}
        for dtype in (torch.float64, torch.float32):
            signals = transform(torch.from_numpy(x).to(dtype), sfreq=sfreq, freqs=FREQS, n_cycles=7.0)
            for k, z in enumerate(signals):
                for method, measure in MNE_TIME.items():
                    found = measure(z, tapers=mode == "multitaper")
                    assert found.dtype == dtype
                    tolerance = 1e-9 if dtype == torch.float64 else single.get(method, 1e-5)
                    theirs = expected[method][k]
                    np.testing.assert_allclose(lower(found), theirs, atol=tolerance, rtol=0)
                    assert theirs.max() > 0.1


def test_agrees_with_mne():
    check_parity_with_mne_over_time(noise(0), 128.0)


def test_agrees_with_mne_on_a_real_recording(eegmat):
    check_parity_with_mne_over_time(eegmat[:2], 500.0)


def check_parity_with_mne_over_segments(x, sfreq, n, highest):
    """Up to the frequency `highest`: where a recording was filtered, float32 holds nothing but rounding."""
    n_chans, n_times = x.shape
    epochs = x.reshape(n_chans, n_times // n, n).swapaxes(0, 1)
    con = spectral_connectivity_epochs(
        epochs, method=list(MNE_EPOCHS), sfreq=sfreq, mode="fourier", verbose="error"
    )
    expected = {c.method: np.moveaxis(c.get_data("dense"), -1, 0) for c in con}
    for dtype, tolerance in [(torch.float64, 1e-9), (torch.float32, 1e-5)]:
        z, freqs = segment_spectra(
            torch.from_numpy(x).to(dtype), sfreq=sfreq, n_per_segment=n, n_overlap=0, window=np.hanning(n)
        )
        inside = (freqs >= 5 * sfreq / n - 1e-6) & (freqs <= highest)  # mne: five cycles in an epoch or more
        kept = np.array(con[0].freqs) <= highest
        np.testing.assert_allclose(freqs[inside], np.array(con[0].freqs)[kept])
        assert kept.sum() >= 6
        for method, measure in MNE_EPOCHS.items():
            found = measure(segment_cross_spectra(z[inside]) if measure in OVER_SEGMENTS else z[inside])
            np.testing.assert_allclose(lower(found), expected[method][kept], atol=tolerance, rtol=0)


def test_agrees_with_mne_over_segments():
    check_parity_with_mne_over_segments(noise(1, (4, 640)), 128.0, 64, highest=63)


def test_agrees_with_mne_over_segments_of_a_real_recording(eegmat):
    check_parity_with_mne_over_segments(eegmat[0, :8], 500.0, 125, highest=40)


@pytest.mark.parametrize("tapers", [False, True])
def test_agrees_with_the_definition(tapers):
    z = complex_noise(2, (2, 3, 4, 50))
    s = np.einsum("bkxt,bkyt->bkxyt", z.numpy(), z.numpy().conj())
    if tapers:
        s = s.sum(axis=1)
    unit, im = (s / abs(s)).mean(axis=-1), s.imag
    off = ~np.eye(4, dtype=bool)
    expected = {
        phase_locking: unit,
        ciplv: abs(unit.imag) / np.sqrt(1 - np.where(off, unit.real, 0) ** 2),
        pli: abs(np.sign(im).mean(axis=-1)),
        dpli: np.heaviside(im, 0.5).mean(axis=-1),
        wpli: abs(im.sum(axis=-1)) / np.where(off, abs(im).sum(axis=-1), 1),
    }
    for measure, theirs in expected.items():
        found = measure(z, tapers=tapers)
        np.testing.assert_allclose(found.numpy()[..., off], theirs[..., off], atol=1e-12)
        diagonal = WITHOUT_LAG.get(measure, 1.0)
        np.testing.assert_array_equal(found.numpy()[..., ~off], np.full_like(theirs[..., ~off], diagonal))


def test_debiased_measures_agree_with_the_mean_over_pairs():
    z = complex_noise(3, (3, 6))
    s = segment_cross_spectra(z)
    pairs = [(j, k) for j in range(6) for k in range(6) if j != k]
    for x, y in [(0, 1), (0, 2), (1, 2)]:
        c = s[:, x, y]
        cosine = np.mean([math.cos(c[j].angle() - c[k].angle()) for j, k in pairs])
        assert ppc(s)[x, y] == pytest.approx(cosine)
        products = np.array([float(c[j].imag * c[k].imag) for j, k in pairs])
        assert debiased_wpli(s)[x, y] == pytest.approx(products.sum() / abs(products).sum())


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    gain=st.floats(1e-12, 1e12),
    channel=st.integers(0, 3),
    measure=st.sampled_from(OVER_TIME),
    tapers=st.booleans(),
)
def test_properties_over_time(seed, gain, channel, measure, tapers):
    z = complex_noise(seed, (3, 2, 4, 20))
    c = measure(z, tapers=tapers)
    assert c.shape == ((3, 4, 4) if tapers else (3, 2, 4, 4))
    assert c.min() >= 0
    assert c.max() <= 1
    mirrored = 1 - c.mT if measure is dpli else c.mT
    torch.testing.assert_close(c, mirrored, atol=1e-15 if measure is dpli else 0, rtol=0)
    assert (c.diagonal(dim1=-2, dim2=-1) == WITHOUT_LAG[measure]).all()
    changed = z.clone()
    changed[..., channel, :] *= -gain
    turned = measure(changed, tapers=tapers)
    if measure is dpli:  # who is ahead by less than half a cycle then follows
        others = [k for k in range(4) if k != channel]
        torch.testing.assert_close(turned[..., channel, others], 1 - c[..., channel, others])
    else:
        torch.testing.assert_close(turned, c)
    order = torch.randperm(4, generator=torch.Generator().manual_seed(seed))
    permuted = measure(z[..., order, :], tapers=tapers)
    torch.testing.assert_close(permuted, c[..., order, :][..., order])
    back = measure(z.conj(), tapers=tapers)  # time reversed
    torch.testing.assert_close(back, c.mT)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    gain=st.floats(1e-12, 1e12),
    channel=st.integers(0, 3),
    n=st.integers(2, 9),
    measure=st.sampled_from(OVER_SEGMENTS),
)
def test_properties_over_segments(seed, gain, channel, n, measure):
    z = complex_noise(seed, (3, 4, n))
    c = measure(segment_cross_spectra(z))
    assert c.shape == (3, 4, 4)
    assert torch.equal(c, c.mT)
    assert c.min() >= (-1 / (n - 1) - 1e-12 if measure is ppc else -1)
    assert c.max() <= 1
    assert (c.diagonal(dim1=-2, dim2=-1) == (1.0 if measure is ppc else 0.0)).all()
    changed = z.clone()
    changed[:, channel] *= -gain
    torch.testing.assert_close(measure(segment_cross_spectra(changed)), c)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(measure(segment_cross_spectra(z[..., order])), c)


def test_modulus_of_phase_locking_is_plv():
    z = alpha(noise(4))
    torch.testing.assert_close(phase_locking(z).abs(), plv(z))
    torch.testing.assert_close(phase_locking(z[:, None], tapers=True), phase_locking(z))


def test_tapers_are_summed_before_the_phase_is_taken():
    z = complex_noise(5, (3, 2, 40))
    for measure in OVER_TIME:
        together = measure(z, tapers=True)
        assert not torch.allclose(together, measure(z).mean(dim=0))
        torch.testing.assert_close(measure(z[:1], tapers=True), measure(z[0]))


@pytest.mark.parametrize(
    ("measure", "published"), [(ciplv, 0.16), (pli, 0.20), (wpli, 0.33), (dpli, 0.5), (plv, 0.24)]
)
def test_floor_of_independent_noise_and_of_instantaneous_mixing(measure, published):
    """Alpha in 2 s: what mixes at zero lag stays at the floor; only PLV, which is not safe, leaves it."""
    x = np.random.default_rng(6).normal(size=(3000, 2, 256))
    floor = measure(alpha(x))[:, 0, 1].mean()
    mixed = measure(alpha(np.array([[1, 0.5], [0.5, 1]]) @ x))[:, 0, 1].mean()
    assert floor == pytest.approx(published, abs=0.02)
    assert mixed == pytest.approx(0.72 if measure is plv else published, abs=0.02)


@pytest.mark.parametrize(("measure", "published"), [(ciplv, 0.59), (wpli, 0.92)])
def test_coupling_at_ninety_degrees_is_seen(measure, published):
    rng = np.random.default_rng(7)
    source = rng.normal(size=(3000, 256))
    x = np.stack([source, hilbert(source).imag], axis=1)
    x += 0.65 * rng.normal(size=x.shape)
    assert measure(alpha(x))[:, 0, 1].mean() == pytest.approx(published, abs=0.02)
    assert dpli(alpha(x))[:, 0, 1].mean() > 0.8  # the Hilbert transform lags by a quarter of a cycle
    assert pli(alpha(x))[:, 0, 1].mean() > 0.65


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), weight=st.floats(-0.9, 0.9), n=st.integers(2, 12))
def test_debiased_measures_have_no_floor(seed, weight, n):
    z = complex_noise(seed, (4000, 2, n))
    mixed = torch.tensor([[1, weight], [weight, 1]], dtype=z.dtype) @ z
    for apart in (debiased_wpli(segment_cross_spectra(z)), ppc(segment_cross_spectra(z))):
        assert apart[:, 0, 1].mean().abs() < 5 * apart[:, 0, 1].std() / math.sqrt(4000)
    lag = debiased_wpli(segment_cross_spectra(mixed))[:, 0, 1]
    assert lag.mean().abs() < 5 * lag.std() / math.sqrt(4000)


def test_most_values_of_the_debiased_measures_are_negative_without_coupling():
    s = segment_cross_spectra(complex_noise(24, (4000, 2, 100)))
    assert (debiased_wpli(s)[:, 0, 1] < 0).double().mean() == pytest.approx(0.68, abs=0.02)
    assert (ppc(s)[:, 0, 1] < 0).double().mean() == pytest.approx(0.63, abs=0.02)


def test_ppc_is_the_square_of_plv_without_its_bias():
    z = complex_noise(8, (4000, 2, 8))
    z[:, 1] = z[:, 0] + z[:, 1]
    unbiased = ppc(segment_cross_spectra(z))[:, 0, 1].mean()
    long = complex_noise(9, (2, 200000))
    long[1] = long[0] + long[1]
    assert unbiased == pytest.approx(float(plv(long)[0, 1]) ** 2, abs=0.02)
    assert ppc(segment_cross_spectra(long[:, :1].expand(2, 5)))[0, 1] == pytest.approx(1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gain", [1.0, -3.3, 0.1])
@pytest.mark.parametrize("transform", [morlet_transform, multitaper_transform, None])
def test_the_sign_of_rounding_is_no_lag(dtype, gain, transform):
    """Power at 30 Hz is a thousandth of the whole, so rounding is large beside it."""
    x = torch.from_numpy(noise(10, (20, 3, 512))).to(dtype)
    x = torch.cat([x, gain * x], dim=1)
    if transform is None:
        z = analytic_signal(x, 128.0, band=(28, 32))
    else:
        (z,) = transform(x, sfreq=128.0, freqs=[30.0])
    options = {"tapers": transform is multitaper_transform}
    copies, others = (slice(None), [0, 1, 2], [3, 4, 5]), (slice(None), [0, 1, 2], [4, 5, 3])
    for measure, nothing in WITHOUT_LAG.items():
        c = measure(z, **options)
        assert (c[copies] == nothing).all()
        assert torch.count_nonzero(c[others] == nothing) < 6  # 60 pairs that are no copies


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gain", [1.0, -3.3])
def test_copies_have_no_lag_from_segment_to_segment(dtype, gain):
    x = torch.from_numpy(noise(11, (20, 2, 512))).to(dtype)
    z, freqs = segment_spectra(torch.cat([x, gain * x], dim=1), sfreq=128.0, n_per_segment=64)
    s = segment_cross_spectra(z[:, (freqs >= 4) & (freqs <= 30)])
    assert torch.count_nonzero(debiased_wpli(s)[..., [0, 1], [2, 3]]) == 0
    torch.testing.assert_close(ppc(s)[..., 0, 2], torch.ones_like(ppc(s)[..., 0, 2]))


def test_a_small_lag_is_more_than_rounding():
    z = alpha(noise(12, (5, 1, 512)))
    for single, angle in [(False, 1e-6), (True, 1e-2)]:
        both = torch.cat([z, z * complex(math.cos(angle), -math.sin(angle))], dim=1)
        both = both.to(torch.complex64) if single else both
        for measure in OVER_TIME:
            lag = measure(both)[:, 0, 1]
            torch.testing.assert_close(lag, torch.ones_like(lag), atol=1e-2, rtol=0)


def test_an_artefact_in_both_channels_does_not_hide_the_rest():
    z = alpha(noise(13, (5, 2, 512))).to(torch.complex64)
    expected = wpli(z)
    z[..., 100] = 1e3 * z.abs().amax(dim=(-2, -1), keepdim=True)[..., 0]
    assert (wpli(z)[:, 0, 1] > 0).all()
    assert (pli(z)[:, 0, 1] > 0).all()
    torch.testing.assert_close(wpli(z), expected, atol=0.05, rtol=0)


@pytest.mark.parametrize("measure", OVER_TIME)
@pytest.mark.parametrize("tapers", [False, True])
def test_a_channel_without_signal(measure, tapers):
    z = complex_noise(14, (2, 3, 4, 50)).to(torch.complex64)
    expected = measure(z[..., [0, 2, 3], :], tapers=tapers)
    z[..., 1, :] = 0
    c = measure(z, tapers=tapers)
    assert (c[..., 1, :] == WITHOUT_LAG[measure]).all()
    torch.testing.assert_close(c[..., [0, 2, 3], :][..., [0, 2, 3]], expected)


def test_segments_without_signal():
    z = complex_noise(15, (3, 8))
    expected = ppc(segment_cross_spectra(z[:, 3:]))
    z[1, :3] = 0
    c = ppc(segment_cross_spectra(z))
    torch.testing.assert_close(c[1], expected[1])
    z[1, :7] = 0
    assert torch.equal(ppc(segment_cross_spectra(z))[1], torch.tensor([0.0, 1, 0], dtype=c.dtype))
    assert torch.count_nonzero(debiased_wpli(segment_cross_spectra(z))[1]) == 0  # no pair of segments
    z[1, 0] = 1e-9 * z[1, 7]  # a second one, but so small that what it adds is rounding
    assert torch.count_nonzero(debiased_wpli(segment_cross_spectra(z).to(torch.complex64))[1]) == 0
    z[1] = 0
    assert torch.equal(ppc(segment_cross_spectra(z))[1], torch.tensor([0.0, 1, 0], dtype=c.dtype))
    assert torch.count_nonzero(debiased_wpli(segment_cross_spectra(z))[1]) == 0


@pytest.mark.parametrize("measure", OVER_TIME)
def test_one_channel_any_leading_batch_and_missing_values(measure):
    z = complex_noise(16, (6, 3, 40))
    whole = measure(z)
    assert torch.equal(measure(z[:, :1]), whole[:, :1, :1])
    torch.testing.assert_close(measure(z.reshape(2, 3, 3, 40)), whole.reshape(2, 3, 3, 3))
    torch.testing.assert_close(measure(z[0]), whole[0])
    z[:, 1, 7] = torch.nan
    c = measure(z)
    assert c[:, 0, 1].isnan().all()
    torch.testing.assert_close(c[:, 0, 2], whole[:, 0, 2])


@pytest.mark.parametrize("measure", OVER_SEGMENTS)
def test_one_channel_any_leading_batch_and_missing_values_over_segments(measure):
    s = segment_cross_spectra(complex_noise(17, (6, 3, 7)))
    whole = measure(s)
    assert torch.equal(measure(s[..., :1, :1]), whole[:, :1, :1])
    torch.testing.assert_close(measure(s.reshape(2, 3, 7, 3, 3)), whole.reshape(2, 3, 3, 3))
    torch.testing.assert_close(measure(s[0]), whole[0])
    s[:, 2, 0, 1] = s[:, 2, 1, 0] = complex(math.nan, math.nan)
    assert measure(s)[:, 0, 1].isnan().all()
    torch.testing.assert_close(measure(s)[:, 0, 2], whole[:, 0, 2])


@pytest.mark.parametrize("scale", [1e-25, 1e25])
@pytest.mark.parametrize("tapers", [False, True])
@pytest.mark.parametrize("measure", OVER_TIME)
def test_float32_holds_in_any_unit(scale, tapers, measure):
    z = complex_noise(18, (2, 3, 4, 200))
    single = measure((z * scale).to(torch.complex64), tapers=tapers)
    torch.testing.assert_close(single.double(), measure(z, tapers=tapers), atol=1e-5, rtol=0)


@pytest.mark.parametrize("scale", [1e-15, 1e15])
@pytest.mark.parametrize("measure", OVER_SEGMENTS)
def test_float32_holds_in_any_unit_over_segments(scale, measure):
    z = complex_noise(19, (3, 4, 12))
    single = measure(segment_cross_spectra((z * scale).to(torch.complex64)))
    torch.testing.assert_close(single.double(), measure(segment_cross_spectra(z)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("tapers", [False, True])
@pytest.mark.parametrize("measure", [ciplv, wpli, modulus_of_phase_locking])
def test_gradient(measure, tapers):
    x = torch.from_numpy(noise(20, (2, 3, 24)))
    transform = multitaper_transform if tapers else morlet_transform

    def value(v):
        (z,) = transform(v, sfreq=24.0, freqs=[6.0], n_cycles=3.0)
        return measure(z, tapers=tapers).triu(1)

    assert torch.autograd.gradcheck(value, x.requires_grad_())


@pytest.mark.parametrize("measure", OVER_SEGMENTS)
def test_gradient_over_segments(measure):
    x = torch.from_numpy(noise(21, (2, 3, 24))).requires_grad_()

    def value(v):
        z, _ = segment_spectra(v, sfreq=24.0, n_per_segment=8)
        return measure(segment_cross_spectra(z[:, 1:4])).triu(1)

    assert torch.autograd.gradcheck(value, x)


@pytest.mark.parametrize("tapers", [False, True])
def test_gradient_of_a_channel_without_signal_or_a_copy_is_finite(tapers):
    x = torch.from_numpy(noise(22, (1, 4, 24)))
    x[:, 0] = 2.0
    x[:, 3] = x[:, 2]
    x.requires_grad_()
    transform = multitaper_transform if tapers else morlet_transform
    (z,) = transform(x, sfreq=24.0, freqs=[6.0], n_cycles=3.0)
    (ciplv(z, tapers=tapers) + wpli(z, tapers=tapers)).sum().backward()
    assert torch.isfinite(x.grad).all()
    assert x.grad.abs().sum() > 0
    x.grad = None
    s = segment_cross_spectra(segment_spectra(x, sfreq=24.0, n_per_segment=8)[0])
    (debiased_wpli(s) + ppc(s)).sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("measure", [*OVER_TIME, phase_locking])
@pytest.mark.parametrize("tapers", [False, True])
def test_real_signals_are_refused(measure, tapers):
    with pytest.raises(EegdaeError, match=r"z: values of type torch.float32; allowed: complex signals"):
        measure(torch.zeros(2, 3, 4), tapers=tapers)


@pytest.mark.parametrize("measure", OVER_SEGMENTS)
def test_what_is_no_set_of_segments(measure):
    s = segment_cross_spectra(complex_noise(23, (3, 7)))
    with pytest.raises(EegdaeError, match=r"s: values of type torch.float64; allowed: complex cross-spectra"):
        measure(s.real)
    for wrong in (s[:1], s[0], s[..., :2]):
        with pytest.raises(EegdaeError, match=r"n_segments, n_chans, n_chans\), 2 segments or more"):
            measure(wrong)
