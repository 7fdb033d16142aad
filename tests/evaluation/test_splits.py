import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eegdae.errors import EegdaeError
from eegdae.evaluation.splits import (
    GROUP_COLUMNS,
    Fold,
    audit_folds,
    group_labels,
    inner_folds,
    make_folds,
)


def meta(n_subjects=4, n_windows=4, *, stride=10):
    """Subjects 1 .. n, one recording each, one trial a window, both classes everywhere."""
    rows = [
        {
            "subject": str(s + 1),
            "session": "train" if s % 2 else "test",
            "run": "r",
            "trial": w,
            "i_start": w * stride,
            "i_stop": w * stride + 10,
            "target": w // 2 % 2,
            "label": "ab"[w // 2 % 2],
        }
        for s in range(n_subjects)
        for w in range(n_windows)
    ]
    return pd.DataFrame(rows)


def said(function, *args, **options):
    with pytest.raises(EegdaeError) as caught:
        function(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_leave_one_group_out_tests_each_group_once_in_natural_order():
    metadata = meta(11)
    folds = make_folds(metadata, kind="leave_one_group_out")
    assert [f.test_groups for f in folds] == [(str(k),) for k in range(1, 12)]
    assert np.array_equal(np.sort(np.concatenate([f.test for f in folds])), np.arange(44))
    for fold in folds:
        assert set(metadata["subject"].iloc[fold.test]) == set(fold.test_groups)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 9), st.data(), st.sampled_from(["subject", "session", "run", "trial"]))
def test_group_kfold_deals_groups_out_and_shares_none(n_subjects, data, by):
    metadata = meta(n_subjects)
    n = data.draw(st.integers(2, n_subjects))
    groups = group_labels(metadata, by)
    folds = make_folds(metadata, kind="group_kfold", by=by, n_folds=n)
    assert len(folds) == n
    assert sorted(r for f in folds for r in f.test) == list(range(len(metadata)))
    sizes = [len(f.test_groups) for f in folds]
    assert max(sizes) - min(sizes) <= 1
    for fold in folds:
        assert not set(groups[fold.train]) & set(groups[fold.test])
        assert np.array_equal(np.sort(np.concatenate([fold.train, fold.test])), np.arange(len(metadata)))
        assert (np.diff(fold.train) > 0).all()
    rows = audit_folds(metadata, folds, by=by)
    assert [r["n_test"] for r in rows] == [len(f.test) for f in folds]
    assert {
        r[k] for r in rows for k in ("shared_rows", "shared_groups", "shared_trials", "overlapping_windows")
    } == {0}


def test_a_session_is_one_of_its_subject():
    labels = group_labels(meta(2), "session")
    assert set(labels) == {"1/test", "2/train"}
    assert set(group_labels(meta(1, 2), "trial")) == {"1/test/r/0", "1/test/r/1"}
    assert "did you mean 'subject'" in said(group_labels, meta(), "subjekt")


def test_fixed_split():
    metadata = meta(4)
    (fold,) = make_folds(metadata, kind="fixed", train={"session": "train"}, test={"session": "test"})
    assert (metadata["session"].iloc[fold.train] == "train").all()
    assert (metadata["session"].iloc[fold.test] == "test").all()
    assert (len(fold.train), len(fold.test), fold.test_groups) == (8, 8, ("1", "3"))
    audit_folds(metadata, [fold], by="subject")
    both = {"session": "test", "subject": "3"}
    (narrow,) = make_folds(metadata, kind="fixed", train={"session": "train"}, test=both)
    assert set(metadata["subject"].iloc[narrow.test]) == {"3"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kind": "kfold"}, "split.kind='kfold': no such split; did you mean 'group_kfold'"),
        ({"kind": "group_kfold"}, "split.n_folds=None"),
        ({"kind": "group_kfold", "n_folds": 1}, "split.n_folds=1"),
        ({"kind": "group_kfold", "n_folds": True}, "split.n_folds=True"),
        (
            {"kind": "group_kfold", "n_folds": 9},
            "only 4 groups by subject (1, 2, 3, 4); set split.n_folds=4 or less",
        ),
        ({"kind": "fixed", "test": {"session": "test"}}, "split.train=None: a fixed split needs a mapping"),
        (
            {"kind": "fixed", "train": {"sesion": "a"}, "test": {"session": "test"}},
            "split.train.sesion: no such column",
        ),
        (
            {"kind": "fixed", "train": {"session": "train"}, "test": {"session": "eval"}},
            "split.test={'session': 'eval'}: no row matches; there are test, train",
        ),
    ],
)
def test_splits_that_cannot_be_made(options, says):
    assert says in said(make_folds, meta(), **options)


