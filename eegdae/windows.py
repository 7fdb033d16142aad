"""Recordings cut into windows of equal length: seconds come in, samples go out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eegdae.cutting import Cutting, metadata_of, plan, take
from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.caps import Common, common_channels, on_common
from eegdae.recordings.recording import Recording, bad_channels_of, check_alike, join_units

HOW_TO_CUT = (
    *("size", "stride", "tmin", "max_missing", "reject", "flat", "reject_labels"),
    *("bad_channels", "channels"),
)
"""Options of `make_windows` that a configuration holds under ``windows``."""


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
    image_shape : (int, int) or None
        Height and width, where a window is an image: samples are its pixels, row by row, channels its
        colours.
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
    image_shape: tuple[int, int] | None = None

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
    size: float | None = None,
    stride: float | None = None,
    tmin: float | None = None,
    classes: Sequence[str] | None = None,
    max_missing: float = 0.0,
    reject: float | Mapping[str, float] | None = None,
    flat: float | Mapping[str, float] | None = None,
    reject_labels: Sequence[str] = (),
    bad_channels: str = "refuse",
    channels: str = "refuse",
) -> Windows:
    """Cut recordings into windows: inside their annotations and never across one, or one around each.

    Parameters
    ----------
    recordings : sequence of Recording
        With the same rate, units and reference and, unless `channels` says otherwise, channels.
    size, stride, tmin, max_missing, reject, flat, reject_labels
        Where windows lie, in seconds, and which are left out: see `eegdae.cutting.Cutting`. Images need no
        ``size``: each is a window.
    classes : sequence of str or None
        The labels in the order of ``target``; None = all labels, sorted.
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
    cutting = Cutting(size, stride, tmin, max_missing, reject, flat, _names("reject_labels", reject_labels))
    shared, drop = channel_rules(channels, bad_channels)
    common = common_channels(recordings, shared=shared, drop=drop) if shared or drop else Common()
    about = About()
    recordings = [about.take(on_common(rec, common), drop=drop) for rec in recordings]
    order = class_order(about.labels, classes, cutting)
    plans = [plan(rec, cutting) for rec in recordings]
    dropped = Counter(common.dropped)
    for each in plans:
        dropped.update(each.dropped)
    n_windows = sum(len(each.starts) for each in plans)
    if not n_windows:
        raise none_left(dropped, cutting)
    x = np.empty((n_windows, recordings[0].n_chans, plans[0].n_times), dtype=np.float32)
    mask = np.empty(x.shape, dtype=bool) if any(each.is_masked for each in plans) else None
    first = 0
    for rec, each in zip(recordings, plans, strict=True):
        rows = slice(first, first + len(each.starts))
        take(rec, each, x[rows], None if mask is None else mask[rows])
        first = rows.stop
    metadata = with_targets(metadata_of(plans), order)
    return about.windows(x, mask, metadata, classes=tuple(order), dropped=dict(dropped))


def channel_rules(channels: object, bad_channels: object) -> tuple[bool, bool]:
    """Check what to do with different caps and with bad channels.

    Parameters
    ----------
    channels, bad_channels : object
        As given to `make_windows`.

    Returns
    -------
    shared, drop : bool
        Whether caps are cut to what they share, and whether bad channels are dropped.

    Raises
    ------
    EegdaeError
        If a word is not known.
    """
    shared = _one_of("channels", channels, ("refuse", "shared")) == "shared"
    return shared, _one_of("bad_channels", bad_channels, ("refuse", "drop")) == "drop"


