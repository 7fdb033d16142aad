"""Small BIDS data sets that mne-bids wrote are read with what their tables say."""

import shutil
import sys
import warnings
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import pytest
from shell import SMALL, as_anyone

from eegdae.cli import main
from eegdae.recordings import load_recordings, read_recordings
from eegdae.windows import make_windows

mne_bids = pytest.importorskip("mne_bids")

SUBJECTS, SESSIONS = ("01", "02", "03"), ("a", "b")
MARKS = [(1.0, 1.0, "left"), (3.0, 0.0, "beep"), (5.0, 2.0, "right"), (8.0, 0.0, "beep")]


def add(root, raw, **entities):
    path = mne_bids.BIDSPath(root=root, datatype="eeg", **entities)
    raw.info["line_freq"] = 50
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mne_bids.write_raw_bids(
            raw, path, allow_preload=True, format="BrainVision", overwrite=True, verbose="error"
        )


def synthetic(seed, *, bads=(), scale=1e-5):
    data = np.random.default_rng(seed).normal(size=(4, 1000)) * scale
    data[3] = 0
    data[3, 200:205], data[3, 600:605] = 1e-6, 2e-6
    info = mne.create_info(["Fz", "Cz", "Pz", "STI"], 100.0, ["eeg", "eeg", "eeg", "stim"])
    raw = mne.io.RawArray(data, info, verbose="error")
    raw.set_montage("biosemi64", verbose="error")
    raw.set_annotations(mne.Annotations(*zip(*MARKS, strict=True)))
    raw.info["bads"] = list(bads)
    return raw


@pytest.fixture(scope="module")
def raws():
    """By (subject, session): the signals of the data set."""
    found = {}
    for k, (subject, session) in enumerate((u, e) for u in SUBJECTS for e in SESSIONS):
        found[subject, session] = synthetic(k, bads=["Cz"] if (subject, session) == ("02", "b") else [])
    return found


@pytest.fixture(scope="module")
def root(raws, tmp_path_factory):
    """Three people, two sessions each, one task and run, one bad channel in one of them."""
    folder = tmp_path_factory.mktemp("sets") / "Datensatz für alle"
    for (subject, session), raw in raws.items():
        add(folder, raw.copy(), subject=subject, session=session, task="oddball", run="01")
    return folder


def test_everything_that_was_written_is_read(root, raws):
    got = read_recordings(root)
    assert [(rec.subject, rec.session, rec.run) for rec in got] == [(u, e, "01") for u, e in raws]
    for rec, raw in zip(got, raws.values(), strict=True):
        assert (rec.ch_names, rec.sfreq, rec.unit) == (("Fz", "Cz", "Pz"), 100.0, "uV")
        expected = raw.get_data(picks="eeg", exclude=[]) * 1e6
        seen = np.ones(expected.shape, bool) if rec.mask is None else rec.mask
        assert np.abs(rec.data - expected)[seen].max() < 0.06  # BrainVision's step is 0.1
        assert [(a.start, a.stop, a.label) for a in rec.annotations] == [
            (100, 200, "left"),
            (500, 700, "right"),
        ]
        assert rec.ch_pos.shape == (3, 3)
        assert rec.ch_pos[0, 1] > rec.ch_pos[1, 1] > rec.ch_pos[2, 1]  # front to back
        head = [chan["loc"][:3] for chan in raw.info["chs"][:3]]
        assert np.allclose(rec.ch_pos - rec.ch_pos[1], np.array(head) - head[1], atol=0.02)


def test_a_bad_channel_is_masked_dropped_or_kept(root, one_line):
    masked = read_recordings(root)
    assert [rec.mask is None for rec in masked] == [True, True, True, False, True, True]
    assert masked[3].mask.all(axis=1).tolist() == [True, False, True]
    assert not masked[3].mask[1].any()
    message = one_line(make_windows, masked, size=1.0)
    assert "channel Cz is all-NaN; set windows.bad_channels=drop" in message
    assert make_windows(masked, size=1.0, bad_channels="drop").ch_names == ("Fz", "Pz")
    dropped = read_recordings(root, bads="drop")
    assert [rec.n_chans for rec in dropped] == [3, 3, 3, 2, 3, 3]
    assert make_windows(dropped, size=1.0, channels="shared").ch_names == ("Fz", "Pz")
    assert all(rec.mask is None and rec.n_chans == 3 for rec in read_recordings(root, bads="keep"))


