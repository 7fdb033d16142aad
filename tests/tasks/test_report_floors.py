from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eegdae.connectivity import connectivity as compute
from eegdae.connectivity import mean_modulus, noise_floor
from eegdae.features import View
from eegdae.tasks.report_floors import floor_examples
from eegdae.windows import Windows

BANDS = {"alpha": (8.0, 13.0), "beta": (13.0, 30.0)}


def windows(n=40, n_chans=4):
    x = np.random.default_rng(0).normal(size=(n, n_chans, 256)).astype(np.float32)
    x[:, -1] += 2 * x[:, 0] * (n_chans > 1)
    names = tuple(f"c{k}" for k in range(n_chans))
    return Windows(x, pd.DataFrame(index=range(n)), 128.0, names, ("uV",) * n_chans)


def test_views_with_the_same_bands_share_a_figure():
    views = [
        View("raw", "raw"),
        View("power", "power", BANDS),
        View("plv", "plv", BANDS),
        View("wpli", "wpli", BANDS),
        View("again", "plv", BANDS),
        View("tangent", "covariance_tangent"),
        View("cov", "covariance", BANDS),
        View("welch", "coherence", {"alpha": (8.0, 13.0)}, options={"estimator": "welch"}),
    ]
    w = windows()
    first, second = floor_examples(views, w, seed=3)
    assert first.floor.measures == ("plv", "wpli")
    assert second.floor.measures == ("coherence",)
    assert first.bands == BANDS
    options = {"sfreq": 128.0, "bands": BANDS, "measures": ("plv",)}
    np.testing.assert_allclose(first.mean[:1], mean_modulus(compute(w.x, **options), measures=("plv",)))
    np.testing.assert_allclose(first.floor.q95[:1], noise_floor(w.x, seed=3, **options).q95)
    # Two coupled channels of four: one pair of six is far above, but not in what zero lag does not reach.
    assert (first.mean[0] > 1.3 * first.floor.mean[0]).all()
    np.testing.assert_allclose(first.mean[1], first.floor.mean[1], rtol=0.1)
    noise = w.x.copy()
    noise[:, -1] -= 2 * noise[:, 0]
    still = floor_examples(views[2:3], Windows(noise, w.metadata, 128.0, w.ch_names, w.units), seed=3)[0]
    np.testing.assert_allclose(still.mean, still.floor.mean, rtol=0.1)


@pytest.mark.parametrize("n_chans", [1])
def test_nothing_to_compare(n_chans):
    w = windows(n_chans=n_chans)
    assert floor_examples([View("power", "power", BANDS)], w, seed=0) == []
    assert floor_examples([View("raw", "raw")], windows(), seed=0) == []
