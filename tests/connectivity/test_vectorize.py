import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from eegdae.connectivity import MEASURES, connectivity, feature_names, n_features, unvectorize, vectorize
from eegdae.errors import EegdaeError

BANDS = {"theta": (4, 8), "alpha": (8, 13)}


def matrices(measure, seed=0):
    x = np.random.default_rng(seed).normal(size=(6, 4, 256))
    return connectivity(x, sfreq=128, bands=BANDS, measures=[measure])[:, 0]


@pytest.mark.parametrize("measure", MEASURES)
def test_round_trip(measure):
    c = matrices(measure)
    v = vectorize(c, measure)
    assert v.shape == (6, n_features(measure, n_bands=2, n_chans=4))
    np.testing.assert_allclose(unvectorize(v, measure, n_bands=2, n_chans=4), c, atol=1e-12)


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
    assert torch.autograd.gradcheck(lambda m: vectorize(m, "plv"), c)
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
