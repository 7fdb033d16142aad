"""Killed at any moment and gone on with, a run ends with the bytes of one that was left alone."""

from __future__ import annotations

import os
import signal
import time

import pandas as pd
import pytest
from shell import (
    SMALL,
    Forked,
    command,
    error_line,
    finish,
    left_overs,
    my_recordings,
    recordings,
    run_json,
)

from eegdae.cli import main
from eegdae.process import interrupts_kept

RUN = (
    *SMALL,
    "pretrain.epochs=8",
    "pretrain.joint_epochs=8",
    "trainer.batch_size=4",
    "trainer.checkpoint_seconds=0",
)
STOPPING = (
    "pretrain.early_stopping={patience: 2, share: 0.3, by: subject}",
    "lr_schedule=cosine",
    "lr_schedule.warmup=0.2",
    "trainer.clip_norm=1.0",
    "optimizer.lr=0.1",
    "pretrain.joint_lr=0.02",
)
"""What has a state of its own to go on with: the best weights so far, and the number of the step."""
JOINED = ("features=[power,plv]", "model.joint_layer=4", "finetune=encoder", "finetune.epochs=4")
"""Further stages: a layer over the codes of two views, and a head that trains the encoders on."""
SAME = ("codes.npz", "metrics.json", "model.ckpt", "folds/0/codes.npz", "folds/1/codes.npz", "history.csv")
DEFAULT = (0.15, 0.85)
"""Moments of a kill, as shares of the time in which an uninterrupted run computes."""
MOMENTS = tuple((k * 0.6180339887) % 1 for k in range(1, 21))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run: its folder, arguments, and the seconds at which it began to compute and ended."""
    return uninterrupted(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def stopping(tmp_path_factory):
    """As ``whole``, of stages that stop early at learning rates that change."""
    done = uninterrupted(tmp_path_factory.mktemp("stopping"), *STOPPING)
    history = pd.read_csv(done[0] / "history.csv")
    epochs = history[history["stage"] != "head"].groupby(["model", "fold", "view", "stage"])["epoch"].max()
    assert epochs.min() < 8
    assert history["val_loss"].notna().all()
    return done


@pytest.fixture(scope="module")
def joined(tmp_path_factory):
    """As ``whole``, of two views with a joint layer, fine-tuned."""
    done = uninterrupted(tmp_path_factory.mktemp("joined"), *JOINED)
    history = pd.read_csv(done[0] / "history.csv")
    assert set(history["view"]) >= {"power", "plv", "fusion"}
    return done


def uninterrupted(home, *more):
    kept = [a for a in RUN if not any(b.startswith(f"{a.partition('=')[0]}=") for b in more)]
    args = ["train", *my_recordings(home, recordings(n_times=600)), *kept, *more]
    folder = home / "run"
    start = time.monotonic()
    process = Forked([*args, f"hydra.run.dir={folder}"])
    wait_for(folder / "checkpoints", process)
    began = time.monotonic() - start
    wait_for(folder / "metrics.json", process)
    ended = time.monotonic() - start
    status, _, err = finish(process)
    assert status == 0, err
    return folder, args, began, ended


def wait_for(path, process, seconds=60.0):
    """Wait until a path is there or the process has ended; return whether it is there."""
    until = time.monotonic() + seconds
    while not path.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    return path.exists()


def kill(process):
    """End a process the hard way; return whether it was still there."""
    alive = process.poll() is None
    if alive:
        process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    return alive


def go_on(args, folder):
    """Resume in this process; nothing half-written may be left, and the files of finished folds stay."""
    finished = {path: path.stat().st_mtime_ns for path in folder.glob("folds/*/predictions.csv")}
    assert main([*args, f"hydra.run.dir={folder}", "resume=true"]) == 0
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert left_overs(folder) == []
    assert run_json(folder)["status"] == "done"
    assert not (folder / "checkpoints").exists()


def same_bytes(one, other):
    """Compare what must not depend on an interruption."""
    for name in SAME:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def killed_at(share, whole, folder):
    """Start the run, kill it when this share of its computing is over; return whether it was killed."""
    _, args, began, ended = whole
    process = Forked([*args, f"hydra.run.dir={folder}"])
    wait_for(folder / "checkpoints", process)
    time.sleep(share * (ended - began))
    return kill(process)


@pytest.mark.parametrize("share", DEFAULT)
def test_killed_and_resumed_is_the_same_to_the_byte(whole, tmp_path, share):
    folder = tmp_path / "run"
    if killed_at(share, whole, folder):
        assert run_json(folder)["status"] in ("running", "done")
    go_on(whole[1], folder)
    same_bytes(whole[0], folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["whole", "stopping", "joined"])
@pytest.mark.parametrize("share", MOMENTS)
def test_killed_at_many_moments(request, tmp_path, share, kind):
    done, folder = request.getfixturevalue(kind), tmp_path / "run"
    killed_at(share, done, folder)
    go_on(done[1], folder)
    same_bytes(done[0], folder)


def test_killed_between_joint_layers_and_fine_tuning(joined, tmp_path):
    folder = tmp_path / "run"
    killed_at(0.6, joined, folder)
    go_on(joined[1], folder)
    same_bytes(joined[0], folder)


def test_killed_while_stages_stop_early(stopping, tmp_path):
    folder = tmp_path / "run"
    process = Forked([*stopping[1], f"hydra.run.dir={folder}"])
    # inside a stage: the first fit has been saved more than once
    wait_for(folder / "folds/0/predictions.csv", process)
    time.sleep(0.05)
    assert kill(process)
    assert any((folder / "checkpoints").rglob("*.ckpt"))
    go_on(stopping[1], folder)
    same_bytes(stopping[0], folder)


def test_killed_inside_a_checkpoint_write_and_killed_again(whole, tmp_path):
    """Twice: the second process goes on from what the first left, and is stopped inside a write as well."""
    folder = tmp_path / "run"
    args = [*whole[1], f"hydra.run.dir={folder}"]
    for extra in ([], ["resume=true"]):
        inside = kill_inside_a_write(Forked([*args, *extra]), folder)
        assert inside, "no write was seen before the run ended"
    assert any((folder / "checkpoints").rglob("*.ckpt"))
    go_on(whole[1], folder)
    same_bytes(whole[0], folder)


def kill_inside_a_write(process, folder):
    """Stop the process while a temporary checkpoint lies there; return whether one did."""
    checkpoints = folder / "checkpoints"
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        # stopped first, so that the write cannot end between the look and the kill
        if any(checkpoints.rglob("*.ckpt")):
            process.send_signal(signal.SIGSTOP)
            if left_overs(checkpoints):
                return kill(process)
            process.send_signal(signal.SIGCONT)
        time.sleep(0.0003)
    kill(process)
    return False


def test_ctrl_c_inside_a_fit_says_so_and_can_be_gone_on_with(whole, tmp_path):
    folder = tmp_path / "run"
    # a shell without job control starts its background jobs, and all below them, deaf to Ctrl-C
    process = command(
        [*whole[1], f"hydra.run.dir={folder}"],
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert wait_for(folder / "checkpoints", process)
    process.send_signal(signal.SIGINT)
    status, _, err = finish(process)
    assert (status, err) == (130, "eegdae: interrupted; go on with resume=true and the same folder\n")
    told = run_json(folder)
    assert (told["status"], told["error"]) == ("failed", "interrupted")
    go_on(whole[1], folder)
    same_bytes(whole[0], folder)


def test_resume_goes_on_inside_a_stage(whole, tmp_path):
    """After a kill in the second fold's training the first fold is not trained again."""
    folder = tmp_path / "run"
    process = Forked([*whole[1], f"hydra.run.dir={folder}"])
    assert wait_for(folder / "folds/0/predictions.csv", process)
    time.sleep(0.05)
    assert kill(process)
    kept = {path: path.stat().st_mtime_ns for path in (folder / "checkpoints").rglob("*.ckpt")}
    assert kept
    process = Forked([*whole[1], f"hydra.run.dir={folder}", "resume=true"])
    status, out, err = finish(process)
    assert status == 0, err
    assert "fold 1/2" not in out
    assert "fold 2/2" in out
    same_bytes(whole[0], folder)