class About:
    """What recordings that are taken one after the other have in common."""

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}
        self._first: Recording | None = None
        self._same_positions = True
        self._interpolated: set[str] = set()
        self._notes: list[str] = []

    def take(self, recording: Recording, *, drop: bool) -> Recording:
        """Check a recording against the first, and note what it says.

        Parameters
        ----------
        recording : Recording
            On the channels that all keep.
        drop : bool
            Whether bad channels were dropped already.

        Returns
        -------
        Recording
            The same.

        Raises
        ------
        EegdaeError
            If it differs from the first, or a channel is bad.
        """
        if self._first is None:
            # its signal is not held
            self._first = replace(recording, data=recording.data[:, :2].copy(), mask=None, annotations=())
        first = self._first
        check_alike([first, recording])
        for chan, what in ({} if drop else bad_channels_of(recording)).items():
            raise EegdaeError(
                f"{recording.source}: channel {recording.ch_names[chan]} is {what}; set "
                f"windows.bad_channels=drop, or leave it out of the data"
            )
        here, there = first.ch_pos, recording.ch_pos
        self._same_positions &= here is not None and there is not None and np.allclose(here, there)
        self._interpolated.update(recording.interpolated)
        if recording.notes:
            self._notes.append(f"{recording.source}: {'; '.join(recording.notes)}")
        self.labels.update((a.label, recording.source) for a in recording.annotations if a.label)
        return recording

    def windows(
        self,
        x: NDArray[np.float32],
        mask: NDArray[np.bool_] | None,
        metadata: pd.DataFrame,
        *,
        classes: tuple[str, ...],
        dropped: dict[str, int],
    ) -> Windows:
        """Put arrays, metadata and what the recordings have in common together.

        Parameters
        ----------
        x, mask, metadata, classes, dropped
            Of `Windows`.

        Returns
        -------
        Windows
        """
        first = self._first
        assert first is not None
        return Windows(
            x=x,
            metadata=metadata,
            sfreq=first.sfreq,
            ch_names=first.ch_names,
            units=first.units,
            classes=classes,
            ch_pos=first.ch_pos if self._same_positions else None,
            mask=mask,
            dropped=dropped,
            interpolated=tuple(name for name in first.ch_names if name in self._interpolated),
            reference=first.reference,
            laplacian=first.laplacian,
            notes=tuple(self._notes),
            image_shape=first.image_shape,
        )


def class_order(labels: Mapping[str, str], classes: Sequence[str] | None, cutting: Cutting) -> dict[str, int]:
    """Number the classes.

    Parameters
    ----------
    labels : mapping of str to str
        Label -> a source that has it.
    classes : sequence of str or None
        The order; None = sorted.
    cutting : Cutting
        Its ``reject_labels`` are no classes.

    Returns
    -------
    dict of str to int
        Empty where there is no label.

    Raises
    ------
    EegdaeError
        If ``classes`` is no list of distinct labels, or lacks one.
    """
    if isinstance(classes, str) or not isinstance(classes, Sequence | None):
        raise EegdaeError(f"data.classes={classes!r}: must be a list of labels, or null")
    found = {label: source for label, source in labels.items() if label not in cutting.reject_labels}
    order = sorted(found) if classes is None else [str(c) for c in classes]
    if len(set(order)) < len(order):
        raise EegdaeError(f"data.classes={order}: each class may stand once only")
    for label, source in found.items():
        if label not in order:
            raise EegdaeError(
                f"{source}: label {label!r} is not among the classes; {did_you_mean(label, order)}"
            )
    return {label: k for k, label in enumerate(order)} if found else {}


def with_targets(metadata: pd.DataFrame, order: Mapping[str, int]) -> pd.DataFrame:
    """Put the column ``target`` before ``label``.

    Parameters
    ----------
    metadata : DataFrame
        Of `eegdae.cutting.Plan`.
    order : mapping of str to int
        Of `class_order`.

    Returns
    -------
    DataFrame
        The same object.
    """
    target = metadata["label"].map(dict(order)).fillna(-1).astype(np.int64)
    metadata.insert(int(metadata.columns.get_loc("label")), "target", target)  # type: ignore[arg-type]
    return metadata


def none_left(dropped: Mapping[str, int], cutting: Cutting) -> EegdaeError:
    """Say why no window is left.

    Parameters
    ----------
    dropped : mapping of str to int
        By reason.
    cutting : Cutting
        What they were dropped by.

    Returns
    -------
    EegdaeError
        To raise.
    """
    if set(dropped) <= {"missing", "short trial"}:
        return EegdaeError(
            f"no windows are left: all {dropped.get('missing', 0)} have more than "
            f"windows.max_missing={cutting.max_missing:g} of their entries missing"
        )
    reasons = ", ".join(f"{reason} ({count})" for reason, count in dropped.items())
    return EegdaeError(
        f"no windows are left; left out: {reasons}; loosen windows.reject, flat or max_missing"
    )


def _names(key: str, value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise EegdaeError(f"windows.{key}={value!r}: must be a list of labels, for example [artefact]")
    return tuple(str(one) for one in value)


def _one_of(key: str, value: object, known: tuple[str, ...]) -> str:
    if value not in known:
        raise EegdaeError(f"windows.{key}={value!r}: {did_you_mean(value, known)}")
    return str(value)
