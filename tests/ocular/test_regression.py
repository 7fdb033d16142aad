"""Ocular channels regressed out: MNE's coefficients, as a matrix."""

from __future__ import annotations

import mne
import numpy as np
import pytest
from mne.preprocessing import EOGRegression

from eegdae.errors import EegdaeError
from eegdae.ocular import correct, fit_regression
from tests.ocular.mixtures import NAMES, REACH, SFREQ, mixture

X, CLEAN = mixture()


def mne_applied(fit_on, x, channels):
    """MNE from end to end, the channels typed as a user of MNE would."""
    kinds = ["eog" if name in channels else "eeg" for name in NAMES]
    info = mne.create_info(list(NAMES), SFREQ, kinds)
    one, other = (
        mne.EpochsArray(1e-6 * part, info, verbose="error").set_eeg_reference([], verbose="error")
        for part in (fit_on, x)
    )
    return 1e6 * EOGRegression().fit(one).apply(other).get_data(verbose="error")


@pytest.mark.parametrize("channels", [["EOG"], ["EOG", "Fp1"], ["F3", "F4"]])
def test_it_is_what_mne_applies_to_other_windows(channels):
    matrix = fit_regression(X[:40], ch_names=NAMES, channels=channels)
    expected = mne_applied(X[:40], X[40:], channels)
    found = correct(X[40:], matrix)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    # in double precision, as one product
    about = X[40:] - X[40:].mean(-1, keepdims=True)
    np.testing.assert_allclose(matrix @ about + X[40:] - about, expected, rtol=1e-9, atol=1e-9)


def test_known_propagation_is_recovered():
    matrix = fit_regression(X, ch_names=NAMES, channels=["EOG"])
    np.testing.assert_allclose(-matrix[:-1, -1], REACH[:-1], atol=0.03)
    np.testing.assert_array_equal(matrix[:, :-1], np.eye(13)[:, :-1])
    corrected = correct(X, matrix)[:, :-1] - CLEAN[:, :-1]
    before = X[:, :-1] - CLEAN[:, :-1]
    assert np.square(corrected - corrected.mean(-1, keepdims=True)).mean() < 0.01 * np.square(before).mean()


def test_ocular_channels_and_means_of_windows_stay():
    found = correct(X, fit_regression(X, ch_names=NAMES, channels=["EOG", "Fp1"]))
    np.testing.assert_array_equal(found[:, [0, -1]], X[:, [0, -1]].astype(np.float32))
    np.testing.assert_allclose(found.mean(-1), X.mean(-1), atol=1e-4)


@pytest.mark.parametrize(
    ("change", "channels", "said"),
    [
        ({}, ["EGO"], r"^ocular\.channels=\[EGO\]: there is no channel 'EGO'; did you mean 'EOG'"),
        ({}, list(NAMES), r"^ocular\.channels: these are all channels, and nothing is left to correct"),
        (
            {-1: 3.0},
            ["EOG"],
            r"^ocular\.channels=\[EOG\]: EOG has no variance in the training windows; leave",
        ),
        (
            {-1: X[:, 0]},
            ["Fp1", "EOG"],
            r"^ocular\.channels=\[Fp1, EOG\]: they depend on one another \(rank 1\)",
        ),
    ],
)
def test_what_cannot_be_regressed_out_is_one_line(change, channels, said):
    x = X.copy()
    for chan, values in change.items():
        x[:, chan] = values
    with pytest.raises(EegdaeError, match=said) as caught:
        fit_regression(x, ch_names=NAMES, channels=channels)
    assert "\n" not in str(caught.value)
