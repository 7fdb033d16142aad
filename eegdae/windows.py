"""Recordings cut into windows of equal length: seconds come in, samples go out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.caps import cut_to_shared, pick
from eegdae.recordings.recording import Annotation, Recording, bad_channels_of, check_alike, join_units


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of equal length, with what is known about each.

    Parameters
    ----------
    x : ndarray of float32, shape (n_windows, n_chans, n_times)
        The signal in ``units``; 0 where ``mask`` is False.
    metadata : DataFrame, n_windows rows
        ``subject`` ``session`` ``run`` (str); ``trial`` (int, the annotation's number in its recording);
        ``i_start`` ``i_stop`` (int, samples of the recording, half open); ``target`` (int, index into
        ``classes``, -1 = none); ``label`` (str).
    sfreq : float
        Sampling rate in hertz.
    ch_names, units : tuple of str, length n_chans
        Names and units of the channels.
    classes : tuple of str
        The labels in the order of ``target``.
    ch_pos : ndarray of float64, shape (n_chans, 3), or None
        Sensor positions in metre, where every recording has the same.
    mask : ndarray of bool, shape (n_windows, n_chans, n_times), or None
        True = observed; None = all observed.
    dropped : dict of str to int
        What was left out and how often: ``"missing"`` (windows), ``"short trial"`` (trials), ``"flat channel
        NAME"`` and ``"all-NaN channel NAME"`` (recordings in which the channel was bad), ``"unshared channel
        NAME"`` (recordings that had it) and ``"interpolated channel NAME"`` (in which it was).
    interpolated : tuple of str
        Channels that were computed from the others in some recording.
    reference : str, tuple of str or None
        ``"average"``, or the channels whose mean was taken off; None = as recorded.
    laplacian : bool
        Whether the signals are surface Laplacians.
    notes : tuple of str
        What preparation found, one entry a recording where it found something: ``"SOURCE: NOTE; NOTE"``.
    """

    x: NDArray[np.float32]
    metadata: pd.DataFrame
    sfreq: float
    ch_names: tuple[str, ...]
    units: tuple[str, ...]
    classes: tuple[str, ...] = ()
    ch_pos: NDArray[np.float64] | None = None
    mask: NDArray[np.bool_] | None = None
    dropped: dict[str, int] = field(default_factory=dict)
    interpolated: tuple[str, ...] = ()
    reference: str | tuple[str, ...] | None = None
    laplacian: bool = False
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.x)

    @property
    def n_chans(self) -> int:
        """Number of channels."""
        return int(self.x.shape[1])

    @property
    def n_times(self) -> int:
        """Samples in a window."""
        return int(self.x.shape[2])

    @property
    def unit(self) -> str:
        """The unit that all channels share, else the distinct ones joined by a comma."""
        return join_units(self.units)


def make_windows(
    recordings: Sequence[Recording],
    *,
    size: float,
    stride: float | None = None,
    classes: Sequence[str] | None = None,
    max_missing: float = 0.0,
    bad_channels: str = "refuse",
    channels: str = "refuse",
) -> Windows:
    """Cut recordings into windows, inside their annotations and never across one.

    Seconds become whole samples by rounding. A recording without annotations is cut as a whole, unlabelled.

    Parameters
    ----------
    recordings : sequence of Recording
        With the same rate, units and reference and, unless `channels` says otherwise, channels.
    size : float
        Length of a window in seconds; at least 2 samples.
    stride : float or None
        From one window's start to the next one's in seconds; None = ``size``, no overlap.
    classes : sequence of str or None
        The labels in the order of ``target``; None = all labels, sorted.
    max_missing : float
        Windows with a larger share of unobserved entries are dropped and counted, in [0, 1).
    bad_channels : {"refuse", "drop"}
        What to do with a channel that is flat, or never observed, in any recording: refuse it, or drop it
        from every recording and count it.
    channels : {"refuse", "shared"}
        What to do with recordings of different caps: refuse them, or cut all to the electrodes that every one
        measured (under their `eegdae.recordings.channels.canonical_name`; a channel that was interpolated in
        one of them is none) and count what is left out.

    Returns
    -------
    Windows
        ``x`` of shape (n_windows, n_chans, n_times), in the order of the recordings and of time.

    Raises
    ------
    EegdaeError
        If recordings differ, a channel is bad, a recording is shorter than a window, a label is not among
        ``classes``, or nothing is left: names the file or the key.
    """
    recordings = list(recordings)
    if not recordings:
        raise EegdaeError("no recordings to cut into windows")
    dropped: Counter[str] = Counter()
    if _one_of("channels", channels, ("refuse", "shared")) == "shared":
        recordings, dropped = cut_to_shared(recordings)
    check_alike(recordings)
    n_times, n_step = _samples(size, size if stride is None else stride, recordings[0].sfreq)
    if isinstance(max_missing, bool) or not isinstance(max_missing, Real) or not 0 <= max_missing < 1:
        raise EegdaeError(f"windows.max_missing={max_missing!r}: a share of a window in [0, 1) is needed")
    drop = _one_of("bad_channels", bad_channels, ("refuse", "drop")) == "drop"
    recordings, bad = _without_bad_channels(recordings, drop=drop)
    dropped.update(bad)
    order = _class_order(recordings, classes)
    xs: list[NDArray[np.float32]] = []
    masks: list[NDArray[np.bool_]] = []
    rows: list[dict[str, Any]] = []
    for rec in recordings:
        trials = rec.annotations or (Annotation(0, rec.n_times, ""),)
        longest = max(t.stop - t.start for t in trials)
        if longest < n_times:
            what = "the longest trial" if rec.annotations else "the recording"
            raise EegdaeError(
                f"{rec.source}: {what} lasts {longest / rec.sfreq:g} s, shorter than a window of "
                f"{n_times / rec.sfreq:g} s; shorten windows.size"
            )
        observed = np.ones_like(rec.data, dtype=bool) if rec.mask is None else rec.mask
        for number, trial in enumerate(trials):
            if trial.stop - trial.start < n_times:
                dropped["short trial"] += 1
            for i in range(trial.start, trial.stop - n_times + 1, n_step):
                seen = observed[:, i : i + n_times]
                if np.count_nonzero(~seen) / seen.size > max_missing:
                    dropped["missing"] += 1
                    continue
                xs.append(rec.data[:, i : i + n_times])
                masks.append(seen)
                rows.append(_row(rec, trial, number, i, n_times, order))
    if not xs:
        raise EegdaeError(
            f"no windows are left: all {dropped['missing']} have more than "
            f"windows.max_missing={max_missing:g} of their entries missing"
        )

    mask = None if all(m.all() for m in masks) else np.stack(masks)
    first = recordings[0]
    return Windows(
        x=np.stack(xs),
        metadata=pd.DataFrame(rows),
        sfreq=first.sfreq,
        ch_names=first.ch_names,
        units=first.units,
        classes=tuple(order),
        ch_pos=_shared_positions(recordings),
        mask=mask,
        dropped=dict(dropped),
        interpolated=tuple(n for n in first.ch_names if any(n in rec.interpolated for rec in recordings)),
        reference=first.reference,
        laplacian=first.laplacian,
        notes=tuple(f"{rec.source}: {'; '.join(rec.notes)}" for rec in recordings if rec.notes),
    )


