import numpy as np
import pandas as pd
import pytest
import torch

from eegdae.connectivity import connectivity, unvectorize, vectorize
from eegdae.errors import EegdaeError
from eegdae.features import View, compute_views
from eegdae.windows import Windows

RNG = np.random.default_rng(0)
BANDS = {"alpha": (8.0, 13.0), "beta": (13.0, 30.0)}


def windows(n=6, *, mask=None):
    x = RNG.normal(size=(n, 3, 128)).astype(np.float32)
    metadata = pd.DataFrame({"subject": [str(k % 2) for k in range(n)], "session": "s", "run": "r"})
    return Windows(x, metadata, 128.0, ("a", "b", "c"), ("uV",) * 3, mask=mask)


def test_raw_is_the_window_channel_after_channel():
    w = windows()
    view = View("raw", "raw")
    x = view.features(w)
    assert x.dtype == torch.float32
    assert x.shape == (6, 3 * 128)
    assert np.array_equal(x[2, 128:256].numpy(), w.x[2, 1])
    names = view.feature_names(w)
    assert len(names) == 384
    assert names[128 + 17] == "raw|b|17"
    assert view.bands is None


@pytest.mark.parametrize("measure", ["power", "pearson", "plv"])
def test_connectivity_is_vectorised_and_comes_back(measure):
    w, view = windows(), View("v", measure, BANDS)
    x = view.features(w)
    assert x.dtype == torch.float32
    assert x.shape == (6, len(view.feature_names(w)))
    c = connectivity(w.x, sfreq=128.0, measures=(measure,), bands=BANDS)[:, 0]
    np.testing.assert_allclose(x, vectorize(c, measure), rtol=1e-5, atol=1e-6)
    matrices = view.matrices(x, 3)
    assert matrices.shape == (6, 2, 3, 3)
    np.testing.assert_allclose(matrices, unvectorize(x.numpy(), measure, n_bands=2, n_chans=3))
    off = ~np.eye(3, dtype=bool) if measure != "power" else np.eye(3, dtype=bool)
    np.testing.assert_allclose(matrices[..., off], np.asarray(c)[..., off], atol=2e-3)
    # a window's features do not depend on the others
    torch.testing.assert_close(
        view.features(Windows(w.x[2:3], w.metadata[2:3], 128.0, w.ch_names, w.units)), x[2:3]
    )


def test_usual_bands_are_filled_in():
    assert "alpha" in View("power", "power").bands


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("v", "plw"), r"^features\.v\.measure='plw': no such measure; did you mean 'plv'"),
        (("a b", "plv"), r"^features\.a b: the name of a view"),
        (("", "plv"), r"^features\.: the name of a view"),
        (("raw", "raw", BANDS), r"^features\.raw\.bands: raw windows have no bands"),
    ],
)
def test_views_are_checked(arguments, says):
    with pytest.raises(EegdaeError, match=says):
        View(*arguments)


def test_views_that_do_not_fit_the_windows():
    with pytest.raises(EegdaeError, match=r"^features\.v\..*"):
        View("v", "plv", {"gamma": (60.0, 90.0)}).features(windows())
    missing = windows(mask=RNG.random((6, 3, 128)) > 0.1)
    with pytest.raises(EegdaeError, match=r"^windows\.max_missing: view 'v' needs windows without missing"):
        View("v", "plv", BANDS).features(missing)


def test_all_views_at_once():
    w = windows()
    views = [View("raw", "raw"), View("power", "power", BANDS)]
    features = compute_views(w, views)
    assert list(features) == ["raw", "power"]
    assert all(torch.equal(features[view.name], view.features(w)) for view in views)
