import numpy as np
import pytest
import torch
from scipy.stats import kstest

from eegdae.connectivity import (
    analytic_signal,
    circularly_shifted,
    coherency,
    cross_spectrum,
    envelope_correlation,
    phase_randomized,
    plv,
)
from eegdae.errors import EegdaeError

BOTH = pytest.mark.parametrize("surrogate", [phase_randomized, circularly_shifted])


def noise(seed=0, shape=(5, 3, 128)):
    return np.random.default_rng(seed).normal(size=shape)


def phases(x):
    return np.angle(np.fft.rfft(x))


def alpha_plv(x):
    return float(plv(analytic_signal(torch.from_numpy(x), 128, band=(8, 13)))[:, 0, 1].mean())


@BOTH
@pytest.mark.parametrize("n_times", [2, 127, 128])
def test_amplitude_spectra_stay(surrogate, n_times):
    x = noise(shape=(5, 3, n_times)) + 7
    s = surrogate(x, seed=1)
    assert s.shape == x.shape
    assert np.isrealobj(s)
    np.testing.assert_allclose(np.abs(np.fft.rfft(s)), np.abs(np.fft.rfft(x)), atol=1e-10)
    np.testing.assert_allclose(s.mean(axis=-1), x.mean(axis=-1), atol=1e-12)


def test_amplitude_spectra_of_a_real_recording_stay(eegmat):
    for surrogate in (phase_randomized, circularly_shifted):
        s = surrogate(eegmat, seed=0)
        np.testing.assert_allclose(np.abs(np.fft.rfft(s)), np.abs(np.fft.rfft(eegmat)), atol=1e-8)
        assert np.abs(s - eegmat).max() > 1


def test_phases_are_uniform_and_independent_from_bin_to_bin_and_channel_to_channel():
    x = np.broadcast_to(noise(shape=(1, 1, 64)), (400, 2, 64))
    turned = np.angle(np.exp(1j * (phases(phase_randomized(x, seed=3)) - phases(x))))[..., 1:-1]
    assert kstest(turned.ravel() / (2 * np.pi) + 0.5, "uniform").pvalue > 0.01
    apart = np.abs(np.exp(1j * (turned[:, 0] - turned[:, 1])).mean())
    neighbours = np.abs(np.exp(1j * np.diff(turned)).mean())
    assert apart < 3 / np.sqrt(turned[:, 0].size)
    assert neighbours < 3 / np.sqrt(turned.size)
    signs = np.fft.rfft(phase_randomized(x, seed=3))[..., -1].real / np.fft.rfft(x)[..., -1].real
    np.testing.assert_allclose(np.abs(signs), 1)
    assert abs(signs.mean()) < 3 / np.sqrt(signs.size)


def test_a_shift_turns_each_channel_by_whole_samples_that_are_uniform():
    x = np.broadcast_to(np.arange(50.0), (2000, 3, 50))
    s = circularly_shifted(x, seed=0)
    shifts = (-s[..., 0]).astype(int) % 50
    assert all(np.array_equal(s[i, c], np.roll(x[i, c], shifts[i, c])) for i in range(20) for c in range(3))
    counts = np.bincount(shifts.ravel(), minlength=50)
    assert ((counts - 120) ** 2 / 120).sum() < 85  # chi square of 49 degrees, p = .001
    assert abs(np.corrcoef(shifts[:, 0], shifts[:, 1])[0, 1]) < 0.07


def test_coupling_of_phases_is_destroyed_and_the_likeness_of_amplitudes_stays():
    shared = noise(shape=(3000, 1, 256))
    copies = np.concatenate([shared, shared], axis=1)
    apart = np.concatenate([shared, noise(shape=(3000, 1, 256), seed=1)], axis=1)
    assert alpha_plv(copies) == 1
    assert alpha_plv(phase_randomized(apart, seed=0)) == pytest.approx(alpha_plv(apart), abs=0.01)
    assert alpha_plv(circularly_shifted(apart, seed=0)) == pytest.approx(alpha_plv(apart), abs=0.01)
    # Equal amplitudes leave half the independent bins: up to sqrt(2) times the floor.
    for surrogate in (phase_randomized, circularly_shifted):
        assert alpha_plv(surrogate(copies, seed=0)) == pytest.approx(0.32, abs=0.015)
    different = np.concatenate([shared[1:], shared[:-1]], axis=1)
    assert alpha_plv(phase_randomized(different, seed=0)) == pytest.approx(0.24, abs=0.01)


