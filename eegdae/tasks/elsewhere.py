"""Jobs that a launcher does in other processes: what those need, and what the first one sees to."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig

from eegdae.errors import EegdaeError, one_line
from eegdae.tasks.launchers import PLUGINS, with_our_settings
from eegdae.workers import connected


@dataclass(frozen=True)
class Anywhere:
    """A job as Hydra's launchers pass it on; unpickled in another process, it makes that one like this.

    The folder that relative paths start from, resolvers of configurations, how warnings and errors are told:
    what this process has and a fresh one has not.

    Parameters
    ----------
    job : callable
        ``job(config)``; cloudpickle can take it.
    """

    job: Callable[[DictConfig], Any]
    folder: str = field(default_factory=os.getcwd)

    def __call__(self, config: DictConfig) -> Any:
        """Do the job."""
        return self.job(config)

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, (self.job, self.folder)


def _arrive(job: Callable[[DictConfig], Any], folder: str) -> Anywhere:
    from eegdae.process import tell_warnings
    from eegdae.tasks.launch import register_resolvers

    os.chdir(folder)
    register_resolvers()
    with_our_settings()
    tell_warnings()
    os.environ["HYDRA_FULL_ERROR"] = "1"
    logging.raiseExceptions = False
    # else it has the last words in every train.log
    logging.getLogger("submitit").propagate = False
    return Anywhere(job, folder)


@contextmanager
def surroundings(launcher: Mapping[str, Any]) -> Iterator[None]:
    """See to what a launcher's processes need as long as a sweep runs.

    Parameters
    ----------
    launcher : mapping
        ``hydra.launcher`` of a sweep, checked; empty = no sweep.

    Raises
    ------
    EegdaeError
        If a cluster or its package is not there, or a worker of it would do two jobs in one process.
    """
    target, backend = launcher.get("_target_"), launcher.get("backend")
    if target == PLUGINS["submitit_local"][0]:
        with _silent_children():
            yield
    elif target == PLUGINS["joblib"][0] and backend in ("dask", "ray"):
        with _cluster(str(backend)):
            yield
    else:
        if target == PLUGINS["joblib"][0]:
            # after Ctrl-C a process that nobody sees would tell of semaphores
            told = os.environ.get("PYTHONWARNINGS")
            os.environ["PYTHONWARNINGS"] = ",".join(filter(None, (told, "ignore:resource_tracker")))
        yield


@contextmanager
def _silent_children() -> Iterator[None]:
    """Keep what watches the jobs of submitit from the screen: after Ctrl-C it would show tracebacks."""
    sys.stderr.flush()
    screen, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    before = sys.stderr
    try:
        if before is sys.__stderr__:
            sys.stderr = os.fdopen(os.dup(screen), "w", buffering=1)
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(screen, 2)
        if sys.stderr is not before:
            sys.stderr.close()
            sys.stderr = before
        os.close(screen)
        os.close(nowhere)


@contextmanager
def _cluster(backend: str) -> Iterator[None]:
    """Let a cluster do the jobs.

    Hydra's launcher for joblib asks for the backend ``loky`` by name, whatever ``hydra.launcher.backend``
    says. So the cluster stands under that name as long as the sweep runs.
    """
    variable = "DASK_SCHEDULER_ADDRESS" if backend == "dask" else "RAY_ADDRESS"
    with connected(backend, os.environ.get(variable), key="hydra.launcher.backend") as client:
        from joblib import parallel_config, register_parallel_backend
        from joblib.parallel import BACKENDS as KNOWN
        from joblib.parallel import get_active_backend

        if backend == "dask":
            _one_job_a_process(client)

        def of_cluster(nesting_level: int | None = None) -> Any:
            # Dask's would pass the level on to the job
            with parallel_config(backend=backend):
                return get_active_backend()[0]

        loky = KNOWN["loky"]
        register_parallel_backend("loky", of_cluster)
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
        return EegdaeError(
            f"hydra.launcher: a job was ended from outside ({one_line(error, 150)}); others may still run; "
            "once they are done, go on with sweep.resume=true hydra.sweep.dir=DIR; what was printed is in "
            "DIR/.submitit"
        )
    return None
