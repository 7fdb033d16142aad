"""Who does work that falls into parts: this process, several of this machine, or a cluster that is there."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

from eegdae.errors import EegdaeError, did_you_mean

BACKENDS = ("loky", "dask", "ray")

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Workers:
    """Processes that joblib hands the parts to.

    Parameters
    ----------
    n_jobs : int
        How many parts are worked on at a time; 1 = one after the other in this process; -1 = one a core, or
        as many as the cluster has.
    backend : str
        ``loky``: processes of this machine; ``dask``, ``ray``: the workers of a cluster, which must see the
        same files.
    address : str or None
        Of the cluster; None = the one that Dask or Ray is configured for (``DASK_SCHEDULER_ADDRESS``,
        ``RAY_ADDRESS``).

    Raises
    ------
    EegdaeError
        If an option makes no sense.
    """

    n_jobs: int = 1
    backend: str = "loky"
    address: str | None = None

    def __post_init__(self) -> None:
        n = self.n_jobs
        if isinstance(n, bool) or not isinstance(n, int) or (n < 1 and n != -1):
            raise EegdaeError(f"prepare.n_jobs={n!r}: must be a whole number, 1 or more, or -1")
        if self.backend not in BACKENDS:
            raise EegdaeError(
                f"prepare.backend={self.backend!r}: {did_you_mean(str(self.backend), BACKENDS)}"
            )

    def map(
        self, work: Callable[[Item], Iterable[Result]], items: Sequence[Item]
    ) -> Iterator[Iterable[Result]]:
        """Do the work on every item.

        Parameters
        ----------
        work : callable
            ``work(item)`` gives results; it, the items and the results can be pickled unless ``n_jobs`` is 1.
        items : sequence
            The parts.

        Yields
        ------
        iterable
            The results of one item, in the order of the items; without processes they come one by one.

        Raises
        ------
        EegdaeError
            As the work does, or if the package or the cluster is not there.
        """
        if self.n_jobs == 1:
            yield from map(work, items)
            return
        from joblib import Parallel, delayed, parallel_config

        with connected(self.backend, self.address), parallel_config(backend=self.backend, n_jobs=self.n_jobs):
            # results of Ray come all at once
            as_they_come = {} if self.backend == "ray" else {"return_as": "generator"}
            try:
                yield from Parallel(**as_they_come)(delayed(_listed)(work, item) for item in items)
            except Exception as error:
                if type(error).__module__.split(".")[0] != "ray":
                    raise
                last = str(error).strip().splitlines()[-1:] or [type(error).__name__]
                raise EegdaeError(
                    f"prepare.backend=ray: a worker failed: {last[0][:200]}; do all have this package, and "
                    "see the same files?"
                ) from error


def _listed(work: Callable[[Item], Iterable[Result]], item: Item) -> list[Result]:
    return list(work(item))


def connected(backend: str, address: str | None, *, key: str | None = None) -> AbstractContextManager[Any]:
    """Connect joblib's backend to its cluster, as long as the context lasts.

    Parameters
    ----------
    backend : str
        ``loky`` (nothing to connect), ``dask``, ``ray``.
    address : str or None
        As of `Workers`.
    key : str or None
        That says the backend, for errors, where the environment says the address; None = ``prepare.backend``
        and ``prepare.address``.

    Returns
    -------
    context manager
        Gives Dask's client, None for the others.

    Raises
    ------
    EegdaeError
        If the package or the cluster is not there.
    """
    if backend == "loky":
        return nullcontext()
    variable = {"dask": "DASK_SCHEDULER_ADDRESS", "ray": "RAY_ADDRESS"}[backend]
    place = {"dask": "tcp://HOST:8786", "ray": "HOST:6379"}[backend]
    where = variable if key else "prepare.address"
    mend = f"set {variable}={place}" if key else f"give {where}={place}, or set {variable}"
    try:
        return (_dask if backend == "dask" else _ray)(address, where)
    except ImportError as error:
        raise EegdaeError(
            f"{key or 'prepare.backend'}={backend}: {error.name} is not installed; pip install "
            f"'eegdae[{backend}]'"
        ) from error
    except _NoClusterError as error:
        raise EegdaeError(f"{key or 'prepare.backend'}={backend}: no cluster; {mend}") from error


class _NoClusterError(Exception):
    """No address was given, and nothing answers where a cluster would be by default."""


def _dask(address: str | None, where: str) -> AbstractContextManager[Any]:
    import dask
    from distributed import Client

    found = address or dask.config.get("scheduler-address", None)
    if found is None:
        raise _NoClusterError
    try:
        client: AbstractContextManager[Any] = Client(found, timeout=20)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise EegdaeError(f"{where}={found}: no Dask scheduler answers: {error}") from error
    return client


def _ray(address: str | None, where: str) -> AbstractContextManager[Any]:
    import ray
    import ray.util.joblib

    host, _, port = (address or "").rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        try:  # Ray itself goes on trying for minutes
            socket.create_connection((host, int(port)), timeout=10).close()
        except (OSError, OverflowError) as error:
            raise EegdaeError(f"{where}={address}: no Ray cluster answers: {error}") from error
    # joblib gives its pool an option that Ray has not
    logging.getLogger("ray.util.multiprocessing.pool").setLevel(logging.ERROR)
    try:
        ray.init(
            address=address or "auto",
            ignore_reinit_error=True,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        if address is None:
            raise _NoClusterError from error
        reason = " ".join(str(error).split())[:200]
        raise EegdaeError(f"{where}={address}: no Ray cluster answers: {reason}") from error
    register: Any = ray.util.joblib.register_ray
    register()
    return nullcontext()
