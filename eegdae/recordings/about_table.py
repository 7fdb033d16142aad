"""Who, when, which and what, from a table: one row a file, or one row a trial of a file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eegdae.errors import EegdaeError, did_you_mean, one_line
from eegdae.recordings.recording import Annotation, Recording

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("file", "subject", "session", "run", "label", "start", "stop")
"""Columns that are understood; others are passed over."""

_OF_THE_FILE = ("subject", "session", "run")


@dataclass(frozen=True, eq=False)
class AboutTable:
    """A table that says what the recordings are; make it with `read_about`.

    Parameters
    ----------
    path : Path
        Where it was read from.
    rows : DataFrame of str, n_rows rows
        With ``file`` (the end of a file's path, ``/`` between folders) and some of `COLUMNS`.
    """

    path: Path
    rows: pd.DataFrame

    def apply(self, recording: Recording, path: Path) -> Recording:
        """Tell a recording what the rows of its file say.

        Parameters
        ----------
        recording : Recording
            As read, at the rate of its file.
        path : Path
            Its file.

        Returns
        -------
        Recording
            ``subject``, ``session`` and ``run`` where a cell is not empty. A row with ``start`` becomes a
            trial up to ``stop`` (samples, half open), or an instant where there is none; a ``label`` without
            ``start`` is that of the whole recording.

        Raises
        ------
        EegdaeError
            If the table has no row for the file, or two that disagree, or a trial outside the recording.
        """
        whole = Path(os.path.realpath(path)).as_posix()
        rows = self.rows[[whole.endswith(f"/{file}") for file in self.rows["file"]]]
        if rows.empty:
            hint = did_you_mean(path.name, set(self.rows["file"].str.split("/").str[-1]))
            raise EegdaeError(f"data.about={self.path}: has no row for {path}; {hint}")
        changes: dict[str, Any] = {}
        for key in _OF_THE_FILE:
            values = set(rows[key]) - {""} if key in rows else set()
            if len(values) > 1:
                raise EegdaeError(
                    f"data.about={self.path}: the rows of {path.name} differ in {key}: "
                    f"{', '.join(sorted(values))}"
                )
            if values:
                changes[key] = values.pop()
        if "start" in rows:
            changes["annotations"] = tuple(self._trial(row, recording) for _, row in rows.iterrows())
        elif len(rows) > 1:
            raise EegdaeError(
                f"data.about={self.path}: has {len(rows)} rows for {path}; give one, or trials "
                "with a column start"
            )
        elif "label" in rows and rows["label"].iloc[0]:
            changes["annotations"] = (Annotation(0, recording.n_times, rows["label"].iloc[0]),)
        return replace(recording, **changes)

    def _trial(self, row: pd.Series[Any], recording: Recording) -> Annotation:
        start = self._sample(row, "start")
        stop = self._sample(row, "stop") if row.get("stop") else start + 1
        if not 0 <= start < stop <= recording.n_times:
            raise EegdaeError(
                f"data.about={self.path}: {_number(row)}: a trial from sample {start} to {stop} does not "
                f"lie inside {recording.source}, which has {recording.n_times} samples"
            )
        return Annotation(start, stop, str(row.get("label", "")))

    def _sample(self, row: pd.Series[Any], key: str) -> int:
        if not re.fullmatch(r"\d{1,18}", row[key]):
            raise EegdaeError(
                f"data.about={self.path}: {_number(row)}: {key}={row[key]!r} is no number of a sample"
            )
        return int(row[key])


def read_about(value: object) -> AboutTable | None:
    """Read the table of ``data.about``.

    Parameters
    ----------
    value : object
        None; the name of a CSV or TSV file with the columns `COLUMNS`; or ``{path, columns}``, where
        ``columns`` says what a column is called there, e.g. ``{file: "{person}/{name}.fif", start: onset}``:
        ``file`` may be put together from several.

    Returns
    -------
    AboutTable or None
        None where there is none.

    Raises
    ------
    EegdaeError
        If the file is missing or no such table: names the column.
    """
    if value is None:
        return None
    given = value if isinstance(value, Mapping) else {"path": value}
    for key in given:
        if key not in ("path", "columns"):
            raise EegdaeError(f"data.about.{key}: unknown key; {did_you_mean(key, ('path', 'columns'))}")
    called = given.get("columns") or {}
    place = given.get("path")
    if not isinstance(place, str | Path) or not isinstance(called, Mapping):
        raise EegdaeError(f"data.about={value!r}: must be a CSV file, or {{path: FILE, columns: {{...}}}}")
    path = Path(place).expanduser()
    table = _read(path)
    for key in called:
        if key not in COLUMNS:
            raise EegdaeError(f"data.about.columns.{key}: unknown; {did_you_mean(key, COLUMNS)}")
    rows = table[[]].copy()
    for key in COLUMNS:
        template = str(called.get(key, key))
        names = re.findall(r"{(.*?)}", template) if key == "file" else []
        for name in names or [template]:
            if name not in table and (key == "file" or key in called):
                raise EegdaeError(
                    f"data.about={path}: has no column {name!r} for {key}; "
                    f"{did_you_mean(name, table.columns)}"
                )
        if names:
            between = re.split(r"{.*?}", template)
            rows[key] = between[0]
            for name, text in zip(names, between[1:], strict=True):
                rows[key] += table[name] + text
        elif template in table:
            rows[key] = table[template].str.strip()
    rows["file"] = rows["file"].str.replace("\\", "/").str.removeprefix("./")
    if (rows["file"] == "").any():
        raise EegdaeError(f"data.about={path}: line {int((rows['file'] == '').argmax()) + 2} names no file")
    if "stop" in rows and "start" not in rows:
        raise EegdaeError(f"data.about={path}: has a column stop but no start; call it in data.about.columns")
    return AboutTable(path, rows)


def _number(row: pd.Series[Any]) -> str:
    return f"line {int(str(row.name)) + 2}"  # as an editor counts: the first holds the names


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    if not path.is_file():
        raise EegdaeError(f"data.about={path}: no such file")
    try:
        table = pd.read_csv(
            path,
            sep="\t" if path.suffix.lower() == ".tsv" else ",",
            dtype=str,
            keep_default_na=False,
            encoding="utf-8-sig",
        )
    except (ValueError, OSError) as error:  # of pandas: EmptyDataError, ParserError; of the text: Unicode
        raise EegdaeError(f"data.about={path}: cannot be read as a table: {one_line(error)}") from error
    if table.empty:
        raise EegdaeError(f"data.about={path}: has no rows")
    table.columns = table.columns.str.strip()
    return table
