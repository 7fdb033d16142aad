"""How many threads a run computes on, so that the jobs of a sweep that run at a time share the cores."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


def threads_per_job(launcher: Mapping[str, Any], *, n_cores: int, at_most: int | None = None) -> int | None:
    """Say how many threads a job of a sweep gets where ``trainer.threads`` is null.

    Parameters
    ----------
    launcher : mapping
        ``hydra.launcher`` of the configuration.
    n_cores : int
        That the process of the job may use.
    at_most : int or None
        What the environment allows (``OMP_NUM_THREADS``).

    Returns
    -------
    int or None
        joblib: cores / jobs at a time, 1 on a Dask or Ray cluster, whose workers share their machines;
        submitit: the cores that the job asks for. At least 1. None where jobs run one after the other or are
        trained together: torch decides, as for a single run.
    """
    kind = str(launcher.get("_target_")).rpartition(".")[2]
    if kind == "JoblibLauncher":
        if launcher.get("backend") in ("dask", "ray"):
            return 1
        n_jobs = int(launcher["n_jobs"])
        n_threads = n_cores // (n_jobs if n_jobs > 0 else max(1, n_cores + 1 + n_jobs))
    elif kind in ("LocalLauncher", "SlurmLauncher"):
        n_gpus = launcher.get("gpus_per_task") or launcher.get("gpus_per_node") or 1
        asked = launcher.get("cpus_per_task") or (launcher.get("cpus_per_gpu") or 0) * n_gpus
        n_threads = min(asked, n_cores)
    else:
        return None
    return max(1, min(n_threads, at_most or n_threads))


def threads_of(config: Mapping[str, Any], launcher: Mapping[str, Any] | None) -> int | None:
    """Say how many threads a run gets.

    Parameters
    ----------
    config : mapping
        Of the run, plain Python.
    launcher : mapping or None
        ``hydra.launcher`` of the sweep that the run is a job of; None = a single run.

    Returns
    -------
    int or None
        ``trainer.threads`` where it says, else the share of a job; None = torch decides.
    """
    said = (config.get("trainer") or {}).get("threads")
    if said is not None or launcher is None:
        return said if isinstance(said, int) and said > 0 else None
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return threads_per_job(
        launcher, n_cores=len(os.sched_getaffinity(0)), at_most=int(limit) if limit.isdecimal() else None
    )


@contextmanager
def on_threads(n_threads: int | None) -> Iterator[None]:
    """Let torch and the libraries of linear algebra compute on so many threads; None = as they are."""
    if n_threads is None:
        yield
        return
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    with threadpool_limits(n_threads):
        torch.set_num_threads(n_threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
