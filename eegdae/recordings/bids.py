"""Recordings of a BIDS data set, read with mne-bids: with events, bad channels and positions."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eegdae.errors import EegdaeError, did_you_mean, one_line
from eegdae.recordings import mne_files
from eegdae.recordings.intact import check_intact
from eegdae.recordings.mne_events import left_out
from eegdae.recordings.recording import Recording

DATATYPES = ("eeg", "ieeg", "meg")
"""What ``data.datatype`` may be."""

_CHOICES = {"subjects": "subject", "sessions": "session", "tasks": "task", "runs": "run"}
_PREFIXES = {"subject": "sub-", "session": "ses-", "task": "task-", "run": "run-"}
_TABLES = {
    "channels": ("name", "type", "units"),
    "events": ("onset", "duration"),
    "electrodes": ("name", "x", "y", "z"),
}  # columns that BIDS asks for; mne-bids passes over a table without them, and a trigger channel becomes EEG
_EXTENSIONS = (".vhdr", ".edf", ".bdf", ".set", ".fif")

KEYS = (*mne_files.KEYS, *_CHOICES, "datatype")
"""Keys of a data configuration that this source takes."""


def is_bids(folder: Path) -> bool:
    """Tell whether a folder is the root of a BIDS data set.

    Parameters
    ----------
    folder : Path
        Any path.

    Returns
    -------
    bool
        True where it holds ``dataset_description.json``.
    """
    return os.path.isfile(os.path.expanduser(folder / "dataset_description.json"))  # False where it may not


def read_bids(path: Path, options: Mapping[str, Any]) -> list[Recording]:
    """Read the recordings of a BIDS data set.

    ``events.tsv`` gives the annotations (of which kind, says ``events``), ``channels.tsv`` the kinds of
    channels and those that are bad, ``electrodes.tsv`` the positions, where every channel has one.

    Parameters
    ----------
    path : Path
        The root of the data set, which holds ``dataset_description.json``.
    options : mapping
        ``subjects``, ``sessions``, ``tasks``, ``runs`` (labels to read, e.g. ``["01", "02"]``, or one; None =
        all), ``datatype`` (one of `DATATYPES`; None = all of them), and those of
        `eegdae.recordings.mne_files.from_raw`. ``bads`` is ``"mask"`` here unless it is given: a channel
        that is bad somewhere is still one of the set, but unobserved.

    Returns
    -------
    list of Recording
        In the order of their paths. ``run`` is the label of the run; where recordings of several tasks are
        read, the task comes before it.

    Raises
    ------
    EegdaeError
        If it is no such data set, holds nothing that was asked for, or a file cannot be read.
    """
    try:
        import mne_bids
    except ImportError as error:
        raise EegdaeError("data.source=bids needs mne-bids: pip install 'eegdae[bids]'") from error

    _look_into(path)
    if not is_bids(path):
        raise EegdaeError(
            f"{path}: is no BIDS data set: it holds no dataset_description.json; give the data set's root"
        )
    datatype = options.get("datatype")
    if datatype is not None and datatype not in DATATYPES:
        raise EegdaeError(f"data.datatype={datatype!r}: {did_you_mean(datatype, DATATYPES)}")
    kinds = list(DATATYPES) if datatype is None else [datatype]
    files = _files(path, kinds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = [mne_bids.get_bids_path_from_fname(file, check=False) for file in files]
        except (ValueError, KeyError, OSError, RuntimeError) as error:
            raise EegdaeError(f"{path}: cannot be read as a BIDS data set: {_one_line(error)}") from error
    # A FIF recording in parts is read from its first one.
    found = [p for p in found if p.split in (None, "01", "1")]
    if not found:
        raise EegdaeError(
            f"{path}: holds no recording of {', '.join(kinds)} that ends in {', '.join(_EXTENSIONS)}"
        )
    for key, entity in _CHOICES.items():
        found = _chosen(found, key, entity, options.get(key))
    several = len({p.task for p in found}) > 1
    return [_read(p, options, several_tasks=several) for p in found]


def _files(root: Path, kinds: Sequence[str]) -> list[Path]:
    """List the recordings of people and sessions, sorted; what derivatives and source data hold are none.

    mne-bids would look into every folder, follow links in circles, and pass over what it may not look into.
    """
    found: dict[Path, Path] = {}
    for subject in _look_into(root):
        if not subject.name.startswith("sub-") or not (subject.is_dir() or subject.is_symlink()):
            continue
        inside = _look_into(subject)
        inside += [f for each in inside if each.name.startswith("ses-") for f in _look_into(each)]
        for folder in inside:
            for file in _look_into(folder) if folder.name in kinds else ():
                if file.name.endswith(tuple(f"_{folder.name}{ending}" for ending in _EXTENSIONS)):
                    # a person may be a link to another: read once
                    found.setdefault(Path(os.path.realpath(folder)) / file.name, file)
    return sorted(found.values(), key=str)


def _look_into(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise EegdaeError(f"{folder}: cannot be looked into: {error.strerror or error}") from error


def _chosen(paths: list[Any], key: str, entity: str, wanted: object) -> list[Any]:
    if wanted is None:
        return paths
    if not isinstance(wanted, str | int | Sequence):
        raise EegdaeError(f"data.{key}={wanted!r}: must be a label or a list of labels, or null")
    given = [wanted] if isinstance(wanted, str | int) else list(wanted)
    labels = [str(label).removeprefix(_PREFIXES[entity]) for label in given]
    there = {str(getattr(p, entity)) for p in paths if getattr(p, entity) is not None}
    for label in labels:
        if label not in there:
            raise EegdaeError(f"data.{key}: {label!r} is not there; {did_you_mean(label, there)}")
    return [p for p in paths if getattr(p, entity) in labels]


def _read(bids_path: Any, options: Mapping[str, Any], *, several_tasks: bool) -> Recording:
    import mne_bids

    file = Path(bids_path.fpath)
    check_intact(file)
    for suffix, columns in _TABLES.items():
        _check_table(
            bids_path.find_matching_sidecar(suffix=suffix, extension=".tsv", on_error="ignore"), columns
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")  # of what a data set may leave out
        try:
            raw = mne_bids.read_raw_bids(bids_path, verbose="warning")
            raw.load_data(verbose="error")
            raw.get_channel_types()  # a damaged file may hold kinds that MNE does not know
        except Exception as error:  # of MNE's readers and of tables that are damaged: anything
            raise EegdaeError(f"{file}: cannot be read by mne-bids: {_one_line(error)}") from error
    run = bids_path.run or ""
    if several_tasks:
        run = "_".join(part for part in (bids_path.task, run) if part)
    recording = mne_files.from_raw(raw, {**options, "bads": options.get("bads") or "mask"}, file)
    return replace(
        recording,
        notes=(*recording.notes, *left_out(caught)),
        subject=bids_path.subject or "",
        session=bids_path.session or "",
        run=run,
    )


def _check_table(path: Any, columns: Sequence[str]) -> None:
    if path is None:
        return
    file = Path(path)
    try:
        lines = [line.split("\t") for line in file.read_text("utf-8-sig").splitlines() if line.strip()]
    except (UnicodeDecodeError, OSError) as error:
        raise EegdaeError(f"{file}: cannot be read as UTF-8 text: {_one_line(error)}") from error
    names = [name.strip() for name in lines[0]] if lines else []
    for column in columns:
        if column not in names:
            raise EegdaeError(f"{file}: has no column {column}; found: {', '.join(names) or 'nothing'}")
    for number, line in enumerate(lines, start=1):
        if len(line) != len(names):
            raise EegdaeError(f"{file}: row {number} has {len(line)} cells, the first {len(names)}")


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{Path(str(error.filename)).name}: {error.strerror}"
    return one_line(error, 300)
