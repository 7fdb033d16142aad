"""What a run's corruption needs of its windows, from the configuration on."""

from __future__ import annotations

import logging
import re
import shlex
from dataclasses import replace

import numpy as np
import pytest
import torch
from omegaconf import open_dict, read_write

import eegdae.corruption as package
from eegdae.corruption import Artefacts, Chain, Gaussian, Masking, level_of_snr
from eegdae.corruption.schedule import SCHEDULES
from eegdae.errors import EegdaeError
from eegdae.evaluation.fitting import fit_models
from eegdae.recordings import read_recordings
from eegdae.tasks.corruption import ready_corruption
from eegdae.tasks.launch import conf_dir, register_resolvers
from eegdae.tasks.overrides import compose_command
from eegdae.tasks.prepare import make_data, plain_config
from eegdae.tasks.settings import read_settings
from eegdae.windows import make_windows
from tests.shell import recordings

SMALL = (
    "data=npz_files",
    "data.path=mine.npz",
    "data.bands={low: [1, 5], high: [5, 20]}",
    "features=[raw,power,plv]",
    "~experiment",
    "model.hidden=[3]",
    "model.raw_view_hidden=[3]",
)
KINDS = sorted(file.stem for file in (conf_dir() / "corruption").glob("*.yaml"))


def settings_of(*overrides):
    register_resolvers()
    config = compose_command("train", [*SMALL, *overrides], conf_dir())
    with read_write(config), open_dict(config):
        del config["hydra"]
    return read_settings(plain_config(config))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mine")
    np.savez(folder / "mine.npz", **recordings(n_people=2, n_times=400))
    clips = {**recordings(n_people=1, n_times=900, sfreq=100.0, n_chans=2, seed=1)}
    np.savez(folder / "clips.npz", **{**clips, "ch_names": np.array(["c1", "e"])})
    np.save(folder / "clips.npy", np.random.default_rng(0).normal(size=(5, 300)))
    return folder


@pytest.fixture(scope="module")
def made(files):
    windows = make_windows(read_recordings(files / "mine.npz"), size=2.0, stride=2.0)
    return windows, make_data(windows, settings_of())


def ready(made, *overrides):
    return ready_corruption(settings_of(*overrides), *made)


@pytest.mark.parametrize("kind", KINDS)
def test_every_choice_corrupts_each_view_of_real_shapes_or_has_a_relative_that_does(
    kind, files, made, caplog
):
    """From YAML to a trained stack for raw windows, power and pairs at once."""
    own = {"artefacts": [f"corruption.path={files / 'clips.npz'}"], "line_noise": ["corruption.freq=10"]}
    own["band_noise"] = ["corruption.band=[5,10]"]
    caplog.set_level(logging.INFO, logger="eegdae")
    settings = ready(made, f"corruption={kind}", *own.get(kind, ()), "pretrain.epochs=1", "pretrain=greedy")
    fitted = fit_models(made[1], np.arange(8), settings.recipe, fold=0, compare=False)
    losses = {row["view"]: row["loss"] for row in fitted.history}
    plain = fit_models(made[1], np.arange(8), replace(settings.recipe, level=0.0), fold=0, compare=False)
    for row in plain.history:
        assert losses[row["view"]] != row["loss"]
    raw_only = {"time_block", "frequency_band", "band_noise", "line_noise", "artefacts"}
    told = {
        **{key: ["power", "plv"] for key in raw_only},
        "edge_dropout": ["raw", "power"],
        "node_dropout": ["raw"],
    }.get(kind, [])
    said = [r.getMessage() for r in caplog.records if "stands for" in r.getMessage()]
    assert [line.split("'")[1] for line in said] == told


def test_a_kind_that_no_view_can_use_is_refused(made):
    with pytest.raises(EegdaeError, match=r"^corruption=edge_dropout: .*'raw'.*'power'.*; use masking$"):
        ready(made, "features=[raw,power]", "corruption=edge_dropout")
    gap = "+corruption.parts.gap={_target_: eegdae.corruption.TimeBlock, level: 0.2}"
    with pytest.raises(EegdaeError, match=r"^corruption=time_block: .*'power' are no raw .*; use masking$"):
        ready(made, "features=[power]", "corruption=chain", gap)


