from __future__ import annotations

import weakref
from dataclasses import replace

import numpy as np
import pytest

import eegdae
from eegdae.inspection import check_recordings
from eegdae.inspection.findings import SEVERITIES
from eegdae.inspection.whole import check_pairs
from eegdae.recordings import Annotation, as_config, iter_recordings, read_recordings
from eegdae.reporting.recordings import recordings_page
from eegdae.reporting.text import text_plot

from .conftest import noise, recording, whole


def people(n=4, **changes):
    """A sound set: each subject has one recording with classes in random order."""
    rng = np.random.default_rng(0)
    recs = []
    for k in range(n):
        labels = rng.permutation(["x", "y"] * 4)
        stretches = [Annotation(600 * i, 600 * i + 600, label) for i, label in enumerate(labels)]
        about = {
            "subject": str(k),
            "source": f"/d/s{k}.edf",
            "ch_pos": np.eye(8, 3),
            "annotations": stretches,
        }
        recs.append(recording(noise(seed=k), **{**about, **changes}))
    return recs


def texts(recordings, options=None):
    return [f"{f.severity}: {f.what} | {f.where}" for f in check_recordings(recordings, options).findings]


def test_nothing_to_say_of_a_sound_set():
    checked = check_recordings(people())
    assert checked.findings == ()
    facts = dict(checked.facts)
    assert facts["recordings"] == "4"
    assert facts["subjects"] == "4"
    assert facts["sessions"] == "not known"
    assert facts["seconds"] == "20 a recording, 80 in all"
    assert facts["samples"] == "5000 a recording"
    assert facts["rate"] == "250 Hz"
    assert facts["channels"].startswith("8: c0, c1")
    assert facts["positions"] == "yes"
    assert facts["unit"] == "uV"
    assert facts["observed"] == "100 %"
    assert facts["classes"].startswith("2: x (16 trials, 38.4 s), y (16")
    assert checked.example.data.shape == (8, 1250)
    assert checked.names == ("s0.edf", "s1.edf", "s2.edf", "s3.edf")


def test_no_recordings():
    assert check_recordings([]) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sfreq": 125.0}, "2 sets of sampling rates; most have 250 Hz | 1 of 4 recordings: s3.edf"),
        ({"units": ("g",) * 8}, "2 sets of units; most have uV"),
        ({"ch_names": tuple("abcdefgh")}, "2 sets of channels; most have c0, c1"),
    ],
)
def test_recordings_that_differ(change, said):
    recs = people()
    recs[3] = replace(recs[3], **change)
    assert any(text.startswith("error: recordings differ") and said in text for text in texts(recs))


def test_nobody_knows_who():
    assert any("nobody knows whose" in text for text in texts(people(subject="")))
    assert not any("nobody knows whose" in text for text in texts(people(1, subject="")))


@pytest.mark.parametrize(("names", "told"), [("Fp1 FP2 C3 C4 O1 O2 T7 T8", True), ("a b c d e f g h", False)])
def test_electrodes_without_positions(names, told):
    found = texts(people(ch_pos=None, ch_names=names.split()))
    assert any("no positions" in text for text in found) == told


def test_what_cannot_be_prepared():
    found = texts(people(), {"l_freq": 0.01})
    assert any(text.startswith("error: cannot be prepared") and "0.01" in text for text in found)
    assert texts(people(), {"l_freq": 1.0, "h_freq": 40.0, "sfreq": 100.0}) == []


def test_covariances_as_prepared_and_signals_as_recorded():
    checked = check_pairs([(rec, {"reference": "average"}) for rec in people()])
    assert [f.what[:5] for f in checked.findings] == ["rank:"]
    assert all(e.rank == 7 for s in checked.summaries for e in s.eigenvalues)
    hum = 20 * np.sin(2 * np.pi * 50 * np.arange(5000) / 250)
    loud = [recording(noise() + hum, ch_pos=np.eye(8, 3), annotations=whole("x"))]
    assert any("50 Hz" in text for text in texts(loud, {"h_freq": 30.0}))


def test_recordings_are_let_go_one_by_one():
    alive = []

    def one_at_a_time():
        for k in range(6):
            rec = recording(noise(seed=k))
            alive.append(weakref.ref(rec.data))
            yield rec
            del rec
            assert not any(ref() is not None for ref in alive[:-1])

    assert len(check_recordings(one_at_a_time()).summaries) == 6


