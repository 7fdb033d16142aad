"""What a sweep is going to do, against Hydra's own list of jobs and one composition a job."""

from __future__ import annotations

import time

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from omegaconf import open_dict, read_write

from eegdae.errors import EegdaeError
from eegdae.tasks.launch import conf_dir, register_resolvers
from eegdae.tasks.overrides import check_args, compose_command
from eegdae.tasks.prepare import plain_config
from eegdae.tasks.settings import read_settings
from eegdae.tasks.sweep.plan import plan_sweep

register_resolvers()


def plan(*overrides):
    return plan_sweep("train", check_args("train", ["-m", *overrides], conf_dir()), conf_dir())


def jobs_of(*overrides):
    args = check_args("train", ["-m", *overrides], conf_dir())
    return BasicSweeper.split_arguments(args.overrides, None)[0]


def refused(texts):
    """The obvious way: compose one job and read it."""
    config = compose_command("train", texts, conf_dir())
    with read_write(config), open_dict(config):
        del config["hydra"]
    try:
        read_settings(plain_config(config))
    except EegdaeError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    "overrides",
    [
        ("corruption=gaussian,masking", "corruption.level=0,1.5", "seed=0,x"),
        ("features=[raw],[power]", "model.raw_view_hidden=[8,4],[8,0]", "windows.size=1,x"),
        ("model.hidden=[8,4],[8,0],5", "+pretrain.more=1,2"),
        ("pretrain.early_stopping=null,{patience: 2},{patience: x}", "seed=range(0,2)"),
        ("features=[power]", "features.power={hidden: [8,0]},{hidden: [8,4]}"),
        ("trainer.threads=1", "corruption.level=0,${trainer.threads},x"),
        ("corruption.schedule=constant,linear,bogus", "corruption.end_level=null,0.1"),
    ],
)
def test_jobs_that_cannot_run_are_those_whose_own_composition_is_refused(overrides):
    jobs = jobs_of(*overrides)
    reasons = [refused(texts) for texts in jobs]
    wrong = {reason for reason in reasons if reason}
    assert wrong
    with pytest.raises(EegdaeError) as error:
        plan(*overrides)
    if len(wrong) == 1 and all(reasons):
        assert str(error.value) == wrong.pop()
        return
    assert str(error.value).startswith(f"{sum(map(bool, reasons))} of {len(jobs)} jobs cannot run")
    for reason in sorted(wrong, key=reasons.index)[:3]:
        assert reason in str(error.value)
        first = reasons.index(reason)
        text = str(error.value).partition(f": {reason}")[0].rpartition("job")[2]
        assert text.removeprefix("s").split()[0].rstrip(",") == str(first)


def test_a_plan():
    found = plan(
        "corruption.level=0,1,2", "seed=range(0,2)", "scaler=standard", "hydra.sweep.dir='it\\'s here'"
    )
    assert (found.n_jobs, found.keys) == (6, ("corruption.level", "seed"))
    assert (found.resume, found.is_named) == (False, True)
    assert str(found.folder) == "it's here"
    assert found.override == "hydra.sweep.dir='it\\'s here'"
    assert found.launcher["_target_"].endswith(".BasicLauncher")
    found = plan("name=a,b", "sweep.resume=true")
    assert found.n_jobs == 2
    assert found.folder.parts[:3] == ("multirun", "train", "watch")
    assert (found.resume, found.is_named) == (True, False)


def test_a_later_list_replaces_a_single_value_as_in_hydra():
    assert plan("seed=5", "corruption.level=0,1", "seed=1,2").n_jobs == 4
    assert len(jobs_of("seed=5", "corruption.level=0,1", "seed=1,2")) == 4


def test_a_thousand_jobs_are_looked_through_in_seconds():
    start = time.process_time()
    assert plan("corruption.level=range(0,2,0.01)", "seed=range(0,5)").n_jobs == 1000
    assert time.process_time() - start < 10
