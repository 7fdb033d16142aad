import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mne.time_frequency import morlet, tfr_array_morlet, tfr_array_multitaper

from eegdae.connectivity.wavelets import (
    morlet_groups,
    morlet_transform,
    morlet_wavelets,
    multitaper_groups,
    multitaper_transform,
    multitaper_wavelets,
)
from eegdae.errors import EegdaeError

SFREQ = 128.0
FREQS = [9.0, 10.3, 27.0, 64.0]


def noise(seed, shape=(2, 3, 256)):
    x = np.random.default_rng(seed).normal(size=shape)
    return np.cumsum(x, axis=-1) + x  # most power at low frequencies, and a mean


def mne_multitaper(x, freqs, n_cycles, time_bandwidth):
    """Complex values and weights of mne, with the weighting of spectral_connectivity_time folded in."""
    z, weights = tfr_array_multitaper(
        x,
        SFREQ,
        np.array(freqs),
        n_cycles=n_cycles,
        time_bandwidth=time_bandwidth,
        output="complex",
        return_weights=True,
        verbose="error",
    )  # (n_windows, n_chans, n_tapers, n_freqs, n_times), (n_tapers, n_freqs)
    z = z * (weights * np.sqrt(2 / (weights**2).sum(axis=0)))[..., None]
    return z.transpose(3, 0, 2, 1, 4)


@pytest.mark.parametrize("n_cycles", [7.0, 3, [3.0, 5.5, 7.0, 12.0]])
@pytest.mark.parametrize("sfreq", [128.0, 500, 1017.25])
def test_wavelets_are_those_of_mne(n_cycles, sfreq):
    expected = morlet(sfreq, FREQS, n_cycles=n_cycles, zero_mean=False)
    found = morlet_wavelets(FREQS, sfreq=sfreq, n_cycles=n_cycles)
    assert len(found) == len(FREQS)
    for wavelet, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(wavelet, theirs, atol=1e-14)


def test_wavelets_have_the_length_and_norm_that_is_said():
    for freq, wavelet in zip(FREQS, morlet_wavelets(FREQS, sfreq=SFREQ, n_cycles=6.0), strict=True):
        sigma = 6 / (2 * math.pi * freq)
        assert len(wavelet) == 2 * math.ceil(5 * sigma * SFREQ) - 1
        assert wavelet.abs().square().sum() == pytest.approx(2)
        assert wavelet.abs().argmax() == len(wavelet) // 2


@pytest.mark.parametrize("n_times", [256, 255])
@pytest.mark.parametrize("n_cycles", [7.0, [2.0, 7.0, 8.5, 20.0]])
def test_morlet_agrees_with_mne(n_times, n_cycles):
    x = noise(0, (2, 3, n_times))
    expected = tfr_array_morlet(
        x, SFREQ, np.array(FREQS), n_cycles=n_cycles, zero_mean=False, output="complex", verbose="error"
    )
    found = list(morlet_transform(torch.from_numpy(x), sfreq=SFREQ, freqs=FREQS, n_cycles=n_cycles))
    assert len(found) == len(FREQS)
    for k, z in enumerate(found):
        np.testing.assert_allclose(z, expected[:, :, k], atol=1e-10)


@pytest.mark.parametrize("n_times", [256, 255])
@pytest.mark.parametrize("n_cycles", [7.0, [6.0, 7.0, 8.5, 20.0]])
@pytest.mark.parametrize("time_bandwidth", [2.0, 3.3, 4.0, 6.0])
def test_multitaper_agrees_with_mne(n_times, n_cycles, time_bandwidth):
    x = noise(1, (2, 3, n_times))
    expected = mne_multitaper(x, FREQS, n_cycles, time_bandwidth)
    found = list(
        multitaper_transform(
            torch.from_numpy(x), sfreq=SFREQ, freqs=FREQS, n_cycles=n_cycles, time_bandwidth=time_bandwidth
        )
    )
    lengths = {
        wavelet.shape[-1] % 2 for wavelet in multitaper_wavelets(FREQS, sfreq=SFREQ, n_cycles=n_cycles)
    }
    assert lengths == {0, 1}  # a wavelet of an even length is centred too
    for z, theirs in zip(found, expected, strict=True):
        assert z.shape == (2, math.floor(time_bandwidth - 1), 3, n_times)
        np.testing.assert_allclose(z, theirs, atol=1e-10)


@pytest.mark.parametrize(
    ("groups", "transform"), [(morlet_groups, morlet_transform), (multitaper_groups, multitaper_transform)]
)
def test_groups_hold_each_frequency_once(groups, transform):
    x = torch.from_numpy(noise(8))
    freqs = [40.0, 10.0, 11.0, 11.5, 45.0, 9.0]
    each = list(transform(x, sfreq=SFREQ, freqs=freqs))
    done = 0
    for rows, z in groups(x, sfreq=SFREQ, freqs=freqs):
        assert rows.start == done
        done = rows.stop
        torch.testing.assert_close(z, torch.stack(each[rows], dim=1), rtol=0, atol=0)
    assert done == len(freqs)


