"""The main job as a user runs it: what it leaves, and what it says."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import TINY
from shell import SMALL, eeg_files, my_recordings, recordings

import eegdae
from eegdae.cli import main
from eegdae.recordings import load_recordings
from eegdae.run import read_config, read_tensors
from eegdae.windows import make_windows

REPRESENTATIONS = {"codes", "raw", "pca", "random_encoder", "autoencoder", "chance"}


def test_run_folder_holds_what_the_design_promises(finished_run):
    names = {path.name for path in finished_run.iterdir()}
    assert names >= {
        *("run.json", "config.yaml", "model.ckpt", "codes.npz", "metadata.csv", "metrics.json"),
        *("split_audit.json", "folds", "history.csv", "report.html", "figures"),
    }
    assert "checkpoints" not in names
    assert not list(finished_run.rglob(".tmp-*"))
    run = json.loads((finished_run / "run.json").read_text())
    assert run["status"] == "done"
    assert set(run) >= {"config_hash", "seed", "versions", "git_commit", "wall_s", "metrics"}
    assert read_config(finished_run)["name"] == "tiny"


def test_metrics_have_the_schema_and_every_baseline(finished_run):
    metrics = json.loads((finished_run / "metrics.json").read_text())
    assert set(metrics) >= REPRESENTATIONS
    for figures in metrics.values():
        assert set(figures) == {"balanced_accuracy", "roc_auc"}
        for figure in figures.values():
            assert figure["low"] <= figure["mean"] <= figure["high"]
    assert metrics["chance"]["balanced_accuracy"]["mean"] == pytest.approx(1 / 7)
    assert metrics["chance"]["roc_auc"]["mean"] == pytest.approx(0.5)


def test_metrics_come_from_the_folds_alone(finished_run):
    """Recomputed here, by other means, from the folds' predictions."""
    parts = [pd.read_csv(path) for path in sorted(finished_run.glob("folds/*/predictions.csv"))]
    table = pd.concat(parts)
    columns = [name for name in table.columns if name.startswith("codes|")]
    table["hit"] = table[columns].to_numpy().argmax(1) == table["target"]
    by_person = table.groupby(["group", "target"])["hit"].mean().groupby("group").mean()
    metrics = json.loads((finished_run / "metrics.json").read_text())
    assert metrics["codes"]["balanced_accuracy"]["mean"] == pytest.approx(by_person.mean())


def test_folds_cover_every_row_once_and_share_nobody(finished_run):
    metadata = pd.read_csv(finished_run / "metadata.csv", dtype=str)
    seen = []
    for path in finished_run.glob("folds/*/codes.npz"):
        fold = np.load(path)
        train, test = (set(metadata["subject"].iloc[fold[side]]) for side in ("train_rows", "rows"))
        assert not train & test
        assert fold["codes"].dtype == np.float32
        seen += fold["rows"].tolist()
    assert sorted(seen) == list(range(len(metadata)))
    audit = json.loads((finished_run / "split_audit.json").read_text())["folds"]
    assert all(row["shared_groups"] == row["overlapping_windows"] == row["shared_rows"] == 0 for row in audit)


def test_codes_are_the_final_models_and_marked_in_sample(finished_run):
    kept = np.load(finished_run / "codes.npz")
    assert bool(kept["in_sample"])
    assert kept["codes"].shape == (
        len(pd.read_csv(finished_run / "metadata.csv")),
        eegdae.load(finished_run).n_codes,
    )
    assert "model" in read_tensors(finished_run / "model.ckpt")


def test_history_has_a_row_an_epoch_a_stage(finished_run):
    history = pd.read_csv(finished_run / "history.csv")
    final = history[history["fold"] == "final"]
    assert final["stage"].tolist() == ["layer 1", "layer 2", "joint"]
    assert np.isfinite(history["loss"]).all()


def test_the_report_names_transductive_only_where_it_is(finished_run):
    assert "transductive" not in (finished_run / "report.html").read_text()


