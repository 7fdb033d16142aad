"""A file beside a recording that says what happens in it: sleep stages, seizures, the work of a scorer."""

from __future__ import annotations

import glob
import re
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from eegdae.errors import EegdaeError, one_line
from eegdae.recordings.intact import check_intact

_NAME = r"{name(?::(\d{1,3}))?}"
_EDF = {".edf", ".bdf"}


def beside(path: Path, template: str, *, where: str) -> Path:
    """Find the file that belongs to a recording.

    Parameters
    ----------
    path : Path
        Of the recording.
    template : str
        The name of the other one, in the same folder: ``{name}`` is the recording's without its ending,
        ``{name:7}`` the first seven letters of it; ``?``, ``*`` and ``[...]`` as in a glob.
    where : str
        What an error calls the template.

    Returns
    -------
    Path

    Raises
    ------
    EegdaeError
        If there is none, or more than one.
    """
    rest = re.sub(_NAME, "", template)
    if rest == template or re.search(r"[{}/\\]", rest):
        raise EegdaeError(
            f"{where}={template}: must be the name of a file with {{name}} or, for the first letters of it, "
            "{name:7}"
        )
    stem = path.name.removesuffix(path.suffix)
    pattern = re.sub(_NAME, lambda m: glob.escape(stem[: int(m[1] or len(stem))]), template)
    found = [path.parent / name for name in sorted(glob.glob(pattern, root_dir=path.parent))]
    found = [file for file in found if file != path and file.is_file()]
    if len(found) != 1:
        names = f"{len(found)}: {', '.join(file.name for file in found[:3])}" if found else "none"
        raise EegdaeError(
            f"{path}: needs one file {pattern} beside it ({where}={template}); there is {names}"
        )
    return found[0]


def annotate_from(raw: Any, path: Path, file: Path) -> None:
    """Add what a file says to the annotations of a recording.

    Parameters
    ----------
    raw : mne.io.BaseRaw
        The recording; changed.
    path : Path
        Its file.
    file : Path
        One that `mne.read_annotations` reads: EDF+, ``.vmrk``, ``.csv``, ``.txt``, FIF, ... Times are from
        the begin of the recording; where both files are EDF or BDF, from the begin that the header of this
        one tells.

    Raises
    ------
    EegdaeError
        If it cannot be read, or holds no annotations, or none of the recording's time.
    """
    import mne

    check_intact(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what lies beyond the end, which is cut there
            told = mne.read_annotations(file)
            are_edf = {file.suffix.lower(), path.suffix.lower()} <= _EDF
            late = _begin(file) - _begin(path) if are_edf else 0.0
            added = mne.Annotations(told.onset + late, told.duration, told.description)
            own = raw.annotations
            raw.set_annotations(added, verbose="error")
            raw.set_annotations(own + raw.annotations, verbose="error")
    except Exception as error:  # readers raise whatever a damaged file makes them
        raise EegdaeError(f"{file}: cannot be read as annotations: {one_line(error, 300)}") from error
    if not len(told):
        raise EegdaeError(f"{file}: holds no annotations")
    if not np.any((told.onset + late < raw.times[-1]) & (told.onset + late + told.duration >= 0)):
        raise EegdaeError(
            f"{file}: none of its annotations lies inside {path.name}, which lasts {raw.times[-1]:.0f} s: "
            f"the first is at {told.onset[0] + late:.0f} s"
        )


def _begin(file: Path) -> float:
    """When an EDF or BDF recording begins, in seconds since some day: bytes 168 to 184 of its header."""
    with file.open("rb") as opened:
        words = opened.read(184)[168:].decode("ascii")
    return datetime.strptime(words, "%d.%m.%y%H.%M.%S").replace(tzinfo=UTC).timestamp()
