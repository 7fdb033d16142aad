"""A composed configuration as checked objects: what is built, and what each wrong value is told."""

from __future__ import annotations

import copy

import pytest
from omegaconf import open_dict, read_write

from eegdae.alignment import AlignmentSpec
from eegdae.corruption import Masking
from eegdae.errors import EegdaeError
from eegdae.evaluation.recipe import CommitteeSpec
from eegdae.tasks.launch import conf_dir, register_resolvers
from eegdae.tasks.overrides import compose_command
from eegdae.tasks.prepare import plain_config
from eegdae.tasks.settings import read_settings
from eegdae.training import Objective


@pytest.fixture(scope="module")
def composed():
    register_resolvers()
    overrides = [
        "features=[power,raw]",
        "corruption=masking",
        "head=mlp",
        "finetune=encoder",
        "adaptation=asdae",
        "committee=person",
    ]
    config = compose_command("train", overrides, conf_dir())
    with read_write(config), open_dict(config):
        del config["hydra"]
    return plain_config(config)


def changed(config, path, value):
    config = copy.deepcopy(config)
    node = config
    *parents, last = path.split(".")
    for key in parents:
        node = node[key]
    if value is KeyError:
        del node[last]
    else:
        node[last] = value
    return config


def test_what_the_configuration_says_is_what_is_built(composed):
    config = changed(composed, "corruption.level", 0.4)
    config["trainer"]["batch_size"] = 17
    config["optimizer"]["lr"] = 0.02
    settings = read_settings(config)
    recipe = settings.recipe
    assert isinstance(recipe.corruption, Masking)
    assert recipe.level == 0.4
    assert recipe.schedule.batch_size == 17
    assert recipe.schedule.optimizer.options["lr"] == 0.02
    assert recipe.head.kind == "mlp"
    assert recipe.head.optimizer.options["lr"] == config["head"]["lr"]
    assert recipe.committee == CommitteeSpec(n_members=5, C=1.0, max_iter=100)
    assert read_settings(changed(config, "committee", {"enabled": False})).recipe.committee is None
    assert recipe.finetune.level == config["finetune"]["level"]
    assert [(v.name, v.hidden) for v in recipe.views] == [
        ("power", None),
        ("raw", tuple(config["features"]["raw"]["hidden"])),
    ]
    assert settings.windows == config["windows"]
    assert recipe.alignment == AlignmentSpec()
    assert recipe.adaptation.batch_size == config["adaptation"]["batch_size"]
    assert recipe.finetune.reconstruction == 0


def test_an_alignment_may_be_named_by_its_kind_alone(composed):
    for value in ("zscore", {"kind": "zscore"}, {"kind": "zscore", "by": "subject", "n_windows": None}):
        assert read_settings(changed(composed, "alignment", value)).recipe.alignment == AlignmentSpec(
            "zscore"
        )


def test_the_loss_and_its_terms_reach_the_recipe(composed):
    recipe = read_settings(composed).recipe
    assert (recipe.objective, recipe.lpp) == (Objective(), None)
    node = {**composed["loss"], "name": "huber", "delta": 2.0, "locality": 0.5, "heat": 3.0, "lpp": 4}
    node["channel_weights"] = {"ax": 2.0}
    recipe = read_settings(changed(composed, "loss", node)).recipe
    expected = Objective("huber", delta=2.0, locality=0.5, heat=3.0, channel_weights={"ax": 2.0})
    assert (recipe.objective, recipe.lpp) == (expected, 4)
    # a run made before there were terms
    assert read_settings(changed(composed, "loss", {"name": "bce"})).recipe.objective == Objective("bce")


def test_options_of_a_measure_reach_its_view(composed):
    node = {"measure": "coherence", "estimator": "welch", "n_per_segment": 64, "order": None, "hidden": [4]}
    view = read_settings(changed(composed, "features", {"mine": node})).recipe.views[0]
    assert (view.measure, view.hidden) == ("coherence", (4,))
    assert view.options == {"estimator": "welch", "n_per_segment": 64}
    node = {"measure": "covariance_tangent", "n_components": None}
    view = read_settings(changed(composed, "features", {"mine": node})).recipe.views[0]
    assert view.options == {"covariance_estimator": "oas", "metric": "riemann", "n_components": None}


@pytest.mark.parametrize("measure", ["covariance", "covariance_tangent", "filter_bank_tangent", "plv"])
def test_beside_covariances_stands_what_cleaning_explains(composed, measure):
    config = changed(composed, "features", {"mine": {"measure": measure}})
    expected = ["eigenvalue_ratio"] if measure != "plv" else []
    assert list(read_settings(config).recipe.baselines) == expected
    for named in (["eigenvalue_ratio"], ["deviation"]):
        config["baselines"] = named
        assert sorted(read_settings(config).recipe.baselines) == sorted({*expected, *named})


