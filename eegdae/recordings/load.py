"""From a data configuration to recordings: which source, which files, who and what they are."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings import arff, mat, mne_files, npz
from eegdae.recordings.catalogue import locate
from eegdae.recordings.channels import canonical_name, electrodes
from eegdae.recordings.intact import check_intact
from eegdae.recordings.prepare import check_prepare, prepare
from eegdae.recordings.recording import Annotation, Recording
from eegdae.recordings.telemanom import read_telemanom
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
    """

    read: Callable[[Path, Mapping[str, Any]], list[Recording]]
    extensions: tuple[str, ...]
    keys: tuple[str, ...] = ()


SOURCES: dict[str, Source] = {
    "mne": Source(mne_files.read_mne, mne_files.EXTENSIONS, ("exclude", "strip", "rename", "montage")),
    "mat": Source(mat.read_mat, (".mat",), mat.KEYS),
    "npz": Source(npz.read_npz, (".npz",), npz.KEYS),
    "arff": Source(arff.read_arff, (".arff",), arff.KEYS),
    "telemanom": Source(read_telemanom, (".npz",), ("sfreq",)),
    "ts": Source(read_ts, (".ts",), ("sfreq", "ch_names", "unit")),
}
_COMMON = (
    *("name", "source", "path", "pattern", "subject", "labels", "classes"),
    *("interpolated", "prepare", "resource", "licence", "citation"),
    "bands",  # for the views, which take them from here
)
_TEXTS = ("name", "source", "pattern", "strip", "montage")
_LISTS = ("classes", "exclude", "ch_names", "interpolated")
_FROM_NAME = ("subject", "session", "run")
_LABELS_FROM = (*_FROM_NAME, "annotation")


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
    source = source_of(cfg)
    for key in cfg:
        if key not in _COMMON and key not in source.keys:
            raise EegdaeError(f"data.{key}: unknown key; {did_you_mean(str(key), (*_COMMON, *source.keys))}")
    _check_types(cfg)
    options = check_prepare(cfg.get("prepare"))
    labels = _check_labels(cfg.get("labels"))
    pattern = _as_regex(cfg.get("pattern"))
    recordings = []
    for path in locate(cfg, source.extensions):
        check_intact(path)
        about = _about(path, pattern, cfg)
        for rec in source.read(path, cfg):
            ready = prepare(rec, **options) if options else rec
            recordings.append(_labelled(_with(ready, about), labels))
    return _marked(recordings, cfg.get("interpolated") or ())


def read_recordings(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], **options: Any
) -> list[Recording]:
    """Read recordings from files of any known kind; the kind is told by the file name.

    Parameters
    ----------
    path : str, path or list of these
        A file, a glob, a folder, or several.
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
    paths = [path] if isinstance(path, str | os.PathLike) else list(path)
    endings = tuple(ending for source in SOURCES.values() for ending in source.extensions)
    files = locate({"path": paths}, endings)
    if "source" not in options:
        kinds = {_kind(file) for file in files}
        if len(kinds) > 1:
            raise EegdaeError(
                f"path={path}: holds files of several kinds ({', '.join(sorted(kinds))}); read one at a time"
            )
        options = {"source": kinds.pop(), **options}
    return load_recordings({**options, "path": files})


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
        if key == "unit" and not (
            isinstance(value, str)
            or (isinstance(value, Sequence) and all(isinstance(each, str) for each in value))
        ):
            raise EegdaeError(f"data.unit={value!r}: must be text, or a list with one a channel")
        if key == "subject" and not isinstance(value, str | int):
            raise EegdaeError(f"data.subject={value!r}: must be a name, or null")
        if (
            key in _LISTS
            and not (key == "ch_names" and cfg.get("source") == "mat")
            and (isinstance(value, str) or not isinstance(value, Sequence))
        ):
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


def _check_labels(labels: object) -> Mapping[str, Any] | None:
    if labels is None:
        return None
    if not isinstance(labels, Mapping) or "from" not in labels:
        raise EegdaeError(
            f"data.labels={labels!r}: a mapping with 'from' ({', '.join(_LABELS_FROM)}) is needed"
        )
    for key in labels:
        if key not in ("from", "map"):
            raise EegdaeError(f"data.labels.{key}: unknown key; {did_you_mean(str(key), ('from', 'map'))}")
    if not isinstance(labels.get("map") or {}, Mapping):
        raise EegdaeError(f"data.labels.map={labels['map']!r}: a mapping from old label to new is needed")
    if labels["from"] not in _LABELS_FROM:
        raise EegdaeError(
            f"data.labels.from={labels['from']}: {did_you_mean(str(labels['from']), _LABELS_FROM)}"
        )
    return labels


def _labelled(rec: Recording, labels: Mapping[str, Any] | None) -> Recording:
    if labels is None:
        return rec
    named = {str(key): str(value) for key, value in (labels.get("map") or {}).items()}
    if labels["from"] == "annotation":
        kept = tuple(
            replace(a, label=named.get(a.label, a.label))
            for a in rec.annotations
            if not named or a.label in named
        )
        if named and not kept:
            found = ", ".join(sorted({a.label for a in rec.annotations})) or "none"
            raise EegdaeError(f"{rec.source}: has none of the annotations of data.labels.map; found: {found}")
        return replace(rec, annotations=kept)
    value = str(getattr(rec, labels["from"]))
    if not value:
        raise EegdaeError(
            f"data.labels.from={labels['from']}: {rec.source} has no {labels['from']}; "
            f"set data.pattern to where it stands in the file names, for example {{{labels['from']}}}.edf"
        )
    if named and value not in named:
        hint = did_you_mean(value, named)
        raise EegdaeError(f"{rec.source}: {labels['from']} {value!r} is not in data.labels.map; {hint}")
    return replace(rec, annotations=(Annotation(0, rec.n_times, named.get(value, value)),))
