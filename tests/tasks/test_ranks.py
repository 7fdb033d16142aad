"""Several processes that train together, as the command starts them."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from shell import SMALL, checked_line, command, finish, my_recordings, recordings, run_json

from eegdae.cli import main
from eegdae.run import RunFolder
from eegdae.tasks.ranks import FollowedRun

PROGRAM = "import sys; from eegdae.cli import main; sys.exit(main())"
DDP = ("trainer.accelerator=cpu", "trainer.devices=2", "trainer.strategy=ddp")
RUN = (
    *SMALL,
    "pretrain.epochs=3",
    "pretrain.joint_epochs=2",
    "head=mlp",
    "head.epochs=2",
    "lr_schedule=cosine",
    "trainer.clip_norm=1.0",
    # a fold has 20 rows: of a batch of 19 one process takes 10 and one 9, of the last row one takes nothing
    "trainer.batch_size=19",
    "windows.max_missing=0.5",
)


@pytest.fixture(scope="module")
def args(tmp_path_factory):
    arrays = recordings(n_times=300)
    # of the raw view no two rows have as many entries that were observed
    arrays["data"][np.random.default_rng(1).random(arrays["data"].shape) < 0.2] = np.nan
    return ["train", *my_recordings(tmp_path_factory.mktemp("ranks"), arrays), *RUN, "features=[raw]"]


def ranks_of(process):
    """Process numbers of the processes that a command has started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


def test_two_processes_give_the_losses_of_one(args, tmp_path):
    assert main([*args, f"hydra.run.dir={tmp_path / 'one'}"]) == 0
    process = command([*args, *DDP, f"hydra.run.dir='{tmp_path / 'run of two'}'"])
    status, out, err = finish(process)
    assert (status, err) == (0, "")
    assert out.count("fold 1/2") == 1
    one, two = (pd.read_csv(tmp_path / name / "history.csv") for name in ("one", "run of two"))
    assert two.drop(columns="loss").equals(one.drop(columns="loss"))
    assert two["loss"].to_numpy() == pytest.approx(one["loss"].to_numpy(), rel=1e-5)
    # the first process has written all of it, and the other nothing
    names = [
        sorted(str(p.relative_to(tmp_path / n)) for p in (tmp_path / n).rglob("*") if p.is_file())
        for n in ("one", "run of two")
    ]
    assert names[0] == names[1]
    log = (tmp_path / "run of two/train.log").read_text()
    assert log.count("fold 1/2") == 1


def by_torchrun(args):
    """Two processes of one machine, started by torchrun."""
    eegdae = [sys.executable, "-c", PROGRAM, *args, "trainer.devices=2"]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--no-python"]
    return [([*launcher, *eegdae], {})]


def by_slurm(args):
    """Two tasks of one machine, with what srun would tell them."""
    job = {
        "SLURM_NTASKS": "2",
        "SLURM_NTASKS_PER_NODE": "2",
        "SLURM_JOB_NAME": "codes",
        "SLURM_JOB_ID": str(10000 + free_port() % 10000),  # Lightning makes the port of it
        "SLURM_NODEID": "0",
        "SLURM_NODELIST": "localhost",
    }
    command = [sys.executable, "-c", PROGRAM, *args, "trainer.devices=2"]
    return [(command, {**job, "SLURM_PROCID": str(k), "SLURM_LOCALID": str(k)}) for k in range(2)]


def by_hand(args):
    """Two machines of one process each, started by a person."""
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    command = [sys.executable, "-c", PROGRAM, *args, "trainer.num_nodes=2"]
    return [(command, {**place, "NODE_RANK": str(k)}) for k in range(2)]


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.slow
@pytest.mark.parametrize("start", [by_torchrun, by_slurm, by_hand])
def test_processes_that_others_start(args, tmp_path, start):
    args = [*args, "trainer.batch_size=23"]
    assert main([*args, f"hydra.run.dir={tmp_path / 'one'}"]) == 0
    together = [*args, *DDP[::2], f"hydra.run.dir={tmp_path / 'two'}"]
    started = [
        subprocess.Popen(
            command,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2]), **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for command, env in start(together)
    ]
    said = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0] * len(started), said
    # the second process says nothing, not even that a batch is more than all rows
    assert "".join(said).count("warning: trainer.batch_size") == "".join(said).count("fold 1/2") == 1
    one, two = (pd.read_csv(tmp_path / name / "history.csv")["loss"].to_numpy() for name in ("one", "two"))
    assert two == pytest.approx(one, rel=1e-5)


@pytest.mark.slow
def test_a_process_that_dies_ends_the_run_in_one_line(args, tmp_path):
    folder = tmp_path / "run"
    many = [f"pretrain.{key}=2000" for key in ("epochs", "joint_epochs")]
    process = command([*args, *DDP, *many, f"hydra.run.dir={folder}"])
    until = time.monotonic() + 120
    while not (folder / "checkpoints").exists() and time.monotonic() < until:
        time.sleep(0.02)
    ranks = ranks_of(process)
    assert len(ranks) == 2
    os.kill(ranks[1], signal.SIGKILL)
    status, _, err = finish(process, timeout=60)
    line = checked_line(status, err)
    assert line.startswith("trainer.devices=2: process 1 ended with status -9; the others were stopped")
    assert not any(Path(f"/proc/{pid}").exists() for pid in ranks)
    assert run_json(folder)["status"] == "failed"
    assert any((folder / "checkpoints").rglob("*.ckpt"))


@pytest.mark.slow
def test_processes_end_with_the_one_that_started_them(args, tmp_path):
    folder = tmp_path / "run"
    process = command([*args, *DDP, "pretrain.epochs=2000", f"hydra.run.dir={folder}"])
    until = time.monotonic() + 120
    while not (folder / "run.json").exists() and time.monotonic() < until:
        time.sleep(0.02)
    ranks = ranks_of(process)
    assert len(ranks) == 2
    process.kill()
    process.communicate(timeout=60)
    until = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in ranks) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in ranks)


def test_not_inside_a_sweep(args, tmp_path, capsys):
    status = main([*args, "-m", "seed=0,1", *DDP, f"hydra.sweep.dir={tmp_path / 'sweep'}"])
    line = checked_line(status, capsys.readouterr().err)
    assert line.startswith("trainer.devices=2: not inside a sweep (-m)")
    assert "hydra/launcher=submitit_slurm" in line
    assert not (tmp_path / "sweep").exists()


def test_several_machines_must_be_told_where_the_first_is(args, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    status = main([*args, "trainer.num_nodes=2", f"hydra.run.dir={tmp_path / 'run'}"])
    line = checked_line(status, capsys.readouterr().err)
    assert line.startswith("trainer.num_nodes=2: start the command on every machine")
    assert "MASTER_ADDR" in line


def test_a_followed_run_is_read_and_never_written(tmp_path):
    config = {"seed": 0, "name": "x"}
    with RunFolder(tmp_path, config) as run:
        run.save("a", {"epoch": 1})
        with FollowedRun(tmp_path, config, resume=True) as followed:
            before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
            followed.save("a", {"epoch": 2})
            followed.write_json("metrics.json", {})
            followed.finish({})
            assert followed.load("a") == {"epoch": 1}
            assert not followed.is_done
        assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before
        run.finish({})
    assert FollowedRun(tmp_path, config, resume=True).is_done
    assert not FollowedRun(tmp_path, config).is_done
