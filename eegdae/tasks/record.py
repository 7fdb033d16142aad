"""``eegdae data record``: a live stream to a file, whole or as much of it as came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.npz import as_arrays
from eegdae.recordings.streams.lsl import cut, record_stream
from eegdae.run import npz_bytes, replace_file

USAGE = "eegdae data record stream=NAME out=FILE.npz [seconds=10] [subject= session= run= label=]"
_NEEDED = ("stream", "out")
_ABOUT = ("subject", "session", "run")
_KEYS = (*_NEEDED, "seconds", *_ABOUT, "label")


def record(words: Sequence[str]) -> str:
    """Record a stream of the Lab Streaming Layer.

    Parameters
    ----------
    words : sequence of str
        ``key=value``: ``stream`` (name or type), ``out`` (a file that is not there yet), ``seconds`` (else
        until Ctrl-C), and what is known about it: ``subject``, ``session``, ``run``, ``label``.

    Returns
    -------
    str
        One line: what was kept, where, and how the recording ended.

    Raises
    ------
    EegdaeError
        If a word does not fit, the file is there or cannot be written, or there is no such stream.
    """
    given = _given(words)
    out = Path(given["out"]).expanduser()
    seconds = _seconds(given.get("seconds"))
    if out.suffix.lower() != ".npz":
        raise EegdaeError(f"out={out}: must end in .npz")
    if out.exists():
        raise EegdaeError(
            f"out={out}: is there already, and no recording is written over; choose another name"
        )
    # before minutes of recording, not after
    _write(out, b"")
    out.unlink(missing_ok=True)
    captured = cut(record_stream(given["stream"], seconds=seconds, tell=_tell), seconds)
    subject, session, run = (given.get(key, "") for key in _ABOUT)
    rec = replace(captured.recording, subject=subject, session=session, run=run)
    _write(out, npz_bytes(**as_arrays(rec, label=given.get("label", ""))))
    lost = 0.0 if rec.mask is None else float((~rec.mask).all(axis=0).mean())
    gaps = f", {lost:.1%} of it gaps" if lost else ""
    off = abs(captured.measured / rec.sfreq - 1) > 0.01
    rate = f" (its time stamps say {captured.measured:.4g} Hz)" if off else ""
    ended = "" if captured.ended == "whole" else f"; {captured.ended}"
    return (
        f"{out}: {rec.n_times / rec.sfreq:g} s, {rec.n_chans} channels x {rec.n_times} samples at "
        f"{rec.sfreq:g} Hz{rate}{gaps}{ended}"
    )


def _given(words: Sequence[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key not in _KEYS:
            raise EegdaeError(f"data record {word!r}: {did_you_mean(key, _KEYS)}; usage: {USAGE}")
        given[key] = value
    for key in _NEEDED:
        if not given.get(key):
            raise EegdaeError(f"data record: {key}=... is needed; usage: {USAGE}")
    return given


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise EegdaeError(f"seconds={text}: a number above 0 is needed") from error


def _tell(line: str) -> None:
    print(line, flush=True)


def _write(out: Path, data: bytes) -> None:
    try:
        replace_file(out, data)
    except OSError as error:
        raise EegdaeError(f"out={out}: cannot be written: {error.strerror or error}") from error
