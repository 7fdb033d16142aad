"""The set ssvep_exo as its README says: people, recordings, trials, and the pair that is one signal."""

import hashlib
from collections import Counter

import mne
import numpy as np
import pandas as pd
import pytest

from eegdae.recordings import load_recordings
from eegdae.windows import make_windows


@pytest.fixture
def recordings(ssvep, data_config):
    return load_recordings(data_config("ssvep_exo", data_dir=ssvep.parent, prepare={"unit": "arbitrary"}))


def test_as_its_documentation_says(recordings):
    assert len(recordings) == 17
    per_person = Counter(rec.subject for rec in recordings)
    numbers = {f"{k:02d}": n for k, n in enumerate((2, 2, 2, 2, 2, 2, 2, 3), start=1)}
    assert {person.removeprefix("subject"): n for person, n in per_person.items()} == numbers
    names = ("Oz", "O1", "O2", "PO3", "POz", "PO7", "PO8", "PO4")
    assert {(rec.ch_names, rec.sfreq, rec.mask is None) for rec in recordings} == {(names, 256.0, True)}
    labels = [Counter(a.label for a in rec.annotations) for rec in recordings]
    assert all(each == {"rest": 8, "13Hz": 8, "17Hz": 8, "21Hz": 8} for each in labels)
    assert {a.stop - a.start for rec in recordings for a in rec.annotations} == {1280}
    assert len({(rec.subject, rec.session) for rec in recordings}) == 17


def test_no_signal_stands_there_twice(recordings):
    """On disk two files are the same signal under two people; the configuration reads one of them."""
    signals = Counter(hashlib.sha256(rec.data.tobytes()).hexdigest() for rec in recordings)
    assert set(signals.values()) == {1}
    twice = [rec for rec in recordings if rec.session == "2012.07.11-15.33.08"]
    assert [rec.subject.removeprefix("subject") for rec in twice] == ["03"]


def test_the_pair_is_one_signal(ssvep):
    pair = [ssvep / f"subject{k}" / "record-[2012.07.11-15.33.08]_raw.fif" for k in ("03", "07")]
    first, second = (mne.io.read_raw_fif(path, verbose="error").get_data() for path in pair)
    assert np.array_equal(first, second)


def test_trials_begin_with_the_stimulation_and_have_the_class_of_the_marker_before(ssvep, recordings):
    names = {33024: "rest", 33025: "13Hz", 33026: "21Hz", 33027: "17Hz"}
    for rec in recordings:
        table = pd.read_csv(rec.source.replace("_raw.fif", "_events.csv"))
        starts = table.loc[table["code"] == 32779, "sample"].tolist()
        marks = [names[code] for code in table["code"] if code in names]
        assert [(a.start, a.label) for a in rec.annotations] == list(zip(starts, marks, strict=True))


def test_windows_of_all_people(ssvep, data_config):
    config = data_config("ssvep_exo", data_dir=ssvep.parent)
    windows = make_windows(load_recordings(config), size=4.0, classes=config["classes"])
    assert windows.x.shape == (17 * 32, 8, 512)
    assert windows.sfreq == 128.0
    assert Counter(windows.metadata["label"]) == {name: 136 for name in ("rest", "13Hz", "17Hz", "21Hz")}
    assert windows.ch_pos is not None


def test_the_flicker_is_where_it_should_be(ssvep, data_config):
    """At Oz and its neighbours the power of the light's own rate is above that of the other two, mostly."""
    config = data_config("ssvep_exo", data_dir=ssvep.parent)
    windows = make_windows(load_recordings(config), size=5.0, classes=config["classes"])
    spectra = np.abs(np.fft.rfft(windows.x * np.hanning(windows.n_times), axis=2)) ** 2
    freqs = np.fft.rfftfreq(windows.n_times, 1 / windows.sfreq)
    rates = (13, 17, 21)
    near = np.stack([np.abs(freqs - rate) <= 0.2 for rate in rates])
    aside = np.stack([(np.abs(freqs - rate) > 0.5) & (np.abs(freqs - rate) < 1.5) for rate in rates])
    snr = np.stack(
        [spectra[..., n].sum((1, 2)) / spectra[..., a].sum((1, 2)) for n, a in zip(near, aside, strict=True)],
        axis=1,
    )
    labels = windows.metadata["label"].to_numpy()
    own = np.array([f"{rate}Hz" for rate in rates])
    flicker = labels != "rest"
    assert (own[snr[flicker].argmax(1)] == labels[flicker]).mean() > 0.55  # chance is 1/3
    for k, name in enumerate(own):
        assert np.median(snr[labels == name, k]) > 1.2 * np.median(snr[labels == "rest", k])
