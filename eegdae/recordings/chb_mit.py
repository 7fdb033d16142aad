"""The CHB-MIT Scalp EEG Database: EDF files of an hour or more, and one text a case that tells the seizures.

The form of ``chbNN-summary.txt``, its slips included, and what the EDF files hold besides EEG (channels
called ``-`` and ``.``, ``T8-P8`` twice) is that of version 1.0.0 on PhysioNet, doi:10.13026/C2K01R.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.beside import beside
from eegdae.recordings.caps import pick
from eegdae.recordings.locate import locate
from eegdae.recordings.mne_files import read_mne
from eegdae.recordings.recording import Annotation, Recording

_SAME_PERSON = {"21": "01"}  # one and a half years later
_OTHER_MONTAGE = {"chb12_27.edf", "chb12_28.edf", "chb12_29.edf"}  # not bipolar
_NAME = re.compile(r"chb(\d\d)([a-z]?)_(\d\d\+?)", re.IGNORECASE)  # also chb17a_03 and chb02_16+
_COUNT = re.compile(r"Number of Seizures in File:\s*(\d{1,3})")
_TIME = re.compile(r"Seizure(?:\s+\d+)?\s+(Start|End) Time:\s*(\d{1,6})\s*seconds?")

Seizures = dict[str, list[tuple[int, int]]]
"""Name of a file to begin and end of each of its seizures, in seconds."""


def read_chb_mit(path: Path, options: Mapping[str, Any]) -> list[Recording]:
    """Read one EDF file, and what the summary of its case says about it.

    Parameters
    ----------
    path : Path
        ``chbNN_KK.edf``; beside it lies ``chbNN-summary.txt``.
    options : mapping
        Nothing of it is used.

    Returns
    -------
    list of Recording
        The one recording, microvolt. Its annotations, ``"seizure"`` and ``"background"``, cover it. Channels
        that are called ``-`` or ``.`` are left out, and so is the second of two that are one and the same.
        ``subject`` is the person (case 21 is person 01 again), ``session`` the case (``"17a"``), ``run`` the
        number of the file.

    Raises
    ------
    EegdaeError
        If the name is another, the summary is missing, damaged or silent about the file, or a seizure lies
        beyond its end.
    """
    match = _NAME.fullmatch(path.stem)
    if match is None:
        raise EegdaeError(f"{path}: is not called as a file of CHB-MIT, for example chb01_03.edf")
    case, part, run = match.groups()
    (file,) = summary_files(path, options)
    spans = _seizures_of(path, file)
    (rec,) = read_mne(path, {})
    return [
        replace(
            _own_channels(rec),
            annotations=_annotations(spans, rec, file),
            subject=_SAME_PERSON.get(case, case),
            session=f"{case}{part.lower()}",
            run=run,
        )
    ]


def find_bipolar(cfg: Mapping[str, Any], extensions: tuple[str, ...]) -> list[Path]:
    """Find the files, without the three of the set that have another montage, unless these alone are meant.

    Parameters
    ----------
    cfg, extensions
        As `eegdae.recordings.locate.locate` takes them.

    Returns
    -------
    list of Path
        At least one.

    Raises
    ------
    EegdaeError
        If there is none.
    """
    files = locate(cfg, extensions)
    return [file for file in files if file.name not in _OTHER_MONTAGE] or files


def summary_files(path: Path, _: Mapping[str, Any]) -> list[Path]:
    """Name the summary that lies beside a file.

    Parameters
    ----------
    path : Path
        ``chbNN_KK.edf``.

    Returns
    -------
    list of Path
        The one.

    Raises
    ------
    EegdaeError
        If it is not there.
    """
    return [beside(path, "{name:5}-summary.txt", where="data.source=chb_mit")]


def read_summary(file: Path) -> Seizures:
    """Read the seizures of a case.

    Begins and ends belong together in their order: in that of case 09 the number beside one is wrong.

    Parameters
    ----------
    file : Path
        ``chbNN-summary.txt``.

    Returns
    -------
    dict
        Of every file that it names, also of those without seizures.

    Raises
    ------
    EegdaeError
        If it is no such text, or does not agree with itself: names the line or the file.
    """
    counts: dict[str, int] = {}
    times: dict[str, list[tuple[str, int]]] = {}
    name = ""
    for number, line in enumerate(file.read_text("utf-8", errors="replace").splitlines(), 1):
        text = " ".join(line.split())
        if text.startswith("File Name:"):
            name = text.removeprefix("File Name:").strip()
            if name in times:
                raise EegdaeError(f"{file}: line {number} names {name} a second time")
            times[name] = []
        elif match := _COUNT.fullmatch(text):
            if name in counts:
                raise EegdaeError(f"{file}: line {number} counts the seizures of {name} a second time")
            counts[name] = int(match[1])
        elif match := _TIME.fullmatch(text):
            times.setdefault(name, []).append((match[1], int(match[2])))
        elif "Seizure" in text or text.startswith("File N"):
            raise EegdaeError(f"{file}: line {number} is damaged: {text[:60]!r}")
    if not times or "" in times or times.keys() != counts.keys():
        odd = sorted(times.keys() ^ counts.keys())
        hint = f"{odd[0] or 'a seizure'} lacks its file name or its count" if odd else "it names no file"
        raise EegdaeError(f"{file}: is no summary of CHB-MIT, or is damaged: {hint}")
    return {name: _pairs(file, name, found, counts[name]) for name, found in times.items()}


def _pairs(file: Path, name: str, found: list[tuple[str, int]], count: int) -> list[tuple[int, int]]:
    if [word for word, _ in found] != ["Start", "End"] * count:
        raise EegdaeError(
            f"{file}: {name} has {count} seizures, but the lines that follow are "
            f"{', '.join(f'{word} {second}' for word, second in found[:6]) or 'none'}"
        )
    seconds = [second for _, second in found]
    if any(a >= b for a, b in zip(seconds[::2], seconds[1::2], strict=True)) or seconds != sorted(seconds):
        raise EegdaeError(f"{file}: the seizures of {name} end before they begin, or overlap: {seconds}")
    return list(zip(seconds[::2], seconds[1::2], strict=True))


def _seizures_of(path: Path, file: Path) -> list[tuple[int, int]]:
    told = read_summary(file)
    if path.name in told:
        return told[path.name]
    if all(told.values()):  # that of case 24 names only files with seizures
        return []
    raise EegdaeError(f"{file}: says nothing of {path.name}; {did_you_mean(path.name, told)}")


def _annotations(spans: list[tuple[int, int]], rec: Recording, file: Path) -> tuple[Annotation, ...]:
    found, at = [], 0
    for begin, end in spans:
        start, stop = round(begin * rec.sfreq), round(end * rec.sfreq)
        if stop > rec.n_times:
            raise EegdaeError(
                f"{file}: a seizure of {Path(rec.source).name} lasts until {end} s, the file until "
                f"{rec.n_times / rec.sfreq:g} s"
            )
        found += [Annotation(at, start, "background")] * (at < start) + [Annotation(start, stop, "seizure")]
        at = stop
    return (*found, *[Annotation(at, rec.n_times, "background")] * (at < rec.n_times))


def _own_channels(rec: Recording) -> Recording:
    """Leave out placeholders and second copies; of channels with one name MNE makes NAME-0, NAME-1, ..."""
    groups: dict[str, list[int]] = {}
    for place, name in enumerate(rec.ch_names):
        base = re.sub(r"-\d+$", "", name)
        groups.setdefault(base if f"{base}-0" in rec.ch_names else name, []).append(place)
    kept: dict[int, str] = {}
    for name, places in groups.items():
        if name.strip("-. ") == "":
            continue
        if all(np.array_equal(rec.data[places[0]], rec.data[place]) for place in places[1:]):
            kept[places[0]] = name
        else:
            kept |= {place: rec.ch_names[place] for place in places}
    if not kept:
        raise EegdaeError(f"{rec.source}: no channel is left of {', '.join(rec.ch_names)}")
    order = sorted(kept)
    return replace(pick(rec, order), ch_names=tuple(kept[place] for place in order))
