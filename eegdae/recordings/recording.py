"""One continuous multichannel signal, and the checks at the door through which every source passes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eegdae.errors import EegdaeError
from eegdae.recordings.channels import find_channels, shared_channels


@dataclass(frozen=True, eq=False)
class Annotation:
    """A labelled stretch of a recording: samples ``start`` (inclusive) to ``stop`` (exclusive).

    Parameters
    ----------
    start, stop : int
        Samples of the recording, half open: ``0 <= start < stop <= n_times``.
    label : str
        What happens there; ``""`` means a trial without a label.
    """

    start: int
    stop: int
    label: str


@dataclass(frozen=True, eq=False)
class Recording:
    """One continuous multichannel signal; make it with `as_recording`, which checks it.

    Parameters
    ----------
    data : ndarray of float32, shape (n_chans, n_times)
        The signal in ``units``; finite everywhere, 0 where ``mask`` is False.
    sfreq : float
        Sampling rate in hertz.
    ch_names : tuple of str, length n_chans
        Distinct channel names.
    units : tuple of str, length n_chans
        One unit a channel: ``"uV"``, ``"g"``, ``"rad/s"``, ``"a.u."``.
    ch_pos : ndarray of float64, shape (n_chans, 3), or None
        Sensor positions in metre, head coordinates.
    mask : ndarray of bool, shape (n_chans, n_times), or None
        True = observed; None = all observed.
    annotations : tuple of Annotation
        Labelled stretches; windows never straddle them.
    subject, session, run : str
        Who, when and which; ``""`` where unknown.
    source : str
        The file, and where it holds several recordings which one, as errors name it.
    interpolated : tuple of str
        Channels that were not measured but computed from the others.
    reference : str, tuple of str or None
        ``"average"``, or the channels whose mean was taken off; None = as recorded.
    laplacian : bool
        Whether the signals are surface Laplacians.
    notes : tuple of str
        What preparation found and did: bad channels and the rules that they break, shares of time that became
        unobserved, channels that were computed.
    image_shape : (int, int) or None
        Height and width, where the recording is images one after the other: pixels are its samples, row by
        row, colours its channels, and each annotation begins with an image. None = signals.
    """

    data: NDArray[np.float32]
    sfreq: float
    ch_names: tuple[str, ...]
    units: tuple[str, ...]
    ch_pos: NDArray[np.float64] | None = None
    mask: NDArray[np.bool_] | None = None
    annotations: tuple[Annotation, ...] = ()
    subject: str = ""
    session: str = ""
    run: str = ""
    source: str = ""
    interpolated: tuple[str, ...] = ()
    reference: str | tuple[str, ...] | None = None
    laplacian: bool = False
    notes: tuple[str, ...] = ()
    image_shape: tuple[int, int] | None = None

    @property
    def n_chans(self) -> int:
        """Number of channels."""
        return int(self.data.shape[0])

    @property
    def n_times(self) -> int:
        """Number of samples."""
        return int(self.data.shape[1])

    @property
    def unit(self) -> str:
        """The unit that all channels share, else the distinct ones joined by a comma."""
        return join_units(self.units)

    @property
    def n_images(self) -> int:
        """Number of images; 0 of signals."""
        return self.n_times // math.prod(self.image_shape) if self.image_shape else 0


def join_units(units: Sequence[str]) -> str:
    """Name the units of several channels in one string.

    Parameters
    ----------
    units : sequence of str
        One a channel.

    Returns
    -------
    str
        The shared unit, or the distinct ones in their first order joined by ``", "``.
    """
    return ", ".join(dict.fromkeys(units))


def as_recording(
    data: ArrayLike,
    *,
    sfreq: float,
    ch_names: Sequence[str],
    unit: str | Sequence[str] = "a.u.",
    source: str = "array",
    ch_pos: ArrayLike | None = None,
    mask: NDArray[np.bool_] | None = None,
    annotations: Sequence[Annotation] = (),
    subject: str = "",
    session: str = "",
    run: str = "",
    interpolated: Sequence[str] = (),
    copy: bool = True,
    image_shape: tuple[int, int] | None = None,
) -> Recording:
    """Check a signal at the door and make it a `Recording`; NaN becomes ``mask``.

    Flat and all-NaN channels pass here: what to do with them is a setting of `eegdae.windows.make_windows`.

    Parameters
    ----------
    data : array-like of float, shape (n_chans, n_times)
        The signal in ``unit``; NaN = not observed.
    sfreq : float
        Sampling rate in hertz.
    ch_names : sequence of str, length n_chans
        Distinct channel names.
    unit : str or sequence of str, length n_chans
        One unit for all channels, or one a channel.
    source : str
        The file name that errors show.
    ch_pos : array-like of float, shape (n_chans, 3), or None
        Sensor positions in metre.
    mask : ndarray of bool, shape (n_chans, n_times), or None
        True = observed; NaN in ``data`` is unobserved besides.
    annotations : sequence of Annotation
        Labelled stretches inside the recording.
    subject, session, run : str
        Who, when and which.
    interpolated : sequence of str
        Channels that were computed from the others, by any name of their electrode.
    copy : bool
        False: ``data`` of float32 is kept as it is, and 0 is written where it was not observed.
    image_shape : (int, int) or None
        Height and width, where the samples are the pixels of images, row by row.

    Returns
    -------
    Recording
        With float32 data of shape (n_chans, n_times), 0 where not observed.

    Raises
    ------
    EegdaeError
        If a shape, a name, a rate or an annotation does not fit, or a value is infinite or too large for
        float32: names the file and, for a value, the channel and the first sample.
    """
    signal = _as_signal(data, source)
    n_chans, n_times = signal.shape
    names = tuple(str(name) for name in ch_names)
    units = (unit,) * n_chans if isinstance(unit, str) else tuple(str(u) for u in unit)
    _check_names(names, units, n_chans, source)
    if not np.isfinite(sfreq) or sfreq <= 0:
        raise EegdaeError(
            f"{source}: sfreq={sfreq} is not a sampling rate; give a finite number above 0 (Hz)"
        )

    with np.errstate(over="ignore", invalid="ignore"):
        values = signal.astype(np.float32, copy=copy)
    if mask is not None and mask.shape != values.shape:
        raise EegdaeError(f"{source}: mask has shape {mask.shape}, the data {values.shape}; they must agree")
    observed = _observed(values, mask, names, source)
    if observed is not None:
        values[~observed] = 0.0

    positions = None if ch_pos is None else np.asarray(ch_pos, dtype=np.float64)
    if positions is not None and (positions.shape != (n_chans, 3) or not np.isfinite(positions).all()):
        raise EegdaeError(f"{source}: ch_pos must be finite, shape ({n_chans}, 3); it is {positions.shape}")
    if image_shape is not None and n_times % math.prod(image_shape):
        height, width = image_shape
        raise EegdaeError(f"{source}: {n_times} pixels are no whole number of images of {height} x {width}")
    for a in annotations:
        if not 0 <= a.start < a.stop <= n_times:
            raise EegdaeError(
                f"{source}: annotation {a.label!r} spans {a.start} to {a.stop}, outside 0 to {n_times}"
            )
    return Recording(
        data=values,
        sfreq=float(sfreq),
        ch_names=names,
        units=units,
        ch_pos=positions,
        mask=observed,
        annotations=tuple(annotations),
        subject=str(subject),
        session=str(session),
        run=str(run),
        source=source,
        interpolated=tuple(
            names[place] for place in find_channels(interpolated, names, where=f"{source}: interpolated")
        ),
        image_shape=image_shape,
    )


def bad_channels_of(recording: Recording) -> dict[int, str]:
    """Find the channels that carry nothing.

    Parameters
    ----------
    recording : Recording
        Any recording.

    Returns
    -------
    dict of int to str
        Channel number to ``"all-NaN"`` (never observed) or ``"flat"`` (one value at all observed samples).
    """
    found: dict[int, str] = {}
    for chan, values in enumerate(recording.data):
        seen = values if recording.mask is None else values[recording.mask[chan]]
        if not seen.size:
            found[chan] = "all-NaN"
        elif seen.min() == seen.max():
            found[chan] = "flat"
    return found


def check_alike(recordings: Sequence[Recording]) -> None:
    """Refuse recordings that cannot stand in one array: other channels, rates, units or references.

    Parameters
    ----------
    recordings : sequence of Recording
        Compared with the first of them.

    Raises
    ------
    EegdaeError
        Names both files and the difference.
    """
    first = recordings[0]
    for other in recordings[1:]:
        pair = f"{first.source} and {other.source}"
        if other.image_shape != first.image_shape:
            one, another = (image_words(rec.image_shape) for rec in (first, other))
            raise EegdaeError(
                f"{pair} do not go together: {one} and {another}; give images one size with data.size"
            )
        if other.ch_names != first.ch_names:
            meet = shared_channels([first.ch_names, other.ch_names])
            mend = "; windows.channels=shared cuts them to the electrodes that they share" if meet else ""
            raise EegdaeError(f"{pair} have different channels: {_difference(first, other)}{mend}")
        if other.sfreq != first.sfreq:
            raise EegdaeError(
                f"{pair} have different sampling rates: {first.sfreq:g} Hz and {other.sfreq:g} Hz; "
                f"resample both, e.g. data.prepare.sfreq={min(first.sfreq, other.sfreq):g}"
            )
        if other.units != first.units:
            raise EegdaeError(f"{pair} have different units: {first.unit} and {other.unit}")
        if (other.reference, other.laplacian) != (first.reference, first.laplacian):
            one, another = (reference_name(rec.reference, rec.laplacian) for rec in (first, other))
            raise EegdaeError(
                f"{pair} have different references: {one} and {another}; "
                "give both the same data.prepare.reference and data.prepare.laplacian"
            )


def _as_signal(data: ArrayLike, source: str) -> NDArray[Any]:
    signal = np.asarray(data)
    if signal.dtype.kind not in "iuf":
        raise EegdaeError(f"{source}: data must be real numbers, not dtype {signal.dtype}")
    if signal.ndim != 2 or signal.shape[0] < 1 or signal.shape[1] < 2:
        raise EegdaeError(
            f"{source}: data has shape {signal.shape}; (n_chans, n_times) is needed, at least 1 channel and "
            "2 samples"
        )
    return signal


def _check_names(names: tuple[str, ...], units: tuple[str, ...], n_chans: int, source: str) -> None:
    if len(names) != n_chans:
        raise EegdaeError(f"{source}: {len(names)} channel names for {n_chans} channels")
    if len(units) != n_chans:
        raise EegdaeError(
            f"{source}: {len(units)} units for {n_chans} channels; give one for all, or one each"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise EegdaeError(f"{source}: channel names must be distinct; more than once: {', '.join(twice)}")


def _observed(
    values: NDArray[np.float32], mask: NDArray[np.bool_] | None, names: tuple[str, ...], source: str
) -> NDArray[np.bool_] | None:
    """What was observed, None where all was; refuses infinity."""
    with np.errstate(over="ignore", invalid="ignore"):
        is_finite = bool(np.isfinite(values.sum(axis=1)).all())  # one pass, no temporary array
    if is_finite and (mask is None or mask.all()):
        return None
    _check_finite(values, names, source)
    observed = ~np.isnan(values)
    if mask is not None:
        observed &= mask
    return None if observed.all() else observed


def _check_finite(values: NDArray[np.float32], names: tuple[str, ...], source: str) -> None:
    infinite = np.isinf(values)
    if infinite.any():
        chan = int(infinite.any(axis=1).argmax())
        sample = int(infinite[chan].argmax())
        raise EegdaeError(
            f"{source}: channel {names[chan]} is infinite or beyond float32, first at sample {sample}; "
            "write NaN where nothing was measured"
        )


def reference_name(reference: str | tuple[str, ...] | None, laplacian: bool) -> str:
    """Say in words what signals are referred to."""
    if laplacian:
        return "surface Laplacian"
    if reference is None:
        return "as recorded"
    return reference if isinstance(reference, str) else ", ".join(reference)


def image_words(shape: tuple[int, int] | None) -> str:
    """Say in words what a recording is made of: ``images of 28 x 28 pixels``, or ``signals``."""
    return "signals" if shape is None else f"images of {shape[0]} x {shape[1]} pixels"


def _difference(first: Recording, other: Recording) -> str:
    only_first = [n for n in first.ch_names if n not in other.ch_names]
    only_other = [n for n in other.ch_names if n not in first.ch_names]
    if not only_first and not only_other:
        return f"the order differs, {', '.join(first.ch_names)} against {', '.join(other.ch_names)}"
    parts = [("first", only_first), ("second", only_other)]
    return "; ".join(f"only in the {which}: {', '.join(names)}" for which, names in parts if names)
