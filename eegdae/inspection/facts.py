"""What is there: numbers, rates, channels, units, classes, and a glimpse of the signals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eegdae.inspection.findings import short_names, some_of
from eegdae.inspection.summary import About
from eegdae.recordings.recording import Recording, join_units

EXAMPLE_SECONDS = 5.0
EXAMPLE_SAMPLES = 2500
EXAMPLE_CHANNELS = 16


@dataclass(frozen=True, eq=False)
class Example:
    """Some seconds from the middle of the first recording.

    Parameters
    ----------
    name : str
        Of the recording.
    data : ndarray of float32, shape (n_chans, n_times)
        Its first channels, NaN where not observed.
    ch_names, units : tuple of str, length n_chans
    sfreq : float
        Hertz.
    start : int
        The first sample.
    n_chans : int
        Channels of the recording.
    """

    name: str
    data: NDArray[np.float32]
    ch_names: tuple[str, ...]
    units: tuple[str, ...]
    sfreq: float
    start: int
    n_chans: int


def facts_of(summaries: Sequence[About]) -> list[tuple[str, str]]:
    """Say what is there.

    Parameters
    ----------
    summaries : sequence of About
        One a recording.

    Returns
    -------
    list of (str, str)
        What and how much, line by line.
    """
    seconds = np.array([s.seconds for s in summaries])
    rates = Counter(f"{s.sfreq:g}" for s in summaries)
    caps = Counter(s.ch_names for s in summaries)
    (cap, _), *others = caps.most_common()
    length = (
        f"{seconds.min():.4g}"
        if seconds.min() == seconds.max()
        else f"{seconds.min():.4g} to {seconds.max():.4g}"
    )
    placed = sum(s.has_positions for s in summaries)
    facts = [
        ("recordings", str(len(summaries))),
        ("subjects", _groups([s.subject for s in summaries])),
        ("sessions", _groups([f"{s.subject}/{s.session}" if s.session else "" for s in summaries])),
        ("seconds", f"{length} a recording, {seconds.sum():.6g} in all"),
        ("samples", _span([s.n_times for s in summaries]) + " a recording"),
        ("rate", ", ".join(rates) + " Hz"),
        (
            "channels",
            f"{len(cap)}: {some_of(cap, most=24)}" + (f"; {len(others)} other sets" if others else ""),
        ),
        (
            "positions",
            "yes" if placed == len(summaries) else "no" if not placed else f"of {placed} recordings",
        ),
        ("unit", join_units([unit for s in summaries for unit in dict.fromkeys(s.units)])),
        ("observed", f"{100 * np.average([s.observed for s in summaries], weights=seconds):.4g} %"),
    ]
    totals: dict[str, list[float]] = {}
    for s in summaries:
        for a in s.annotations:
            if a.label:
                totals.setdefault(a.label, []).append((a.stop - a.start) / s.sfreq)
    if totals:
        told = [f"{label} ({len(v)} trials, {sum(v):.4g} s)" for label, v in sorted(totals.items())]
        facts.append(("classes", f"{len(told)}: {some_of(told, most=12)}"))
    return facts


def _span(values: Sequence[int]) -> str:
    return str(values[0]) if min(values) == max(values) else f"{min(values)} to {max(values)}"


def _groups(names: Sequence[str]) -> str:
    known = sorted({name for name in names if name})
    if not known:
        return "not known"
    return str(len(known)) + (f", and {names.count('')} recordings of nobody known" if "" in names else "")


def example_of(recording: Recording) -> Example:
    """Take some seconds from the middle of a recording.

    Parameters
    ----------
    recording : Recording
        Any recording.

    Returns
    -------
    Example
        5 s, but 200 to 2500 samples, of 16 channels at most.
    """
    n_times = min(max(round(EXAMPLE_SECONDS * recording.sfreq), 200), EXAMPLE_SAMPLES, recording.n_times)
    start = (recording.n_times - n_times) // 2
    data = recording.data[:EXAMPLE_CHANNELS, start : start + n_times].copy()
    if recording.mask is not None:
        data[~recording.mask[:EXAMPLE_CHANNELS, start : start + n_times]] = np.nan
    return Example(
        name=short_names([recording.source])[0],
        data=data,
        ch_names=recording.ch_names[:EXAMPLE_CHANNELS],
        units=recording.units[:EXAMPLE_CHANNELS],
        sfreq=recording.sfreq,
        start=start,
        n_chans=recording.n_chans,
    )
