"""Ocular artefacts of real recordings, in people and sessions that nothing was fitted on."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from shell import eeg_files

from eegdae.ocular import OcularFilter, OcularSpec
from eegdae.recordings import load_recordings
from eegdae.windows import make_windows
from tests.ocular.mixtures import blinks

FRONT = ("Fp1", "Fp2")


@pytest.fixture(scope="module")
def eegmat():
    """Windows of four people at rest, whose own artefacts the authors took out in part."""
    files = [str(file) for file in eeg_files() if file.stem[7:9] < "04" and file.stem.endswith("_1")]
    data = {
        "path": files,
        "source": "mne",
        "pattern": "Subject{subject}_{run}.edf",
        "strip": "EEG ",
        "exclude": ["A2-A1", "ECG ECG"],
        "prepare": {"l_freq": 1.0, "h_freq": 45.0, "sfreq": 128.0},
    }
    return make_windows(load_recordings(data), size=4.0)


def held_out(windows, by="subject"):
    """Train and test rows, each person or session held out once."""
    who = windows.metadata[by].to_numpy()
    return [(np.flatnonzero(who != one), np.flatnonzero(who == one)) for one in dict.fromkeys(who)]


def centred(windows, name, rows):
    x = windows.x[rows, windows.ch_names.index(name)].astype(float)
    return x - x.mean(-1, keepdims=True)


def with_the_front(before, after, rows, name, front):
    """Correlation of a channel with the frontal ones as recorded, before and after the correction."""
    eye = np.mean([centred(before, one, rows) for one in front], 0).ravel()
    return tuple(abs(np.corrcoef(centred(w, name, rows).ravel(), eye)[0, 1]) for w in (before, after))


@pytest.mark.parametrize("kind", ["regression", "ica"])
def test_what_the_front_sees_falls_in_people_who_are_held_out(eegmat, kind):
    spec, changes = OcularSpec(kind, FRONT, keep=kind == "ica", threshold=2.5), {"Fz": [], "Cz": [], "F7": []}
    for train, test in held_out(eegmat):
        clean = OcularFilter.fit(spec, eegmat, train, seed=0).transform(eegmat)
        for name, found in changes.items():
            found.append(with_the_front(eegmat, clean, test, name, FRONT))
    for name, found in changes.items():
        before, after = np.mean(found, 0)
        assert after < (0.6 if kind == "regression" else 0.8) * before, (name, found)


def test_variance_at_frontal_peaks_falls_in_people_who_are_held_out(eegmat):
    """Blinks: the 2 % of samples at which the front is farthest from its mean; the back keeps its own."""
    for train, test in held_out(eegmat):
        clean = OcularFilter.fit(OcularSpec("regression", FRONT), eegmat, train, seed=0).transform(eegmat)
        eye = np.mean([centred(eegmat, name, test) for name in FRONT], 0)
        peak = np.abs(eye) > np.quantile(np.abs(eye), 0.98)
        at_peaks, elsewhere = (
            {
                name: np.square(centred(clean, name, test)[where]).mean()
                / np.square(centred(eegmat, name, test)[where]).mean()
                for name in ("Fz", "O1", "O2")
            }
            for where in (peak, ~peak)
        )
        assert at_peaks["Fz"] < 0.4
        for name in ("O1", "O2"):
            assert 0.85 < elsewhere[name] < 1.15


@pytest.mark.parametrize("kind", ["regression", "ica"])
def test_a_known_propagation_into_real_eeg_is_recovered_for_people_who_are_held_out(eegmat, kind):
    """An EOG that is known is added to every channel by a known share."""
    rng = np.random.default_rng(0)
    n, n_chans, n_times = eegmat.x.shape
    eog = blinks(n * n_times, rng).reshape(n, 1, n_times)
    reach = rng.uniform(-0.2, 0.8, n_chans)
    x = np.concatenate([eegmat.x + reach[:, None] * eog, eog + rng.normal(size=eog.shape)], 1)
    names = (*eegmat.ch_names, "EOG")
    mixed = type(eegmat)(x.astype(np.float32), eegmat.metadata, eegmat.sfreq, names, ("uV",) * (n_chans + 1))
    for train, test in held_out(mixed)[:2]:
        fitted = OcularFilter.fit(OcularSpec(kind, ("EOG",)), mixed, train, seed=0)
        if kind == "regression":
            found = [fitted.found["coefficients"][name]["EOG"] for name in eegmat.ch_names]
            np.testing.assert_allclose(found, reach, atol=0.03)
        clean = fitted.transform(mixed)
        assert clean.ch_names == eegmat.ch_names
        share = [
            np.square(centred(clean, name, test) - centred(eegmat, name, test)).mean()
            / np.square(centred(mixed, name, test) - centred(eegmat, name, test)).mean()
            for name, b in zip(eegmat.ch_names, reach, strict=True)
            if abs(b) > 0.2
        ]
        assert np.median(share) < (0.01 if kind == "regression" else 0.1), share


def test_a_headband_of_four_channels_in_sessions_that_are_held_out():
    """AF7 and AF8 stand in for an EOG; the ears see a quarter of it, and the artefacts of movement more."""
    folder = Path(os.environ.get("EEGDAE_DATA_DIR", "/nowhere")) / "muse-erp/P300/subject1"
    files = sorted(str(file) for file in folder.glob("session*/*.csv.gz"))
    if not files:
        pytest.skip("EEGDAE_DATA_DIR has no muse-erp")
    data = {
        "source": "table",
        "path": files,
        "pattern": "subject{subject}/session{session}/{run}.csv.gz",
        "time": None,
        "sfreq": 256,
        "channels": ["TP9", "AF7", "AF8", "TP10"],
        "unit": "uV",
        "events": ["Marker0", "Marker"],
        "prepare": {"l_freq": 1.0, "h_freq": 30.0},
    }
    windows = make_windows(load_recordings(data), size=1.0, tmin=-0.1, reject=150)
    front = ("AF7", "AF8")
    for train, test in held_out(windows, by="session"):
        clean = OcularFilter.fit(OcularSpec("regression", front), windows, train, seed=0).transform(windows)
        assert clean.ch_names == ("TP9", "TP10")
        for name in clean.ch_names:
            before, after = with_the_front(windows, clean, test, name, front)
            assert before > 0.2
            assert after < 0.6 * before
