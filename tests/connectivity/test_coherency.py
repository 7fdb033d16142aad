import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mne_connectivity import phase_slope_index as mne_phase_slope_index
from mne_connectivity import spectral_connectivity_time
from pyriemann.geometry.covariance import coherence as pyriemann_coherence
from scipy.signal import coherence as scipy_coherence

from eegdae.connectivity import analytic_signal
from eegdae.connectivity.coherency import (
    coherence,
    coherency,
    imaginary_coherence,
    lagged_coherence,
    phase_slope_index,
    spectral_correlation,
)
from eegdae.connectivity.cross_spectrum import cross_spectrum, segment_spectra, welch_cross_spectrum
from eegdae.connectivity.wavelets import morlet_transform, multitaper_transform
from eegdae.errors import EegdaeError

FREQS = np.array([9.0, 13.5, 30.0])
MEASURES = [coherence, imaginary_coherence, lagged_coherence]


def noise(seed, shape=(2, 4, 300)):
    x = np.random.default_rng(seed).normal(size=shape)
    return np.cumsum(x, axis=-1) + x


def hermitian(seed, shape=(3, 4), n=6):
    """Cross-spectra of n independent segments."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(*shape, n)) + 1j * rng.normal(size=(*shape, n))
    return cross_spectrum(torch.from_numpy(z))


def mne_time(x, *, sfreq, mode, method):
    """(n_freqs, n_windows, n_chans, n_chans): mne fills the lower triangle, row = source."""
    con = spectral_connectivity_time(
        x, FREQS, method=method, sfreq=sfreq, mode=mode, n_cycles=7.0, faverage=False, verbose="error"
    )
    return np.moveaxis(con.get_data("dense"), -1, 0)


def lower(c):
    return np.tril(np.asarray(c), -1)


def check_parity_with_mne(x, sfreq):
    modes = [("cwt_morlet", morlet_transform), ("multitaper", multitaper_transform)]
    for mode, transform in modes:
        for method, measure in [("coh", coherence), ("imcoh", imaginary_coherence)]:
            expected = mne_time(x, sfreq=sfreq, mode=mode, method=method)
            for dtype, tolerance in [(torch.float64, 1e-9), (torch.float32, 1e-5)]:
                signals = transform(torch.from_numpy(x).to(dtype), sfreq=sfreq, freqs=FREQS, n_cycles=7.0)
                for z, theirs in zip(signals, expected, strict=True):
                    found = measure(cross_spectrum(z, tapers=mode == "multitaper"))
                    assert found.dtype == dtype
                    np.testing.assert_allclose(lower(found), theirs, atol=tolerance, rtol=0)
                    assert abs(theirs).max() > 0.1


def test_agrees_with_mne():
    check_parity_with_mne(noise(0), 128.0)


def test_agrees_with_mne_on_a_real_recording(eegmat):
    check_parity_with_mne(eegmat[:2], 500.0)


@pytest.mark.xfail(
    raises=AssertionError,
    strict=True,
    reason="mne-connectivity 0.9 averages from the first to twice the last",
)
def test_mne_averages_the_frequencies_of_a_band():
    """When this passes, mne has been mended and its faverage=True can be compared with."""
    x, freqs = noise(1), np.arange(8.0, 25.0)
    con = spectral_connectivity_time(
        x,
        freqs,
        method="coh",
        sfreq=128.0,
        fmin=(8, 13),
        fmax=(13, 20),
        faverage=True,
        n_cycles=5.0,
        verbose="error",
    ).get_data("dense")
    signals = morlet_transform(torch.from_numpy(x), sfreq=128.0, freqs=freqs, n_cycles=5.0)
    each = torch.stack([coherence(cross_spectrum(z)) for z in signals])
    for k, (lo, hi) in enumerate([(8, 13), (13, 20)]):
        mean = each[(freqs >= lo) & (freqs <= hi)].mean(dim=0)
        np.testing.assert_allclose(lower(mean), con[..., k], atol=1e-9)


@pytest.mark.parametrize("detrend", ["constant", "linear"])
def test_agrees_with_scipy_which_squares(detrend):
    x = noise(2)[0]
    s, _ = welch_cross_spectrum(torch.from_numpy(x), sfreq=128.0, n_per_segment=64, detrend=detrend)
    found = coherence(s)
    for i in range(4):
        for j in range(4):
            _, theirs = scipy_coherence(x[i], x[j], fs=128.0, nperseg=64, detrend=detrend)
            np.testing.assert_allclose(found[:, i, j].square(), theirs, atol=1e-9)


@pytest.mark.parametrize(
    ("kind", "measure"),
    [("ordinary", coherence), ("imaginary", imaginary_coherence), ("lagged", lagged_coherence)],
)
def test_agrees_with_pyriemann_which_squares(eegmat, kind, measure):
    x = eegmat[:2]
    theirs, freqs = pyriemann_coherence(x, window=250, overlap=0.5, fs=500.0, fmin=2, fmax=60, coh=kind)
    s, ours = welch_cross_spectrum(
        torch.from_numpy(x), sfreq=500.0, n_per_segment=250, window=np.hanning(250), detrend=False
    )
    inside = (ours >= 2) & (ours <= 60)
    np.testing.assert_allclose(ours[inside], freqs)
    found = measure(s[:, inside]).square()
    np.testing.assert_allclose(lower(found), lower(np.moveaxis(theirs, -1, 1)), atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    gain=st.floats(1e-12, 1e12),
    channel=st.integers(0, 3),
    measure=st.sampled_from(MEASURES),
    n=st.integers(1, 8),
)
def test_properties(seed, gain, channel, measure, n):
    s = hermitian(seed, n=n)
    c = measure(s)
    assert c.abs().max() <= 1
    assert torch.equal(c, -c.mT if measure is imaginary_coherence else c.mT)
    assert measure is imaginary_coherence or c.min() >= 0
    diagonal = torch.full((3, 4), 1.0 if measure is coherence else 0.0, dtype=c.dtype)
    assert torch.equal(c.diagonal(dim1=-2, dim2=-1), diagonal)
    factor = torch.ones(4, dtype=c.dtype)
    factor[channel] = gain
    torch.testing.assert_close(measure(s * factor[:, None] * factor), c)
    order = torch.randperm(4, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(measure(s[:, order][:, :, order]), c[:, order][:, :, order])
    if n == 1 and measure is not imaginary_coherence:  # a single segment says nothing
        torch.testing.assert_close(c[:, 0, 1:], torch.ones_like(c[:, 0, 1:]))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), gain=st.floats(1e-12, 1e12), channel=st.integers(0, 3))
def test_properties_of_the_phase_slope(seed, gain, channel):
    s = hermitian(seed, shape=(3, 5, 4), n=4)
    c = phase_slope_index(s)
    assert c.shape == (3, 4, 4)
    assert torch.equal(c, -c.mT)
    assert c.abs().max() <= 4
    factor = torch.ones(4, dtype=c.dtype)
    factor[channel] = gain
    torch.testing.assert_close(phase_slope_index(s * factor[:, None] * factor), c)
    # Spectra from high to low frequency: who was ahead now follows.
    torch.testing.assert_close(phase_slope_index(s.flip(-3)), -c)


def test_coherency_of_a_known_pair():
    s = torch.tensor([[4.0, 1 + 2j], [1 - 2j, 9.0]], dtype=torch.complex128)
    expected = torch.tensor([[1, (1 + 2j) / 6], [(1 - 2j) / 6, 1]], dtype=torch.complex128)
    torch.testing.assert_close(coherency(s), expected)
    assert coherence(s)[0, 1] == pytest.approx(math.sqrt(5) / 6)
    assert imaginary_coherence(s)[0, 1] == pytest.approx(1 / 3)
    assert imaginary_coherence(s)[1, 0] == pytest.approx(-1 / 3)
    assert lagged_coherence(s)[0, 1] == pytest.approx((1 / 3) / math.sqrt(1 - 1 / 36))


def test_the_one_ahead_has_a_positive_imaginary_part_and_slope():
    x = noise(3, (50, 300))
    x = np.stack([x[:, 8:], x[:, :-8]], axis=1)  # the second repeats the first 8 samples later
    z, freqs = segment_spectra(torch.from_numpy(x), sfreq=128.0, n_per_segment=64)
    s = cross_spectrum(z).mean(dim=0)
    psi = phase_slope_index(s[(freqs >= 4) & (freqs <= 20)])
    assert psi[0, 1] > 1
    assert psi[1, 0] < -1
    assert imaginary_coherence(s)[2, 0, 1] > 0.2  # 4 Hz, a quarter of a cycle in 8 samples


def test_phase_slope_agrees_with_mne(eegmat):
    x = eegmat[0, :6].reshape(6, 8, 125).swapaxes(0, 1)  # segments of .25 s as epochs
    # mne's bands leave their edges out: bins 4 Hz apart, 8 to 40 Hz and 12 to 20 Hz.
    bands = [(8.0, 40.0), (12.0, 20.0)]
    theirs = mne_phase_slope_index(
        x,
        sfreq=500.0,
        mode="fourier",
        fmin=tuple(lo - 1 for lo, _ in bands),
        fmax=tuple(hi + 1 for _, hi in bands),
        verbose="error",
    ).get_data("dense")
    s, freqs = welch_cross_spectrum(
        torch.from_numpy(eegmat[0, :6]), sfreq=500.0, n_per_segment=125, n_overlap=0, window=np.hanning(125)
    )
    for k, (lo, hi) in enumerate(bands):
        found = phase_slope_index(s[(freqs >= lo) & (freqs <= hi)])
        np.testing.assert_allclose(lower(found), theirs[..., k], atol=1e-9)
    single = phase_slope_index(s[(freqs >= 8) & (freqs <= 40)].to(torch.complex64))
    np.testing.assert_allclose(lower(single), theirs[..., 0], atol=1e-5)


@pytest.mark.parametrize("n", [10, 40])
def test_floors_of_independent_noise(n):
    s = hermitian(4, shape=(20000, 2), n=n)
    assert coherence(s)[:, 0, 1].mean() == pytest.approx(math.sqrt(math.pi / (4 * n)), rel=0.03)
    assert imaginary_coherence(s)[:, 0, 1].mean() == pytest.approx(0, abs=0.005)
    floor = 1 / math.sqrt(math.pi * n)
    assert imaginary_coherence(s)[:, 0, 1].abs().mean() == pytest.approx(floor, rel=0.03)
    assert lagged_coherence(s)[:, 0, 1].mean() == pytest.approx(floor, rel=0.05)


def test_instantaneous_mixing_shows_in_coherence_alone():
    rng = np.random.default_rng(5)
    n = 40
    z = torch.from_numpy(rng.normal(size=(4000, 5, 2, n)) + 1j * rng.normal(size=(4000, 5, 2, n)))
    mixed = cross_spectrum(torch.tensor([[1, 0.5], [0.5, 1]], dtype=z.dtype) @ z)
    apart = cross_spectrum(z)
    assert coherence(mixed)[..., 0, 1].mean() > 0.75
    # With the shared part in phase, the imaginary part shrinks; the lagged one is brought back to the floor.
    for measure in (imaginary_coherence, lagged_coherence):
        assert measure(mixed)[..., 0, 1].abs().mean() < 1.05 * measure(apart)[..., 0, 1].abs().mean()
    lagged = lagged_coherence(mixed)[..., 0, 1].mean()
    assert lagged == pytest.approx(float(lagged_coherence(apart)[..., 0, 1].mean()), rel=0.03)
    psi = phase_slope_index(mixed)[:, 0, 1]
    assert psi.mean().abs() < 4 * psi.std() / math.sqrt(4000)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_copies_have_no_lag(dtype):
    x = torch.from_numpy(noise(6, (20, 3, 512))).to(dtype)
    (z,) = morlet_transform(torch.cat([x, -3.3 * x], dim=1), sfreq=128.0, freqs=[10.0])
    s = cross_spectrum(z)
    copies = (slice(None), [0, 1, 2], [3, 4, 5])
    assert torch.count_nonzero(lagged_coherence(s)[copies]) == 0
    assert imaginary_coherence(s)[copies].abs().max() < 32 * torch.finfo(dtype).eps
    assert (coherence(s)[copies] > 1 - 1e-5).all()
    torch.testing.assert_close(lagged_coherence(s)[:, :3, 3:], lagged_coherence(s)[:, 3:, :3].mT)
    assert (lagged_coherence(s)[:, 0, 4] > 0).all()


@pytest.mark.parametrize("measure", MEASURES)
def test_a_channel_without_signal(measure):
    z = torch.randn(2, 4, 50, dtype=torch.complex64, generator=torch.Generator().manual_seed(7))
    z[:, 1] = 0
    c = measure(cross_spectrum(z))
    assert torch.count_nonzero(c[:, 1, [0, 2, 3]]) == 0
    assert torch.isfinite(c).all()
    assert torch.count_nonzero(phase_slope_index(cross_spectrum(z).expand(3, 2, 4, 4).movedim(0, 1))) == 0


@pytest.mark.parametrize("measure", [*MEASURES, phase_slope_index])
def test_one_channel_missing_values_and_small_units(measure):
    s = hermitian(8, shape=(3, 2, 4))
    c = measure(s)
    assert torch.equal(measure(s[..., :1, :1]), c[..., :1, :1])
    torch.testing.assert_close(measure((s * 1e-26).to(torch.complex64)).double(), c, atol=1e-5, rtol=0)  # T^2
    s[..., 0, 1] = s[..., 1, 0] = complex(math.nan, math.nan)
    assert measure(s)[..., 0, 1].isnan().all()
    assert not measure(s)[..., 2, 3].isnan().any()


@pytest.mark.parametrize("measure", [*MEASURES, phase_slope_index])
def test_gradient(measure):
    x = torch.from_numpy(noise(9, (2, 3, 24))).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda v: measure(welch_cross_spectrum(v, sfreq=24.0, n_per_segment=8)[0][:, 1:4]).triu(1), x
    )


@pytest.mark.parametrize("measure", [*MEASURES, phase_slope_index])
def test_gradient_of_a_channel_without_signal_or_a_copy_is_finite(measure):
    x = torch.from_numpy(noise(10, (1, 4, 24)))
    x[:, 0] = 2.0
    x[:, 3] = x[:, 2]
    x.requires_grad_()
    measure(welch_cross_spectrum(x, sfreq=24.0, n_per_segment=8)[0]).sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("measure", [*MEASURES, phase_slope_index])
def test_what_is_no_cross_spectrum(measure):
    with pytest.raises(EegdaeError, match=r"s: values of type torch.float64; allowed: complex cross-spectra"):
        measure(hermitian(11, (2, 2, 4)).real)
    with pytest.raises(EegdaeError, match=r"s: shape \(2, 2, 3, 4\); expected \(\.\.\., n_chans, n_chans\)"):
        measure(hermitian(11, (2, 2, 4))[..., :3, :])


@pytest.mark.parametrize("shape", [(4, 4), (2, 1, 4, 4)])
def test_a_slope_needs_two_frequencies(shape):
    with pytest.raises(EegdaeError, match=r"2 frequencies or more"):
        phase_slope_index(torch.ones(shape, dtype=torch.complex64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_spectral_correlation_agrees_with_the_definition(eegmat, dtype):
    x = eegmat[:2]
    found = spectral_correlation(torch.from_numpy(x).to(dtype), sfreq=500.0, band=(4, 30))
    bins = np.fft.rfftfreq(1000, 1 / 500)
    logs = np.log(abs(np.fft.rfft(x)))[..., (bins >= 4) & (bins <= 30)]
    assert logs.shape[-1] == 53
    assert found.dtype == dtype
    expected = np.stack([np.corrcoef(w) for w in logs])
    np.testing.assert_allclose(found, expected, atol=1e-9 if dtype == torch.float64 else 1e-5)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    gain=st.floats(1e-12, 1e12),
    shift=st.floats(-10, 10),
    delay=st.integers(0, 99),
    channel=st.integers(0, 3),
)
def test_properties_of_spectral_correlation(seed, gain, shift, delay, channel):
    x = torch.from_numpy(noise(seed, (3, 4, 100)))
    r = spectral_correlation(x, sfreq=100.0, band=(5, 40))
    assert torch.equal(r, r.mT)
    assert r.abs().max() <= 1
    assert torch.equal(r.diagonal(dim1=-2, dim2=-1), torch.ones(3, 4, dtype=r.dtype))
    changed = x + shift
    changed[:, channel] = gain * changed[:, channel].roll(delay, dims=-1)  # phases play no part
    torch.testing.assert_close(spectral_correlation(changed, sfreq=100.0, band=(5, 40)), r, atol=1e-7, rtol=0)


def test_spectral_correlation_of_independent_noise():
    x = np.random.default_rng(12).normal(size=(4000, 2, 256))
    r = spectral_correlation(torch.from_numpy(x), sfreq=128.0, band=(8, 30))[:, 0, 1]  # 45 bins
    assert r.mean().abs() < 4 * r.std() / math.sqrt(4000)
    assert r.std() == pytest.approx(1 / math.sqrt(44), rel=0.05)


def test_spectral_correlation_without_signal_or_outside_the_band():
    t = torch.arange(200, dtype=torch.float64) / 100
    x = torch.from_numpy(noise(13, (3, 200)))
    x[1] = 0.1
    r = spectral_correlation(x, sfreq=100.0, band=(5, 40))
    assert torch.equal(r[1], torch.tensor([0.0, 1, 0], dtype=r.dtype))
    x[1] = torch.sin(2 * math.pi * 3 * t)  # a whole number of cycles: rounding alone inside the band
    r = spectral_correlation(x, sfreq=100.0, band=(5, 40))
    assert torch.equal(r[1], torch.tensor([0.0, 1, 0], dtype=r.dtype))
    r = spectral_correlation(x[[0, 0]] * torch.tensor([[1], [-3.0]]), sfreq=100.0, band=(5, 40))
    torch.testing.assert_close(r, torch.ones_like(r))


@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_spectral_correlation_holds_in_any_unit(scale):
    x = torch.from_numpy(noise(14))
    single = spectral_correlation((x * scale).float(), sfreq=128.0, band=(5, 40))
    expected = spectral_correlation(x, sfreq=128.0, band=(5, 40))
    torch.testing.assert_close(single.double(), expected, atol=1e-5, rtol=0)


def test_spectral_correlation_gradient():
    x = torch.from_numpy(noise(15, (2, 3, 24)))
    assert torch.autograd.gradcheck(
        lambda v: spectral_correlation(v, sfreq=24.0, band=(2, 9)).triu(1), x.requires_grad_()
    )
    x = torch.from_numpy(noise(16, (1, 3, 24)))
    x[:, 0] = 2.0
    x.requires_grad_()
    spectral_correlation(x, sfreq=24.0, band=(2, 9)).sum().backward()
    assert torch.isfinite(x.grad).all()


def test_spectral_correlation_needs_three_bins():
    with pytest.raises(EegdaeError, match=r"bands.band: \[10, 10.5\] Hz holds 2 of the frequencies"):
        spectral_correlation(torch.ones(2, 256), sfreq=128.0, band=(10, 10.5))


def test_hilbert_signals_go_in_as_well():
    x = torch.from_numpy(noise(17))
    z = analytic_signal(x, 128.0, band=(8, 13))
    expected = np.stack([abs(np.corrcoef(w)) for w in z.numpy()])  # the mean of a band is 0
    np.testing.assert_allclose(coherence(cross_spectrum(z)), expected, atol=1e-12)
