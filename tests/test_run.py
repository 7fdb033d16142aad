"""The run folder: whole files or none, one process at a time, and nothing in it is ever run."""

from __future__ import annotations

import copy
import errno
import importlib.metadata
import os
import pickle
import threading

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from shell import left_overs, run_json

from eegdae.errors import EegdaeError
from eegdae.run import FORMAT, RunFolder, config_hash, read_config, read_json, read_model, read_tensors

CONFIG = {"name": "x", "seed": 3, "resume": False, "debug": False, "paths": {"data_dir": "/a"},
          "data": {"path": "/a/set/*.edf"}, "model": {"hidden": [8, 4]}}  # fmt: skip


def test_status_goes_from_running_to_done(tmp_path):
    with RunFolder(tmp_path / "new/run", CONFIG) as run:
        assert run_json(run.path)["status"] == "running"
        run.finish({"codes": {"roc_auc": {"mean": 0.5, "low": None, "high": np.nan}}})
    told = run_json(run.path)
    assert told["status"] == "done"
    assert told["seed"] == 3
    assert told["metrics"]["codes"]["roc_auc"] == {"mean": 0.5, "low": None, "high": None}
    assert told["versions"]["torch"] == importlib.metadata.version("torch")
    assert read_config(run.path) == CONFIG


def test_an_error_leaves_failed_and_frees_the_folder(tmp_path):
    with pytest.raises(KeyError), RunFolder(tmp_path, CONFIG):
        raise KeyError("seven")
    assert run_json(tmp_path)["status"] == "failed"
    assert "seven" in run_json(tmp_path)["error"]
    with RunFolder(tmp_path, CONFIG, resume=True):
        assert run_json(tmp_path)["status"] == "running"


def test_one_process_at_a_time(tmp_path):
    with RunFolder(tmp_path, CONFIG):
        for resume in (False, True):
            with pytest.raises(EegdaeError, match="another process is running in this folder"):
                RunFolder(tmp_path, CONFIG, resume=resume)
        assert run_json(tmp_path)["status"] == "running"


def test_a_folder_with_a_run_wants_resume(tmp_path):
    with RunFolder(tmp_path, CONFIG):
        pass
    with pytest.raises(EegdaeError, match=r"hydra\.run\.dir=.*holds a run already.*resume=true"):
        RunFolder(tmp_path, CONFIG)
    other = {**CONFIG, "model": {"hidden": [8, 5]}}
    with pytest.raises(EegdaeError, match=r"model\.hidden was \[8, 4\], is \[8, 5\]"):
        RunFolder(tmp_path, other, resume=True)
    told = {**run_json(tmp_path), "format": FORMAT + 1}
    (tmp_path / "run.json").write_text(str(told).replace("'", '"').replace("None", "null"))
    with pytest.raises(EegdaeError, match=f"format {FORMAT + 1}"):
        RunFolder(tmp_path, CONFIG, resume=True)


@pytest.mark.parametrize("key", ["resume", "debug", "paths", "hydra", "logger"])
def test_hash_leaves_out_what_does_not_decide_the_result(key):
    assert config_hash({**CONFIG, key: {"other": 1}}) == config_hash({**CONFIG, key: {"data_dir": "/b"}})


def test_hash_of_a_moved_data_set_stays(tmp_path):
    moved = copy.deepcopy(CONFIG)
    moved["paths"]["data_dir"], moved["data"]["path"] = "/b/c", "/b/c/set/*.edf"
    assert config_hash(moved) == config_hash(CONFIG)


@pytest.mark.parametrize(("key", "value"), [("seed", 4), ("name", "y"), ("data", {"path": "/a/set/*.bdf"})])
def test_hash_tells_everything_else_apart(key, value):
    assert config_hash({**CONFIG, key: value}) != config_hash(CONFIG)


def test_same_arrays_and_tensors_give_the_same_bytes(tmp_path):
    found = []
    for name in "ab":
        with RunFolder(tmp_path / name, CONFIG) as run:
            rng = np.random.default_rng(0)
            run.write_npz("codes.npz", codes=rng.normal(size=(5, 3)), rows=np.arange(5))
            run.write_tensors("model.ckpt", {"w": torch.from_numpy(rng.normal(size=4)), "n": [1, "a", None]})
            run.write_csv("t.csv", pd.DataFrame({"a": [0.1 + 0.2]}))
        found.append([(run.path / n).read_bytes() for n in ("codes.npz", "model.ckpt", "t.csv")])
    assert found[0] == found[1]
    assert pd.read_csv(tmp_path / "a/t.csv")["a"][0] == 0.1 + 0.2


def test_a_reader_never_sees_half_a_file(tmp_path):
    """One thread rewrites a file without pause, this one reads it: each time it is one of the two whole."""
    wholes = {bytes([k]) * 300_000 for k in (1, 2)}
    with RunFolder(tmp_path, CONFIG) as run:
        stop = threading.Event()

        def write():
            while not stop.is_set():
                for data in wholes:
                    run.write_bytes("deep/file", data)

        run.write_bytes("deep/file", b"\1" * 300_000)
        writer = threading.Thread(target=write)
        writer.start()
        try:
            seen = {(tmp_path / "deep/file").read_bytes() for _ in range(200)}
        finally:
            stop.set()
            writer.join()
    assert seen <= wholes
    assert left_overs(tmp_path) == []


