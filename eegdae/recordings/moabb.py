"""Recordings of the data sets of MOABB, by the name of their class; MOABB downloads and reads them.

A run becomes a recording, a trial an annotation over the interval that the data set declares. MOABB
(``pip install 'eegdae[moabb]'``) keeps its files in the folder ``data.path`` while it is asked from here. It
takes triggers from `mne.find_events`, which finds none at the very first sample of a recording.
"""

from __future__ import annotations

import inspect
import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.downloads.fetching import tell_on_stdout
from eegdae.recordings.downloads.folders import cache_dir
from eegdae.recordings.extras import extra_package
from eegdae.recordings.mne_files import from_raw
from eegdae.recordings.recording import Annotation, Recording

KEYS = ("dataset", "subjects", "sessions", "options", "paradigm", "exclude", "strip", "rename", "montage")
_OF_PARADIGM = ("name", "events", "n_classes", "tmin", "tmax")

log = logging.getLogger("eegdae")


def read_moabb(path: Path, options: Mapping[str, Any]) -> list[Recording]:
    """Read a data set of MOABB.

    Parameters
    ----------
    path : Path
        The folder that MOABB keeps its files in, its ``MNE_DATA``.
    options : mapping
        ``dataset`` (name of a class of `moabb.datasets`), ``options`` (what that class is made with),
        ``subjects`` (numbers; None = all), ``sessions`` (names, or the numbers that they begin with; None =
        all), ``paradigm`` (name of a class of `moabb.paradigms`, or a mapping with ``name`` and, of
        ``events``, ``n_classes``, ``tmin``, ``tmax``, what is wanted: which events are trials, and which part
        of them, in seconds from the begin of the interval; its filter and rate belong to ``prepare``), and
        what `eegdae.recordings.mne_files.from_raw` takes.

    Returns
    -------
    list of Recording
        By subject, session and run, whose names are MOABB's; EEG channels only, unless ``options`` holds
        ``return_all_modalities: true``.

    Raises
    ------
    EegdaeError
        If a name or a number is not known, or MOABB cannot download or read the set.
    """
    dataset = _dataset(options)
    window = _paradigm(options.get("paradigm"), dataset)
    wanted = options.get("sessions")
    found: set[str] = set()
    recordings = []
    for subject in _subjects(dataset, options.get("subjects")):
        with _asked(path, dataset, subject):
            sessions = dataset.get_data([subject])[subject]
        found |= set(sessions)
        for session, runs in sessions.items():
            if wanted is not None and not _is_wanted(session, wanted):
                continue
            for run, raw in runs.items():
                rec = _recording(
                    raw, options, Path(f"{dataset.code} subject {subject} session {session} run {run}")
                )
                rec = replace(rec, subject=str(subject), session=str(session), run=str(run))
                recordings += [rec] if window is None else window(rec)
    if not recordings:
        raise EegdaeError(
            f"data.dataset={options['dataset']}: no run is left of data.sessions={wanted} and "
            f"data.paradigm={options.get('paradigm')}; sessions: {', '.join(sorted(found))}"
        )
    return recordings


def find_folder(cfg: Mapping[str, Any], _: tuple[str, ...]) -> list[Path]:
    """Find the folder that MOABB keeps the files of a set in.

    Parameters
    ----------
    cfg : mapping
        ``path``; and for a set of the catalogue ``name`` and ``resource``.

    Returns
    -------
    list of Path
        The one folder: ``path`` where it is there, else for a set of the catalogue one in the cache folder.

    Raises
    ------
    EegdaeError
        If it is not there.
    """
    wanted = cfg.get("path")
    if not isinstance(wanted, str | os.PathLike):
        raise EegdaeError(f"data.path={wanted}: a folder is needed, in which MOABB keeps its files")
    folder, cached = Path(wanted).expanduser(), cache_dir() / str(cfg.get("name", ""))
    try:
        folder.stat()
    except PermissionError as error:
        raise EegdaeError(f"data.path={wanted}: cannot be looked into: {error.strerror}") from error
    except OSError:
        pass  # it is not there
    if not folder.is_dir() and cfg.get("name") and cached.is_dir():
        folder = cached
    if not folder.is_dir() and cfg.get("name") and cfg.get("resource"):
        folder = cached
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EegdaeError(f"data.path={wanted}: cannot make {folder}: {error.strerror}") from error
    if not folder.is_dir():
        raise EegdaeError(f"data.path={wanted}: no such folder; make it, MOABB keeps its files there")
    return [folder]


def get(cfg: Mapping[str, Any]) -> Path:
    """Let MOABB download the files of a set; the work of ``eegdae data get NAME``.

    Parameters
    ----------
    cfg : mapping
        A data configuration.

    Returns
    -------
    Path
        The folder that holds them.

    Raises
    ------
    EegdaeError
        If a name or a number is not known, or MOABB cannot download them.
    """
    dataset = _dataset(cfg)
    (folder,) = find_folder(cfg, ())
    for subject in _subjects(dataset, cfg.get("subjects")):
        with _asked(folder, dataset, subject):
            dataset.download(subject_list=[subject])
    return folder


