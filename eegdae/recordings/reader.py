"""From a data configuration to recordings, file by file: who and what they are."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.about_table import AboutTable, read_about
from eegdae.recordings.channels import canonical_name, electrodes
from eegdae.recordings.intact import check_intact
from eegdae.recordings.labelling import check_labels, labelled
from eegdae.recordings.mne_files import first_parts
from eegdae.recordings.prepare import check_prepare, prepare
from eegdae.recordings.recording import Recording
from eegdae.recordings.sources import Source, source_of

_COMMON = (
    *("name", "source", "path", "pattern", "subject", "about", "labels", "classes"),
    *("interpolated", "prepare", "resource", "get", "licence", "citation"),
    *("bands", "windows", "split"),  # for the groups that take them from here
)
_TEXTS = ("name", "source", "pattern", "strip", "montage", "encoding", "get", "annotations")
_LISTS = ("classes", "exclude", "interpolated", "channels", "columns")
_FROM_NAME = ("subject", "session", "run")


@dataclass(frozen=True)
class Reader:
    """Reads one file of a data configuration at a time; another process can be handed it.

    Parameters
    ----------
    cfg : mapping
        What a file of ``conf/data`` holds, as plain Python; the keys are explained there.
    is_prepared : bool
        False: recordings stay as they were recorded, ``prepare`` is only checked.

    Raises
    ------
    EegdaeError
        If a key does not fit: names it.
    """

    cfg: Mapping[str, Any]
    is_prepared: bool = True

    def __post_init__(self) -> None:
        source = source_of(self.cfg)
        for key in self.cfg:
            if key not in _COMMON and key not in source.keys:
                raise EegdaeError(
                    f"data.{key}: unknown key; {did_you_mean(str(key), (*_COMMON, *source.keys))}"
                )
        _check_types(self.cfg)
        check_prepare(self.cfg.get("prepare"))
        check_labels(self.cfg.get("labels"))
        _as_regex(self.cfg.get("pattern"))
        electrodes(self.cfg.get("interpolated") or (), where="data.interpolated")

    def files(self) -> list[Path]:
        """Find the files; download them where they are not here and can be had.

        Returns
        -------
        list of Path
            At least one; folders for a source that reads folders.

        Raises
        ------
        EegdaeError
            If one is missing.
        """
        source = source_of(self.cfg)
        return first_parts(source.find(self.cfg, source.endings))

    def beside(self, files: Sequence[Path]) -> list[Path]:
        """Name what is read besides the files themselves and those that share their names.

        Parameters
        ----------
        files : sequence of Path
            Of `files`.

        Returns
        -------
        list of Path
            The table ``about``, where there is one, and what is read beside each of the files.

        Raises
        ------
        EegdaeError
            If one of those is missing.
        """
        about, of_file = self.cfg.get("about"), source_of(self.cfg).beside
        table = about.get("path") if isinstance(about, Mapping) else about
        tables = [] if table is None else [Path(str(table)).expanduser()]
        return tables + [other for path in files if of_file is not None for other in of_file(path, self.cfg)]

    def __call__(self, path: Path) -> Iterator[Recording]:
        """Read the recordings of a file, one after the other.

        Parameters
        ----------
        path : Path
            One of `files`.

        Yields
        ------
        Recording
            Prepared and labelled.

        Raises
        ------
        EegdaeError
            If the file or a channel does not fit: names it.
        """
        source = source_of(self.cfg)
        check_intact(path)
        for rec in _read(source, path, self.cfg):
            yield self.finished(rec, Path(rec.source) if source.folder and path.is_dir() else path)

    def finished(self, recording: Recording, path: Path) -> Recording:
        """Say who and what a recording is, and prepare it.

        Parameters
        ----------
        recording : Recording
            As its source gave it.
        path : Path
            The file that it is from, whose name may tell.

        Returns
        -------
        Recording

        Raises
        ------
        EegdaeError
            If something does not fit: names it.
        """
        cfg = self.cfg
        about = _about(path, _as_regex(cfg.get("pattern")), cfg)
        told = _with(recording if self._table is None else self._table.apply(recording, path), about)
        if self.is_prepared:
            told = prepare(told, **check_prepare(cfg.get("prepare")))
        ready = labelled(told, check_labels(cfg.get("labels")))
        wanted = electrodes(cfg.get("interpolated") or (), where="data.interpolated")
        computed = tuple(n for n in ready.ch_names if n in ready.interpolated or canonical_name(n) in wanted)
        return replace(ready, interpolated=computed)

    @cached_property
    def _table(self) -> AboutTable | None:
        return read_about(self.cfg.get("about"))


def _read(source: Source, path: Path, cfg: Mapping[str, Any]) -> Iterator[Recording]:
    """Read recordings, some sources one at a time; what the system refuses is one line."""
    try:
        yield from source.read(path, cfg)
    except OSError as error:  # a folder of a file's name, a file that may not be read, a disk that fails
        where = path if error.filename is None else error.filename
        raise EegdaeError(f"{where}: cannot be read: {error.strerror or error}") from error


def check_interpolated(cfg: Mapping[str, Any], ch_names: Iterable[str]) -> None:
    """Refuse a channel of ``interpolated`` that no cap has; some may lack it.

    Parameters
    ----------
    cfg : mapping
        A data configuration.
    ch_names : iterable of str
        The channels of all recordings.

    Raises
    ------
    EegdaeError
        Names the channel and the nearest that there is.
    """
    wanted = electrodes(cfg.get("interpolated") or (), where="data.interpolated")
    there = {canonical_name(name): name for name in ch_names}
    for name, place in wanted.items():
        if name not in there:
            asked = (cfg.get("interpolated") or ())[place]
            hint = did_you_mean(asked, there.values())
            raise EegdaeError(f"data.interpolated: {asked!r} is not a channel; {hint}")


def _check_types(cfg: Mapping[str, Any]) -> None:
    for key, value in cfg.items():
        if value is None:
            continue
        if key == "unit" and cfg.get("source") == "table" and isinstance(value, Mapping):
            continue  # column to unit
        if key in _TEXTS and not isinstance(value, str):
            raise EegdaeError(f"data.{key}={value!r}: must be text, or null")
        is_one = cfg.get("source") == "table" or not isinstance(value, list | tuple)
        units = [value] if is_one else value
        if key == "unit" and not all(isinstance(unit, str) for unit in units):
            raise EegdaeError(f"data.unit={value!r}: must be text, or a list with one a channel")
        if key == "subject" and not isinstance(value, str | int):
            raise EegdaeError(f"data.subject={value!r}: must be a name, or null")
        # of a MATLAB file it is also the place where they stand
        is_list = key in _LISTS or (key == "ch_names" and cfg.get("source") != "mat")
        if is_list and (isinstance(value, str) or not isinstance(value, Sequence)):
            raise EegdaeError(f"data.{key}={value!r}: must be a list of names, for example [{value}]")
        if key == "rename" and not isinstance(value, Mapping):
            raise EegdaeError(f"data.rename={value!r}: must be a mapping, for example {{T3: T7}}")
        if key == "path":
            places = [value] if isinstance(value, str | os.PathLike) else value
            if not isinstance(places, Sequence) or not all(isinstance(p, str | os.PathLike) for p in places):
                raise EegdaeError(f"data.path={value!r}: must be a file, a glob, a folder or a list of them")


def _as_regex(pattern: object) -> re.Pattern[str] | None:
    if pattern is None:
        return None
    words = [word.partition(":") for word in re.findall(r"{(.*?)}", str(pattern))]
    fields = [field for field, _, _ in words]
    for field, colon, width in words:
        if field not in _FROM_NAME:
            raise EegdaeError(
                f"data.pattern={pattern}: {{{field}}} is unknown; {did_you_mean(field, _FROM_NAME)}"
            )
        if colon and not re.fullmatch(r"[1-9]\d?", width):
            raise EegdaeError(
                f"data.pattern={pattern}: {{{field}:{width}}}: needs a number of letters, as {{{field}:2}}"
            )
    if len(set(fields)) < len(fields):
        raise EegdaeError(f"data.pattern={pattern}: each of {', '.join(_FROM_NAME)} may stand once")
    parts = re.split(r"{.*?}", str(pattern))
    lengths = [f"{{{width}}}" if width else "+?" for _, _, width in words]
    between = [f"(?P<{field}>[^/]{n})" for field, n in zip(fields, lengths, strict=True)] + [""]
    return re.compile("".join(re.escape(p) + b for p, b in zip(parts, between, strict=True)))


def _about(path: Path, pattern: re.Pattern[str] | None, cfg: Mapping[str, Any]) -> dict[str, str]:
    about = {} if cfg.get("subject") is None else {"subject": str(cfg["subject"])}
    if pattern is not None:
        n_parts = str(cfg["pattern"]).count("/") + 1  # sub-{subject}/{run}.csv: of the folder and the file
        name = "/".join(Path(os.path.abspath(path)).parts[-n_parts:])
        # whether it is packed is not part of the name
        match = pattern.fullmatch(name) or pattern.fullmatch(name.removesuffix(".gz"))
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
