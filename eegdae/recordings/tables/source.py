"""Recordings from tables, one sample a row and one channel a column: CSV, TSV, Parquet, Arrow, Feather.

`conf/data/table_files.yaml` explains the options. Any column may be given as a list of names, of which each
file has one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.recording import Annotation, Recording, as_recording
from eegdae.recordings.tables.arrow_files import ENDINGS, read_arrow
from eegdae.recordings.tables.columns import is_numeric, numbers, texts_of
from eegdae.recordings.tables.delimited import read_delimited
from eegdae.recordings.tables.grid import lay, seconds

EXTENSIONS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", *ENDINGS)
"""What counts in a folder; a text file of another name is read where it is named."""
KEYS = (
    *("time", "sfreq", "channels", "label", "events", "subject_column", "session_column", "run_column"),
    *("unit", "columns", "delimiter", "decimal", "comment", "skip_rows", "encoding"),
)
"""Keys of a data configuration that this source takes."""
_GROUPS = ("subject", "session", "run")
_ROLES = ("time", "label", "events", *(f"{key}_column" for key in _GROUPS))
_NO_EVENT = ("", "0", "-0", "+0", "False", "false")
_LOG = logging.getLogger(__name__)


def read_table(path: Path, options: Mapping[str, Any]) -> list[Recording]:
    """Read a table: rows are samples, columns are channels, times, labels, events, or who and when.

    Parameters
    ----------
    path : Path
        A text table (gzipped where its name ends in ``.gz``), Parquet, Arrow or Feather file.
    options : mapping
        ``time`` (a column, see `eegdae.recordings.tables.grid.seconds`; None = rows are evenly sampled),
        ``sfreq`` (Hz, needed without times; with them the rate of the grid, see
        `eegdae.recordings.tables.grid.lay`), ``channels`` (None = every numeric column with a name and no
        other role), ``label`` (a column: a run of one value is an annotation, empty is none), ``events`` (a
        column: a sample that is neither zero nor empty and differs from the one before is an annotation of
        one sample), ``subject_column``, ``session_column`` and ``run_column`` (rows of different values are
        different recordings), ``unit`` (one, or column to unit); for text those of
        `eegdae.recordings.tables.delimited.read_delimited`.

    Returns
    -------
    list of Recording
        In the order of their first rows. With times, samples of the grid that no row is near to are NaN at
        the door, so ``mask`` is False there. A row that repeats the one before, time and all, is left out and
        counted in the log.

    Raises
    ------
    EegdaeError
        If the file is no table, is damaged, lacks a column, or holds times that do not rise: names the row,
        counted from 1.
    """
    sfreq = _rate(options)
    wanted = {key: _names(options, key) for key in _ROLES}
    for key in ("channels", "columns"):
        _names(options, key)
    if path.name.lower().endswith(ENDINGS):
        table = read_arrow(path)
    else:
        as_text = {name for key in _ROLES if key != "time" for name in wanted[key]}
        table = read_delimited(path, options, as_text=as_text)
    if not len(table):
        raise EegdaeError(f"{path}: has columns ({', '.join(table.columns[:20])}) but no rows")
    roles = {key: _find(table, key, names, path) for key, names in wanted.items() if names}
    channels = _channels(table, roles, options, path)
    if "time" not in roles and sfreq is None:
        raise EegdaeError(
            f"data.sfreq=None: the sampling rate of {path.name} in Hz is needed, or data.time, the column of "
            f"its times; columns: {', '.join(table.columns[:20])}"
        )
    units = _units(options.get("unit"), channels, list(table.columns), path)
    return [
        _recording(part, channels, roles, units, sfreq, about, path)
        for about, part in _parts(table, roles, path)
    ]


def _recording(
    part: pd.DataFrame,
    channels: list[str],
    roles: Mapping[str, str],
    units: list[str],
    sfreq: float | None,
    about: Mapping[str, str],
    path: Path,
) -> Recording:
    where = f"{path} [{', '.join(f'{k}={v}' for k, v in about.items())}]" if about else str(path)
    if "time" in roles:
        times = seconds(part[roles["time"]], where=where)
        is_new = _is_new(part, times, where)
        part, times = part[is_new], times[is_new]
        grid = lay(times, part.index, sfreq, where=where)
        sfreq, slots, is_kept, n_times = grid.sfreq, grid.slots, grid.is_kept, grid.n_times
    else:
        slots, is_kept, n_times = np.arange(len(part)), np.ones(len(part), dtype=bool), len(part)
    assert sfreq is not None
    data = np.full((len(channels), n_times), np.nan)
    for chan, name in enumerate(channels):
        data[chan, slots[is_kept]] = numbers(part[name], where=where)[is_kept]
    annotations: list[Annotation] = []
    if "label" in roles:
        annotations += _runs(texts_of(part[roles["label"]])[is_kept], slots[is_kept])
    if "events" in roles:
        annotations += _instants(texts_of(part[roles["events"]]), slots)
    return as_recording(
        data,
        sfreq=sfreq,
        ch_names=channels,
        unit=units,
        source=where,
        annotations=sorted(annotations, key=lambda a: (a.start, a.stop)),
        subject=about.get("subject", ""),
        session=about.get("session", ""),
        run=about.get("run", ""),
    )


def _rate(options: Mapping[str, Any]) -> float | None:
    rate = options.get("sfreq")
    if rate is None:
        return None
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < np.inf:
        raise EegdaeError(f"data.sfreq={rate!r}: a number of hertz above 0 is needed, or null")
    return float(rate)


def _names(options: Mapping[str, Any], key: str) -> list[str]:
    value = options.get(key)
    names = [] if value is None else [value] if isinstance(value, str) and key in _ROLES else value
    if (
        isinstance(names, str)
        or not isinstance(names, Sequence)
        or not all(isinstance(n, str) and n for n in names)
    ):
        raise EegdaeError(f"data.{key}={value!r}: must be the names of columns, or null")
    return list(names)


def _find(table: pd.DataFrame, key: str, names: list[str], path: Path) -> str:
    for name in names:
        if name in table.columns:
            return name
    raise EegdaeError(
        f"{path}: has no column {' or '.join(map(repr, names))} (data.{key}); "
        f"{did_you_mean(names[0], table.columns)}"
    )


def _channels(
    table: pd.DataFrame, roles: Mapping[str, str], options: Mapping[str, Any], path: Path
) -> list[str]:
    if len(set(roles.values())) < len(roles):
        raise EegdaeError(
            f"{path}: a column has one role, but {', '.join(f'{k}={v}' for k, v in roles.items())}"
        )
    named = _names(options, "channels")
    for name in named:
        _find(table, "channels", [name], path)
        if name in roles.values():
            raise EegdaeError(
                f"data.channels: {name!r} is a column of times, labels, events or groups already"
            )
    if named:
        return named
    free = [name for name in table.columns if name not in roles.values()]
    channels = [name for name in free if is_numeric(table[name], where=str(path))]
    if not channels:
        raise EegdaeError(
            f"{path}: has no column of numbers to be a channel; columns: {', '.join(table.columns[:20])}; "
            "set data.delimiter, data.decimal or data.skip_rows if this is not the table"
        )
    return channels


def _units(unit: object, channels: list[str], columns: list[str], path: Path) -> list[str]:
    if not isinstance(unit, Mapping):
        return [str(unit or "a.u.")] * len(channels)
    for name, one in unit.items():
        if name not in columns or not isinstance(one, str):
            hint = did_you_mean(name, columns) if name not in columns else "a unit is text"
            raise EegdaeError(f"data.unit: {name!r}: {one!r} does not fit {path}; {hint}")
    return [unit.get(name, "a.u.") for name in channels]


def _parts(
    table: pd.DataFrame, roles: Mapping[str, str], path: Path
) -> list[tuple[dict[str, str], pd.DataFrame]]:
    groups = {key: texts_of(table[roles[f"{key}_column"]]) for key in _GROUPS if f"{key}_column" in roles}
    if not groups:
        return [({}, table)]
    for key, values in groups.items():
        if (values == "").any():
            row = table.index[int((values == "").argmax())]
            raise EegdaeError(f"{path}: row {row} has no {key} in column {roles[f'{key}_column']!r}")
    keys = list(zip(*groups.values(), strict=True))
    number_of = {key: k for k, key in enumerate(dict.fromkeys(keys))}
    number = np.array([number_of[key] for key in keys])
    back = np.flatnonzero(np.diff(number) < 0)
    if "time" not in roles and len(back):
        raise EegdaeError(
            f"{path}: row {table.index[back[0] + 1]} goes back to {', '.join(keys[back[0] + 1])}: without "
            "data.time the rows of a recording must follow one another"
        )
    return [(dict(zip(groups, key, strict=True)), table[number == k]) for key, k in number_of.items()]


def _is_new(part: pd.DataFrame, times: NDArray[np.float64], where: str) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = np.r_[False, np.diff(times) == 0]
    if same.any():
        for row in np.flatnonzero(same):
            same[row] = part.iloc[row].equals(part.iloc[row - 1])
    if same.any():
        _LOG.warning("%s: %d rows left out that repeat the row before", where, same.sum())
    return ~same


def _runs(texts: NDArray[Any], slots: NDArray[np.int64]) -> list[Annotation]:
    edges = np.flatnonzero(texts[1:] != texts[:-1]) + 1
    pairs = zip(np.r_[0, edges], np.r_[edges, len(texts)], strict=True)
    return [Annotation(int(slots[a]), int(slots[b - 1]) + 1, texts[a]) for a, b in pairs if texts[a]]


def _instants(texts: NDArray[Any], slots: NDArray[np.int64]) -> list[Annotation]:
    is_event = ~np.isin(texts, _NO_EVENT) & np.r_[True, texts[1:] != texts[:-1]]
    return [Annotation(int(slots[k]), int(slots[k]) + 1, texts[k]) for k in np.flatnonzero(is_event)]
