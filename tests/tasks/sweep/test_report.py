from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import yaml
from shell import as_anyone, left_overs

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


def write_run(folder, values, *, autoencoder=0.5, validation=None, **changes):
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
    if validation is not None:
        write_folds(folder, values, validation)


def write_folds(folder, values, validation):
    """One fold a group: its figure of validation, and predictions that give its figure on test rows."""
    audit = [{"test_groups": group, "n_train": 50, "n_test": 10} for group in GROUPS[: len(values)]]
    (folder / "split_audit.json").write_text(json.dumps({"by": "subject", "folds": audit}))
    for k, (group, value, figure) in enumerate(
        zip(GROUPS, values, np.broadcast_to(validation, len(values)), strict=False)
    ):
        fold = folder / "folds" / str(k)
        fold.mkdir(parents=True)
        figures = {"balanced_accuracy": figure, "roc_auc": figure}
        (fold / "heads.json").write_text(json.dumps({"C": {}, "validation": figures}))
        right = np.arange(20) % 10 < round(10 * value)
        target = np.arange(20) // 10
        proba = np.where(right, target, 1 - target)
        predictions = {"group": group, "target": target, "label": "x", "codes|a": 1 - proba, "codes|b": proba}
        pd.DataFrame(predictions).to_csv(fold / "predictions.csv", index=False)


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
    answer = pd.read_csv(folder / "answer.csv")
    assert answer["what"].tolist() == ["best on test"] * 2 + ["level 0"] * 2
    np.testing.assert_allclose(answer["mean"], [table.loc[k, "mean"] + d for k in (1, 0) for d in (0, 0.1)])
    assert answer.loc[0, "difference"] == table.loc[1, "difference"]
    assert (folder / "noise_curve.png").read_bytes().startswith(b"\x89PNG")
    html = (folder / "sweep.html").read_text()
    said = capsys.readouterr().out
    for text in (html, said):
        assert "+0.100 [+0.100, +0.100]" in text
        assert "same folds" in text
    assert "0.031" in said
    assert str(folder / "sweep.html") in said
    assert all(name in said for name in ("runs.csv", "runs.parquet", "sweep.csv", "noise_curve.png"))
    assert all((folder / name).exists() for name in ("runs.csv", "runs.parquet", "sweep.csv", "sweep.html"))


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


def test_settings_of_which_some_lack_a_key_keep_their_figures(tmp_path):
    """What is missing must not move rows: validation belongs to the setting that it came from."""
    nodes = [
        {"lr": None, "x": 1},
        {"lr": 0.1, "x": True},
        {"x": "a"},
        {"lr": 0.1, "x": 1},
        {"lr": None, "x": 1},
    ]
    for number, node in enumerate(nodes):
        values = np.full(6, 0.1 * number)
        write_run(tmp_path / str(number), values, validation=0.1 * number, seed=number, optimizer=node)
    assert main(["sweep-report", str(tmp_path)]) == 0
    table = table_of(tmp_path)
    assert len(table) == 4
    np.testing.assert_allclose(table["validation"], table["mean"])
    assert table["n_runs"].max() == 2


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


