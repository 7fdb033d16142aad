"""Sweeps from the shell: jobs that fail alone, folders held and gone on with, what is told at the end."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time

import pytest
from shell import (
    SMALL,
    Forked,
    as_anyone,
    error_line,
    finish,
    left_overs,
    my_recordings,
    run_json,
)

from eegdae.cli import main
from eegdae.folder_lock import lock_folder

METRICS = ("metrics.json", "group_metrics.csv", "codes.npz")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Arguments of a sweep over jobs as small as they get, but for what is swept over."""
    return ["train", *my_recordings(tmp_path_factory.mktemp("tiny")), *SMALL, "-m"]


@pytest.fixture(scope="module")
def swept(tiny, tmp_path_factory):
    """A sweep of two that are done and one that failed: arguments, folder, exit status, what stderr said."""
    folder = tmp_path_factory.mktemp("swept") / "sweep"
    args = [*tiny, "split.n_folds=2,99,4", f"hydra.sweep.dir={folder}"]
    process = Forked(args)
    status, _, err = finish(process)
    return args, folder, status, err


@pytest.fixture
def copied(swept, tmp_path):
    """The same in a folder of one's own: arguments that go on with it, and the folder."""
    args, folder, *_ = swept
    own = tmp_path / "sweep"
    shutil.copytree(folder, own, copy_function=shutil.copy2)
    return [*args[:-1], f"hydra.sweep.dir={own}", "sweep.resume=true"], own


def files_of(folder):
    """Contents of what must not depend on how a run came about, of every job."""
    return {
        str(path.relative_to(folder)): path.read_bytes() for name in METRICS for path in folder.rglob(name)
    }


def started(folder):
    """When every done run was started, and when its ``run.json`` was written."""
    runs = {path.parent: run_json(path.parent) for path in folder.glob("*/run.json")}
    return {
        place.name: (run["started"], (place / "run.json").stat().st_mtime_ns)
        for place, run in runs.items()
        if run["status"] == "done"
    }


def test_a_failed_job_stops_no_other_and_is_listed_with_its_reason(swept):
    _, folder, status, err = swept
    assert status == 2
    assert sorted(started(folder)) == ["0", "2"]
    said = err.strip().splitlines()
    assert len(said) == 2, err
    assert said[0].startswith("sweep: 2 done, 1 failed, 0 left; ")
    assert said[1].startswith("eegdae: failed: job 1 (")
    assert "split.n_folds=99" in said[1]
    assert run_json(folder / "1")["error"] in said[1]
    assert (folder / "sweep.csv").exists()
    told = json.loads((folder / "sweep.json").read_text())
    assert (told["command"], told["n_jobs"], told["n_done"]) == ("train", 3, 2)
    assert "split.n_folds=2,99,4" in told["overrides"]
    assert told["failed"] == [said[1].removeprefix("eegdae: failed: ")]
    assert told["started"] <= told["ended"]


def test_the_best_run_in_validation_gets_the_report(swept):
    """Two people to train on cannot be split once more: only the run of four folds has a figure."""
    _, folder, *_ = swept
    figures = [json.loads((folder / name / "validation.json").read_text()) for name in "02"]
    assert figures[0]["balanced_accuracy"] is None
    assert figures[1]["balanced_accuracy"] > 0
    assert [name for name in "012" if (folder / name / "report.html").exists()] == ["2"]


def test_a_folder_that_holds_jobs_is_refused(capsys, swept):
    args, folder, *_ = swept
    before = files_of(folder), (folder / "sweep.json").read_bytes()
    line = error_line(capsys, args)
    assert line == (
        f"hydra.sweep.dir={folder}: holds 3 jobs already; choose another folder, or add sweep.resume=true to "
        "go on with them"
    )
    assert (files_of(folder), (folder / "sweep.json").read_bytes()) == before


def test_two_sweeps_never_share_a_folder(capsys, copied):
    args, folder = copied
    with lock_folder(folder, "x", busy="y"):
        line = error_line(capsys, args)
    assert line == f"hydra.sweep.dir={folder}: another sweep is running in this folder; wait for it"


