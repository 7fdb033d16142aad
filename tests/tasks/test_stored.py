"""Stored windows: found again while nothing that they depend on has changed, and only then."""

import hashlib
import json
import multiprocessing
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from shell import as_anyone, checked_line, full_disk, my_recordings, recordings

from eegdae.cli import main
from eegdae.errors import EegdaeError
from eegdae.recordings.fingerprint import Fingerprints, companions
from eegdae.tasks.prepare import load_windows


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def mine(tmp_path):
    my_recordings(tmp_path)
    return {"name": "mine", "source": "npz", "path": str(tmp_path / "mine.npz")}


CUT = {"size": 1.0, "stride": 1.0}


def load(data, store, cut=CUT, **how):
    """Load windows; return them and whether they were in the store."""
    before = stores(store)
    windows = load_windows(data, cut, {"store": str(store), **how})
    return windows, stores(store) == before


def stores(root):
    return sorted(f.name for f in root.iterdir() if f.is_dir()) if root.exists() else []


def test_the_second_time_they_are_there(mine, store, caplog):
    caplog.set_level("INFO", logger="eegdae")
    first, was_there = load(mine, store)
    assert not was_there
    assert "windows: built into the store" in caplog.text
    caplog.clear()
    second, was_there = load(mine, store)
    assert was_there
    assert "windows: from the store" in caplog.text
    assert "mine: 8 recordings of 4 people, 32 windows of 3 channels x 50 samples at 50 Hz" in caplog.text
    plain = load_windows(mine, CUT)
    for one in (first, second):
        assert isinstance(one.x, np.memmap)
        assert np.array_equal(one.x, plain.x)
        assert one.metadata.equals(plain.metadata)


def changed(path):
    path.write_bytes(path.read_bytes())


def rewritten(path):
    """Change a sample and hide it: the size and the time of change are as before."""
    stat = path.stat()
    arrays = recordings()
    arrays["data"][7, 1] += 1
    np.savez(path, **arrays)
    assert path.stat().st_size == stat.st_size
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_a_changed_source_is_never_served_from_the_store(mine, store):
    path = Path(mine["path"])
    before, _ = load(mine, store)
    os.utime(path)
    assert load(mine, store)[1]
    changed(path)
    assert load(mine, store)[1]
    rewritten(path)
    after, was_there = load(mine, store)
    assert not was_there
    assert not np.array_equal(before.x, after.x)
    assert np.array_equal(after.x, load_windows(mine, CUT).x)


@pytest.mark.parametrize(
    ("data", "cut"),
    [
        ({"prepare": {"h_freq": 10.0}}, {}),
        ({"classes": ["y", "x"]}, {}),
        ({"labels": {"from": "subject"}}, {}),
        ({"subject": "one"}, {}),
        ({"interpolated": ["c1"]}, {}),
        ({}, {"stride": 0.5}),
        ({}, {"max_missing": 0.1}),
        ({}, {"tmin": 0.0}),
        ({}, {"channels": "shared"}),
    ],
)
def test_a_changed_setting_is_never_served_from_the_store(mine, store, data, cut):
    load(mine, store)
    windows, was_there = load(mine | data, store, CUT | cut)
    assert not was_there
    plain = load_windows(mine | data, CUT | cut)
    assert np.array_equal(windows.x, plain.x)
    assert windows.classes == plain.classes
    assert windows.metadata.equals(plain.metadata)


def test_names_and_bands_change_no_window(mine, store):
    load(mine, store)
    assert load(mine | {"name": "other", "bands": {"low": [1, 5]}, "licence": "mine"}, store)[1]


def test_another_version_of_the_code_builds_anew(mine, store, monkeypatch):
    load(mine, store)
    monkeypatch.setattr("eegdae.tasks.stored._code", lambda: "other")
    assert not load(mine, store)[1]


def test_several_processes_build_the_same(mine, store, tmp_path):
    for k in range(3):
        shutil.copy(mine["path"], tmp_path / f"more{k}.npz")
    several = mine | {"path": str(tmp_path / "more*.npz")}
    one, _ = load(several, store)
    two, was_there = load(several, tmp_path / "other", n_jobs=2)
    assert not was_there
    assert np.array_equal(one.x, two.x)
    assert one.metadata.equals(two.metadata)


def build_when_all_are_ready(data, store, barrier, said):
    barrier.wait(timeout=60)
    windows, _ = load(data, store)
    said.put(hashlib.sha256(windows.x.tobytes() + windows.metadata.to_csv().encode()).hexdigest())


