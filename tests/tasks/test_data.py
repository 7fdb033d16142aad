from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from eegdae.cli import main
from eegdae.recordings import cache_dir
from eegdae.tasks.launch import conf_dir


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A machine with neither a data folder nor a cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("EEGDAE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


def entries(text):
    """Name -> the three lines of a set."""
    lines = text.rstrip("\n").split("\n")
    return {lines[k].split()[0]: lines[k : k + 3] for k in range(0, len(lines), 3)}


def test_list_names_every_set_with_its_licence(nowhere, capsys):
    assert main(["data", "list"]) == 0
    found = entries(capsys.readouterr().out)
    files = {file.stem: file for file in (conf_dir() / "data").glob("*.yaml")}
    assert found.keys() == files.keys()
    for name, file in files.items():
        text = file.read_text()
        assert text.splitlines()[0].removeprefix("# ") in found[name][0]
        assert (yaml.safe_load(text).get("licence") or "-") in found[name][1]
    assert found["watch"][2].strip().startswith("here: ")
    assert Path(found["watch"][2].split("here: ")[1]).is_file()
    assert "not here: eegdae data get scp1" in found["scp1"][2]
    assert "data.path=" in found["files"][2]
    assert list(nowhere.iterdir()) == []


def test_what_lies_in_the_data_folder_is_here(nowhere, capsys):
    folder = nowhere / "data" / "scp1"
    folder.mkdir(parents=True)
    for name in ("scp1_train.ts", "scp1_test.ts"):
        (folder / name).write_text("@data\n")
    assert main(["data", "list"]) == 0
    assert f"here: {folder}" in entries(capsys.readouterr().out)["scp1"][2]


@pytest.mark.parametrize("whole", [True, False])
def test_what_was_downloaded_is_here_when_all_of_it_is(nowhere, capsys, whole):
    folder = cache_dir() / "scp1"
    assert nowhere in folder.parents
    folder.mkdir(parents=True)
    for name in ("scp1_train.ts", "scp1_test.ts")[: 1 + whole]:
        (folder / name).write_text("@data\n")
    assert main(["data", "list"]) == 0
    assert (f" here: {folder}" in entries(capsys.readouterr().out)["scp1"][2]) is whole


def test_get_says_where_the_set_lies(capsys):
    folder = Path(os.environ.get("EEGDAE_DATA_DIR", "nowhere")) / "eegmat"
    if not folder.is_dir():
        pytest.skip("EEGDAE_DATA_DIR has no eegmat")
    assert main(["data", "get", "eegmat"]) == 0
    assert capsys.readouterr().out.strip() == str(folder)
    assert main(["data", "get", "watch"]) == 0
    assert capsys.readouterr().out.strip().endswith("watch.npz")


@pytest.mark.parametrize(
    ("args", "word"),
    [
        ([], "usage: eegdae data"),
        (["lst"], "did you mean 'list'"),
        (["get"], "one name"),
        (["get", "a", "b"], "one name"),
        (["list", "all"], "list takes nothing"),
        (["get", "wtch"], "did you mean 'watch'"),
        (["get", "files"], "recordings of your own"),
    ],
)
def test_other_words(capsys, args, word):
    assert main(["data", *args]) == 2
    error = capsys.readouterr().err
    assert word in error
    assert error.count("\n") == 1


def test_help(capsys):
    assert main(["data", "--help"]) == 0
    assert "usage: eegdae data list | get NAME" in capsys.readouterr().out