def test_a_bandwidth_for_each_frequency():
    x = torch.from_numpy(noise(9))
    bandwidths = [3.0, 4.0, 5.5, 4.0]
    options = {"sfreq": SFREQ, "n_cycles": 7.0}
    wavelets = multitaper_wavelets(FREQS, time_bandwidth=bandwidths, **options)
    assert [len(wavelet) for wavelet in wavelets] == [2, 3, 4, 3]
    found = multitaper_transform(x, freqs=FREQS, time_bandwidth=bandwidths, **options)
    for z, freq, bandwidth in zip(found, FREQS, bandwidths, strict=True):
        np.testing.assert_allclose(z, mne_multitaper(x.numpy(), [freq], 7.0, bandwidth)[0], atol=1e-10)


@pytest.mark.parametrize("transform", [morlet_transform, multitaper_transform])
def test_what_inference_mode_has_kept_serves_a_gradient(transform):
    x = torch.from_numpy(noise(10, (1, 3, 131)))
    with torch.inference_mode():
        list(transform(x, sfreq=SFREQ, freqs=[21.0]))
    v = x.clone().requires_grad_()
    (z,) = transform(v, sfreq=SFREQ, freqs=[21.0])
    z.abs().sum().backward()
    assert v.grad.abs().min() > 0


@pytest.mark.parametrize("transform", [morlet_transform, multitaper_transform])
def test_windows_too_long_for_their_wavelets_to_be_kept(transform):
    x = torch.from_numpy(noise(11, (1, 2, 9000)))
    (whole,) = transform(x, sfreq=SFREQ, freqs=[20.0])
    (part,) = transform(x[..., :3000], sfreq=SFREQ, freqs=[20.0])
    torch.testing.assert_close(whole[..., :2900], part[..., :2900])


def test_defaults_are_those_of_mne():
    x = noise(2)
    (z,) = morlet_transform(torch.from_numpy(x), sfreq=SFREQ, freqs=[10.0])
    expected = tfr_array_morlet(x, SFREQ, np.array([10.0]), zero_mean=False, verbose="error")
    np.testing.assert_allclose(z, expected[:, :, 0], atol=1e-10)
    (z,) = multitaper_transform(torch.from_numpy(x), sfreq=SFREQ, freqs=[10.0])
    np.testing.assert_allclose(z, mne_multitaper(x, [10.0], 7.0, 4.0)[0], atol=1e-10)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n_times=st.integers(60, 130), freq=st.floats(7, 60))
def test_agrees_with_a_plain_convolution_up_to_a_wavelet_as_long_as_the_window(seed, n_times, freq):
    """The longest wavelet that fits is where samples could wrap around the end."""
    freqs = [freq, 64.0]
    n_cycles = [0.98 * n_times / SFREQ * freq * math.pi / 5, 7.0]
    x = noise(seed, (2, n_times))
    wavelets = morlet_wavelets(freqs, sfreq=SFREQ, n_cycles=n_cycles)
    for z, w in zip(
        morlet_transform(torch.from_numpy(x), sfreq=SFREQ, freqs=freqs, n_cycles=n_cycles),
        wavelets,
        strict=True,
    ):
        np.testing.assert_allclose(z, [np.convolve(c, w.numpy(), mode="same") for c in x], atol=1e-9)


@pytest.mark.parametrize(("transform", "leakage"), [(morlet_transform, 1e-4), (multitaper_transform, 1e-2)])
def test_a_steady_oscillation_has_a_steady_amplitude_and_its_frequency(transform, leakage):
    t = torch.arange(1024, dtype=torch.float64) / SFREQ
    x = torch.stack([torch.cos(2 * math.pi * 10 * t), torch.cos(2 * math.pi * 10 * t - 0.7)])
    (z,) = transform(x, sfreq=SFREQ, freqs=[10.0])
    z = z.reshape(-1, 2, 1024)[0, :, 200:-200]  # the first taper; away from the ends
    assert z.abs().std() < leakage * z.abs().mean()
    step = (z[:, 1:] * z[:, :-1].conj()).angle()
    torch.testing.assert_close(step, torch.full_like(step, 2 * math.pi * 10 / SFREQ), atol=leakage, rtol=0)
    lead = (z[0] * z[1].conj()).angle()
    torch.testing.assert_close(lead, torch.full_like(lead, 0.7), atol=leakage, rtol=0)


@pytest.mark.parametrize("transform", [morlet_transform, multitaper_transform])
@pytest.mark.parametrize("value", [0.0, 0.1, 12345.678])
def test_a_constant_channel_has_no_signal(transform, value):
    x = torch.from_numpy(noise(3)).float()
    x[:, 1] = value
    for z in transform(x, sfreq=SFREQ, freqs=FREQS):
        assert torch.count_nonzero(z[..., 1, :]) == 0
        assert torch.count_nonzero(z[..., [0, 2], :]) == z[..., [0, 2], :].numel()


