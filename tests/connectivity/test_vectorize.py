import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from eegdae.connectivity import MEASURES, connectivity, feature_names, n_features, unvectorize, vectorize
from eegdae.connectivity.measures import LOGIT
from eegdae.errors import EegdaeError

BANDS = {"theta": (4, 8), "alpha": (8, 13)}


def matrices(measure, seed=0):
    x = np.random.default_rng(seed).normal(size=(6, 4, 256))
    estimator = "hilbert" if "hilbert" in MEASURES[measure].estimators else "welch"
    return connectivity(x, sfreq=128, bands=BANDS, measures=[measure], estimator=estimator, order=3)[:, 0]


@pytest.mark.parametrize("measure", MEASURES)
def test_round_trip(measure):
    c = matrices(measure)
    v = vectorize(c, measure)
    assert v.shape == (6, n_features(measure, n_bands=2, n_chans=4))
    back = unvectorize(v, measure, n_bands=2, n_chans=4)
    np.testing.assert_allclose(vectorize(back, measure), v, atol=1e-12)
    clipped = np.zeros(6, dtype=bool)
    if MEASURES[measure].transform is LOGIT:
        clipped = (np.abs(v) >= np.log(999) - 1e-9).any(axis=1)
    assert clipped.mean() < 0.5
    np.testing.assert_allclose(back[~clipped], c[~clipped], atol=1e-12)


def test_values_and_order():
    r, p, w = (matrices(measure) for measure in ("pearson", "plv", "power"))
    rows, columns = np.triu_indices(4, k=1)
    np.testing.assert_allclose(
        vectorize(r, "pearson"), np.concatenate([np.arctanh(r[:, b, rows, columns]) for b in (0, 1)], axis=1)
    )
    q = p[:, :, rows, columns]
    np.testing.assert_allclose(vectorize(p, "plv"), np.log(q / (1 - q)).reshape(6, -1))
    assert np.array_equal(vectorize(w, "power"), w.diagonal(axis1=-2, axis2=-1).reshape(6, -1))


def test_names_say_where_a_feature_comes_from():
    names = feature_names("plv", band_names=list(BANDS), ch_names=["O1", "O2", "Cz", "Fz"])
    assert names[:4] == ["plv|theta|O1-O2", "plv|theta|O1-Cz", "plv|theta|O1-Fz", "plv|theta|O2-Cz"]
    assert names[6] == "plv|alpha|O1-O2"
    c = np.full((2, 4, 4), 0.5)
    c[1, 1, 3] = c[1, 3, 1] = 0.9
    assert names[int(vectorize(c, "plv").argmax())] == "plv|alpha|O2-Fz"
    assert feature_names("power", band_names=["alpha"], ch_names=["O1", "O2"]) == [
        "power|alpha|O1",
        "power|alpha|O2",
    ]
    for measure in MEASURES:
        names = feature_names(measure, band_names=list(BANDS), ch_names=["O1", "O2", "Cz"])
        assert len(set(names)) == n_features(measure, n_bands=2, n_chans=3)


@settings(max_examples=40, deadline=None)
@given(
    v=arrays(np.float32, (3, 12), elements=st.floats(-(2.0**99), 2.0**99, width=32)),
    measure=st.sampled_from(["pearson", "plv"]),
)
def test_any_features_give_valid_matrices(v, measure):
    c = unvectorize(v, measure, n_bands=2, n_chans=4)
    assert c.dtype == np.float32
    assert np.array_equal(c, c.swapaxes(-1, -2))
    assert (c.diagonal(axis1=-2, axis2=-1) == 1).all()
    assert c.max() <= 1
    assert c.min() >= (-1 if measure == "pearson" else 0)


def test_power_matrices_are_diagonal():
    c = unvectorize(np.arange(1.0, 9.0), "power", n_bands=2, n_chans=4)
    assert np.array_equal(c, [np.diag([1, 2, 3, 4]), np.diag([5, 6, 7, 8])])


@pytest.mark.parametrize(
    ("measure", "extreme"), [("pearson", 1.0), ("pearson", -1.0), ("plv", 1.0), ("plv", 0.0)]
)
def test_clipped_values_are_finite_and_come_back_at_the_clip(measure, extreme):
    c = np.full((1, 2, 2), extreme)
    v = vectorize(c, measure)
    assert np.isfinite(v).all()
    back = unvectorize(v, measure, n_bands=1, n_chans=2)
    assert abs(back[0, 0, 1] - extreme) == pytest.approx(1e-3)


def test_tensors_stay_tensors_and_keep_their_graph():
    c = torch.from_numpy(matrices("plv")).requires_grad_()
    v = vectorize(c, "plv")
    assert isinstance(v, torch.Tensor)
    assert torch.autograd.gradcheck(lambda m: vectorize((m + m.mT) / 2, "plv"), c)
    assert torch.autograd.gradcheck(
        lambda w: unvectorize(w, "plv", n_bands=2, n_chans=4), v.detach().requires_grad_()
    )


def test_any_leading_batch():
    c = matrices("plv")
    v = vectorize(c, "plv")
    assert np.array_equal(vectorize(c.reshape(2, 3, 2, 4, 4), "plv"), v.reshape(2, 3, 12))
    assert np.array_equal(vectorize(c[0], "plv"), v[0])
    assert unvectorize(v[0], "plv", n_bands=2, n_chans=4).shape == (2, 4, 4)


@pytest.mark.parametrize("size", [11, 13, 8])
def test_wrong_size(size):
    with pytest.raises(EegdaeError, match="'plv' with 2 bands and 4 channels has 12 features"):
        unvectorize(np.zeros((3, size)), "plv", n_bands=2, n_chans=4)


