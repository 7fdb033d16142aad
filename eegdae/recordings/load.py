"""Recordings from files of any known kind, from Raw objects, and from a data configuration."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eegdae.errors import EegdaeError
from eegdae.recordings.bids import is_bids
from eegdae.recordings.locate import locate
from eegdae.recordings.mne_files import from_raw
from eegdae.recordings.reader import Reader, check_interpolated
from eegdae.recordings.recording import Recording
from eegdae.recordings.sources import SOURCES, kind_of

_ANY_ENDING = tuple(ending for source in SOURCES.values() for ending in source.extensions)


def load_recordings(cfg: Mapping[str, Any]) -> list[Recording]:
    """Read every recording that a data configuration names.

    Parameters
    ----------
    cfg : mapping
        What a file of ``conf/data`` holds, as plain Python; the keys are explained there.

    Returns
    -------
    list of Recording
        In the order of the files, prepared and labelled.

    Raises
    ------
    EegdaeError
        If a key, a file or a channel does not fit: names it.
    """
    return list(iter_recordings(cfg))


def iter_recordings(
    cfg: Mapping[str, Any],
    *,
    on_error: Callable[[EegdaeError], None] | None = None,
    is_prepared: bool = True,
) -> Iterator[Recording]:
    """Read the recordings that a data configuration names one after the other, each file when it is due.

    Parameters
    ----------
    cfg : mapping
        As `load_recordings` takes it.
    on_error : callable or None
        Is told of a file that cannot be read, which is then passed over; None = the error is raised.
    is_prepared : bool
        False: recordings stay as they were recorded.

    Yields
    ------
    Recording
        As `load_recordings` gives them.

    Raises
    ------
    EegdaeError
        If a key does not fit; likewise a file or a channel, where `on_error` is None.
    """
    reader = Reader(cfg, is_prepared)
    there: dict[str, None] = {}
    for path in reader.files():
        try:
            for rec in reader(path):
                there.update(dict.fromkeys(rec.ch_names))
                yield rec
        except EegdaeError as error:
            if on_error is None:
                raise
            on_error(error)
    if there:
        check_interpolated(cfg, there)


def read_recordings(path: Any, **options: Any) -> list[Recording]:
    """Read recordings from files of any known kind, or from Raw objects of MNE.

    Parameters
    ----------
    path : str, path, mne.io.BaseRaw, or list of these
        A file, a glob, a folder, the root of a BIDS data set, a Raw object (of any kind, loaded or not, as it
        is now: filtered, re-referenced, ...), or several. The kind of a file is told by its name. For arrays
        there is `eegdae.as_recording`, for Epochs `eegdae.windows_from_epochs`.
    **options
        Keys of a data configuration: ``pattern``, ``labels``, ``prepare``, ``exclude``, ``montage``, ...

    Returns
    -------
    list of Recording
        In the order of the files.

    Raises
    ------
    EegdaeError
        If a file is missing or damaged, or files of different kinds are mixed.

    Examples
    --------
    >>> recs = read_recordings("data/*.edf", prepare={"l_freq": 0.5, "h_freq": 45})  # doctest: +SKIP
    """
    is_one = isinstance(path, str | os.PathLike) or not isinstance(path, Iterable) or hasattr(path, "info")
    items = [path] if is_one else list(path)
    raws = [item for item in items if hasattr(item, "first_samp")]
    for item in items:
        if not hasattr(item, "first_samp") and not isinstance(item, str | os.PathLike):
            raise EegdaeError(
                f"path: {type(item).__name__} is no file and no Raw object; "
                "eegdae.as_recording takes arrays, eegdae.windows_from_epochs Epochs"
            )
    if raws and len(raws) < len(items):
        raise EegdaeError("path: holds Raw objects and files; read one kind at a time")
    return _of_raws(raws, options) if raws else load_recordings(as_config(items, **options))


def _of_raws(raws: Sequence[Any], options: Mapping[str, Any]) -> list[Recording]:
    reader, recordings = Reader({**options, "source": "mne"}), []
    for k, raw in enumerate(raws):
        path = Path(raw.filenames[0] or f"Raw {k}") if raw.filenames else Path(f"Raw {k}")
        recordings.append(reader.finished(from_raw(raw, reader.cfg, path), path))
    check_interpolated(reader.cfg, [name for rec in recordings for name in rec.ch_names])
    return recordings


def kind_of_folder(folder: Path, keys: Iterable[str] = ()) -> str | None:
    """Tell by what it holds which source reads a folder.

    Parameters
    ----------
    folder : Path
        Any path.
    keys : iterable of str
        Of the data configuration, see `eegdae.recordings.sources.kind_of`.

    Returns
    -------
    str or None
        A key of `SOURCES`. ``bids`` for the root of a BIDS data set, ``images`` where the folder, or folders
        in it, hold pictures and no other recordings, else the kind of the files in it; tables beside
        recordings of another kind say something about these. None where there is no such folder, it holds no
        recordings, or some of several kinds.
    """
    if is_bids(folder):
        return "bids"
    asked = list(keys)
    try:
        inside = list(folder.expanduser().iterdir())
        below = [file for item in inside if item.is_dir() for file in item.iterdir()]
    except OSError:
        return None
    here, deeper = (_kinds(files, asked) for files in (inside, below))
    if "images" in here | deeper:
        return "images" if here | deeper <= {"images", "table"} else None
    kinds = here - {"table"} or here
    return kinds.pop() if len(kinds) == 1 else None


def _kinds(files: Iterable[Path], keys: Sequence[str]) -> set[str]:
    return {
        kind_of(file, keys)
        for file in files
        if file.name[0] != "." and file.name.lower().endswith(_ANY_ENDING)
    }


def as_config(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], **options: Any
) -> dict[str, Any]:
    """Make a data configuration of files of any known kind; the kind is told by the file name.

    Parameters
    ----------
    path : str, path or list of these
        A file, a glob, a folder, the root of a BIDS data set, or several. In folders, tables beside files of
        another kind are no recordings.
    **options
        Keys of a data configuration.

    Returns
    -------
    dict
        With ``source`` and, as ``path``, every file.

    Raises
    ------
    EegdaeError
        If a file is missing, or files of different kinds are mixed.
    """
    paths = [path] if isinstance(path, str | os.PathLike) else list(path)
    if "source" not in options and paths:
        whole = {kind_of_folder(Path(item), options) for item in paths}
        if whole in ({"bids"}, {"images"}):  # read as they are, not file by file
            options = {"source": whole.pop(), **options}
    if "source" in options:
        return {**options, "path": paths}
    endings = tuple(dict.fromkeys(ending for source in SOURCES.values() for ending in source.extensions))
    files = locate({"path": paths}, endings)
    kinds = {kind_of(file, options) for file in files}
    if len(kinds) > 1 and all(Path(item).is_dir() for item in paths):
        # tables beside recordings of another kind say something about these
        files = [file for file in files if kind_of(file, options) != "table"]
        kinds -= {"table"}
    if len(kinds) > 1:
        raise EegdaeError(
            f"path={path}: holds files of several kinds ({', '.join(sorted(kinds))}); read one at a time"
        )
    return {"source": kinds.pop(), **options, "path": files}
