"""Neighbours and channels in a fold: only training rows are connected, and each channel weighs as named."""

import dataclasses

import numpy as np
import pytest
import torch

from eegdae.errors import EegdaeError
from eegdae.evaluation.fitting import fit_models
from eegdae.evaluation.judge import judge_fold
from eegdae.evaluation.representations import encode, fit_lpp
from eegdae.training import LocalityProjection, Objective, locality_graph
from evaluation.test_judge import FOLD, GROUPS, RAW, TEST, data, leaks, recipe, with_other_test_rows

NEAR = recipe(objective=Objective(locality=1.0, n_neighbours=3), lpp=2)


def test_no_test_row_is_a_neighbour(monkeypatch):
    seen = []

    def watching(x, recordings, rows, **options):
        graph = locality_graph(x, recordings, rows, **options)
        seen.append((rows, recordings, graph))
        return graph

    monkeypatch.setattr("eegdae.training.stage_plan.locality_graph", watching)
    monkeypatch.setattr("eegdae.evaluation.representations.locality_graph", watching)
    judge_fold(data(), FOLD, 0, NEAR)
    # two views of the codes and of the plain network, and the projection; the untrained network has none
    assert len(seen) == 5
    for rows, recordings, graph in seen:
        assert np.array_equal(rows, FOLD.train)
        assert len(graph.neighbours) == len(FOLD.train)
        assert np.array_equal(
            np.unique(GROUPS["run"][FOLD.train], return_inverse=True)[1], recordings.numpy()
        )


def test_neither_the_term_nor_the_projection_depends_on_test_rows():
    assert leaks(lambda of: fit_models(of, FOLD.train, NEAR, fold=0), NEAR) == []
    found = []
    for of in (data(), with_other_test_rows()):
        fitted = fit_models(of, FOLD.train, NEAR, fold=0, compare=False)
        train = fitted.inputs(of, FOLD.train, NEAR.views)
        codes = encode(fitted.stacks["codes"], train)
        found.append(fit_lpp(of, FOLD.train, NEAR, codes, torch.cat(list(train.values()), 1), 2))
    assert np.array_equal(found[0].components, found[1].components)
    raw = RAW.clone()
    raw[TEST[1:]] = 1e3
    a, b = judge_fold(data(), FOLD, 0, NEAR), judge_fold(data(raw), FOLD, 0, NEAR)
    np.testing.assert_allclose(a.proba["lpp"][0], b.proba["lpp"][0], rtol=1e-5)
    assert not np.allclose(a.proba["lpp"][1:], b.proba["lpp"][1:])


def test_the_projection_stands_beside_the_codes_and_changes_nothing_else(monkeypatch):
    wanted = []
    fit = LocalityProjection.fit.__func__

    def watching(cls, codes, graph, n):
        wanted.append((codes.shape, n))
        return fit(cls, codes, graph, n)

    monkeypatch.setattr(LocalityProjection, "fit", classmethod(watching))
    with_lpp, without = (judge_fold(data(), FOLD, 0, recipe(lpp=lpp)) for lpp in (2, None))
    assert wanted == [((len(FOLD.train), 5), 2)]
    assert set(with_lpp.proba) - set(without.proba) == {"lpp"}
    assert all(np.array_equal(with_lpp.proba[name], p) for name, p in without.proba.items())


def test_channels_weigh_by_name_in_every_view():
    named = recipe(objective=Objective(channel_weights={"b": 0.0}))
    of = data(ch_names=("a", "b"))
    weighed = fit_models(of, FOLD.train, named, fold=0, compare=False)
    # nothing pulls at what brings back channel b: its weights are as drawn
    drawn = fit_models(
        of, FOLD.train, recipe(schedule=dataclasses.replace(named.schedule, pretrain="none")), fold=0
    )
    for view, is_b in {"raw": slice(3, 6), "power": slice(1, 4, 2)}.items():
        now, then = (fitted.stacks["codes"][view].layers[0].decoder.weight for fitted in (weighed, drawn))
        assert torch.equal(now[is_b], then[is_b])
        assert not torch.equal(now, then)
    with pytest.raises(EegdaeError, match=r"^loss\.channel_weights\.b: no such channel; .*known: a, c$"):
        fit_models(data(ch_names=("a", "c")), FOLD.train, named, fold=0)