def test_events_that_are_asked_for(root):
    first = read_recordings(root, subjects="01", sessions="a", events="instants")[0]
    assert [(a.start, a.stop, a.label) for a in first.annotations] == [(300, 301, "beep"), (800, 801, "beep")]
    assert len(read_recordings(root, subjects="01", sessions="a", events="all")[0].annotations) == 4
    labels = {"from": "annotation", "map": {"left": "l"}}
    assert {a.label for rec in read_recordings(root, labels=labels) for a in rec.annotations} == {"l"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"subjects": "02"}, [("02", "a"), ("02", "b")]),
        ({"subjects": ["03", "sub-01"], "sessions": ["b"]}, [("01", "b"), ("03", "b")]),
        (
            {"sessions": "ses-a", "tasks": "oddball", "runs": ["01"], "datatype": "eeg"},
            [(u, "a") for u in SUBJECTS],
        ),
    ],
)
def test_what_is_chosen(root, options, expected):
    config = {"source": "bids", "path": str(root), **options}
    assert [(rec.subject, rec.session) for rec in load_recordings(config)] == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"subjects": ["01", "1"]}, "data.subjects: '1' is not there; did you mean '01'"),
        ({"sessions": "c"}, "data.sessions: 'c' is not there; known: a, b"),
        ({"tasks": "odball"}, "data.tasks: 'odball' is not there; did you mean 'oddball'"),
        ({"runs": 1}, "data.runs: '1' is not there; did you mean '01'"),
        ({"subjects": 1.5}, "data.subjects=1.5: must be a label or a list"),
        ({"datatype": "egg"}, "data.datatype='egg': did you mean 'meg' or 'eeg'"),
        ({"datatype": "meg"}, "holds no recording of meg"),
        ({"subject": "x", "strp": 1}, "data.strp: unknown key; did you mean 'strip'"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(root, options, said, one_line):
    assert said in one_line(load_recordings, {"source": "bids", "path": str(root), **options})


def test_several_tasks_stand_in_the_run_and_can_be_labels(tmp_path):
    add(tmp_path, synthetic(0), subject="01", task="rest")
    add(tmp_path, synthetic(1), subject="01", task="count")
    got = read_recordings(tmp_path, labels={"from": "run", "map": {"rest": "still", "count": "busy"}})
    assert [(rec.run, rec.session, rec.annotations[0].label) for rec in got] == [
        ("count", "", "busy"),
        ("rest", "", "still"),
    ]
    (one,) = read_recordings(tmp_path, tasks="rest")
    assert one.run == ""


def test_a_folder_that_is_no_data_set_and_one_that_is_empty(tmp_path, one_line):
    config = {"source": "bids", "path": str(tmp_path)}
    assert "holds no dataset_description.json" in one_line(load_recordings, config)
    (tmp_path / "dataset_description.json").write_text("{}")
    assert "holds no recording of eeg, ieeg, meg" in one_line(load_recordings, config)
    assert "no such file" in one_line(load_recordings, config | {"path": str(tmp_path / "gone")})


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00\n\t\t", b"onset\tduration\nx\ty\n", b"a\tb\n1\n2\t3\t4\n"]
)
@pytest.mark.parametrize("name", ["channels", "events", "electrodes"])
def test_a_damaged_table(tmp_path, name, content, one_line):
    add(tmp_path, synthetic(0), subject="01", task="rest")
    (table,) = tmp_path.rglob(f"*_{name}.tsv")
    table.write_bytes(content)
    message = one_line(read_recordings, tmp_path)
    assert f"_{name}.tsv: " in message or "cannot be read by mne-bids" in message


@pytest.mark.parametrize("name", ["channels", "events", "electrodes"])
def test_without_a_table(tmp_path, name):
    add(tmp_path, synthetic(0), subject="01", task="rest")
    for table in tmp_path.rglob(f"*_{name}.*"):
        table.unlink()
    (got,) = read_recordings(tmp_path)
    assert got.n_times == 1000
    # Without channels.tsv nothing says that the trigger channel is none of the electrodes.
    assert (got.ch_pos is None) == (name != "events")
    assert got.n_chans == (4 if name == "channels" else 3)


def test_a_cut_off_signal(tmp_path, one_line):
    add(tmp_path, synthetic(0), subject="01", task="rest")
    (file,) = tmp_path.rglob("*.eeg")
    file.write_bytes(file.read_bytes()[:-1001])
    assert "was cut off" in one_line(read_recordings, tmp_path)


def test_what_is_no_recording_of_the_set_is_not_read(root, tmp_path):
    """What was derived from it, and links in circles: mne-bids finds 80 recordings here."""
    whole = tmp_path / "set"
    shutil.copytree(root, whole)
    expected = [rec.source for rec in read_recordings(whole)]
    assert len(expected) == 6
    for name in ("derivatives/cleaned", "sourcedata"):
        shutil.copytree(root / "sub-01", whole / name / "sub-01")
    (whole / "sub-04").symlink_to(whole)
    (whole / "sub-05").symlink_to(whole / "sub-01")
    (whole / "sub-02/ses-c").symlink_to(whole / "sub-02")
    (whole / "sub-03.zip").write_bytes(b"")
    assert [rec.source for rec in read_recordings(whole)] == expected
    assert len(read_recordings(root / "../Datensatz für alle", subjects="03")) == 2


