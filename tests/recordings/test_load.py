import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from eegdae.errors import EegdaeError
from eegdae.recordings import SOURCES, as_config, iter_recordings, load_recordings, read_recordings


def save(path, n=10, **about):
    whole = {
        "data": np.arange(2.0 * n).reshape(n, 2),
        "offsets": [0, n],
        "sfreq": 5.0,
        "ch_names": ["a", "b"],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{key: np.array(value) for key, value in (whole | about).items()})


def test_a_file_a_glob_a_folder_and_a_list(tmp_path):
    for name in ("S2_1", "S1_1", "S1_2"):
        save(tmp_path / f"{name}.npz", n=int(name[1]) * 10)
    (tmp_path / "notes.txt").touch()
    assert [r.n_times for r in read_recordings(tmp_path / "S2_1.npz")] == [20]
    assert [r.n_times for r in read_recordings(str(tmp_path / "S*_1.npz"))] == [10, 20]
    assert [r.n_times for r in read_recordings(tmp_path)] == [10, 10, 20]
    assert [r.n_times for r in read_recordings([tmp_path / "S2_1.npz", tmp_path / "S1_1.npz"])] == [20, 10]


def test_names_of_files_say_who_and_what(tmp_path):
    save(tmp_path / "S07_left_2.npz", subject=["from the file"])
    options = {"pattern": "S{subject}_{session}_{run}.npz", "labels": {"from": "run", "map": {2: "move"}}}
    (got,) = read_recordings(tmp_path, **options)
    assert (got.subject, got.session, got.run) == ("07", "left", "2")
    assert [(a.start, a.stop, a.label) for a in got.annotations] == [(0, 10, "move")]
    (got,) = read_recordings(tmp_path, labels={"from": "subject"})
    assert (got.subject, got.annotations[0].label) == ("from the file", "from the file")
    (got,) = read_recordings(tmp_path, subject="1")
    assert got.subject == "1"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source": "nme"}, "data.source='nme': did you mean 'mne'"),
        ({"sorce": "npz"}, "data.sorce: unknown key; did you mean 'source'"),
        ({"montage": "biosemi64"}, "data.montage: unknown key"),
        ({"prepare": {"lfreq": 1}}, "data.prepare.lfreq: unknown key; did you mean 'l_freq'"),
        ({"prepare": 3}, "data.prepare=3"),
        ({"labels": "run"}, "data.labels='run'"),
        ({"labels": {"form": "run"}}, "data.labels="),
        ({"labels": {"from": "run", "mpa": {}}}, "data.labels.mpa: unknown key; did you mean 'map'"),
        ({"labels": {"from": "runs"}}, "did you mean 'run'"),
        ({"labels": {"from": "run", "map": {"9": "x"}}}, "run '1' is not in data.labels.map"),
        ({"labels": {"from": "run", "map": ["x"]}}, "data.labels.map=['x']"),
        ({"pattern": "S{subjct}.npz"}, "{subjct} is unknown; did you mean 'subject'"),
        ({"pattern": "S{run}_{run}.npz"}, "may stand once"),
        ({"pattern": "P{subject}.npz"}, "does not fit data.pattern=P{subject}.npz"),
        ({"interpolated": "a"}, "data.interpolated='a': must be a list of names"),
        ({"interpolated": ["Cz"]}, "data.interpolated: 'Cz' is not a channel"),
        ({"path": None}, "data.path is not set"),
        ({"path": "nowhere/*.npz"}, "data.path=nowhere/*.npz: no such file"),
        ({"path": ["S1.npz", "nowhere.npz"]}, "data.path=nowhere.npz: no such file"),
        ({"path": "."}, "S1.txt.npz: is not an .npz archive"),
    ],
)
def test_what_does_not_fit_names_the_key(tmp_path, monkeypatch, changes, said, one_line):
    save(tmp_path / "S1.npz", run=["1"])
    (tmp_path / "S1.txt.npz").write_text("text")
    monkeypatch.chdir(tmp_path)
    config = {"source": "npz", "path": "S1.npz"} | changes
    assert said in one_line(load_recordings, config)


def test_an_empty_folder_and_mixed_kinds(tmp_path, one_line):
    assert "no recordings in this folder" in one_line(read_recordings, tmp_path)
    save(tmp_path / "a.npz")
    (tmp_path / "b.ts").write_text("@data\n")
    assert "several kinds (npz, ts)" in one_line(read_recordings, tmp_path)
    # a table beside recordings says something about them, unless it is asked for
    (tmp_path / "b.ts").unlink()
    (tmp_path / "about.csv").write_text("file,subject\na,1\n")
    assert as_config(tmp_path)["path"] == [tmp_path / "a.npz"]
    both = [tmp_path / "a.npz", tmp_path / "about.csv"]
    assert "several kinds (npz, table)" in one_line(read_recordings, both)


def test_hidden_files_of_a_folder_are_passed_over(tmp_path):
    save(tmp_path / "a.npz")
    (tmp_path / "._a.npz").write_text("what a Mac leaves on a disk")
    assert len(read_recordings(tmp_path)) == 1


