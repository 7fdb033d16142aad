"""Recordings from ARFF files: a table of one row a sample, or cases of the time-series archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.arff_text import Attribute, Row, read_text, words_of
from eegdae.recordings.labels import runs_of
from eegdae.recordings.recording import Annotation, Recording, as_recording

KEYS = (
    *("sfreq", "rows", "labels_attribute", "subject_attribute"),
    *("exclude", "ch_names", "unit", "valid_range"),
)
"""Keys of a data configuration that this source takes."""

ROWS = ("samples", "channels")
"""What a row of numbers can be."""


def read_arff(path: Path, options: Mapping[str, Any]) -> list[Recording]:
    """Read an ARFF file.

    A row of numbers is a sample of all channels (``rows="samples"``) or one channel with all its samples
    (``rows="channels"``). In a plain table of samples, runs of rows with the same label become annotations.
    In a plain table of channels, each row is a recording of one channel. With a relational attribute, each
    row is a recording: its rows of numbers are inside that attribute, its label goes over the whole.

    Parameters
    ----------
    path : Path
        The ``.arff`` file.
    options : mapping
        ``sfreq`` (Hz, needed: the format has none), ``rows`` (else samples, and channels in a relational
        attribute), ``labels_attribute`` (else the last nominal one), ``subject_attribute`` (rows that follow
        one another and have the same are one recording), ``exclude`` (attributes that are no channels),
        ``ch_names`` (else the names of the attributes, or ``ch1``, ``ch2``, ...), ``unit``, ``valid_range``
        ([low, high]: what lies outside was not observed).

    Returns
    -------
    list of Recording
        In the order of the file.

    Raises
    ------
    EegdaeError
        If the file is not of this format, was cut off, or an option does not fit: names the line or the key.
    """
    options = dict(options)
    sfreq = options.get("sfreq")
    if isinstance(sfreq, bool) or not isinstance(sfreq, Real):
        raise EegdaeError(
            f"data.sfreq={sfreq!r}: the sampling rate of {path.name} in Hz is needed, ARFF files hold none"
        )
    attributes, rows = read_text(path)
    bags = [k for k, a in enumerate(attributes) if a.kind == "relational"]
    if len(bags) > 1:
        raise EegdaeError(f"{path}: has {len(bags)} relational attributes; only one can be read")
    kind = options.get("rows") or ("channels" if bags else "samples")
    if kind not in ROWS:
        raise EegdaeError(f"data.rows={kind!r}: {did_you_mean(kind, ROWS)}")
    subject = _place(options, "subject_attribute", attributes, path)
    label = _place(options, "labels_attribute", attributes, path)
    if label is None:
        nominal = [k for k, a in enumerate(attributes) if a.kind == "nominal" and k != subject]
        label = nominal[-1] if nominal else None
    if bags:
        return _cases(path, rows, options, (label, subject), bag=(bags[0], attributes[bags[0]]), kind=kind)
    picks = _channels(attributes, options, (label, subject), path)
    matrix = _matrix([(f"line {n}", [row[k] for k in picks]) for n, row in rows], path)
    if kind == "channels":
        return [
            _recording(values[None], path, options, row, (label, subject), place=(k, len(rows), rows[k][0]))
            for k, (values, (_, row)) in enumerate(zip(matrix, rows, strict=True))
        ]
    if not options.get("ch_names"):
        options["ch_names"] = [attributes[k].name for k in picks]
    recordings: list[Recording] = []
    start = 0
    who = [_text(row, subject) for _, row in rows]
    for person, group in groupby(who):
        stop = start + sum(1 for _ in group)
        marks = [_text(row, label) for _, row in rows[start:stop]]
        source = str(path) if subject is None else f"{path} lines {rows[start][0]} to {rows[stop - 1][0]}"
        recordings.append(_made(matrix[start:stop].T, source, options, runs_of(marks), person))
        start = stop
    return recordings


def _cases(
    path: Path,
    rows: list[tuple[int, Row]],
    options: Mapping[str, Any],
    about: tuple[int | None, int | None],
    *,
    bag: tuple[int, Attribute],
    kind: str,
) -> list[Recording]:
    recordings: list[Recording] = []
    column, relation = bag
    for k, (number, row) in enumerate(rows):
        where = f"{path}: line {number}"
        lines = [line.strip() for line in (row[column] or "").split("\n") if line.strip()]
        if not lines:
            raise EegdaeError(f"{where}: its {relation.name} is empty")
        inner = [
            (f"line {number} row {n}", words_of(line, relation.inside, f"{where} row {n}"))
            for n, line in enumerate(lines, 1)
        ]
        if any(a.kind != "numeric" for a in relation.inside):
            raise EegdaeError(f"{path}: {relation.name} must hold numeric attributes only")
        values = _matrix(inner, path)
        values = values if kind == "channels" else values.T
        if recordings and recordings[0].n_chans != len(values):
            raise EegdaeError(
                f"{where} has {len(values)} channels, the first case {recordings[0].n_chans}: the file was "
                "cut off or is damaged"
            )
        if kind == "samples" and not options.get("ch_names"):
            options = {**options, "ch_names": [a.name for a in relation.inside]}
        recordings.append(_recording(values, path, options, row, about, place=(k, len(rows), number)))
    return recordings


def _recording(
    values: NDArray[np.float64],
    path: Path,
    options: Mapping[str, Any],
    row: Row,
    about: tuple[int | None, int | None],
    *,
    place: tuple[int, int, int],
) -> Recording:
    k, n, number = place
    label, subject = (_text(row, column) for column in about)
    marks = (Annotation(0, values.shape[1], label),) if label else ()
    run = f"{k:0{len(str(n - 1))}d}"
    return _made(values, f"{path} line {number}", options, marks, subject, run=run)


def _made(
    values: NDArray[np.float64],
    source: str,
    options: Mapping[str, Any],
    annotations: Sequence[Annotation],
    subject: str,
    run: str = "",
) -> Recording:
    limits = options.get("valid_range")
    if limits is not None:
        fits = isinstance(limits, Sequence) and len(limits) == 2 and all(isinstance(v, Real) for v in limits)
        if not fits or not limits[0] < limits[1]:
            raise EegdaeError(f"data.valid_range={limits!r}: two numbers, [low, high], or null are needed")
        values = np.where((values < limits[0]) | (values > limits[1]), np.nan, values)
    return as_recording(
        values,
        sfreq=options["sfreq"],
        ch_names=options.get("ch_names") or [f"ch{c + 1}" for c in range(len(values))],
        unit=options.get("unit") or "a.u.",
        source=source,
        annotations=annotations,
        subject=subject,
        run=run,
    )


def _channels(
    attributes: list[Attribute], options: Mapping[str, Any], about: tuple[int | None, ...], path: Path
) -> list[int]:
    names = [a.name for a in attributes]
    exclude = [str(name) for name in options.get("exclude") or ()]
    for name in exclude:
        if name not in names:
            raise EegdaeError(
                f"data.exclude: {name!r} is not an attribute of {path}; {did_you_mean(name, names)}"
            )
    picks = [
        k
        for k, a in enumerate(attributes)
        if a.kind == "numeric" and k not in about and a.name not in exclude
    ]
    if not picks:
        raise EegdaeError(f"{path}: has no numeric attribute to take for a channel, of {', '.join(names)}")
    return picks


def _matrix(rows: list[tuple[str, Row]], path: Path) -> NDArray[np.float64]:
    table = [["nan" if word is None else word for word in row] for _, row in rows]
    try:
        return np.array(table, dtype=np.float64)  # (n_rows, n_columns)
    except ValueError:
        for (where, _), words in zip(rows, table, strict=True):
            for word in words:
                try:
                    float(word)
                except ValueError as error:
                    raise EegdaeError(f"{path}: {where}: {word[:20]!r} is not a number") from error
        raise


def _place(options: Mapping[str, Any], key: str, attributes: list[Attribute], path: Path) -> int | None:
    name = options.get(key)
    if name is None:
        return None
    names = [a.name for a in attributes]
    if name not in names:
        raise EegdaeError(f"data.{key}={name!r}: not an attribute of {path}; {did_you_mean(name, names)}")
    return names.index(name)


def _text(row: Row, column: int | None) -> str:
    return "" if column is None else row[column] or ""
