import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mne_connectivity import spectral_connectivity_time

from eegdae.connectivity.coherency import coherence, imaginary_coherence
from eegdae.connectivity.cross_spectrum import cross_spectrum
from eegdae.connectivity.wavelet_spectra import morlet_cross_spectra, multitaper_cross_spectra
from eegdae.connectivity.wavelets import morlet_transform, multitaper_transform
from eegdae.errors import EegdaeError

SFREQ = 128.0
FREQS = [9.0, 10.3, 27.0, 64.0]
KINDS = [(morlet_cross_spectra, morlet_transform), (multitaper_cross_spectra, multitaper_transform)]
FAST = [fast for fast, _ in KINDS]


def noise(seed, shape=(2, 5, 256)):
    x = np.random.default_rng(seed).normal(size=shape)
    return torch.from_numpy(np.cumsum(x, axis=-1) + x)


def by_time(transform, x, **options):
    """The slow way: the transform, multiplied and averaged over time."""
    tapers = transform is multitaper_transform
    return torch.stack([cross_spectrum(z, tapers=tapers) for z in transform(x, **options)], dim=-3)


def relative(found, expected):
    """Largest error of an entry, against the powers of its two channels."""
    amplitude = expected.diagonal(dim1=-2, dim2=-1).real.sqrt()
    return ((found - expected).abs() / (amplitude[..., :, None] * amplitude[..., None, :])).max()


@pytest.mark.parametrize("n_times", [256, 255])
@pytest.mark.parametrize("n_cycles", [7.0, 2.0, [3.0, 5.5, 7.0, 12.0]])
@pytest.mark.parametrize(("fast", "transform"), KINDS)
def test_agrees_with_the_products_of_the_transform(fast, transform, n_times, n_cycles):
    if fast is multitaper_cross_spectra and n_cycles == 2.0:
        n_cycles = 4.0
    x = noise(0, (2, 5, n_times))
    options = {"sfreq": SFREQ, "freqs": FREQS, "n_cycles": n_cycles}
    expected = by_time(transform, x, **options)
    found = fast(x, **options)
    assert found.shape == (2, 4, 5, 5)
    assert relative(found, expected) < 1e-12
    single = fast(x.float(), **options)
    assert single.dtype == torch.complex64
    assert relative(single, expected) < 5e-6


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n_chans=st.integers(1, 7),
    n_times=st.integers(60, 300),
    freq=st.floats(7, 60),
    share=st.floats(0.05, 0.98),
    double=st.booleans(),
)
def test_agrees_for_all_sizes_up_to_a_wavelet_as_long_as_the_window(
    seed, n_chans, n_times, freq, share, double
):
    """The longer the wavelet, the more of it falls outside of the window and is taken off."""
    options = {
        "sfreq": SFREQ,
        "freqs": [freq, 64.0, 30.0],
        "n_cycles": [max(0.5, share * n_times / SFREQ * freq * math.pi / 5), 7.0, 3.0],
    }
    x = noise(seed, (2, n_chans, n_times))
    expected = by_time(morlet_transform, x, **options)
    found = morlet_cross_spectra(x if double else x.float(), **options)
    assert relative(found, expected) < (1e-12 if double else 1e-5)
    assert torch.equal(found, found.mH)


@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("n_cycles", [7.0, 4.0])
@pytest.mark.parametrize(("fast", "transform"), KINDS)
def test_gains_of_any_size_and_a_large_mean_do_no_harm(fast, transform, n_cycles, offset):
    x = noise(1)
    x = x / x.std(dim=-1, keepdim=True) + offset
    x = x * torch.logspace(-6, 6, 5, dtype=x.dtype)[:, None]
    options = {"sfreq": SFREQ, "freqs": FREQS, "n_cycles": n_cycles}
    expected = by_time(transform, x, **options)
    assert relative(fast(x, **options), expected) < 1e-12
    assert relative(fast(x.float(), **options), expected) < 1e-5


@pytest.mark.parametrize("fast", FAST)
def test_agrees_with_mne(fast, eegmat):
    freqs = np.array([6.0, 13.5, 30.0])
    mode = "cwt_morlet" if fast is morlet_cross_spectra else "multitaper"
    recordings = [(noise(2).numpy(), SFREQ, 7.0), (eegmat[:2], 500.0, 7.0), (eegmat[:1], 500.0, 2.0)]
    for x, sfreq, n_cycles in recordings:
        cycles = 4.0 if mode == "multitaper" and n_cycles < 4 else n_cycles
        options = {"sfreq": sfreq, "n_cycles": cycles}
        single, double = (
            fast(torch.from_numpy(x).to(dtype), freqs=freqs, **options)
            for dtype in (torch.float32, torch.float64)
        )
        for method, measure in [("coh", coherence), ("imcoh", imaginary_coherence)]:
            theirs = spectral_connectivity_time(
                x, freqs, method=method, mode=mode, faverage=False, verbose="error", **options
            ).get_data("dense")
            theirs = np.moveaxis(theirs, -1, 1)
            assert abs(theirs).max() > 0.1
            for s, tolerance in [(double, 1e-9), (single, 1e-5)]:
                np.testing.assert_allclose(np.tril(measure(s), -1), theirs, atol=tolerance, rtol=0)