def test_done_jobs_are_skipped_and_failed_ones_tried_again(capsys, copied):
    args, folder = copied
    before, files = started(folder), files_of(folder)
    first = (folder / "1/run.json").stat().st_mtime_ns
    assert main(args) == 2
    out, err = capsys.readouterr()
    assert started(folder) == before
    assert files_of(folder) == files
    assert (folder / "1/run.json").stat().st_mtime_ns > first
    assert out.count("done already") == 2
    assert "sweep: 2 done, 1 failed, 0 left" in err
    told = json.loads((folder / "sweep.json").read_text())
    assert len(told["resumed"]) == 1


def test_another_launcher_goes_on_without_a_word(caplog, copied):
    args, folder = copied
    before = started(folder)
    assert main([*args, "hydra/launcher=vectorized", "logger=csv", "report=none"]) == 2  # 99 folds still
    assert started(folder) == before
    assert "this time" not in caplog.text


def test_jobs_of_another_version_fail_and_the_others_are_done(capsys, copied):
    args, folder = copied
    (folder / "0/run.json").write_text(json.dumps(run_json(folder / "0") | {"format": 99}))
    before = (folder / "0/run.json").read_bytes()
    assert main([*args, "hydra/launcher=vectorized"]) == 2
    out, err = capsys.readouterr()
    assert out.count("done already") == 1
    assert f"{folder}/0/run.json: of another version of eegdae (format 99, not " in err
    assert "choose another folder" in err
    assert (folder / "0/run.json").read_bytes() == before


def test_what_a_kill_leaves_is_gone_on_with(capsys, copied, swept):
    """At its worst: no run.json, half of .hydra, an empty file, a run that says it is running."""
    args, folder = copied
    args = [("split.n_folds=2,4" if arg.startswith("split.n_folds=2,") else arg) for arg in args]
    shutil.rmtree(folder / "1")
    (folder / "2").rename(folder / "1")
    for name in ("run.json", "metrics.json", ".hydra/overrides.yaml", ".hydra/hydra.yaml"):
        (folder / "1" / name).unlink()
    (folder / "1/.hydra/config.yaml").write_text("name: mi")
    (folder / "1/.tmp-1-run.json").write_text('{"stat')
    (folder / ".tmp-1-sweep.json").touch()
    (folder / "0/run.json").write_text(json.dumps(run_json(folder / "0") | {"status": "running"}))
    (folder / "sweep.json").write_text("{")
    assert main(args) == 0
    assert sorted(started(folder)) == ["0", "1"]
    assert left_overs(folder) == []
    whole = swept[1]
    for name in METRICS:
        assert (folder / "0" / name).read_bytes() == (whole / "0" / name).read_bytes()
        assert (folder / "1" / name).read_bytes() == (whole / "2" / name).read_bytes()


def test_a_folder_of_another_configuration_fails_its_job(capsys, caplog, copied):
    args, folder = copied
    before = started(folder)
    args = [("split.n_folds=3,4" if arg.startswith("split.n_folds=2,") else arg) for arg in args]
    assert main(args) == 2
    told = "this time with split.n_folds=3,4, without split.n_folds=2,99,4; jobs whose"
    assert told in caplog.text
    err = capsys.readouterr().err
    assert "the run in" in err
    assert "was another (split.n_folds was 2, is 3); give the same overrides" in err
    assert "job 0 (" in err
    assert started(folder).items() >= before.items()
    assert run_json(folder / "0")["status"] == "done"


