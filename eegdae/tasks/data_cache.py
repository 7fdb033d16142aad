"""``eegdae data cache``: which windows are stored, and removing them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings import cache_dir
from eegdae.store import Entry, entries

USAGE = "usage: eegdae data cache | eegdae data cache prune [all | KEY ...]"


def cache_command(words: Sequence[str]) -> list[str]:
    """List the stored windows, or remove some of them.

    Parameters
    ----------
    words : sequence of str
        None, to list; ``prune``, for what nobody can use: killed builds, damaged ones, those of another
        version; ``prune all``; ``prune`` and the first letters of keys.

    Returns
    -------
    list of str
        Lines for the screen.

    Raises
    ------
    EegdaeError
        If the words are others, there is no such key, or a folder cannot be removed.
    """
    root = cache_dir() / "windows"
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


def _state(entry: Entry) -> str:
    if entry.about is None:
        return "being built" if entry.is_held else "not whole"
    return f"{entry.about.get('name', '-')}, {entry.about['shape'][0]} windows"
