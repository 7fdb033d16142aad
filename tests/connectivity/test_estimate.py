import importlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch

import eegdae.connectivity
from eegdae.connectivity import (
    EEG_BANDS,
    MEASURES,
    analytic_signal,
    connectivity,
    estimate,
    log_power,
    pearson,
    plv,
)
from eegdae.errors import EegdaeError

BANDS = {"theta": (4, 8), "alpha": (8, 13)}
ALL = ("pearson", "plv", "power")
EVERY = [(name, e) for name, m in MEASURES.items() for e in m.estimators if e != "filter_hilbert"]


def noise(seed=0, shape=(5, 3, 256)):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.fixture(scope="module")
def eegmat():
    """Windows of 2 s of one person's recording, (30, 19, 1000), microvolt."""
    root = os.environ.get("EEGDAE_DATA_DIR")
    path = Path(root or ".") / "eegmat" / "Subject00_1.edf"
    if root is None or not path.exists():
        pytest.skip("EEGDAE_DATA_DIR has no eegmat")
    mne = importlib.import_module("mne")
    raw = mne.io.read_raw_edf(path, verbose="error")
    names = [name for name in raw.ch_names if "A2" not in name and "ECG" not in name]
    x = raw.get_data(picks=names, stop=30_000) * 1e6
    assert raw.info["sfreq"] == 500
    assert x.shape[0] == 19
    return np.ascontiguousarray(x.reshape(19, 30, 1000).swapaxes(0, 1))


def test_every_entry_is_the_measure_of_its_band():
    x = noise()
    c = connectivity(x, sfreq=128, bands=BANDS, measures=ALL)
    assert c.shape == (5, 3, 2, 3, 3)
    for k, band in enumerate(BANDS.values()):
        z = analytic_signal(torch.from_numpy(x), 128, band=band)
        np.testing.assert_allclose(c[:, 0, k], pearson(z.real), atol=1e-12)
        np.testing.assert_allclose(c[:, 1, k], plv(z), atol=1e-12)
        np.testing.assert_allclose(c[:, 2, k], torch.diag_embed(log_power(z)), atol=1e-12)


def test_measures_come_in_the_order_asked_for():
    x = noise()
    c = connectivity(x, sfreq=128, bands=BANDS, measures=ALL)
    assert np.array_equal(connectivity(x, sfreq=128, bands=BANDS, measures=ALL[::-1]), c[:, ::-1])
    assert np.array_equal(connectivity(x, sfreq=128, bands=BANDS), c[:, 1:2])


@pytest.mark.parametrize("block_bytes", [1, 40_000, 2**30])
def test_blocks_do_not_show(monkeypatch, block_bytes):
    x = noise(shape=(23, 3, 200))
    whole = connectivity(x, sfreq=100, bands=BANDS, measures=ALL)
    monkeypatch.setattr(estimate, "_CPU_BLOCK", block_bytes)
    np.testing.assert_allclose(connectivity(x, sfreq=100, bands=BANDS, measures=ALL), whole, atol=1e-13)


@pytest.mark.parametrize(
    ("given", "got"),
    [
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.float16, np.float32),
        (np.int16, np.float32),
        (np.int64, np.float32),
        (">f4", np.float32),
        (">f8", np.float64),
    ],
)
def test_kinds_of_arrays(given, got):
    x = (noise() * 100).round()
    c = connectivity(x.astype(given), sfreq=128, bands=BANDS)
    assert isinstance(c, np.ndarray)
    assert c.dtype == got
    np.testing.assert_allclose(c, connectivity(x, sfreq=128, bands=BANDS), atol=1e-5)


@pytest.mark.parametrize(
    ("given", "got"),
    [
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
        (torch.float16, torch.float32),
        (torch.int32, torch.float32),
    ],
)
def test_kinds_of_tensors(given, got):
    x = (noise() * 100).round()
    c = connectivity(torch.from_numpy(x).to(given), sfreq=128, bands=BANDS)
    assert isinstance(c, torch.Tensor)
    assert c.dtype == got
    np.testing.assert_allclose(c, connectivity(x, sfreq=128, bands=BANDS), atol=1e-5)


def test_reads_a_memory_map_that_cannot_be_written(tmp_path):
    x = noise().astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    stored = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.array_equal(
        connectivity(stored, sfreq=128, bands=BANDS), connectivity(x, sfreq=128, bands=BANDS)
    )


def test_leaves_its_input_alone():
    x = noise()
    kept = x.copy()
    connectivity(x, sfreq=128, bands=BANDS, measures=ALL)
    assert np.array_equal(x, kept)


def test_no_windows():
    assert connectivity(noise()[:0], sfreq=128, bands=BANDS, measures=ALL).shape == (0, 3, 2, 3, 3)


