"""Recordings from MATLAB files of versions 4, 5 and 7.3: an array in their structs, and what tells of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.axes import signals_of
from eegdae.recordings.labels import annotate, label_text
from eegdae.recordings.mat.tree import mat_tree
from eegdae.recordings.recording import Annotation, Recording, as_recording

KEYS = (
    *("variable", "layout", "sfreq", "ch_names"),
    *("labels_variable", "subject_variable", "unit"),
)
"""Keys of a data configuration that this source takes."""


def read_mat(path: Path, options: Mapping[str, Any]) -> list[Recording]:
    """Read a MATLAB file: one recording, or one a trial where the array has an axis of trials.

    A path to something in the file names a variable and, after dots, the fields of structs. Where there are
    many (a cell array, an array of structs), a number picks one, counted from 1 as in MATLAB (``data.3.X``);
    without it all are taken.

    Parameters
    ----------
    path : Path
        The ``.mat`` file.
    options : mapping
        ``variable`` (path to the array, or to many of them; else the only one of two axes, both above 1, or
        of three), ``layout`` (what its axes are, one of `eegdae.recordings.axes.LAYOUTS`; needed), ``sfreq``
        (Hz, or the path to it; needed), ``ch_names`` (a list, or the path to one; else ``ch1``, ...),
        ``labels_variable`` (path to one label a recording or one a sample), ``subject_variable`` (path to one
        name, or one a recording), ``unit`` (one, or one a channel).

    Returns
    -------
    list of Recording
        In the order of the trials; where there are several, ``run`` is the number, counted from 0.

    Raises
    ------
    EegdaeError
        If the file is damaged, or an option does not fit: names the key and what there is.
    """
    named = {key: options.get(key) for key in ("variable", "labels_variable", "subject_variable")}
    named |= {key: options.get(key) for key in ("sfreq", "ch_names") if isinstance(options.get(key), str)}
    paths = {key: str(value) for key, value in named.items() if value is not None}
    needed = {place.split(".")[0] for place in paths.values()} if "variable" in paths else None
    tree = mat_tree(path, needed)
    found = {key: _look_up(tree, place, f"{path}: data.{key}={place}") for key, place in paths.items()}
    if "variable" not in paths:
        paths["variable"], found["variable"] = _only_array(tree, set(paths.values()), path)
    where = f"{path}: {paths['variable']}"
    arrays = found["variable"] if isinstance(found["variable"], list) else [found["variable"]]
    signals: list[NDArray[Any]] = []
    for array in arrays:
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "iuf":
            raise EegdaeError(f"{where} is {_what(array)}; an array of real numbers is needed")
        if array.size == 0:
            raise EegdaeError(f"{where} is empty")
        signals += signals_of(array, options.get("layout"), where=where)
    if not signals:
        raise EegdaeError(f"{where} is empty")
    lengths = [signal.shape[1] for signal in signals]
    marks: list[tuple[Annotation, ...]] = [()] * len(signals)
    if "labels_variable" in found:
        labels = _words(found["labels_variable"], f"{path}: data.labels_variable={paths['labels_variable']}")
        marks = annotate(labels, lengths, where=f"{path}: data.labels_variable={paths['labels_variable']}")
    people = [""] * len(signals)
    if "subject_variable" in found:
        who = _words(found["subject_variable"], f"{path}: data.subject_variable={paths['subject_variable']}")
        if len(who) not in (1, len(signals)):
            raise EegdaeError(
                f"{path}: data.subject_variable={paths['subject_variable']} holds {len(who)} names; one, or "
                f"one for each of {len(signals)} recordings, is needed"
            )
        people = who if len(who) == len(signals) else who * len(signals)
    sfreq = _rate(found.get("sfreq", options.get("sfreq")), path)
    names = options.get("ch_names")
    if "ch_names" in found:
        names = _words(found["ch_names"], f"{path}: data.ch_names={paths['ch_names']}")
    width, several = len(str(len(signals) - 1)), len(signals) > 1
    return [
        as_recording(
            signal,
            sfreq=sfreq,
            ch_names=names or [f"ch{c + 1}" for c in range(len(signal))],
            unit=options.get("unit") or "a.u.",
            source=f"{path} [{k}]" if several else str(path),
            annotations=marks[k],
            subject=people[k],
            run=f"{k:0{width}d}" if several else "",
        )
        for k, signal in enumerate(signals)
    ]


def _look_up(tree: Any, place: str, where: str) -> Any:
    value = tree
    for part in place.split("."):
        if isinstance(value, dict):
            if part not in value:
                raise EegdaeError(f"{where}: there is no {part!r}; {did_you_mean(part, value)}")
            value = value[part]
        elif isinstance(value, list) and part.isdecimal():
            if not 1 <= int(part[:9]) <= len(value):
                raise EegdaeError(
                    f"{where}: there is no number {part[:9]}; counted from 1, there are {len(value)}"
                )
            value = value[int(part) - 1]
        elif isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            value = [_look_up(one, part, where) for one in value]
        else:
            raise EegdaeError(f"{where}: there is no {part!r}, for it would be inside {_what(value)}")
    return value


def _only_array(tree: Any, others: set[str], path: Path) -> tuple[str, Any]:
    found = {name: array for name, array in _arrays(tree, "") if name not in others}
    if len(found) != 1:
        listed = ", ".join(f"{name} ({_what(array)})" for name, array in list(found.items())[:10])
        raise EegdaeError(
            f"{path}: holds {len(found)} arrays of two or three axes, not one; set data.variable"
            + (f"; there are {listed}" if found else f" to one of {', '.join(sorted(tree)) or 'none'}")
        )
    return found.popitem()


def _arrays(node: Any, place: str) -> Iterator[tuple[str, NDArray[Any]]]:
    if isinstance(node, dict):
        for name, child in node.items():
            yield from _arrays(child, f"{place}.{name}" if place else name)
    elif isinstance(node, np.ndarray) and node.dtype.kind in "iuf":
        signals = node.ndim == 3 or (node.ndim == 2 and min(node.shape) > 1)
        yield from [(place, node)] if signals else []


def _words(value: Any, where: str) -> list[str]:
    """Flatten names or labels: text, numbers in a row or a column, or a cell array of either."""
    if isinstance(value, list):
        return [word for one in value for word in _words(one, where)]
    if isinstance(value, np.ndarray):
        if value.size != max(value.shape, default=1):
            raise EegdaeError(f"{where} is {_what(value)}; one row or one column is needed")
        return [label_text(one) for one in value.ravel().tolist()]
    if isinstance(value, str):
        return [value.strip()]
    raise EegdaeError(f"{where} is {_what(value)}; names or numbers are needed")


def _rate(value: Any, path: Path) -> float:
    if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind in "iuf":
        return float(value.item())
    if isinstance(value, Real) and not isinstance(value, bool):
        return float(value)
    shown = _what(value) if isinstance(value, np.ndarray | list | dict) else repr(value)
    raise EegdaeError(
        f"{path}: data.sfreq is {shown}; a number (Hz), or the path to one in the file, is needed"
    )


def _what(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{' x '.join(map(str, value.shape))} {value.dtype}"
    if isinstance(value, dict):
        return f"a struct of {', '.join(list(value)[:10])}"
    if isinstance(value, Sequence):
        return "text" if isinstance(value, str) else f"a list of {len(value)}"
    return "nothing that can be read (a function, an object or a sparse array)"