def test_folders_that_hold_no_sweep(tmp_path, capsys):
    assert "no such folder" in error_of(capsys, tmp_path / "nowhere")
    (tmp_path / "file").touch()
    assert "is a file; give the folder of a multirun" in error_of(capsys, tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert "no run in it" in error_of(capsys, tmp_path / "empty")
    (tmp_path / "empty" / "sweep.csv").write_text("")
    assert "no run in it" in error_of(capsys, tmp_path / "empty")
    failed = tmp_path / "failed"
    write_run(failed / "0", [0.5])
    (failed / "0" / "run.json").write_text(json.dumps({"format": FORMAT, "status": "failed", "error": "why"}))
    assert "0: failed: why" in error_of(capsys, failed)
    assert list(failed.iterdir()) == [failed / "0"]


def test_runs_of_another_version_are_left_out_unless_all_are(sweep, capsys):
    folder, _ = sweep
    for name in ("1", "2"):
        (folder / name / "run.json").write_text(json.dumps({"format": FORMAT + 1, "status": "done"}))
    assert main(["sweep-report", str(folder)]) == 0
    said = capsys.readouterr().out
    assert f"Left out: 2 runs (1, 2): format {FORMAT + 1}, another version" in said
    assert table_of(folder)["n_runs"].tolist() == [1, 1]
    assert (folder / "sweep.html").read_text().count("another version") == 1
    for name in ("0", "3"):
        (folder / name / "run.json").write_text(json.dumps({"format": FORMAT + 1, "status": "done"}))
    assert f"format {FORMAT + 1}, and no run here" in error_of(capsys, folder)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("group_metrics.csv", "a,b\n1,2\n", "has no column balanced_accuracy"),
        ("group_metrics.csv", "representation,group,balanced_accuracy,roc_auc\ncodes,p,x,1\n", "'x'"),
        (
            "group_metrics.csv",
            "representation,group,balanced_accuracy,roc_auc\npca,p,1,1\n",
            "no figures of codes",
        ),
        (
            "group_metrics.csv",
            "representation,group,balanced_accuracy,roc_auc\ncodes,p,1,1\ncodes,p,1,1\n",
            "two rows of one",
        ),
        ("group_metrics.csv", "representation,group,balanced_accuracy,roc_auc\ncodes\n", "a row is short"),
        ("metrics.json", "{", "metrics.json"),
        ("run.json", "[]", "run.json: holds list"),
        ("config.yaml", "a: [", "config.yaml"),
        ("config.yaml", "5", "config.yaml: holds int"),
        ("config.yaml", None, "config.yaml: cannot be read as YAML: No such file"),
        ("split_audit.json", '{"folds": [{"fold": 0}]}', "split_audit.json: a fold lacks"),
    ],
)
def test_a_damaged_run_costs_no_report(sweep, capsys, name, text, why):
    folder, base = sweep
    file = folder / "1" / name
    file.unlink() if text is None else file.write_text(text)
    assert main(["sweep-report", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "Left out: 1: damaged: " in said
    assert why in said
    assert table_of(folder)["n_runs"].tolist() == [1, 2]
    assert table_of(folder).loc[0, "mean"] == pytest.approx(base.mean())
    runs = pd.read_csv(folder / "runs.csv")
    assert runs["problem"].str.startswith("damaged").tolist() == [False, True, False, False]


def test_a_running_run_is_told(sweep, capsys):
    folder, _ = sweep
    (folder / "0" / "run.json").write_text(json.dumps({"format": FORMAT, "status": "running"}))
    assert main(["sweep-report", str(folder)]) == 0
    assert "Left out: 0: running, or killed while it ran." in capsys.readouterr().out


def test_a_run_that_was_done_twice_counts_once(sweep, capsys):
    folder, _ = sweep
    for name in ("1", "3"):
        (folder / name / "run.json").write_text(
            json.dumps({"format": FORMAT, "status": "done", "config_hash": name})
        )
    shutil.copytree(folder / "3", folder / "3a")
    assert main(["sweep-report", str(folder)]) == 0
    assert "3a: the same configuration and seed as 3" in capsys.readouterr().out
    assert table_of(folder)["n_runs"].tolist() == [2, 2]


def test_a_folder_that_cannot_be_written(sweep, capsys):
    folder, _ = sweep
    folder.chmod(0o555)
    try:
        assert as_anyone(main, ["sweep-report", str(folder)]) == 2
    finally:
        folder.chmod(0o755)
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "cannot write runs.csv" in error
    assert left_overs(folder) == []


def test_the_same_runs_give_the_same_bytes(sweep):
    folder, _ = sweep
    names = ("runs.csv", "runs.parquet", "sweep.csv", "sweep.html", "noise_curve.png")
    assert main(["sweep-report", str(folder)]) == 0
    first = {name: (folder / name).read_bytes() for name in names}
    assert main(["sweep-report", str(folder)]) == 0
    assert all((folder / name).read_bytes() == data for name, data in first.items())


def test_the_best_is_chosen_by_validation(tmp_path, capsys):
    """Level 1 is best on test rows, level 2 in validation; two folds would choose level 1."""
    values = {0.0: 0.5, 1.0: 0.9, 2.0: 0.7}
    validation = {0.0: 0.5, 1.0: [0.95, 0.95, 0.5, 0.5, 0.5, 0.5], 2.0: 0.8}
    for number, (level, seed) in enumerate((level, seed) for level in values for seed in (0, 1)):
        test = np.full(6, values[level])
        write_run(
            tmp_path / str(number),
            test,
            validation=validation[level],
            seed=seed,
            corruption=corruption(level),
        )
    assert main(["sweep-report", str(tmp_path)]) == 0
    table = table_of(tmp_path)
    assert table["best"].tolist() == [False, False, True]
    np.testing.assert_allclose(table["validation"], [0.5, np.mean(validation[1.0]), 0.8])
    said, html = capsys.readouterr().out, (tmp_path / "sweep.html").read_text()
    nested = (2 * 0.9 + 4 * 0.7) / 6
    for text in (said, html):
        assert "chosen by validation" in text
        assert "same folds" not in text
        assert f"{nested:.3f} [" in text
        assert f"+{nested - 0.5:.3f} [" in text
    lines = said.splitlines()
    assert [line.split("  ")[0] for line in lines[2:5]] == [
        "best by validation",
        "choice repeated in each fold",
        "level 0",
    ]
    assert "2 settings in 6 folds" in lines[3]
    assert "corruption.level=1 in 0, 1; corruption.level=2 in 2, 3, 4, 5." in html
    runs = pd.read_csv(tmp_path / "runs.csv")
    np.testing.assert_allclose(runs["validation.roc_auc"], np.repeat(table["validation"], 2))


def test_runs_that_were_split_otherwise_give_no_choice_by_fold(tmp_path, capsys):
    for number, level in enumerate((0.0, 1.0)):
        write_run(tmp_path / str(number), np.full(6, 0.7), validation=0.6, corruption=corruption(level))
    audit = tmp_path / "1" / "split_audit.json"
    audit.write_text(audit.read_text().replace('"n_train": 50', '"n_train": 51'))
    assert main(["sweep-report", str(tmp_path)]) == 0
    assert "choice repeated" not in capsys.readouterr().out
    assert "were not split alike" in (tmp_path / "sweep.html").read_text()
    audit.write_text(audit.read_text().replace('"n_train": 51', '"n_train": 50'))
    (tmp_path / "0/folds/2/predictions.csv").write_text("group\nx\n")
    assert main(["sweep-report", str(tmp_path)]) == 0
    assert "could not be repeated in each fold" in (tmp_path / "sweep.html").read_text()


def test_figures_of_validation_that_some_runs_lack_choose_nothing(tmp_path, capsys):
    write_run(tmp_path / "0", np.full(6, 0.7), validation=0.6, corruption=corruption(0.0))
    write_run(tmp_path / "1", np.full(6, 0.6), corruption=corruption(1.0))
    assert main(["sweep-report", str(tmp_path)]) == 0
    assert "same folds" in capsys.readouterr().out
    assert table_of(tmp_path)["best"].tolist() == [True, False]


def test_of_too_many_settings_on_too_few_people_nothing_can_come_out(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for number, level in enumerate((0.0, 0.5, 1.0)):
        write_run(tmp_path / str(number), rng.random(6), corruption=corruption(level))
    assert main(["sweep-report", str(tmp_path)]) == 0
    assert "With 6 groups no p is below 0.031, so that over 2 settings p (Holm) cannot be below 0.062" in (
        capsys.readouterr().out
    )


def test_a_large_sweep_fits_on_the_screen(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for number in range(100):
        kind = ("Gaussian", "Masking")[number % 2]
        write_run(
            tmp_path / str(number),
            rng.random(6),
            corruption=corruption(number // 2 % 5 / 5, kind),
            optimizer={"lr": 10.0 ** -(number // 10)},
        )
    for number in range(20):
        failed = {"format": FORMAT, "status": "failed", "error": f"reason {number % 10}"}
        (tmp_path / str(number) / "run.json").write_text(json.dumps(failed))
    assert main(["sweep-report", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 25
    assert (
        lines[0] == "Sweep: 80 runs, 80 settings of corruption, corruption.level, optimizer.lr; 20 left out"
    )
    assert "for 6 more reasons" in "\n".join(lines)
    assert {"noise_curve.png", "parallel_coordinates.png", "importance.png"} <= set(os.listdir(tmp_path))
    assert "full grid of 80 runs" in (tmp_path / "sweep.html").read_text()


def test_a_search_is_told_from_its_file(sweep, capsys):
    folder, _ = sweep
    trials = [
        {"number": k, "params": {"corruption.level": k / 30}, "values": [k / 30], "state": "COMPLETE"}
        for k in range(30)
    ]
    record = {"study": "mine", "direction": ["maximize"], "objectives": ["validation.roc_auc"]}
    (folder / "search.json").write_text(json.dumps({**record, "trials": trials}))
    assert main(["sweep-report", str(folder)]) == 0
    assert {"parallel_coordinates.png", "importance.png"} <= set(os.listdir(folder))
    assert (
        "Search mine: trials: 30 complete. Objectives: validation.roc_auc (more is better)."
        in (folder / "sweep.html").read_text()
    )
    (folder / "search.json").write_text("{")
    assert main(["sweep-report", str(folder)]) == 0
    assert "search.json: damaged" in capsys.readouterr().out


def test_runs_without_labels_are_judged_by_reconstruction(tmp_path, capsys):
    for number, level in enumerate((0.0, 1.0)):
        folder = tmp_path / str(number)
        write_run(folder, [0.5], corruption=corruption(level))
        (folder / "metrics.json").write_text("{}")
        (folder / "group_metrics.csv").unlink()
        audit = [{"test_groups": group, "n_train": 5, "n_test": 1} for group in GROUPS]
        (folder / "split_audit.json").write_text(json.dumps({"by": "subject", "folds": audit}))
        for k in range(len(GROUPS)):
            (folder / "folds" / str(k)).mkdir(parents=True)
            errors = {"corrupted": level, "reconstructed": 0.2 + 0.01 * k, "pca": 0.4, "autoencoder": 0.3}
            (folder / "folds" / str(k) / "reconstruction.json").write_text(json.dumps({"raw": errors}))
    assert main(["sweep-report", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "0.225 [0.2" in said
    assert "PCA" in said
    assert not (tmp_path / "sweep.csv").exists()
    table = pd.read_csv(tmp_path / "errors.csv")
    assert len(table) == 2 * 4
    assert (tmp_path / "error_curve.png").exists()
    runs = pd.read_csv(tmp_path / "runs.csv")
    np.testing.assert_allclose(runs["reconstruction.raw.reconstructed"], 0.225)
    (tmp_path / "0/folds/1/reconstruction.json").write_text('{"raw": {"pca": "x"}}')
    assert main(["sweep-report", str(tmp_path)]) == 0
    assert "1/reconstruction.json" in capsys.readouterr().out


@pytest.mark.slow
def test_without_pyarrow_there_is_no_parquet(sweep):
    folder, _ = sweep
    without = "import sys; sys.modules['pyarrow'] = None; from eegdae.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", without, "sweep-report", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "pip install 'eegdae[tables]'" in done.stdout
    assert (folder / "runs.csv").exists()
    assert not (folder / "runs.parquet").exists()


@pytest.mark.slow
def test_a_thousand_runs_take_seconds(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for number in range(1000):
        write_run(
            tmp_path / str(number),
            rng.random(6),
            validation=rng.random(6),
            seed=number % 5,
            corruption=corruption(number // 5 % 20 / 10),
            optimizer={"lr": 10.0 ** -(number // 100)},
        )
    started = time.process_time()
    assert main(["sweep-report", str(tmp_path)]) == 0
    assert time.process_time() - started < 20
    assert "Sweep: 1000 runs, 200 settings" in capsys.readouterr().out
