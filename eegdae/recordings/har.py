"""Human Activity Recognition Using Smartphones (UCI): published windows, put back into continuous recordings.

The folder ``UCI HAR Dataset`` holds ``activity_labels.txt`` (number and name) and, in ``train`` and ``test``,
``subject_PART.txt`` and ``y_PART.txt`` (one number a window) and ``Inertial Signals/SIGNAL_PART.txt`` (one
window of 128 samples a row, 50 Hz), for nine signals.

Windows that follow one another share half of their samples, so two windows of a person on both sides of a
split would be tested on what was trained on. Where the second half of a window is the first half of the next
one, sample by sample in all signals, the two are one stretch; a break begins another one. Stretches share no
sample, and cut into 2.56 s every 1.28 s they are the published windows again.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.recording import Annotation, Recording, as_recording
from eegdae.recordings.tables.number_text import read_codes, read_numbers

SIGNALS = tuple(
    f"{signal}_{axis}" for signal in ("body_acc", "body_gyro", "total_acc") for axis in ("x", "y", "z")
)
"""Names of the files and of the channels: acceleration without gravity, rotation, acceleration."""

EXTENSIONS = ("subject_train.txt", "subject_test.txt")
"""The file that stands for a part of the set."""

_UNITS = ("g",) * 3 + ("rad/s",) * 3 + ("g",) * 3
_SFREQ, _N_TIMES = 50.0, 128
_HALF = _N_TIMES // 2


def read_har(path: Path, options: Mapping[str, Any]) -> list[Recording]:
    """Read one part of the set.

    Parameters
    ----------
    path : Path
        ``train/subject_train.txt`` or ``test/subject_test.txt``; the other files lie beside it.
    options : mapping
        Not used.

    Returns
    -------
    list of Recording
        One a stretch, nine channels; the subject is the person, the session the part, the run the number of
        the stretch among those of the person, counted from 0. Annotations are runs of windows with the same
        activity; samples that two activities share stand under the earlier one.

    Raises
    ------
    EegdaeError
        If a file is missing, damaged, or has another number of windows or of samples in a window.
    """
    part, files = _files(path)
    people, codes, names = read_codes(path), read_codes(files["y"]), _names(files["names"])
    windows = np.empty((len(people), len(SIGNALS), _N_TIMES))
    if len(codes) != len(people):
        raise EegdaeError(
            f"{files['y']}: holds {len(codes)} labels, but {path} {len(people)} windows; get both anew"
        )
    for code in set(codes.tolist()):
        if code not in names:
            known = ", ".join(map(str, names))
            raise EegdaeError(f"{files['y']}: label {code} is not in {files['names']}, which has {known}")
    for k, signal in enumerate(SIGNALS):
        values = read_numbers(files[signal])
        if values.shape != windows[:, k].shape:
            raise EegdaeError(
                f"{files[signal]}: holds {values.shape[0]} windows of {values.shape[1]} samples; "
                f"{len(people)} (as {path.name}) of {_N_TIMES} are needed"
            )
        windows[:, k] = values
    n_runs: Counter[int] = Counter()
    recordings = []
    for first, stop in _stretches(windows, people):
        person = int(people[first])
        recordings.append(
            as_recording(
                _joined(windows[first:stop]),
                sfreq=_SFREQ,
                ch_names=SIGNALS,
                unit=_UNITS,
                source=f"{path} [{first}:{stop}]",
                annotations=_annotations([names[code] for code in codes[first:stop].tolist()]),
                subject=str(person),
                session=part,
                run=str(n_runs[person]),
            )
        )
        n_runs[person] += 1
    return recordings


def beside(path: Path, options: Mapping[str, Any]) -> list[Path]:
    """Name what is read for a part: signals, labels and their names.

    Parameters
    ----------
    path : Path
        As `read_har` takes it.
    options : mapping
        Not used.

    Returns
    -------
    list of Path
        Those that are there.
    """
    return [file for file in _files(path)[1].values() if os.path.isfile(file)]


def _files(path: Path) -> tuple[str, dict[str, Path]]:
    """Tell which part a file stands for, and where what belongs to it lies."""
    if path.name not in EXTENSIONS:
        raise EegdaeError(f"{path}: is no part of the set; {did_you_mean(path.name, EXTENSIONS)}")
    part = path.stem.removeprefix("subject_")
    signals = {name: path.parent / "Inertial Signals" / f"{name}_{part}.txt" for name in SIGNALS}
    other = {"y": path.parent / f"y_{part}.txt", "names": path.parent.parent / "activity_labels.txt"}
    return part, other | signals


def _names(path: Path) -> dict[int, str]:
    try:
        words = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        names = {int(code): name for code, name in words}
    except FileNotFoundError as error:
        raise EegdaeError(f"{path}: no such file; it is part of the set, get it anew") from error
    except OSError as error:
        raise EegdaeError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # not text, not two words, no number
        raise EegdaeError(f"{path}: must hold a number and a name a line, for example 1 WALKING") from error
    if len(set(names.values())) < len(words):
        raise EegdaeError(f"{path}: each number and each name may stand once only")
    return names


def _stretches(windows: NDArray[np.float64], people: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Find the windows that belong together: (first, stop) of each stretch."""
    late, early = windows[:-1, :, _HALF:], windows[1:, :, :_HALF]
    # the same numbers, but for how their last digit was written
    same = np.isclose(late, early, rtol=0, atol=1e-6, equal_nan=True).all(axis=(1, 2))
    breaks = np.flatnonzero(~(same & (people[:-1] == people[1:]))) + 1
    edges = [0, *breaks.tolist(), len(people)]
    return list(pairwise(edges))


def _joined(windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put the windows of a stretch, (n_windows, n_chans, 128), together: (n_chans, 64 * (n_windows + 1))."""
    return np.concatenate([windows[0, :, :_HALF], *windows[:, :, _HALF:]], axis=1)


def _annotations(labels: list[str]) -> tuple[Annotation, ...]:
    """One a run of windows with the same label; what it shares with the run before belongs to that one."""
    found, first = [], 0
    for label, group in groupby(labels):
        stop = first + sum(1 for _ in group)
        start = _HALF * (first + (first > 0))
        found.append(Annotation(start, _HALF * (stop + 1), label))
        first = stop
    return tuple(found)