def test_gradient_reaches_the_signal():
    x = torch.from_numpy(noise(shape=(2, 3, 20))).requires_grad_()
    off = ~torch.eye(3, dtype=torch.bool)
    assert torch.autograd.gradcheck(
        lambda v: connectivity(v, sfreq=20, bands={"b": (1, 8)}, measures=ALL)[:, :2, :, off], x
    )


def test_gain_of_a_channel_changes_its_power_alone():
    x = noise()
    louder = x.copy()
    louder[:, 1] *= 10
    c, d = (connectivity(v, sfreq=128, bands=BANDS, measures=ALL) for v in (x, louder))
    c[:, 2, :, 1, 1] += 2 * np.log(10)
    np.testing.assert_allclose(d, c, atol=1e-12)


def test_channels_can_change_places():
    x = noise()
    order = [2, 0, 1]
    c, d = (connectivity(v, sfreq=128, bands=BANDS, measures=ALL) for v in (x, x[:, order]))
    np.testing.assert_allclose(d, c[..., order, :][..., order], atol=1e-12)


def test_real_recording(eegmat):
    c = connectivity(eegmat, sfreq=500, bands=EEG_BANDS, measures=ALL)
    assert np.isfinite(c).all()
    assert np.array_equal(c, np.swapaxes(c, -1, -2))
    assert np.abs(c[:, 0]).max() <= 1
    assert c[:, 1].min() >= 0
    assert c[:, 1].max() <= 1
    # What any resting EEG shows: power falls with frequency, and channels lock more than noise does (.24).
    power = c[:, 2].diagonal(axis1=-2, axis2=-1).mean(0)  # (6, 19)
    assert (power[0] > power[5]).all()
    upper = np.triu_indices(19, k=1)
    assert np.median(c[:, 1, 2][:, *upper]) > 0.25
    single = connectivity(eegmat.astype(np.float32), sfreq=500, bands=EEG_BANDS, measures=ALL)
    np.testing.assert_allclose(single[:, :2], c[:, :2], atol=1e-5)
    np.testing.assert_allclose(single[:, 2], c[:, 2], atol=1e-4)


def test_the_package_is_the_function():
    x = noise()
    assert np.array_equal(
        eegdae.connectivity(x, sfreq=128, bands=BANDS), connectivity(x, sfreq=128, bands=BANDS)
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_the_first_value_that_is_not_finite_is_named(monkeypatch, value, kind):
    monkeypatch.setattr(estimate, "_CPU_BLOCK", 1)
    x = noise()
    x[3, 2, 7:] = value
    x[4] = np.nan
    said = "NaN" if np.isnan(value) else "infinite"
    with pytest.raises(EegdaeError, match=rf"x: {said} in window 3, channel 2, sample 7;"):
        connectivity(kind(x), sfreq=128, bands=BANDS)


def test_large_finite_values_are_let_through():
    x = np.abs(noise() * 3e35).astype(np.float32)  # finite, but their sum is not
    assert np.isfinite(connectivity(x, sfreq=128, bands=BANDS)).all()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"measures": ["pvl"]}, "measures: unknown measure 'pvl'; did you mean 'plv'"),
        ({"measures": [3]}, "measures: unknown measure 3; known: ciplv, coherence, "),
        ({"measures": "plv"}, r"measures: 'plv' is one string; give a list of names: \[plv\]"),
        ({"measures": []}, "measures: the list is empty"),
        ({"measures": None}, "measures: None; give a list of names"),
        ({"x": [[1.0]]}, "x: a list; give an ndarray or a tensor"),
        ({"floor": "fase"}, "floor: unknown way 'fase'; did you mean 'phase'"),
        ({"measures": ["plv", "plv"]}, "names one twice"),
        ({"estimator": "hilbrt"}, "estimator: unknown estimator 'hilbrt'; did you mean 'hilbert'"),
        ({"bands": {"alpha": (8, 80)}}, "bands.alpha: .* above half the sampling rate, 64 Hz"),
        ({"bands": {"alpha": (8, 8.4)}}, "bands.alpha: .* holds 1 of .* needs 2"),
        ({"sfreq": 0}, "sfreq: 0 is not"),
        ({"x": noise()[0]}, r"x: shape \(3, 256\); expected three dimensions"),
        ({"x": noise().astype(complex)}, "x: values of type complex128; allowed: real"),
        (
            {"x": torch.ones(2, 3, 256, dtype=torch.complex64)},
            "x: values of type torch.complex64; allowed: real",
        ),
        ({"x": noise().astype(str)}, "x: values of type <U.*; allowed: real"),
        ({"x": noise()[:, :1]}, "measures: 'plv' needs two channels or more and there is 1; use power"),
    ],
)
def test_bad_input(changed, said):
    arguments = {"x": noise(), "sfreq": 128, "bands": BANDS, "measures": ("plv",)} | changed
    with pytest.raises(EegdaeError, match=said) as caught:
        connectivity(arguments.pop("x"), **arguments)
    assert "\n" not in str(caught.value)


