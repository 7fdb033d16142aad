"""From a data configuration to recordings: which source, which files, who and what they are."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings import mne_files
from eegdae.recordings.about_table import read_about
from eegdae.recordings.bids import KEYS as BIDS_KEYS
from eegdae.recordings.bids import is_bids, read_bids
from eegdae.recordings.catalogue import locate
from eegdae.recordings.channels import canonical_name, electrodes
from eegdae.recordings.intact import check_intact
from eegdae.recordings.labelling import check_labels, labelled
from eegdae.recordings.npz import read_npz
from eegdae.recordings.prepare import check_prepare, prepare
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
    """

    read: Callable[[Path, Mapping[str, Any]], list[Recording]]
    extensions: tuple[str, ...]
    keys: tuple[str, ...] = ()
    folder: bool = False

    @property
    def endings(self) -> tuple[str, ...]:
        """What a path must end in to be taken as it stands: a folder of any name, where one is read."""
        return ("",) if self.folder else self.extensions


SOURCES: dict[str, Source] = {
    "bids": Source(read_bids, (), BIDS_KEYS, folder=True),
    "mne": Source(mne_files.read_mne, mne_files.EXTENSIONS, mne_files.KEYS),
    "npz": Source(read_npz, (".npz",)),
    "ts": Source(read_ts, (".ts",), ("sfreq", "ch_names", "unit")),
}
_COMMON = (
    *("name", "source", "path", "pattern", "subject", "about", "labels", "classes"),
    *("interpolated", "prepare", "resource", "licence", "citation"),
    "bands",  # for the views, which take them from here
)
_TEXTS = ("name", "source", "pattern", "strip", "montage", "unit")
_LISTS = ("classes", "exclude", "ch_names", "interpolated")
_FROM_NAME = ("subject", "session", "run")


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
    return _load(cfg)


def _load(cfg: Mapping[str, Any], raws: Sequence[Any] = ()) -> list[Recording]:
    source = source_of(cfg)
    for key in cfg:
        if key not in _COMMON and key not in source.keys:
            raise EegdaeError(f"data.{key}: unknown key; {did_you_mean(str(key), (*_COMMON, *source.keys))}")
    _check_types(cfg)
    options = check_prepare(cfg.get("prepare"))
    labels = check_labels(cfg.get("labels"))
    pattern = _as_regex(cfg.get("pattern"))
    table = read_about(cfg.get("about"))
    recordings = []
    for path, found in _of_raws(raws, cfg) if raws else _of_files(source, cfg):
        about = _about(path, pattern, cfg)
        for rec in found:
            told = _with(rec if table is None else table.apply(rec, path), about)
            ready = prepare(told, **options) if options else told
            recordings.append(labelled(ready, labels))
    return _marked(recordings, cfg.get("interpolated") or ())


def _of_files(source: Source, cfg: Mapping[str, Any]) -> Iterator[tuple[Path, list[Recording]]]:
    for path in mne_files.first_parts(locate(cfg, source.endings)):
        check_intact(path)
        found = source.read(path, cfg)
        if source.folder:
            yield from ((Path(rec.source), [rec]) for rec in found)
        else:
            yield path, found


def _of_raws(raws: Sequence[Any], cfg: Mapping[str, Any]) -> Iterator[tuple[Path, list[Recording]]]:
    for k, raw in enumerate(raws):
        path = Path(raw.filenames[0] or f"Raw {k}") if raw.filenames else Path(f"Raw {k}")
        yield path, [mne_files.from_raw(raw, cfg, path)]


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
    paths = [path] if is_one else list(path)
    raws = [item for item in paths if hasattr(item, "first_samp")]
    for item in paths:
        if not hasattr(item, "first_samp") and not isinstance(item, str | os.PathLike):
            raise EegdaeError(
                f"path: {type(item).__name__} is no file and no Raw object; "
                "eegdae.as_recording takes arrays, eegdae.windows_from_epochs Epochs"
            )
    if raws and len(raws) < len(paths):
        raise EegdaeError("path: holds Raw objects and files; read one kind at a time")
    if raws:
        return _load({**options, "source": "mne"}, raws)
    if "source" not in options and all(is_bids(Path(item)) for item in paths):
        options = {"source": "bids", **options}
    if "source" in options:
        return load_recordings({**options, "path": paths})
    endings = tuple(ending for source in SOURCES.values() for ending in source.extensions)
    files = locate({"path": paths}, endings)
    kinds = {_kind(file) for file in files}
    if len(kinds) > 1:
        raise EegdaeError(
            f"path={path}: holds files of several kinds ({', '.join(sorted(kinds))}); read one at a time"
        )
    return load_recordings({"source": kinds.pop(), **options, "path": files})


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


