from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest
import yaml
from recordings.web import Site

from eegdae.cli import main
from eegdae.recordings import cache_dir
from eegdae.tasks.data import read_set
from eegdae.tasks.data_list import about, table_of_sets
from eegdae.tasks.launch import conf_dir


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A machine with neither a data folder nor a cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("EEGDAE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


def entries(text):
    """Name -> what the list says of a set, its lines joined."""
    parts = re.split(r"^(?=\w+ {2,}\w)", text, flags=re.MULTILINE)[1:]
    return {part.split()[0]: " ".join(part.split()) for part in parts}


def test_list_names_every_set_with_its_licence(nowhere, capsys):
    assert main(["data", "list"]) == 0
    found = entries(capsys.readouterr().out)
    files = {file.stem: file for file in (conf_dir() / "data").glob("*.yaml")}
    assert found.keys() == files.keys()
    for name, file in files.items():
        config = yaml.safe_load(file.read_text())
        assert about(file) in found[name]
        licence = " ".join(str(config.get("licence") or "unknown").split())
        assert (f"licence: {licence}" in found[name]) is (config["path"] != "???")
    assert found["watch"].startswith("watch here Seven shoulder exercises")
    (place,) = re.findall(r"\S+watch\.npz", found["watch"])
    assert Path(place).is_file()
    assert found["scp1"].startswith("scp1 download ")
    assert found["scp1"].endswith(" eegdae data get scp1")
    assert found["ssvep_exo"].startswith("ssvep_exo by hand ")
    assert (
        f"put them as subjectNN/record-[DATE]_raw.fif into {nowhere}/data/ssvep-exo, and"
        in found["ssvep_exo"]
    )
    assert list(found)[-1] == "xdf_files"
    assert list(nowhere.iterdir()) == []


def test_what_lies_in_the_data_folder_is_here(nowhere, capsys):
    folder = nowhere / "data" / "scp1"
    folder.mkdir(parents=True)
    for name in ("scp1_train.ts", "scp1_test.ts"):
        (folder / name).write_text("@data\n")
    assert main(["data", "list"]) == 0
    found = entries(capsys.readouterr().out)["scp1"]
    assert found.startswith("scp1 here ")
    assert found.endswith(str(folder))


@pytest.mark.parametrize("whole", [True, False])
def test_what_was_downloaded_is_here_when_all_of_it_is(nowhere, capsys, whole):
    folder = cache_dir() / "scp1"
    assert nowhere in folder.parents
    folder.mkdir(parents=True)
    for name in ("scp1_train.ts", "scp1_test.ts")[: 1 + whole]:
        (folder / name).write_text("@data\n")
    assert main(["data", "list"]) == 0
    found = entries(capsys.readouterr().out)["scp1"]
    assert found.startswith(f"scp1 {'here' if whole else 'download'} ")
    assert found.endswith(str(folder) if whole else f"eegdae data get scp1 (a part is in {folder})")


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
        (["get"], "get needs a name"),
        (["get", "a", "b"], "get takes one name"),
        (["get", "watch", "resorce.files=[x]"], "data.resorce: unknown key; did you mean 'resource'"),
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


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_of_the_list_is_wider_than_the_screen(nowhere, width):
    sets = [(file, read_set(file)) for file in (conf_dir() / "data").glob("s*.yaml")]
    own = [file for file, _ in sets if file.stem.endswith("files")]
    lines = table_of_sets([(f, c) for f, c in sets if f not in own], own, width=width)
    assert all(len(line) <= width or len(line.split()) == 1 for line in lines)
    assert any(re.fullmatch(r"\d+ sets: 0 here, \d+ to download .*", line) for line in lines)


@pytest.mark.parametrize("data", ["train", "get", "show"])
def test_a_set_to_get_by_hand_says_how(nowhere, capsys, data):
    args = ["train", "data=ssvep_exo"] if data == "train" else ["data", data, "ssvep_exo"]
    assert main(args) == 2
    error = capsys.readouterr().err
    assert "no such file; to get ssvep_exo: take the FIF files of zenodo.org/records/2392979" in error
    assert f"{nowhere}/data/ssvep-exo" in error
    assert error.count("\n") == 1


def test_every_set_says_where_it_is_from():
    for file in (conf_dir() / "data").glob("*.yaml"):
        config = yaml.safe_load(file.read_text())
        is_here = str(config["path"]).startswith(("package:", "sklearn:"))
        assert is_here or config["path"] == "???" or config.get("resource") or config.get("get"), file.stem


@pytest.fixture
def site(tmp_path):
    served = Site(tmp_path / "site")
    yield served
    served.close()


def test_get_takes_keys(nowhere, site, capsys):
    """A part of a large set."""
    for name in ("chb01/chb01_01.edf", "chb01/chb01-summary.txt", "chb02/chb02_01.edf"):
        (site.folder / name).parent.mkdir(exist_ok=True)
        (site.folder / name).write_text(name)
    names = sorted(f for f in site.folder.rglob("*") if f.is_file())
    sums = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.relative_to(site.folder)}" for f in names]
    (site.folder / "SHA256SUMS.txt").write_text("\n".join(sums))
    files = "resource.files=[chb01/*.edf,chb01/*-summary.txt]"
    assert main(["data", "get", "chb_mit", files, f"data.resource.url={site.address}"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[-1] == str(cache_dir() / "chb_mit/chb01/chb01_01.edf")
    assert "chb02" not in said


def test_an_interrupted_get_says_how_to_go_on(nowhere, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("eegdae.tasks.data.get", interrupted)
    assert main(["data", "get", "eegmat"]) == 130
    assert capsys.readouterr().err == "eegdae: interrupted; the same command goes on\n"
