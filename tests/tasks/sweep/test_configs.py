"""Configurations of jobs made from one another are those that Hydra composes."""

import pytest
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf

from eegdae.tasks.launch import conf_dir, register_resolvers
from eegdae.tasks.sweep.configs import JobConfigs

JOBS = {
    "values": (["corruption.level=0.5", "seed=3"], ["corruption.level=0", "seed=4"]),
    "files and values": (
        ["corruption=masking", "corruption.level=0.2", "name='a b'"],
        ["corruption=masking", "corruption.level=0.3", "name=null"],
    ),
    "other files": (["corruption=masking", "seed=1"], ["corruption=uniform", "seed=1"]),
    "lists": (["model.hidden=[3,4]", "seed=1"], ["model.hidden=[3,5]", "seed=1"]),
    "a value given twice": (["seed=1", "seed=2"], ["seed=3", "seed=1"]),
    "a file of many values": (
        ["corruption.level=0.7", "experiment=eegmat"],
        ["corruption.level=0.9", "experiment=eegmat"],
    ),
    "references": (["trainer.batch_size=7", "name=a"], ["trainer.batch_size=${seed}", "name=b"]),
    "new keys": (["+corruption.x=1"], ["+corruption.x=2"]),
    "numbers as text": (["optimizer.lr=1e-3"], ["optimizer.lr=2e-3"]),
}


@pytest.mark.parametrize("jobs", JOBS.values(), ids=JOBS)
def test_they_are_hydras_own(jobs):
    register_resolvers()
    GlobalHydra.instance().clear()
    hydra = Hydra.create_main_hydra2("train", create_config_search_path(str(conf_dir())))
    try:
        whole = hydra.compose_config("train", ["hydra/launcher=vectorized"], RunMode.MULTIRUN)
        assert whole.hydra.sweep.dir  # a sweeper resolves it first too; from then on the moment stands
        composed = []

        def compose(overrides):
            composed.append(overrides)
            return hydra.config_loader.load_sweep_config(whole, overrides)

        config_of = JobConfigs(compose, [conf_dir()])
        for overrides in [*jobs, *jobs]:
            mine, theirs = config_of(overrides), hydra.config_loader.load_sweep_config(whole, overrides)
            assert OmegaConf.to_yaml(mine) == OmegaConf.to_yaml(theirs)
            assert mine.hydra.sweep.dir == theirs.hydra.sweep.dir  # the moment is the same
        assert len(composed) <= 2
    finally:
        GlobalHydra.instance().clear()


def test_of_many_values_one_is_composed():
    config, asked = OmegaConf.create({"a": 1, "b": {"c": 2}, "hydra": {}}), []
    config.hydra = {
        "overrides": {"task": []},
        "job": {"config": {"override_dirname": {"kv_sep": "=", "item_sep": ",", "exclude_keys": []}}},
    }
    config_of = JobConfigs(lambda overrides: asked.append(overrides) or config.copy(), [])
    found = [config_of([f"a={k}", f"b.c={k * k}"]) for k in range(2, 6)]
    assert len(asked) == 1
    assert [(job.a, job.b.c) for job in found[1:]] == [(3, 9), (4, 16), (5, 25)]
    assert [job.hydra.job.override_dirname for job in found[1:]] == ["a=3,b.c=9", "a=4,b.c=16", "a=5,b.c=25"]
