"""Where data sets and downloads lie on this machine."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from eegdae.errors import EegdaeError


def cache_dir() -> Path:
    """Give the folder that downloads go to: the user's cache folder of this system.

    Returns
    -------
    Path
        It need not exist yet.
    """
    import pooch

    return Path(pooch.os_cache("eegdae"))


def data_dir() -> Path:
    """Give the folder where data sets are looked for first.

    Returns
    -------
    Path
        ``EEGDAE_DATA_DIR`` where it is set, else `cache_dir`.
    """
    named = os.environ.get("EEGDAE_DATA_DIR")
    return Path(named).expanduser() if named else cache_dir()


def below(folder: Path, name: str, *, where: str) -> Path:
    """Give the place of a file inside a folder, and never one outside it.

    Parameters
    ----------
    folder : Path
        What it must stay inside of.
    name : str
        Of the file, ``/`` between folders, as a configuration, a list or an archive has it.
    where : str
        What an error calls the place that the name is from.

    Returns
    -------
    Path

    Raises
    ------
    EegdaeError
        If the name is empty, absolute, or holds ``..``, a backslash or a character that cannot be printed.
    """
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or not name.isprintable():
        raise EegdaeError(f"{where}: {name!r} is no name of a file inside the folder of a set; refused")
    return folder.joinpath(*parts)
