"""The choice repeated in each fold, on real runs."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from conftest import TINY

from eegdae.cli import main
from eegdae.evaluation.metrics import METRICS
from eegdae.tasks.sweep.choice import NestedChoice
from eegdae.tasks.sweep.runs import read_runs

METRIC = METRICS[0]
VALIDATION = ([0.5, 0.9], [0.8, 0.2], [0.8, 0.1])
"""Figures in validation of each run by fold: fold 0 is to choose run 1 or 2, fold 1 run 0."""


@pytest.fixture(scope="module")
def levels(tmp_path_factory):
    """Levels 0, 4 and 8; figures of validation are put in by hand."""
    folder = tmp_path_factory.mktemp("levels")
    assert main(["train", "-m", *TINY, "corruption.level=0,4,8", f"hydra.sweep.dir={folder}"]) == 0
    for number, by_fold in enumerate(VALIDATION):
        for fold, figure in enumerate(by_fold):
            file = folder / str(number) / "folds" / str(fold) / "heads.json"
            figures = dict.fromkeys(METRICS, figure)
            file.write_text(json.dumps({**json.loads(file.read_text()), "validation": figures}))
    return folder


def figures_of(folder, number, people, representation="codes"):
    table = pd.read_csv(folder / str(number) / "group_metrics.csv", dtype={"group": str})
    table = table[(table["representation"] == representation) & table["group"].isin(people)]
    return table.set_index("group")[list(METRICS)].sort_index()


def test_each_fold_is_tested_with_what_it_chose(levels):
    runs = read_runs(levels)
    nested = NestedChoice(runs, [0, 1, 1])
    people = [groups.split() for groups, *_ in runs[0].split]
    assert nested.problem() == ""
    assert nested.chosen([0, 1], METRIC) == {0: 1, 1: 0}
    found = nested.figures([0, 1], METRIC).sort_index()
    # the same from the figures of every group; one run each, as setting 0 has no more
    expected = pd.concat([figures_of(levels, 1, people[0]), figures_of(levels, 0, people[1])]).sort_index()
    pd.testing.assert_frame_equal(found, expected)
    plain = nested.figures([0, 1], METRIC, representation="autoencoder").sort_index()
    expected = [
        figures_of(levels, run, group, "autoencoder") for run, group in ((1, people[0]), (0, people[1]))
    ]
    pd.testing.assert_frame_equal(plain, pd.concat(expected).sort_index())
    assert not np.allclose(plain, found)


def test_runs_of_a_setting_are_averaged(levels):
    runs = read_runs(levels)
    found = NestedChoice(runs, [0, 1, 1]).figures([1], METRIC).sort_index()
    both = [figures_of(levels, run, found.index) for run in (1, 2)]
    pd.testing.assert_frame_equal(found, (both[0] + both[1]) / 2)
    assert not np.allclose(*both)


def test_the_report_of_a_real_sweep(levels, capsys):
    assert main(["sweep-report", str(levels)]) == 0
    said = capsys.readouterr().out
    assert "3 runs, 3 settings of corruption.level" in said
    assert "best by validation            corruption.level=0" in said
    assert "choice repeated in each fold  2 settings in 2 folds" in said
    runs = pd.read_csv(levels / "runs.csv")
    assert runs["folder"].tolist() == [0, 1, 2]
    assert runs["validation.roc_auc"].tolist() == pytest.approx([0.7, 0.5, 0.45])
    # the baselines of the best setting, which is run 0 alone
    best = json.loads((levels / "0" / "metrics.json").read_text())
    line = next(line for line in said.splitlines() if line.startswith("Baselines at the best setting"))
    for name, plain in (("raw", "scaled features"), ("pca", "PCA"), ("chance", "chance")):
        assert f"{plain} {best[name][METRIC]['mean']:.3f}" in line
    assert "untrained encoder" in (levels / "sweep.html").read_text()
    metrics = json.loads((levels / "2" / "metrics.json").read_text())
    for name, of in metrics.items():
        for metric, parts in of.items():
            for part, value in parts.items():
                assert runs.loc[2, f"{name}.{metric}.{part}"] == value
