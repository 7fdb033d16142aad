"""Where the files of a data configuration lie; a set is downloaded where it can be and is not here.

A set is looked for under its ``path`` first, then in the user's cache folder, where a download goes.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from eegdae.errors import EegdaeError
from eegdae.recordings.downloads.fetching import fetch
from eegdae.recordings.downloads.folders import cache_dir

_PACKAGE = "package:"


def locate(cfg: Mapping[str, Any], extensions: tuple[str, ...]) -> list[Path]:
    """Find the files of a data configuration; download them if they can be and are not here.

    Parameters
    ----------
    cfg : mapping
        ``path`` (a file, a glob, in which ``**`` stands for folders at any depth, a folder, ``package:FILE``
        for one inside this package, or a list of these);
        for a set that can be downloaded ``name`` and ``resource``, in whose folder the longest end of
        ``path`` that is there counts; for another ``get``, which says what to do by hand.
    extensions : tuple of str
        What counts in a folder.

    Returns
    -------
    list of Path
        At least one; those of a glob or a folder sorted.

    Raises
    ------
    EegdaeError
        If one is missing and cannot be downloaded.
    """
    wanted = cfg.get("path")
    patterns = [wanted] if isinstance(wanted, str | os.PathLike) else list(wanted or ())
    if not patterns:
        raise EegdaeError("data.path is not set; give a file, a glob, a folder or a list of them")
    found = [_looked_for(str(pattern), extensions) for pattern in patterns]
    cached = cache_dir() / str(cfg.get("name", ""))
    # What lies in the cache folder may be half of an interrupted download, so it goes through fetch again.
    if cfg.get("resource") and (not all(found) or any(cached in f.parents for fs in found for f in fs)):
        folder = fetch(cfg)
        found = [_expand_below(folder, str(pattern), extensions) for pattern in patterns]
    for pattern, files in zip(patterns, found, strict=True):
        if not files:
            raise _missing(cfg, str(pattern), extensions)
    return [file for files in found for file in files]


def _missing(cfg: Mapping[str, Any], pattern: str, extensions: tuple[str, ...]) -> EegdaeError:
    if Path(pattern).is_dir():
        what = f"no recordings in this folder; they end in {', '.join(extensions)}"
    elif cfg.get("get"):
        how = " ".join(str(cfg["get"]).split())
        what = (
            f"no such file; to get {cfg.get('name')}: {how}; or set EEGDAE_DATA_DIR to a folder that has it"
        )
    else:
        what = "no such file; give a file, a glob or a folder that is there"
    return EegdaeError(f"data.path={pattern}: {what}")


def _expand_below(folder: Path, pattern: str, extensions: tuple[str, ...]) -> list[Path]:
    """Look in the folder of a download for the longest end of a path that is there."""
    parts = Path(pattern).parts
    for k in range(1 if Path(pattern).is_absolute() else 0, len(parts)):
        end = parts[k:]
        if os.pardir not in end:
            found = _expand(str(folder.joinpath(*end)), extensions)
            found = found or _globbed(os.path.join(glob.escape(str(folder)), *end))
            if found:
                return found
    return []


def _looked_for(pattern: str, extensions: tuple[str, ...]) -> list[Path]:
    try:
        found = _expand(pattern, extensions)
        if not found:  # glob passes over a folder that it may not look into
            next(Path(pattern).expanduser().parent.iterdir(), None)
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        return []
    except (OSError, RuntimeError) as error:  # the latter where there is no such user's home
        reason = getattr(error, "strerror", None) or error
        raise EegdaeError(f"data.path={pattern}: cannot be looked for: {reason}") from error
    return found


def _expand(pattern: str, extensions: tuple[str, ...]) -> list[Path]:
    if pattern.startswith(_PACKAGE):
        return [Path(str(resources.files("eegdae"))) / pattern.removeprefix(_PACKAGE)]
    path = Path(pattern).expanduser()
    if path.is_dir() and not path.name.lower().endswith(extensions):
        return sorted(f for f in path.iterdir() if f.name.lower().endswith(extensions) and f.name[0] != ".")
    # A file may have brackets in its name, so it is looked for as it stands first.
    return [path] if path.exists() or path.is_symlink() else _globbed(str(path))


def _globbed(pattern: str) -> list[Path]:
    found = [Path(file) for file in glob.glob(pattern, recursive=True)]
    if "**" not in pattern:
        return sorted(found)
    # a folder may hold a link to one above it: each file counts once, by its shortest path
    once: dict[str, Path] = {}
    for file in sorted(found, key=lambda file: (len(file.parts), file)):
        once.setdefault(os.path.realpath(file), file)
    return sorted(once.values())
