"""docs/baselines.md is true: its commands are accepted, its table has every representation."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from omegaconf import open_dict, read_write

from eegdae.reporting.names import REPRESENTATIONS
from eegdae.tasks.launch import conf_dir, register_resolvers
from eegdae.tasks.overrides import compose_command
from eegdae.tasks.prepare import plain_config
from eegdae.tasks.settings import read_settings
from eegdae.tasks.settings.baselines import BASELINES, CAE_WEIGHT, MSDA_SHARE

PAGE = (Path(__file__).parents[1] / "docs/baselines.md").read_text()
COMMANDS = re.findall(r"^eegdae train.*$", PAGE, flags=re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_accepted(command):
    register_resolvers()
    config = compose_command("train", shlex.split(command)[2:], conf_dir())
    with read_write(config), open_dict(config):
        del config["hydra"]
    read_settings(plain_config(config))


def test_there_is_a_row_for_every_representation():
    assert len(COMMANDS) >= 4
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)) == set(REPRESENTATIONS)
    assert all(f"baselines=[{name}]" in PAGE for name in BASELINES)
    assert f"above 0, else {MSDA_SHARE}" in PAGE
    assert f"Its weight is {CAE_WEIGHT};" in PAGE
