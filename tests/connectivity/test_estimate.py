import importlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch

import eegdae.connectivity
from eegdae.connectivity import EEG_BANDS, analytic_signal, connectivity, estimate, log_power, pearson, plv
from eegdae.errors import EegdaeError

BANDS = {"theta": (4, 8), "alpha": (8, 13)}
ALL = ("pearson", "plv", "power")


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
    with pytest.raises(EegdaeError, match=f"x: {said} in window 3, channel 2, sample 7;"):
        connectivity(kind(x), sfreq=128, bands=BANDS)


def test_large_finite_values_are_let_through():
    x = np.abs(noise() * 3e35).astype(np.float32)  # finite, but their sum is not
    assert np.isfinite(connectivity(x, sfreq=128, bands=BANDS)).all()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"measures": ["pvl"]}, "measures: unknown measure 'pvl'; did you mean 'plv'"),
        ({"measures": [3]}, "measures: unknown measure 3; known: pearson, plv, power"),
        ({"measures": "plv"}, r"measures: 'plv' is one string; give a list of names: \[plv\]"),
        ({"measures": []}, "measures: the list is empty"),
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
