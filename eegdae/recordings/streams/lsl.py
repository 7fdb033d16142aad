"""A live stream of the Lab Streaming Layer as a recording: what has come is kept, however it ends.

pylsl (``pip install 'eegdae[lsl]'``) finds and reads the stream.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType, ModuleType
from typing import Any
from xml.etree import ElementTree

import numpy as np

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.extras import extra_package
from eegdae.recordings.recording import Recording, as_recording
from eegdae.recordings.streams.grid import Grid, regular_grid
from eegdae.recordings.streams.units import as_unit, channels_of

_WAIT_S = 5.0
"""How long a stream is looked for."""
_SILENCE_S = 10.0
"""A stream that sends nothing for longer is lost: a pulled cable does not tell."""


@dataclass(frozen=True, eq=False)
class Captured:
    """What came of a live stream.

    Parameters
    ----------
    recording : Recording
        The signal; unobserved where the stream lost samples for more than a second.
    measured : float
        Rate in hertz that its time stamps say.
    ended : str
        How it ended: ``"whole"``, ``"interrupted"``, ``"the stream was lost"``, ...
    """

    recording: Recording
    measured: float
    ended: str


def record_stream(
    stream: str, *, seconds: float | None = None, tell: Callable[[str], None] = lambda _: None
) -> Captured:
    """Record a live stream until its time is over, Ctrl-C, or it is lost.

    Parameters
    ----------
    stream : str
        Its name, or else its type.
    seconds : float or None
        How long, by the time stamps of the stream; None = until Ctrl-C.
    tell : callable
        Called with one line when the stream is there and recording begins.

    Returns
    -------
    Captured
        What came. In the main thread, SIGINT and SIGTERM end the recording in order; a second one kills.

    Raises
    ------
    EegdaeError
        If there is no such stream, more than one, it holds text or has no rate, or nothing came.
    """
    if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
        raise EegdaeError(f"seconds={seconds}: a number above 0 is needed")
    pylsl = extra_package("pylsl", extra="lsl", needed_by=f"stream={stream}")
    with _quiet():
        info = _find(pylsl, stream)
        inlet = pylsl.StreamInlet(info, recover=False)
        try:
            full = ElementTree.fromstring(inlet.info(timeout=_WAIT_S).as_xml())
            inlet.open_stream(timeout=_WAIT_S)
            sfreq, n_chans = float(info.nominal_srate()), int(info.channel_count())
            tell(f"recording {info.name()}: {n_chans} channels at {sfreq:g} Hz; Ctrl-C ends it")
            stamps, values, ended = _pull(pylsl, inlet, seconds)
        except (TimeoutError, pylsl.util.LostError, ElementTree.ParseError) as error:
            raise EegdaeError(f"stream={stream}: was found but cannot be opened: {error}") from error
        finally:
            inlet.close_stream()
    if len(stamps) < 2:
        raise EegdaeError(f"stream={stream}: nothing was recorded: {ended}")
    return _captured(np.array(stamps), np.concatenate(values), full, sfreq, stream, ended)


def _find(pylsl: ModuleType, stream: str) -> Any:
    started = time.monotonic()
    while True:
        streams = pylsl.resolve_streams(wait_time=1.0)
        found = [s for s in streams if s.name() == stream] or [s for s in streams if s.type() == stream]
        if found:
            break
        if time.monotonic() - started > _WAIT_S:
            names = {s.name() for s in streams} | {s.type() for s in streams}
            hint = did_you_mean(stream, names) if names else "none is there"
            raise EegdaeError(f"stream={stream}: no such stream in {_WAIT_S:g} s; {hint}")
    if len(found) > 1:
        told = ", ".join(f"{s.name()} ({s.type()}, on {s.hostname()})" for s in found)
        raise EegdaeError(
            f"stream={stream}: {len(found)} streams are meant: {told}; give a name that one has"
        )
    if found[0].channel_format() == pylsl.cf_string:
        raise EegdaeError(f"stream={stream}: holds text, no signal")
    if not found[0].nominal_srate() > 0:
        raise EegdaeError(f"stream={stream}: has no constant rate, so it cannot be recorded as a signal")
    return found[0]


def _pull(pylsl: ModuleType, inlet: Any, seconds: float | None) -> tuple[list[float], list[Any], str]:
    stamps: list[float] = []
    values: list[Any] = []
    heard = time.monotonic()
    with _stopping() as stopped:
        while not stopped:
            try:
                chunk, times = _pull_what_is_there(inlet)
            except pylsl.util.LostError:
                return stamps, values, "the stream was lost"
            if times:
                heard = time.monotonic()
                values.append(np.asarray(chunk, dtype=np.float64))  # (n_samples, n_chans)
                stamps.extend(times)
            elif time.monotonic() - heard > _SILENCE_S:
                return stamps, values, f"the stream sent nothing for {_SILENCE_S:g} s"
            if seconds is not None and stamps and stamps[-1] - stamps[0] >= seconds:
                return stamps, values, "whole"
    return stamps, values, "interrupted"


def _pull_what_is_there(inlet: Any) -> tuple[list[Any], list[float]]:
    """Wait 0.2 s for a sample; pull no more than there are, which the error of a lost stream would take."""
    queued = inlet.samples_available()
    if queued > 1:
        chunk, times = inlet.pull_chunk(timeout=0.0, max_samples=min(queued, 4096))
        return chunk, times
    sample, stamp = inlet.pull_sample(timeout=0.2)
    return ([], []) if stamp is None else ([sample], [stamp])


def _captured(
    stamps: Any, values: Any, full: ElementTree.Element, sfreq: float, stream: str, ended: str
) -> Captured:
    try:
        grid = regular_grid(stamps, sfreq, where="its time stamps")
    except EegdaeError as error:
        # the samples are worth more than their time stamps
        grid = Grid(np.arange(len(stamps)), np.arange(len(stamps)) / sfreq, sfreq)
        ended += f"; samples stand one after the other, since {error}"
    names, units = channels_of(full.find("desc"), values.shape[1])
    names = names if len(set(names)) == len(names) else [f"ch{c + 1}" for c in range(len(names))]
    values = np.where(np.abs(values) < 1e30, values, np.nan)  # else float32 would refuse all of it
    data, unit = as_unit(grid.lay(values), units, default="a.u.")
    recording = as_recording(data, sfreq=sfreq, ch_names=names, unit=unit, source=f"stream {stream}")
    return Captured(recording, grid.measured, ended)


def cut(captured: Captured, seconds: float | None) -> Captured:
    """Cut what came in the last chunk beyond the time asked for.

    Parameters
    ----------
    captured : Captured
        Of `record_stream`.
    seconds : float or None
        How long; None = as it is.

    Returns
    -------
    Captured
        Of at most ``round(seconds * sfreq)`` samples, at least 2.
    """
    rec = captured.recording
    most = rec.n_times if seconds is None else max(round(seconds * rec.sfreq), 2)
    mask = None if rec.mask is None else rec.mask[:, :most]
    return replace(captured, recording=replace(rec, data=rec.data[:, :most], mask=mask))


@contextmanager
def _stopping() -> Iterator[list[int]]:
    """Collect signals that ask to stop, so that none comes between a chunk and its place in the list."""
    got: list[int] = []
    before: dict[int, Any] = {}

    def note(number: int, _: FrameType | None) -> None:
        got.append(number)
        signal.signal(number, signal.SIG_DFL)

    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield got
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the log of liblsl, which it writes to the file of stderr, off the screen."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