def test_too_few_groups_or_classes():
    assert "needs 2 groups or more; there are 1 groups" in said(
        make_folds, meta(1), kind="leave_one_group_out"
    )
    single = meta().assign(target=0, label="a")
    assert said(make_folds, single, kind="leave_one_group_out").startswith(
        "data.labels: ['a'] is a single class"
    )
    apart = meta(2)
    apart["target"] = [0] * 4 + [1] * 4
    apart["label"] = ["a"] * 4 + ["b"] * 4
    assert "fold 0 has no training row of class a" in said(make_folds, apart, kind="leave_one_group_out")


def fold(train, test):
    return Fold(np.array(train), np.array(test), ("x",))


def test_the_audit_names_the_two_rows():
    metadata = meta(2, stride=5)  # neighbours overlap by half
    assert "rows 1 (train) and 2 (test) overlap in time" in said(
        audit_folds, metadata, [fold([0, 1], [2, 3])], by="trial"
    )
    assert "rows 3 (train) and 2 (test) overlap" in said(
        audit_folds, metadata, [fold([3, 0], [2])], by="trial"
    )
    assert "row 1 is both" in said(audit_folds, metadata, [fold([0, 1], [1, 4])], by="trial")
    assert "share the group '1'" in said(audit_folds, metadata, [fold([0, 4], [3])], by="subject")
    same_trial = meta(1).assign(trial=[0, 1, 1, 2])
    assert "rows 1 (train) and 2 (test) share the group" in said(
        audit_folds, same_trial, [fold([0, 1], [2, 3])], by="trial"
    )
    assert "0 training and 1 test rows" in said(
        audit_folds, metadata, [fold(np.array([], int), [1])], by="trial"
    )
    # the same samples of two recordings are not the same samples
    audit_folds(metadata, [fold([0, 1, 2, 3], [4, 5, 6, 7])], by="subject")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(1, 20), st.booleans(), st.booleans()),
        min_size=2,
        max_size=9,
    )
)
def test_an_overlap_is_found_where_there_is_one(windows):
    metadata = pd.DataFrame(
        {
            "subject": ["1" if first else "2" for *_, first in windows],
            "session": "s",
            "run": "r",
            "trial": range(len(windows)),
            "i_start": [a for a, *_ in windows],
            "i_stop": [a + n for a, n, *_ in windows],
        }
    )
    is_test = np.array([t for _, _, t, _ in windows])
    if is_test.all() or not is_test.any():
        return
    train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    m = metadata
    pairs = [
        (i, j)
        for i in train
        for j in test
        if m.subject[i] == m.subject[j] and max(m.i_start[i], m.i_start[j]) < min(m.i_stop[i], m.i_stop[j])
    ]
    if not pairs:
        audit_folds(metadata, [fold(train, test)], by="trial")
        return
    message = said(audit_folds, metadata, [fold(train, test)], by="trial")
    assert any(f"rows {i} (train) and {j} (test) overlap" in message for i, j in pairs)


def test_inner_folds_take_the_largest_group_of_which_there_are_enough():
    metadata = meta(n_subjects=6, n_windows=4)
    groups = {by: group_labels(metadata, by) for by in GROUP_COLUMNS}
    by_subject = inner_folds(groups, np.arange(24))
    assert by_subject.tolist() == np.repeat([0, 1, 2, 3, 4, 0], 4).tolist()
    few = np.flatnonzero(metadata["subject"] <= "2")  # two subjects, two recordings, eight trials
    by_trial = inner_folds(groups, few)
    assert by_trial.tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
    assert "hold 4 trials" in said(inner_folds, groups, np.arange(4))
