"""Sweeps whose jobs other processes do: the same runs, the same bytes, and errors in one line."""

from __future__ import annotations

import logging
import os
import pickle
import shutil
import signal
import stat
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from shell import SMALL, command, error_line, finish, my_recordings, run_json
from threadpoolctl import threadpool_info

from eegdae.cli import main
from eegdae.errors import EegdaeError
from eegdae.tasks.elsewhere import Anywhere
from eegdae.tasks.launch import conf_dir
from eegdae.tasks.launchers import PLUGINS, check_launcher
from eegdae.tasks.overrides import compose_command
from eegdae.tasks.threads import on_threads, threads_of, threads_per_job

JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
OWN = tuple(word for word in SMALL if not word.startswith("split.n_folds"))
SWEEP = ("corruption.level=0,0.5", "split.n_folds=2,9")
"""Four jobs, two of which fail once they have begun: there are four people."""


@pytest.fixture(scope="module")
def flags(tmp_path_factory):
    return my_recordings(tmp_path_factory.mktemp("launchers"))


@pytest.fixture(scope="module")
def basic(flags, tmp_path_factory):
    """The folder of the sweep, its jobs done one after the other in this process."""
    folder = tmp_path_factory.mktemp("basic") / "sweep"
    assert main(["train", "-m", *flags, *OWN, *SWEEP, f"hydra.sweep.dir={folder}"]) == 2
    return folder


def files(folder):
    """Names of the files of all jobs, relative to the folder of the sweep."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in Path(folder).rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0].isdigit()
    )


def assert_same_runs(folder, expected, *, failed=(1, 3), n_jobs=4):
    """Check that two sweeps left the same files, with the same figures and codes to the byte."""
    assert files(folder) == files(expected)
    for number in range(n_jobs):
        one, two = (run_json(place / str(number)) for place in (folder, expected))
        assert one["status"] == two["status"] == ("failed" if number in failed else "done")
        assert one.get("error") == two.get("error")
        assert one["config_hash"] == two["config_hash"]
        lines = (folder / str(number) / "train.log").read_text().splitlines()
        if number in failed:
            assert one["error"] in lines[-1]
            continue
        assert f"run:    {folder / str(number)}" in lines
        assert lines[-1].startswith(f"job {number} done: balanced accuracy")
        assert one["threads"] == 1
        for name in ("metrics.json", "codes.npz", "model.ckpt", "folds/0/predictions.csv", "history.csv"):
            paths = [place / str(number) / name for place in (folder, expected)]
            assert paths[0].read_bytes() == paths[1].read_bytes(), name


def test_jobs_of_joblib_are_the_same_runs(flags, basic, tmp_path, capfd, monkeypatch):
    # paths of the command line are relative to where it was given, and so are they in the processes
    monkeypatch.chdir(tmp_path)
    main(["train", "-m", *flags, *OWN, *SWEEP, *JOBLIB, "hydra.sweep.dir=sweep"])
    assert_same_runs(tmp_path / "sweep", basic)
    said = "".join(capfd.readouterr())
    assert "Traceback" not in said
    assert "Warning" not in said
    assert said.count("split.n_folds=9") >= 2


@pytest.mark.slow
def test_jobs_of_submitit_are_the_same_runs(flags, basic, tmp_path, capfd):
    folder = tmp_path / "sweep"
    main(["train", "-m", *flags, *OWN, *SWEEP, "hydra/launcher=submitit_local", f"hydra.sweep.dir={folder}"])
    assert_same_runs(folder, basic)
    said = "".join(capfd.readouterr())
    assert "Traceback" not in said
    assert "Warning" not in said
    assert len(list((folder / ".submitit").glob("*/*_log.out"))) == 4


SBATCH = """#!{python}
# what sbatch and srun do, on this machine: an array of jobs, one after the other
import os, re, subprocess, sys
if os.path.basename(sys.argv[0]) == "srun":
    words = sys.argv[1:]
    output = words[words.index("--output") + 1]
    job = os.environ["SLURM_ARRAY_JOB_ID"], os.environ["SLURM_ARRAY_TASK_ID"]
    output = output.replace("%A_%a", "_".join(job)).replace("%t", "0").replace("%j", "_".join(job))
    with open(output, "a") as file:
        sys.exit(subprocess.call(words[words.index(sys.executable):], stdout=file, stderr=subprocess.STDOUT))
script = open(sys.argv[1]).read()
open("{told}", "w").write(script)
print("Submitted batch job 77", flush=True)
n_jobs = int(re.search(r"--array=0-(\\d+)", script).group(1)) + 1
if os.fork():
    sys.exit(0)
