"""Text tables (CSV, TSV and their kin), read strictly: no line is padded, shifted or cut."""

from __future__ import annotations

import csv
import gzip
import logging
import zlib
from collections.abc import Collection, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pandas as pd

from eegdae.errors import EegdaeError

_DELIMITERS = (",", ";", "\t", "|")
_LOG = logging.getLogger(__name__)


def read_delimited(path: Path, options: Mapping[str, Any], *, as_text: Collection[str] = ()) -> pd.DataFrame:
    """Read a text table.

    Parameters
    ----------
    path : Path
        Text, gzipped where its name ends in ``.gz``.
    options : mapping
        ``delimiter`` (None = of comma, semicolon, tab and bar the one that stands most often in the first
        line, else blanks; ``" "`` = any blanks), ``decimal`` (None = a point), ``comment`` (a character that
        opens comments, or None), ``skip_rows`` (lines before the table), ``encoding`` (None = UTF-8) and
        ``columns`` (names, where no line of the file holds them).
    as_text : collection of str
        Columns to leave as text.

    Returns
    -------
    DataFrame
        The columns that have a name (one without is row numbers that a program wrote); the index counts rows
        from 1.

    Raises
    ------
    EegdaeError
        If the file is no such text, is damaged or was cut off: names the line.
    """
    encoding, comment = str(options.get("encoding") or "utf-8-sig"), _character(options, "comment")
    delimiter, decimal = _character(options, "delimiter"), _character(options, "decimal") or "."
    skip = options.get("skip_rows") or 0
    if isinstance(skip, bool) or not isinstance(skip, int) or skip < 0:
        raise EegdaeError(f"data.skip_rows={skip!r}: a whole number of lines, 0 or more, is needed")
    if decimal == delimiter:
        raise EegdaeError(f"data.decimal={decimal!r}: cannot be data.delimiter too")
    try:
        "".encode(encoding)
    except LookupError as error:
        raise EegdaeError(f"data.encoding={encoding!r}: is not an encoding; try utf-8 or latin-1") from error
    try:
        with _open(path, encoding) as file:
            n_head, line = _first_line(file, skip, comment, path)
        delimiter = delimiter or _guess(line)
        names = [str(n) for n in options.get("columns") or ()]
        n_head -= bool(names)
        names = names or [n.strip() for n in _fields(line, delimiter)]
        _check_names(names, path)
        with _open(path, encoding) as file:
            _check_lines(file, path, delimiter, comment, len(names), n_head)
        with _open(path, encoding) as file:
            for _ in islice(file, n_head):
                pass
            table: pd.DataFrame = pd.read_csv(
                file,
                sep=r"\s+" if delimiter == " " else delimiter,
                names=list(range(len(names))),
                header=None,
                index_col=False,
                comment=comment,
                decimal=decimal,
                skipinitialspace=True,
                low_memory=False,
                dtype={k: "str" for k, name in enumerate(names) if name in as_text},
            )
    except UnicodeDecodeError as error:
        raise EegdaeError(
            f"{path}: is not {encoding} text at byte {error.start}: not such a table, or set data.encoding, "
            "for example to latin-1"
        ) from error
    except EegdaeError:
        raise
    except (ValueError, OSError, EOFError, zlib.error, OverflowError, csv.Error) as error:
        raise EegdaeError(
            f"{path}: cannot be read as a table: {' '.join(str(error).split())[:300]}"
        ) from error
    table.columns = pd.Index(names)
    table.index = pd.RangeIndex(1, len(table) + 1)
    return table.loc[:, [bool(name) for name in names]]


def _open(path: Path, encoding: str) -> IO[str]:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding=encoding)
    return path.open(encoding=encoding)


def _first_line(file: IO[str], skip: int, comment: str | None, path: Path) -> tuple[int, str]:
    """Find the first line that is none of the skipped, blank and commented ones; count up to and with it."""
    for number, line in enumerate(file, 1):
        text = line.partition(comment)[0] if comment else line
        if number > skip and text.strip():
            return number, text.strip("\r\n ")
    raise EegdaeError(f"{path}: holds no table: no line is left after those that are skipped")


def _guess(line: str) -> str:
    count, _, delimiter = max((line.count(d), -k, d) for k, d in enumerate(_DELIMITERS))
    return delimiter if count else " " if len(line.split()) > 1 else ","


def _fields(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))


def _check_names(names: list[str], path: Path) -> None:
    twice = sorted({n for n in names if n and names.count(n) > 1})
    if twice:
        raise EegdaeError(f"{path}: column names must be distinct; more than once: {', '.join(twice)}")


def _check_lines(
    file: IO[str], path: Path, delimiter: str, comment: str | None, n_columns: int, n_head: int
) -> None:
    # pandas fills up a short line in silence; a lost delimiter would shift every value behind it.
    number, line, is_quoted = 0, "", False
    for number, line in enumerate(file, 1):
        if number <= n_head:
            continue
        if "\0" in line:
            raise EegdaeError(f"{path}: line {number} holds a zero byte: is not a text table, or is damaged")
        text = (line.partition(comment)[0] if comment else line).strip("\r\n ")
        n_quotes = text.count('"')
        if n_quotes or is_quoted:
            is_quoted ^= bool(n_quotes % 2)
            continue
        if not text:
            continue
        found = len(text.split()) if delimiter == " " else text.count(delimiter) + 1
        if found != n_columns:
            cut = "" if line.endswith("\n") else ": the file was cut off"
            raise EegdaeError(
                f"{path}: line {number} has {found} fields parted by {delimiter!r}, the table has "
                f"{n_columns} columns{cut}"
            )
    if is_quoted:
        raise EegdaeError(f"{path}: a quoted field never ends: the file was cut off, or is damaged")
    if not line.endswith("\n"):
        _LOG.warning("%s: line %d ends without a line break; check that the file is whole", path, number)


def _character(options: Mapping[str, Any], key: str) -> str | None:
    value = options.get(key)
    if value is not None and (not isinstance(value, str) or len(value) != 1):
        raise EegdaeError(f"data.{key}={value!r}: must be one character, or null")
    return value
