"""The command line: help, versions, sweeps, and the shorthand for files."""

from __future__ import annotations

import re
import resource
import warnings

import pytest
from shell import command, error_line, finish

import eegdae
from eegdae.cli import COMMANDS, main
from eegdae.tasks.launch import _data_path, conf_dir


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_help_names_every_command(capsys, words):
    assert main(words) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in COMMANDS)


def test_help_answers_within_a_second_and_without_torch():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    status, out, _ = finish(command(["--help"]))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert status == 0
    assert "usage: eegdae COMMAND" in out
    # processor time: the machine may be busy with something else
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1
    imported = finish(command(["--help"], env={"PYTHONPROFILEIMPORTTIME": "1"}))[2]
    assert "eegdae.cli" in imported
    assert not re.search(r"\| +(torch|mne|hydra|pandas|sklearn|matplotlib)$", imported, flags=re.MULTILINE)


@pytest.mark.parametrize("name", ["train", "extract", "classify"])
def test_help_of_a_command_lists_its_groups_and_keys(capsys, name):
    assert main([name, "--help"]) == 0
    out = capsys.readouterr().out
    entry = (conf_dir() / f"{name}.yaml").read_text()
    assert entry in out
    assert " | ".join(sorted(file.stem for file in (conf_dir() / "data").glob("*.yaml"))) in out
    if name == "train":
        assert "gaussian | line_noise | masking" in out
        groups = {folder.name for folder in conf_dir().iterdir() if folder.is_dir()}
        groups = groups - {"hydra"} | {"hydra/launcher"}
        assert "basic | joblib | submitit_local | submitit_slurm | vectorized" in out
        assert all(f"\n  {group} " in out for group in groups)


@pytest.mark.parametrize("name", ["sweep-report", "data"])
def test_help_of_the_other_commands(capsys, name):
    assert main([name, "--help"]) == 0
    assert f"eegdae {name}" in capsys.readouterr().out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == eegdae.__version__


def test_unknown_command(capsys):
    assert "'trian': no such command; did you mean 'train'?" in error_line(capsys, ["trian"])


@pytest.mark.parametrize(
    ("arg", "words"),
    [
        ("data=a.edf", ["data=files", "data.path='a.edf'"]),
        ("data=rec/*.edf", ["data=files", "data.path='rec/*.edf'"]),
        ("data=~/my recordings", ["data=files", "data.path='~/my recordings'"]),
        ("data=it's/a.edf", ["data=files", r"data.path='it\'s/a.edf'"]),
        ("data=watch", ["data=watch"]),
        ("data.path=a.edf", ["data.path=a.edf"]),
        ("seed=1", ["seed=1"]),
    ],
)
def test_data_may_be_a_file(arg, words):
    assert _data_path(arg) == words


def test_data_may_be_a_folder_whose_name_looks_like_a_choice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "watch", "theirs"):
        (tmp_path / name).mkdir()
    (tmp_path / "loop").symlink_to("loop")
    for name in ("tables/a.csv", "edf/a.edf", "edf/who.tsv", "both/a.edf", "both/b.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "own/data").mkdir(parents=True)
    (tmp_path / "own/data/theirs.yaml").touch()
    assert _data_path("data=mine") == ["data=files", "data.path='mine'"]
    assert _data_path("data=tables") == ["data=table_files", "data.path='tables'"]
    assert _data_path("data=edf/") == ["data=files", "data.path='edf/'"]
    assert _data_path("data=both") == ["data=files", "data.path='both'"]
    assert _data_path("data=loop") == ["data=files", "data.path='loop'"]
    assert _data_path("data=watch") == ["data=watch"]
    assert _data_path("data=theirs", ["--config-dir", "own"]) == ["data=theirs"]
    assert _data_path("data=theirs", ["--config-dir=own"]) == ["data=theirs"]
    assert _data_path("data=nowhere") == ["data=nowhere"]


def test_a_file_of_ones_own_is_read(capsys, tmp_path):
    line = error_line(capsys, ["train", f"data={tmp_path}/it's not.edf", f"hydra.run.dir={tmp_path}/run"])
    assert f"data.path={tmp_path}/it's not.edf: no such file" in line


def test_composed_configuration_is_shown(capsys):
    assert main(["train", "--cfg", "job", "corruption.level=0.7"]) == 0
    assert "level: 0.7" in capsys.readouterr().out


def test_debug_shows_where_it_went_wrong(tmp_path):
    with pytest.raises(eegdae.errors.EegdaeError, match=r"corruption\.level"):
        main(["train", "debug=true", "corruption.level=-1", f"hydra.run.dir={tmp_path}/run"])


def test_our_own_warnings_are_one_line_once_and_others_stay_as_they_are(monkeypatch, caplog):
    from eegdae import cli
    from eegdae.connectivity import ShortWindowWarning

    def command(args):
        for _ in range(2):
            warnings.warn("band theta: 4 cycles", ShortWindowWarning, stacklevel=1)
        warnings.warn("of a library", UserWarning, stacklevel=1)
        return 0

    monkeypatch.setattr(cli, "_dispatch", command)
    with pytest.warns(UserWarning, match="of a library") as caught, caplog.at_level("WARNING", "eegdae"):
        assert main([]) == 0
    assert caplog.messages == ["warning: band theta: 4 cycles"]
    assert [str(w.message) for w in caught] == ["of a library"]