for stream in (1, 2):
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
for number in range(n_jobs):
    slurm = dict(JOB_ID=78 + number, ARRAY_JOB_ID=77, ARRAY_TASK_ID=number, NTASKS=1, NTASKS_PER_NODE=1,
                 PROCID=0, LOCALID=0, NODEID=0, JOB_NUM_NODES=1, JOB_NODELIST="localhost",
                 NODELIST="localhost", JOB_NAME="train", CPUS_PER_TASK=1)
    env = {{**os.environ, **{{"SLURM_" + name: str(value) for name, value in slurm.items()}}}}
    subprocess.call(["bash", sys.argv[1]], env=env, stdout=subprocess.DEVNULL)
"""


@pytest.mark.slow
def test_jobs_of_a_slurm_cluster_are_the_same_runs(flags, basic, tmp_path, capfd, monkeypatch):
    for name in ("sbatch", "srun"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(SBATCH.format(python=sys.executable, told=tmp_path / "script"))
        program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    folder = tmp_path / "sweep"
    own = ("partition=long", "gpus_per_node=1", "setup=['export OMP_NUM_THREADS=1','module() { :; }']")
    slurm = ["hydra/launcher=submitit_slurm", *(f"hydra.launcher.{each}" for each in own)]
    main(["train", "-m", *flags, *OWN, *SWEEP, *slurm, f"hydra.sweep.dir={folder}"])
    said = "".join(capfd.readouterr())
    assert "Traceback" not in said
    assert "Warning" not in said
    assert_same_runs(folder, basic)
    script = (tmp_path / "script").read_text().splitlines()
    options = {line.split()[1] for line in script if line.startswith("#SBATCH")}
    assert options >= {
        "--array=0-3%4",
        "--cpus-per-task=2",
        "--gpus-per-node=1",
        "--mem=8GB",
        "--ntasks-per-node=1",
        "--partition=long",
        "--time=240",
    }
    assert script.index("export OMP_NUM_THREADS=1") < script.index("export SUBMITIT_EXECUTOR=slurm")


@pytest.fixture
def dask_cluster(monkeypatch):
    """A Dask scheduler with two worker processes, in the environment."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as started:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", started.scheduler_address)
        yield started


@pytest.mark.slow
def test_jobs_of_a_dask_cluster_are_the_same_runs(flags, basic, dask_cluster, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dask = ("hydra/launcher=joblib", "hydra.launcher.backend=dask")
    main(["train", "-m", *flags, *OWN, *SWEEP, *dask, "hydra.sweep.dir=sweep"])
    assert_same_runs(tmp_path / "sweep", basic)
    said = "".join(capfd.readouterr())
    assert "Traceback" not in said
    # the name that stood for the cluster is joblib's own again
    from joblib.parallel import BACKENDS

    assert BACKENDS["loky"].__name__ == "LokyBackend"


@pytest.mark.slow
def test_a_worker_of_dask_does_one_job_at_a_time(flags, tmp_path, capsys, monkeypatch):
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=True, dashboard_address=None, silence_logs=50
    ) as started:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", started.scheduler_address)
        dask = ("hydra/launcher=joblib", "hydra.launcher.backend=dask")
        line = error_line(capsys, ["train", "-m", *flags, *SMALL, "seed=0,1", *dask])
    assert "does 2 jobs in one process; start workers by dask worker --nthreads 1" in line


@pytest.mark.slow
def test_jobs_of_a_ray_cluster_are_the_same_runs(flags, basic, tmp_path, capfd, monkeypatch):
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'eegdae[ray]'")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    started = ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100 * 2**20
    )
    try:
        monkeypatch.setenv("RAY_ADDRESS", started.address_info["address"])
        monkeypatch.chdir(tmp_path)
        own = ("hydra/launcher=joblib", "hydra.launcher.backend=ray")
        main(["train", "-m", *flags, *OWN, *SWEEP, *own, "hydra.sweep.dir=sweep"])
    finally:
        ray.shutdown()
    assert_same_runs(tmp_path / "sweep", basic)
    assert "Traceback" not in "".join(capfd.readouterr())


