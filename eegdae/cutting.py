"""How one recording is cut into windows: in whole samples, inside its trials or around its events."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eegdae.errors import EegdaeError
from eegdae.recordings import Annotation, Recording

TEXT = ("subject", "session", "run", "label")
"""Columns of text in the metadata of windows."""
COLUMNS = ("subject", "session", "run", "trial", "i_start", "i_stop", "label")
"""Columns of the metadata of windows, but for ``target``."""

_BLOCK_BYTES = 2**24
"""Windows are looked at in blocks of this size."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Where the windows of one recording lie.

    Parameters
    ----------
    starts : ndarray of int64, shape (n_windows,)
        First sample of each.
    n_times : int
        Samples in each.
    who : tuple of str
        Subject, session and run.
    trials : tuple of int, length n_windows
        Number of the annotation that each lies in.
    labels : tuple of str, length n_windows
        Its label.
    is_masked : bool
        Whether an entry of a window was not observed.
    dropped : Counter of str
        What was left out, by reason.
    """

    starts: NDArray[np.int64]
    n_times: int
    who: tuple[str, str, str]
    trials: tuple[int, ...]
    labels: tuple[str, ...]
    is_masked: bool
    dropped: Counter[str] = field(default_factory=Counter)

    def rows(self) -> Iterator[tuple[str | int, ...]]:
        """Give what is known of each window, in the order of `COLUMNS`."""
        for trial, start, label in zip(self.trials, self.starts.tolist(), self.labels, strict=True):
            yield *self.who, trial, start, start + self.n_times, label


def metadata_of(plans: Iterable[Plan]) -> pd.DataFrame:
    """Put what is known of the windows of several recordings into one table.

    Parameters
    ----------
    plans : iterable of Plan
        In the order of the windows.

    Returns
    -------
    DataFrame, n_windows rows
        As of `eegdae.windows.Windows`, but for ``target``, which takes all recordings.
    """
    rows = [row for each in plans for row in each.rows()]
    columns = dict(zip(COLUMNS, zip(*rows, strict=True) if rows else ((),) * len(COLUMNS), strict=True))
    return pd.DataFrame(columns).astype({name: "str" if name in TEXT else np.int64 for name in COLUMNS})


@dataclass(frozen=True)
class Cutting:
    """Where windows begin, how long they are, and which are rejected; seconds end here.

    Parameters
    ----------
    size : float or None
        Length of a window in seconds; None only for images, whose windows are whole images.
    stride : float or None
        From one window's start to the next one's in seconds; None = ``size``, no overlap.
    tmin : float or None
        Seconds from an annotation's start to the start of its one window, may be negative; None = windows
        fill the annotations.
    max_missing : float
        Windows with a larger share of unobserved entries are dropped, in [0, 1).
    reject, flat : float, mapping of str to float, or None
        A window is dropped where any channel's peak-to-peak value is above ``reject`` or below ``flat``: a
        number in the unit of the channels, or one a unit (``{uV: 150}``).
    reject_labels : tuple of str
        Annotations that are no trials: windows that overlap one are dropped.

    Raises
    ------
    EegdaeError
        If a number is none or makes no sense: names the key.
    """

    size: float | None
    stride: float | None = None
    tmin: float | None = None
    max_missing: float = 0.0
    reject: float | Mapping[str, float] | None = None
    flat: float | Mapping[str, float] | None = None
    reject_labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for key in ("size", "stride", "tmin"):
            value = getattr(self, key)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
                raise EegdaeError(f"windows.{key}={value!r}: a number of seconds is needed")
        if self.tmin is not None and self.stride is not None and self.stride != self.size:
            raise EegdaeError(
                f"windows.stride={self.stride:g}: with windows.tmin={self.tmin:g} an event has one window; "
                "set windows.stride=null, or windows.tmin=null for windows that fill the trials"
            )
        share = self.max_missing
        if isinstance(share, bool) or not isinstance(share, Real) or not 0 <= share < 1:
            raise EegdaeError(f"windows.max_missing={share!r}: a share of a window in [0, 1) is needed")
        for key in ("reject", "flat"):
            value = getattr(self, key)
            limits = value.values() if isinstance(value, Mapping) else () if value is None else (value,)
            if not all(isinstance(v, Real) and not isinstance(v, bool) and v >= 0 for v in limits):
                raise EegdaeError(
                    f"windows.{key}={value!r}: a peak-to-peak value of 0 or more, or one a unit, for example "
                    "{uV: 150}, or null"
                )
        if isinstance(self.reject_labels, str) or not isinstance(self.reject_labels, Sequence):
            raise EegdaeError(f"windows.reject_labels={self.reject_labels!r}: must be a list of labels")

    def samples(self, sfreq: float) -> tuple[int, float]:
        """Give the length of a window in whole samples, and the stride in samples, whole or not.

        Parameters
        ----------
        sfreq : float
            Sampling rate in hertz.

        Returns
        -------
        n_times : int
            Rounded; one sample fewer where windows side by side would else share one.
        n_step : float
            Window k begins at the sample nearest to ``k * n_step``, so that windows do not drift.

        Raises
        ------
        EegdaeError
            If a window has fewer than 2 samples, or the stride less than 1.
        """
        if self.size is None:
            raise EegdaeError(
                f"windows.size={self.size}: a number of seconds is needed; only images need none"
            )
        stride = self.size if self.stride is None else self.stride
        for key, seconds, least in (("size", self.size, 2), ("stride", stride, 1)):
            if math.floor(seconds * sfreq + 0.5) < least:
                raise EegdaeError(
                    f"windows.{key}={seconds:g} s: must be {least / sfreq:g} s or more, "
                    f"{least} samples at {sfreq:g} Hz"
                )
        # 4.1 s at 100 Hz are 409.99999999999994 samples
        n_times, n_step = math.floor(self.size * sfreq + 0.5), round(stride * sfreq, 6)
        return (n_times - 1 if stride >= self.size and n_times > math.floor(n_step) else n_times), n_step

    def pixels(self, recording: Recording) -> tuple[int, float]:
        """Give the length of a window of images and the stride: that of an image, in pixels.

        Parameters
        ----------
        recording : Recording
            Of images.

        Returns
        -------
        n_times, n_step : int, float
            As `samples` gives them.

        Raises
        ------
        EegdaeError
            If another size, or windows around events, are asked for, or a trial does not begin with an image.
        """
        height, width = recording.image_shape or (0, 0)
        n_pixels = height * width
        if self.size is not None and round(self.size * recording.sfreq, 6) != n_pixels:
            raise EegdaeError(
                f"windows.size={self.size:g}: a window of images is one image, here of {height} x {width} "
                f"pixels ({recording.source}); set windows.size=null, or {n_pixels / recording.sfreq:g}"
            )
        if self.tmin is not None:
            raise EegdaeError(
                f"windows.tmin={self.tmin:g}: images have no events in time; set windows.tmin=null"
            )
        for a in recording.annotations:
            if a.start % n_pixels:
                raise EegdaeError(
                    f"{recording.source}: trial {a.label!r} begins at pixel {a.start}, inside an image of "
                    f"{height} x {width} pixels"
                )
        return n_pixels, float(n_pixels)


def plan(recording: Recording, cutting: Cutting) -> Plan:
    """Find where a recording's windows lie.

    Images are windows as they are. Else, without ``tmin``, windows lie inside its annotations, side by side
    or ``stride`` apart, and never across one; a recording without annotations is cut as a whole, unlabelled.
    With it, each annotation has one window, which begins ``tmin`` after its start.

    Parameters
    ----------
    recording : Recording
        Any recording.
    cutting : Cutting
        Where and how long.

    Returns
    -------
    Plan
        In the order of the annotations and of time. Reasons in ``dropped``: ``"short trial"`` (trials),
        ``"outside the recording"`` (events), ``"missing"``, ``"amplitude"``, ``"flatness"`` and ``"annotation
        LABEL"`` (windows, each counted once, by the first of these that holds).

    Raises
    ------
    EegdaeError
        If all trials are shorter than a window, there is no event, or a unit has no limit.
    """
    is_images = recording.image_shape is not None
    n_times, n_step = cutting.pixels(recording) if is_images else cutting.samples(recording.sfreq)
    dropped: Counter[str] = Counter()
    trials = _trials(recording, cutting)
    number, starts = _starts(recording, cutting, n_times, n_step, dropped)
    missing = _n_missing(recording, starts, n_times)
    is_kept = _kept(recording, cutting, starts, n_times, missing, dropped)
    number, starts = number[is_kept], starts[is_kept]
    return Plan(
        starts,
        n_times,
        (recording.subject, recording.session, recording.run),
        tuple(number.tolist()),
        tuple(trials[k].label for k in number),
        bool(missing[is_kept].any()),
        dropped,
    )


def take(
    recording: Recording, plan: Plan, out: NDArray[np.float32], mask: NDArray[np.bool_] | None, first: int = 0
) -> None:
    """Copy windows of a recording.

    Parameters
    ----------
    recording : Recording
        That was planned.
    plan : Plan
        Of `plan`.
    out : ndarray of float32, shape (n_taken, n_chans, n_times)
        Where the signal goes, 0 where it was not observed.
    mask : ndarray of bool, same shape, or None
        Where True = observed goes; None = nowhere.
    first : int
        Number of the first window that is taken.
    """
    for k, start in enumerate(plan.starts[first : first + len(out)]):
        span = slice(start, start + plan.n_times)
        out[k] = recording.data[:, span]
        if mask is not None:
            mask[k] = True if recording.mask is None else recording.mask[:, span]


def _trials(recording: Recording, cutting: Cutting) -> list[Annotation]:
    """What is cut: the annotations that are not there to reject windows, else the whole recording."""
    kept = [a for a in recording.annotations if a.label not in cutting.reject_labels]
    return kept or ([] if cutting.tmin is not None else [Annotation(0, recording.n_times, "")])


def _starts(
    recording: Recording, cutting: Cutting, n_times: int, n_step: float, dropped: Counter[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number of the trial and first sample of every window, shape (n_windows,) each."""
    trials = _trials(recording, cutting)
    if cutting.tmin is not None:
        if not trials:
            raise EegdaeError(
                f"{recording.source}: has no event to lock windows to (windows.tmin={cutting.tmin:g}); set "
                "data.events=all where it may be of another kind (trials, instants), or windows.tmin=null to "
                "cut it as a whole"
            )
        shift = math.floor(cutting.tmin * recording.sfreq + 0.5)
        starts = np.array([t.start + shift for t in trials], dtype=np.int64)
        inside = (starts >= 0) & (starts + n_times <= recording.n_times)
        if not inside.all():
            dropped["outside the recording"] += int((~inside).sum())
        return np.flatnonzero(inside), starts[inside]
    longest = max(t.stop - t.start for t in trials)
    if longest < n_times:
        what = "the longest trial" if recording.annotations else "the recording"
        instants = "; for windows around events set windows.tmin" if longest == 1 else ""
        raise EegdaeError(
            f"{recording.source}: {what} lasts {longest / recording.sfreq:g} s, shorter than a window of "
            f"{n_times / recording.sfreq:g} s; shorten windows.size{instants}"
        )
    numbers, firsts = [], []
    for number, trial in enumerate(trials):
        room = trial.stop - trial.start - n_times
        if room < 0:
            dropped["short trial"] += 1
            continue
        k = np.arange(math.floor(room / n_step) + 2)
        offsets = np.floor(k * n_step + 0.5).astype(np.int64)
        offsets = offsets[offsets <= room]
        numbers.append(np.full(len(offsets), number))
        firsts.append(trial.start + offsets)
    return np.concatenate(numbers).astype(np.int64), np.concatenate(firsts).astype(np.int64)


