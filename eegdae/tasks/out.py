"""The file that a command writes its result to: checked before the work, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from eegdae.errors import EegdaeError


def writable(value: object, ending: str) -> Path:
    """Check where the result goes before the work is done.

    Parameters
    ----------
    value : object
        As ``out`` was given.
    ending : str
        What its name must end in.

    Returns
    -------
    Path

    Raises
    ------
    EegdaeError
        If it ends in something else, is a folder, or lies where nothing can be written.
    """
    out = Path(str(value)).expanduser()
    if out.suffix != ending:
        raise EegdaeError(f"out={out}: must end in {ending}, for example out={out.stem or 'result'}{ending}")
    if out.is_dir():
        raise EegdaeError(f"out={out}: is a folder; give a file in it")
    if not out.parent.is_dir():
        raise EegdaeError(f"out={out}: there is no folder {out.parent}; make it, or choose another")
    if not os.access(out.parent, os.W_OK):
        raise EegdaeError(f"out={out}: the folder {out.parent} cannot be written")
    return out


def write(path: Path, data: bytes) -> None:
    """Write a file under a temporary name and rename it.

    Parameters
    ----------
    path : Path
        As `writable` gave it, or beside it.
    data : bytes
        All of the file.

    Raises
    ------
    EegdaeError
        If the disk is full or the folder cannot be written.
    """
    from eegdae.run import replace_file

    try:
        replace_file(path, data)
    except OSError as error:
        raise EegdaeError(f"out={path}: cannot be written: {error.strerror}") from error