def test_the_watch_set():
    checked = check_recordings(read_recordings(f"{eegdae.__path__[0]}/samples/watch.npz"))
    facts = dict(checked.facts)
    assert facts["recordings"] == "140"
    assert facts["subjects"] == "10"
    assert facts["classes"].startswith("7: ABD (20 trials")
    assert {f.severity for f in checked.findings} == {"note"}
    assert not any("duplicated" in f.what for f in checked.findings)


def test_eegmat(data_folder):
    checked = check_recordings(
        rec
        for file in sorted(data_folder("eegmat").glob("*.edf"))
        for rec in read_recordings(
            file,
            pattern="Subject{subject}_{run}.edf",
            labels={"from": "run", "map": {"1": "rest", "2": "arithmetic"}},
            exclude=["A2-A1", "ECG ECG"],
            strip="EEG ",
            montage="standard_1005",
            rename={"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"},
        )
    )
    facts = dict(checked.facts)
    assert (facts["recordings"], facts["subjects"], facts["rate"]) == ("32", "16", "500 Hz")
    assert facts["seconds"] == "62 to 188 a recording, 3898 in all"
    assert facts["classes"] == "2: arithmetic (16 trials, 992 s), rest (16 trials, 2906 s)"
    said = {f.what.split(":")[0]: f for f in checked.findings}
    # the trap of this set: one number tells the classes apart
    auc = float(said["eigenvalues"].what.split("ROC-AUC ")[1].split(":")[0])
    assert 0.69 <= auc <= 0.75
    assert said["standing"].where.startswith("30 of 32 recordings")  # a second of zeros at the end
    assert "every recording has one class" in said
    assert "classes go with time in the runs of a subject" in said
    assert not any("duplicated" in f.what or f.severity == "error" for f in checked.findings)


def test_ssvep_exo(data_folder):
    checked = check_recordings(
        rec
        for folder in sorted(data_folder("ssvep-exo").glob("subject*"))
        for rec in iter_recordings(
            as_config(folder, subject=folder.name[-2:], pattern="record-[{session}]_raw.fif"),
            is_prepared=False,
        )
    )
    facts = dict(checked.facts)
    assert (facts["recordings"], facts["subjects"], facts["rate"]) == ("18", "8", "256 Hz")
    said = {f.what.split(":")[0]: f for f in checked.findings}
    assert said["duplicated recordings"].severity == "error"
    assert "1 pair holds the same samples, under different subjects" in said["duplicated recordings"].what
    assert "subjects 03 and 07" in said["duplicated recordings"].where
    assert "a factor of 0.001" in said["unit"].what
    assert said["unit"].where == "all 18 recordings"
    assert "50 Hz" in said["line noise"].what


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "seed", [pytest.param(k, marks=pytest.mark.slow if k >= 12 else ()) for k in range(200)]
)
def test_no_recordings_make_it_fail(seed):
    """Short, flat, unobserved, huge, discrete, of any rate and label: there is always something to say."""
    rng = np.random.default_rng(seed)
    recs = []
    for k in range(rng.integers(1, 5)):
        n_chans, n_times = int(rng.integers(1, 9)), int(rng.choice([2, 3, 7, 40, 300, 3000]))
        data = rng.normal(size=(n_chans, n_times)) * 10.0 ** rng.integers(-20, 20)
        for chan in range(n_chans):
            kind = rng.integers(8)
            if kind == 0:
                data[chan] = rng.normal()
            elif kind == 1:
                data[chan] = np.nan
            elif kind == 2:
                data[chan, rng.random(n_times) < rng.random()] = np.nan
            elif kind == 3:
                data[chan] = np.round(data[chan] / np.abs(data[chan]).max())
        starts = np.sort(rng.integers(0, n_times, size=rng.integers(0, 6)))
        stretches = [
            Annotation(int(s), int(rng.integers(s + 1, n_times + 1)), rng.choice(["", "a", "b"]))
            for s in starts
        ]
        recs.append(
            recording(
                data,
                sfreq=float(rng.choice([1 / 3600, 1, 50, 128, 2000])),
                unit=[str(u) for u in rng.choice(["uV", "g"], size=n_chans)],
                subject=str(rng.integers(0, 3)),
                run=str(rng.integers(0, 12)),
                annotations=stretches,
                source=f"r{k}",
            )
        )
    checked = check_recordings(recs)
    assert len(checked.summaries) == len(recs)
    assert all(f.severity in SEVERITIES and f.what and f.where and f.mend for f in checked.findings)
    if seed % 6 == 0:
        assert recordings_page(checked, title="any").endswith("</html>\n")
    assert text_plot(checked.example)