def test_an_option_that_the_windows_do_not_allow_is_refused_before_training(made):
    with pytest.raises(EegdaeError, match=r"corruption\.freq=50: must be below .* 25 Hz"):
        ready(made, "corruption=line_noise")


def test_artefacts_are_filtered_resampled_and_matched(files, made, caplog):
    caplog.set_level(logging.INFO, logger="eegdae")
    path = f"corruption.path={files / 'clips.npz'}"
    kind = ready(made, "corruption=artefacts", path, "corruption.l_freq=2").recipe.corruption
    assert isinstance(kind, Artefacts)
    assert kind.signal.shape == (1, 900)  # two recordings of 9 s at 50 Hz; e is no channel of the data
    assert abs(kind.signal.mean()) < 0.01
    assert "artefacts: 2 recordings, 18 s at 50 Hz, onto c1" in caplog.text
    part = "+corruption.parts.eyes={_target_: eegdae.corruption.Artefacts, level: 1, path: %s}"
    chain = ready(made, "corruption=chain", part % (files / "clips.npz")).recipe.corruption
    assert isinstance(chain, Chain)
    assert chain.parts[-1].corruption.signal is not None
    x = torch.randn(4, 300)
    layout = settings_of().recipe.views[0].layout(x, n_chans=3, sfreq=50.0)
    assert chain.fitted(x, layout=layout).describe(1.0).count("SNR") == 2


def test_artefacts_in_files_that_need_to_be_told_what_they_are(files, made, caplog):
    caplog.set_level(logging.INFO, logger="eegdae")
    options = [f"corruption.path={files / 'clips.npy'}", "corruption.loudest=1"]
    reading = "corruption.reading={sfreq: 100, layout: trials_times}"
    kind = ready(made, "corruption=artefacts", *options, reading).recipe.corruption
    assert kind.signal.shape == (1, 5 * 150)
    assert "artefacts: 5 recordings, 15 s at 50 Hz" in caplog.text
    for wrong, said in (
        (
            "corruption.reading={layout: trials_times}",
            r"clips\.npy: corruption\.reading\.sfreq=None: an \.npy",
        ),
        ("corruption.reading=trials_times", r"^corruption\.reading='trials_times': must be keys of a data"),
        ("corruption.reading={prepare: {}}", r"^corruption\.reading\.prepare: the filter is corruption"),
        (
            "corruption.reading={sfreq: 9, layot: x}",
            r"^corruption\.reading\.layot: unknown key; did you mean",
        ),
    ):
        with pytest.raises(EegdaeError, match=said):
            ready(made, "corruption=artefacts", *options, wrong)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["corruption.path=/nowhere.npz"], r"^corruption\.path=/nowhere\.npz: no such file"),
        (["corruption.l_freq=70"], r"corruption\.l_freq=70 must be below half the sampling rate, 50 Hz"),
        (["corruption.h_freq=40"], r"^corruption\.h_freq=40: must be 25 or less"),
        (["corruption.channels=[c2]"], r"^corruption\.channels: 'c2' is not a channel; known: c1, e"),
    ],
)
def test_artefacts_that_cannot_be_had(options, said, files, made):
    with pytest.raises(EegdaeError, match=said) as caught:
        ready(made, "corruption=artefacts", f"corruption.path={files / 'clips.npz'}", *options)
    assert "\n" not in str(caught.value)


def test_how_much_is_said_by_level_or_by_snr():
    assert settings_of().recipe.level == 1.0
    recipe = settings_of("corruption.level=null", "corruption.snr_db=6").recipe
    assert recipe.level == level_of_snr(6.0)
    assert "(SNR 6.0 dB)" in recipe.corruption.describe(recipe.level)
    parts = settings_of(
        "corruption=chain", "corruption.parts.noise.level=null", "corruption.parts.noise.snr_db=-20"
    ).recipe.corruption.parts
    assert parts[0].level == pytest.approx(10.0)


def test_the_parts_of_a_chain_and_the_schedule_are_what_the_configuration_says():
    recipe = settings_of(
        "corruption=chain",
        "corruption.parts.lost=null",
        "+corruption.parts.holes={_target_: eegdae.corruption.Masking, level: 0.2, clip: true}",
        "corruption.schedule=cyclic",
        "corruption.end_level=0.4",
        "corruption.n_cycles=2",
    ).recipe
    first, second = recipe.corruption.parts
    assert isinstance(first.corruption, Gaussian)
    assert (second.name, second.level, type(second.corruption), second.corruption.clip) == (
        *("holes", 0.2),
        Masking,
        True,
    )
    assert recipe.level_schedule.at(1.0, 1.0) == pytest.approx(0.4)
    assert recipe.level_schedule.n_cycles == 2