def test_one_channel_has_power_and_one_bin_has_a_correlation():
    assert connectivity(noise()[:, :1], sfreq=128, bands=BANDS, measures=["power"]).shape == (5, 1, 2, 1, 1)
    bands = {"ten": (10, 10)}
    c = connectivity(noise(), sfreq=128, bands=bands, measures=["power", "pearson"])
    assert np.abs(c[:, 1, 0, 0, 1]).max() < 1


def call(x, name, estimator, **options):
    if estimator in ("morlet", "multitaper"):
        options = {"freqs": [6, 7, 8, 9, 10], "n_cycles": 5} | options
    return connectivity(
        x, **{"sfreq": 128, "bands": BANDS, "measures": [name], "estimator": estimator, "order": 3} | options
    )


@pytest.mark.parametrize(
    ("name", "estimator"), [(n, e) for n, e in EVERY if e != "hilbert" and n != "phase_slope_index"]
)
def test_a_band_is_the_mean_over_its_frequencies(name, estimator):
    """Of those estimators that have frequencies; the same frequencies without bands are the oracle."""
    x = noise(shape=(3, 4, 256))
    banded = call(x, name, estimator)
    each = call(x, name, estimator, bands=None)
    freqs = np.array([6, 7, 8, 9, 10.0] if estimator != "welch" else np.arange(1, 33) * 2.0)
    for k, (lo, hi) in enumerate(BANDS.values()):
        inside = (freqs >= lo) & (freqs <= hi)
        np.testing.assert_allclose(banded[:, :, k], each[:, :, inside].mean(axis=2), atol=1e-12)


@pytest.mark.parametrize(("name", "estimator"), EVERY)
def test_blocks_and_precision_do_not_show(monkeypatch, name, estimator):
    x = noise(shape=(7, 3, 256))
    whole = call(x, name, estimator)
    monkeypatch.setattr(estimate, "_CPU_BLOCK", 30_000)
    np.testing.assert_allclose(call(x, name, estimator), whole, atol=1e-12)
    np.testing.assert_allclose(call(x, name, estimator, max_memory=1), whole, atol=1e-12)
    single = call(x.astype(np.float32), name, estimator)
    assert single.dtype == np.float32
    # a sign has no precision: one of 256 samples, or one of 7 segments, may fall to the other side
    tolerance = {"pli": 0.02, "dpli": 0.01, "ciplv": 1e-3, "lagged_coherence": 1e-3}.get(name, 1e-4)
    np.testing.assert_allclose(single, whole, atol=tolerance)


