"""docs/recordings.md is true: it names every kind of file, every set and every option of windows."""

import re
from pathlib import Path

import pytest
import yaml

from eegdae.recordings import SOURCES
from eegdae.tasks.launch import conf_dir
from eegdae.windows import HOW_TO_CUT

PAGE = (Path(__file__).parents[1] / "docs/recordings.md").read_text()
SETS = sorted(file.stem for file in (conf_dir() / "data").glob("*.yaml"))


@pytest.mark.parametrize("name", SETS)
def test_every_set_is_named(name):
    assert f"`{name}`" in PAGE


def test_every_source_has_a_set():
    used = {yaml.safe_load((conf_dir() / f"data/{name}.yaml").read_text())["source"] for name in SETS}
    assert used == set(SOURCES)


def test_every_option_of_windows_is_named():
    assert set(HOW_TO_CUT) <= set(re.findall(r"`(\w+)`", PAGE))


def test_preparation_is_in_the_order_of_the_configuration():
    keys = list(yaml.safe_load((conf_dir() / "data/files.yaml").read_text())["prepare"])
    told = PAGE[PAGE.index("in this order:") :].split(". `conf")[0]
    assert re.findall(r"`(\w+)`", told) == keys[:-1]
    assert keys[-1] == "causal"
