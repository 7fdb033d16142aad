from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f_oneway

from eegdae.evaluation.importance import parameter_importance


def grid(n_seeds=3):
    rows = [c for c in itertools.product((0.0, 0.5, 1.0), ("x", "y"), (1, 2), range(n_seeds))]
    table = pd.DataFrame(rows, columns=["level", "kind", "idle", "seed"])
    noise = np.random.default_rng(0).normal(0, 0.01, len(table))
    value = 0.2 * table["level"] + 0.05 * (table["kind"] == "y") + noise
    return table.drop(columns="seed"), value.to_numpy()


def test_a_full_grid_gives_the_shares_of_one_way_analyses_of_variance():
    table, value = grid()
    found = parameter_importance(table, value)
    assert "full grid of 36 runs" in found.note
    assert found.table["parameter"].tolist() == ["level", "kind", "idle"]
    for row in found.table.to_dict("records"):
        groups = [value[table[row["parameter"]] == level] for level in table[row["parameter"]].unique()]
        k, n = len(groups), len(value)
        f = f_oneway(*groups).statistic
        assert row["importance"] == pytest.approx(f * (k - 1) / (f * (k - 1) + n - k))
        assert row["chance"] == pytest.approx((k - 1) / (n - 1))
    assert found.table["importance"].sum() < 1


def test_without_a_grid_a_forest_finds_what_decides():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"level": rng.uniform(0, 2, 80), "idle": rng.uniform(size=80)})
    table["kind"] = rng.choice(["a", "b"], 80)
    value = np.sin(table["level"]).to_numpy() + 0.1 * (table["kind"] == "a")
    found = parameter_importance(table, value)
    assert "random forest" in found.note
    assert found.table["parameter"][0] == "level"
    assert 0.5 < found.table["importance"][0] < 1.2
    shares = found.table.set_index("parameter")["importance"]
    assert abs(shares["idle"]) < 0.1
    assert found.table.equals(parameter_importance(table, value).table)
    noise = parameter_importance(table, rng.normal(size=80))
    assert "mean nothing" in noise.note


def test_of_too_few_runs_nothing_is_said():
    table, value = grid(1)
    found = parameter_importance(table, value)
    assert found.table.empty
    assert "needs 20 runs or more" in found.note
    assert "there are 12" in found.note
    table, value = grid()
    assert (
        parameter_importance(table, np.full(36, 0.5)).note == "Nothing varies, so no parameter is important."
    )
    # runs without a figure are no runs
    assert parameter_importance(table, np.where(np.arange(36) < 25, np.nan, value)).table.empty