def test_the_schedule_reaches_the_stages(made):
    options = ("features=[raw]", "pretrain=greedy", "pretrain.epochs=3")
    losses = []
    for kind in ("constant", "linear"):
        recipe = ready(made, *options, f"corruption.schedule={kind}").recipe
        found = fit_models(made[1], np.arange(8), recipe, fold=0, compare=False)
        losses.append([row["loss"] for row in found.history])
    assert losses[0][0] == losses[1][0]
    assert losses[0][1] != losses[1][1]
    assert losses[0][2] != losses[1][2]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["corruption.snr_db=3"],
            r"snr_db=3: corruption\.level=1\.0 says how much .* corruption\.level=null",
        ),
        (["corruption.level=null"], r"corruption\.level=None: must be a number, or null beside"),
        (["corruption.level=null", "corruption.snr_db=1e9"], r"must be -200 to 200 decibel"),
        (["corruption=masking", "+corruption.snr_db=3"], r"corruption\.snr_db: unknown key"),
        (["corruption=masking", "corruption.level=1"], r"corruption\.level=1\.0: .*nothing is left"),
        (
            ["corruption=masking", "corruption.schedule=linear", "corruption.end_level=1"],
            r"end_level=1: .*less",
        ),
        (["corruption.end_level=0.1"], r"corruption\.end_level=0\.1: a constant"),
        (["corruption.schedule=lineer"], r"corruption\.schedule='lineer': .*'linear'"),
        (["corruption.n_cycles=0"], r"corruption\.n_cycles=0"),
        (
            ["corruption=chain", "corruption.level=10"],
            r"corruption\.level=10\.0: part 'lost' would have level=1",
        ),
        (["corruption=chain", "corruption.parts.lost.level=2"], r"corruption\.parts\.lost\.level=2\.0"),
        (["corruption=chain", "corruption.parts.lost=3"], r"corruption\.parts\.lost=3: must be a corruption"),
        (["corruption=chain", "corruption.parts=3"], r"corruption\.parts=3: must be a mapping"),
        (["corruption=chain", "+corruption.parts.lost.levl=3"], r"parts\.lost\.levl: unknown key; .*'level'"),
        (
            ["corruption=chain", "corruption.parts.noise.clip=5"],
            r"parts\.noise\.clip=5: must be true or false",
        ),
        (
            [
                "corruption=chain",
                "+corruption.parts.x={_target_: eegdae.corruption.LineNoise, level: 1, freq: 0}",
            ],
            r"corruption\.parts\.x\.freq=0: must be a frequency",
        ),
        (
            ["corruption=chain", "+corruption.parts.x={_target_: torch.optim.SGD, level: 1}"],
            r"corruption\.parts\.x\._target_='torch\.optim\.SGD': is no corruption",
        ),
    ],
)
def test_a_wrong_value_is_named_with_the_mend(options, said):
    with pytest.raises(EegdaeError, match=said) as caught:
        settings_of(*options)
    assert "\n" not in str(caught.value)


DOCS = (conf_dir().parent / "docs" / "corruption.md").read_text()


@pytest.mark.parametrize("line", re.findall(r"^eegdae train (.*)$", DOCS, flags=re.MULTILINE))
def test_commands_of_the_page_are_understood(line):
    register_resolvers()
    words = [word for word in shlex.split(line) if word != "-m" and "seed" not in word]
    # of a sweep the first value
    config = compose_command("train", [re.sub(r"=([^[{]*?),.*", r"=\1", w) for w in words], conf_dir())
    with read_write(config), open_dict(config):
        del config["hydra"]
    assert read_settings(plain_config(config)).recipe.corruption


def test_the_page_has_every_kind_schedule_and_option():
    for kind in KINDS:
        assert f"| `{kind}` |" in DOCS
    for schedule in SCHEDULES:
        assert f"| `{schedule}` |" in DOCS
    for cls in vars(package).values():
        if isinstance(cls, type) and issubclass(cls, package.Corruption):
            for option in cls.options():
                assert f"`{option}`" in DOCS or f"`{option}=" in DOCS
