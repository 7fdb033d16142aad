"""A folder that one process holds: of a run, of a sweep."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from eegdae.errors import EegdaeError


def lock_folder(path: Path, key: str, *, busy: str) -> IO[str]:
    """Make a folder and hold it: no other process can until the file is closed, or this process is gone.

    Parameters
    ----------
    path : Path
        The folder.
    key : str
        Under which the user named it.
    busy : str
        What to say where another process holds it.

    Returns
    -------
    file
        To be kept open.

    Raises
    ------
    EegdaeError
        If the folder cannot be written or is held.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = open(path / ".lock", "a+")  # noqa: SIM115  (held until it is closed)
    except OSError as error:
        raise EegdaeError(f"{key}={path}: cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise EegdaeError(f"{key}={path}: {busy}; wait for it") from error
    return lock
