import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from eegdae.connectivity import connectivity, unvectorize, vectorize
from eegdae.errors import EegdaeError
from eegdae.features import Scaler, View, compute_views, zscore_by
from eegdae.windows import Windows

RNG = np.random.default_rng(0)
BANDS = {"alpha": (8.0, 13.0), "beta": (13.0, 30.0)}
FLOATS = arrays(np.float32, (6, 4), elements=st.floats(-1000, 1000, width=32))


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
    with pytest.raises(EegdaeError, match=r"^alignment='zscor': .*did you mean 'zscore'"):
        compute_views(windows(), [View("raw", "raw")], alignment="zscor")


def test_alignment_is_by_subject_and_of_channels_for_raw():
    w = windows()
    w.x[::2] = w.x[::2] * 7 + 3
    views = [View("raw", "raw"), View("power", "power", BANDS)]
    aligned = compute_views(w, views, alignment="zscore")
    plain = compute_views(w, views)
    assert list(aligned) == ["raw", "power"]
    assert np.array_equal(plain["raw"].numpy(), w.x.reshape(6, -1))
    for rows in (slice(0, None, 2), slice(1, None, 2)):
        channels = aligned["raw"][rows].reshape(3, 3, 128)
        torch.testing.assert_close(channels.mean((0, 2)), torch.zeros(3), atol=1e-5, rtol=0)
        torch.testing.assert_close(channels.std((0, 2), correction=0), torch.ones(3), atol=1e-4, rtol=0)
        power = aligned["power"][rows]
        torch.testing.assert_close(power.mean(0), torch.zeros(6), atol=1e-5, rtol=0)
        torch.testing.assert_close(power.std(0, correction=0), torch.ones(6), atol=1e-3, rtol=0)


def test_alignment_does_not_count_missing_samples():
    mask = RNG.random((6, 3, 128)) > 0.3
    a, b = windows(mask=mask), windows(mask=mask)
    a.x[~mask] = 0.0
    b.x[:] = np.where(mask, a.x, 99.0)
    one, other = (compute_views(w, [View("raw", "raw")], alignment="zscore")["raw"] for w in (a, b))
    assert torch.equal(one, other)
    assert (one[torch.from_numpy(mask).flatten(1).logical_not()] == 0).all()


@settings(max_examples=50, deadline=None)
@given(FLOATS)
@pytest.mark.parametrize("kind", ["standard", "minmax"])
@pytest.mark.parametrize("n_groups", [None, 2, 1])
def test_scaler(kind, n_groups, x):
    scaler = Scaler.fit(torch.from_numpy(x), kind, n_groups=n_groups)
    z = scaler.transform(torch.from_numpy(x))
    width = 4 // n_groups if n_groups else 1
    for k in range(0, 4, width):
        block, scaled = x[:, k : k + width].astype(float), z[:, k : k + width].double().numpy()
        if kind == "minmax":
            # within [0, 1] to the last bit: binary cross-entropy takes nothing else
            assert scaled.min() == 0
            assert scaled.max() == 1 if np.ptp(block) > 1e-20 else scaled.max() <= 1
        elif block.std() > 1e-3 * (1 + np.abs(block).max()):
            np.testing.assert_allclose(scaled, (block - block.mean()) / block.std(), atol=2e-3)
    torch.testing.assert_close(scaler.inverse_transform(z), torch.from_numpy(x), rtol=1e-4, atol=1e-3)


def test_a_constant_feature_becomes_0():
    x = torch.full((5, 2), 0.1)
    for kind in ("standard", "minmax"):
        scaler = Scaler.fit(x, kind)
        assert scaler.transform(x).abs().max() < 1e-6
        assert torch.equal(scaler.scale, torch.ones(2))
    assert torch.equal(zscore_by(x, np.array(list("aabbb"))).abs() < 1e-6, torch.ones(5, 2, dtype=torch.bool))
    assert torch.equal(Scaler.fit(x, "none").transform(x), x)
    with pytest.raises(EegdaeError, match=r"^scaler='minmx': .*did you mean 'minmax'"):
        Scaler.fit(x, "minmx")


@pytest.mark.parametrize("kind", ["standard", "minmax"])
def test_scaler_counts_observed_entries_alone(kind):
    x = torch.randn(20, 4, generator=torch.Generator().manual_seed(0)) * 3 + 5
    seen = torch.rand(20, 4, generator=torch.Generator().manual_seed(1)) > 0.4
    seen[:, 3] = False
    a = Scaler.fit(x, kind, observed=seen)
    b = Scaler.fit(x.masked_fill(~seen, 1e6), kind, observed=seen)
    assert torch.equal(a.center, b.center)
    assert torch.equal(a.scale, b.scale)
    for k in range(3):
        values = x[seen[:, k], k]
        centre = values.mean() if kind == "standard" else values.min()
        spread = values.std(correction=0) if kind == "standard" else values.max() - values.min()
        torch.testing.assert_close(a.center[k], centre)
        torch.testing.assert_close(a.scale[k], spread)
    # never observed in training: left as it is
    assert (a.center[3], a.scale[3]) == (0, 1)
    assert (a.transform(x, seen)[~seen] == 0).all()
