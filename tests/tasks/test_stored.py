"""Stored windows: found again while nothing that they depend on has changed, and only then."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from shell import checked_line, command, finish, my_recordings, recordings

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


def test_processes_that_build_at_the_same_time(mine, store, tmp_path):
    folder = tmp_path / "my conf"
    args = ["train", "--config-dir", str(folder), "data=mine", "~experiment", f"prepare.store={store}"]
    args += ["features=[power]", "split=subject_kfold", "split.n_folds=2", "model.hidden=[4]"]
    args += ["pretrain.epochs=1", "pretrain.joint_epochs=1", "trainer.threads=1"]
    started = [command([*args, f"hydra.run.dir={tmp_path / str(k)}"]) for k in range(2)]
    for process in started:
        status, _, err = finish(process)
        assert status == 0, err
    assert len(stores(store)) == 1
    assert (tmp_path / "0/codes.npz").read_bytes() == (tmp_path / "1/codes.npz").read_bytes()


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