def test_a_frequency_in_two_bands_counts_in_both():
    x = noise()
    c = connectivity(
        x, sfreq=128, bands={"a": (8, 10), "b": (10, 12)}, estimator="morlet", freqs=[9, 10, 11], n_cycles=4
    )
    each = connectivity(x, sfreq=128, estimator="morlet", freqs=[9, 10, 11], n_cycles=4)[:, 0]
    np.testing.assert_allclose(c[:, 0, 0], each[:, :2].mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(c[:, 0, 1], each[:, 1:].mean(axis=1), atol=1e-12)


def test_wavelets_longer_than_the_window_are_refused():
    with pytest.raises(EegdaeError, match="freqs: the wavelet of 4 Hz has 357 samples and the window 256"):
        connectivity(noise(), sfreq=128, bands=BANDS, estimator="morlet")


def test_a_file_gets_what_memory_gets(tmp_path):
    x = noise()
    expected = connectivity(x, sfreq=128, bands=BANDS, measures=ALL)
    found = connectivity(x, sfreq=128, bands=BANDS, measures=ALL, out=tmp_path / "c.npy")
    assert isinstance(found, np.memmap)
    assert not found.flags.writeable
    assert np.array_equal(found, expected)
    assert np.array_equal(np.load(tmp_path / "c.npy"), expected)
    assert [path.name for path in tmp_path.iterdir()] == ["c.npy"]
    assert connectivity(x[:0], sfreq=128, bands=BANDS, out=tmp_path / "c.npy").shape == (0, 1, 2, 3, 3)


def test_an_array_gets_what_memory_gets(tmp_path):
    x = noise()
    expected = connectivity(x, sfreq=128, bands=BANDS)
    mapped = np.lib.format.open_memmap(tmp_path / "c.npy", mode="w+", dtype=float, shape=expected.shape)
    assert connectivity(x, sfreq=128, bands=BANDS, out=mapped) is mapped
    assert np.array_equal(mapped, expected)
    with pytest.raises(EegdaeError, match=r"out: shape \(5, 1, 1, 3, 3\) of float64; this result needs"):
        connectivity(x, sfreq=128, bands=BANDS, out=mapped[:, :, :1])


def test_what_fails_leaves_no_file_and_the_old_one_as_it_was(tmp_path):
    path = tmp_path / "c.npy"
    np.save(path, np.arange(3))
    x = noise()
    x[-1, 0, 0] = np.nan
    with pytest.raises(EegdaeError, match="x: NaN in window 4"):
        connectivity(x, sfreq=128, bands=BANDS, out=path, max_memory=1)
    assert np.array_equal(np.load(path), np.arange(3))
    assert [p.name for p in tmp_path.iterdir()] == ["c.npy"]
    with pytest.raises(EegdaeError, match=r"out: .* the name of a .npy file is needed"):
        connectivity(noise(), sfreq=128, bands=BANDS, out=tmp_path / "c.h5")
    with pytest.raises(EegdaeError, match=r"out: .* there is no folder"):
        connectivity(noise(), sfreq=128, bands=BANDS, out=tmp_path / "none" / "c.npy")


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_a_masked_channel_has_no_edges_and_the_others_keep_theirs(kind):
    x, measures = noise(shape=(5, 4, 256)), ["plv", "pearson", "power", "coherence", "wpli"]
    options = {"sfreq": 128, "bands": BANDS, "measures": measures}
    expected = connectivity(x, **options)
    mask = np.ones(x.shape, dtype=bool)
    mask[2, 1, 100] = False
    x[2, 1, 100] = np.nan
    found = np.asarray(connectivity(kind(x), mask=kind(mask), **options))
    gone = np.zeros((5, 5, 2, 4, 4), dtype=bool)
    gone[2, :, :, 1, :] = gone[2, :, :, :, 1] = True
    assert np.array_equal(np.isnan(found), gone)
    np.testing.assert_allclose(found[~gone], expected[~gone], atol=1e-12)
    with pytest.raises(EegdaeError, match=r"x: NaN in window 2, channel 1, sample 100; .* or give mask="):
        connectivity(kind(x), **options)
    with pytest.raises(EegdaeError, match=r"mask: shape \(5, 4\) of .*bool; expected \(5, 4, 256\) of bool"):
        connectivity(kind(x), mask=kind(mask.all(-1)), **options)


@pytest.mark.parametrize(("name", "estimator"), EVERY)
def test_equal_channels_and_a_constant_one_are_defined(name, estimator):
    x = noise(shape=(2, 4, 256))
    x[:, 1] = 2 * x[:, 0]
    x[:, 2] = 3.0
    if name in ("granger", "dtf", "pdc", "partial_correlation"):
        estimators = {"covariance_estimator": "empirical"} if name == "partial_correlation" else {}
        with pytest.raises(EegdaeError, match=r"depend on one another|dependent|linear combination"):
            call(x, name, estimator, **estimators)
        return
    c = call(x, name, estimator)
    assert np.isfinite(c).all()
    equal = {
        "pearson": 1, "spearman": 1, "cross_correlation": 1, "cross_correlation_lag": 0, "coherence": 1,
        "envelope_correlation": 0, "plain_envelope_correlation": 1, "imaginary_coherence": 0,
        "lagged_coherence": 0, "plv": 1, "ciplv": 0, "pli": 0, "dpli": 0.5, "wpli": 0, "debiased_wpli": 0,
        "ppc": 1, "phase_slope_index": 0, "spectral_correlation": 1, "power": 0,
    }  # fmt: skip
    if name in equal:
        np.testing.assert_allclose(c[..., 0, 1], equal[name], atol=1e-7)
        np.testing.assert_allclose(c[..., 2, 0], 0.5 if name == "dpli" else 0, atol=1e-12)


@pytest.mark.parametrize(
    "name", ["plv", "wpli", "coherence", "granger", "envelope_correlation", "covariance"]
)
def test_integers_and_read_only_input(name):
    x = (noise() * 100).astype(np.int16)
    x.flags.writeable = False
    np.testing.assert_allclose(
        call(x, name, "hilbert"), call(x.astype(np.float64), name, "hilbert"), rtol=2e-4, atol=2e-5
    )


def test_directed_measures_together_are_what_each_is_alone():
    x, names = noise(shape=(3, 4, 256)), ["dtf", "granger", "pdc"]
    together = connectivity(x, sfreq=128, bands=BANDS, measures=names, order=3)
    for k, name in enumerate(names):
        assert np.array_equal(together[:, k], call(x, name, "hilbert")[:, 0])
