from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from eegdae.corruption import ChannelDropout, Gaussian, Uniform
from eegdae.errors import EegdaeError
from eegdae.estimators import StackedDenoisingAutoencoder
from eegdae.estimators.autoencoder import CORRUPTIONS
from eegdae.models import LOSSES
from eegdae.models.identity import IdentityWarning
from eegdae.tasks.launch import conf_dir
from eegdae.training import FitSpec, Optimizer, Schedule, fit_many


def quick(**changes):
    return StackedDenoisingAutoencoder(
        **{"hidden": (8, 3), "epochs": 1, "joint_epochs": 1, "random_state": 0, **changes}
    )


LAYERS = ("tied", "residual", "layer_norm")


@pytest.fixture(scope="module")
def digits():
    return (load_digits().data[:400] / 16).astype(np.float32)


@pytest.fixture(scope="module")
def fitted(digits):
    return quick().fit(digits)


# All that parametrize_with_checks would run, but the one that skips itself unless SCIPY_ARRAY_API is set.
CHECKS = [
    (estimator, check)
    for estimator, check in estimator_checks_generator(
        quick(hidden=(2,), pretrain="joint", code_activation="linear")
    )
    if check.func.__name__ != "check_array_api_input"
]


@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=[check.func.__name__ for _, check in CHECKS])
def test_scikit_learn_finds_nothing(estimator, check):
    check(estimator)


def test_all_of_scikit_learns_checks_are_run():
    assert len(CHECKS) > 40


def test_it_goes_through_the_training_of_the_package(digits):
    model = quick(level=0.5, lr=0.01, batch_size=64, activation="tanh", random_state=7).fit(digits)
    spec = FitSpec(
        x=torch.from_numpy(digits),
        rows=torch.arange(len(digits)),
        hidden=(8, 3),
        corruption=Gaussian(),
        level=0.5,
        schedule=Schedule(epochs=1, joint_epochs=1, batch_size=64, optimizer=Optimizer("Adam", {"lr": 0.01})),
        seed=7,
        network={"activation": "tanh", "code_activation": "relu"},
    )
    (result,) = fit_many([spec])
    np.testing.assert_array_equal(
        model.transform(digits), result.model.encode(torch.from_numpy(digits)).numpy()
    )
    assert model.history_ == result.history
    assert [row["stage"] for row in model.history_] == ["layer 1", "layer 2", "joint"]


def test_defaults_are_those_of_the_command_line():
    defaults = StackedDenoisingAutoencoder().get_params()
    conf = conf_dir()
    model, optimizer, schedule, trainer, corruption = (
        yaml.safe_load((conf / f"{name}.yaml").read_text())
        for name in (
            "model/dense",
            "optimizer/adam",
            "pretrain/greedy_then_joint",
            "trainer/default",
            "corruption/gaussian",
        )
    )
    of_conf = {
        **{key: model[key] for key in ("activation", "code_activation", *LAYERS)},
        **{key: schedule[key] for key in ("epochs", "joint_epochs")},
        "pretrain": schedule["name"],
        "lr": optimizer["lr"],
        "batch_size": trainer["batch_size"],
        "level": corruption["level"],
    }
    assert {key: defaults[key] for key in of_conf} == of_conf


def test_training_brings_the_error_down(digits):
    untrained = quick(pretrain="none").fit(digits).score(digits)
    trained = quick(hidden=(32, 16), level=0.0, epochs=5, joint_epochs=15, lr=0.01).fit(digits)
    assert trained.score(digits) > 0.5 * untrained
    assert trained.score(digits) > -digits.var(0).mean()


def test_methods_agree(fitted, digits):
    codes = fitted.transform(digits)
    assert codes.dtype == np.float32
    assert codes.shape == (400, 3)
    back = fitted.reconstruct(digits)
    np.testing.assert_allclose(fitted.inverse_transform(codes), back, atol=1e-6)
    rows = -((back.astype(float) - digits) ** 2).mean(1)
    np.testing.assert_allclose(fitted.score_samples(digits), rows, rtol=1e-6)
    assert fitted.score(digits) == pytest.approx(rows.mean())
    assert fitted.get_feature_names_out().tolist() == [f"stackeddenoisingautoencoder{k}" for k in range(3)]
    assert fitted.n_features_in_ == 64


def test_random_state(digits):
    first, again, other = (quick(random_state=seed).fit(digits) for seed in (3, 3, 4))
    assert (first.seed_, other.seed_) == (3, 4)
    np.testing.assert_array_equal(first.transform(digits), again.transform(digits))
    assert not np.allclose(first.transform(digits), other.transform(digits))
    drawn = [quick(random_state=np.random.RandomState(5)).fit(digits[:9]).seed_ for _ in range(2)]
    assert drawn[0] == drawn[1]
    free = [quick(random_state=None).fit(digits[:9]).seed_ for _ in range(2)]
    assert free[0] != free[1]


