from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml

from eegdae.cli import main
from eegdae.run import FORMAT

GROUPS = [f"p{k}" for k in range(6)]
CONFIG = {
    "name": "watch",
    "seed": 0,
    "alignment": "none",
    "paths": {"data_dir": "/a"},
    "corruption": {"_target_": "eegdae.corruption.Gaussian", "level": 1.0},
    "model": {"hidden": [8, 4]},
}


def write_run(folder, values, *, autoencoder=0.5, **changes):
    """A run folder as training leaves it, as far as the report reads it: one figure a group."""
    config = {**CONFIG, **changes}
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "run.json").write_text(json.dumps({"format": FORMAT, "status": "done"}))
    (folder / "metrics.json").write_text(json.dumps({"codes": {}}))
    rows = [
        {
            "representation": name,
            "group": group,
            "n_windows": 9,
            "balanced_accuracy": value,
            "roc_auc": value + 0.1,
        }
        for name, column in (("codes", values), ("autoencoder", np.broadcast_to(autoencoder, len(values))))
        for group, value in zip(GROUPS, column, strict=False)
    ]
    pd.DataFrame(rows).to_csv(folder / "group_metrics.csv", index=False)


def corruption(level, kind="Gaussian"):
    return {"_target_": f"eegdae.corruption.{kind}", "level": level}


@pytest.fixture
def sweep(tmp_path):
    """Levels 0 and 1 with two seeds each; level 1 is .1 better for every group, seeds differ by .02."""
    rng = np.random.default_rng(0)
    base = 0.5 + 0.1 * rng.random(6)
    number = 0
    for level in (0, 1.0):
        for seed in (0, 1):
            values = base + 0.1 * level + 0.02 * seed
            write_run(tmp_path / str(number), values, seed=seed, corruption=corruption(level))
            number += 1
    return tmp_path, base


def table_of(folder, metric="balanced_accuracy"):
    table = pd.read_csv(folder / "sweep.csv")
    return table[table["metric"] == metric].reset_index(drop=True)


def test_means_intervals_and_paired_differences(sweep, capsys):
    folder, base = sweep
    assert main(["sweep-report", str(folder)]) == 0
    table = table_of(folder)
    assert table["corruption.level"].tolist() == [0.0, 1.0]
    assert table["n_runs"].tolist() == [2, 2]
    assert table["n_groups"].tolist() == [6, 6]
    np.testing.assert_allclose(table["mean"], [base.mean() + 0.01, base.mean() + 0.11])
    assert (table["low"] < table["mean"]).all()
    assert (table["high"] > table["mean"]).all()
    assert table.loc[0, ["difference", "p"]].isna().all()
    assert table.loc[1, "against"] == "level 0"
    np.testing.assert_allclose(
        table.loc[1, ["difference", "difference_low", "difference_high"]].astype(float), 0.1, atol=1e-12
    )
    assert table.loc[1, "p"] == pytest.approx(2 / 2**6)
    assert table["best"].tolist() == [False, True]
    np.testing.assert_allclose(table_of(folder, "roc_auc")["mean"], table["mean"] + 0.1)
    assert "seed" not in table.columns
    assert (folder / "noise_curve.png").read_bytes().startswith(b"\x89PNG")
    html = (folder / "sweep.html").read_text()
    said = capsys.readouterr().out
    for text in (html, said):
        assert "+0.100 [+0.100, +0.100]" in text
        assert "same folds" in text
    assert "0.0312" in said
    assert all(str(folder / name) in said for name in ("sweep.csv", "noise_curve.png", "sweep.html"))


def test_without_level_0_each_runs_own_autoencoder_is_the_other_side(tmp_path, capsys):
    write_run(tmp_path / "0", np.full(6, 0.7), autoencoder=0.6, corruption=corruption(0.5))
    write_run(tmp_path / "1", np.full(6, 0.9), autoencoder=0.6, corruption=corruption(1.0))
    assert main(["sweep-report", str(tmp_path)]) == 0
    table = table_of(tmp_path)
    np.testing.assert_allclose(table["difference"], [0.1, 0.3])
    assert (table["against"] == "own autoencoder").all()
    assert "own autoencoder" in capsys.readouterr().out


def test_level_0_of_the_same_other_settings(tmp_path):
    number = 0
    for hidden, at_0 in (([8, 4], 0.5), ([16, 4], 0.6)):
        for level in (0.0, 1.0):
            values = np.full(6, at_0 + 0.2 * level)
            write_run(tmp_path / str(number), values, corruption=corruption(level), model={"hidden": hidden})
            number += 1
    assert main(["sweep-report", str(tmp_path)]) == 0
    table = table_of(tmp_path)
    assert table["model.hidden"].tolist() == ["[8, 4]", "[8, 4]", "[16, 4]", "[16, 4]"]
    np.testing.assert_allclose(table["difference"].fillna(0), [0, 0.2, 0, 0.2])
    assert table["best"].tolist() == [False, False, False, True]


