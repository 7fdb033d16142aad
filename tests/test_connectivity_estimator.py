import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import eegdae.estimators.connectivity
from eegdae.connectivity import EEG_BANDS, connectivity, vectorize
from eegdae.errors import EegdaeError
from eegdae.estimators import Connectivity

BANDS = {"theta": (4, 8), "alpha": (8, 13)}


def windows(n=12, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 4, 256))


@pytest.fixture
def model():
    return Connectivity(bands=BANDS, sfreq=128).fit(windows())


def test_features_are_the_vectors_of_the_matrices(model):
    x = windows()
    c = connectivity(x, sfreq=128, bands=BANDS, measures=("power", "plv"))
    f = model.transform(x)
    assert f.dtype == np.float32
    assert f.shape == (12, 8 + 12)
    np.testing.assert_allclose(f[:, :8], vectorize(c[:, 0], "power"), rtol=1e-6)
    np.testing.assert_allclose(f[:, 8:], vectorize(c[:, 1], "plv"), rtol=1e-5, atol=1e-6)


def test_inverse_gives_the_matrices(model):
    x = windows()
    c = connectivity(x, sfreq=128, bands=BANDS, measures=("power", "plv"))
    back = model.inverse_transform(model.transform(x))
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, c, atol=2e-6)


def test_many_windows_go_in_blocks(monkeypatch, model):
    x = windows()
    whole = model.transform(x)
    monkeypatch.setattr(eegdae.estimators.connectivity, "_MATRICES", 5 * 4 * 2 * 2 * 16)
    np.testing.assert_allclose(model.transform(x), whole, rtol=1e-6, atol=1e-6)


def test_fitted_attributes(model):
    assert model.n_features_in_ == model.n_chans_ == 4
    assert model.n_times_ == 256
    assert model.measures_ == ("power", "plv")
    assert model.bands_ == {"theta": (4.0, 8.0), "alpha": (8.0, 13.0)}


def test_init_only_stores_and_fit_changes_no_parameter():
    bands, measures = {"alpha": [8, 13]}, ["plv"]
    model = Connectivity(measures, bands, sfreq=128)
    assert model.bands is bands
    assert model.measures is measures
    before = dict(model.get_params())
    model.fit(windows())
    assert model.get_params() == before
    assert not [name for name in vars(Connectivity()) if name.endswith("_")]


def test_clone_set_params_pickle(model):
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        twin.transform(windows())
    twin.set_params(measures=("pearson",)).fit(windows())
    assert twin.transform(windows()).shape == (12, 12)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.transform(windows()), model.transform(windows()))
    assert repr(model).startswith("Connectivity(")


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.transform(windows()),
        lambda m: m.inverse_transform(np.zeros((1, 20))),
        lambda m: m.get_feature_names_out(),
    ],
)
def test_not_fitted(call):
    with pytest.raises(NotFittedError):
        call(Connectivity(bands=BANDS, sfreq=128))


def test_names(model):
    names = model.get_feature_names_out(["O1", "O2", "Cz", "Fz"])
    assert names.shape == (20,)
    assert names[0] == "power|theta|O1"
    assert names[8] == "plv|theta|O1-O2"
    assert model.get_feature_names_out()[-1] == "plv|alpha|x2-x3"
    with pytest.raises(EegdaeError, match="input_features: 2 names for 4 channels"):
        model.get_feature_names_out(["O1", "O2"])


def test_set_output(model):
    frame = model.set_output(transform="pandas").transform(windows())
    assert list(frame.columns) == list(model.get_feature_names_out())
    assert np.array_equal(frame.to_numpy(), model.set_output(transform="default").transform(windows()))


def test_default_bands_are_the_six_of_eeg():
    model = Connectivity(sfreq=128).fit(windows())
    assert list(model.bands_) == list(EEG_BANDS)


def test_finds_coupling_in_a_pipeline():
    """Two classes that differ in nothing but the lagged coupling of two channels."""
    x = windows(n=120, seed=1)
    y = np.arange(120) % 2
    x[y == 1, 1] = np.roll(x[y == 1, 0], 3, axis=-1) + 0.7 * x[y == 1, 1]
    x /= x.std(axis=-1, keepdims=True)
    pipe = make_pipeline(
        Connectivity(measures=("plv",), bands=BANDS, sfreq=128), StandardScaler(), LogisticRegression()
    )
    assert cross_val_score(pipe, x, y, cv=4).mean() > 0.85
    assert cross_val_score(pipe, x, np.random.default_rng(0).permutation(y), cv=4).mean() < 0.7
    assert pipe.fit(x, y)[:-1].get_feature_names_out()[0] == "plv|theta|x0-x1"


def test_takes_tensors_and_memory_maps(tmp_path, model):
    x = windows().astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    expected = model.transform(x)
    assert np.array_equal(model.transform(torch.from_numpy(x)), expected)
    assert np.array_equal(model.transform(np.load(tmp_path / "x.npy", mmap_mode="r")), expected)


def test_no_windows_to_transform(model):
    assert model.transform(windows()[:0]).shape == (0, 20)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sfreq": None}, r"sfreq: None; give the sampling rate .*Connectivity\(sfreq=\.\.\.\)"),
        ({"measures": ("power", "pvl")}, "unknown measure 'pvl'; did you mean 'plv'"),
        ({"estimator": "welsh"}, "unknown estimator 'welsh'; did you mean 'welch'"),
        ({"estimator": "filter_hilbert"}, "filters a recording before it is cut, and these are windows"),
        ({"n_cycles": 3}, "n_cycles: an option of morlet and multitaper, not of estimator='hilbert'"),
        ({"diagonal": True}, "diagonal: True, and 'power' has a diagonal of its own"),
        ({"measures": ("granger",)}, "order: None; 'granger' needs the samples of the past"),
        ({"bands": {"alpha": (8, 80)}}, "bands.alpha: .* above half"),
        ({"bands": {}}, "bands: {}; give at least one"),
    ],
)
def test_bad_settings_are_refused_by_fit(changed, said):
    model = Connectivity(**{"bands": BANDS, "sfreq": 128} | changed)
    with pytest.raises(EegdaeError, match=said):
        model.fit(windows())


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (windows()[0], r"X: shape \(4, 256\); expected three dimensions"),
        (windows()[:0], "holds no windows"),
        (windows()[:, :1], "'plv' needs two channels"),
    ],
)
def test_bad_windows_are_refused_by_fit(x, said):
    with pytest.raises(EegdaeError, match=said):
        Connectivity(bands=BANDS, sfreq=128).fit(x)


def test_bad_windows_are_refused_by_transform(model):
    with pytest.raises(
        EegdaeError, match="windows of 3 channels and 256 samples; fitted on 4 channels and 256"
    ):
        model.transform(windows()[:, :3])
    with pytest.raises(EegdaeError, match="windows of 4 channels and 128 samples"):
        model.transform(windows()[..., :128])
    x = windows()
    x[2, 1, 0] = np.nan
    with pytest.raises(EegdaeError, match="NaN in window 2, channel 1"):
        model.transform(x)
    with pytest.raises(EegdaeError, match=r"X: shape \(3, 19\); expected \(n_windows, 20\)"):
        model.inverse_transform(np.zeros((3, 19)))