def test_going_on_needs_a_folder(capsys, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = error_line(capsys, [*tiny, "seed=0,1", "sweep.resume=true"])
    assert line == "to go on with a sweep, name its folder too: sweep.resume=true hydra.sweep.dir=DIR"
    assert not (tmp_path / "multirun").exists()


@pytest.mark.parametrize("launcher", ["basic", "vectorized"])
def test_ctrl_c_ends_in_seconds_and_says_how_to_go_on(tiny, tmp_path, launcher):
    folder = tmp_path / "sweep"
    args = [*tiny, "seed=range(0,50)", "pretrain.epochs=40", f"hydra.sweep.dir={folder}"]
    args.append(f"hydra/launcher={launcher}")
    process = Forked(args)
    until = time.monotonic() + 60
    while not (folder / "0/run.json").exists() and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    status, _, err = finish(process)
    assert time.monotonic() - start < 5
    assert status == 130
    assert [line for line in err.splitlines() if not line.startswith("sweep: 0 done")] == [
        f"eegdae: interrupted; go on with the same command and sweep.resume=true hydra.sweep.dir={folder}"
    ]
    assert run_json(folder / "0")["error"] == "interrupted"
    small = [*(arg for arg in args if not arg.startswith(("seed=", "pretrain.epochs=40"))), "seed=0"]
    assert main([*small, "pretrain.epochs=40", "sweep.resume=true"]) == 0
    assert run_json(folder / "0")["status"] == "done"


def test_a_report_that_cannot_be_written_is_told_and_the_runs_stand(capsys, tiny, tmp_path):
    (tmp_path / "sweep/sweep.html").mkdir(parents=True)
    assert main([*tiny, "seed=0", f"hydra.sweep.dir={tmp_path}/sweep"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("sweep: 1 done, 0 failed, 0 left")
    assert said[1].startswith("eegdae: no sweep report: ")
    assert "sweep.html" in said[1]
    assert len(said) == 2
    assert run_json(tmp_path / "sweep/0")["status"] == "done"


def test_all_jobs_lie_in_one_folder_whatever_they_are_called(tiny, tmp_path, monkeypatch):
    """The folder's name is made of that of the run, which differs here."""
    monkeypatch.chdir(tmp_path)
    assert main([*tiny, "name=one,two"]) == 0
    (folder,) = (tmp_path / "multirun").glob("train/*/*")
    assert sorted(started(folder)) == ["0", "1"]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["corruption.levl=0,1"], "corruption.levl: unknown key; did you mean 'level'"),
        (["corruption=gaussian,nope"], "corruption=nope: no such choice"),
        (["experiment=glob(zz*)"], "experiment=glob(zz*): a sweep over nothing"),
        (["seed=range(0,0)"], "seed=range(0,0): a sweep over nothing"),
        (
            ["corruption.level=interval(0,1)"],
            "corruption.level=interval(0,1): a sweep needs a list or a range",
        ),
        (["seed=range(0,3,0)"], "seed=range(0,3,0): range() arg 3 must not be zero"),
        (["seed=shuffle(range(0,3))"], "seed=shuffle(range(0,3)): not shuffled, please"),
        (
            ["corruption.level=0,abc", "seed=0,1"],
            "2 of 4 jobs cannot run, so none was started: jobs 2, 3 (corruption.level=abc): "
            "corruption.level='abc': must be a number",
        ),
        (
            ["seed=a,b"],
            "job 0 (seed=a): seed='a': must be a whole number, 0 or more; job 1 (seed=b): seed='b'",
        ),
        (["seed=0,1", "corruption.level=abc"], "corruption.level='abc': must be a number"),
        (
            ["corruption=gaussian,masking", "corruption.level=0,0.5,2"],
            "1 of 6 jobs cannot run, so none was started: job 5 (corruption=masking corruption.level=2): "
            "corruption.level=2.0: the level of Masking must be 0 or more and less than 1",
        ),
        (["split=subject_kfold,bogus"], "split=bogus: no such choice"),
        (["corruption.level=0.5,.5"], "corruption.level=0.5: jobs 0 and 1 would be the same; give each"),
        (["seed=0,1", "corruption.level=5e-1,1,0.5"], "corruption.level=0.5: jobs 0 and 2 would be the same"),
        (
            ["corruption.level=0,1,1.0", "seed=0,1"],
            "corruption.level=1 and corruption.level=1.0: jobs 2 and 4",
        ),
        (["model.hidden=[8,4],[8, 4]"], "model.hidden=[8,4]: jobs 0 and 1 would be the same"),
        (["data=mine,'mine'"], "data=mine and data='mine': jobs 0 and 1 would be the same"),
        (["seed=0,1", "++seed=2"], "seed: given twice; in a sweep, give all its values in one list"),
        (["hydra.verbose=true,false"], "hydra.verbose=true,false: Hydra's own keys cannot be swept over"),
        (["seed=0,1", "hydra.sweep.subdir=x"], "hydra.sweep.subdir='x': the same folder for all jobs"),
        (["seed=0,1", "sweep.resume=5"], "sweep.resume=5: must be true or false"),
        (["seed=0,1", "sweep.again=true"], "sweep.again: unknown key"),
        (["seed=0,1", "sweep=true"], "sweep=True: must be a mapping"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_before_it_begins(capsys, tiny, tmp_path, overrides, said):
    assert said in error_line(capsys, [*tiny, *overrides, f"hydra.sweep.dir={tmp_path}/sweep"])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_name(capsys, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = error_line(capsys, [*tiny, "seed=0,1", "hydra.sweep.dir="])
    assert line == "hydra.sweep.dir: is empty; name a folder, or leave it out"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(capsys, tiny, tmp_path):
    (tmp_path / "file").touch()
    line = error_line(capsys, [*tiny, "seed=0,1", f"hydra.sweep.dir={tmp_path}/file"])
    assert line == f"hydra.sweep.dir={tmp_path}/file: cannot be written: File exists"
    (tmp_path / "closed").mkdir(mode=0o500)
    args = [*tiny, "seed=0,1", f"hydra.sweep.dir={tmp_path}/closed/sweep"]
    assert "/closed/sweep: cannot be written: Permission denied" in as_anyone(error_line, capsys, args)


def test_shown_configurations_start_nothing(capsys, tiny, tmp_path):
    single = [arg for arg in tiny if arg != "-m"]
    args = [*single, "hydra.mode=MULTIRUN", f"hydra.sweep.dir={tmp_path}/sweep"]
    assert main([*args, "--cfg", "job"]) == 0
    assert "seed:" in capsys.readouterr().out
    assert not (tmp_path / "sweep").exists()


def killed_and_gone_on_with(args, folder, *, n_jobs, kills, job_seconds, seed=0):
    """Start a sweep again and again, killed at random moments; check that no job is run twice.

    A moment is a number of jobs done, and a part of the time of a job: so each start comes further. Returns
    how many of the kills met a sweep that was running.
    """
    args = [*args, f"hydra.sweep.dir={folder}", "sweep.resume=true"]
    draw, done, met = random.Random(seed), {}, 0
    for target in sorted(draw.choices(range(n_jobs - 1), k=kills)):
        process = Forked(args)
        until = time.monotonic() + 600
        while len(started(folder)) < target and process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(draw.uniform(0, job_seconds))
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            met += 1
        process.communicate(timeout=60)
        now = started(folder)
        assert now.items() >= done.items()
        done = now
    status, _, err = finish(Forked(args), timeout=900)
    assert status == 0, err
    assert started(folder).items() >= done.items()
    assert len(started(folder)) == n_jobs
    return met


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "vectorized"])
def test_sixty_jobs_killed_ten_times(tiny, tmp_path, launcher):
    # layers of fewer units are rounded otherwise with other numbers of models
    args = [*tiny, "model.hidden=[32,16]", f"hydra/launcher={launcher}"]
    args += ["corruption.level=range(0,3,0.25)", "seed=range(0,5)"]
    start = time.monotonic()
    status, _, err = finish(Forked([*args, f"hydra.sweep.dir={tmp_path}/whole"]), timeout=900)
    seconds = time.monotonic() - start
    assert status == 0, err
    met = killed_and_gone_on_with(args, tmp_path / "killed", n_jobs=60, kills=10, job_seconds=seconds / 60)
    assert met >= 8
    assert left_overs(tmp_path / "killed") == []
    mine, theirs = (files_of(tmp_path / name) for name in ("killed", "whole"))
    assert mine.keys() == theirs.keys()
    assert mine == theirs
    tables = [(tmp_path / name / "sweep.csv").read_bytes() for name in ("killed", "whole")]
    assert tables[0] == tables[1]
