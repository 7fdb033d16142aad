"""README is true: its commands compose, its Python runs, its tables are those of benchmarks/."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from omegaconf import open_dict, read_write

from eegdae.cli import main
from eegdae.tasks.launch import _data_path, conf_dir, register_resolvers
from eegdae.tasks.overrides import check_args, compose_command
from eegdae.tasks.prepare import plain_config
from eegdae.tasks.settings import read_settings
from eegdae.tasks.sweep.plan import plan_sweep

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
ALL = [
    line
    for kind, block in BLOCKS
    if not kind
    for line in block.replace("\\\n", " ").splitlines()
    if line.startswith("eegdae ")
]
COMMANDS = [line for line in ALL if line.startswith("eegdae train")]
RUNNABLE = [
    line
    for line in COMMANDS
    # those on files, on a set that is not in the package, of a sweep, of an interrupted run, and of processes
    # with screens of their own (tests/tasks/test_ranks.py)
    if not any(mark in line for mark in ("data=", "eegmat", " -m", "resume", "devices="))
]
FEW = (
    "windows.stride=8.0",
    "pretrain.epochs=1",
    "pretrain.joint_epochs=1",
    "split=subject_kfold",
    "split.n_folds=2",
    "trainer.threads=1",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_training_commands_compose_and_are_accepted(command):
    words = shlex.split(command, comments=True)[2:]
    register_resolvers()
    args = [word for arg in words for word in _data_path(arg)]
    checked = check_args("train", args, conf_dir())
    if checked.is_sweep:
        assert plan_sweep("train", checked, conf_dir()).n_jobs > 1
    else:
        config = compose_command("train", checked.texts, conf_dir())
        with read_write(config), open_dict(config):
            del config["hydra"]
        read_settings(plain_config(config))


def test_there_are_commands_to_test():
    assert len(COMMANDS) >= 8
    assert len(RUNNABLE) >= 4


@pytest.mark.parametrize("command", RUNNABLE)
def test_training_commands_run(command, tmp_path, capsys):
    """As they stand, with one epoch, two folds, few windows and, where they name none, two views."""
    words = shlex.split(command, comments=True)[1:]
    few = FEW if "features=" in command or "experiment=" in command else (*FEW, "features=[power,raw]")
    assert main([*words, *few, f"hydra.run.dir={tmp_path / 'run'}"]) == 0
    assert "report:" in capsys.readouterr().out
    assert (tmp_path / "run/report.html").exists()


@pytest.mark.parametrize("name", ["extract", "classify"])
def test_commands_on_a_finished_run_run(name, finished_run, tmp_path):
    command = next(line for line in ALL if line.startswith(f"eegdae {name} "))
    words = shlex.split(command.replace("outputs/train/watch/...", str(finished_run)))
    out = next(word.partition("=")[2] for word in words if word.startswith("out="))
    assert main([word.replace(out, str(tmp_path / out)) for word in words[1:]]) == 0
    assert (tmp_path / out).stat().st_size > 0


def test_the_sweep_and_its_report_run(tmp_path, capsys):
    sweep, report = (
        next(line for line in ALL if line.startswith(f"eegdae {n}")) for n in ("train -m", "sweep-")
    )
    folder = str(tmp_path / "levels")
    words = shlex.split(sweep.replace("multirun/levels", folder).replace("range(0,3)", "range(0,1)"))
    assert main([*words[1:], *FEW, "features=[power]"]) == 0
    assert main(shlex.split(report.replace("multirun/levels", folder))[1:]) == 0
    assert "noise_curve.png" in capsys.readouterr().out


def test_scikit_learn_example_runs():
    code = next(block for kind, block in BLOCKS if kind == "python" and "make_pipeline" in block)
    space: dict[str, object] = {}
    exec(code, space)  # our own README
    x = np.random.default_rng(0).standard_normal((40, 3, 256)).astype(np.float32)
    y = np.arange(40) % 2
    assert space["pipeline"].fit(x, y).predict(x).shape == (40,)


def test_public_names_of_the_python_example_exist():
    import eegdae

    code = next(block for kind, block in BLOCKS if kind == "python" and "read_recordings" in block)
    for name in re.findall(r"eegdae\.(\w+)\(", code):
        assert callable(getattr(eegdae, name))


def test_tables_are_made_from_the_benchmarks():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        from readme_tables import fill, pages
    finally:
        sys.path.pop(0)
    for page, tables in pages().items():
        text = (ROOT / page).read_text()
        assert all(f"<!-- {name} -->" in text and f"<!-- /{name} -->" in text for name in tables)
        assert fill(text, tables) == text, f"{page}: run python scripts/readme_tables.py"
    assert "| eegmat |" in README
    assert "| 855-512-256-64 |" in README


def test_make_help_lists_the_targets():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z-]+):.*##", makefile, flags=re.MULTILINE)
    assert {"help", "demo", "test", "test-slow", "check", "bench"} <= set(targets)
