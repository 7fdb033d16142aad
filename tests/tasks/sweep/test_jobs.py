"""What the folders of jobs tell."""

from __future__ import annotations

import json
import time

import pytest

from eegdae.tasks.sweep.jobs import Job, JobFolders, best_run, leave_failure


def make(folder, *, validation=None, overrides=None, **run):
    folder.mkdir(parents=True, exist_ok=True)
    if run:
        (folder / "run.json").write_text(json.dumps(run))
    if validation is not None:
        (folder / "validation.json").write_text(json.dumps({"balanced_accuracy": validation, "roc_auc": 0.5}))
    if overrides is not None:
        (folder / ".hydra").mkdir(exist_ok=True)
        (folder / ".hydra/overrides.yaml").write_text("".join(f"- {text}\n" for text in overrides))
    return folder


@pytest.fixture
def sweep(tmp_path):
    make(tmp_path / "0", status="done", validation=0.7, overrides=["a=1", "seed=0"])
    make(tmp_path / "1", status="failed", error="no room", overrides=["a=1", "seed=1"])
    make(tmp_path / "2", status="running", overrides=["a=2", "seed=0"])
    make(tmp_path / "3", overrides=["a=2", "seed=1"])
    make(tmp_path / "10", status="done", overrides=["a=3"])
    make(tmp_path / "deep/er/a=9", status="done", overrides=["a=9"])
    (tmp_path / "4").mkdir()
    (tmp_path / "sweep.csv").touch()
    (tmp_path / ".submitit/5/.hydra").mkdir(parents=True)
    return tmp_path


def test_status_of_every_job(sweep):
    jobs = JobFolders(sweep).look()
    assert [(job.folder.name, job.status, job.error) for job in jobs] == [
        ("0", "done", ""),
        ("1", "failed", "no room"),
        ("2", "begun", "stopped from outside before its end"),
        ("3", "begun", "ended before it began"),
        ("10", "done", ""),
        ("a=9", "done", ""),
    ]
    at_the_end = JobFolders(sweep, n_jobs=4).look(at_the_end=True)
    assert [job.status for job in at_the_end] == ["done", "failed", "failed", "failed", "done"]
    assert [job.number for job in jobs] == [0, 1, 2, 3, 10, None]
    assert [job.overrides(["seed"]) for job in jobs[:4]] == ["seed=0", "seed=1", "seed=0", "seed=1"]
    assert jobs[0].overrides() == "a=1 seed=0"


def test_a_damaged_run_json_is_a_failure_at_the_end(tmp_path):
    make(tmp_path / "0")
    (tmp_path / "0/run.json").write_text("")
    (job,) = JobFolders(tmp_path).look(at_the_end=True)
    assert (job.status, job.error) == ("failed", "its run.json is damaged")


def test_what_a_job_says_itself_counts_more_than_the_run_in_its_folder(sweep):
    folders = JobFolders(sweep)
    folders.look()
    leave_failure(sweep / "0", 7, ["a=5"], ValueError("of another\nconfiguration"))
    job = folders.look()[0]
    assert (job.status, job.error, job.overrides()) == ("failed", "of another configuration", "a=5")
    (sweep / "0").rename(sweep / "named")
    assert next(job for job in folders.look() if job.folder.name == "named").number == 7


def test_failures_of_before_count_when_they_are_tried_again(sweep):
    leave_failure(sweep / "2", 2, [], ValueError("x"))
    folders = JobFolders(sweep)
    folders.forget_failures()
    assert [job.status for job in folders.look()][1:3] == ["begun", "begun"]
    assert not (sweep / "2/failed.json").exists()
    time.sleep(0.02)
    make(sweep / "1", status="failed", error="no room still")
    assert folders.look()[1].error == "no room still"
    assert folders.look()[1].status == "failed"


def test_what_was_done_is_not_read_again(tmp_path):
    for number in range(1000):
        make(tmp_path / str(number), status="done")
    folders = JobFolders(tmp_path)
    assert len(folders.look()) == 1000
    for number in range(1000):
        (tmp_path / str(number) / "run.json").write_text("{")
    start = time.process_time()
    assert {job.status for job in folders.look()} == {"done"}
    assert time.process_time() - start < 0.2


def test_the_best_run_is_chosen_by_validation_alone(sweep):
    assert best_run(JobFolders(sweep).look()) == sweep / "0"
    make(sweep / "10", validation=0.8)
    make(sweep / "1", validation=0.9)  # failed
    assert best_run(JobFolders(sweep).look()) == sweep / "10"
    make(sweep / "0", validation=0.8)
    assert best_run(JobFolders(sweep).look()) == sweep / "0"
    (sweep / "0/validation.json").write_text('{"balanced_accuracy": null}')
    (sweep / "10/validation.json").write_text("{")
    assert best_run(JobFolders(sweep).look()) is None
    assert best_run([Job(sweep / "4", "done")]) is None
