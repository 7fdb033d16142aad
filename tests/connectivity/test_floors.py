import dataclasses
import math
import warnings

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from eegdae.connectivity import (
    EEG_BANDS,
    ShortWindowWarning,
    analytic_signal,
    ciplv,
    connectivity,
    cross_spectrum,
    dpli,
    envelope_correlation,
    estimate,
    floors,
    imaginary_coherence,
    mean_modulus,
    noise_floor,
    phase_randomized,
    pli,
    plv,
    subtract_floor,
    wpli,
)
from eegdae.connectivity.floors import NoiseFloor
from eegdae.errors import EegdaeError

BANDS = {"alpha": (8, 13), "beta": (13, 30)}
ALL = ("pearson", "plv", "power")
OPTIONS = {"sfreq": 128, "bands": BANDS, "measures": ALL}


def noise(seed=0, shape=(40, 3, 256)):
    return np.random.default_rng(seed).normal(size=shape)


def pooled(mean, measures, bands=("alpha",)):
    mean = np.broadcast_to(np.asarray(mean, dtype=float), (len(measures), len(bands)))
    return NoiseFloor(mean, mean, mean, mean, tuple(measures), tuple(bands), "phase", 2)


OF_ALPHA = {
    "plv": plv,
    "ciplv": ciplv,
    "pli": pli,
    "wpli": wpli,
    "imcoh": lambda z: imaginary_coherence(cross_spectrum(z)).abs(),
    "aec": lambda z: envelope_correlation(z, orthogonalize=False),
}


@pytest.mark.parametrize(
    ("seconds", "band", "published"),
    [
        # Published for 1 s: .37 .24 .31 .46 .25, of signals filtered before they were cut. The analytic
        # signal inside the window gives less with the six bins of an inclusive band, and that with five.
        (1, (8, 13), (0.33, 0.22, 0.28, 0.44, 0.24, 0.00)),
        (1, (8, 12), (0.37, 0.24, 0.31, 0.47, 0.26, 0.00)),
        (2, (8, 13), (0.24, 0.16, 0.20, 0.33, 0.17, 0.00)),
        (8, (8, 13), (0.13, 0.08, 0.10, 0.18, 0.09, -0.01)),
    ],
)
def test_published_floors_come_out_of_surrogates(seconds, band, published):
    x = phase_randomized(torch.from_numpy(noise(3, (1500, 3, 128 * seconds))), seed=0)
    z = analytic_signal(x, 128, band=band)
    off = ~torch.eye(3, dtype=torch.bool)
    found = [float(measure(z)[:, off].mean()) for measure in OF_ALPHA.values()]
    np.testing.assert_allclose(found, published, atol=0.015)


@pytest.mark.parametrize("method", ["phase", "shift"])
def test_surrogates_of_flat_noise_agree_with_the_formula(method):
    options = {**OPTIONS, "measures": ("pearson", "plv")}
    found = noise_floor(noise(shape=(60, 6, 256)), method=method, n_surrogates=600, **options)
    formula = noise_floor(None, n_times=256, method="closed_form", **options)
    for field in ("mean", "sd", "modulus", "q95"):
        np.testing.assert_allclose(getattr(found, field), getattr(formula, field), rtol=0.06)
    assert (formula.method, formula.n_surrogates, found.n_surrogates) == ("closed_form", 0, 600)
    assert found.measures == formula.measures == ("pearson", "plv")
    assert found.bands == formula.bands == ("alpha", "beta")
    assert (found.mean[0] == 0).all()


def test_the_floor_is_that_of_the_data_s_spectra():
    a = [1, -2 * 0.97 * math.cos(2 * math.pi * 10 / 128), 0.97**2]
    x = lfilter([1.0], a, noise(1, (1500, 4, 656)))[..., 400:]
    alone = connectivity(x, sfreq=128, bands=BANDS)[:, 0][..., *np.triu_indices(4, k=1)]
    found = noise_floor(x, sfreq=128, bands=BANDS, n_surrogates=1500)
    np.testing.assert_allclose(found.mean[0], alone.mean(axis=(0, 2)), atol=0.01)
    np.testing.assert_allclose(found.q95[0], np.quantile(alone, 0.95, axis=(0, 2)), atol=0.025)


def test_coupling_does_not_reach_the_floor():
    """Channels come from different windows: two copies have the floor of two independent noises."""
    one = noise(shape=(300, 1, 256))
    copies = noise_floor(np.concatenate([one, one], axis=1), sfreq=128, bands=BANDS, n_surrogates=1500)
    np.testing.assert_allclose(copies.mean, [[0.24, 0.135]], atol=0.012)