@pytest.mark.parametrize("transform", [morlet_transform, multitaper_transform])
def test_single_precision_stays_single(transform):
    x = torch.from_numpy(noise(4))
    for single, double in zip(
        transform(x.float(), sfreq=SFREQ, freqs=FREQS), transform(x, sfreq=SFREQ, freqs=FREQS), strict=True
    ):
        assert single.dtype == torch.complex64
        assert double.dtype == torch.complex128
        assert (single - double).abs().max() < 1e-6 * x.abs().max() * 10
    assert next(transform(torch.ones(2, 256, dtype=torch.int32), sfreq=SFREQ, freqs=FREQS)).dtype == (
        torch.complex64
    )


@pytest.mark.parametrize("transform", [morlet_transform, multitaper_transform])
def test_any_leading_batch(transform):
    x = torch.from_numpy(noise(5, (6, 3, 128)))
    (whole,) = transform(x, sfreq=SFREQ, freqs=[20.0])
    (parts,) = transform(x.reshape(2, 3, 3, 128), sfreq=SFREQ, freqs=[20.0])
    (one,) = transform(x[0], sfreq=SFREQ, freqs=[20.0])
    (none,) = transform(x[:0], sfreq=SFREQ, freqs=[20.0])
    assert none.shape == (0, *whole.shape[1:])
    torch.testing.assert_close(parts, whole.reshape(2, 3, *whole.shape[1:]))
    torch.testing.assert_close(one, whole[0])


@pytest.mark.parametrize("transform", [morlet_transform, multitaper_transform])
def test_gradient(transform):
    x = torch.from_numpy(noise(6, (2, 2, 24))).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda v: torch.stack(list(transform(v, sfreq=24.0, freqs=[6.0, 10.0], n_cycles=[3.0, 4.0]))), x
    )


@pytest.mark.parametrize("transform", [morlet_transform, multitaper_transform])
def test_a_wavelet_longer_than_the_window_is_refused_at_once(transform):
    x = torch.from_numpy(noise(7, (2, 64)))
    with pytest.raises(EegdaeError, match=r"the wavelet of 4 Hz has \d+ samples and the window 64 \(0.5 s\)"):
        transform(x, sfreq=SFREQ, freqs=[30.0, 4.0], n_cycles=7.0)  # mne looks at the first alone


@pytest.mark.parametrize("make", [morlet_wavelets, multitaper_wavelets])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sfreq": 0}, "sfreq: 0 is not a sampling rate"),
        ({"sfreq": "fast"}, "sfreq: 'fast' is not a sampling rate"),
        ({"freqs": []}, "freqs: the list is empty"),
        ({"freqs": 10.0}, r"freqs: 10.0; give a list"),
        ({"freqs": ["ten"]}, r"freqs: \['ten'\]; give a list"),
        ({"freqs": [10.0, 0.0]}, "freqs: 0 Hz; allowed: above 0 and up to 64 Hz"),
        ({"freqs": [64.5]}, "freqs: 64.5 Hz; allowed: above 0 and up to 64 Hz"),
        ({"freqs": [math.nan]}, "freqs: nan Hz; allowed"),
        ({"n_cycles": 0}, "n_cycles: 0; allowed: numbers above 0"),
        ({"n_cycles": [7.0, -1.0]}, "n_cycles: -1; allowed"),
        ({"n_cycles": math.inf}, "n_cycles: inf; allowed"),
        ({"n_cycles": [7.0]}, "n_cycles: 1 numbers for 2 frequencies"),
        ({"n_cycles": None}, "n_cycles: None; give a number or a list"),
    ],
)
def test_impossible_requests(make, options, message):
    with pytest.raises(EegdaeError, match=message):
        make(**{"freqs": [10.0, 20.0], "sfreq": SFREQ, "n_cycles": 7.0} | options)


@pytest.mark.parametrize("time_bandwidth", [1.9, math.nan, math.inf, None, 23.0, [4.0, 4.0], [23.0]])
def test_impossible_time_bandwidth(time_bandwidth):
    with pytest.raises(EegdaeError, match="time_bandwidth: "):
        multitaper_wavelets([40.0], sfreq=SFREQ, n_cycles=7.0, time_bandwidth=time_bandwidth)


def test_numbers_may_come_as_arrays_and_tensors():
    expected = morlet_wavelets(FREQS, sfreq=SFREQ, n_cycles=[7.0] * 4)
    for kind in (np.array, torch.tensor):
        found = morlet_wavelets(kind(FREQS), sfreq=np.float32(SFREQ), n_cycles=kind([7.0] * 4))
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b, atol=1e-6, rtol=0)
    found = morlet_wavelets(FREQS, sfreq=SFREQ, n_cycles=np.float64(7.0))
    torch.testing.assert_close(found[0], expected[0])


def test_complex_signals_are_refused():
    with pytest.raises(EegdaeError, match=r"x: values of type torch.complex128; allowed: real numbers"):
        morlet_transform(torch.zeros(2, 256, dtype=torch.complex128), sfreq=SFREQ, freqs=FREQS)
