from __future__ import annotations

import copy
import dataclasses
import logging

import numpy as np
import pytest
import torch

from eegdae.corruption import Gaussian
from eegdae.errors import EegdaeError
from eegdae.evaluation.committee import committee_people, stacking_inputs
from eegdae.evaluation.fitting import fit_models
from eegdae.evaluation.heads import LogisticHead
from eegdae.evaluation.judge import judge_fold
from eegdae.evaluation.metrics import roc_auc
from eegdae.evaluation.recipe import CommitteeSpec, Data, HeadSpec, Recipe
from eegdae.evaluation.representations import encode
from eegdae.evaluation.splits import Fold
from eegdae.features import View
from eegdae.models import ViewStacks
from eegdae.training import Schedule, fit_many

PEOPLE, EACH = list("abcdefg"), 16
WHO = np.repeat(PEOPLE, EACH)
Y = np.tile([0, 1], len(WHO) // 2).astype(np.int64)
N = len(WHO)
TEST = np.flatnonzero(np.isin(WHO, ["f", "g"]))
FOLD = Fold(np.setdiff1d(np.arange(N), TEST), TEST, ("f", "g"))
G = torch.Generator().manual_seed(0)
X = {name: torch.randn(N, 5, generator=G) + 2 * torch.from_numpy(Y)[:, None] for name in ("one", "two")}
RECIPE = Recipe(
    views=(View("one", "power", {"x": (1, 4)}), View("two", "power", {"x": (1, 4)}, hidden=(2,))),
    hidden=(4, 3),
    scaler="standard",
    corruption=Gaussian(),
    level=0.3,
    schedule=Schedule(epochs=3, joint_epochs=2, batch_size=64),
    network={},
    head=HeadSpec(),
    committee=CommitteeSpec(n_members=3),
)


def data(y=Y, x=X, who=WHO, n_classes=2):
    return Data(x, y, n_classes=n_classes, n_chans=5, groups={"subject": who.astype(object)})


def judged(of=None, committee=RECIPE.committee, fold=FOLD, **options):
    how = dataclasses.replace(RECIPE, committee=committee)
    return judge_fold(of or data(), fold, 2, how, **options)


@pytest.fixture(scope="module")
def verdict():
    return judged()


def test_it_is_a_representation_beside_the_others(verdict):
    assert list(verdict.proba)[-2:] == ["committee", "chance"]
    assert verdict.proba["committee"].shape == (2 * EACH, 2)
    np.testing.assert_allclose(verdict.proba["committee"].sum(1), 1)
    assert roc_auc(Y[TEST], verdict.proba["committee"]) > 0.8
    committee = verdict.committee
    assert committee.people == tuple("abcde")
    assert len(committee.kept) == 3
    assert committee.kept[0] == "abcde"[committee.accuracy.argmax()]
    assert committee.summary()["accuracy"].keys() == set("abcde")
    members = {(h["model"], h["view"]) for h in verdict.history if h["model"].startswith("committee")}
    assert members == {(f"committee-{k}", view) for k in range(5) for view in ("one", "two")}
    for name, proba in judged(committee=None).proba.items():
        assert np.array_equal(proba, verdict.proba[name])


def test_every_step_by_other_means(verdict):
    """One stack a person by the same fits on the person's rows; all that follows is written out here."""
    fitted = fit_models(data(), FOLD.train, RECIPE, fold=2, compare=False)
    train, test = (fitted.inputs(data(), side, RECIPE.views) for side in (FOLD.train, TEST))
    who, y, outputs = WHO[FOLD.train], Y[FOLD.train], {}
    for person in "abcde":
        at = torch.from_numpy(np.flatnonzero(who == person))
        specs = [
            dataclasses.replace(
                fitted.specs[view],
                x=train[view][at],
                rows=torch.from_numpy(FOLD.train)[at],
                schedule=dataclasses.replace(RECIPE.schedule, batch_size=EACH),
            )
            for view in ("one", "two")
        ]
        stacks = ViewStacks({r.spec.view: r.model for r in fit_many(specs)})
        codes = encode(stacks, train)
        head = LogisticHead.fit(codes[at], y[at], n_classes=2)
        outputs[person] = [head.predict_proba(z)[:, 1] for z in (codes, encode(stacks, test))]
    committee = verdict.committee
    for k, person in enumerate("abcde"):
        others = who != person
        hit = (outputs[person][0] > 0.5) == y
        expected = np.mean([hit[others & (y == c)].mean() for c in (0, 1)])
        assert committee.accuracy[k] == pytest.approx(expected)
    columns = []
    for person in committee.kept:
        column = outputs[person][0].copy()
        for row in np.flatnonzero(who == person):
            column[row] = np.mean([outputs[p][0][row] for p in committee.kept if p != person])
        columns.append(column)
    head = LogisticHead.fit(np.stack(columns, 1), y, n_classes=2)
    votes = np.stack([outputs[person][1] for person in committee.kept], 1)
    np.testing.assert_allclose(verdict.proba["committee"], head.predict_proba(votes), rtol=1e-6)


def test_the_same_to_the_byte(verdict):
    again = judged()
    assert np.array_equal(again.proba["committee"], verdict.proba["committee"])
    assert again.history == verdict.history
    assert again.committee.summary() == verdict.committee.summary()


def test_a_person_whose_labels_are_flipped_is_not_kept():
    y = Y.copy()
    y[WHO == "c"] = 1 - y[WHO == "c"]
    committee = judged(data(y), CommitteeSpec(n_members=5)).committee
    assert committee.accuracy[2] < 0.4
    assert sorted(committee.kept) == ["a", "b", "d", "e"]


def leaks(verdict, other):
    """Parts of a committee that differ, all of which were fitted on training rows."""
    mine, theirs = ({**v.committee.summary(), "history": v.history} for v in (verdict, other))
    return [name for name, value in mine.items() if value != theirs[name]]


def with_other_test_rows():
    at, y = torch.from_numpy(TEST), Y.copy()
    y[TEST] = 1 - y[TEST]
    return data(y, {name: x.index_fill(0, at, 1e3) for name, x in X.items()})


def test_nothing_is_fitted_on_test_rows(verdict):
    assert leaks(verdict, judged(with_other_test_rows())) == []


def test_the_verdict_on_a_test_row_hangs_on_no_other_test_row(verdict):
    changed = with_other_test_rows()
    for name, x in changed.features.items():
        x[TEST[0]] = X[name][TEST[0]]
    other = judged(changed).proba["committee"]
    np.testing.assert_allclose(other[0], verdict.proba["committee"][0], rtol=1e-5, atol=1e-6)
    assert not np.allclose(other[1:], verdict.proba["committee"][1:])


def test_a_planted_leak_is_caught(monkeypatch):
    """Who is kept is decided by the rows that are tested: in the other data they have the other labels."""

    def by_test_rows(of):
        def leaky(q, accuracy, *, n_members, chance):
            return [int(of.target[TEST[0]]), 2]

        monkeypatch.setattr("eegdae.evaluation.committee.choose_members", leaky)
        return judged(of)

    assert leaks(by_test_rows(data()), by_test_rows(with_other_test_rows())) == ["kept"]


class Store:
    """Keeps what an interrupted run would find."""

    def __init__(self):
        self.kept = {}

    def load(self, key):
        return copy.deepcopy(self.kept.get(key))

    def save(self, key, state):
        self.kept[key] = copy.deepcopy(state)


def test_members_are_resumed_where_they_were_left(verdict):
    store = Store()
    judged(checkpoints=store)
    members = [key for key in store.kept if "committee" in key]
    assert sorted(members) == sorted(
        f"fold-2.{view}.committee-{k}" for k in range(5) for view in ("one", "two")
    )
    for key in members[3:]:
        del store.kept[key]
    resumed = judged(checkpoints=store)
    assert np.array_equal(resumed.proba["committee"], verdict.proba["committee"])
    assert resumed.history == verdict.history


def test_people_without_two_classes_are_left_out_with_one_line(caplog):
    y = Y.copy()
    y[WHO == "a"] = 1
    y[np.flatnonzero(WHO == "b")[1:]] = -1
    with caplog.at_level(logging.INFO, logger="eegdae"):
        people = committee_people(data(y), FOLD.train, fold=4)
    assert list(people) == ["c", "d", "e"]
    assert np.array_equal(people["c"], np.flatnonzero(WHO[FOLD.train] == "c"))
    assert [r.message for r in caplog.records] == [
        "committee: fold 4: left out, fewer than 2 rows or a single class: a, b"
    ]
    y[WHO == "c"] = -1
    with pytest.raises(
        EegdaeError, match=r"committee=person: fold 4 has 2 training people.*needs 3: set com"
    ):
        committee_people(data(y), FOLD.train, fold=4)


def test_unlabelled_rows_train_the_stacks_and_no_head(verdict):
    y = Y.copy()
    y[np.flatnonzero(WHO == "a")[:4]] = -1
    some = judged(data(y))
    assert some.history == verdict.history
    assert some.proba["committee"].shape == (2 * EACH, 2)
    assert not np.array_equal(some.proba["committee"], verdict.proba["committee"])


def test_a_person_may_lack_a_class_of_three():
    y = np.tile([0, 1, 2, 1], N // 4).astype(np.int64)
    y[(WHO == "b") & (y == 0)] = 2
    verdict = judged(data(y, n_classes=3))
    assert verdict.committee.people == tuple("abcde")
    assert verdict.proba["committee"].shape == (2 * EACH, 3)
    np.testing.assert_allclose(verdict.proba["committee"].sum(1), 1)


def test_a_persons_own_member_is_replaced_by_the_others():
    proba = np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.4, 0.6], [0.7, 0.3]], [[0.0, 1.0], [0.5, 0.5]]])
    other = np.array([[False, True], [True, True], [True, True]])
    inputs, judged_rows = stacking_inputs(proba, other)
    np.testing.assert_allclose(inputs, [[0.8, 0.6, 1.0], [0.8, 0.3, 0.5]])
    assert judged_rows.all()
    inputs, judged_rows = stacking_inputs(proba[:1], other[:1])
    np.testing.assert_allclose(inputs, [[0.8]])
    assert judged_rows.tolist() == [False, True]


def test_one_member_alone():
    verdict = judged(committee=CommitteeSpec(n_members=1))
    assert len(verdict.committee.kept) == 1
    assert roc_auc(Y[TEST], verdict.proba["committee"]) > 0.7
