"""Ocular artefacts, the first step of a fold: fitted on its training rows and on nothing else."""

from __future__ import annotations

import dataclasses
import logging

import mne
import numpy as np
import pytest
import torch

from eegdae.alignment import AlignmentSpec
from eegdae.corruption import Gaussian
from eegdae.evaluation.cleaning import cleaned
from eegdae.evaluation.fitting import fit_models
from eegdae.evaluation.judge import judge_fold
from eegdae.evaluation.recipe import Data, HeadSpec, Recipe
from eegdae.evaluation.splits import GROUP_COLUMNS, Fold, group_labels
from eegdae.features import View, compute_views
from eegdae.ocular import OcularFilter, OcularSpec
from eegdae.recentring import Recentring
from eegdae.training import Schedule
from tests.ocular.mixtures import NAMES, mixture, windows

X = mixture(n_times=100, n_windows=90)[0]
Y = np.arange(90) % 2
FOLD = Fold(np.arange(60), np.arange(60, 90), ("2",))
RECIPE = Recipe(
    views=(View("raw", "raw"), View("whole", "covariance_tangent", hidden=(3,))),
    hidden=(5, 2),
    scaler="standard",
    corruption=Gaussian(),
    level=0.5,
    schedule=Schedule(epochs=2, joint_epochs=1, batch_size=16),
    network={},
    head=HeadSpec(),
)
SPECS = {
    "regression": OcularSpec("regression", ("EOG",)),
    "ica": OcularSpec("ica", ("EOG",)),
    "ica, kept": OcularSpec("ica", ("EOG",), keep=True, threshold=2.0),
}


def data(x=X, spec=SPECS["regression"], target=Y):
    w = windows(x)
    kept = spec.without_eyes(w)
    return Data(
        {},
        target.astype(np.int64),
        n_classes=2,
        n_chans=kept.n_chans,
        groups={by: group_labels(w.metadata, by) for by in GROUP_COLUMNS},
        sfreq=w.sfreq,
        ch_names=kept.ch_names,
        recorded=w,
    )


def wild():
    """Other test rows altogether: loud, mixed and in another unit; the training rows as they are."""
    rng = np.random.default_rng(9)
    x = X.copy()
    x[FOLD.test] = 1e3 * rng.normal(size=(13, 13)) @ rng.normal(size=x[FOLD.test].shape)
    return x


def leaks(spec, **changes):
    """Names of what was fitted in a fold that depends on its test rows."""
    how, found = dataclasses.replace(RECIPE, ocular=spec, **changes), []
    for of in (data(spec=spec), data(wild(), spec, 1 - Y)):
        of = dataclasses.replace(of, target=np.where(np.arange(90) < 60, Y, of.target))
        clean, ocular = cleaned(of, FOLD.train, how, fold=0)
        fitted = fit_models(clean, FOLD.train, how, fold=0)
        train = fitted.inputs(clean, FOLD.train, how.views)
        state = {"matrix": ocular.matrix, "codes": fitted.stacks["codes"].encode(train).detach()}
        state |= {f"train.{view}": x for view, x in train.items()}
        state |= {f"features.{view}": x[:60] for view, x in clean.features.items()}
        if ocular.center is not None:
            state["center"] = ocular.center
        for model, stacks in fitted.stacks.items():
            for view, stack in stacks.items():
                state |= {f"{model}.{view}.{key}": value for key, value in stack.state_dict().items()}
        for view, scaler in fitted.scalers.items():
            state |= {f"scaler.{view}": torch.cat([scaler.center, scaler.scale])}
        for view, space in fitted.projections.items():
            state |= {f"subspace.{view}": space.subspaces[0], f"reference.{view}": space.references[0]}
        found.append(state)
    assert found[0].keys() == found[1].keys()
    return [name for name, value in found[0].items() if not torch.equal(value, found[1][name])]


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("alignment", ["none", "euclidean"])
def test_nothing_is_fitted_on_test_rows(spec, alignment):
    assert leaks(spec, alignment=AlignmentSpec(alignment)) == []


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_planted_leak_is_caught(spec, monkeypatch):
    """The filter is fitted on all rows, everything else on those of the fold."""
    fit = OcularFilter.fit.__func__

    def leaky(cls, spec, windows, rows, *, seed):
        return fit(cls, spec, windows, np.arange(90), seed=seed)

    monkeypatch.setattr(OcularFilter, "fit", classmethod(leaky))
    assert {"matrix", "train.raw", "codes", "scaler.raw", "features.whole"} <= set(leaks(spec))