def test_other_heads_fine_tuning_alignment_and_bce(tmp_path, capsys):
    """One run through the options that the default leaves out."""
    options = ("head=mlp", "head.epochs=9", "finetune=encoder", "finetune.epochs=60", "alignment=zscore")
    scale = (
        "loss=bce",
        "scaler=minmax",
        "corruption=salt_and_pepper",
        "corruption.clip=true",
        "finetune.lr=0.02",
    )
    near = ("loss.locality=0.1", "loss.lpp=2", "loss.channel_weights={ax: 2.0}", "loss.kept=0.5")
    beside = ("baselines=[msda,cae]", "committee=person", "committee.n_members=3")
    assert main(["train", *TINY, *options, *scale, *near, *beside, f"hydra.run.dir={tmp_path / 'run'}"]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert {"finetuned", "supervised", "msda", "cae", "committee", "lpp"} <= set(metrics)
    kept = json.loads((tmp_path / "run" / "folds/1/committee.json").read_text())
    assert len(kept["accuracy"]) == len(kept["q"]) == 5
    assert 1 <= len(kept["kept"]) <= 3
    page = (tmp_path / "run" / "report.html").read_text()
    for name in ("marginalised SDA", "contractive autoencoder", "committee of people"):
        assert name in page
    lpp, codes = (np.load(tmp_path / "run" / f"{name}.npz") for name in ("lpp", "codes"))
    np.testing.assert_allclose(
        lpp["codes"], (codes["codes"] - lpp["mean"]) @ lpp["components"], rtol=1e-3, atol=1e-4
    )
    assert "loss bce, kept 0.5" in page
    assert "locality-preserving codes" in page
    assert metrics["finetuned"]["roc_auc"]["mean"] > 0.6
    assert "transductive" in (tmp_path / "run" / "report.html").read_text()
    assert "transductive" in capsys.readouterr().out
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert {"head", "fine-tune"} <= set(history["stage"])


@pytest.mark.parametrize("alignment", ["none", "zscore"])
def test_the_report_draws_connectivity_in_the_unit_of_its_measure(tmp_path, alignment):
    """Aligned or not: an alignment is taken back first, and the comparison of classes never uses it."""
    tiny = [option for option in TINY if "features" not in option]
    views = ("features=[plv]", "features.plv.bands={slow: [1, 5], fast: [5, 12]}", f"alignment={alignment}")
    assert main(["train", *tiny, *views, f"hydra.run.dir={tmp_path / 'run'}"]) == 0
    figures = [path.name for path in (tmp_path / "run" / "figures").iterdir()]
    assert any(name.startswith("matrices_plv") for name in figures)
    assert any(name.startswith("networks_plv") for name in figures)
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Where connectivity differs" in page
    assert "Paired t tests over " in page
    assert "Drawn are the two classes that differ most, of 21 pairs." in page


def test_the_same_seed_gives_the_same_bytes(finished_run, tmp_path):
    assert main(["train", *TINY, "name=tiny", f"hydra.run.dir={tmp_path / 'again'}"]) == 0
    for name in ("codes.npz", "metrics.json", "model.ckpt", "history.csv", "folds/1/codes.npz"):
        assert (tmp_path / "again" / name).read_bytes() == (finished_run / name).read_bytes(), name


@pytest.mark.parametrize("alignment", ["none", "zscore"])
def test_covariances_of_a_real_recording_from_file_to_codes(tmp_path, capsys, alignment):
    """Two people's EEG through both tangent views; the loaded model finds its way back without the folds."""
    files = [str(file) for file in eeg_files() if file.stem[7:9] in ("00", "01")]
    run = tmp_path / "run"
    options = (
        *("experiment=eegmat", "features=[covariance_tangent,filter_bank_tangent]", f"data.path={files}"),
        "features.filter_bank_tangent.bands={narrow: [9.9, 10.7], alpha: [8, 13]}",
        "features.filter_bank_tangent.metric=logeuclid",
        *("model.hidden=[8,4]", "pretrain.epochs=1", "pretrain.joint_epochs=1", "head.C=1", "baselines=[]"),
        *("windows.stride=10", "split.n_folds=2", "trainer.threads=1", f"alignment={alignment}"),
    )
    assert main(["train", *options, f"hydra.run.dir={run}"]) == 0
    said = capsys.readouterr().out
    assert "covariance_tangent: dimensions kept of 19: all frequencies 15 (rank 19)" in said
    # 10, 10.2, 10.4 and 10.6 Hz: a sine and a cosine each
    assert "filter_bank_tangent: dimensions kept of 19: narrow 8 (rank 8), alpha 15 (rank 19)" in said
    narrow = {"rank": 8, "n_components": 8}
    for place in (run, run / "folds/0", run / "folds/1"):
        assert json.loads((place / "subspaces.json").read_text())["filter_bank_tangent"]["narrow"] == narrow
    metrics = json.loads((run / "metrics.json").read_text())
    assert set(metrics) >= REPRESENTATIONS | {"eigenvalue_ratio"}
    assert ("transductive" in said) == (alignment == "zscore")
    html = (run / "report.html").read_text()
    assert "narrow 8 of 19 (rank 8)" in html
    assert "Mean covariance in all frequencies" in html

    config, model = read_config(run), eegdae.load(run)
    windows = make_windows(load_recordings(config["data"]), size=5.0, stride=10.0, classes=model.classes)
    codes = np.load(run / "codes.npz")["codes"]
    np.testing.assert_allclose(model.transform(windows), codes, atol=1e-5)
    back = model.reconstruct(windows)
    for view in model.views:
        c = view.matrices(torch.from_numpy(back[view.name]), 19)
        assert (np.linalg.eigvalsh(c) > 0).all()
    out = tmp_path / "codes.npz"
    assert main(["extract", f"run={run}", "data=eegmat", f"data.path={files}", f"out={out}"]) == 0
    np.testing.assert_allclose(np.load(out)["codes"], codes, atol=1e-5)
    predicted = tmp_path / "p.csv"
    assert main(["classify", f"run={run}", "data=eegmat", f"data.path={files}", f"out={predicted}"]) == 0
    assert len(pd.read_csv(predicted)) == len(codes)


def test_a_calibration_is_named_and_not_judged_and_the_model_recentres(tmp_path, capsys):
    run = tmp_path / "run"
    options = ("alignment=riemann", "alignment.n_windows=3", "adaptation=asdae", "adaptation.batch_size=2")
    assert main(["train", *TINY, *options, f"hydra.run.dir={run}"]) == 0
    said = capsys.readouterr().out
    assert "10 subjects re-centred (riemann) in 6 of 6 dimensions" in said
    assert "balanced accuracy (transductive, first 3 windows)" in said
    assert "adapted (transductive)" in said
    page = (run / "report.html").read_text()
    assert "ROC-AUC, transductive, first 3 windows" in page
    assert "adapted codes, transductive" in page
    subject = pd.read_csv(run / "metadata.csv", dtype=str)["subject"]
    first = subject.groupby(subject).head(3).index
    judged = np.concatenate([np.load(path)["rows"] for path in run.glob("folds/*/codes.npz")])
    assert sorted([*judged, *first]) == list(range(len(subject)))
    trained = np.concatenate([np.load(path)["train_rows"] for path in run.glob("folds/*/codes.npz")])
    assert set(first) <= set(trained)
    model, config = eegdae.load(run), read_config(run)
    windows = make_windows(
        load_recordings(config["data"]), size=2.0, stride=8.0, classes=config["data"]["classes"]
    )
    np.testing.assert_allclose(model.transform(windows), np.load(run / "codes.npz")["codes"], atol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("error::pandas.errors.PerformanceWarning")
def test_many_classes(tmp_path):
    """27, as utd_mhad has: each has a column a representation."""
    arrays = recordings(n_people=54, n_times=60)
    arrays["label"] = np.array([f"a{k % 27:02d}" for k in range(108)])
    arrays["subject"] = np.array([str(k // 54) for k in range(108)])
    folder = tmp_path / "run"
    assert (
        main(["train", *my_recordings(tmp_path, arrays), *SMALL, "windows.size=1", f"hydra.run.dir={folder}"])
        == 0
    )
    table = pd.read_csv(folder / "folds/0/predictions.csv")
    codes = table[[f"codes|a{k:02d}" for k in range(27)]].to_numpy()
    assert codes.shape == (54, 27)
    assert np.allclose(codes.sum(1), 1)
