"""The kinds of files and sets that recordings are read from: one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings import arff, bids, mat, mne_files, moabb, npz, sound, tables, telemanom, xdf
from eegdae.recordings.catalogue import locate
from eegdae.recordings.recording import Recording
from eegdae.recordings.ts_archive import read_ts


@dataclass(frozen=True)
class Source:
    """One kind of file: how it is read, what it is called, which keys its configuration may have.

    Parameters
    ----------
    read : callable
        ``(path, options) -> list of Recording``.
    extensions : tuple of str
        Endings of its file names, lower case.
    keys : tuple of str
        Keys of a data configuration that only this source takes.
    folder : bool
        Whether its ``path`` is a folder that is read as one, not looked into for files.
    find : callable
        ``(configuration, endings) -> list of Path``: what ``read`` is given, one at a time.
    get : callable or None
        ``configuration -> Path``: downloads what has a ``resource``; None = as the catalogue does.
    beside : callable
        ``path -> list of Path``: what is read with a file and neither lies beside it nor shares its name.
    """

    read: Callable[[Path, Mapping[str, Any]], list[Recording]]
    extensions: tuple[str, ...]
    keys: tuple[str, ...] = ()
    folder: bool = False
    find: Callable[[Mapping[str, Any], tuple[str, ...]], list[Path]] = locate
    get: Callable[[Mapping[str, Any]], Path] | None = None
    beside: Callable[[Path], list[Path]] = lambda path: []

    @property
    def endings(self) -> tuple[str, ...]:
        """What a path must end in to be taken as it stands: a folder of any name, where one is read."""
        return ("",) if self.folder else self.extensions


SOURCES: dict[str, Source] = {
    "arff": Source(arff.read_arff, (".arff",), arff.KEYS),
    "bids": Source(bids.read_bids, (), bids.KEYS, folder=True),
    "mat": Source(mat.read_mat, (".mat",), mat.KEYS),
    "mne": Source(mne_files.read_mne, mne_files.EXTENSIONS, mne_files.KEYS),
    "moabb": Source(moabb.read_moabb, (), moabb.KEYS, find=moabb.find_folder, get=moabb.get),
    "npz": Source(npz.read_npz, (".npz",), npz.KEYS),
    "sound": Source(sound.read_sound, sound.EXTENSIONS, ("ch_names",)),
    "table": Source(tables.read_table, tables.EXTENSIONS, tables.KEYS),
    "telemanom": Source(telemanom.read_telemanom, (".npz",), ("sfreq",), beside=telemanom.beside),
    "ts": Source(read_ts, (".ts",), ("sfreq", "ch_names", "unit")),
    "xdf": Source(xdf.read_xdf, xdf.EXTENSIONS, xdf.KEYS),
}


def source_of(cfg: Mapping[str, Any]) -> Source:
    """Look up the source that a data configuration names.

    Parameters
    ----------
    cfg : mapping
        With ``source``.

    Returns
    -------
    Source
        How to read it.

    Raises
    ------
    EegdaeError
        If there is no such source; says which there are.
    """
    name = str(cfg.get("source"))
    if name not in SOURCES:
        raise EegdaeError(f"data.source={name!r}: {did_you_mean(name, SOURCES)}")
    return SOURCES[name]


def kind_of(file: Path) -> str:
    """Tell by its name which source reads a file.

    Parameters
    ----------
    file : Path
        Any file.

    Returns
    -------
    str
        A key of `SOURCES`; ``mne``, which may know it, where no source claims the ending.
    """
    name = file.name.lower()
    claimed = (
        key for key, source in SOURCES.items() if source.extensions and name.endswith(source.extensions)
    )
    return next(claimed, "table" if name.endswith((".txt", ".txt.gz")) else "mne")
