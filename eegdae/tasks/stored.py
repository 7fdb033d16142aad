"""The stored windows of a data configuration: found by everything that they depend on, else built."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import eegdae
from eegdae import store
from eegdae.connectivity.memory import free_memory
from eegdae.cutting import Cutting
from eegdae.errors import EegdaeError
from eegdae.recordings import Reader, cache_dir
from eegdae.recordings.fingerprint import Fingerprints, companions
from eegdae.tasks.settings.checks import known
from eegdae.windows import Windows, channel_rules
from eegdae.workers import Workers

log = logging.getLogger("eegdae")

_NOT_IN_KEY = ("name", "path", "resource", "get", "licence", "citation", "bands", "windows", "split")
"""Keys of a data configuration that windows do not depend on; files count by what they hold."""


@dataclass(frozen=True)
class Prepare:
    """The group ``prepare``.

    Parameters
    ----------
    store : Path or None
        Folder of all stored windows; None = windows are kept in memory.
    workers : Workers
        Who builds them.
    """

    store: Path | None = None
    workers: Workers = field(default_factory=Workers)


def read_prepare(options: Mapping[str, Any]) -> Prepare:
    """Check the group ``prepare``.

    Parameters
    ----------
    options : mapping
        ``store``, ``n_jobs``, ``backend``, ``address``.

    Returns
    -------
    Prepare

    Raises
    ------
    EegdaeError
        If a key is unknown or a value makes no sense.
    """
    known("prepare.", dict(options), ("store", "n_jobs", "backend", "address"))
    folder = options.get("store")
    if folder is not None and not isinstance(folder, str | os.PathLike):
        raise EegdaeError(f"prepare.store={folder!r}: must be a folder, or null for windows in memory")
    rest = {key: options[key] for key in ("n_jobs", "backend", "address") if key in options}
    return Prepare(None if folder is None else Path(folder).expanduser(), Workers(**rest))


def stored_windows(
    reader: Reader, files: Sequence[Path], windows: Mapping[str, Any], options: Prepare
) -> tuple[Windows, int]:
    """Open the windows of a data configuration; build them where they are not there.

    Parameters
    ----------
    reader : Reader
        Of the configuration.
    files : sequence of Path
        What it reads.
    windows : mapping
        Keyword arguments of `eegdae.windows.make_windows`.
    options : Prepare
        With a store.

    Returns
    -------
    windows : Windows
        Mapped into memory.
    n_recordings : int
        What they were cut from.

    Raises
    ------
    Unwritable
        If the store cannot be written.
    EegdaeError
        As `eegdae.store.build` and `eegdae.store.read` do.
    """
    assert options.store is not None
    how = dict(windows)
    shared, drop = channel_rules(how.pop("channels", "refuse"), how.pop("bad_channels", "refuse"))
    cutting = Cutting(**{**how, "reject_labels": _labels(how.get("reject_labels"))})
    try:
        options.store.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise store.Unwritable(
            f"{error.filename or options.store}: {error.strerror}; set prepare.store to a folder that can be "
            "written, or to null to keep windows in memory"
        ) from error
    try:
        sources = Fingerprints(options.store / "files.json").of([*files, *reader.beside(files)])
    except OSError as error:
        raise EegdaeError(
            f"{error.filename or files[0]}: cannot be read: {error.strerror or error}"
        ) from error
    parts = {
        "schema": store.SCHEMA,
        "code": _code(),
        "sources": sources,
        "data": {key: value for key, value in reader.cfg.items() if key not in _NOT_IN_KEY},
        "windows": dict(windows),
    }
    key = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
    folder = options.store / key[:32]
    if (folder / "store.json").exists():
        found, word = store.read(folder), "from the store"
    else:
        store.build(
            folder,
            files,
            reader,
            cutting,
            classes=reader.cfg.get("classes"),
            shared=shared,
            drop=drop,
            about={"name": str(reader.cfg.get("name", "data")), "made_of": parts},
            workers=options.workers,
        )
        found, word = store.read(folder), "built into the store"
    with suppress(OSError):  # of another user
        os.utime(folder)  # when it was used last
    log.info(f"windows: {word}, {folder.name[:12]} ({found.x.nbytes / 1e6:.3g} MB)")
    return found, int(json.loads((folder / "store.json").read_text())["n_recordings"])


def may_do_without(files: Sequence[Path], windows: Mapping[str, Any], options: Prepare) -> bool:
    """Tell whether windows may be kept in memory where the store cannot be written.

    Parameters
    ----------
    files, windows, options
        As `stored_windows` takes them.

    Returns
    -------
    bool
        True for the default store, if windows and recordings probably fit: each byte of a file is taken for
        one sample, of 4 bytes, in as many windows as overlap.
    """
    if options.store != cache_dir() / "windows":
        return False
    size = windows.get("size")  # of images there is none, nor do they overlap
    overlap = 1.0 if size is None else max(1.0, size / (windows.get("stride") or size))
    n_bytes = sum(file.stat().st_size for path in files for file in companions(path))
    return bool(4 * n_bytes * (1 + overlap) < free_memory() / 2)


def _labels(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        raise EegdaeError(
            f"windows.reject_labels={value!r}: must be a list of labels, for example [artefact]"
        )
    return tuple(str(label) for label in value or ())


@cache
def _code() -> str:
    """Fingerprint of what reads, prepares and cuts: another version of it builds anew."""
    import mne

    root = Path(eegdae.__file__).parent
    files = [*sorted((root / "recordings").rglob("*.py")), root / "cutting.py", root / "windows.py"]
    whole = hashlib.sha256(mne.__version__.encode())
    for file in [*files, root / "store.py"]:
        whole.update(file.read_bytes())
    return whole.hexdigest()
