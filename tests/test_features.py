from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import covariance as sk

from eegdae.connectivity import MEASURES, connectivity, unvectorize, vectorize
from eegdae.connectivity.bands import analytic_signal
from eegdae.errors import EegdaeError
from eegdae.features import TANGENTS, View, compute_views
from eegdae.tangent_space import from_entries
from eegdae.windows import Windows

RNG = np.random.default_rng(0)
BANDS = {"alpha": (8.0, 13.0), "beta": (13.0, 30.0)}


def options(measure, **given):
    return "v", measure, None, None, given


def tangent(**given):
    return options("covariance_tangent", **given)


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


def part(w, rows):
    return Windows(w.x[rows], w.metadata[rows], w.sfreq, w.ch_names, w.units)


@pytest.mark.parametrize("estimator", [sk.oas, sk.ledoit_wolf, sk.empirical_covariance])
def test_covariances_are_those_of_scikit_learn_in_float64(estimator):
    w, name = windows(), estimator.__name__.removesuffix("_covariance")
    view = View(*tangent(covariance_estimator=name))
    x = view.features(w)
    assert x.dtype == torch.float64
    assert x.shape == (6, 6) == (6, len(view.feature_names(w)))
    assert view.feature_names(w)[1] == "covariance|all frequencies|a-b"
    found = [estimator(window.T.astype(float)) for window in w.x]
    expected = [c if name == "empirical" else c[0] for c in found]
    np.testing.assert_allclose(view.matrices(x, 3)[:, 0], expected, rtol=1e-10, atol=1e-12)


def test_covariances_of_bands_are_of_the_band_limited_signals():
    w, view = windows(), View("v", "filter_bank_tangent", BANDS)
    x = view.features(w)
    assert x.shape == (6, 2 * 6)
    for k, band in enumerate(BANDS.values()):
        z = analytic_signal(torch.from_numpy(w.x).double(), 128.0, band=band).real.numpy()
        expected = [sk.oas(window.T)[0] for window in z]
        np.testing.assert_allclose(from_entries(x, 3)[:, k], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("measure", TANGENTS)
def test_a_tangent_view_is_fitted_on_the_rows_that_it_is_given(measure):
    w, view = windows(9), View("v", measure)
    x = view.features(w)
    one = torch.cat([view.features(part(w, slice(k, k + 1))) for k in range(9)])
    torch.testing.assert_close(one, x)
    assert view.features(part(w, slice(0))).shape == (0, x.shape[1])
    space = view.fit_projection(x[:6], 3)
    assert len(space.ranks) == len(view.entries)
    assert view.project(x, space).shape == (9, 6 * len(view.entries))
    assert View("v", "plv").fit_projection(x, 3) is None
    assert view.project(x, None) is x
    with pytest.raises(EegdaeError, match=r"^features\.v: 0 rows"):
        view.fit_projection(x[:0], 3)


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_makes_a_view(measure):
    kind = MEASURES[measure]
    given = {"estimator": "hilbert" if "hilbert" in kind.estimators else "welch", "n_per_segment": None}
    if kind.needs == "model":
        given["order"] = 3
    w, view = windows(2), View("v", measure, BANDS, None, given)
    x = view.features(w)
    assert x.shape == (2, len(view.feature_names(w)))
    assert torch.isfinite(x).all()
    c = connectivity(w.x, sfreq=128.0, measures=(measure,), bands=BANDS, **given)
    # values at the border are clipped, and powers are on a diagonal of their own
    np.testing.assert_allclose(view.matrices(x, 3), c[:, 0], rtol=1e-3, atol=2e-3)


def test_options_reach_the_estimator():
    w = windows(2)
    for given in ({"estimator": "welch", "n_per_segment": 64}, {"estimator": "morlet", "n_cycles": 3}):
        x = View("v", "coherence", BANDS, None, given).features(w)
        c = connectivity(w.x, sfreq=128.0, measures=("coherence",), bands=BANDS, **given)
        np.testing.assert_allclose(x, vectorize(c[:, 0], "coherence"), rtol=1e-5, atol=1e-6)


def test_without_bands_there_is_an_entry_a_frequency():
    w = windows(2)
    view = View(*options("plv", estimator="morlet", freqs=(10.0, 20.0, 30.0), n_cycles=3))
    assert view.bands is None
    assert view.options["freqs"] == [10.0, 20.0, 30.0]
    assert view.entries == ("10 Hz", "20 Hz", "30 Hz")
    assert view.matrices(view.features(w), 3).shape == (2, 3, 3, 3)
    assert view.feature_names(w)[3] == "plv|20 Hz|a-b"


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
        (("v", "covariance_tangnt"), r"no such measure; did you mean 'covariance_tangent'"),
        (("v", "covariance_tangent", BANDS), r"^features\.v\.bands: filter_bank_tangent is of bands; leave"),
        (options("raw", estimator="welch"), r"^features\.v\.estimator: unknown key; known: bands, hidden"),
        (options("plv", estimatr="welch"), r"^features\.v\.estimatr: .*did you mean 'estimator'"),
        (options("plv", band={}), r"^features\.v\.band: unknown key; did you mean 'bands'"),
        (options("plv", estimator=["welch"]), r"^features\.v\.estimator=\['welch'\]: must be a name"),
        (options("plv", estimator="filter_hilbert"), r"before it is cut.*use hilbert"),
        (options("plv", n_components=3), r"^features\.v\.n_components: unknown key"),
        (tangent(metric="rieman"), r"^features\.v\.metric='rieman': not known; did you mean 'riemann'"),
        (tangent(covariance_estimator="lw"), r"^features\.v\.covariance_estimator='lw': not known.*oas"),
        (tangent(estimator="oas"), r"^features\.v\.estimator: unknown key; .*covariance_estimator"),
        (tangent(n_components=0), r"^features\.v\.n_components=0: must be a whole number, 1 or more"),
        (tangent(n_components=2.5), r"^features\.v\.n_components=2\.5"),
        (tangent(n_components=True), r"^features\.v\.n_components=True"),
    ],
)
def test_views_are_checked(arguments, says):
    with pytest.raises(EegdaeError, match=says):
        View(*arguments)