def test_a_full_disk_leaves_the_old_file(tmp_path):
    """/dev/full is a disk that is full: what is written to it fails as a write does there."""
    with RunFolder(tmp_path, CONFIG) as run:
        run.write_text("metrics.json", "old")
        (tmp_path / f".tmp-{os.getpid()}-metrics.json").symlink_to("/dev/full")
        with pytest.raises(EegdaeError, match=os.strerror(errno.ENOSPC)) as caught:
            run.write_text("metrics.json", "new")
        assert "metrics.json" in str(caught.value)
    assert (tmp_path / "metrics.json").read_text() == "old"
    assert left_overs(tmp_path) == []


def test_left_overs_of_a_killed_run_are_cleared(tmp_path):
    with RunFolder(tmp_path, CONFIG) as run:
        run.write_text("checkpoints/a.ckpt", "x")
    (tmp_path / "checkpoints/.tmp-1-a.ckpt").write_text("half")
    with RunFolder(tmp_path, CONFIG, resume=True):
        assert left_overs(tmp_path) == []


def test_checkpoints_come_back_and_go_with_the_end(tmp_path):
    state = {"module": {"w": torch.arange(3.0)}, "history": [0.5], "optimizer": {"state": {}, "n": 1}}
    with RunFolder(tmp_path, CONFIG) as run:
        assert run.load("fold 0/layer 1") is None
        run.save("fold 0/layer 1", state)
        back = run.load("fold 0/layer 1")
        assert torch.equal(back["module"]["w"], state["module"]["w"])
        assert back["history"] == [0.5]
        run.finish({})
    assert not (tmp_path / "checkpoints").exists()


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def bad_checkpoints(folder):
    """Name of each kind of bad checkpoint -> (bytes, what its error says)."""
    folder.mkdir(exist_ok=True)
    good = folder / "good"
    torch.save({"format": FORMAT, "eegdae": "0", "model": {"w": torch.zeros(1000)}}, good)
    files = {"truncated": (good.read_bytes()[:1500], "truncated"), "empty": (b"", "truncated")}
    files["text"] = (b"hello\n" * 50, "truncated")
    files["one byte short"] = (good.read_bytes()[:-1], "truncated")
    for name, content, said in [
        ("no format", {"model": {}}, "no format number"),
        ("of another version", {"format": FORMAT + 1, "eegdae": "9.9"}, f"format {FORMAT + 1} of eegdae 9.9"),
        ("list", [1, 2], "not a checkpoint"),
        ("code", {"format": FORMAT, "x": Bomb(folder / "touched")}, "more than tensors and plain data"),
        ("module", {"format": FORMAT, "x": torch.nn.Linear(2, 2)}, "more than tensors and plain data"),
    ]:
        torch.save(content, folder / "x")
        files[name] = ((folder / "x").read_bytes(), said)
    files["bare pickle"] = (
        pickle.dumps({"format": FORMAT, "x": Bomb(folder / "touched")}),
        "not a checkpoint|truncated",
    )
    torch.save(
        {"format": FORMAT, "x": Bomb(folder / "touched")}, folder / "x", _use_new_zipfile_serialization=False
    )
    files["old kind with code"] = ((folder / "x").read_bytes(), "not a checkpoint|more than tensors")
    return files


KINDS = (
    *("truncated", "empty", "text", "one byte short", "no format", "of another version"),
    *("list", "code", "module", "bare pickle", "old kind with code"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_checkpoint_is_refused_and_never_unpickled(tmp_path, kind):
    content, said = bad_checkpoints(tmp_path)[kind]
    file = tmp_path / "model.ckpt"
    file.write_bytes(content)
    with pytest.raises(EegdaeError, match=said) as caught:
        read_tensors(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "touched").exists()


def test_the_bomb_goes_off_where_pickle_is_used(tmp_path):
    """Else the test above would prove nothing."""
    pickle.loads(pickle.dumps(Bomb(tmp_path / "touched")))
    assert (tmp_path / "touched").exists()


def test_reading_what_is_no_run(tmp_path):
    with pytest.raises(EegdaeError, match=r"no run there \(run\.json is missing\)"):
        read_model(tmp_path)
    with RunFolder(tmp_path, CONFIG):
        with pytest.raises(EegdaeError, match=r"status is 'running', not 'done'.*resume=true"):
            read_model(tmp_path)
        (tmp_path / "config.yaml").write_text("a: [")
        with pytest.raises(EegdaeError, match=r"config\.yaml: cannot be read as YAML"):
            read_config(tmp_path)
        (tmp_path / "config.yaml").write_text(yaml.safe_dump([1]))
        with pytest.raises(EegdaeError, match="not a mapping"):
            read_config(tmp_path)
        (tmp_path / "config.yaml").write_text("a: !!python/object/apply:os.system ['true']")
        with pytest.raises(EegdaeError, match="cannot be read as YAML"):
            read_config(tmp_path)
    (tmp_path / "x.json").write_text("[1")
    with pytest.raises(EegdaeError, match="cannot be read as JSON"):
        read_json(tmp_path / "x.json")
