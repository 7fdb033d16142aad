"""``eegdae data``: which sets there are and where they lie; getting one; the windows that are kept."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings import cache_dir, get
from eegdae.store import Entry, entries
from eegdae.tasks.launch import conf_dir, register_resolvers

USAGE = (
    "usage: eegdae data list | get NAME | record stream=NAME out=FILE.npz | cache | "
    "cache prune [all | KEY ...]"
)
_WORDS = ("list", "get", "record", "cache")


def data_command(args: Sequence[str]) -> int:
    """Do what ``eegdae data ...`` asks.

    Parameters
    ----------
    args : sequence of str
        ``list``; ``get`` and a name; ``record`` and what `eegdae.tasks.record.record` takes; ``cache``, alone
        or with ``prune`` and what.

    Returns
    -------
    int
        0.

    Raises
    ------
    EegdaeError
        If the words are others, there is no such set, or it cannot be downloaded.
    """
    word, *names = args or [""]
    if word in ("-h", "--help"):
        print(USAGE)
    elif word == "list" and not names:
        print("\n".join(line for file in _files() for line in _entry(file)))
    elif word == "get" and len(names) == 1:
        print(_get(names[0]))
    elif word == "record":
        from eegdae.tasks.record import record

        print(record(names))
    elif word == "cache":
        print("\n".join(_cache(names)))
    elif word not in _WORDS:
        raise EegdaeError(f"data {word!r}: no such word; {did_you_mean(word, _WORDS)}; {USAGE}")
    else:
        raise EegdaeError(f"data {' '.join(args)}: list takes nothing, get one name; {USAGE}")
    return 0


def _cache(words: Sequence[str]) -> list[str]:
    """List the stored windows, or remove some of them."""
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


def _files() -> list[Path]:
    return sorted((conf_dir() / "data").glob("*.yaml"))


def _get(name: str) -> Path:
    known = {file.stem: file for file in _files()}
    if name not in known:
        raise EegdaeError(f"data get {name}: no such set; {did_you_mean(name, known)}")
    config = _read(known[name])
    if _is_open(config):
        raise EegdaeError(
            f"data get {name}: stands for recordings of your own; eegdae train data=FILE takes them"
        )
    return get(config)


def _read(file: Path) -> dict[str, Any]:
    """Read a data configuration as it is when nothing is overridden."""
    register_resolvers()
    paths = OmegaConf.load(file.parents[1] / "paths" / "default.yaml")
    whole = OmegaConf.to_container(
        OmegaConf.create({"paths": paths, "data": OmegaConf.load(file)}), resolve=True
    )
    return dict(whole["data"])  # type: ignore[index, call-overload, arg-type]


def _is_open(config: Mapping[str, Any]) -> bool:
    """Tell whether it is up to the user where the recordings lie."""
    return config.get("path") in (None, "???")


def _entry(file: Path) -> list[str]:
    """Describe a set in three lines."""
    config = _read(file)
    where = _where(config)
    if _is_open(config):
        place = f"yours to say: eegdae train data={file.stem} data.path=..."
    elif where:
        place = f"here: {where}"
    else:
        place = f"not here: eegdae data get {file.stem}"
    what = file.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
    return [f"{file.stem:<18}{what}", f"{'':<18}licence: {config.get('licence') or '-'}", f"{'':<18}{place}"]


def _where(config: Mapping[str, Any]) -> Path | None:
    """Find a set without downloading it."""
    local = {key: value for key, value in config.items() if key != "resource"}
    try:
        return get(local)
    except EegdaeError:
        cached = cache_dir() / str(config.get("name"))
        files = (config.get("resource") or {}).get("files") or {}
        return cached if files and all((cached / file).is_file() for file in files) else None
