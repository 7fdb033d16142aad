"""A sweep under hydra/launcher=vectorized is the sweep under any other launcher."""

import json
import resource
import shutil
import time

import numpy as np
import pandas as pd
import pytest

from eegdae.cli import main
from eegdae.evaluation import fitting, judge
from eegdae.run import read_tensors
from eegdae.tasks import together
from eegdae.tasks.sweep import line

SMALL = (
    *("experiment=watch", "features=[power]", "model.hidden=[8,4]", "pretrain.epochs=2"),
    *(
        "pretrain.joint_epochs=2",
        "split=subject_kfold",
        "split.n_folds=3",
        "report=none",
        "trainer.threads=1",
    ),
)


def sweep(folder, launcher, *overrides):
    return main(
        ["train", "-m", *SMALL, f"hydra.sweep.dir={folder}", f"hydra/launcher={launcher}", *overrides]
    )


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def losses(folder):
    table = pd.read_csv(folder / "history.csv")
    return table.drop(columns=["loss"]), table["loss"].to_numpy()


def check_same(one, other):
    """Compare a job with its twin: losses to 1e-4, figures to 1e-3, labels but for rows at the boundary."""
    assert files(one) == files(other)
    for a, b in zip(losses(one), losses(other), strict=True):
        if isinstance(a, pd.DataFrame):
            pd.testing.assert_frame_equal(a, b)
        else:
            np.testing.assert_allclose(a, b, rtol=1e-4)
    metrics = [json.loads((folder / "metrics.json").read_text()) for folder in (one, other)]
    assert list(metrics[0]) == list(metrics[1])
    for name, figures in metrics[0].items():
        for metric, figure in figures.items():
            assert figure["mean"] == pytest.approx(metrics[1][name][metric]["mean"], abs=1e-3)
    for fold in sorted((one / "folds").iterdir()):
        tables = [pd.read_csv(folder / "folds" / fold.name / "predictions.csv") for folder in (one, other)]
        own = [c for c in tables[0] if c.startswith("codes|")]
        proba = [table[own].to_numpy() for table in tables]
        np.testing.assert_allclose(*proba, atol=1e-2)
        ordered = np.sort(proba[0], 1)
        clear = ordered[:, -1] - ordered[:, -2] > 1e-3
        assert (proba[0].argmax(1) == proba[1].argmax(1))[clear].all()
    states = [read_tensors(folder / "model.ckpt")["model"]["stacks"]["power"] for folder in (one, other)]
    assert states[0]["config"] == states[1]["config"]
    lines = [(folder / "train.log").read_text().splitlines() for folder in (one, other)]
    lines = [(folder / "train.log").read_text().splitlines() for folder in (one, other)]
    # jobs are told first of what they share, and a warning is said once a process
    other_lines = ("windows: ", "warning: ", "fold ", "run: ")
    said = [sorted(line for line in own if not line.startswith(other_lines)) for own in lines]
    assert said[0] == said[1]
    assert [sum(line.startswith("fold ") for line in own) for own in lines] == [3, 3]


@pytest.fixture(scope="module")
def basic(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweeps") / "basic"
    assert sweep(folder, "basic", "corruption.level=0,0.8", "seed=0,1") == 0
    return folder


def test_the_jobs_are_those_of_the_basic_launcher(basic, monkeypatch):
    packs, whole = [], together._train_pack
    monkeypatch.setattr(
        together, "_train_pack", lambda pack, *more: packs.append(len(pack)) or whole(pack, *more)
    )
    folder = basic.parent / "vectorized"
    assert sweep(folder, "vectorized", "corruption.level=0,0.8", "seed=0,1") == 0
    assert packs == [4]
    for number in range(4):
        check_same(folder / str(number), basic / str(number))


def test_jobs_of_two_shapes_and_jobs_that_fail(tmp_path, capsys):
    """A rate that breaks every loss: those jobs are told with their reason, the others are whole."""
    folder = tmp_path / "mixed"
    swept = ("optimizer=sgd", "optimizer.lr=0.01,1e30", "model.hidden=[8,4],[6]")
    assert sweep(folder, "vectorized", *swept) == 2
    states = [json.loads((folder / str(k) / "run.json").read_text()) for k in range(4)]
    assert [state["status"] for state in states] == ["done", "failed", "done", "failed"]
    assert all("at optimizer.lr=1e+30; lower it" in state["error"] for state in states[1::2])
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("eegdae: failed")]
    assert len(told) == 2
    assert all("optimizer.lr=1e+30; lower it" in line for line in told)


