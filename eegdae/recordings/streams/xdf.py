"""Recordings from XDF files, what LabRecorder makes of the streams of the Lab Streaming Layer.

One stream becomes the recording; marker streams become its annotations. pyxdf (``pip install
'eegdae[xdf]'``) brings the clocks of all streams to one and takes the jitter out of their time stamps.
"""

from __future__ import annotations

import gzip
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.extras import extra_package
from eegdae.recordings.recording import Annotation, Recording, as_recording
from eegdae.recordings.streams.grid import Grid, grid_by_time, regular_grid
from eegdae.recordings.streams.units import as_unit, channels_of
from eegdae.recordings.streams.xdf_chunks import Stream, is_compressed, read_chunks

EXTENSIONS = (".xdf", ".xdfz", ".xdf.gz")
KEYS = ("stream", "markers", "rate", "sfreq", "ch_names", "unit")
_TOLERANCE = 0.01
_RATES = ("nominal", "effective")

log = logging.getLogger("eegdae")


def read_xdf(path: Path, options: Mapping[str, Any]) -> list[Recording]:
    """Read one stream of an XDF file, with the markers of others.

    Samples follow one another; where the time stamps, on one clock and without jitter, leave out more than a
    second, the time between is a gap: NaN. Markers stand at the sample that is nearest in time, one sample
    long; those before and after the signal are left out, and counted on screen.

    Parameters
    ----------
    path : Path
        The file.
    options : mapping
        ``stream`` (name, or else type; None = the only one that is a signal), ``markers`` (a name or type, or
        a list of these; None = every stream of strings, [] = none), ``rate`` (``"nominal"``: what the stream
        claims, refused where it is more than 1 % off; ``"effective"``: what the time stamps say), ``sfreq``
        (Hz, for a stream without a rate: the grid that its samples are laid on, each at the nearest point),
        ``ch_names`` (else those of the description, else ``ch1``, ...), ``unit`` (where the description
        names none).

    Returns
    -------
    list of Recording
        The one recording; volts of any size become ``"uV"``.

    Raises
    ------
    EegdaeError
        If the file is damaged or was cut off, a stream is missing or not one only, or its time is wrong.
    """
    streams = read_chunks(path)
    rate = options.get("rate") or "nominal"
    if rate not in _RATES:
        raise EegdaeError(f"data.rate={rate!r}: {did_you_mean(rate, _RATES)}")
    signal = _choose(streams, options.get("stream"), path)
    markers = _choose_markers(streams, options.get("markers"), signal, path)
    found = _load(path, [signal, *markers])
    stamps, values = found[signal.number]
    if any(stream.promised is None for stream in (signal, *markers)):
        log.info(f"{path}: has streams without a footer: its recording was not ended in order")
    where = f"{path}: stream {signal.name}"
    grid, sfreq = _grid(signal, np.asarray(stamps, dtype=np.float64), rate, options.get("sfreq"), where)
    names, units = channels_of(signal.desc, signal.n_chans)
    data, unit = as_unit(
        grid.lay(np.asarray(values, dtype=np.float64)), units, default=options.get("unit") or "a.u."
    )
    return [
        as_recording(
            data,
            sfreq=sfreq,
            ch_names=options.get("ch_names") or names,
            unit=unit,
            source=str(path),
            annotations=_annotations(grid, [found[m.number] for m in markers], path),
        )
    ]


def _choose(streams: Sequence[Stream], wanted: object, path: Path) -> Stream:
    signals = [stream for stream in streams if not stream.is_text]
    if wanted is not None:
        signals = _named(streams, str(wanted), "stream", path)
    elif len(signals) > 1 and any(stream.sfreq for stream in signals):
        signals = [stream for stream in signals if stream.sfreq]
    if len(signals) != 1:
        which = "no stream is a signal" if not signals else f"{len(signals)} streams are meant"
        raise EegdaeError(f"{path}: data.stream={wanted}: {which}; it holds {_list(streams)}")
    if signals[0].is_text:
        raise EegdaeError(f"{path}: data.stream={wanted}: holds text, no signal; it holds {_list(streams)}")
    return signals[0]


