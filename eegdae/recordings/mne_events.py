"""What happens in a Raw object of MNE: annotations that last, instants, trigger channels, bad stretches."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.recording import Annotation

EVENTS = ("trials", "instants", "all", "stim")
"""What ``data.events`` may be."""

_NO_EVENTS = ("bad", "edge")  # what MNE itself writes: stretches to leave out, seams of joined files


def check_events(value: object) -> str:
    """Check ``data.events``.

    Parameters
    ----------
    value : object
        As configured; None = ``"trials"``.

    Returns
    -------
    str
        One of `EVENTS`.

    Raises
    ------
    EegdaeError
        If it is no such word.
    """
    if value is None:
        return "trials"
    if value not in EVENTS:
        raise EegdaeError(f"data.events={value!r}: {did_you_mean(value, EVENTS)}")
    return str(value)


def annotations_of(raw: Any, events: str, *, source: str) -> list[Annotation]:
    """List what happens in a recording, in samples from its first one.

    Parameters
    ----------
    raw : mne.io.BaseRaw
        The recording.
    events : {"trials", "instants", "all", "stim"}
        Annotations that last; those that do not (one sample at most), as one sample each; both; or the onsets
        of the trigger channels (`mne.find_events`), one sample each, with their code as label. A code that
        stands at the very first sample is no onset: the channel may never have been 0.
    source : str
        What an error calls it.

    Returns
    -------
    list of Annotation
        By time. Trials that reach beyond an end are cut there, instants outside are left out, and so are
        MNE's own ("bad" stretches, see `bad_stretches`, and "edge" of joined files).

    Raises
    ------
    EegdaeError
        If there is no trigger channel to take events from.
    """
    if events == "stim":
        return _triggers(raw, source)
    found = []
    for start, stop, label in _spans(raw):
        is_instant = stop <= start + 1  # BrainVision and GDF give what only begins one sample
        if label.lower().startswith(_NO_EVENTS) or (events != "all" and is_instant != (events == "instants")):
            continue
        if is_instant and 0 <= start < raw.n_times:
            found.append(Annotation(start, start + 1, label))
        elif not is_instant and max(start, 0) < min(stop, raw.n_times):
            found.append(Annotation(max(start, 0), min(stop, raw.n_times), label))
    return found


def left_out(caught: Iterable[warnings.WarningMessage]) -> tuple[str, ...]:
    """Count the events that MNE left out, or cut off, while it read a file.

    Parameters
    ----------
    caught : iterable of WarningMessage
        What it warned of.

    Returns
    -------
    tuple of str
        For `Recording.notes`; empty where there were none.
    """
    notes = []
    for each in caught:
        found = re.match(r"(Omitted|Limited) (\d+) annotation", str(each.message))
        if found:
            n, what = int(found[2]), "left out: outside" if found[1] == "Omitted" else "cut off at the end of"
            notes.append(f"{n} event{'' if n == 1 else 's'} {what} the recording")
    return tuple(dict.fromkeys(notes))


def bad_stretches(raw: Any, n_chans: int) -> NDArray[np.bool_] | None:
    """Say which samples MNE's annotations call bad: those whose description begins so.

    Parameters
    ----------
    raw : mne.io.BaseRaw
        The recording.
    n_chans : int
        Channels that are kept.

    Returns
    -------
    ndarray of bool, shape (n_chans, n_times), or None
        False where bad; None where nothing is.
    """
    mask = np.ones((n_chans, raw.n_times), dtype=bool)
    for start, stop, label in _spans(raw):
        if label.lower().startswith("bad"):
            mask[:, max(start, 0) : max(stop, 0)] = False
    return None if mask.all() else mask


def _spans(raw: Any) -> list[tuple[int, int, str]]:
    sfreq = float(raw.info["sfreq"])
    # With a measurement date, onsets count from it, not from the first sample.
    origin = raw.first_time if raw.annotations.orig_time is not None else 0.0
    spans = []
    for entry in raw.annotations:
        onset, duration = float(entry["onset"]) - origin, float(entry["duration"])
        if np.isfinite([onset, duration]).all():
            spans.append((round(onset * sfreq), round((onset + duration) * sfreq), str(entry["description"])))
    return spans


def _triggers(raw: Any, source: str) -> list[Annotation]:
    import mne

    names = [name for name, kind in zip(raw.ch_names, raw.get_channel_types(), strict=True) if kind == "stim"]
    if not names:
        raise EegdaeError(
            f"{source}: has no trigger channel for data.events=stim; set data.events to instants or trials, "
            f"whose annotations are {', '.join(sorted(set(raw.annotations.description))) or 'none'}"
        )
    try:
        # A code may follow another without a return to 0; one sample is enough for a trigger.
        found = mne.find_events(raw, names, consecutive=True, shortest_event=1, verbose="error")
    except Exception as error:  # MNE checks codes, lengths and types, each with an exception of its own
        reason = " ".join(str(error).split()) or type(error).__name__
        raise EegdaeError(f"{source}: data.events=stim: {', '.join(names)}: {reason[:300]}") from error
    starts = found[:, 0] - raw.first_samp
    return [
        Annotation(int(start), int(start) + 1, str(code))
        for start, code in zip(starts, found[:, 2], strict=True)
    ]