def test_a_sweep_that_was_killed_goes_on(basic, tmp_path, monkeypatch):
    """Killed in the middle of the second fold: what is done is kept, and the end is the same."""
    folder = tmp_path / "killed"
    whole, seen = together.keep_fold, []

    def killed(run, work, settings, number, verdict):
        if len(seen) == 6:
            raise KeyboardInterrupt
        seen.append((run.path.name, number))
        return whole(run, work, settings, number, verdict)

    monkeypatch.setattr(together, "keep_fold", killed)
    assert sweep(folder, "vectorized", "corruption.level=0,0.8", "seed=0,1") == 130
    monkeypatch.setattr(together, "keep_fold", whole)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("predictions.csv")}
    assert len(before) == 6
    rounds, do_folds = [], together._do_folds
    monkeypatch.setattr(
        together,
        "_do_folds",
        lambda jobs, work, folds, logs: rounds.append(folds) or do_folds(jobs, work, folds, logs),
    )
    assert sweep(folder, "vectorized", "corruption.level=0,0.8", "seed=0,1", "sweep.resume=true") == 0
    assert rounds == [[1], [2]]  # the first fold is done: it is no share of what is left
    assert {path: path.stat().st_mtime_ns for path in before} == before
    for number in range(4):
        metrics = [json.loads((f / str(number) / "metrics.json").read_text()) for f in (folder, basic)]
        assert metrics[0]["codes"]["roc_auc"]["mean"] == pytest.approx(
            metrics[1]["codes"]["roc_auc"]["mean"], abs=1e-3
        )


def test_a_folder_that_holds_another_run_is_left_alone(basic, tmp_path, capsys):
    folder = tmp_path / "taken"
    shutil.copytree(basic / "0", folder / "0")
    before = {path: path.read_bytes() for path in (folder / "0").rglob("*.json")}
    goes_on = ("corruption.level=0.3,0.4", "sweep.resume=true")
    assert sweep(folder, "vectorized", *goes_on) == 2
    assert {path: path.read_bytes() for path in before} == before
    assert "the run in" in capsys.readouterr().err
    assert json.loads((folder / "1" / "run.json").read_text())["status"] == "done"


def test_packs_that_fit_the_memory(tmp_path, monkeypatch):
    """Jobs of a pack have run before the next pack is trained."""
    packs, whole = [], together._train_pack

    def seen(pack, *more):
        done = [path.parent.name for path in tmp_path.rglob("validation.json")]
        packs.append(([job.number for job in pack], sorted(done)))
        return whole(pack, *more)

    monkeypatch.setattr(together, "_train_pack", seen)
    # a model and its twin: 2 x 4 bytes x (54 x 8 x 2 + 8 x 4 x 2 weights + 4677 x 4 codes)
    budget = "trainer.memory_gb=0.00065"
    assert sweep(tmp_path / "sweep", "vectorized", "corruption.level=0,0.4,0.8", budget) == 0
    assert packs == [([0, 1], []), ([2], ["0", "1"])]


def test_what_goes_wrong_with_all_costs_no_job(tmp_path, monkeypatch):
    def broken(*args, **options):
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(together, "judge_folds_together", broken)
    assert sweep(tmp_path / "sweep", "vectorized", "corruption.level=0,0.8") == 0
    line = "warning: 2 jobs could not be trained together (no such kernel); they run one by one"
    assert line in (tmp_path / "sweep/0/train.log").read_text().splitlines()
    assert len(list(tmp_path.rglob("validation.json"))) == 2


def bytes_of(folder):
    """All that a run leaves but for when and how it ran."""
    own = ("run.json", "train.log", "hydra.yaml")
    return {name: (folder / name).read_bytes() for name in files(folder) if not name.endswith(own)}


