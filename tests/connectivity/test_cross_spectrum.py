import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mne.time_frequency import tfr_array_morlet, tfr_array_multitaper
from scipy.signal import csd, get_window

from eegdae.connectivity import analytic_signal
from eegdae.connectivity.cross_spectrum import (
    cross_spectrum,
    segment_cross_spectra,
    segment_spectra,
    welch_cross_spectrum,
)
from eegdae.connectivity.wavelets import morlet_transform, multitaper_transform
from eegdae.errors import EegdaeError

SFREQ = 128.0
SEGMENTS = [
    {"n_per_segment": 64, "n_overlap": 32, "window": "hann", "detrend": "constant"},
    {"n_per_segment": 65, "n_overlap": 0, "window": "hann", "detrend": "linear"},
    {"n_per_segment": 50, "n_overlap": 49, "window": ("kaiser", 8.0), "detrend": False},
    {"n_per_segment": 300, "n_overlap": 0, "window": "boxcar", "detrend": "constant"},
    {"n_per_segment": 2, "n_overlap": 1, "window": "boxcar", "detrend": "constant"},
]


def noise(seed, shape=(2, 3, 300)):
    x = np.random.default_rng(seed).normal(size=shape)
    return np.cumsum(x, axis=-1) + x


def complex_noise(seed, shape):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=shape) + 1j * rng.normal(size=shape))


def scipy_welch(x, **options):
    """The mean of X conj(Y): row x, column y is SciPy's csd(y, x)."""
    options = {"nperseg": options["n_per_segment"], "noverlap": options["n_overlap"]} | {
        key: options[key] for key in ("window", "detrend")
    }
    s = [[csd(y, x_, fs=SFREQ, **options)[1] for y in x] for x_ in x]
    return np.moveaxis(np.array(s), -1, 0)  # (n_freqs, n_chans, n_chans)


@pytest.mark.parametrize("tapers", [False, True])
def test_agrees_with_the_definition(tapers):
    z = complex_noise(0, (2, 3, 4, 50))
    expected = np.einsum("bkxt,bkyt->bkxy", z.numpy(), z.numpy().conj()) / 50
    if tapers:
        expected = expected.sum(axis=1)
    np.testing.assert_allclose(cross_spectrum(z, tapers=tapers), expected, atol=1e-13)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), gain=st.floats(1e-6, 1e6), turn=st.floats(-3, 3), tapers=st.booleans())
def test_properties(seed, gain, turn, tapers):
    z = complex_noise(seed, (2, 3, 4, 30))
    s = cross_spectrum(z, tapers=tapers)
    assert torch.equal(s, s.mH)
    assert torch.linalg.eigvalsh(s).min() > -1e-12
    factor = torch.ones(4, dtype=z.dtype)
    factor[1] = gain * np.exp(1j * turn)
    changed = cross_spectrum(z * factor[:, None], tapers=tapers)
    torch.testing.assert_close(changed, s * factor[:, None] * factor.conj())


def test_the_one_ahead_has_the_larger_phase():
    t = torch.arange(256, dtype=torch.float64) / SFREQ
    x = torch.stack([torch.sin(2 * math.pi * 10 * (t + 0.01)), torch.sin(2 * math.pi * 10 * t)])
    s = cross_spectrum(analytic_signal(x, SFREQ, band=(8, 13)))
    assert s[0, 1].angle() == pytest.approx(2 * math.pi * 10 * 0.01)


def test_diagonal_is_the_power_of_mne(eegmat):
    x, freqs = eegmat[:2], np.array([10.0, 21.0])
    kinds = [
        (morlet_transform, tfr_array_morlet, {"zero_mean": False}),
        (multitaper_transform, tfr_array_multitaper, {"time_bandwidth": 4.0}),
    ]
    for transform, theirs, options in kinds:
        power = theirs(x, 500.0, freqs, n_cycles=7.0, output="power", verbose="error", **options)
        for k, z in enumerate(transform(torch.from_numpy(x), sfreq=500.0, freqs=freqs, n_cycles=7.0)):
            s = cross_spectrum(z, tapers=z.ndim == 4)
            found = s.diagonal(dim1=-2, dim2=-1).real
            np.testing.assert_allclose(found, power[:, :, k].mean(axis=-1), rtol=1e-10)


@pytest.mark.parametrize("options", SEGMENTS)
def test_welch_agrees_with_scipy(options):
    x = noise(1)
    s, freqs = welch_cross_spectrum(torch.from_numpy(x), sfreq=SFREQ, **options)
    np.testing.assert_allclose(s, [scipy_welch(w, **options) for w in x], atol=1e-10)
    np.testing.assert_allclose(freqs, np.fft.rfftfreq(options["n_per_segment"], 1 / SFREQ))
    assert torch.equal(s, s.mH)


