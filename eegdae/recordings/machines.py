"""Server Machine Dataset (SMD): what servers report each minute, with labelled anomalies.

The authors' folder holds ``train/NAME.txt`` and ``test/NAME.txt``, one row a minute, columns parted by commas
and without names, and ``test_label/NAME.txt``, 0 or 1 a row. ``interpretation_label/NAME.txt``, the columns
that took part in each anomaly counted from 1, is not read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from eegdae.errors import EegdaeError
from eegdae.recordings.labels import runs_of
from eegdae.recordings.locate import locate
from eegdae.recordings.recording import Annotation, Recording, as_recording
from eegdae.recordings.tables.number_text import read_codes, read_numbers
from eegdae.recordings.telemanom import ANOMALY, NORMAL

KEYS = ("sfreq", "ch_names", "unit")
"""Keys of a data configuration that this source takes."""


def read_machines(path: Path, options: Mapping[str, Any]) -> list[Recording]:
    """Read one machine: its training part and its test part.

    Parameters
    ----------
    path : Path
        ``test/NAME.txt`` of the authors' folder.
    options : mapping
        ``sfreq`` (Hz; else one a minute), ``ch_names`` (else ``metric1``, ..., as the authors count),
        ``unit``.

    Returns
    -------
    list of Recording
        Session ``"train"``, unlabelled, and session ``"test"``, whose runs of anomalous and of normal samples
        are annotations; the subject is the machine, the name of the file.

    Raises
    ------
    EegdaeError
        If a file is missing, damaged, or its parts do not fit together.
    """
    train_path, label_path = _parts(path)
    if path.parent.name != "test":
        raise EegdaeError(f"{path}: must lie in a folder 'test', with {train_path} beside it")
    odd = read_codes(label_path)
    recordings: list[Recording] = []
    for session, file in (("train", train_path), ("test", path)):
        values = read_numbers(file, delimiter=",")
        names = options.get("ch_names") or [f"metric{c + 1}" for c in range(values.shape[1])]
        if values.shape[1] != len(names):
            raise EegdaeError(
                f"{file}: holds {values.shape[1]} columns; data.ch_names has {len(names)} names"
            )
        if recordings and values.shape[1] != recordings[0].n_chans:
            raise EegdaeError(
                f"{file}: holds {values.shape[1]} columns, but {train_path} {recordings[0].n_chans}"
            )
        marks: tuple[Annotation, ...] = ()
        if session == "test":
            if len(odd) != len(values) or not np.isin(odd, (0, 1)).all():
                raise EegdaeError(
                    f"{label_path}: must be one 0 or 1 for each of the {len(values)} rows of {path}; "
                    f"it holds {len(odd)} numbers from {odd.min()} to {odd.max()}"
                )
            marks = runs_of(ANOMALY if flag else NORMAL for flag in odd.tolist())
        recordings.append(
            as_recording(
                values.T,
                sfreq=options.get("sfreq") or 1 / 60,
                ch_names=names,
                unit=options.get("unit") or "a.u.",
                source=str(file),
                annotations=marks,
                subject=path.stem,
                session=session,
            )
        )
    return recordings


def find_files(cfg: Mapping[str, Any], endings: tuple[str, ...]) -> list[Path]:
    """Find the test parts, which in a folder are its text files.

    Parameters
    ----------
    cfg : mapping
        A data configuration.
    endings : tuple of str
        Not used: no ending is this source's alone.

    Returns
    -------
    list of Path
        As `eegdae.recordings.locate.locate` gives them.
    """
    return locate(cfg, (".txt",))


def beside(path: Path, options: Mapping[str, Any]) -> list[Path]:
    """Name what is read for a test part: the training part and the labels.

    Parameters
    ----------
    path : Path
        As `read_machines` takes it.
    options : mapping
        Not used.

    Returns
    -------
    list of Path
        Those that are there.
    """
    return [file for file in _parts(path) if os.path.isfile(file)]


def _parts(path: Path) -> tuple[Path, Path]:
    folder = path.parent.parent
    return folder / "train" / path.name, folder / "test_label" / path.name
