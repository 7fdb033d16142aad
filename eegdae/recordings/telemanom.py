"""Spacecraft telemetry with labelled anomalies (SMAP and MSL), as its authors or a repackaging give it out.

The authors' folder holds ``train/NAME.npy``, ``test/NAME.npy``, (n_times, n_columns) each, and
``labeled_anomalies.csv`` (or that lies one folder above) with the anomalies of the test parts, both ends
inside. The repackaging holds one
``SPACECRAFT_NAME.npz`` a channel, with ``train``, ``test`` and ``test_label`` (n_times,), 1 = anomaly.
Column 0 is the telemetry. The others are commands, one-hot, and not the same for both spacecraft: left out.
"""

from __future__ import annotations

import ast
import csv
import glob
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.labels import runs_of
from eegdae.recordings.locate import locate
from eegdae.recordings.npz import why_no_arrays
from eegdae.recordings.recording import Annotation, Recording, as_recording

NORMAL, ANOMALY = "normal", "anomaly"
"""Labels of the test part; the training part has none."""

_TABLE = "labeled_anomalies.csv"


def read_telemanom(path: Path, options: Mapping[str, Any]) -> list[Recording]:
    """Read one telemetry channel: its training part and its test part.

    Parameters
    ----------
    path : Path
        ``SPACECRAFT_NAME.npz``, or ``test/NAME.npy`` of the authors' folder.
    options : mapping
        ``sfreq`` (Hz; else one a minute).

    Returns
    -------
    list of Recording
        Session ``"train"``, unlabelled, and session ``"test"``, whose runs of anomalous and of normal samples
        are annotations; the subject is the name of the channel.

    Raises
    ------
    EegdaeError
        If a file is missing, damaged, or its parts do not fit together.
    """
    if path.suffix.lower() == ".npz":
        parts = _load(path)
        missing = [key for key in ("train", "test", "test_label") if key not in parts]
        if missing:
            raise EegdaeError(
                f"{path}: has no array {missing[0]!r}; needed: train, test, test_label; "
                f"found: {', '.join(parts) or 'none'}"
            )
        train, test, odd = parts["train"], parts["test"], parts["test_label"]
        name = path.stem.split("_", 1)[-1]
    else:
        name, beside = path.stem, path.parent.parent / "train" / path.name
        if path.parent.name != "test" or not os.path.isfile(beside):
            raise EegdaeError(f"{path}: must lie in a folder 'test', with {beside} beside it")
        train, test = _load(beside)["array"], _load(path)["array"]
        odd = _listed(_table(path), name, len(test) if test.ndim else 0)
    recordings = []
    for session, values in (("train", train), ("test", test)):
        source = f"{path} {session}"
        if values.ndim != 2 or values.dtype.kind not in "iuf" or values.shape[1] < 1:
            raise EegdaeError(
                f"{source}: must be numbers, shape (n_times, n_columns); it is {values.dtype} {values.shape}"
            )
        marks: tuple[Annotation, ...] = ()
        if session == "test":
            if odd.shape != values.shape[:1] or not np.isin(odd, (0, 1)).all():
                raise EegdaeError(f"{path}: test_label must be one 0 or 1 for each of {len(values)} samples")
            marks = runs_of(ANOMALY if flag else NORMAL for flag in odd.tolist())
        recordings.append(
            as_recording(
                values[:, :1].T,
                sfreq=options.get("sfreq") or 1 / 60,
                ch_names=["telemetry"],
                source=source,
                annotations=marks,
                subject=name,
                session=session,
            )
        )
    return recordings


def beside(path: Path, options: Mapping[str, Any]) -> list[Path]:
    """Name what is read for a file of the authors' folder: its training part and the table.

    Parameters
    ----------
    path : Path
        As `read_telemanom` takes it.
    options : mapping
        Not used.

    Returns
    -------
    list of Path
        Those that are there; none for the repackaging, which holds all.
    """
    if path.suffix.lower() == ".npz":
        return []
    parts = (path.parent.parent / "train" / path.name, _table(path))
    return [file for file in parts if os.path.isfile(file)]


def find_files(cfg: Mapping[str, Any], endings: tuple[str, ...]) -> list[Path]:
    """Find the channels of either form; a folder may hold the authors' folders, or ``data`` with them.

    Parameters
    ----------
    cfg : mapping
        A data configuration.
    endings : tuple of str
        Of the repackaging.

    Returns
    -------
    list of Path
        As `eegdae.recordings.locate.locate` gives them.
    """
    wanted = cfg.get("path")
    patterns = [wanted] if isinstance(wanted, str | os.PathLike) else list(wanted or ())
    is_there_to_get = bool(cfg.get("resource"))
    return locate({**cfg, "path": [_tests(str(pattern), is_there_to_get) for pattern in patterns]}, endings)


def _tests(pattern: str, is_there_to_get: bool) -> str:
    folder = Path(pattern).expanduser()
    for part in (folder / "test", folder / "data" / "test"):
        if os.path.isdir(part):
            return os.path.join(glob.escape(str(part)), "*.npy")
    if is_there_to_get and not os.path.exists(folder) and not folder.suffix and not glob.has_magic(pattern):
        return os.path.join(pattern, "test", "*.npy")  # where it will be
    return pattern


def _table(path: Path) -> Path:
    """The authors' table lies beside the folders ``train`` and ``test``, or one folder above."""
    beside, above = path.parent.parent / _TABLE, path.parent.parent.parent / _TABLE
    return above if os.path.isfile(above) and not os.path.isfile(beside) else beside


def _load(path: Path) -> dict[str, NDArray[Any]]:
    try:
        loaded = np.load(path, allow_pickle=False)  # a pickle could run code
        if isinstance(loaded, np.ndarray):
            return {"array": loaded}
        with loaded as archive:
            return {key: np.asarray(archive[key]) for key in archive.files}
    except Exception as error:  # a damaged header raises anything from BadZipFile to TokenError
        raise EegdaeError(f"{path}: cannot be read as arrays: {why_no_arrays(error)}") from error


def _listed(table: Path, name: str, n_times: int) -> NDArray[np.int8]:
    """Mark the samples that the authors' table calls anomalous."""
    if not os.path.isfile(table):
        raise EegdaeError(f"{table}: no such file; it holds the labels, get it from the same place")
    odd = np.zeros(n_times, dtype=np.int8)
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file)]
        names = [row["chan_id"] for row in rows]
        for row in rows:
            if row["chan_id"] == name:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of odd escapes in what is no list
                    places = ast.literal_eval(row["anomaly_sequences"])
                for first, last in places:
                    odd[int(first) : int(last) + 1] = 1
    except (KeyError, ValueError, TypeError, SyntaxError, RecursionError, csv.Error) as error:
        raise EegdaeError(
            f"{table}: needs columns chan_id and anomaly_sequences, [[first, last], ...]"
        ) from error
    if name not in names:
        raise EegdaeError(f"{table}: says nothing about {name}; {did_you_mean(name, names)}")
    return odd