def _check_types(cfg: Mapping[str, Any]) -> None:
    for key, value in cfg.items():
        if value is None:
            continue
        if key in _TEXTS and not isinstance(value, str):
            raise EegdaeError(f"data.{key}={value!r}: must be text, or null")
        if key == "subject" and not isinstance(value, str | int):
            raise EegdaeError(f"data.subject={value!r}: must be a name, or null")
        if key in _LISTS and (isinstance(value, str) or not isinstance(value, Sequence)):
            raise EegdaeError(f"data.{key}={value!r}: must be a list of names, for example [{value}]")
        if key == "rename" and not isinstance(value, Mapping):
            raise EegdaeError(f"data.rename={value!r}: must be a mapping, for example {{T3: T7}}")
        if key == "path":
            places = [value] if isinstance(value, str | os.PathLike) else value
            if not isinstance(places, Sequence) or not all(isinstance(p, str | os.PathLike) for p in places):
                raise EegdaeError(f"data.path={value!r}: must be a file, a glob, a folder or a list of them")


def _kind(file: Path) -> str:
    for name, source in SOURCES.items():
        if file.name.lower().endswith(source.extensions):
            return name
    return "mne"


def _as_regex(pattern: object) -> re.Pattern[str] | None:
    if pattern is None:
        return None
    fields = re.findall(r"{(.*?)}", str(pattern))
    for field in fields:
        if field not in _FROM_NAME:
            raise EegdaeError(
                f"data.pattern={pattern}: {{{field}}} is unknown; {did_you_mean(field, _FROM_NAME)}"
            )
    if len(set(fields)) < len(fields):
        raise EegdaeError(f"data.pattern={pattern}: each of {', '.join(_FROM_NAME)} may stand once")
    parts = re.split(r"{.*?}", str(pattern))
    between = [f"(?P<{field}>.+?)" for field in fields] + [""]
    return re.compile("".join(re.escape(p) + b for p, b in zip(parts, between, strict=True)))


def _about(path: Path, pattern: re.Pattern[str] | None, cfg: Mapping[str, Any]) -> dict[str, str]:
    about = {} if cfg.get("subject") is None else {"subject": str(cfg["subject"])}
    if pattern is not None:
        match = pattern.fullmatch(path.name)
        if match is None:
            raise EegdaeError(f"{path}: its name does not fit data.pattern={cfg['pattern']}")
        about.update(match.groupdict())
    return about


def _with(rec: Recording, about: Mapping[str, str]) -> Recording:
    return replace(
        rec,
        subject=about.get("subject", rec.subject),
        session=about.get("session", rec.session),
        run=about.get("run", rec.run),
    )


def _marked(recordings: list[Recording], interpolated: Sequence[str]) -> list[Recording]:
    """Mark the channels that were computed from others; a name may be missing on some caps, not on all."""
    wanted = electrodes(interpolated, where="data.interpolated")
    there = {canonical_name(name): name for rec in recordings for name in rec.ch_names}
    for name, place in wanted.items():
        if name not in there:
            hint = did_you_mean(interpolated[place], there.values())
            raise EegdaeError(f"data.interpolated: {interpolated[place]!r} is not a channel; {hint}")
    return [
        replace(rec, interpolated=tuple(name for name in rec.ch_names if canonical_name(name) in wanted))
        for rec in recordings
    ]