def test_welch_agrees_with_scipy_on_a_real_recording(eegmat):
    options = {"n_per_segment": 250, "n_overlap": 125, "window": "hann", "detrend": "constant"}
    x = eegmat[:2, :6]
    s, _ = welch_cross_spectrum(torch.from_numpy(x), sfreq=SFREQ, **options)
    expected = np.array([scipy_welch(w, **options) for w in x])
    np.testing.assert_allclose(s, expected, atol=1e-9)
    single, freqs = welch_cross_spectrum(torch.from_numpy(x).float(), sfreq=SFREQ, **options)
    assert single.dtype == torch.complex64
    assert freqs.dtype == torch.float32
    np.testing.assert_allclose(single, expected, atol=1e-5 * abs(expected).max())


def test_defaults_are_those_of_scipy():
    x = noise(2)[0]
    s, _ = welch_cross_spectrum(torch.from_numpy(x), sfreq=SFREQ, n_per_segment=64)
    np.testing.assert_allclose(s[:, 0, 1], csd(x[1], x[0], fs=SFREQ, nperseg=64)[1], atol=1e-12)


def test_window_as_weights():
    x = torch.from_numpy(noise(3))
    named, _ = segment_spectra(x, sfreq=SFREQ, n_per_segment=64, window="hamming")
    weights = get_window("hamming", 64)
    for given_ in (weights, 3 * weights, list(weights), torch.from_numpy(weights)):
        z, _ = segment_spectra(x, sfreq=SFREQ, n_per_segment=64, window=given_)
        torch.testing.assert_close(z, named)


def test_segments_multiply_out_to_the_cross_spectrum():
    x = torch.from_numpy(noise(4))
    z, freqs = segment_spectra(x, sfreq=SFREQ, n_per_segment=64, n_overlap=32)
    assert z.shape == (2, 33, 3, 8)
    assert len(freqs) == 33
    s = segment_cross_spectra(z)
    assert s.shape == (2, 33, 8, 3, 3)
    torch.testing.assert_close(s[0, 5, 2, 0, 1], z[0, 5, 0, 2] * z[0, 5, 1, 2].conj())
    torch.testing.assert_close(s.mean(dim=-3), cross_spectrum(z))


@pytest.mark.parametrize("detrend", ["constant", "linear"])
def test_a_constant_channel_has_no_signal(detrend):
    x = torch.from_numpy(noise(5)).float()
    x[:, 1] = 12345.678
    s, _ = welch_cross_spectrum(x, sfreq=SFREQ, n_per_segment=60, detrend=detrend)
    assert torch.count_nonzero(s[..., 1, :]) == 0
    assert torch.count_nonzero(s[:, 1:, 0, 0]) == s[:, 1:, 0, 0].numel()


def test_any_leading_batch():
    x = torch.from_numpy(noise(6, (6, 3, 100)))
    whole, _ = welch_cross_spectrum(x, sfreq=SFREQ, n_per_segment=32)
    parts, _ = welch_cross_spectrum(x.reshape(2, 3, 3, 100), sfreq=SFREQ, n_per_segment=32)
    one, _ = welch_cross_spectrum(x[0], sfreq=SFREQ, n_per_segment=32)
    torch.testing.assert_close(parts, whole.reshape(2, 3, 17, 3, 3))
    torch.testing.assert_close(one, whole[0])


@pytest.mark.parametrize("detrend", ["constant", "linear", False])
def test_gradient(detrend):
    x = torch.from_numpy(noise(7, (2, 2, 12))).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda v: welch_cross_spectrum(v, sfreq=SFREQ, n_per_segment=6, detrend=detrend)[0], x
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_per_segment": 1}, "n_per_segment: 1; allowed: whole samples, 2 to 300"),
        ({"n_per_segment": 301}, "n_per_segment: 301; allowed"),
        ({"n_per_segment": 64.0}, "n_per_segment: 64.0; allowed"),
        ({"n_overlap": 64}, "n_overlap: 64; allowed: whole samples, 0 to 63"),
        ({"n_overlap": -1}, "n_overlap: -1; allowed"),
        ({"n_overlap": 0.5}, "n_overlap: 0.5; allowed"),
        ({"window": "henning"}, "window: 'henning' .*; give a name"),
        ({"window": [1.0, 1.0]}, r"window: weights of shape \(2,\); give 64"),
        ({"window": [0.0] * 64}, "window: weights of .* not all 0"),
        ({"window": [math.nan] * 64}, "window: weights of .* finite"),
        ({"detrend": "mean"}, "detrend: 'mean'; allowed: 'constant', 'linear', False"),
        ({"detrend": 0}, "detrend: 0; allowed"),
        ({"sfreq": -1}, "sfreq: -1 is not a sampling rate"),
    ],
)
def test_impossible_segments(options, message):
    with pytest.raises(EegdaeError, match=message):
        welch_cross_spectrum(
            torch.from_numpy(noise(8)), **{"sfreq": SFREQ, "n_per_segment": 64, "n_overlap": 32} | options
        )


@pytest.mark.parametrize("function", [cross_spectrum, segment_cross_spectra])
def test_real_signals_are_refused(function):
    with pytest.raises(EegdaeError, match=r"z: values of type torch.float32; allowed: complex signals"):
        function(torch.zeros(3, 4))


def test_exactly_hermitian_where_the_matrix_product_is_not():
    z = complex_noise(9, (40, 7, 513))  # where the two triangles are rounded apart
    s = cross_spectrum(z)
    assert torch.equal(s, s.mH)
