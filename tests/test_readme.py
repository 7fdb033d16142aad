"""README is true: its commands compose, its Python runs, its tables are those of benchmarks/."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from omegaconf import open_dict, read_write

from eegdae.tasks.launch import _data_path, conf_dir, register_resolvers
from eegdae.tasks.overrides import check_args, compose_command
from eegdae.tasks.prepare import plain_config
from eegdae.tasks.settings import read_settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
COMMANDS = [
    line
    for kind, block in BLOCKS
    if not kind
    for line in block.replace("\\\n", " ").splitlines()
    if line.startswith("eegdae train")
]


@pytest.mark.parametrize("command", COMMANDS)
def test_training_commands_compose_and_are_accepted(command):
    words = shlex.split(command, comments=True)[2:]
    register_resolvers()
    args = [word for arg in words for word in _data_path(arg)]
    overrides = [arg for arg in check_args("train", args, conf_dir()) if "=" in arg]
    if "-m" not in args:
        config = compose_command("train", overrides, conf_dir())
        with read_write(config), open_dict(config):
            del config["hydra"]
        read_settings(plain_config(config))


def test_there_are_commands_to_test():
    assert len(COMMANDS) >= 8


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
        from readme_tables import fill
    finally:
        sys.path.pop(0)
    assert fill(README) == README, "run python scripts/readme_tables.py"
    assert "| eegmat |" in README
    assert "| 855 → 256 |" in README


def test_make_help_lists_the_targets():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z-]+):.*##", makefile, flags=re.MULTILINE)
    assert {"help", "demo", "test", "test-slow", "check", "bench"} <= set(targets)