def _one_of(key: str, value: object, known: tuple[str, ...]) -> str:
    if value not in known:
        raise EegdaeError(f"windows.{key}={value!r}: {did_you_mean(value, known)}")
    return str(value)


def _samples(size: float, stride: float, sfreq: float) -> tuple[int, int]:
    for key, seconds, least in (("size", size, 2), ("stride", stride, 1)):
        if not isinstance(seconds, Real) or not math.isfinite(seconds):
            raise EegdaeError(f"windows.{key}={seconds!r}: a number of seconds is needed")
        if round(seconds * sfreq) < least:
            raise EegdaeError(
                f"windows.{key}={seconds:g} s: must be {least / sfreq:g} s or more, "
                f"{least} samples at {sfreq:g} Hz"
            )
    return round(size * sfreq), round(stride * sfreq)


def _without_bad_channels(recordings: list[Recording], *, drop: bool) -> tuple[list[Recording], Counter[str]]:
    dropped: Counter[str] = Counter()
    bad: set[int] = set()
    for rec in recordings:
        for chan, what in bad_channels_of(rec).items():
            name = rec.ch_names[chan]
            if not drop:
                raise EegdaeError(
                    f"{rec.source}: channel {name} is {what}; set windows.bad_channels=drop, "
                    f"or leave it out of the data"
                )
            bad.add(chan)
            dropped[f"{what} channel {name}"] += 1
    keep = [c for c in range(recordings[0].n_chans) if c not in bad]
    if not keep:
        raise EegdaeError(
            "windows.bad_channels=drop leaves no channel: every one is flat or all-NaN in some recording"
        )
    if not bad:
        return recordings, dropped
    return [pick(rec, keep) for rec in recordings], dropped


def _class_order(recordings: list[Recording], classes: Sequence[str] | None) -> dict[str, int]:
    labels = {a.label: rec.source for rec in recordings for a in rec.annotations if a.label}
    if isinstance(classes, str) or not isinstance(classes, Sequence | None):
        raise EegdaeError(f"data.classes={classes!r}: must be a list of labels, or null")
    order = sorted(labels) if classes is None else [str(c) for c in classes]
    if len(set(order)) < len(order):
        raise EegdaeError(f"data.classes={order}: each class may stand once only")
    for label, source in labels.items():
        if label not in order:
            raise EegdaeError(
                f"{source}: label {label!r} is not among the classes; {did_you_mean(label, order)}"
            )
    return {label: k for k, label in enumerate(order)} if labels else {}


def _row(
    rec: Recording, trial: Annotation, number: int, i_start: int, n_times: int, order: dict[str, int]
) -> dict[str, Any]:
    return {
        "subject": rec.subject,
        "session": rec.session,
        "run": rec.run,
        "trial": number,
        "i_start": i_start,
        "i_stop": i_start + n_times,
        "target": order.get(trial.label, -1),
        "label": trial.label,
    }


def _shared_positions(recordings: list[Recording]) -> NDArray[np.float64] | None:
    first = recordings[0].ch_pos
    if first is None:
        return None
    same = all(rec.ch_pos is not None and np.allclose(rec.ch_pos, first) for rec in recordings)
    return first if same else None