def _n_missing(recording: Recording, starts: NDArray[np.int64], n_times: int) -> NDArray[np.int64]:
    """Entries of each window that were not observed, shape (n_windows,)."""
    if recording.mask is None:
        return np.zeros(len(starts), dtype=np.int64)
    before = np.concatenate([[0], np.cumsum((~recording.mask).sum(0))])
    return np.asarray(before[starts + n_times] - before[starts], dtype=np.int64)


def _kept(
    recording: Recording,
    cutting: Cutting,
    starts: NDArray[np.int64],
    n_times: int,
    missing: NDArray[np.int64],
    dropped: Counter[str],
) -> NDArray[np.bool_]:
    """Which windows stay, shape (n_windows,); counts the others."""
    kept = np.ones(len(starts), dtype=bool)

    def drop(reason: str, is_bad: NDArray[np.bool_]) -> None:
        count = int((is_bad & kept).sum())
        if count:
            dropped[reason] += count
            kept[is_bad] = False

    drop("missing", missing / (recording.n_chans * n_times) > cutting.max_missing)
    high, low = (_limits(recording, key, getattr(cutting, key)) for key in ("reject", "flat"))
    if high is not None or low is not None:
        ptp = _peak_to_peak(
            recording, starts, n_times
        )  # (n_windows, n_chans), NaN where nothing was observed
        for reason, limits, sign in (("amplitude", high, 1.0), ("flatness", low, -1.0)):
            if limits is not None:
                drop(reason, np.asarray((sign * ptp > sign * limits).any(1)))
    for mark in recording.annotations:
        if mark.label in cutting.reject_labels:
            drop(f"annotation {mark.label}", (starts < mark.stop) & (starts + n_times > mark.start))
    return kept


