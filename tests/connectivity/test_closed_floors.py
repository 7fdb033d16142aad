"""Formulas against simulation: independent noise, over lengths, bands, overlaps."""

import math

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from eegdae.connectivity import (
    analytic_signal,
    ciplv,
    coherence,
    cross_spectrum,
    debiased_wpli,
    imaginary_coherence,
    lagged_coherence,
    pearson,
    plv,
    ppc,
    segment_cross_spectra,
    segment_spectra,
)
from eegdae.connectivity.bands import band_bins
from eegdae.connectivity.closed_floors import HILBERT_MEASURES, closed_form, hilbert_moments
from eegdae.errors import EegdaeError

SFREQ = 64
OF_SIGNALS = {
    "plv": plv,
    "ciplv": ciplv,
    "pearson": lambda z: pearson(z.real),
    "coherence": lambda z: coherence(cross_spectrum(z)),
    "imaginary_coherence": lambda z: imaginary_coherence(cross_spectrum(z)),
    "lagged_coherence": lambda z: lagged_coherence(cross_spectrum(z)),
}


def noise(seed, n_times, n_windows=3000):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n_windows, 3, n_times)))


def pairs(c):
    return c[..., [0, 0, 1], [1, 2, 2]].numpy()


@pytest.mark.parametrize("measure", HILBERT_MEASURES)
@pytest.mark.parametrize(
    ("seconds", "band"), [(1, (8, 13)), (1, (4, 8)), (2, (8, 13)), (2, (13, 20)), (8, (8, 13)), (4, (5, 30))]
)
def test_hilbert(measure, seconds, band):
    n_times = SFREQ * seconds
    v = pairs(OF_SIGNALS[measure](analytic_signal(noise(seconds, n_times), SFREQ, band=band)))
    floor = closed_form(measure, band, sfreq=SFREQ, n_times=n_times, estimator="hilbert", options={})
    assert floor.mean == pytest.approx(v.mean(), abs=0.04 * floor.modulus)
    assert floor.modulus == pytest.approx(np.abs(v).mean(), rel=0.03)
    assert floor.sd == pytest.approx(v.std(), rel=0.06)
    assert floor.q95 == pytest.approx(np.quantile(np.abs(v), 0.95), rel=0.06)


@pytest.mark.parametrize("measure", HILBERT_MEASURES)
def test_two_bins(measure):
    v = pairs(OF_SIGNALS[measure](analytic_signal(noise(9, 256), SFREQ, band=(10, 10.25))))
    assert hilbert_moments(measure, 2).modulus == pytest.approx(np.abs(v).mean(), rel=0.04)


def test_many_bins_reach_the_rules_of_thumb():
    n = 2000
    for measure, rule in {
        "plv": 0.9 * math.sqrt(math.pi / (4 * n)),
        "coherence": math.sqrt(math.pi / (4 * n)),
        "imaginary_coherence": 1 / math.sqrt(math.pi * n),
        "lagged_coherence": 1 / math.sqrt(math.pi * n),
    }.items():
        assert hilbert_moments(measure, n).modulus == pytest.approx(rule, rel=0.003)


def test_one_bin_says_nothing():
    for measure in ("coherence", "lagged_coherence"):
        assert hilbert_moments(measure, 1) == (1, 0, 1, 1)


def test_an_alpha_peak_raises_the_floor_above_the_formula():
    pole = 0.97
    a = [1, -2 * pole * math.cos(2 * math.pi * 10 / 128), pole**2]
    x = lfilter([1.0], a, np.random.default_rng(0).normal(size=(3000, 2, 656)))[..., 400:]
    found = plv(analytic_signal(torch.from_numpy(x.copy()), 128, band=(8, 13)))[:, 0, 1].mean()
    assert found == pytest.approx(0.33, abs=0.01)
    assert hilbert_moments("plv", 11).mean == pytest.approx(0.24, abs=0.01)