def test_processes_that_build_at_the_same_time(mine, store):
    fork = multiprocessing.get_context("fork")
    barrier, said = fork.Barrier(4), fork.SimpleQueue()
    started = [
        fork.Process(target=build_when_all_are_ready, args=(mine, store, barrier, said)) for _ in range(4)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(timeout=60)
    assert [process.exitcode for process in started] == [0] * 4
    windows, was_there = load(mine, store)
    assert was_there
    whole = hashlib.sha256(windows.x.tobytes() + windows.metadata.to_csv().encode()).hexdigest()
    assert [said.get() for _ in started] == [whole] * 4
    assert len(stores(store)) == 1


def test_a_channel_that_is_nowhere_is_refused_also_from_the_store(mine, store):
    for _ in range(2):
        with pytest.raises(EegdaeError, match=r"data.interpolated: 'c9' is not a channel"):
            load(mine | {"interpolated": ["c9"]}, store)


def test_a_damaged_store_is_told(mine, store):
    load(mine, store)
    (folder,) = stores(store)
    (store / folder / "x.npy").write_bytes(b"")
    with pytest.raises(EegdaeError, match="remove the folder, and it will be built again"):
        load(mine, store)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("prepare.stor=x", "prepare.stor"),
        ("prepare.store=3", "prepare.store=3: must be a folder, or null"),
        ("prepare.n_jobs=0", "prepare.n_jobs=0: must be a whole number"),
        ("prepare.backend=dusk", "prepare.backend='dusk': did you mean 'dask'"),
        ("prepare.store=/proc/none", "set prepare.store to a folder that can be written, or to null"),
    ],
)
def test_options_that_make_no_sense(tmp_path, capsys, how, words):
    flags = my_recordings(tmp_path)
    capsys.readouterr()
    status = main(["train", *flags, "~experiment", "data=mine", how, f"hydra.run.dir={tmp_path / 'run'}"])
    assert words in checked_line(status, capsys.readouterr().err)


def test_what_belongs_to_a_file_counts(tmp_path):
    for name in ("a.vhdr", "a.eeg", "a.vmrk", "b.eeg"):
        (tmp_path / name).write_text(name)
    assert [f.name for f in companions(tmp_path / "a.vhdr")] == ["a.eeg", "a.vhdr", "a.vmrk"]
    prints = Fingerprints(tmp_path / "files.json")
    before = prints.of([tmp_path / "a.vhdr"])
    (tmp_path / "b.eeg").write_text("other")
    assert prints.of([tmp_path / "a.vhdr"]) == before
    (tmp_path / "a.eeg").write_text("a.eeG")
    assert Fingerprints(tmp_path / "files.json").of([tmp_path / "a.vhdr"]) != before
    assert len(prints.of([tmp_path])) >= 4


def test_a_folder_is_walked_through_once_wherever_links_lead(tmp_path):
    (tmp_path / "set/sub-01").mkdir(parents=True)
    (tmp_path / "set/.git").mkdir()
    (tmp_path / "other").mkdir()
    for name in ("set/sub-01/a.eeg", "other/b.eeg", "set/.git/c"):
        (tmp_path / name).write_text(name)
    for name, to in (("up", "set"), ("self", "set/self"), ("sub-02", "other")):
        (tmp_path / "set" / name).symlink_to(tmp_path / to)
    assert [str(f.relative_to(tmp_path)) for f in companions(tmp_path / "set")] == [
        "set/sub-01/a.eeg",
        "set/sub-02/b.eeg",
    ]


def test_files_that_are_read_with_another_count(tmp_path, store):
    for part in ("train", "test"):
        (tmp_path / part).mkdir()
        np.save(tmp_path / part / "P-1.npy", np.random.default_rng(0).normal(size=(600, 2)))
    table = tmp_path / "labeled_anomalies.csv"
    table.write_text('chan_id,anomaly_sequences\nP-1,"[[0, 299]]"\n')
    data = {"source": "telemanom", "path": str(tmp_path / "test/P-1.npy"), "sfreq": 50}
    before, _ = load(data, store)
    table.write_text('chan_id,anomaly_sequences\nP-1,"[[0, 399]]"\n')
    after, was_there = load(data, store)
    assert not was_there
    assert (after.metadata["label"] == "anomaly").sum() > (before.metadata["label"] == "anomaly").sum()
    np.save(tmp_path / "train/P-1.npy", np.ones((600, 2)))
    with pytest.raises(EegdaeError, match="channel telemetry is flat"):
        load(data, store)


def test_a_source_that_may_not_be_read_is_no_fault_of_the_store(mine, store):
    Path(mine["path"]).chmod(0)
    with pytest.raises(EegdaeError, match=r"mine\.npz: cannot be read: Permission denied$"):
        as_anyone(load, mine, store)


