"""The kinds of files and sets that recordings are read from: one line each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings import (
    arff,
    bids,
    chb_mit,
    har,
    machines,
    mne_files,
    moabb,
    npy,
    npz,
    sound,
    telemanom,
)
from eegdae.recordings.images import source as images
from eegdae.recordings.locate import locate
from eegdae.recordings.mat import source as mat
from eegdae.recordings.recording import Recording
from eegdae.recordings.streams import xdf
from eegdae.recordings.tables import source as tables
from eegdae.recordings.ts_archive import read_ts


@dataclass(frozen=True)
class Source:
    """One kind of file: how it is read, what it is called, which keys its configuration may have.

    Parameters
    ----------
    read : callable
        ``(path, options) -> recordings``, a list or one after the other.
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
    beside : callable or None
        ``(path, options) -> list of Path``: what else is read for a file; None = nothing of another name.
    """

    read: Callable[[Path, Mapping[str, Any]], Iterable[Recording]]
    extensions: tuple[str, ...]
    keys: tuple[str, ...] = ()
    folder: bool = False
    find: Callable[[Mapping[str, Any], tuple[str, ...]], list[Path]] = locate
    get: Callable[[Mapping[str, Any]], Path] | None = None
    beside: Callable[[Path, Mapping[str, Any]], list[Path]] | None = None

    @property
    def endings(self) -> tuple[str, ...]:
        """What a path must end in to be taken as it stands: a folder of any name, where one is read."""
        return ("",) if self.folder else self.extensions


SOURCES: dict[str, Source] = {
    "arff": Source(arff.read_arff, (".arff",), arff.KEYS),
    "bids": Source(bids.read_bids, (), bids.KEYS, folder=True),
    "har": Source(har.read_har, har.EXTENSIONS, beside=har.beside),
    "machines": Source(
        machines.read_machines, (), machines.KEYS, find=machines.find_files, beside=machines.beside
    ),
    "images": Source(
        images.read_images,
        images.EXTENSIONS,
        images.KEYS,
        folder=True,
        find=images.find_images,
        beside=images.label_files,
    ),
    "mat": Source(mat.read_mat, (".mat",), mat.KEYS),
    "mne": Source(
        mne_files.read_mne, mne_files.EXTENSIONS, mne_files.KEYS, beside=mne_files.annotation_files
    ),
    "chb_mit": Source(  # behind mne, which any other .edf is for
        chb_mit.read_chb_mit, (".edf",), find=chb_mit.find_bipolar, beside=chb_mit.summary_files
    ),
    "moabb": Source(moabb.read_moabb, (), moabb.KEYS, find=moabb.find_folder, get=moabb.get),
    "npy": Source(npy.read_npy, (".npy",), npy.KEYS, beside=npy.beside),
    "npz": Source(npz.read_npz, (".npz",), npz.KEYS),
    "sound": Source(sound.read_sound, sound.EXTENSIONS, ("ch_names",)),
    "table": Source(tables.read_table, tables.EXTENSIONS, tables.KEYS),
    "telemanom": Source(
        telemanom.read_telemanom,
        (".npz",),
        ("sfreq",),
        find=telemanom.find_files,
        beside=telemanom.beside,
    ),
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


def kind_of(file: Path, keys: Iterable[str] = ()) -> str:
    """Tell by its name which source reads a file.

    Parameters
    ----------
    file : Path
        Any file.
    keys : iterable of str
        Keys of the data configuration: of sources that claim the same ending, the one that knows most of them
        (``.npy`` holds images, but signals where a rate or a layout is said), then the first.

    Returns
    -------
    str
        A key of `SOURCES`; ``mne``, which may know it, where no source claims the ending.
    """
    name, asked = file.name.lower(), set(keys)
    claimed = [
        key for key, source in SOURCES.items() if source.extensions and name.endswith(source.extensions)
    ]
    if not claimed:
        return "table" if name.endswith((".txt", ".txt.gz")) else "mne"
    return max(claimed, key=lambda key: len(asked & set(SOURCES[key].keys)))