@pytest.mark.parametrize(
    ("seconds", "length", "shared"), [(8, 64, None), (8, 64, 0), (8, 64, 48), (4, 128, None), (8, 128, 96)]
)
def test_welch(seconds, length, shared):
    n_times, band = SFREQ * seconds, (6, 20)
    z, _ = segment_spectra(noise(1, n_times, 1500), sfreq=SFREQ, n_per_segment=length, n_overlap=shared)
    bins = band_bins(band, sfreq=SFREQ, n_times=length)
    z = z[:, bins.start : bins.stop]
    options = {"n_per_segment": length, "n_overlap": shared}

    def floor(measure):
        return closed_form(measure, band, sfreq=SFREQ, n_times=n_times, estimator="welch", options=options)

    for measure in ("plv", "ciplv", "coherence", "lagged_coherence"):
        found = pairs(OF_SIGNALS[measure](z)).mean()
        assert floor(measure).mean == floor(measure).modulus == pytest.approx(found, rel=0.04)
        assert math.isnan(floor(measure).q95)
    assert floor("imaginary_coherence").mean == 0
    assert math.isnan(floor("imaginary_coherence").modulus)
    s = segment_cross_spectra(z)
    assert floor("ppc").mean == pytest.approx(pairs(ppc(s)).mean(), abs=0.004)
    if shared == 0:
        assert floor("debiased_wpli").mean == 0 == pytest.approx(pairs(debiased_wpli(s)).mean(), abs=0.005)


def test_welch_of_one_frequency_has_its_quantile():
    z, _ = segment_spectra(noise(2, 512), sfreq=SFREQ, n_per_segment=64)
    options = {"n_per_segment": 64}
    for measure in ("coherence", "imaginary_coherence", "plv"):
        v = np.abs(pairs(OF_SIGNALS[measure](z[:, 10])))
        floor = closed_form(measure, (10, 10), sfreq=SFREQ, n_times=512, estimator="welch", options=options)
        assert floor.modulus == pytest.approx(v.mean(), rel=0.03)
        assert floor.q95 == pytest.approx(np.quantile(v, 0.95), rel=0.03)


@pytest.mark.parametrize("estimator", ["hilbert", "morlet", "multitaper", "filter_hilbert", "welch"])
@pytest.mark.parametrize(
    ("measure", "centre"), [("covariance", 0), ("dpli", 0.5), ("phase_slope_index", 0), ("spearman", 0)]
)
def test_what_lies_evenly_about_a_number_has_it_as_its_mean_with_any_estimator(estimator, measure, centre):
    floor = closed_form(measure, (8, 13), sfreq=128, n_times=256, estimator=estimator, options={})
    assert floor.mean == centre
    assert all(math.isnan(v) for v in floor[1:])


@pytest.mark.parametrize(
    ("measure", "estimator", "options"),
    [
        ("wpli", "hilbert", {}),
        ("pli", "hilbert", {}),
        ("ppc", "hilbert", {}),
        ("envelope_correlation", "hilbert", {}),
        ("granger", "hilbert", {"order": 4}),
        ("plv", "filter_hilbert", {}),
        ("plv", "morlet", {}),
        ("coherence", "multitaper", {}),
        ("coherence", "welch", {"n_per_segment": 64, "window": "boxcar"}),
        ("debiased_wpli", "welch", {"n_per_segment": 64}),
    ],
)
def test_no_formula_is_said_with_the_mend(measure, estimator, options):
    with pytest.raises(EegdaeError, match=f"'{measure}' with estimator='{estimator}'; use method=phase"):
        closed_form(measure, (8, 13), sfreq=128, n_times=256, estimator=estimator, options=options)


def test_welch_needs_its_segments():
    with pytest.raises(EegdaeError, match="n_per_segment: None; allowed: whole samples, 2 to 256"):
        closed_form("coherence", (8, 13), sfreq=128, n_times=256, estimator="welch", options={})