def test_every_loss_by_name(digits):
    codes = {loss: quick(loss=loss).fit_transform(digits) for loss in LOSSES}
    assert len({part.tobytes() for part in codes.values()}) == len(LOSSES) >= 4


@pytest.mark.parametrize("activation", ["linear", "relu", "sigmoid"])
def test_pickle_and_copy_keep_every_bit(digits, activation):
    model = quick(activation=activation, loss="bce").fit(digits)
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(twin.transform(digits), model.transform(digits))
        np.testing.assert_array_equal(twin.reconstruct(digits), model.reconstruct(digits))
        assert twin.history_ == model.history_
        assert not any(p.requires_grad for p in twin.model_.parameters())


def test_clone_is_unfitted_and_keeps_the_parameters(fitted, digits):
    twin = clone(fitted)
    assert twin.get_params() == fitted.get_params()
    for method in ("transform", "reconstruct", "score", "score_samples", "inverse_transform"):
        with pytest.raises(NotFittedError):
            getattr(twin, method)(digits)


def test_a_corruption_with_its_options_is_a_parameter_like_any_other(digits):
    own = quick(corruption=Uniform(per_feature=True), level=0.5)
    assert isinstance(own.get_params()["corruption"], Uniform)
    codes = clone(own).fit(digits).transform(digits)
    np.testing.assert_array_equal(codes, pickle.loads(pickle.dumps(own)).fit(digits).transform(digits))
    named = {name: quick(corruption=name, level=0.5).fit(digits).transform(digits) for name in CORRUPTIONS}
    for other in named.values():
        assert not np.array_equal(codes, other)
    assert len({codes.tobytes() for codes in named.values()}) == len(CORRUPTIONS)
    with pytest.raises(
        EegdaeError, match="corruption=channel_dropout: the rows have no channels; use masking"
    ):
        quick(corruption=ChannelDropout(), level=0.2).fit(digits)


def test_in_a_pipeline_and_a_grid_search(digits):
    y = load_digits().target[:400]
    pipeline = make_pipeline(StandardScaler(), quick(hidden=(16, 8)), LogisticRegression())
    grid = {"stackeddenoisingautoencoder__epochs": np.arange(1, 3)}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(digits, y)
    assert search.best_score_ > 0.3


@pytest.mark.parametrize("option", LAYERS)
def test_options_of_the_layers_reach_them(digits, option):
    model = quick(**{option: True}).fit(digits)
    assert model.model_.config[option] is True
    assert not np.array_equal(model.transform(digits), quick().fit(digits).transform(digits))
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(model)).transform(digits), model.transform(digits)
    )


def test_an_identity_that_can_be_learned_is_warned_of(digits):
    with pytest.warns(IdentityWarning, match=r"in layer 1 \(64 to 70\): it can learn the identity"):
        quick(hidden=(70, 3), level=0.0, pretrain="none").fit(digits)


def test_a_data_frame_comes_out_named(digits):
    frame = pd.DataFrame(digits, columns=[f"pixel {k}" for k in range(64)])
    codes = quick().set_output(transform="pandas").fit_transform(frame)
    assert list(codes.columns) == [f"stackeddenoisingautoencoder{k}" for k in range(3)]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"corruption": "gausian"}, "did you mean 'gaussian'"),
        ({"corruption": "masking", "level": 1.5}, "must be 0 or more and less than 1"),
        ({"level": -1}, "must be a number, 0 or more"),
        ({"hidden": 64}, "hidden=64"),
        ({"hidden": ()}, "widths"),
        ({"hidden": (8, 0)}, "widths"),
        ({"hidden": (8, True)}, "widths"),
        ({"pretrain": "gredy"}, "did you mean 'greedy'"),
        ({"epochs": 1.5}, "whole number"),
        ({"loss": "mae"}, "no such loss"),
        ({"loss": "hubr"}, "did you mean 'huber'"),
        ({"optimizer": "Adamm"}, "did you mean 'Adam'"),
        ({"activation": "relo"}, "did you mean 'relu'"),
        ({"hidden": (8, 1), "layer_norm": True}, "nothing to normalise"),
    ],
)
def test_parameters_that_make_no_sense(digits, changes, word):
    with pytest.raises(EegdaeError, match=word) as caught:
        quick(**changes).fit(digits)
    assert "\n" not in str(caught.value)


def test_rows_that_do_not_fit(fitted, digits):
    with pytest.raises(ValueError, match="NaN"):
        quick().fit(np.where(digits == 0, np.nan, digits))
    with pytest.raises(ValueError, match="minimum of 2"):
        quick().fit(digits[:1])
    with pytest.raises(ValueError, match="expecting 64 features"):
        fitted.transform(digits[:, :5])
    with pytest.raises(EegdaeError, match="2 codes a row; the network has 3"):
        fitted.inverse_transform(np.zeros((4, 2)))
    with pytest.raises(EegdaeError, match="outside"):
        quick(loss="bce").fit(digits * 2)