def test_views_that_do_not_fit_the_windows():
    with pytest.raises(EegdaeError, match=r"^features\.v\..*"):
        View("v", "plv", {"gamma": (60.0, 90.0)}).features(windows())
    with pytest.raises(EegdaeError, match=r"^features\.v\.bands\.gamma: .*above half the sampling rate"):
        View("v", "filter_bank_tangent", {"gamma": (60.0, 90.0)}).features(windows())
    with pytest.raises(EegdaeError, match=r"^features\.v\.n_per_segment: an option of welch"):
        View("v", "plv", BANDS, None, {"n_per_segment": 64}).features(windows())
    missing = windows(mask=RNG.random((6, 3, 128)) > 0.1)
    with pytest.raises(EegdaeError, match=r"^windows\.max_missing: view 'v' needs windows without missing"):
        View("v", "plv", BANDS).features(missing)


def test_all_views_at_once():
    w = windows()
    views = [View("raw", "raw"), View("power", "power", BANDS)]
    features = compute_views(w, views)
    assert list(features) == ["raw", "power"]
    assert all(torch.equal(features[view.name], view.features(w)) for view in views)


def test_pairs_of_interpolated_channels_are_refused_and_single_channels_are_not():
    w = replace(windows(), interpolated=("b",))
    with pytest.raises(EegdaeError, match=r"features.v: b were interpolated, .* windows.channels=shared"):
        View("v", "plv", BANDS).features(w)
    assert View("v", "power", BANDS).features(w).shape == (6, 6)
    assert View(*tangent()).features(w).shape == (6, 6)
