"""``eegdae data cache``: which windows are stored, and removing them."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings import cache_dir
from eegdae.store import read

USAGE = "usage: eegdae data cache [prune [all | KEY ...]] [prepare.store=DIR | paths.cache_dir=DIR]"


@dataclass(frozen=True)
class Entry:
    """What lies in the folder of all stores.

    Parameters
    ----------
    folder : Path
        Of the store, or what a build left behind.
    n_bytes : int
        On the disk.
    used : float
        When it was used last, seconds since the epoch.
    about : mapping or None
        What ``store.json`` holds; None = nobody can use it: a build was killed, a file is damaged, or another
        version of the package wrote it.
    is_held : bool
        A process is building it.
    """

    folder: Path
    n_bytes: int
    used: float
    about: Mapping[str, Any] | None
    is_held: bool = False


def entries(root: Path) -> list[Entry]:
    """List the stores in a folder, and what killed builds left there.

    Parameters
    ----------
    root : Path
        Folder of all stores; may be missing.

    Returns
    -------
    list of Entry
        The one that was used last comes first.
    """
    folders = [f for f in (root.iterdir() if root.is_dir() else ()) if f.is_dir()]
    return sorted(map(_entry, folders), key=lambda entry: -entry.used)


def _entry(folder: Path) -> Entry:
    n_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    about: Mapping[str, Any] | None = None
    if not folder.name.startswith(".tmp-"):
        with suppress(EegdaeError):
            read(folder)
            about = json.loads((folder / "store.json").read_text())
    return Entry(folder, n_bytes, folder.stat().st_mtime, about, is_held=_is_held(folder))


def _is_held(folder: Path) -> bool:
    """Whether a process is at work in the folder of an unfinished build."""
    try:
        with (folder / ".lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def cache_command(words: Sequence[str]) -> list[str]:
    """List the stored windows, or remove some of them.

    Parameters
    ----------
    words : sequence of str
        None, to list; ``prune``, for what nobody can use: killed builds, damaged ones, those of another
        version; ``prune all``; ``prune`` and the first letters of keys. Besides ``prepare.store=DIR`` or
        ``paths.cache_dir=DIR``, as a run was given them; the default store without.

    Returns
    -------
    list of str
        Lines for the screen.

    Raises
    ------
    EegdaeError
        If the words are others, there is no such key or folder, or a folder cannot be removed.
    """
    root, words = _root(words)
    found = entries(root)
    if not words:
        lines = [
            f"{entry.folder.name[:12]:<13}{_state(entry):<34}{entry.n_bytes / 1e6:>10.4g} MB  last used "
            f"{datetime.fromtimestamp(entry.used).astimezone():%Y-%m-%d %H:%M}"
            for entry in found
        ]
        total = sum(entry.n_bytes for entry in found) / 1e6
        return [*lines, f"{root}: {len(found)} kept, {total:.4g} MB"]
    if words[0] != "prune":
        raise EegdaeError(f"data cache {words[0]}: {did_you_mean(words[0], ('prune',))}; {USAGE}")
    chosen = [entry for entry in found if entry.about is None]
    if words[1:]:
        for key in () if words[1:] == ["all"] else words[1:]:
            if len(key) < 4 or not any(entry.folder.name.startswith(key) for entry in found):
                raise EegdaeError(
                    f"data cache prune {key}: no stored windows of this key; give all, or keys that "
                    "'eegdae data cache' lists"
                )
        keys = ("",) if words[1:] == ["all"] else tuple(words[1:])
        chosen = [entry for entry in found if entry.folder.name.startswith(keys)]
    lines = []
    for entry in chosen:
        if entry.is_held:
            lines.append(f"kept: {entry.folder.name[:12]}: a process is building it")
            continue
        try:
            shutil.rmtree(entry.folder)
        except OSError as error:
            raise EegdaeError(f"{entry.folder}: cannot be removed: {error.strerror or error}") from error
        lines.append(f"removed: {entry.folder.name[:12]} ({entry.n_bytes / 1e6:.4g} MB)")
    return lines or ["nothing to remove; 'eegdae data cache prune all' removes whole ones too"]


def _root(words: Sequence[str]) -> tuple[Path, list[str]]:
    """Give the folder of all stores, and the words that do not say which it is."""
    pairs = dict(word.split("=", 1) for word in words if "=" in word)
    for key in pairs:
        if key not in ("prepare.store", "paths.cache_dir"):
            raise EegdaeError(
                f"data cache {key}: {did_you_mean(key, ('prepare.store', 'paths.cache_dir'))}; {USAGE}"
            )
    rest = [word for word in words if "=" not in word]
    if "prepare.store" in pairs:
        root = Path(pairs["prepare.store"]).expanduser()
    elif "paths.cache_dir" in pairs:
        root = Path(pairs["paths.cache_dir"]).expanduser() / "windows"
    else:
        return cache_dir() / "windows", rest
    if not root.is_dir():
        raise EegdaeError(f"data cache: {root}: no such folder")
    return root, rest


def _state(entry: Entry) -> str:
    if entry.about is None:
        return "being built" if entry.is_held else "not whole"
    return f"{entry.about.get('name', '-')}, {entry.about['shape'][0]} windows"
