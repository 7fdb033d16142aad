import mne
import numpy as np
import pytest

import eegdae
from eegdae.recordings import read_recordings

TRIGGERS = [(100, 1), (250, 2), (251, 3), (900, 1)]


@pytest.fixture
def raw(tmp_path):
    """Two EEG channels, one of them bad, and a trigger channel; a file whose own clock starts at 2 s."""
    data = np.random.default_rng(0).normal(size=(3, 1200)) * 1e-5
    data[2] = 0
    for sample, code in TRIGGERS:
        data[2, 200 + sample : 200 + sample + (1 if code == 2 else 5)] = code
    made = mne.io.RawArray(data, mne.create_info(["Fz", "Cz", "STI 014"], 100.0, ["eeg", "eeg", "stim"]))
    made.set_meas_date(0)
    marks = [
        (3, 1, "a"),
        (5, 0, "beep"),
        (6, 0.01, "flash"),
        (7, 2, "bad"),
        (8, 0, "BAD boundary"),
        (1, 0, "early"),
    ]
    made.set_annotations(mne.Annotations(*zip(*marks, strict=True), orig_time=0))
    made.info["bads"] = ["Cz"]
    made.crop(tmin=2.0)
    made.save(tmp_path / "own_raw.fif", verbose="error")
    return made


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (None, [(100, 200, "a")]),
        ("trials", [(100, 200, "a")]),
        ("instants", [(300, 301, "beep"), (400, 401, "flash")]),
        ("all", [(100, 200, "a"), (300, 301, "beep"), (400, 401, "flash")]),
        ("stim", [(sample, sample + 1, str(code)) for sample, code in TRIGGERS]),
    ],
)
@pytest.mark.usefixtures("raw")
def test_which_events_become_annotations(tmp_path, events, expected):
    (got,) = read_recordings(tmp_path / "own_raw.fif", events=events)
    assert [(a.start, a.stop, a.label) for a in got.annotations] == expected
    assert got.mask is not None  # the bad stretch, whichever events are asked for
    assert np.flatnonzero(~got.mask[0]).tolist() == list(range(500, 700))


@pytest.mark.usefixtures("raw")
def test_triggers_get_names_from_the_map_of_labels(tmp_path):
    labels = {"from": "annotation", "map": {1: "target", "2": "other"}}
    (got,) = read_recordings(tmp_path / "own_raw.fif", events="stim", labels=labels)
    assert [(a.start, a.label) for a in got.annotations] == [(100, "target"), (250, "other"), (900, "target")]


@pytest.mark.usefixtures("raw")
def test_instants_stay_where_they_are_after_resampling(tmp_path):
    (got,) = read_recordings(tmp_path / "own_raw.fif", events="instants", prepare={"sfreq": 50.0})
    assert [(a.start, a.label) for a in got.annotations] == [(150, "beep"), (200, "flash")]


@pytest.mark.usefixtures("raw")
def test_channels_that_the_file_calls_bad(tmp_path, one_line):
    read = {
        bads: read_recordings(tmp_path / "own_raw.fif", bads=bads)[0]
        for bads in (None, "keep", "mask", "drop")
    }
    assert read[None].ch_names == read["keep"].ch_names == read["mask"].ch_names == ("Fz", "Cz")
    assert read["keep"].mask[1].any()
    assert not read["mask"].mask[1].any()
    assert np.array_equal(read["mask"].mask[0], read["keep"].mask[0])
    assert read["drop"].ch_names == ("Fz",)
    assert "data.bads='hide': " in one_line(read_recordings, tmp_path / "own_raw.fif", bads="hide")
    message = one_line(read_recordings, tmp_path / "own_raw.fif", bads="drop", exclude=["Fz"])
    assert "no channel is left" in message


@pytest.mark.usefixtures("raw")
def test_words_that_are_not_known(tmp_path, one_line):
    message = one_line(read_recordings, tmp_path / "own_raw.fif", events="stimulus")
    assert "data.events='stimulus': did you mean 'stim'?" in message


def test_no_trigger_channel(tmp_path, raw, one_line):
    raw.copy().pick(["Fz"]).save(tmp_path / "plain_raw.fif", verbose="error")
    message = one_line(read_recordings, tmp_path / "plain_raw.fif", events="stim")
    assert "plain_raw.fif: has no trigger channel for data.events=stim" in message
    assert "a, bad, beep" in message.replace("BAD boundary, ", "")


def test_a_recording_in_parts_is_one_recording(tmp_path, one_line):
    rng = np.random.default_rng(1)
    raw = mne.io.RawArray(rng.normal(size=(8, 150_000)) * 1e-5, mne.create_info(8, 100.0, "eeg"))
    raw.save(tmp_path / "long_raw.fif", split_size="2MB", verbose="error")
    raw.copy().crop(0, 9.99).save(tmp_path / "other-1.fif", verbose="error")
    raw.copy().crop(0, 19.99).save(tmp_path / "other.fif", verbose="error")
    parts = sorted(path.name for path in tmp_path.glob("long*"))
    assert len(parts) >= 3
    got = read_recordings(tmp_path)
    assert sorted(rec.n_times for rec in got) == [1000, 2000, 150_000]
    whole = max(got, key=lambda rec: rec.n_times)
    assert np.allclose(whole.data, raw.get_data() * 1e6, rtol=1e-5)
    last = tmp_path / parts[-1 if parts[-1] != "long_raw.fif" else -2]
    content = last.read_bytes()
    last.write_bytes(content[: len(content) // 2])
    assert "long_raw" in one_line(read_recordings, tmp_path / "long_raw.fif")
    last.unlink()
    assert "long_raw.fif" in one_line(read_recordings, tmp_path / "long_raw.fif")


def test_raw_objects_as_they_are_now(raw, one_line):
    (got,) = eegdae.read_recordings(raw)
    assert np.allclose(got.data[0, :500], raw.get_data(picks=["Fz"])[0, :500] * 1e6, rtol=1e-6)
    assert [a.label for a in got.annotations] == ["a"]
    filtered = raw.copy().drop_channels(["Cz"]).filter(1, 30, verbose="error")
    both = eegdae.read_recordings([filtered, filtered.copy()], subject="7", prepare={"sfreq": 50.0})
    assert [(rec.ch_names, rec.sfreq, rec.subject) for rec in both] == [(("Fz",), 50.0, "7")] * 2
    assert "one kind at a time" in one_line(eegdae.read_recordings, [raw, "a.edf"])
    assert "eegdae.as_recording takes arrays" in one_line(eegdae.read_recordings, np.zeros((2, 5)))
    assert "int is no file" in one_line(eegdae.read_recordings, 5)


def test_a_raw_object_knows_its_file(eegmat):
    raw = mne.io.read_raw_edf(eegmat / "Subject03_2.edf", verbose="error")
    (got,) = eegdae.read_recordings(raw, pattern="Subject{subject}_{run}.edf", labels={"from": "run"})
    assert (got.subject, got.run, got.annotations[0].label) == ("03", "2", "2")
    assert got.source.endswith("Subject03_2.edf")


def test_arrays_become_recordings_by_a_public_name():
    rec = eegdae.as_recording(
        np.random.default_rng(0).normal(size=(2, 100)),
        sfreq=10.0,
        ch_names=["a", "b"],
        annotations=[eegdae.Annotation(0, 50, "x"), eegdae.Annotation(50, 100, "y")],
    )
    windows = eegdae.make_windows([rec], size=5.0)
    assert windows.metadata["label"].tolist() == ["x", "y"]
