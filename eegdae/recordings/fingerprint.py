"""What files hold, as one word: the same content gives the same word, and any change another."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path


def companions(path: Path, listed: dict[Path, list[str]] | None = None) -> list[Path]:
    """List a file, or all of a folder, and what belongs to it.

    Parameters
    ----------
    path : Path
        A file or a folder.
    listed : dict or None
        Sorted names in folders that were looked into before; it is filled in.

    Returns
    -------
    list of Path
        The files of a folder at any depth, but for hidden folders (``.git``); of a file, itself and those
        beside it whose names begin with its stem (``.eeg`` and ``.vmrk`` of a ``.vhdr``, ``.fdt`` of a
        ``.set``, the parts of a split FIF file), sorted.
    """
    if path.is_dir():
        return sorted(file for file in _inside(path) if file.is_file())
    listed = {} if listed is None else listed
    if path.parent not in listed:
        listed[path.parent] = sorted(os.listdir(path.parent))
    names, stem = listed[path.parent], path.name.split(".")[0]
    first = bisect_left(names, stem)
    last = next((k for k in range(first, len(names)) if not names[k].startswith(stem)), len(names))
    beside = (path.parent / name for name in names[first:last])
    return sorted({path, *(file for file in beside if file.is_file())})


def _inside(folder: Path) -> Iterator[Path]:
    """Walk through a folder and what links lead to, each place once."""
    seen: set[str] = set()
    for here, folders, names in os.walk(folder, followlinks=True):
        place = os.path.realpath(here)
        if place in seen:
            folders.clear()
            continue
        seen.add(place)
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(here) / name for name in names)


class Fingerprints:
    """SHA-256 of files; of one that has not changed since it was read last it is looked up.

    Parameters
    ----------
    index : Path
        Where they are kept, a JSON file. A file counts as unchanged while its size, its times of change (of
        content and of status) and its number on the disk are the same.
    """

    def __init__(self, index: Path) -> None:
        self._index = index
        self._known: dict[str, list[object]] = {}
        with suppress(OSError, ValueError):
            found = json.loads(index.read_text())
            self._known = found if isinstance(found, dict) else {}

    def of(self, paths: Sequence[Path]) -> list[tuple[str, str]]:
        """Take the fingerprints of files and of what belongs to them.

        Parameters
        ----------
        paths : sequence of Path
            Files or folders.

        Returns
        -------
        list of (str, str)
            Path and SHA-256 of each file, once, in the order of ``paths``.
        """
        listed: dict[Path, list[str]] = {}
        files = dict.fromkeys(
            Path(os.path.realpath(file)) for path in paths for file in companions(path, listed)
        )
        found = [(str(file), self._one(file)) for file in files]
        self._keep()
        return found

    def _one(self, file: Path) -> str:
        stat = file.stat()
        state: list[object] = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        known = self._known.get(str(file))
        if isinstance(known, list) and known[:-1] == state:
            return str(known[-1])
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        self._known[str(file)] = [*state, digest]
        return digest

    def _keep(self) -> None:
        # what two processes write at once is whole all the same; what one of them forgets is read again
        with suppress(OSError):
            handle, part = tempfile.mkstemp(dir=self._index.parent, prefix=".tmp-files-")
            with os.fdopen(handle, "w") as file:
                json.dump(self._known, file)
            Path(part).replace(self._index)