def test_what_cannot_be_looked_into_is_told_and_not_passed_over(root, tmp_path, one_line):
    whole = tmp_path / "set"
    shutil.copytree(root, whole)
    recording = whole / "sub-02/ses-a/eeg/sub-02_ses-a_task-oddball_run-01_eeg.vhdr"
    config = {"source": "bids", "path": str(whole)}
    for folder in (whole, whole / "sub-02", whole / "sub-02/ses-a", whole / "sub-02/ses-a/eeg"):
        folder.chmod(0)
        line = as_anyone(one_line, load_recordings, config)
        folder.chmod(0o755)
        assert line.endswith(": Permission denied")
        assert str(folder) in line
    for file in (
        recording,
        recording.with_suffix(".eeg"),
        Path(str(recording).replace("_eeg.vhdr", "_events.tsv")),
    ):
        file.chmod(0)
        line = as_anyone(one_line, load_recordings, config)
        file.chmod(0o644)
        assert line.endswith(": Permission denied")
        assert file.name in line
    recording.unlink()
    recording.symlink_to(tmp_path / "not here")
    assert f"{recording}: no such file: it is a link that leads nowhere" in one_line(load_recordings, config)
    assert len(load_recordings(config | {"subjects": ["01", "03"]})) == 4
    (whole / "sub-09").symlink_to(whole / "sub-09")
    line = one_line(load_recordings, config | {"subjects": ["01"]})
    assert f"{whole}/sub-09: cannot be looked into: Too many levels of symbolic links" in line


OUTSIDE = "1 event left out: outside the recording"


@pytest.mark.parametrize(
    ("onset", "said"),
    [("99.0", OUTSIDE), ("-5", OUTSIDE), ("nan", ""), ("inf", "cannot convert float infinity")],
)
def test_an_event_beyond_the_end_or_at_no_time(tmp_path, onset, said, one_line):
    add(tmp_path, synthetic(0), subject="01", task="rest")
    (table,) = tmp_path.rglob("*_events.tsv")
    table.write_text(table.read_text() + f"{onset}\t1.0\tlate\t9\t9900\n")
    if said.startswith("cannot"):
        assert said in one_line(read_recordings, tmp_path)
        return
    (got,) = read_recordings(tmp_path)
    assert [a.label for a in got.annotations] == ["left", "right"]
    assert list(got.notes) == ([said] if said else [])


def test_mixed_rates(tmp_path, one_line):
    add(tmp_path, synthetic(0), subject="01", task="rest")
    add(tmp_path, synthetic(1).resample(50, verbose="error"), subject="02", task="rest")
    message = one_line(make_windows, read_recordings(tmp_path), size=1.0)
    assert "have different sampling rates: 100 Hz and 50 Hz" in message


def test_channels_of_one_name(tmp_path, one_line):
    add(tmp_path, synthetic(0), subject="01", task="rest")
    (table,) = tmp_path.rglob("*_channels.tsv")
    table.write_text(table.read_text().replace("Cz\t", "Fz\t"))
    assert "Duplicate channel names" in one_line(read_recordings, tmp_path)


def test_mne_bids_is_named_where_it_is_missing(root, monkeypatch, one_line):
    monkeypatch.setitem(sys.modules, "mne_bids", None)
    assert "pip install 'eegdae[bids]'" in one_line(read_recordings, root)


def test_real_eeg_becomes_a_data_set_and_comes_back(eegmat, tmp_path, data_config):
    config = data_config("eegmat", prepare=None, exclude=["A2-A1", "ECG ECG"], montage=None)
    tasks = {"1": "rest", "2": "arithmetic"}
    for person in ("00", "01", "02"):
        for run, task in tasks.items():
            raw = mne.io.read_raw_edf(eegmat / f"Subject{person}_{run}.edf", verbose="error").crop(0, 4)
            add(tmp_path, raw.load_data(verbose="error"), subject=person, session=run, task=task)
    paths = [str(eegmat / f"Subject{person}_{run}.edf") for person in ("00", "01", "02") for run in tasks]
    edf = load_recordings({**config, "path": paths})
    got = read_recordings(
        tmp_path,
        strip="EEG ",
        exclude=["A2-A1", "ECG ECG"],
        rename={"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"},
        labels={"from": "session", "map": {"1": "rest", "2": "arithmetic"}},
    )
    assert len(got) == 6
    for one, other in zip(got, edf, strict=True):
        assert (one.subject, one.session) == (other.subject, other.run)
        assert one.ch_names == other.ch_names
        assert one.annotations[0].label == other.annotations[0].label
        assert np.abs(one.data - other.data[:, : one.n_times]).max() < 0.06


@pytest.mark.slow
def test_a_data_set_is_trained_on_by_its_folder(root, tmp_path):
    overrides = [word for word in SMALL if word not in ("~experiment", "data=mine")]
    overrides += ["~experiment", f"data={root}", "features.power.bands={low: [2, 10], high: [10, 40]}"]
    overrides += ["windows.size=1", "windows.bad_channels=drop", f"hydra.run.dir={tmp_path / 'run'}"]
    assert main(["train", *overrides]) == 0
    rows = pd.read_csv(tmp_path / "run/metadata.csv", dtype=str)
    assert sorted(set(rows["subject"])) == list(SUBJECTS)
    assert set(rows["label"]) == {"left", "right"}
    assert len(rows) == 6 * 3
