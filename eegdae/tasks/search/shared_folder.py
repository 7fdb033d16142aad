"""The folder that the processes of one search share: who is alive, who holds which trial, one at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from eegdae.errors import EegdaeError


class SharedFolder:
    """Locks in the folder of a search; the system takes them back from a process that dies.

    Parameters
    ----------
    path : Path
        The folder; made where it does not exist.

    Raises
    ------
    EegdaeError
        If it cannot be written or locked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._locks = path / ".search"
        self._held: dict[int, IO[str]] = {}
        try:
            self._locks.mkdir(parents=True, exist_ok=True)
            # the lock that a sweep by -m holds alone
            self._alive = open(path / ".lock", "a+")  # noqa: SIM115  (held until the process ends)
        except OSError as error:
            raise EegdaeError(f"hydra.sweep.dir={path}: cannot be written: {error.strerror}") from error

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """Keep the other processes of the search waiting at the same place."""
        try:
            file = open(self._locks / "one", "a+")  # noqa: SIM115  (closed below)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            raise EegdaeError(
                f"hydra.sweep.dir={self.path}: cannot be locked: {error.strerror}; a search needs a file "
                "system with "
                "locks"
            ) from error
        with file:
            yield

    def enter(self) -> bool:
        """Become one of the living; return whether there was no other.

        Raises
        ------
        EegdaeError
            If a sweep runs in the folder.
        """
        is_first = _try_lock(self._alive)
        if not _try_lock(self._alive, fcntl.LOCK_SH):
            raise EegdaeError(
                f"hydra.sweep.dir={self.path}: a sweep is running in this folder; choose another"
            )
        return is_first

    def hold(self, number: int) -> None:
        """Hold a trial until `release`."""
        file = open(self._locks / str(number), "a+")  # noqa: SIM115  (held until the trial ends)
        fcntl.flock(file, fcntl.LOCK_EX)
        self._held[number] = file

    def release(self, number: int) -> None:
        """Let a trial go that is over."""
        (self._locks / str(number)).unlink(missing_ok=True)
        self._held.pop(number).close()

    def is_held(self, number: int) -> bool:
        """Say whether a living process holds a trial."""
        place = self._locks / str(number)
        if number in self._held or not place.exists():
            return number in self._held
        with open(place, "a+") as file:
            return not _try_lock(file)

    def close(self) -> None:
        """Let everything go."""
        for file in (*self._held.values(), self._alive):
            file.close()
        self._held.clear()


def _try_lock(file: IO[str], how: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