def _limits(recording: Recording, key: str, value: Any) -> NDArray[np.float64] | None:
    """One limit a channel; NaN, which nothing exceeds, where its unit has none."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return np.full(recording.n_chans, float(value))
    for unit in value:
        if unit not in recording.units:
            raise EegdaeError(
                f"windows.{key}.{unit}: no channel of {recording.source} has this unit; there are "
                f"{', '.join(dict.fromkeys(recording.units))}"
            )
    return np.array([float(value.get(unit, np.nan)) for unit in recording.units])


def _peak_to_peak(recording: Recording, starts: NDArray[np.int64], n_times: int) -> NDArray[np.float64]:
    ptp = np.empty((len(starts), recording.n_chans))
    step = max(1, _BLOCK_BYTES // (4 * recording.n_chans * n_times))
    view = np.lib.stride_tricks.sliding_window_view
    for first in range(0, len(starts), step):
        block = starts[first : first + step]
        x = view(recording.data, n_times, axis=1)[:, block]  # (n_chans, n_block, n_times)
        low, high = x, x
        if recording.mask is not None:
            seen = view(recording.mask, n_times, axis=1)[:, block]
            low, high = np.where(seen, x, np.inf), np.where(seen, x, -np.inf)
        found = high.max(2).astype(np.float64) - low.min(2)
        ptp[first : first + step] = np.where(np.isfinite(found), found, np.nan).T
    return ptp
