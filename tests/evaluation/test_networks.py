import dataclasses
import logging
import warnings

import pytest
import torch

from eegdae.corruption import Gaussian
from eegdae.evaluation import networks
from eegdae.evaluation.networks import joint_specs, log_networks
from eegdae.layout import Layout
from eegdae.models import Convolution, StackedAutoencoder, ViewStacks
from eegdae.models.identity import IdentityWarning
from eegdae.randomness import Stream
from eegdae.training import FitSpec, Objective, Optimizer, Schedule, fit_many

G = torch.Generator().manual_seed(0)
N = 40
X = {"raw": torch.randn(N, 12, generator=G), "power": torch.randn(N, 5, generator=G)}
SCHEDULE = Schedule(epochs=2, joint_epochs=3, batch_size=16, optimizer=Optimizer("Adam", {"lr": 0.01}))


def specs(**changes):
    base = FitSpec(
        x=X["raw"], rows=torch.arange(N), hidden=(4,), corruption=Gaussian(), level=0.5, schedule=SCHEDULE,
        seed=3, fold=1, view="raw", network={"activation": "tanh", "code_activation": "tanh"},
    )  # fmt: skip
    raw = dataclasses.replace(base, **changes)
    return [raw, dataclasses.replace(raw, x=X["power"], view="power", hidden=(2,))]


def fitted(given):
    return ViewStacks({result.spec.view: result.model for result in fit_many(given)})


def fit_joint_layers(stacks, given, width):
    results = fit_many(joint_specs(stacks, given, width=width))
    return networks.fused(stacks, results), [row for result in results for row in result.history]


def same(a, b):
    return all(
        torch.equal(v, w) for v, w in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("pretrain", ["greedy_then_joint", "greedy", "joint", "none"])
def test_the_joint_layer_is_one_more_layer_on_clean_codes(pretrain):
    given = specs(schedule=dataclasses.replace(SCHEDULE, pretrain=pretrain))
    stacks = fitted(given)
    fused, history = fit_joint_layers({"codes": stacks}, given, width=3)
    codes = torch.cat([stacks[view].encode(X[view]) for view in X], 1)
    by_hand = dataclasses.replace(
        given[0], x=codes, hidden=(3,), view="fusion", network={**given[0].network, "output": "tanh"},
        schedule=dataclasses.replace(SCHEDULE, pretrain=pretrain.removesuffix("_then_joint")),
    )  # fmt: skip
    (expected,) = fit_many([by_hand])
    assert same(fused["codes"].joint, expected.model)
    assert history == expected.history
    assert len({row["stage"] for row in history}) == (pretrain != "none")
    assert same(fused["codes"].stacks, stacks.stacks)
    assert fused["codes"].encode(X).shape == (N, 3)


def test_each_model_has_its_own():
    noisy, plain = specs(), specs(level=0.0, name="autoencoder")
    drawn = specs(schedule=dataclasses.replace(SCHEDULE, pretrain="none"), name="random_encoder")
    given = [*noisy, *plain, *drawn]
    stacks = {own[0].name: fitted(own) for own in (noisy, plain, drawn)}
    fused, history = fit_joint_layers(stacks, given, width=3)
    start = StackedAutoencoder(6, hidden=(3,), activation="tanh", code_activation="tanh", output="tanh")
    assert same(fused["random_encoder"].joint, start.reset(Stream(3, 1, "fusion")))
    assert not same(fused["codes"].joint, fused["autoencoder"].joint)
    assert [row["model"] for row in history] == ["codes"] * 2 + ["autoencoder"] * 2


def test_codes_are_no_probabilities_and_those_with_shortcuts_have_no_bound():
    given = [dataclasses.replace(s, x=s.x.sigmoid()) for s in specs(objective=Objective("bce"))]
    stacks = fitted(given)
    fused, _ = fit_joint_layers({"codes": stacks}, given, width=3)
    assert fused["codes"].joint.config["output"] == "tanh"
    given = specs(network={"residual": True, "activation": "sigmoid", "code_activation": "sigmoid"})
    fused, _ = fit_joint_layers({"codes": fitted(given)}, given, width=3)
    assert fused["codes"].joint.config["output"] == "linear"


def test_the_table_is_told_and_the_identity_warned_of(caplog):
    layout, conv = Layout("signals", (2, 6), 50.0), Convolution("1d", (4,), 3, 2)
    given = specs(network={"convolution": conv}, level=0.0)
    given[0] = dataclasses.replace(given[0], layout=layout)
    with (
        caplog.at_level(logging.INFO, "eegdae"),
        pytest.warns(IdentityWarning, match="fusion layer 1") as caught,
    ):
        log_networks(given, 9)
    assert len(caught) == 1
    text = caplog.text
    assert "raw     layer 1  2 x 6 -> 4 x 3 -> 2 x 6" in text
    assert "power   layer 1  5 -> 2 -> 5" in text
    assert "fusion  layer 1  6 -> 9 -> 6" in text
    assert "9 codes" in text
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log_networks(specs(), None)
