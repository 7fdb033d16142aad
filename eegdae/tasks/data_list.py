"""``eegdae data list``: the sets that have a name, and whether each is here."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eegdae.recordings import cache_dir, here

HERE, DOWNLOAD, BY_HAND = "here", "download", "by hand"
"""What a set may be: on this machine, to be had with ``eegdae data get``, or as its ``get`` says."""

_NAMES, _STATES = 18, 10  # widths of columns


def table_of_sets(
    sets: Sequence[tuple[Path, Mapping[str, Any]]], own: Sequence[Path], *, width: int | None = None
) -> list[str]:
    """Describe every set, and name the configurations for recordings of one's own.

    Parameters
    ----------
    sets : sequence of (Path, mapping)
        File of ``conf/data`` and what it says.
    own : sequence of Path
        Files that leave ``path`` to the user.
    width : int or None
        Of a line, at least 60; None = that of the terminal.

    Returns
    -------
    list of str
        Lines.
    """
    columns = max(60, width or shutil.get_terminal_size((100, 24)).columns)
    found: Counter[str] = Counter()
    lines = []
    for file, config in sets:
        state, place = _state(file.stem, config)
        found[state] += 1
        lines += _entry(f"{file.stem:<{_NAMES}}{state:<{_STATES}}", about(file), columns)
        lines += _entry("", f"licence: {config.get('licence') or 'unknown'}", columns)
        lines += _entry("", place, columns)
    counts = ", ".join(f"{found[state]} {word}" for state, word in _WORDS.items())
    lines += ["", *textwrap.wrap(f"{len(sets)} sets: {counts}.", columns), ""]
    lines += textwrap.wrap(
        "Recordings of your own: eegdae train data=PATH, or data=NAME data.path=PATH with a NAME of these:",
        columns,
    )
    lines.append("")
    for file in own:
        lines += _entry(f"{file.stem:<{_NAMES + _STATES}}", about(file), columns)
    return lines


_WORDS = {HERE: "here", DOWNLOAD: "to download (eegdae data get NAME)", BY_HAND: "to get by hand"}


def about(file: Path) -> str:
    """Give the sentence that a configuration begins with.

    Parameters
    ----------
    file : Path
        Of ``conf/data``.

    Returns
    -------
    str
        Without line breaks.
    """
    words = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("# "):
            break
        words.append(line[2:].strip())
    return re.split(r"(?:(?<=\w\w\.)|(?<=\w\)\.))\s(?=[A-Z])", " ".join(words))[0]


def _state(name: str, config: Mapping[str, Any]) -> tuple[str, str]:
    place = here(config)
    if place is not None:
        return HERE, str(place)
    if config.get("resource"):
        cached = cache_dir() / str(config.get("name"))
        is_begun = cached.is_dir() and any(file.is_file() for file in cached.rglob("*"))
        return DOWNLOAD, f"eegdae data get {name}{f' (a part is in {cached})' if is_begun else ''}"
    return BY_HAND, str(config.get("get") or "put it where its data.path says")


def _entry(head: str, text: str, columns: int) -> list[str]:
    indent = " " * (_NAMES + _STATES)
    return textwrap.wrap(
        " ".join(text.split()),
        columns,
        initial_indent=head or indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
