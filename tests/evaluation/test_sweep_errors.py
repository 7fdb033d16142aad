from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eegdae.evaluation.sweep import LEVEL
from eegdae.evaluation.sweep_errors import error_curve, error_ratio, error_table


def errors():
    return pd.DataFrame(
        [
            {
                LEVEL: level,
                "kind": "gaussian",
                "run": 2 * level + seed,
                "fold": fold,
                "view": "raw",
                "way": way,
                "value": level + 0.1 * fold + 0.02 * seed + (way == "pca"),
            }
            for level in (0, 1)
            for seed in (0, 1)
            for fold in range(5)
            for way in ("reconstructed", "pca")
        ]
    )


def test_runs_are_averaged_fold_by_fold_and_intervals_are_over_folds():
    table = error_table(errors(), [LEVEL])
    assert len(table) == 4
    row = table[(table[LEVEL] == 1) & (table["way"] == "pca")].iloc[0]
    assert row["mean"] == pytest.approx(2 + 0.2 + 0.01)
    assert row["low"] < row["mean"] < row["high"]
    assert row["low"] > 2.01
    assert row[["n_runs", "n_folds"]].tolist() == [2, 5]


def test_the_curve_has_a_line_a_way():
    curve = error_curve(error_table(errors(), [LEVEL]), [LEVEL])
    assert curve.groupby("way").size().to_dict() == {"pca": 2, "reconstructed": 2}
    assert curve["level"].tolist() == [0, 0, 1, 1]
    assert error_curve(error_table(errors(), ["view"]), ["view"]).empty
    assert error_curve(error_table(errors().query("run < 2"), [LEVEL]), [LEVEL]).empty


def test_a_run_in_one_number():
    folds = [{"raw": {"reconstructed": 0.5, "pca": 1.0}}, {"raw": {"reconstructed": 2.0, "pca": 1.0}}]
    assert error_ratio(folds) == pytest.approx(1)
    assert np.isnan(error_ratio([{"raw": {"reconstructed": 0.5, "pca": 0.0}}]))
    assert np.isnan(error_ratio([{"raw": {"reconstructed": 0.5}}]))
    assert np.isnan(error_ratio([]))
