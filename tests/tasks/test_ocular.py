"""Ocular artefacts corrected in a run, as a user sees it: files, screen, report, and the model afterwards."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from shell import SMALL, eeg_files, error_line, my_recordings, recordings

import eegdae
from eegdae.cli import main
from eegdae.connectivity.covariance import estimate_rank
from eegdae.ocular.signals import mean_covariance
from eegdae.recordings import load_recordings
from eegdae.run import read_config, read_tensors
from eegdae.windows import make_windows
from tests.ocular.mixtures import blinks

SAME = ("codes.npz", "metrics.json", "model.ckpt", "ocular.json", "history.csv")
IN_FOLDS = ("codes.npz", "predictions.csv", "ocular.json", "reconstruction.npz")
REACH = (1.0, 0.6, 0.3, 0.1, 0.05)
WAYS = {
    "regression": ("ocular=regression", "ocular.channels=[c0]"),
    "ica": ("ocular=ica", "ocular.channels=[c0]", "ocular.threshold=1.5", "alignment=euclidean"),
}
VIEWS = ("features=[raw,covariance_tangent]", "windows.size=1")


def with_eyes():
    """Recordings of 5 channels, of which the first is an EOG."""
    arrays = recordings(n_chans=5, n_times=400)
    arrays["data"][:, 0] = 0.1 * np.random.default_rng(1).normal(size=len(arrays["data"]))
    pulses = blinks(len(arrays["data"]), np.random.default_rng(2), height=20.0)
    return {**arrays, "data": (arrays["data"] + np.outer(pulses, REACH)).astype(np.float32)}


@pytest.fixture(scope="module", params=WAYS.values(), ids=WAYS)
def run(request, tmp_path_factory):
    """A finished run of each way: its folder, its arguments, and what stood on the screen."""
    home = tmp_path_factory.mktemp("ocular")
    small = [word for word in SMALL if "features" not in word]
    args = ["train", *my_recordings(home, with_eyes()), *small, *VIEWS, *request.param]
    with pytest.MonkeyPatch.context() as patch:
        said = []
        patch.setattr("eegdae.evaluation.cleaning.log.info", said.append)
        assert main([*args, f"hydra.run.dir={home / 'run'}"]) == 0
    return home / "run", args, said


def test_what_was_found_is_in_the_folder_on_the_screen_and_in_the_report(run):
    folder, args, said = run
    found = [json.loads((folder / k / "ocular.json").read_text()) for k in ("folds/0", "folds/1", ".")]
    page = (folder / "report.html").read_text()
    names = ("fold 1", "fold 2", "final model")
    for name, one in zip(names, found, strict=True):
        assert f"ocular: {name}: {one['summary']}" in said
        assert f"ocular artefacts, {name}: {one['summary']}" in page
        assert one["channels"] == ["c0"]
        if one["kind"] == "regression":
            assert one["coefficients"]["c1"]["c0"] == pytest.approx(0.6, abs=0.1)
        else:
            assert max(abs(row["c0"]) for row in one["removed"].values()) > 0.9
    assert len({json.dumps(one) for one in found}) == 3
    assert "fitted inside the fold" in page
    assert "transductive" not in (page if "alignment=euclidean" not in args else "")


def test_the_model_that_is_left_corrects_what_it_is_given(run, tmp_path):
    folder, args, _ = run
    model, config = eegdae.load(folder), read_config(folder)
    kept = ("c0",) * ("ocular=ica" in args) + ("c1", "c2", "c3", "c4")
    assert model.ch_names == ("c0", "c1", "c2", "c3", "c4")
    assert model.n_chans == len(kept)
    windows = make_windows(load_recordings(config["data"]), size=1.0)
    codes = np.load(folder / "codes.npz")["codes"]
    np.testing.assert_allclose(model.transform(windows), codes, atol=1e-6)
    seen = model.corrected(windows)
    assert seen.ch_names == kept
    back = model.reconstruct(windows)
    assert back["raw"].shape == seen.x.shape
    for view in model.views:
        names = view.feature_names(seen)
        assert len(names) == view.features(seen).shape[1]
        assert any("c0" in name for name in names) == ("c0" in kept)
    flags = args[1:3]
    out = tmp_path / "codes.npz"
    assert main(["extract", *flags, f"run={folder}", "data=mine", f"out={out}"]) == 0
    np.testing.assert_allclose(np.load(out)["codes"], codes, atol=1e-6)
    predicted = tmp_path / "p.csv"
    adapted = ("adaptation=asdae", "adaptation.batch_size=2")
    assert main(["classify", *flags, f"run={folder}", "data=mine", f"out={predicted}", *adapted]) == 0


def test_the_matrix_is_plain_data_in_the_checkpoint(run):
    folder, _, _ = run
    state = read_tensors(folder / "model.ckpt")["model"]["ocular"]
    assert state["matrix"].shape == (5, 5)
    assert str(state["matrix"].dtype) == "torch.float64"


def test_killed_between_folds_it_goes_on_to_the_same_bytes(run, tmp_path, monkeypatch):
    folder, args, _ = run
    from eegdae.tasks import train

    judge = train.judge_fold

    def killed(data, fold, number, *rest, **options):
        if number == 1:
            raise KeyboardInterrupt
        return judge(data, fold, number, *rest, **options)

    again = tmp_path / "run"
    monkeypatch.setattr(train, "judge_fold", killed)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        raise SystemExit(main([*args, f"hydra.run.dir={again}"]))
    assert (again / "folds/0/ocular.json").exists()
    assert not (again / "folds/1/ocular.json").exists()
    monkeypatch.undo()
    assert main([*args, f"hydra.run.dir={again}", "resume=true", "report=none"]) == 0
    for name in (*SAME, *(f"folds/{k}/{file}" for k in (0, 1) for file in IN_FOLDS)):
        assert (again / name).read_bytes() == (folder / name).read_bytes(), name


def test_without_a_correction_the_checkpoint_has_none(finished_run):
    assert "ocular" not in read_tensors(finished_run / "model.ckpt")["model"]
    assert not list(finished_run.rglob("ocular.json"))
    assert eegdae.load(finished_run).ocular is None


def test_artefacts_without_labels(tmp_path):
    arrays = with_eyes()
    del arrays["label"]
    args = ["train", *my_recordings(tmp_path, arrays), *SMALL, "windows.size=1", *WAYS["regression"]]
    assert main([*args, f"hydra.run.dir={tmp_path / 'run'}"]) == 0
    found = [tmp_path / "run" / place / "ocular.json" for place in (".", "folds/0", "folds/1")]
    assert len({file.read_text() for file in found}) == 3  # each by its own training rows


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("ocular=regression",), "ocular.channels: is needed; give ocular.channels=..."),
        (
            ("ocular=regression", "ocular.channels=[c9]"),
            "ocular.channels=[c9]: there is no channel 'c9'; known: c0, c1, c2",
        ),
        (
            ("ocular=ica", "ocular.channels=[c0]", "windows.size=1"),
            "ocular.threshold=3: among 3 components no z-score can be above 1.41",
        ),
    ],
)
def test_what_cannot_be_is_one_line(capsys, tmp_path, options, said):
    args = ["train", *my_recordings(tmp_path), *SMALL, f"hydra.run.dir={tmp_path / 'run'}", *options]
    assert error_line(capsys, args).startswith(said)


def test_missing_samples_are_one_line(capsys, tmp_path):
    gaps = recordings()
    gaps["data"][10, 0] = np.nan
    more = ("windows.size=1", "windows.max_missing=0.1", *WAYS["regression"])
    args = ["train", *my_recordings(tmp_path, gaps), *SMALL, f"hydra.run.dir={tmp_path / 'run'}", *more]
    said = error_line(capsys, args)
    assert said.startswith("ocular=regression: mixes channels, so it needs windows without missing samples")


@pytest.mark.slow
def test_covariances_of_real_eeg_have_the_rank_that_is_left(tmp_path, capsys):
    """The authors cleaned each recording by ICA of its own: what is left of the training rows counts."""
    files = [str(file) for file in eeg_files() if file.stem[7:9] in ("00", "02")]
    run = tmp_path / "run"
    options = (
        *(
            "experiment=eegmat",
            "features=[covariance_tangent]",
            f"data.path={files}",
            "data.prepare.l_freq=1",
        ),
        *("features.covariance_tangent.covariance_estimator=empirical", "windows.stride=10", "baselines=[]"),
        *(
            "model.hidden=[8,4]",
            "pretrain.epochs=1",
            "pretrain.joint_epochs=1",
            "head.C=1",
            "split.n_folds=2",
        ),
        *("trainer.threads=1", "ocular=ica", "ocular.channels=[Fp1,Fp2]", "ocular.threshold=2"),
    )
    assert main(["train", *options, f"hydra.run.dir={run}"]) == 0
    config = read_config(run)
    windows = make_windows(
        load_recordings(config["data"]), size=5.0, stride=10.0, classes=["rest", "arithmetic"]
    )
    rows = {k: np.load(run / f"folds/{k}/codes.npz")["train_rows"] for k in (0, 1)}
    for place, at in (("folds/0", rows[0]), ("folds/1", rows[1]), (".", np.arange(len(windows)))):
        n_removed = len(json.loads((run / place / "ocular.json").read_text())["removed"])
        subspaces = json.loads((run / place / "subspaces.json").read_text())
        before = estimate_rank(torch.from_numpy(mean_covariance(windows.x[at].astype(float))))
        assert n_removed
        assert subspaces["covariance_tangent"]["all frequencies"]["rank"] == int(before) - n_removed
    assert "components taken out (correlation with Fp1, Fp2: ICA" in capsys.readouterr().out
