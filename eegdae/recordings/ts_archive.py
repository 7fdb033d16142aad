"""Recordings from the ``.ts`` text of the time-series classification archives (aeon, sktime, tsml).

Header lines begin with ``@``; after ``@data`` comes one case a line, its channels parted by ``:``, their
samples by ``,``, the class label last. Read here: cases of equal and of unequal length, no time stamps;
``?`` is a missing sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError
from eegdae.recordings.recording import Annotation, Recording, as_recording


def read_ts(path: Path, options: Mapping[str, Any]) -> list[Recording]:
    """Read a ``.ts`` file: one recording a case, its class label as one annotation over the whole of it.

    Parameters
    ----------
    path : Path
        The ``.ts`` file.
    options : mapping
        ``sfreq`` (Hz, needed: the format has none), ``ch_names`` (else ``ch1``, ``ch2``, ...), ``unit``.

    Returns
    -------
    list of Recording
        In the order of the file; ``run`` is the number of the case, counted from 0 and zero padded.

    Raises
    ------
    EegdaeError
        If the file is not of this format, its cases differ in channels (or in length, without
        ``@equalLength false``), or it was cut off: names the line.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = text.splitlines()
    header, first = _header(lines, path)
    cases = [(number, line) for number, line in enumerate(lines[first:], first + 1) if line.strip()]
    if not cases:
        raise EegdaeError(f"{path}: has no cases after @data")
    if not text.endswith("\n") and header["seriesLength"] is None:
        raise EegdaeError(f"{path}: line {cases[-1][0]} ends without a line break: the file was cut off")
    sfreq = options.get("sfreq")
    if not isinstance(sfreq, int | float):
        raise EegdaeError(
            f"data.sfreq={sfreq!r}: the sampling rate of {path.name} in Hz is needed, .ts files hold none"
        )
    header["seriesLength"] = _series_length(header["seriesLength"], [line for _, line in cases[:2]])
    width = len(str(len(cases) - 1))
    recordings: list[Recording] = []
    shape: tuple[int, int] | None = None
    for k, (number, line) in enumerate(cases):
        data, label = _case(line, number, header, path)
        shape = shape or data.shape
        if data.shape[0] != shape[0] or (header["equal"] and data.shape[1] != shape[1]):
            raise EegdaeError(
                f"{path}: line {number} has shape {data.shape}, the first case {shape}: unequal cases, "
                "or the file was cut off"
            )
        recordings.append(
            as_recording(
                data,
                sfreq=sfreq,
                ch_names=options.get("ch_names") or [f"ch{c + 1}" for c in range(shape[0])],
                unit=options.get("unit") or "a.u.",
                source=f"{path} line {number}",
                annotations=(Annotation(0, data.shape[1], label),) if label else (),
                run=f"{k:0{width}d}",
            )
        )
    return recordings


def _header(lines: list[str], path: Path) -> tuple[dict[str, Any], int]:
    end = next((n for n, line in enumerate(lines) if line.strip().lower() == "@data"), None)
    if end is None:
        raise EegdaeError(f"{path}: is not a .ts file: no @data line ends its header")
    words = [line.split() for line in lines[:end] if line.startswith("@")]
    found = {first.lower(): rest for first, *rest in words}
    if _first(found, "@timestamps") == "true":
        raise EegdaeError(
            f"{path}: has time stamps (@timeStamps true); only evenly sampled cases can be read"
        )
    equal = _first(found, "@equallength") != "false"
    labels = found.get("@classlabel", ["false"])
    header = {
        "dimensions": _number(found, "@dimensions", path) or _number(found, "@dimension", path),
        "seriesLength": _number(found, "@serieslength", path) if equal else None,
        "equal": equal,
        "labels": labels[1:] if labels and labels[0].lower() == "true" else None,
    }
    return header, end + 1


def _first(found: dict[str, list[str]], key: str) -> str:
    return " ".join(found.get(key, [])[:1]).lower()


def _number(found: dict[str, list[str]], key: str, path: Path) -> int | None:
    word = _first(found, key)
    if not word:
        return None
    if not word.isdecimal():
        raise EegdaeError(f"{path}: {key} {word} in the header is not a whole number")
    return int(word)


def _series_length(told: int | None, lines: list[str]) -> int | None:
    """Take the length of the cases for that of the header where two cases agree against it.

    EyesOpenShut has it so: 127 in the header, 128 in every case. A file that was cut off differs in its last
    case alone.
    """
    found = {line.split(":")[0].count(",") + 1 for line in lines}
    return found.pop() if told is not None and len(lines) == 2 and len(found) == 1 else told


def _case(line: str, number: int, header: dict[str, Any], path: Path) -> tuple[NDArray[np.float64], str]:
    channels = line.strip().split(":")
    label = ""
    if header["labels"] is not None:
        label = channels.pop().strip()
        if label not in header["labels"]:
            shown = label if len(label) <= 20 else label[:20] + "..."
            raise EegdaeError(
                f"{path}: line {number} ends in {shown!r}, not in one of {', '.join(header['labels'])}: "
                "the file was cut off or is damaged"
            )
    n_chans, n_times = header["dimensions"], header["seriesLength"]
    if n_chans is not None and len(channels) != n_chans:
        raise EegdaeError(f"{path}: line {number} has {len(channels)} channels, the header says {n_chans}")
    rows = [channel.replace("?", "nan").split(",") for channel in channels]
    lengths = {len(row) for row in rows}
    if len(lengths) > 1 or (n_times is not None and lengths != {n_times}):
        expected = "the same number each" if n_times is None else n_times
        counts = ", ".join(str(n) for n in sorted(lengths))
        raise EegdaeError(
            f"{path}: line {number} has {counts} samples a channel, expected {expected}: the file was cut off"
        )
    try:
        return np.array(rows, dtype=np.float64), label
    except ValueError as error:
        raise EegdaeError(f"{path}: line {number} holds something that is not a number: {error}") from error