def test_a_coupled_slow_modulation_is_destroyed_by_random_phases():
    """Envelopes that wax and wane together are a matter of phases between neighbouring bins."""
    t = np.arange(1024) / 128
    rng = np.random.default_rng(0)
    beat = 1 + np.sin(2 * np.pi * (0.5 * t + rng.uniform(size=(200, 1, 1))))
    x = beat * np.sin(2 * np.pi * (10 * t + rng.uniform(size=(200, 2, 1))))
    before, after = (
        envelope_correlation(analytic_signal(torch.from_numpy(v), 128, band=(8, 13)), orthogonalize=False)[
            :, 0, 1
        ].mean()
        for v in (x, phase_randomized(x, seed=0))
    )
    assert before > 0.9
    assert abs(after) < 0.15


def test_a_rhythm_outlives_a_shift():
    sine = np.sin(2 * np.pi * 10 * np.arange(256) / 128) + 1e-3 * noise(shape=(50, 2, 256))
    assert alpha_plv(circularly_shifted(sine, seed=0)) > 0.99


def test_multivariate_surrogates_keep_the_cross_spectra():
    x = np.array([[1, 0.5], [0.3, 1]]) @ noise(shape=(4, 2, 256))
    x[:, 1] = np.roll(x[:, 1], 5, axis=-1)
    s = phase_randomized(x, seed=0, multivariate=True)
    assert np.abs(s - x).max() > 1
    for band in ((8, 13), (40, 64)):
        kept, before = (
            coherency(cross_spectrum(analytic_signal(torch.from_numpy(v), 128, band=band))) for v in (s, x)
        )
        torch.testing.assert_close(kept, before, atol=1e-10, rtol=0)


@BOTH
def test_a_window_is_a_function_of_its_number_and_the_seed(surrogate):
    x = noise(shape=(2050, 2, 16))
    whole = surrogate(x, seed=4)
    assert np.array_equal(surrogate(x, seed=4), whole)
    for start, stop in ((0, 1), (3, 7), (1000, 1050), (2049, 2050)):
        assert np.array_equal(surrogate(x[start:stop], seed=4, start=start), whole[start:stop])
    assert not np.array_equal(surrogate(x, seed=5)[0], whole[0])
    same = surrogate(np.broadcast_to(x[:1], (2, 2, 16)), seed=4)
    assert not np.array_equal(same[0], same[1])


@BOTH
def test_kinds_of_input(surrogate):
    x = noise()
    for given, got in ((np.float32, np.float32), (np.int16, np.float32), (np.float64, np.float64)):
        s = surrogate(x.astype(given), seed=0)
        assert isinstance(s, np.ndarray)
        assert s.dtype == got
    tensor = torch.from_numpy(x).requires_grad_()
    s = surrogate(tensor, seed=0)
    assert s.dtype == torch.float64
    assert not s.requires_grad
    assert np.array_equal(s, surrogate(x, seed=0))
    np.testing.assert_allclose(surrogate(x.astype(np.float32), seed=0), s, atol=1e-5)
    assert surrogate(x[:0], seed=0).shape == (0, 3, 128)


@BOTH
def test_leaves_its_input_alone_and_a_constant_channel_constant(surrogate):
    x = noise()
    x[:, 1] = 3.5
    kept = x.copy()
    s = surrogate(x, seed=0)
    assert np.array_equal(x, kept)
    np.testing.assert_allclose(s[:, 1], 3.5, atol=1e-12)


@BOTH
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: np.where(np.arange(128) == 5, np.nan, x), "x: NaN or infinite in window 0, channel 0"),
        (lambda x: x[0], r"x: shape \(3, 128\); expected three dimensions"),
        (lambda x: x.astype(complex), "x: values of type complex128; allowed: real"),
    ],
)
def test_bad_input(surrogate, change, said):
    with pytest.raises(EegdaeError, match=said):
        surrogate(change(noise()), seed=0)
