"""Who does the jobs of a sweep: ``hydra.launcher`` is checked before one starts, a cluster is connected."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.workers import BACKENDS, connected

_OF_JOBLIB, _OF_SUBMITIT = "hydra_plugins.hydra_joblib_launcher", "hydra_plugins.hydra_submitit_launcher"

PLUGINS = {
    "joblib": (f"{_OF_JOBLIB}.joblib_launcher.JoblibLauncher", "joblib", "JobLibLauncherConf"),
    "submitit_local": (f"{_OF_SUBMITIT}.submitit_launcher.LocalLauncher", "slurm", "LocalQueueConf"),
    "submitit_slurm": (f"{_OF_SUBMITIT}.submitit_launcher.SlurmLauncher", "slurm", "SlurmQueueConf"),
}
"""Choice of ``hydra/launcher`` -> (class, extra that brings it, dataclass of its settings)."""


def check_launcher(launcher: Mapping[str, Any]) -> None:
    """Refuse a launcher that is not installed, or whose settings it would stumble over.

    Parameters
    ----------
    launcher : mapping
        ``hydra.launcher`` of a sweep, plain Python.

    Raises
    ------
    EegdaeError
        Names the key, the value and the mend.
    """
    target = launcher.get("_target_")
    choice = next((name for name, (known, _, _) in PLUGINS.items() if known == target), None)
    if choice is None:
        return
    _, extra, settings = PLUGINS[choice]
    plugin = str(target).rsplit(".", 2)[0]
    if not (_is_there(plugin) and _is_there("joblib" if choice == "joblib" else "submitit")):
        raise EegdaeError(
            f"hydra/launcher={choice}: {plugin.rpartition('.')[2].replace('_', '-')} is not installed; "
            f"pip install 'eegdae[{extra}]'"
        )
    known = OmegaConf.structured(getattr(importlib.import_module(f"{plugin}.config"), settings))
    for key, value in launcher.items():
        if key not in known:
            raise EegdaeError(f"hydra.launcher.{key}: unknown key; {did_you_mean(key, map(str, known))}")
        try:
            OmegaConf.update(known, str(key), value)
        except OmegaConfBaseException as error:
            reason = str(error).splitlines()[0]
            raise EegdaeError(f"hydra.launcher.{key}={value!r}: {reason}") from error
    if choice == "joblib":
        _check_joblib(launcher)
    else:
        _check_submitit(choice, launcher)


def with_our_settings() -> None:
    """Let ``conf/hydra/launcher/X.yaml`` stand for the plugin's settings of that name without a warning.

    Hydra 1.3 checks such a file against the plugin's dataclass, which is wanted, and warns that a later
    version will not.
    """
    warnings.filterwarnings("ignore", message=r"\s*'hydra/launcher/\w+' is validated", category=UserWarning)


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of the package around it
        return False


def _check_joblib(launcher: Mapping[str, Any]) -> None:
    if launcher.get("n_jobs") in (0, None):
        raise EegdaeError(
            f"hydra.launcher.n_jobs={launcher.get('n_jobs')}: must be how many jobs run at a time, 1 or "
            "more, or -1 for one a core"
        )
    backend = launcher.get("backend")
    if backend not in (None, *BACKENDS):
        raise EegdaeError(f"hydra.launcher.backend={backend!r}: {did_you_mean(backend, BACKENDS)}")
    for key, only in (("prefer", "processes"), ("require", None)):
        if launcher.get(key, only) != only:
            raise EegdaeError(
                f"hydra.launcher.{key}={launcher[key]!r}: jobs need a process each; leave it at "
                f"{only or 'null'}"
            )


def _check_submitit(choice: str, launcher: Mapping[str, Any]) -> None:
    for key in ("timeout_min", "cpus_per_task", "mem_gb", "array_parallelism"):
        value = launcher.get(key)
        if value is not None and int(value) < 1:
            raise EegdaeError(f"hydra.launcher.{key}={value}: must be 1 or more")
    for key in ("nodes", "tasks_per_node"):
        if launcher.get(key, 1) != 1:
            raise EegdaeError(f"hydra.launcher.{key}={launcher[key]}: a job is one process; leave it at 1")
    if choice == "submitit_slurm":
        missing = [name for name in ("sbatch", "srun") if shutil.which(name) is None]
        if missing:
            raise EegdaeError(
                f"hydra/launcher=submitit_slurm: {' and '.join(missing)} not found: this machine is of no "
                "SLURM cluster; start the command where jobs are submitted, or take hydra/launcher=joblib or "
                "submitit_local"
            )


@contextmanager
def cluster_of(launcher: Mapping[str, Any]) -> Iterator[None]:
    """Hold the connection to the Dask or Ray cluster that does the jobs, where the launcher names one.

    Hydra's launcher for joblib asks for the backend ``loky`` by name, whatever ``hydra.launcher.backend``
    says. So the cluster stands under that name as long as the sweep runs.

    Parameters
    ----------
    launcher : mapping
        ``hydra.launcher`` of a sweep, checked.

    Raises
    ------
    EegdaeError
        If the package or the cluster is not there, or a worker would do two jobs in one process.
    """
    backend = launcher.get("backend")
    if launcher.get("_target_") != PLUGINS["joblib"][0] or backend not in ("dask", "ray"):
        yield
        return
    variable = "DASK_SCHEDULER_ADDRESS" if backend == "dask" else "RAY_ADDRESS"
    with connected(str(backend), os.environ.get(variable), key="hydra.launcher.backend") as client:
        from joblib import parallel_config, register_parallel_backend
        from joblib.parallel import BACKENDS as KNOWN
        from joblib.parallel import get_active_backend

        if backend == "dask":
            _one_job_a_process(client)
        with parallel_config(backend=str(backend)):
            kind = type(get_active_backend()[0])
        loky = KNOWN["loky"]
        register_parallel_backend("loky", kind)
        try:
            yield
        finally:
            register_parallel_backend("loky", loky)


def _one_job_a_process(client: Any) -> None:
    for address, n_threads in client.nthreads().items():
        if n_threads != 1:
            raise EegdaeError(
                f"hydra.launcher.backend=dask: the worker {address} does {n_threads} jobs in one process; "
                "start workers by dask worker --nthreads 1 --nworkers N"
            )


def told_of_loss(error: Exception) -> EegdaeError | None:
    """Make one line of a process that was lost with its job; None for any other error.

    Parameters
    ----------
    error : Exception
        That a launcher raised.
    """
    kind = type(error)
    if kind.__name__ in ("TerminatedWorkerError", "BrokenProcessPool", "KilledWorker", "RayActorError"):
        return EegdaeError(
            "hydra/launcher=joblib: a process of the sweep was killed (was memory short?), and jobs with it; "
            "make hydra.launcher.n_jobs smaller, and go on with sweep.resume=true hydra.sweep.dir=DIR"
        )
    if kind.__module__.startswith("submitit."):
        said = " ".join(str(error).split())
        return EegdaeError(
            f"hydra.launcher: a job was ended from outside ({said[:150]}); others may still run; once they "
            "are done, go on with sweep.resume=true hydra.sweep.dir=DIR; what was printed is in DIR/.submitit"
        )
    return None


def refuse_together(trainer: Mapping[str, Any]) -> None:
    """Refuse a job of a sweep that would be trained by several processes.

    Parameters
    ----------
    trainer : mapping
        Of the job's configuration, plain Python.

    Raises
    ------
    EegdaeError
        Says what to do instead.
    """
    for key in ("devices", "num_nodes"):
        value = trainer.get(key, 1)
        if isinstance(value, int) and not isinstance(value, bool) and value > 1:
            raise EegdaeError(
                f"trainer.{key}={value}: not inside a sweep (-m), whose jobs are one process each; set "
                f"trainer.{key}=1 and let jobs run side by side (hydra/launcher=submitit_slurm "
                "hydra.launcher.gpus_per_node=1), or start such runs one at a time without -m"
            )