def test_the_filter_of_a_fold_is_mnes_on_exactly_its_training_rows():
    how = dataclasses.replace(RECIPE, ocular=SPECS["regression"])
    rows = np.array([3, 7, 8, *range(20, 60)])
    _, ocular = cleaned(data(), rows, how, fold=0)
    info = mne.create_info(list(NAMES), 100.0, [*["eeg"] * 12, "eog"])
    epochs = mne.EpochsArray(X[rows].astype(np.float32).astype(float), info, verbose="error")
    model = mne.preprocessing.EOGRegression().fit(epochs.set_eeg_reference([], verbose="error"))
    np.testing.assert_array_equal(-ocular.matrix[:12, 12].numpy(), model.coef_[:, 0])


def test_views_are_of_the_corrected_windows_and_recentring_comes_after():
    spec, how = AlignmentSpec("euclidean"), dataclasses.replace(RECIPE, ocular=SPECS["ica"])
    for alignment in (AlignmentSpec(), spec):
        clean, ocular = cleaned(
            data(spec=SPECS["ica"]), FOLD.train, dataclasses.replace(how, alignment=alignment), fold=0
        )
        w = ocular.transform(windows(X))
        expected = compute_views(Recentring.fit(w, alignment).transform(w), how.views)
        assert w.n_chans == 12
        for view in how.views:
            assert torch.equal(clean.features[view.name], expected[view.name])
    # 11 dimensions are left of 12 channels, and re-centred in these
    assert set(Recentring.fit(w, spec).ranks.values()) == {11}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_representation_stands_on_one_filter(spec, monkeypatch, caplog):
    fits = []
    fit = OcularFilter.fit.__func__
    monkeypatch.setattr(
        OcularFilter, "fit", classmethod(lambda *args, **k: fits.append(1) or fit(*args, **k))
    )
    how = dataclasses.replace(RECIPE, ocular=spec)
    with caplog.at_level(logging.INFO, logger="eegdae"):
        verdict = judge_fold(data(spec=spec), FOLD, 0, how)
    assert fits == [1]
    assert {"codes", "raw", "pca", "autoencoder", "random_encoder", "chance"} <= set(verdict.proba)
    assert sum(line.startswith("ocular: fold 1: ") for line in caplog.messages) == 1 + len(
        verdict.ocular.found["notes"]
    )
    # as if these windows had been given, and nothing were corrected
    w = verdict.ocular.transform(windows(X))
    plain = dataclasses.replace(data(spec=spec), features=compute_views(w, how.views), recorded=None)
    same = judge_fold(plain, FOLD, 0, RECIPE)
    assert same.ocular is None
    for name, proba in verdict.proba.items():
        assert np.array_equal(proba, same.proba[name]), name


def test_where_nothing_is_asked_for_nothing_is_touched():
    of = dataclasses.replace(data(), recorded=None)
    assert cleaned(of, FOLD.train, RECIPE, fold=0) == (of, None)


def test_the_seed_of_the_run_and_the_fold_reach_the_first_guess(monkeypatch):
    seeds = []
    monkeypatch.setattr(OcularFilter, "fit", classmethod(lambda *_, seed: seeds.append(seed) or 1 / 0))
    for seed, fold in ((0, 0), (0, 0), (0, 1), (1, 0)):
        with pytest.raises(ZeroDivisionError):
            cleaned(
                data(), FOLD.train, dataclasses.replace(RECIPE, ocular=SPECS["ica"], seed=seed), fold=fold
            )
    assert seeds[0] == seeds[1]
    assert len(set(seeds)) == 3
    assert all(0 <= seed < 2**31 for seed in seeds)
