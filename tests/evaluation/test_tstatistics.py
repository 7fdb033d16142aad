from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp, ttest_ind

from eegdae.evaluation.tstatistics import paired_t, t_to_p, welch_t


@pytest.fixture(scope="module")
def x():
    x = np.random.default_rng(0).normal(0.3, 1.0, (13, 40)) + np.linspace(-300, 300, 40)
    x[np.random.default_rng(1).random(x.shape) < 0.1] = np.nan
    return x


def test_paired_against_scipy(x):
    d = x - np.linspace(-300, 300, 40)
    t, df, mean = paired_t(d, np.ones((1, 13)))
    expected = ttest_1samp(d, 0, nan_policy="omit")
    np.testing.assert_allclose(t[0], expected.statistic)
    np.testing.assert_allclose(t_to_p(t, df)[0], expected.pvalue)
    np.testing.assert_allclose(mean[0], np.nanmean(d, 0))


def test_flipped_signs_are_flipped_differences(x):
    signs = np.random.default_rng(2).choice([-1.0, 1.0], (6, 13))
    t = paired_t(x, signs)[0]
    for k in range(6):
        expected = ttest_1samp(x * signs[k][:, None], 0, nan_policy="omit").statistic
        np.testing.assert_allclose(t[k], expected, rtol=1e-6)


def test_welch_against_scipy_under_every_labelling(x):
    labels = np.random.default_rng(3).permuted(np.tile(np.arange(13) < 6, (6, 1)), axis=1)
    labels[0] = np.arange(13) < 6
    full = np.where(np.isnan(x), np.nanmean(x, 0) + 0.5, x)
    t, df, difference = welch_t(full, labels)
    for k, is_a in enumerate(labels):
        expected = ttest_ind(full[is_a], full[~is_a], equal_var=False)
        np.testing.assert_allclose(t[k], expected.statistic, rtol=1e-8)
        np.testing.assert_allclose(df[k], expected.df, rtol=1e-8)
        np.testing.assert_allclose(t_to_p(t, df)[k], expected.pvalue, rtol=1e-7)
        np.testing.assert_allclose(difference[k], full[is_a].mean(0) - full[~is_a].mean(0))


def test_welch_leaves_missing_values_out(x):
    is_a = np.arange(13) < 6
    full = x.copy()
    full[:5], full[6:11] = np.nan_to_num(x[:5]), np.nan_to_num(x[6:11])
    expected = ttest_ind(full[is_a], full[~is_a], equal_var=False, nan_policy="omit").statistic
    np.testing.assert_allclose(welch_t(full, is_a[None])[0][0], expected)


def test_fewer_than_five_or_no_spread_is_no_test():
    d = np.random.default_rng(0).normal(size=(6, 3))
    d[:2, 0], d[:, 1] = np.nan, 0.1
    assert np.isnan(paired_t(d, np.ones((1, 6)))[0][0]).tolist() == [True, True, False]
    x = np.random.default_rng(0).normal(size=(10, 3))
    x[0, 0], x[:, 1] = np.nan, 0.1
    assert np.isnan(welch_t(x, (np.arange(10) < 5)[None])[0][0]).tolist() == [True, True, False]


def test_no_permutation_gives_an_infinite_t():
    """Differences of one size: with every sign equal nothing varies any more."""
    d = np.array([1.0, 1, 1, 1, 1, -1])[:, None]
    t = paired_t(d, np.array([[1.0] * 6, [1.0] * 5 + [-1.0]]))[0]
    assert np.isfinite(t).all()
    assert t[1] > 1e3