DIGITS = (
    *("train", "-m", "experiment=digits", "model.hidden=[32,16]", "pretrain.epochs=2"),
    *("pretrain.joint_epochs=2", "split.n_folds=3", "report=none", "trainer.threads=1"),
)


def test_folds_of_equal_shapes_are_trained_at_once(tmp_path, monkeypatch):
    """599 images in each of three folds: one program of them all, and the same bytes as one by one."""
    programs, whole = [], fitting.fit_together
    monkeypatch.setattr(
        fitting, "fit_together", lambda specs: programs.append([s.fold for s in specs]) or whole(specs)
    )
    for launcher in ("basic", "vectorized"):
        swept = ("corruption.level=0,0.5", f"hydra/launcher={launcher}")
        assert main([*DIGITS, *swept, f"hydra.sweep.dir={tmp_path / launcher}"]) == 0
    # level 0 has its two networks, 0.5 three; then the final ones
    assert programs == [[0] * 5 + [1] * 5 + [2] * 5, [3] * 2]
    for number in "01":
        assert bytes_of(tmp_path / "vectorized" / number) == bytes_of(tmp_path / "basic" / number)


def test_what_jobs_share_is_done_once(tmp_path, monkeypatch):
    """Heads of raw features, of PCA and of the untrained network: one a seed and fold, not one a job."""
    judged, whole = [], judge._judged

    def seen(*args, fold, name, **more):
        judged.append((fold, name))
        return whole(*args, fold=fold, name=name, **more)

    monkeypatch.setattr(judge, "_judged", seen)
    assert sweep(tmp_path / "sweep", "vectorized", "corruption.level=0.2,0.4,0.8") == 0
    for fold in range(3):
        counts = {name: judged.count((fold, name)) for name in ("raw", "pca", "autoencoder", "codes")}
        assert counts == {"raw": 1, "pca": 1, "autoencoder": 1, "codes": 3}


def test_no_more_folders_are_open_than_may_be(tmp_path, monkeypatch):
    packs, whole = [], together._train_pack
    monkeypatch.setattr(
        together, "_train_pack", lambda pack, *more: packs.append(len(pack)) or whole(pack, *more)
    )
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = together._n_open() + together.SPARE_FILES + 7
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, before[1]))
    try:
        assert sweep(tmp_path / "sweep", "vectorized", "seed=range(0,9)") == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert len(packs) > 1
    assert sum(packs) == 9
    assert all(4 <= n <= 7 for n in packs[:-1])  # the sweep holds a few files itself


def test_its_share_of_the_time_is_told_of_a_job(tmp_path, monkeypatch):
    left, whole = [], together.RunFolder.leave
    monkeypatch.setattr(
        together.RunFolder, "leave", lambda run, seconds: left.append(seconds) or whole(run, seconds)
    )
    started = time.monotonic()
    assert sweep(tmp_path / "sweep", "vectorized", "corruption.level=0,0.8") == 0
    both = time.monotonic() - started
    walls = [json.loads((tmp_path / f"sweep/{k}/run.json").read_text())["wall_s"] for k in range(2)]
    assert left[0] == pytest.approx(left[1], rel=0.2)
    assert all(wall >= seconds - 0.06 for wall, seconds in zip(walls, left, strict=True))
    assert sum(walls) <= both


def test_the_line_tells_how_much_is_trained(tmp_path, monkeypatch):
    said, whole = [], together._do_folds

    def looked(jobs, work, numbers, logs):
        whole(jobs, work, numbers, logs)
        said.append(dict(line.TRAINED))

    monkeypatch.setattr(together, "_do_folds", looked)
    assert sweep(tmp_path / "sweep", "vectorized", "corruption.level=0,0.8") == 0
    assert [sorted(set(shares.values())) for shares in said] == [[], [1 / 4.1], [2 / 4.1]]
    assert set(said[-1]) == {(tmp_path / f"sweep/{k}").absolute() for k in range(2)}
    assert not line.TRAINED


def test_what_is_trained_job_by_job_is_said(tmp_path, capfd):
    overrides = ("corruption.level=0,0.8", "head=mlp", "head.epochs=1")
    assert sweep(tmp_path / "sweep", "vectorized", *overrides) == 0
    assert "head=mlp: trained job by job, of 2 jobs" in capfd.readouterr().out