def test_without_the_default_store_windows_are_kept_in_memory(mine, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "cache/eegdae/windows"
    (tmp_path / "cache").mkdir(mode=0o555)
    windows, _ = as_anyone(load, mine, root)
    assert np.array_equal(windows.x, load_windows(mine, CUT).x)
    (line,) = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert line == f"warning: {tmp_path}/cache/eegdae: Permission denied; windows are kept in memory"
    # what would not fit, and a folder that was asked for, are errors
    monkeypatch.setattr("eegdae.tasks.stored.free_memory", lambda: 1000)
    with pytest.raises(EegdaeError, match=r"Permission denied; set prepare.store to a folder"):
        as_anyone(load, mine, root)
    monkeypatch.undo()
    with pytest.raises(EegdaeError, match=r"Permission denied; set prepare.store to a folder"):
        as_anyone(load, mine, root)


def test_images_have_no_size_in_seconds_and_are_kept_in_memory_too(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    np.save(tmp_path / "a.npy", np.random.default_rng(0).random((40, 8, 8)))
    data = {"source": "images", "path": str(tmp_path / "a.npy"), "label_file": None}
    how = {"store": str(tmp_path / "cache/eegdae/windows")}
    with full_disk(5000):
        windows = load_windows(data, {"size": None, "stride": None}, how)
    assert windows.x.shape == (40, 1, 64)
    assert "windows are kept in memory" in caplog.text


def test_a_disk_that_fills_up_under_the_default_store(mine, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "cache/eegdae/windows"
    with full_disk(5000):
        windows, _ = load(mine, root)
    assert np.array_equal(windows.x, load_windows(mine, CUT).x)
    (line,) = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert line == f"warning: {root}: windows cannot be written: File too large; windows are kept in memory"
    assert stores(root) == []
    with (
        full_disk(5000),
        pytest.raises(EegdaeError, match="File too large; nothing is left of them; make room"),
    ):
        load(mine, tmp_path / "store")
    assert stores(tmp_path / "store") == []


@pytest.mark.parametrize("content", ["", "[]", "{", '{"x": 3}'])
def test_a_damaged_index_of_fingerprints_is_made_anew(tmp_path, content):
    (tmp_path / "a.edf").write_text("a")
    expected = Fingerprints(tmp_path / "other.json").of([tmp_path / "a.edf"])
    (tmp_path / "files.json").write_text(content)
    assert Fingerprints(tmp_path / "files.json").of([tmp_path / "a.edf"]) == expected
    assert str(tmp_path / "a.edf") in json.loads((tmp_path / "files.json").read_text())


def test_the_cache_is_listed_and_pruned(mine, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "cache/eegdae/windows"

    def said(*words):
        assert main(["data", "cache", *words]) == 0
        return capsys.readouterr().out

    assert said().endswith("windows: 0 kept, 0 MB\n")
    load(mine, root)
    load(mine, root, CUT | {"stride": 0.5})
    keys = stores(root)
    (root / ".tmp-killed").mkdir()
    (root / ".tmp-killed/x.npy").write_bytes(b"123")
    (root / ".tmp-killed/.lock").touch()
    listed = said()
    assert all(key[:12] in listed for key in keys)
    assert "mine, 32 windows" in listed
    assert "not whole" in listed
    assert "3 kept" in listed
    assert said("prune") == "removed: .tmp-killed (3e-06 MB)\n"
    assert said("prune").startswith("nothing to remove")
    assert said("prune", keys[0][:12]).startswith(f"removed: {keys[0][:12]}")
    assert stores(root) == keys[1:]
    assert said("prune", "all").startswith("removed: ")
    assert stores(root) == []
    for words, line in (
        (["prine"], "data cache prine: did you mean 'prune'"),
        (["prune", "abcdef"], "data cache prune abcdef: no stored windows of this key"),
    ):
        assert line in checked_line(main(["data", "cache", *words]), capsys.readouterr().err)


def test_the_cache_of_another_folder(mine, store, tmp_path, capsys):
    load(mine, store)
    load(mine, tmp_path / "cache/windows")
    for place in (f"prepare.store={store}", f"paths.cache_dir={tmp_path / 'cache'}"):
        assert main(["data", "cache", place]) == 0
        assert "mine, 32 windows" in capsys.readouterr().out
        assert main(["data", "cache", place, "prune", "all"]) == 0
        assert capsys.readouterr().out.startswith("removed: ")
    assert stores(store) == stores(tmp_path / "cache/windows") == []
    for word, said in (
        ("prepare.store=/nowhere", "data cache: /nowhere: no such folder"),
        ("prepare.stor=x", "data cache prepare.stor: did you mean 'prepare.store'"),
    ):
        assert said in checked_line(main(["data", "cache", word]), capsys.readouterr().err)


def test_what_is_being_built_is_not_pruned(mine, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "cache/eegdae/windows"
    said = []

    def prune(item):
        main(["data", "cache"])
        main(["data", "cache", "prune", "all"])
        said.append(capsys.readouterr().out)
        from eegdae.recordings import as_recording

        yield as_recording(np.random.default_rng(0).normal(size=(2, 100)), sfreq=10.0, ch_names=["a", "b"])

    from eegdae.cutting import Cutting
    from eegdae.store import build

    build(root / "abcdef", [0], prune, Cutting(1.0))
    assert "being built" in said[0]
    assert "kept: .tmp-abcdef" in said[0]
    assert stores(root) == ["abcdef"]