def test_resume_of_a_finished_run_changes_nothing(whole, capsys):
    folder, args = whole[:2]
    before = {
        path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name != ".lock"
    }
    assert main([*args, f"hydra.run.dir={folder}", "resume=true"]) == 0
    assert "done already" in capsys.readouterr().out
    after = {
        path: path.stat().st_mtime_ns
        for path in before
        if path.suffix != ".log" and ".hydra" not in path.parts
    }
    assert after == {path: before[path] for path in after}


def test_resume_with_another_configuration_is_refused(whole, capsys):
    folder, args = whole[:2]
    line = error_line(capsys, [*args, f"hydra.run.dir={folder}", "resume=true", "model.hidden=[8,5]"])
    assert "resume=true" in line
    assert "model.hidden was [8, 4], is [8, 5]" in line
    assert run_json(folder)["status"] == "done"


def test_a_folder_with_a_run_is_refused_without_resume(whole, capsys):
    folder, args = whole[:2]
    line = error_line(capsys, [*args, f"hydra.run.dir={folder}"])
    assert "holds a run already" in line
    assert "resume=true" in line
    assert run_json(folder)["status"] == "done"


def test_two_processes_on_one_folder(whole, tmp_path, capsys):
    folder = tmp_path / "run"
    args = [*whole[1], f"hydra.run.dir={folder}"]
    first = Forked(args)
    assert wait_for(folder / "run.json", first)
    first.send_signal(signal.SIGSTOP)  # so that it surely is not done before the second one looks
    try:
        for extra in ([], ["resume=true"]):
            line = error_line(capsys, [*args, *extra])
            assert "another process is running in this folder" in line
            assert str(folder) in line
    finally:
        os.kill(first.pid, signal.SIGCONT)
    status, _, err = finish(first)
    assert status == 0, err
    same_bytes(whole[0], folder)


def test_ctrl_c_counts_where_python_would_drop_it():
    class Last:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    def work():
        thing = Last()
        del thing
        for _ in range(500):
            time.sleep(0.01)

    # a shell may have started the tests with Ctrl-C ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), interrupts_kept():
            work()
    finally:
        signal.signal(signal.SIGINT, before)
