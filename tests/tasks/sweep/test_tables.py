from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from eegdae.tasks.sweep.runs import Run
from eegdae.tasks.sweep.tables import csv_bytes, parquet_bytes, runs_table, setting_values


def run(name, problem="", **config):
    figures = {
        "codes": {"roc_auc": {"mean": 0.7, "low": None, "high": 0.9}},
        "pca": {"roc_auc": {"mean": 0.6}},
    }
    return Run(
        Path(name),
        name,
        state={"status": "done", "seed": 3, "wall_s": 1.5},
        config={"corruption._target_": "eegdae.corruption.SaltAndPepper", **config},
        problem=problem,
        metrics=figures,
        groups={"codes": {"a": (0.5, 0.7)}},
        validation=[
            {"balanced_accuracy": 0.6, "roc_auc": np.nan},
            {"balanced_accuracy": 0.8, "roc_auc": np.nan},
        ],
    )


def test_values_of_a_key_are_of_one_type():
    runs = [
        run("0", a=1, b=1, c="x", d=True),
        run("1", a=0.5, b="x", d=False),
        run("2", a=None, b=None, c="y", d=True),
    ]
    found = setting_values(runs, ["a", "b", "c", "d"])
    assert [setting["a"] for setting in found] == [1.0, 0.5, None]
    assert [setting["b"] for setting in found] == ["1", "x", None]
    assert [setting["c"] for setting in found] == ["x", None, "y"]
    assert [setting["d"] for setting in found] == [True, False, True]


def test_no_number_is_no_value():
    assert setting_values([run("0", a=float("nan")), run("1", a=1.0)], ["a"]) == [{"a": None}, {"a": 1.0}]


def test_a_row_a_run_with_every_figure():
    table = runs_table([run("0", lr=1), run("1", lr=0.5, problem="damaged: x"), Run(Path("2"), "2")], ["lr"])
    assert table.columns.tolist() == [
        "folder",
        "status",
        "problem",
        "seed",
        "wall_s",
        "kind",
        "lr",
        "validation.balanced_accuracy",
        "validation.roc_auc",
        "codes.roc_auc.mean",
        "codes.roc_auc.low",
        "codes.roc_auc.high",
        "pca.roc_auc.mean",
        "pca.roc_auc.low",
        "pca.roc_auc.high",
    ]
    first = table.iloc[0]
    assert first["kind"] == "salt_and_pepper"
    assert first["validation.balanced_accuracy"] == 0.7
    assert np.isnan(first["validation.roc_auc"])
    assert table["status"].tolist() == ["done", "done", "no run"]
    assert table.iloc[1:, 7:].isna().all(axis=None)


def test_both_files_hold_the_same(monkeypatch):
    runs = [run("0", lr=1, d=True, w="[8, 4]"), run("1", lr=0.5, d=None, w=None, problem="damaged")]
    table = runs_table(runs, ["lr", "d", "w"])
    data = parquet_bytes(table)
    assert data == parquet_bytes(table)
    back = pd.read_parquet(io.BytesIO(data))
    assert back.columns.tolist() == table.columns.tolist()
    assert back["lr"].tolist() == [1.0, 0.5]
    text = pd.read_csv(io.BytesIO(csv_bytes(table)))
    np.testing.assert_array_equal(text["codes.roc_auc.mean"], back["codes.roc_auc.mean"].astype(float))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert parquet_bytes(table) is None