@pytest.mark.parametrize("name", ["watch", "eegmat", "scp1", "files", "sound_files", "xdf_files"])
def test_every_data_configuration_holds_known_keys_only(data_config, name, cache, tmp_path, one_line):
    config = data_config(name)
    assert config["name"] == name
    assert config["source"] in SOURCES
    message = one_line(load_recordings, config | {"path": str(tmp_path / "gone"), "resource": None})
    assert message.startswith(f"data.path={tmp_path / 'gone'}: no such file")


def test_prepare_null_means_as_it_is(tmp_path):
    save(tmp_path / "a.npz")
    nothing = {"l_freq": None, "h_freq": None, "sfreq": None}
    (got,) = read_recordings(tmp_path, prepare=nothing)
    assert np.array_equal(got.data, np.arange(20.0).reshape(10, 2).T)


def test_reading_arrays_imports_neither_mne_nor_torch(tmp_path):
    save(tmp_path / "a.npz")
    code = f"""
import sys
from pathlib import Path
from eegdae.recordings import read_recordings
assert len(read_recordings({str(tmp_path)!r})) == 1
print(sorted({{"mne", "torch", "matplotlib", "sklearn"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_interpolated_channels_are_named_whichever_caps_have_them(tmp_path):
    save(tmp_path / "S1.npz", ch_names=["T3", "Cz"])
    save(tmp_path / "S2.npz", ch_names=["Oz", "CZ"])
    first, second = read_recordings(tmp_path, interpolated=["T7", "Cz"])
    assert (first.interpolated, second.interpolated) == (("T3", "Cz"), ("CZ",))
    assert read_recordings(tmp_path, interpolated=None)[0].interpolated == ()


def test_a_glob_at_any_depth_finds_each_file_once(tmp_path):
    for name in ("S1.npz", "a/S2.npz", "a/b c/Ä/S3.npz"):
        save(tmp_path / name, n=int(Path(name).stem[1]) * 10)
    (tmp_path / "a/loop").symlink_to(tmp_path)
    (tmp_path / "a/itself").symlink_to("itself")
    (tmp_path / "a/S0.npz").symlink_to(tmp_path / "S1.npz")
    assert [r.n_times for r in read_recordings(tmp_path / "**/*.npz")] == [10, 20, 30]
    assert [r.n_times for r in read_recordings(tmp_path / "a/**/S3.npz")] == [30]
    assert [r.n_times for r in read_recordings(tmp_path / "*/*.npz")] == [10, 20]


def test_an_ending_of_two_kinds_is_told_by_the_options(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(60.0).reshape(3, 4, 5))
    for options, kind in (
        ({}, "images"),
        ({"white": 60, "grey": True}, "images"),
        ({"labels": None}, "images"),
        ({"sfreq": 10, "layout": "trials_channels_times"}, "npy"),
        ({"layout": None}, "npy"),
    ):
        assert as_config(tmp_path / "x.npy", **options)["source"] == kind
    save(tmp_path / "S1.npz")
    assert as_config(tmp_path / "S1.npz", sfreq=3)["source"] == "npz"


def test_whether_a_file_is_packed_is_not_part_of_its_name(tmp_path, one_line):
    (tmp_path / "S1_2.csv").write_text("a\n1\n2\n")
    with gzip.open(tmp_path / "S3_4.csv.gz", "wt") as file:
        file.write("a\n1\n2\n")
    for pattern in ("S{subject}_{run}.csv", "S{subject}_{run}"):
        got = read_recordings(tmp_path / "*.csv*", sfreq=1, pattern=pattern)
        assert [r.subject for r in got] == ["1", "3"]
        assert [r.run.split(".")[0] for r in got] == ["2", "4"]
    said = one_line(read_recordings, tmp_path / "*.csv*", sfreq=1, pattern="S{subject}_{run}.csv.gz")
    assert "S1_2.csv: its name does not fit" in said


def test_recordings_are_read_file_by_file(tmp_path):
    for k in range(3):
        save(tmp_path / f"{k}.npz")
    config = as_config(tmp_path)
    assert config == {"source": "npz", "path": [tmp_path / f"{k}.npz" for k in range(3)]}
    reader = iter_recordings(config)
    next(reader)
    (tmp_path / "1.npz").write_bytes(b"")
    with pytest.raises(EegdaeError, match="empty"):
        next(reader)


def test_a_bad_file_may_be_passed_over(tmp_path):
    for k in range(3):
        save(tmp_path / f"{k}.npz", offsets=[0, 5, 10])
    (tmp_path / "1.npz").write_bytes(b"")
    errors = []
    found = list(iter_recordings(as_config(tmp_path), on_error=errors.append))
    assert [Path(rec.source).name for rec in found] == ["0.npz [0]", "0.npz [1]", "2.npz [0]", "2.npz [1]"]
    assert [str(tmp_path / "1.npz") in str(error) for error in errors] == [True]
    wrong = as_config(tmp_path, labels={"from": "session"})
    assert list(iter_recordings(wrong, on_error=errors.append)) == []
    # a file is passed over from its first error on
    assert len(errors) == 1 + 3