@pytest.mark.parametrize("shape", [(4, 4), (2, 4, 3)])
def test_not_matrices(shape):
    with pytest.raises(EegdaeError, match=r"c: shape .* n_bands, n_chans, n_chans"):
        vectorize(np.zeros(shape), "plv")


@pytest.mark.parametrize(
    "call",
    [
        lambda: vectorize(np.zeros((1, 2, 2)), "pvl"),
        lambda: unvectorize(np.zeros(1), "pvl", n_bands=1, n_chans=2),
        lambda: feature_names("pvl", band_names=["a"], ch_names=["x", "y"]),
        lambda: n_features("pvl", n_bands=1, n_chans=2),
    ],
)
def test_unknown_measure(call):
    with pytest.raises(EegdaeError, match="unknown measure 'pvl'; did you mean 'plv'"):
        call()


def test_directed_measures_keep_every_entry_off_the_diagonal():
    c = np.arange(18.0).reshape(1, 2, 3, 3) / 20
    v = vectorize(c, "dtf")
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(1 / (1 + np.exp(-v)), c[:, :, off].reshape(1, -1).clip(1e-3))
    assert feature_names("granger", band_names=["alpha"], ch_names=["O1", "O2", "Cz"])[:3] == [
        "granger|alpha|O1>O2",
        "granger|alpha|O1>Cz",
        "granger|alpha|O2>O1",
    ]


def test_the_other_half_follows_the_symmetry():
    v = np.array([[0.5, -0.25, 2.0]])
    c = unvectorize(v, "imaginary_coherence", n_bands=1, n_chans=3)[0, 0]
    assert np.array_equal(c, -c.T)
    c = unvectorize(v, "dpli", n_bands=1, n_chans=3)[0, 0]
    np.testing.assert_allclose(c + c.T, 1)
    assert (c.diagonal() == 0.5).all()
    c = unvectorize(v, "wpli", n_bands=1, n_chans=3)[0, 0]
    assert (c.diagonal() == 0).all()


def test_covariances_become_their_logarithm():
    c = matrices("covariance")
    v = vectorize(c, "covariance")
    w, u = np.linalg.eigh(c[0, 1])
    log = (u * np.log(w)) @ u.T
    rows, columns = np.triu_indices(4)
    np.testing.assert_allclose(v[0, 10:], log[rows, columns] * np.where(rows == columns, 1, np.sqrt(2)))
    assert feature_names("covariance", band_names=["alpha"], ch_names=["O1", "O2"]) == [
        "covariance|alpha|O1-O1",
        "covariance|alpha|O1-O2",
        "covariance|alpha|O2-O2",
    ]


@settings(max_examples=60, deadline=None)
@given(
    v=arrays(np.float32, (3, 10), elements=st.floats(-(2.0**99), 2.0**99, width=32)),
    scale=st.sampled_from([1e-30, 1e-3, 1.0, 1e3]),
)
def test_any_features_give_positive_definite_covariances(v, scale):
    v = (v * np.float32(scale)).clip(-3e38, 3e38)
    c = unvectorize(v, "covariance", n_bands=1, n_chans=4)
    assert c.dtype == np.float32
    assert np.isfinite(c).all()
    assert np.array_equal(c, c.swapaxes(-1, -2))
    assert np.linalg.eigvalsh(c.astype(float) / np.abs(c).max(axis=(-2, -1), keepdims=True)).min() > 0


def test_gradients_go_through_covariances_and_back():
    c = torch.from_numpy(matrices("covariance")[:2]).requires_grad_()
    assert torch.autograd.gradcheck(lambda m: vectorize((m + m.mT) / 2, "covariance"), c)
    v = vectorize(c.detach(), "covariance").requires_grad_()
    assert torch.autograd.gradcheck(lambda w: unvectorize(w, "covariance", n_bands=2, n_chans=4), v)


@pytest.mark.parametrize(
    ("measure", "changed", "said"),
    [
        ("plv", 0.4, r"entries \[0, 1\] and \[1, 0\] of matrix \[0, 1\] are 0.4 and 0.5; 'plv' is symmetric"),
        ("imaginary_coherence", 0.4, "'imaginary_coherence' is antisymmetric"),
        ("dpli", 0.4, "'dpli' is complementary"),
        ("covariance", 0.4, "'covariance' is symmetric"),
    ],
)
def test_a_matrix_without_the_symmetry_is_refused(measure, changed, said):
    c = np.full((1, 2, 2, 2), 0.5)
    if measure == "imaginary_coherence":
        c *= [[0, 1], [-1, 0]]
    c[0, 1, 0, 1] = changed
    with pytest.raises(EegdaeError, match=said):
        vectorize(c, measure)


def test_a_covariance_that_is_not_positive_definite_is_refused():
    c = np.tile(np.eye(3), (4, 1, 1, 1))
    c[2, 0, 1, 1] = -1
    with pytest.raises(EegdaeError, match=r"c: matrix 2 is not positive definite .*shrink it"):
        vectorize(c, "covariance")
    with pytest.raises(EegdaeError, match="'covariance' with 1 bands and 3 channels has 6 features"):
        unvectorize(np.zeros((1, 3)), "covariance", n_bands=1, n_chans=3)


def test_an_unknown_edge_stays_unknown():
    c = matrices("plv")
    c[1, 0, 2, :] = c[1, 0, :, 2] = np.nan
    v = vectorize(c, "plv")
    assert np.isnan(v).sum() == 3
