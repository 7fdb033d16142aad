import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from eegdae.evaluation.metrics import (
    METRICS,
    balanced_accuracy,
    group_metrics,
    interval,
    paired_difference,
    paired_table,
    roc_auc,
    summarize,
)


def draw(n_classes, n=300, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.choice(n_classes, n, p=np.arange(1, n_classes + 1) / np.arange(1, n_classes + 1).sum())
    score = rng.random((n, n_classes)) + 0.5 * np.eye(n_classes)[y]
    return y, score / score.sum(1, keepdims=True)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_against_scikit_learn(n_classes):
    y, p = draw(n_classes)
    assert balanced_accuracy(y, p) == pytest.approx(balanced_accuracy_score(y, p.argmax(1)))
    expected = roc_auc_score(y, p[:, 1]) if n_classes == 2 else roc_auc_score(y, p, multi_class="ovr")
    assert roc_auc(y, p) == pytest.approx(expected)


def test_a_group_that_lacks_a_class():
    y, p = draw(3)
    some = y != 2
    assert balanced_accuracy(y[some], p[some]) == pytest.approx(
        np.mean([(p.argmax(1) == y)[y == k].mean() for k in (0, 1)])
    )
    assert np.isfinite(roc_auc(y[some], p[some]))
    assert np.isnan(roc_auc(y[y == 0], p[y == 0]))
    chance = np.full((len(y), 3), 1 / 3)
    assert roc_auc(y, chance) == 0.5
    assert balanced_accuracy(y, chance) == pytest.approx(1 / 3)


def test_each_group_is_judged_by_itself():
    y, p = draw(2)
    groups = np.array(["b", "a", "c"])[np.arange(300) % 3]
    table = group_metrics(y, {"codes": p, "flipped": p[:, ::-1]}, groups)
    assert table["group"].tolist() == ["b", "a", "c"] * 2
    assert table["n_windows"].tolist() == [100] * 6
    for row in table.itertuples():
        at, q = groups == row.group, p if row.representation == "codes" else p[:, ::-1]
        assert row.balanced_accuracy == balanced_accuracy(y[at], q[at])
        assert row.roc_auc == roc_auc(y[at], q[at])
    means = summarize(table)
    assert list(means) == ["codes", "flipped"]
    assert means["codes"]["roc_auc"]["mean"] == pytest.approx(1 - means["flipped"]["roc_auc"]["mean"])
    assert means["codes"]["roc_auc"]["low"] is None


def test_interval_needs_five_groups():
    assert interval(np.arange(4.0)) == {"mean": 1.5, "low": None, "high": None}
    assert interval(np.array([np.nan] * 9)) == {"mean": None, "low": None, "high": None}
    five = interval(np.array([0.0, 1, 2, 3, 4, np.nan]))
    assert five["mean"] == 2
    assert 0 <= five["low"] < 2 < five["high"] <= 4
    assert interval(np.ones(5)) == {"mean": 1.0, "low": 1.0, "high": 1.0}


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = [(i := interval(rng.normal(size=30)))["low"] < 0 < i["high"] for _ in range(150)]
    assert 0.85 < np.mean(hits) < 0.99  # percentile intervals of 30 groups cover a little less than .95


def test_paired_difference_is_of_pairs():
    rng = np.random.default_rng(0)
    person = rng.normal(size=12) * 10
    a, b = person + 1 + 0.1 * rng.normal(size=12), person
    d = paired_difference(a, b)
    assert d["low"] > 0.8
    assert d["high"] < 1.2
    assert d["p"] == pytest.approx(wilcoxon(a - b).pvalue)
    assert d["p"] < 0.001
    assert paired_difference(a, a)["p"] == 1.0
    assert paired_difference(a[:4], b[:4])["p"] is None


def test_paired_table_pairs_by_group_whatever_the_order():
    groups = [str(k) for k in range(6)]
    codes = pd.DataFrame({"representation": "codes", "group": groups, **{m: np.arange(6.0) for m in METRICS}})
    pca = pd.DataFrame(
        {"representation": "pca", "group": groups[::-1], **{m: np.arange(6.0)[::-1] - 2 for m in METRICS}}
    )
    table = paired_table(pd.concat([codes, pca], ignore_index=True))
    assert table["representation"].tolist() == ["pca", "pca"]
    assert table["metric"].tolist() == list(METRICS)
    assert (table[["mean", "low", "high"]] == 2).all(axis=None)
    assert (table["p"] == wilcoxon([2.0] * 6).pvalue).all()
    assert paired_table(pca).empty
