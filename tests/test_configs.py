"""Every YAML of conf/: it composes, it is understood, and it says what it is for."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise

import pytest
from omegaconf import OmegaConf, open_dict, read_write

from eegdae.features import FROM_WINDOWS
from eegdae.recordings.sources import source_of
from eegdae.tasks.launch import conf_dir, register_resolvers
from eegdae.tasks.overrides import compose_command
from eegdae.tasks.prepare import plain_config
from eegdae.tasks.settings import read_settings
from eegdae.tasks.targets import check_targets

CONF = conf_dir()
FILES = sorted(CONF.rglob("*.yaml"))
CHOICES = [(f.parent.relative_to(CONF).as_posix(), f.stem) for f in FILES if f.parent != CONF]
register_resolvers()


def compose(command, *overrides):
    config = compose_command(command, overrides, CONF)
    check_targets(OmegaConf.to_container(config, resolve=False))
    with read_write(config), open_dict(config):
        del config["hydra"]
    return plain_config(config)


@pytest.mark.parametrize(("group", "choice"), CHOICES, ids=["=".join(c) for c in CHOICES])
def test_every_choice_becomes_settings(group, choice):
    value = f"[{choice}]" if group == "features" else choice
    needed = ["data.path=mine.edf"] if choice.endswith("files") else []
    needed += ["data.sfreq=100"] if choice in ("arff_files", "mat_files", "npy_files", "ts_files") else []
    needed += ["data.layout=channels_times"] if choice in ("mat_files", "npy_files") else []
    needed += ["data.path=folder", "data.dataset=Zhou2016"] if choice == "moabb_sets" else []
    needed += ["corruption.path=mine.npz"] if choice == "artefacts" else []
    needed += ["ocular.channels=[Fp1,Fp2]"] if group == "ocular" and choice != "none" else []
    if group == "data":
        needed.append("features=[raw]")  # files leave the bands to the user
    config = compose("train", f"{group}={value}", *needed)
    settings = read_settings(config)
    assert settings.recipe.views
    source = source_of(config["data"])
    common = {"name", "source", "path", "pattern", "subject", "about", "labels", "classes"}
    assert set(settings.data) <= common | {
        "interpolated",
        "prepare",
        "resource",
        "get",
        "licence",
        "citation",
        "bands",
        "windows",
        "split",
    } | set(source.keys)


@pytest.mark.parametrize("head", ["logistic", "mlp"])
@pytest.mark.parametrize("command", ["extract", "classify"])
def test_commands_on_a_run_compose(command, head):
    more = [f"head={head}"] if command == "classify" else []
    config = compose(command, "run=outputs/x", *more)
    assert config["run"] == "outputs/x"
    assert config["data"]["name"] == "watch"


def test_all_views_at_once():
    settings = read_settings(compose("train", "features=[raw,power,connectivity]"))
    assert [view.name for view in settings.recipe.views] == ["raw", "power", "pearson", "plv"]


def test_fewer_views_than_the_experiment_names_widths_for():
    settings = read_settings(compose("train", "features=[power]"))
    assert [view.name for view in settings.recipe.views] == ["power"]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(CONF).as_posix())
def test_opens_with_what_it_is_and_the_command_that_runs_it(file):
    lines = file.read_text().splitlines()
    comment = []
    for line in lines:
        if not line.startswith("#"):
            break
        comment.append(line)
    assert any(re.match(r"#   eegdae \S", line) for line in comment), comment
    assert any(re.match(r"# [A-Z]", line) for line in comment), comment
    if file.parent != CONF:
        group = file.parent.name
        # where there is one choice only, it need not be chosen
        assert len(list(file.parent.glob("*.yaml"))) == 1 or any(f"{group}={file.stem}" in c for c in comment)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(CONF).as_posix())
def test_example_commands_compose(file):
    """The commands at the top of a file are what users copy."""
    for words in re.findall(
        r"^#   eegdae (train|extract|classify)(.*)$", file.read_text(), flags=re.MULTILINE
    ):
        command, rest = words
        args = [a for a in shlex.split(rest) if a != "-m"]
        args = [re.sub(r"=(range\(.*\)|[\d.]+(,[\d.]+)+)$", "=0", a) for a in args]
        args = [a for a in args if not re.match(r"data=.*[./]", a)]  # FILE, which becomes data.path
        compose(command, *args)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(CONF).as_posix())
def test_keys_have_comments(file):
    """A comment above a key; only what an experiment repeats, and what its name says, goes without."""
    lines = file.read_text().splitlines()
    bare = [
        found.group(1)
        for before, line in pairwise(lines)
        if (found := re.match(r"([A-Za-z]\w*):", line)) and not before.startswith("#")
    ]
    told = {"defaults", "hydra", "name", "source", "licence", "citation", "unit", "ch_names", "enabled"}
    if file.parent.name == "features":
        told |= set(FROM_WINDOWS)  # the name of a view is what it is of
    if file.parent.name == "experiment":
        told = set(bare)  # the keys are explained where they are defined
    assert not set(bare) - told