def test_no_two_channels_of_a_surrogate_share_a_window_where_there_are_enough():
    picked = floors._pick(range(50), 0, shape=(7, 7))
    assert (np.sort(picked, axis=1) == np.arange(7)).all()
    assert floors._pick(range(3), 0, shape=(2, 7)).max() == 1


def test_subtracting_gives_zero_on_independent_noise_and_leaves_coupling():
    x = noise(5, (1500, 3, 256))
    x[:, 1] += x[:, 0]
    floor = noise_floor(x, n_surrogates=400, **OPTIONS)
    c = connectivity(x, **OPTIONS)
    s = subtract_floor(c, floor)
    assert np.abs(s[:, 1, :, 0, 2].mean(axis=0)).max() < 0.01
    assert (s[:, 1, :, 0, 2] < 0).any()
    assert (c[:, 1, :, 0, 1].mean(axis=0) > floor.q95[1]).all()
    assert (s[:, 1, :, 0, 1].mean(axis=0) > 0.3).all()
    np.testing.assert_array_equal(s[:, [0, 2]], c[:, [0, 2]])  # no bias, nothing taken off
    eye = np.eye(3, dtype=bool)
    np.testing.assert_array_equal(s[..., eye], c[..., eye])
    off = s[:, 1][..., ~eye] - c[:, 1][..., ~eye]
    np.testing.assert_allclose(off, np.broadcast_to(-floor.mean[1][:, None], off.shape), atol=1e-15)


def test_five_of_a_hundred_values_of_noise_are_above_the_quantile():
    x = noise(6, (1500, 4, 256))
    floor = noise_floor(x, n_surrogates=1000, **OPTIONS)
    c = connectivity(noise(7, (1500, 4, 256)), **OPTIONS)[:, :2][..., *np.triu_indices(4, k=1)]
    above = (np.abs(c) > floor.q95[:2, :, None]).mean(axis=(0, 3))
    np.testing.assert_allclose(above, 0.05, atol=0.01)


def test_per_pair():
    x = noise(8, (400, 3, 256))
    x[:, 2] = lfilter([1.0], [1, -2 * 0.98 * math.cos(2 * math.pi * 10 / 128), 0.98**2], x[:, 2])
    floor = noise_floor(x, n_surrogates=1000, per_pair=True, **OPTIONS)
    assert floor.mean.shape == floor.q95.shape == (3, 2, 3, 3)
    np.testing.assert_allclose(floor.mean, np.swapaxes(floor.mean, -1, -2), atol=1e-12)
    assert (floor.mean[..., np.eye(3, dtype=bool)] == 0).all()
    whole = noise_floor(x, n_surrogates=1000, **OPTIONS)
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(floor.mean[..., off].mean(axis=-1), whole.mean, atol=1e-12)
    s = subtract_floor(connectivity(x, **OPTIONS), floor)
    assert np.abs(s[:, 1][..., off].mean(axis=0)).max() < 0.02


def test_a_function_of_the_seed_whatever_the_blocks(monkeypatch):
    x = noise()
    first = noise_floor(x, **OPTIONS)
    monkeypatch.setattr(floors, "_BLOCK", 7)
    monkeypatch.setattr(estimate, "_CPU_BLOCK", 1)
    again = noise_floor(torch.from_numpy(x), **OPTIONS)
    other = noise_floor(x, seed=1, **OPTIONS)
    for field in ("mean", "sd", "modulus", "q95"):
        np.testing.assert_allclose(getattr(again, field), getattr(first, field), atol=1e-12)
    assert (other.mean[1] != first.mean[1]).all()
    np.testing.assert_allclose(other.mean, first.mean, atol=0.02)


def test_statistics_of_values_about_a_half():
    """dPLI has no bias: its mean is .5, its modulus and quantile are counted from there."""
    x = phase_randomized(torch.from_numpy(noise(3, (1500, 3, 256))), seed=0)
    c = dpli(analytic_signal(x, 128, band=(8, 13)))[:, None, None]
    values = c[:, 0, 0, 0, 1].numpy()
    modulus = mean_modulus(c, measures=["dpli"])
    assert modulus == pytest.approx(0.5 + np.abs(values - 0.5).mean(), abs=0.003)
    assert modulus == pytest.approx(0.5 + 0.205 / 2, abs=0.005)  # half the floor of PLI
    assert np.array_equal(subtract_floor(c.numpy(), pooled(0.5, ["dpli"])), c)