def test_a_choice_of_a_group_is_one_column(tmp_path):
    for number, kind in enumerate(("Gaussian", "Masking")):
        node = {**corruption(0.3, kind), **({"per_feature": False} if kind == "Gaussian" else {})}
        write_run(tmp_path / str(number), np.full(6, 0.7), corruption=node, paths={"data_dir": f"/{number}"})
    assert main(["sweep-report", str(tmp_path)]) == 0
    table = table_of(tmp_path)
    assert table.columns[:3].tolist() == ["metric", "corruption._target_", "kind"]
    assert table["kind"].tolist() == ["gaussian", "masking"]
    assert not (tmp_path / "noise_curve.png").exists()


def test_groups_are_averaged_over_seeds_before_anything_else(tmp_path):
    """A seed that lost groups does not weigh its other groups down."""
    write_run(tmp_path / "0", np.array([0.2, 0.4, 0.6, 0.8, 1.0, 0.0]), seed=0)
    write_run(tmp_path / "1", np.array([0.4, 0.6]), seed=1)
    assert main(["sweep-report", str(tmp_path)]) == 0
    table = table_of(tmp_path)
    assert table["mean"].tolist() == pytest.approx([np.mean([0.3, 0.5, 0.6, 0.8, 1.0, 0.0])])


def test_runs_that_did_not_finish_are_named_with_their_reason(sweep, capsys):
    folder, _ = sweep
    failed = {"format": FORMAT, "status": "failed", "error": "the loss became nan"}
    (folder / "3" / "run.json").write_text(json.dumps(failed))
    for name in ("9", "10"):
        (folder / name / ".hydra").mkdir(parents=True)
    (folder / "9" / "launch.log").write_text("job 9: seed=-1\njob 9 failed: seed=-1: must be 0 or more\n")
    write_run(folder / "11", [0.5])
    (folder / "11" / "metrics.json").write_text("{}")
    assert main(["sweep-report", str(folder)]) == 0
    said, html = capsys.readouterr().out, (folder / "sweep.html").read_text()
    for text in (said, html):
        assert "3: failed: the loss became nan" in text
        assert "9: job 9 failed: seed=-1: must be 0 or more" in text
        assert "10: stopped before the run began" in text
        assert "11: no labels" in text
    assert table_of(folder)["n_runs"].tolist() == [2, 1]


def test_too_few_groups_have_no_interval(tmp_path, capsys):
    write_run(tmp_path / "0", [0.5, 0.6], corruption=corruption(0))
    write_run(tmp_path / "1", [0.6, 0.7])
    assert main(["sweep-report", str(tmp_path)]) == 0
    assert table_of(tmp_path)[["low", "high", "p"]].isna().all(axis=None)
    assert "need 5 groups" in capsys.readouterr().out


def test_subjects_with_transduction_are_told(tmp_path, capsys):
    write_run(tmp_path / "0", np.full(6, 0.5), alignment="zscore")
    assert main(["sweep-report", str(tmp_path)]) == 0
    assert "transductive" in capsys.readouterr().out


def test_a_real_run(finished_run, tmp_path, capsys):
    shutil.copytree(finished_run, tmp_path / "sweep" / "0")
    assert main(["sweep-report", str(tmp_path / "sweep")]) == 0
    table = table_of(tmp_path / "sweep")
    metrics = json.loads((finished_run / "metrics.json").read_text())
    for key in ("mean", "low", "high"):
        assert table.loc[0, key] == pytest.approx(metrics["codes"]["balanced_accuracy"][key])
    paired = pd.read_csv(finished_run / "paired.csv").query(
        "representation == 'autoencoder' and metric == 'balanced_accuracy'"
    )
    assert table.loc[0, "difference"] == pytest.approx(paired["mean"].item())
    assert table.loc[0, "p"] == pytest.approx(paired["p"].item())


def error_of(capsys, folder):
    assert main(["sweep-report", str(folder)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_folders_that_hold_no_sweep(tmp_path, sweep, capsys):
    folder, _ = sweep
    assert "no such folder" in error_of(capsys, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "no run in it" in error_of(capsys, tmp_path / "empty")
    (folder / "2" / "run.json").write_text(json.dumps({"format": FORMAT + 1, "status": "done"}))
    assert f"format {FORMAT + 1}" in error_of(capsys, folder)
    failed = tmp_path / "failed"
    write_run(failed / "0", [0.5])
    (failed / "0" / "run.json").write_text(json.dumps({"format": FORMAT, "status": "failed", "error": "why"}))
    assert "0: failed: why" in error_of(capsys, failed)
    damaged = tmp_path / "damaged"
    write_run(damaged / "0", [0.5])
    (damaged / "0" / "group_metrics.csv").write_text("a,b\n1,2\n")
    assert "missing or damaged" in error_of(capsys, damaged)
    assert list(damaged.iterdir()) == [damaged / "0"]