@pytest.mark.parametrize(
    ("corruption", "level", "share"),
    [("Masking", 0.3, 0.3), ("Masking", 0.0, 0.5), ("Gaussian", 0.3, 0.5), ("SaltAndPepper", 0.2, 0.2)],
)
def test_msda_masks_what_the_corruption_does(composed, corruption, level, share):
    config = changed(composed, "baselines", ["cae", "msda", "deviation"])
    config["corruption"] = {"_target_": f"eegdae.corruption.{corruption}", "level": level}
    assert read_settings(config).recipe.baselines == {"cae": 0.1, "msda": share, "deviation": None}
    config["baselines"] = [{"msda": 0.6, "cae": 2}]
    assert read_settings(config).recipe.baselines == {"cae": 2.0, "msda": 0.6}


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("corruption.level", -0.1, r"corruption\.level=-0\.1"),
        ("corruption.level", 1.01, r"corruption\.level=1\.01: the level of Masking must be 0 or more and l"),
        ("corruption.level", "much", r"corruption\.level='much': must be a number"),
        ("corruption.level", float("nan"), r"corruption\.level=nan"),
        ("corruption.level", True, r"corruption\.level=True"),
        ("corruption.level", KeyError, r"corruption\.level=None"),
        ("corruption.clip", 1, r"corruption\.clip=1: must be true or false"),
        ("corruption.clipp", True, r"corruption\.clipp: unknown key; did you mean 'clip'"),
        ("corruption._target_", "torch.optim.Adam", r"corruption\._target_='torch\.optim\.Adam': is no corr"),
        ("optimizer._target_", "eegdae.corruption.Masking", r"optimizer\._target_=.*is no optimizer"),
        ("optimizer.lr", -1, r"optimizer: Adam does not take"),
        ("optimizer.beta", 1, r"optimizer\.beta=1: Adam has no such option; did you mean .betas."),
        ("model._target_", "torch.optim.Adam", r"model\._target_='torch\.optim\.Adam': refused here"),
        ("model.hidden", [], r"model\.hidden=\[\]"),
        ("model.hidden", [8, 0], r"model\.hidden=0: must be a whole number, 1 or more"),
        ("model.hidden", [8, 2.5], r"model\.hidden=2\.5"),
        ("model.hidden", KeyError, r"model\.hidden: is missing"),
        ("head.dropout", 1, r"head\.dropout=1: must be 0 or more and less than 1"),
        ("head.width", KeyError, r"head\.width: is missing"),
        ("finetune.epochs", 0, r"finetune\.epochs=0"),
        ("finetune.lr", KeyError, r"finetune\.lr: is missing"),
        ("pretrain.epochs", -1, r"pretrain\.epochs=-1"),
        ("pretrain.name", "gredy", r"pretrain='gredy'.*did you mean 'greedy'"),
        ("loss.name", "bcee", r"loss='bcee'.*did you mean 'bce'"),
        ("loss.name", KeyError, r"loss\.name: is missing"),
        ("loss.contractiv", 0.1, r"loss\.contractiv: unknown key; did you mean 'contractive'"),
        ("loss.delta", 1.0, r"loss\.delta: unknown key"),
        ("loss.l1", -0.1, r"loss\.l1=-0\.1: must be a number, 0 or more"),
        ("loss.heat", 0, r"loss\.heat=0: must be a number above 0"),
        ("loss.lpp", 0, r"loss\.lpp=0: must be a whole number, 1 or more"),
        ("loss.lpp", 2.5, r"loss\.lpp=2\.5"),
        ("trainer.batch_size", 0, r"trainer\.batch_size=0"),
        ("trainer.threads", 0, r"trainer\.threads=0"),
        ("trainer.threads", 10**9, r"trainer\.threads=1000000000: must be 1024 or less"),
        ("scaler", "standart", r"scaler='standart'.*did you mean 'standard'"),
        ("alignment", "zscor", r"alignment='zscor'.*did you mean 'zscore'"),
        ("alignment", 3, r"alignment=3: must be a mapping, or one of none, zscore"),
        ("alignment.by", "foo", r"alignment\.by='foo': not known"),
        ("alignment.n_windows", 0, r"alignment\.n_windows=0: must be a whole number, 1 or more, or null"),
        ("alignment.windows", 3, r"alignment\.windows: unknown key; did you mean 'n_windows'"),
        ("alignment.kind", KeyError, r"alignment\.kind: is missing"),
        ("ocular", {}, r"ocular\.kind: is missing"),
        ("ocular", None, r"ocular=None: must be a mapping"),
        ("ocular.kind", "icaa", r"ocular\.kind='icaa': not known; did you mean 'ica'"),
        ("ocular.channels", ["Fp1"], r"ocular\.channels: unknown key"),
        ("ocular", {"kind": "ica", "channels": ["a"]}, r"ocular\.keep: is missing"),
        (
            "ocular",
            {"kind": "regression", "channels": "Fp1", "keep": True},
            r"ocular\.channels='Fp1': must be a l",
        ),
        (
            "ocular",
            {"kind": "regression", "channels": ["a"], "keep": 1},
            r"ocular\.keep=1: must be true or f",
        ),
        (
            "ocular",
            {"kind": "regression", "channels": ["a"], "keep": False, "threshold": 3},
            r"ocular\.threshold: unknown key",
        ),
        ("adaptation.lr", -1, r"adaptation\.lr=-1: must be a number, 0 or more"),
        ("adaptation.lr", KeyError, r"adaptation\.lr: is missing"),
        ("adaptation.batch_size", 0, r"adaptation\.batch_size=0"),
        ("adaptation.step", 2, r"adaptation\.step: unknown key; did you mean 'steps'"),
        ("adaptation.enabled", 1, r"adaptation\.enabled=1: must be true or false"),
        ("finetune.reconstruction", -0.5, r"finetune\.reconstruction=-0\.5: must be a number, 0 or more"),
        ("finetune.reconstruction", "all", r"finetune\.reconstruction='all': must be a number"),
        ("baselines", ["eigenvalue"], r"baselines='eigenvalue'"),
        ("baselines", ["msd"], r"baselines='msd': not known; did you mean 'msda'"),
        ("baselines", ["msda", {"msda": 0.1}], r"baselines=\[.*names msda twice"),
        ("baselines", [{"msda": 1}], r"baselines\.msda=1: a share of entries, must be more than 0 and less"),
        ("baselines", [{"cae": 0}], r"baselines\.cae=0: the weight of a penalty, must be a number above 0"),
        ("baselines", [{"cae": "much"}], r"baselines\.cae='much': must be a number"),
        ("baselines", [{"deviation": 1}], r"baselines: \{deviation: 1\}: takes no number; write deviation"),
        ("committee.enabled", 1, r"committee\.enabled=1: must be true or false"),
        ("committee.n_members", 0, r"committee\.n_members=0: must be a whole number, 1 or more"),
        ("committee.n_member", 3, r"committee\.n_member: unknown key; did you mean 'n_members'"),
        ("committee.n_members", KeyError, r"committee\.n_members: is missing"),
        ("committee.head", "mlp", r"committee\.head='mlp': must be a mapping"),
        ("committee.head.C", [1.0, 2.0], r"committee\.head\.C=\[1\.0, 2\.0\]: must be a number"),
        ("committee.head.C", 0, r"committee\.head\.C=0: must be a number above 0"),
        ("committee.head.max_iter", 0, r"committee\.head\.max_iter=0"),
        ("committee.head", {"C": 1.0}, r"committee\.head\.max_iter: is missing"),
        ("committee", None, r"committee=None: must be a mapping"),
        ("seed", -1, r"seed=-1"),
        ("seed", 1.5, r"seed=1\.5"),
        ("features", {}, r"features: no view"),
        ("features.power.measure", "pwr", r"features\.power\.measure='pwr': no such measure"),
        ("features.power.band", {}, r"features\.power\.band: unknown key; did you mean 'bands'"),
        (
            "features.power.estimatr",
            "welch",
            r"features\.power\.estimatr: unknown key; did you mean 'estimator'",
        ),
        ("features.raw.estimator", "welch", r"features\.raw\.estimator: unknown key"),
        (
            "features",
            {"t": {"measure": "covariance_tangent", "metrik": "x"}},
            r"features\.t\.metrik: unknown key; did you mean 'metric'",
        ),
        ("features.extra", {"hidden": [4]}, r"features\.extra\.measure=''"),
        ("features.power", 3, r"features\.power=3: must be a mapping"),
        ("windows.size", "2s", r"windows\.size='2s': must be a number"),
        ("windows.size", KeyError, r"windows\.size: is missing"),
        ("windows", None, r"windows=None: must be a mapping"),
        ("split", KeyError, r"split: is missing"),
        ("sedd", 1, r"sedd: unknown key; did you mean 'seed'"),
    ],
)
def test_a_wrong_value_is_named_with_the_mend(composed, path, value, said):
    with pytest.raises(EegdaeError, match=said) as caught:
        read_settings(changed(composed, path, value))
    assert "\n" not in str(caught.value)