def _choose_markers(streams: Sequence[Stream], wanted: object, signal: Stream, path: Path) -> list[Stream]:
    if wanted is None:
        return [stream for stream in streams if stream.is_text]
    words = [wanted] if isinstance(wanted, str) else wanted
    if not isinstance(words, Sequence):
        raise EegdaeError(f"data.markers={wanted!r}: must be a name, a list of names, or null")
    chosen = [stream for word in words for stream in _named(streams, str(word), "markers", path)]
    if signal in chosen:
        raise EegdaeError(f"{path}: data.markers={wanted}: is the stream of the signal itself")
    return chosen


def _named(streams: Sequence[Stream], word: str, key: str, path: Path) -> list[Stream]:
    found = [s for s in streams if s.name == word] or [s for s in streams if s.kind.lower() == word.lower()]
    if not found:
        names = [*(s.name for s in streams), *(s.kind for s in streams)]
        raise EegdaeError(
            f"{path}: data.{key}={word}: no such stream; {did_you_mean(word, set(names) - {''})}"
        )
    return found


def _list(streams: Sequence[Stream]) -> str:
    told = [f"{s.name} ({s.kind or 'no type'}, {s.n_chans} x {s.form}, {s.sfreq:g} Hz)" for s in streams]
    return ", ".join(told) or "none"


def _load(path: Path, wanted: Sequence[Stream]) -> dict[int, tuple[Any, Any]]:
    """Read the time stamps and samples of some streams."""
    pyxdf = extra_package("pyxdf", extra="xdf", needed_by=path)
    logger = logging.getLogger("pyxdf.pyxdf")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # what it warns of is refused or said here
    try:
        with np.errstate(all="ignore"):
            streams, _ = pyxdf.load_xdf(
                gzip.open(path) if is_compressed(path) else str(path),  # noqa: SIM115  (pyxdf reads it up)
                select_streams=[stream.number for stream in wanted],
                # its own default of 500 samples bridges minutes of a slow stream
                jitter_break_threshold_seconds=1.0,
                jitter_break_threshold_samples=2,
            )
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise EegdaeError(f"{path}: cannot be read by pyxdf: {reason[:200]}") from error
    finally:
        logger.setLevel(level)
    return {s["info"]["stream_id"]: (s["time_stamps"], s["time_series"]) for s in streams}


def _grid(stream: Stream, stamps: Any, rate: str, sfreq: float | None, where: str) -> tuple[Grid, float]:
    if not stream.sfreq:
        if not isinstance(sfreq, int | float) or isinstance(sfreq, bool) or not 0 < sfreq < 1e9:
            raise EegdaeError(
                f"{where}: has no constant rate; data.sfreq={sfreq!r}: give the rate in Hz that it is laid on"
            )
        return grid_by_time(stamps, float(sfreq), where=where), float(sfreq)
    grid = regular_grid(stamps, stream.sfreq, where=where)
    if rate == "effective":
        return grid, grid.measured
    if abs(grid.measured / stream.sfreq - 1) > _TOLERANCE:
        raise EegdaeError(
            f"{where}: claims {stream.sfreq:g} Hz, its time stamps say {grid.measured:.6g} Hz; set "
            "data.rate=effective to go by these"
        )
    return grid, stream.sfreq


def _annotations(grid: Grid, markers: Sequence[tuple[Any, Any]], path: Path) -> list[Annotation]:
    times = np.concatenate([np.asarray(stamps, dtype=np.float64) for stamps, _ in markers] or [np.zeros(0)])
    labels = [" ".join(str(v) for v in values) for _, samples in markers for values in samples]
    if not np.isfinite(times).all():
        raise EegdaeError(f"{path}: marker {labels[int((~np.isfinite(times)).argmax())]!r} is at no time")
    places = grid.nearest(times)
    inside = np.flatnonzero(places >= 0)
    if len(inside) < len(places):
        log.info(f"{path}: left out {len(places) - len(inside)} markers before or after the signal")
    order = inside[np.argsort(times[inside], kind="stable")]
    return [Annotation(int(places[k]), int(places[k]) + 1, labels[k]) for k in order]