def _dataset(options: Mapping[str, Any]) -> Any:
    name, made_with = str(options.get("dataset")), options.get("options") or {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = extra_package("moabb.datasets", extra="moabb", needed_by=f"data.dataset={name}")
    classes = _classes(module, "get_data")
    if name not in classes:
        raise EegdaeError(f"data.dataset={name}: no such data set of MOABB; {did_you_mean(name, classes)}")
    if not isinstance(made_with, Mapping):
        raise EegdaeError(f"data.options={made_with!r}: must be a mapping of what {name} is made with")
    return _made("options", classes[name], made_with)


def _classes(module: ModuleType, method: str) -> dict[str, Any]:
    """List the classes of a module that have a method and can be made."""
    return {
        name: kind
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and hasattr(kind, method) and not inspect.isabstract(kind)
    }


def _made(key: str, kind: Any, made_with: Mapping[str, Any]) -> Any:
    try:
        return kind(**{str(word): value for word, value in made_with.items()})
    except Exception as error:  # whatever a constructor checks
        raise EegdaeError(
            f"data.{key}={dict(made_with)}: {kind.__name__} cannot be made with it: {_reason(error)}"
        ) from error


def _subjects(dataset: Any, wanted: object) -> list[Any]:
    known = {str(subject): subject for subject in dataset.subject_list}
    if wanted is None:
        return list(known.values())
    if isinstance(wanted, str) or not isinstance(wanted, Sequence) or not wanted:
        raise EegdaeError(
            f"data.subjects={wanted!r}: must be a list of subjects, for example [1, 2], or null"
        )
    for subject in wanted:
        if str(subject) not in known:
            raise EegdaeError(
                f"data.subjects: {dataset.code} has no subject {subject!r}; known: {_span(known)}"
            )
    return [known[str(subject)] for subject in dict.fromkeys(wanted)]


def _span(names: Mapping[str, Any]) -> str:
    ordered = list(names)
    return ", ".join(ordered) if len(ordered) < 4 else f"{ordered[0]}, {ordered[1]}, ..., {ordered[-1]}"


def _is_wanted(session: str, wanted: object) -> bool:
    """Tell whether a session is named by its name (``"0train"``) or by the number that this begins with."""
    if isinstance(wanted, str) or not isinstance(wanted, Sequence):
        raise EegdaeError(f"data.sessions={wanted!r}: must be a list of sessions, for example [0], or null")
    number = re.match(r"\d+", session)
    return any(str(word) in (session, number and number.group()) for word in wanted)


def _recording(raw: Any, options: Mapping[str, Any], where: Path) -> Recording:
    made_with = options.get("options") or {}
    if not made_with.get("return_all_modalities") and "eeg" in raw.get_channel_types():
        raw = raw.copy().pick("eeg", verbose="error")
    return from_raw(raw, options, where)


class _Window:
    """Keep the trials that a paradigm uses, cut to its part of them."""

    def __init__(self, events: set[str], tmin: float, tmax: float | None) -> None:
        self.events, self.tmin, self.tmax = events, tmin, tmax

    def __call__(self, rec: Recording) -> list[Recording]:
        """Give the recording with these trials only; none where it has none."""
        kept = []
        for a in rec.annotations:
            start = a.start + round(self.tmin * rec.sfreq)
            stop = a.stop if self.tmax is None else a.start + round(self.tmax * rec.sfreq)
            if a.label in self.events and 0 <= start < stop <= rec.n_times:
                kept.append(Annotation(start, stop, a.label))
        left_out = sum(a.label in self.events for a in rec.annotations) - len(kept)
        if left_out:
            log.info(f"{rec.source}: left out {left_out} trials that reach beyond an end of the recording")
        return [replace(rec, annotations=tuple(kept))] if kept else []


def _paradigm(wanted: object, dataset: Any) -> _Window | None:
    if wanted is None:
        return None
    given = {"name": wanted} if isinstance(wanted, str) else wanted
    if not isinstance(given, Mapping) or "name" not in given:
        raise EegdaeError(f"data.paradigm={wanted!r}: must be a name, a mapping with 'name', or null")
    for key in given:
        if key not in _OF_PARADIGM:
            raise EegdaeError(f"data.paradigm.{key}: unknown key; {did_you_mean(str(key), _OF_PARADIGM)}")
    module = extra_package("moabb.paradigms", extra="moabb", needed_by=f"data.paradigm={wanted}")
    classes, name = _classes(module, "used_events"), str(given["name"])
    if name not in classes:
        raise EegdaeError(f"data.paradigm={name}: no such paradigm of MOABB; {did_you_mean(name, classes)}")
    paradigm = _made("paradigm", classes[name], {k: v for k, v in given.items() if k != "name"})
    try:
        fits = paradigm.is_valid(dataset)
        events = {str(event) for event in paradigm.used_events(dataset)} if fits else set()
        window = _Window(events, float(paradigm.tmin), paradigm.tmax)
    except Exception as error:
        raise EegdaeError(f"data.paradigm={name}: does not fit {dataset.code}: {_reason(error)}") from error
    if not fits:
        raise EegdaeError(
            f"data.paradigm={name}: does not fit {dataset.code}, a set of {dataset.paradigm} with the events "
            f"{', '.join(map(str, dataset.event_id))}"
        )
    return window


@contextmanager
def _asked(folder: Path, dataset: Any, subject: object) -> Iterator[None]:
    """Ask MOABB for something: its files in our folder, its warnings off, its errors in one line."""
    before = os.environ.get("MNE_DATA")
    os.environ["MNE_DATA"] = str(folder.absolute())
    tell_on_stdout()
    loggers = [logging.getLogger(name) for name in ("moabb", "mne")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:  # of requests, pooch, scipy, MNE, ...
        raise EegdaeError(
            f"data.dataset={type(dataset).__name__}: MOABB cannot get subject {subject} into {folder}: "
            f"{_reason(error)}; it needs a network, or its files there whole: delete those that are not"
        ) from error
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if before is None:
            del os.environ["MNE_DATA"]
        else:
            os.environ["MNE_DATA"] = before


def _reason(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
