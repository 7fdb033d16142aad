"""The person-specific committee of EL-SDAE: a stack a training person, chosen by diversity, stacked."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.errors import EegdaeError
from eegdae.evaluation.diversity import choose_members, pairwise_q
from eegdae.evaluation.heads import LogisticHead
from eegdae.evaluation.metrics import balanced_accuracy
from eegdae.evaluation.recipe import CommitteeSpec, Data
from eegdae.evaluation.representations import encode
from eegdae.models import StackedAutoencoder, ViewStacks
from eegdae.training import CheckpointStore, FitSpec, fit_many

log = logging.getLogger("eegdae")

FEWEST = 3
"""People that a committee needs: of two, each row would have one judge, and no pair a row to differ on."""


@dataclass(frozen=True, eq=False)
class Committee:
    """What a committee is made of, and what it says of the test rows.

    Parameters
    ----------
    people : tuple of str
        Whose stacks were trained, in the order of their first training row.
    kept : tuple of str
        Those that vote, in the order in which they were chosen.
    accuracy : ndarray, shape (n_people,)
        Balanced accuracy of each member on the labelled training rows of all other people.
    q : ndarray, shape (n_people, n_people)
        Yule's Q of each pair, on the rows of the people who are neither.
    proba : ndarray, shape (n_test, n_classes)
        Class probabilities of the test rows.
    history : list of dict
        The loss of every epoch of every member, called ``committee-NUMBER``.
    """

    people: tuple[str, ...]
    kept: tuple[str, ...]
    accuracy: NDArray[np.float64]
    q: NDArray[np.float64]
    proba: NDArray[np.float64]
    history: list[dict[str, Any]]

    def summary(self) -> dict[str, Any]:
        """Say as plain data who was trained and kept, how accurate each was, and Q of each pair."""
        accuracy = dict(zip(self.people, self.accuracy.tolist(), strict=True))
        return {"kept": list(self.kept), "accuracy": accuracy, "q": self.q.tolist()}


def committee_people(data: Data, rows: NDArray[np.int64], *, fold: int) -> dict[str, NDArray[np.int64]]:
    """Find the people that can have a stack and a head of their own.

    Parameters
    ----------
    data : Data
        All rows.
    rows : ndarray of int
        Training rows.
    fold : int
        Named in what is said.

    Returns
    -------
    dict of str to ndarray of int
        By person, where in ``rows`` that person's rows are, unlabelled ones too.

    Raises
    ------
    EegdaeError
        If fewer than 3 people have labelled rows of two classes or more.
    """
    subjects, target = data.groups["subject"][rows], data.target[rows]
    found, left_out = {}, []
    for person in dict.fromkeys(subjects.tolist()):
        at = np.flatnonzero(subjects == person)
        labels = target[at][target[at] >= 0]
        if len(np.unique(labels)) > 1:
            found[str(person)] = at
        else:
            left_out.append(str(person))
    if len(found) < FEWEST:
        raise EegdaeError(
            f"committee=person: fold {fold} has {len(found)} training people with rows of two classes or "
            f"more; a committee needs {FEWEST}: set committee=none, or train on more people"
        )
    if left_out:
        log.info(
            f"committee: fold {fold}: left out, fewer than 2 rows or a single class: {', '.join(left_out)}"
        )
    return found


def fit_committee(
    data: Data,
    rows: NDArray[np.int64],
    people: Mapping[str, NDArray[np.int64]],
    specs: Mapping[str, FitSpec],
    test: Mapping[str, Tensor],
    how: CommitteeSpec,
    *,
    checkpoints: CheckpointStore | None = None,
) -> Committee:
    """Train a stack and a logistic head on each training person, keep some, and stack their outputs.

    A member is trained on one person's rows alone and so says something out of sample of everybody else: the
    outputs of member m on the rows of person s, m not s, are out of fold by subject. They alone decide who is
    kept (`choose_members`) and what the stacking head is fitted on. Where a row's own person is among those
    kept, that member's output is in sample, far surer than it will ever be on a new person, and is replaced
    by the mean of the other members' outputs of the row. A row that no other member judges is left out.

    Parameters
    ----------
    data : Data
        All rows; labels are looked at in ``rows`` only.
    rows : ndarray of int
        Training rows.
    people : mapping of str to ndarray of int
        Of `committee_people`.
    specs : mapping of str to FitSpec
        How the codes were fitted on ``rows``, by view: a member's stack is the same fit on fewer rows.
    test : mapping of str to Tensor, shape (n_test, n_features of the view)
        Scaled test rows, which nothing is fitted on.
    how : CommitteeSpec
        How many members are kept, and the penalty of the heads.
    checkpoints : CheckpointStore or None
        Where interrupted fits are kept.

    Returns
    -------
    Committee
        With the class probabilities of the test rows.

    References
    ----------
    Yang, Yin et al., Computers in Biology and Medicine 109:159 (2019); Wolpert, Stacked generalization,
    Neural Networks 5:241 (1992).
    """
    train = {view: spec.x for view, spec in specs.items()}
    asked = [
        replace(_alone(spec, at), name=f"committee-{k}")
        for k, at in enumerate(people.values())
        for spec in specs.values()
    ]
    stacks: dict[str, dict[str, StackedAutoencoder]] = {}
    history = []
    for result in fit_many(asked, checkpoints=checkpoints):
        stacks.setdefault(result.spec.name, {})[result.spec.view] = result.model
        history += result.history
    target = data.target[rows]
    labelled = np.flatnonzero(target >= 0)
    on_train, on_test = [], []
    for views, at in zip(stacks.values(), people.values(), strict=True):
        member, own = ViewStacks(views), at[target[at] >= 0]
        codes = encode(member, train)
        judge = _Judge.fit(codes[own], target[own], data.n_classes, how)
        on_train.append(judge.predict_proba(codes[labelled]))
        on_test.append(judge.predict_proba(encode(member, test)))
    proba, y = np.stack(on_train), target[labelled]  # (n_people, n_labelled, n_classes)
    other = np.stack([~np.isin(labelled, at) for at in people.values()])

    accuracy = np.array([balanced_accuracy(y[at], p[at]) for p, at in zip(proba, other, strict=True)])
    q = pairwise_q(proba.argmax(2) == y, other)
    kept = choose_members(q, accuracy, n_members=how.n_members, chance=1 / data.n_classes)
    inputs, judged = stacking_inputs(proba[kept], other[kept])
    head = LogisticHead.fit(inputs, y[judged], n_classes=data.n_classes, C=how.C, max_iter=how.max_iter)
    votes, _ = stacking_inputs(np.stack(on_test)[kept], np.ones((len(kept), len(on_test[0])), bool))
    names = tuple(people)
    return Committee(names, tuple(names[k] for k in kept), accuracy, q, head.predict_proba(votes), history)


def stacking_inputs(
    proba: NDArray[np.float64], other: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Lay the members' outputs side by side, each row's own person replaced by the others' mean.

    Parameters
    ----------
    proba : ndarray, shape (n_members, n_rows, n_classes)
        What each member says of each row.
    other : ndarray of bool, shape (n_members, n_rows)
        True where the member was trained on another person than the row's.

    Returns
    -------
    inputs : ndarray, shape (n_judged, n_members (n_classes - 1))
        Probabilities of all classes but the first, which is what is left to 1.
    judged : ndarray of bool, shape (n_rows,)
        Rows that a member on another person judges; the others have no inputs.
    """
    judged = np.asarray(other.any(0))
    proba, weight = proba[:, judged], other[:, judged, None].astype(np.float64)
    mean = (proba * weight).sum(0) / weight.sum(0)
    filled = np.where(weight > 0, proba, mean)[:, :, 1:]
    return filled.transpose(1, 0, 2).reshape(filled.shape[1], -1), judged


@dataclass(frozen=True, eq=False)
class _Judge:
    """A logistic head on the classes that one person has; the others have probability 0."""

    head: LogisticHead
    classes: NDArray[np.int64]
    n_classes: int

    @classmethod
    def fit(cls, x: NDArray[Any], y: NDArray[np.int64], n_classes: int, how: CommitteeSpec) -> _Judge:
        classes, numbers = np.unique(y, return_inverse=True)
        head = LogisticHead.fit(x, numbers, n_classes=len(classes), C=how.C, max_iter=how.max_iter)
        return cls(head, classes, n_classes)

    def predict_proba(self, x: NDArray[Any]) -> NDArray[np.float64]:
        proba = np.zeros((len(x), self.n_classes))
        proba[:, self.classes] = self.head.predict_proba(x)
        return proba


def _alone(spec: FitSpec, at: NDArray[np.int64]) -> FitSpec:
    """The same fit on one person's rows, in batches that these can fill."""
    # of one person there is no group to hold out
    schedule = replace(spec.schedule, batch_size=min(spec.schedule.batch_size, len(at)), early_stopping=None)
    return replace(spec.on_rows(torch.from_numpy(at)), schedule=schedule)
