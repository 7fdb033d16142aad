"""What holds of every measure of the table, whatever the signals."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eegdae.connectivity import MEASURES, connectivity

RANGES = {
    "dpli": (0, 1),
    "envelope_correlation": (0, 1),
    "coherence": (0, 1),
    "lagged_coherence": (0, 1),
    "plv": (0, 1),
    "ciplv": (0, 1),
    "pli": (0, 1),
    "wpli": (0, 1),
    "dtf": (0, 1),
    "pdc": (0, 1),
    "granger": (0, np.inf),
    "covariance": (-np.inf, np.inf),
    "power": (-np.inf, np.inf),
    "phase_slope_index": (-np.inf, np.inf),
    "cross_correlation_lag": (-13, 13),  # .1 s
}
# Not of the measure but of the unit: a covariance and a power have one.
WITH_A_UNIT = ("covariance", "power")
SAFE = (
    "imaginary_coherence",
    "lagged_coherence",
    "ciplv",
    "pli",
    "dpli",
    "wpli",
    "debiased_wpli",
    "envelope_correlation",
    "phase_slope_index",
)


def measured(name, x):
    """Alpha and beta of a measure, from the first estimator that gives it."""
    estimator = "welch" if "hilbert" not in MEASURES[name].estimators else "hilbert"
    options = {"n_per_segment": 64} if estimator == "welch" else {}
    return connectivity(
        x,
        sfreq=128,
        bands={"alpha": (8, 13), "beta": (14, 30)},
        measures=[name],
        estimator=estimator,
        order=2,
        covariance_estimator="empirical",
        **options,
    )[:, 0]


def signals(seed, n_windows=3, n_chans=4):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n_windows, n_chans, 256, dtype=torch.float64, generator=generator)
    return x + 0.5 * x.roll(1, dims=1).roll(2, dims=-1)  # every channel follows another


@pytest.mark.parametrize("name", MEASURES)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), exponent=st.floats(-6, 6), channel=st.integers(0, 3))
def test_range_gain_and_order_of_channels(name, seed, exponent, channel):
    x = signals(seed)
    c = measured(name, x)
    low, high = RANGES.get(name, (-1, 1))
    assert float(c.min()) >= low
    assert float(c.max()) <= high
    if name not in WITH_A_UNIT:
        louder = x.clone()
        louder[:, channel] *= 10**exponent
        torch.testing.assert_close(measured(name, louder), c, rtol=1e-6, atol=1e-7)
    order = [2, 0, 3, 1]
    moved = measured(name, x[:, order])
    torch.testing.assert_close(moved, c[..., order, :][..., order], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", SAFE)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), weight=st.floats(-0.9, 0.9))
def test_mixing_of_independent_sources_makes_no_more_than_independent_sources(name, seed, weight):
    """In the mean over many windows: what is safe at zero lag stays at its floor, the others rise."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(300, 2, 256, dtype=torch.float64, generator=generator)
    mixed = torch.tensor([[1.0, weight], [weight, 1.0]], dtype=torch.float64) @ x
    apart, together = (measured(name, v)[..., 0, 1] for v in (x, mixed))
    noise = 8 * float(apart.std(dim=0).max()) / 300**0.5
    neutral = 0.5 if name == "dpli" else 0.0
    if MEASURES[name].symmetry in ("antisymmetric", "complementary") or name == "debiased_wpli":
        assert float((together.mean(dim=0) - neutral).abs().max()) < noise
    else:
        assert float((together.mean(dim=0) - apart.mean(dim=0)).max()) < noise


@pytest.mark.parametrize("name", ["coherence", "plv", "pearson", "plain_envelope_correlation", "ppc"])
def test_mixing_raises_what_is_not_safe(name):
    x = torch.randn(100, 2, 256, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mixed = torch.tensor([[1.0, 0.7], [0.7, 1.0]], dtype=torch.float64) @ x
    assert bool(
        (measured(name, mixed)[..., 0, 1].mean(dim=0) > measured(name, x)[..., 0, 1].mean(dim=0) + 0.2).all()
    )