def test_wavelets_of_many_samples():
    """Few columns hold what falls on the zeros in float32; in float64 the transform itself is used."""
    x = noise(3, (1, 3, 3000))
    options = {"sfreq": 1000.0, "freqs": [40.0, 2.0, 4.0, 9.0, 3.0], "n_cycles": 3.0}
    expected = by_time(morlet_transform, x, **options)
    assert relative(morlet_cross_spectra(x, **options), expected) < 1e-12
    assert relative(morlet_cross_spectra(x.float(), **options), expected) < 1e-5
    options |= {"freqs": [40.0, 3.0, 9.0], "n_cycles": 7.0}
    expected = by_time(multitaper_transform, x, **options)
    assert relative(multitaper_cross_spectra(x, **options), expected) < 1e-12


def test_many_windows_and_channels_go_in_blocks():
    x = noise(4, (7, 40, 128)).float()
    options = {"sfreq": SFREQ, "freqs": [20.0, 45.0]}
    whole = morlet_cross_spectra(x, **options)
    alone = torch.cat([morlet_cross_spectra(window[None], **options) for window in x])
    torch.testing.assert_close(whole, alone)
    assert relative(whole, by_time(morlet_transform, x.double(), **options)) < 1e-5


@pytest.mark.parametrize("fast", FAST)
@pytest.mark.parametrize("value", [0.0, 0.1, 12345.678])
def test_a_constant_channel_has_no_signal(fast, value):
    x = noise(5).float()
    x[:, 1] = value
    s = fast(x, sfreq=SFREQ, freqs=FREQS)
    assert torch.count_nonzero(s[..., 1, :]) == torch.count_nonzero(s[..., :, 1]) == 0
    assert torch.count_nonzero(s[..., 0, 2:]) == s[..., 0, 2:].numel()


@pytest.mark.parametrize("fast", FAST)
def test_exactly_hermitian_and_nearly_positive(fast):
    for dtype in (torch.float32, torch.float64):
        s = fast(noise(6, (3, 6, 256)).to(dtype), sfreq=SFREQ, freqs=FREQS)
        assert torch.equal(s, s.mH)
        values = torch.linalg.eigvalsh(s)
        assert (values[..., 0] > -10 * torch.finfo(dtype).eps * values[..., -1]).all()


@pytest.mark.parametrize("fast", FAST)
def test_any_leading_batch(fast):
    x = noise(7, (6, 3, 128))
    whole = fast(x, sfreq=SFREQ, freqs=[20.0, 40.0])
    parts = fast(x.reshape(2, 3, 3, 128), sfreq=SFREQ, freqs=[20.0, 40.0])
    torch.testing.assert_close(parts, whole.reshape(2, 3, 2, 3, 3))
    torch.testing.assert_close(fast(x[0], sfreq=SFREQ, freqs=[20.0, 40.0]), whole[0])
    empty = fast(x[:0].float(), sfreq=SFREQ, freqs=[20.0, 40.0])
    assert empty.shape == (0, 2, 3, 3)
    assert empty.dtype == torch.complex64


@pytest.mark.parametrize("fast", FAST)
def test_gradient(fast):
    x = noise(8, (2, 3, 24)).requires_grad_()
    options = {"sfreq": 24.0, "freqs": [6.0, 10.0, 4.0], "n_cycles": [3.0, 4.0, 2.2]}
    if fast is multitaper_cross_spectra:
        options["n_cycles"] = [3.0, 4.0, 3.0]
    assert torch.autograd.gradcheck(lambda v: fast(v, **options), x)


@pytest.mark.parametrize("fast", FAST)
def test_what_inference_mode_has_kept_serves_a_gradient(fast):
    x = noise(9, (1, 3, 131))
    with torch.inference_mode():
        fast(x, sfreq=SFREQ, freqs=[21.0])
    v = x.clone().requires_grad_()
    fast(v, sfreq=SFREQ, freqs=[21.0]).abs().sum().backward()
    assert v.grad.abs().min() > 0


def test_a_bandwidth_for_each_frequency():
    x = noise(10)
    options = {"sfreq": SFREQ, "n_cycles": 7.0}
    found = multitaper_cross_spectra(x, freqs=[10.0, 27.0], time_bandwidth=[3.0, 5.5], **options)
    for k, (freq, bandwidth) in enumerate([(10.0, 3.0), (27.0, 5.5)]):
        alone = multitaper_cross_spectra(x, freqs=[freq], time_bandwidth=bandwidth, **options)
        torch.testing.assert_close(found[:, k], alone[:, 0])


@pytest.mark.parametrize("fast", FAST)
def test_impossible_requests(fast):
    x = noise(11, (2, 64))
    with pytest.raises(EegdaeError, match=r"the wavelet of 4 Hz has \d+ samples and the window 64 \(0.5 s\)"):
        fast(x, sfreq=SFREQ, freqs=[30.0, 4.0])
    with pytest.raises(EegdaeError, match=r"freqs: 64.5 Hz; allowed"):
        fast(x, sfreq=SFREQ, freqs=[64.5])
    with pytest.raises(EegdaeError, match=r"x: values of type torch.complex64; allowed: real numbers"):
        fast(x.to(torch.complex64), sfreq=SFREQ, freqs=[30.0])