def test_mean_modulus_is_off_the_diagonal_and_of_absolute_values():
    c = np.broadcast_to(np.array([[9.0, -0.5], [0.1, 9.0]]), (4, 2, 3, 2, 2))
    np.testing.assert_allclose(mean_modulus(c, measures=["pearson", "plv"]), np.full((2, 3), 0.3))


def test_kinds_and_gradients_of_what_is_subtracted_from():
    floor = noise_floor(noise(), **OPTIONS)
    c = torch.from_numpy(connectivity(noise(), **OPTIONS)).requires_grad_()
    s = subtract_floor(c, floor)
    s.sum().backward()
    assert (c.grad == 1).all()
    single = subtract_floor(c.detach().numpy().astype(np.float32), floor)
    assert isinstance(single, np.ndarray)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, s.detach(), atol=1e-6)


def test_real_recording(eegmat):
    floor = noise_floor(eegmat.astype(np.float32), sfreq=500, bands=EEG_BANDS, measures=ALL)
    flat = noise_floor(None, n_times=1000, sfreq=500, bands=EEG_BANDS, measures=ALL, method="closed_form")
    # A falling spectrum and an alpha peak: fewer independent samples than bins.
    assert (floor.mean[1] > flat.mean[1]).all()
    assert floor.mean[1, 2] > 1.1 * flat.mean[1, 2]
    assert (
        floor.mean[1] < mean_modulus(connectivity(eegmat, sfreq=500, bands=EEG_BANDS), measures=["plv"])
    ).all()
    assert (floor.mean[[0, 2]] == 0).all()
    assert (floor.modulus[2] == 0).all()


def test_says_nothing_of_short_windows_a_second_time(monkeypatch):
    def warns(x, **options):
        warnings.warn("short", ShortWindowWarning, stacklevel=1)
        return connectivity(x, **options)

    monkeypatch.setattr(estimate, "connectivity", warns)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        noise_floor(noise(), **OPTIONS)


def test_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        noise_floor(noise(), **OPTIONS).mean = 0


def test_nan_is_named():
    x = noise()
    x[3, 2, 7] = np.nan
    with pytest.raises(
        EegdaeError, match="x: NaN or infinite in window 3, channel 2; allowed: finite values"
    ):
        noise_floor(x, **OPTIONS)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"method": "phases"}, "method: unknown method 'phases'; did you mean 'phase'"),
        ({"x": None}, "x: None, but method='phase' makes surrogates"),
        ({"x": None, "method": "closed_form"}, "n_times: None; give x or"),
        ({"method": "closed_form", "per_pair": True}, "knows bands, not frequencies, and no pairs"),
        ({"method": "closed_form", "measures": ["wpli"]}, "no formula gives the floor of 'wpli'"),
        ({"x": noise()[0]}, r"x: shape \(3, 256\); expected"),
        ({"x": noise()[:0]}, "one window or more"),
        ({"x": noise()[:, :1]}, "x: 1 channel; a floor is one of pairs"),
        (
            {"x": noise()[:2], "measures": ["spectral_correlation"]},
            "as many windows as channels, 3, and there",
        ),
        ({"n_surrogates": 1}, "n_surrogates: 1; allowed: whole numbers of 2"),
        ({"n_surrogates": 20.5}, "n_surrogates: 20.5; allowed"),
        ({"measures": ["pvl"]}, "unknown measure 'pvl'; did you mean 'plv'"),
        ({"bands": {"alpha": (8, 80)}}, "bands.alpha: .* above half"),
    ],
)
def test_bad_input(changed, said):
    arguments = {"x": noise(), **OPTIONS, **changed}
    with pytest.raises(EegdaeError, match=said) as caught:
        noise_floor(arguments.pop("x"), **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(4, 1, 2, 3, 3), (4, 3, 3, 3), (4, 3, 1, 3, 3)])
def test_other_axes_are_refused(shape):
    with pytest.raises(EegdaeError, match=r"c: shape .*; the floor has shape \(3, 2\)"):
        subtract_floor(np.zeros(shape), noise_floor(noise(), **OPTIONS))
    floor = noise_floor(noise(), per_pair=True, **OPTIONS)
    with pytest.raises(EegdaeError, match=r"the floor has shape \(3, 2, 3, 3\)"):
        subtract_floor(np.zeros((4, 3, 2, 5, 5)), floor)