def workers_of(process):
    """Process numbers of what a command started: joblib's workers hold no terminal, they are its children."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"LokyProcess" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.slow
def test_a_worker_of_joblib_that_is_killed(flags, tmp_path):
    folder = tmp_path / "sweep"
    args = [*flags, *SMALL, "pretrain.epochs=5000", "seed=0,1", *JOBLIB, f"hydra.sweep.dir={folder}"]
    process = command(["train", "-m", *args])
    wait_for_checkpoints(folder)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    status, _, err = finish(process, timeout=60)
    assert status == 2
    assert "Traceback" not in err
    assert "hydra/launcher=joblib: a process of the sweep was killed" in err


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [JOBLIB, ("hydra/launcher=submitit_local",)], ids=["joblib", "submitit"])
def test_ctrl_c_ends_all_processes_in_one_line(flags, tmp_path, launcher):
    folder = tmp_path / "sweep"
    args = [*flags, *SMALL, "pretrain.epochs=5000", "seed=0,1", *launcher, f"hydra.sweep.dir={folder}"]
    process = command(["train", "-m", *args], start_new_session=True)
    wait_for_checkpoints(folder)
    os.killpg(process.pid, signal.SIGINT)
    status, out, err = finish(process, timeout=20)
    assert status == 130, err
    assert "Traceback" not in out + err
    assert "Warning" not in out + err
    until = time.monotonic() + 20
    while (left := group(process.pid)) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == []


def group(number):
    """Processes of a group that have not ended."""
    found = subprocess.run(["ps", "-eo", "pgid,stat,pid"], capture_output=True, text=True, check=True)
    rows = [line.split() for line in found.stdout.splitlines()[1:]]
    return [pid for pgid, state, pid in rows if int(pgid) == number and not state.startswith("Z")]


def wait_for_checkpoints(folder):
    """Wait until both jobs of a sweep are under way."""
    until = time.monotonic() + 120
    while len(list(folder.glob("*/checkpoints/**/*.ckpt"))) < 2 and time.monotonic() < until:
        time.sleep(0.05)


def test_what_a_job_needs_travels_with_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    packed = cloudpickle.dumps(Anywhere(lambda config: config + 1))
    monkeypatch.chdir("/")
    monkeypatch.setattr(logging, "raiseExceptions", True)
    monkeypatch.setattr(logging.getLogger("submitit"), "propagate", True)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    OmegaConf.clear_resolver("eegdae.data_dir")
    with warnings.catch_warnings():
        warnings.showwarning = print
        job = pickle.loads(packed)
        assert isinstance(warnings.showwarning, partial)  # ours, told in one line
    assert Path.cwd() == tmp_path
    assert OmegaConf.has_resolver("eegdae.data_dir")
    assert not logging.raiseExceptions
    assert os.environ["HYDRA_FULL_ERROR"] == "1"
    assert job(1) == 2


# settings


@pytest.mark.parametrize("choice", PLUGINS)
def test_our_settings_are_the_plugins_and_no_others(choice, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")  # not a cluster, but as on one
    config = compose_command("train", [f"hydra/launcher={choice}"], conf_dir()).hydra.launcher
    target, _, settings = PLUGINS[choice]
    plugin = __import__(f"{target.rsplit('.', 2)[0]}.config", fromlist=[settings])
    theirs = OmegaConf.structured(getattr(plugin, settings))
    ours = OmegaConf.load(conf_dir() / "hydra/launcher" / f"{choice}.yaml")
    assert set(ours) == set(theirs)  # none is left to the plugin, none is unknown to it
    assert OmegaConf.to_container(config) == OmegaConf.to_container(OmegaConf.merge(theirs, ours))
    check_launcher(OmegaConf.to_container(config))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (
            ["hydra/launcher=joblb"],
            "did you mean 'joblib'? known: basic, joblib, submitit_local, submitit_slurm",
        ),
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=0"], "hydra.launcher.n_jobs=0: must be how many"),
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=two"], "hydra.launcher.n_jobs=two: Value 'two'"),
        (
            ["hydra/launcher=joblib", "hydra.launcher.n_job=2"],
            "unknown key of this launcher; did you mean 'n_jobs'",
        ),
        (["hydra/launcher=joblib", "+hydra.launcher.n_job=2"], "unknown key; did you mean 'n_jobs'"),
        (["hydra/launcher=joblib", "hydra.launcher.backend=dusk"], "backend='dusk': did you mean 'dask'"),
        (["hydra/launcher=joblib", "hydra.launcher.prefer=threads"], "jobs need a process each"),
        (
            ["hydra/launcher=joblib", "hydra.launcher.backend=dask"],
            "no cluster; set DASK_SCHEDULER_ADDRESS=tcp://",
        ),
        (
            ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=0"],
            "timeout_min=0: must be 1 or more",
        ),
        (["hydra/launcher=submitit_local", "hydra.launcher.nodes=2"], "nodes=2: a job is one process"),
        (["hydra/launcher=submitit_local", "hydra.launcher.partition=a"], "launcher.partition: unknown key"),
        (["hydra/launcher=submitit_slurm"], "sbatch and srun not found: this machine is of no SLURM cluster"),
        (["trainer.devices=2"], "trainer.devices=2: not inside a sweep (-m)"),
        (["trainer.devices=1,2"], "trainer.devices=2: not inside a sweep (-m)"),
        (["trainer.num_nodes=range(1,3)"], "trainer.num_nodes=2: not inside a sweep (-m)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_refused_before_anything_starts(flags, tmp_path, capsys, monkeypatch, args, words):
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = tmp_path / "sweep"
    cpu = "trainer.accelerator=cpu"
    line = error_line(
        capsys, ["train", "-m", *flags, *SMALL, cpu, "seed=0,1", *args, f"hydra.sweep.dir={folder}"]
    )
    assert words in line
    if "backend=dask" not in args[-1]:
        assert not folder.exists()


@pytest.mark.parametrize("choice", PLUGINS)
def test_a_plugin_that_is_not_installed(choice, monkeypatch):
    target, extra, _ = PLUGINS[choice]
    monkeypatch.setitem(sys.modules, target.rsplit(".", 2)[0], None)
    with pytest.raises(EegdaeError, match=rf"hydra/launcher={choice}: .* pip install 'eegdae\[{extra}\]'"):
        check_launcher({"_target_": target})


# threads


def launcher(choice, **changes):
    return {"_target_": PLUGINS[choice][0] if choice in PLUGINS else f"a.{choice}", **changes}


@pytest.mark.parametrize(
    ("config", "n_cores", "expected"),
    [
        (launcher("joblib", n_jobs=2), 8, 4),
        (launcher("joblib", n_jobs=3), 8, 2),
        (launcher("joblib", n_jobs=9), 8, 1),
        (launcher("joblib", n_jobs=1), 8, 8),
        (launcher("joblib", n_jobs=-1), 8, 1),
        (launcher("joblib", n_jobs=-5), 8, 2),
        (launcher("joblib", n_jobs=-99), 8, 8),
        (launcher("joblib", n_jobs=2, backend="dask"), 8, 1),
        (launcher("joblib", n_jobs=2, backend="loky"), 8, 4),
        (launcher("submitit_slurm", cpus_per_task=4), 8, 4),
        (launcher("submitit_slurm", cpus_per_task=4), 2, 2),
        (launcher("submitit_slurm", cpus_per_task=None), 8, 1),
        (launcher("submitit_slurm", cpus_per_task=None, cpus_per_gpu=3, gpus_per_task=2), 8, 6),
        (launcher("submitit_local", cpus_per_task=2), 8, 2),
        (launcher("BasicLauncher"), 8, None),
        (launcher("VectorizedLauncher"), 8, None),
    ],
)
def test_jobs_at_a_time_share_the_cores(config, n_cores, expected):
    assert threads_per_job(config, n_cores=n_cores) == expected
    if expected:
        assert threads_per_job(config, n_cores=n_cores, at_most=1) == 1


def test_what_a_run_says_itself_goes_first(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads_of({"trainer": {"threads": 3}}, launcher("joblib", n_jobs=2)) == 3
    assert threads_of({"trainer": {"threads": 3}}, None) == 3
    assert threads_of({"trainer": {"threads": None}}, None) is None
    assert threads_of({"trainer": {"threads": None}}, launcher("joblib", n_jobs=1)) == 1
    monkeypatch.delenv("OMP_NUM_THREADS")
    n_cores = len(os.sched_getaffinity(0))
    assert threads_of({"trainer": {"threads": None}}, launcher("joblib", n_jobs=1)) == n_cores


def test_torch_and_linear_algebra_keep_to_the_threads():
    np.linalg.svd(np.eye(3))
    before = torch.get_num_threads()
    with on_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    with on_threads(1):
        assert torch.get_num_threads() == 1
        assert {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"} == {1}
    assert torch.get_num_threads() == before
    with on_threads(None):
        assert torch.get_num_threads() == before


def test_a_share_of_the_cores_is_what_a_job_computes_on(flags, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    own = [word for word in SMALL if not word.startswith("trainer.threads")]
    one = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=1", f"hydra.sweep.dir={tmp_path}")
    assert main(["train", "-m", *flags, *own, *one, "seed=0"]) == 0
    assert run_json(tmp_path / "0")["threads"] == min(5, len(os.sched_getaffinity(0)))
