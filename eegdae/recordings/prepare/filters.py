"""Filter and rate of a whole recording: MNE's own functions, in float64."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError
from eegdae.recordings.recording import Annotation, Recording


def filtered(
    recording: Recording, *, l_freq: float | None, h_freq: float | None, sfreq: float | None
) -> Recording:
    """Filter a recording and resample it.

    Parameters
    ----------
    recording : Recording
        Any recording.
    l_freq, h_freq, sfreq : float or None
        Of `eegdae.recordings.prepare.prepare`, checked.

    Returns
    -------
    Recording
        Of shape (n_chans, round(n_times * sfreq / old sfreq)); mask and annotations follow.

    Raises
    ------
    EegdaeError
        If the filter is longer than the recording.
    """
    import mne

    old = recording.sfreq
    data = _bridged(recording)  # (n_chans, n_times)
    flat = np.ptp(data, axis=1) == 0
    level = data[flat, :1] if l_freq is None else 0.0
    if l_freq is not None or h_freq is not None:
        needed = _filter_seconds(l_freq, h_freq, old)
        if needed > recording.n_times / old:
            raise EegdaeError(
                f"{recording.source}: lasts {recording.n_times / old:g} s, but the filter for "
                f"data.prepare.l_freq={l_freq} h_freq={h_freq} needs {needed:.3g} s; "
                "raise l_freq or leave it out"
            )
        data = mne.filter.filter_data(data, old, l_freq, h_freq, copy=False, verbose="error")
    mask, annotations = recording.mask, recording.annotations
    new = old if sfreq is None else float(sfreq)
    if new != old:
        data = _resampled(data, old, new)
        n_times = data.shape[1]
        if mask is not None:
            nearest = np.minimum(np.rint(np.arange(n_times) * old / new).astype(int), mask.shape[1] - 1)
            mask = mask[:, nearest]
        annotations = tuple(_rescaled(a, new / old, n_times) for a in annotations)
    values = data.astype(np.float32)
    values[flat] = level
    if mask is not None:
        values[~mask] = 0.0
    return replace(recording, data=values, sfreq=new, mask=mask, annotations=annotations)


def check_frequencies(
    rec: Recording, l_freq: float | None, h_freq: float | None, sfreq: float | None
) -> None:
    """Refuse frequencies that do not fit the rate of a recording, or one another."""
    for key, value in (("l_freq", l_freq), ("h_freq", h_freq), ("sfreq", sfreq)):
        if value is not None and not (isinstance(value, int | float) and 0 < value < np.inf):
            raise EegdaeError(f"data.prepare.{key}={value!r}: a number above 0 (Hz), or null, is needed")
    for key, value in (("l_freq", l_freq), ("h_freq", h_freq)):
        if value is not None and value >= rec.sfreq / 2:
            raise EegdaeError(
                f"{rec.source}: data.prepare.{key}={value:g} must be below half the sampling rate, "
                f"{rec.sfreq / 2:g} Hz"
            )
    if l_freq is not None and h_freq is not None and l_freq >= h_freq:
        raise EegdaeError(f"data.prepare.l_freq={l_freq:g} must lie below h_freq={h_freq:g}")
    if sfreq is not None and h_freq is not None and h_freq > sfreq / 2:
        raise EegdaeError(f"data.prepare.sfreq={sfreq:g} must be at least twice h_freq={h_freq:g}")


def _filter_seconds(l_freq: float | None, h_freq: float | None, sfreq: float) -> float:
    """Length of MNE's default filter, before it is designed: 3.3 over its narrower transition band."""
    bands = [min(max(0.25 * l_freq, 2.0), l_freq)] if l_freq is not None else []
    bands += [min(max(0.25 * h_freq, 2.0), sfreq / 2 - h_freq)] if h_freq is not None else []
    n_taps = int(np.ceil(3.3 / min(bands) * sfreq))
    return (n_taps + (n_taps + 1) % 2) / sfreq  # an odd number of taps


def _bridged(rec: Recording) -> NDArray[np.float64]:
    data = rec.data.astype(np.float64)
    if rec.mask is not None:
        times = np.arange(rec.n_times)
        for values, seen in zip(data, rec.mask, strict=True):
            if seen.any() and not seen.all():
                values[~seen] = np.interp(times[~seen], times[seen], values[seen])
    return data


def _resampled(data: NDArray[np.float64], old: float, new: float) -> NDArray[np.float64]:
    import mne

    # MNE rounds the length that it resamples, which stretches time: 500 to 128 Hz with method="fft" by half a
    # sample in a minute. A whole number of periods of the ratio has a whole length at either rate.
    ratio = Fraction(new).limit_denominator(1000) / Fraction(old).limit_denominator(1000)
    n_times = data.shape[1]
    whole = np.pad(data, ((0, 0), (0, -n_times % ratio.denominator)), mode="edge")
    resampled: NDArray[np.float64] = mne.filter.resample(
        whole, up=ratio.numerator, down=ratio.denominator, method="polyphase", verbose="error"
    )
    return resampled[:, : max(round(n_times * ratio), 2)]


def _rescaled(annotation: Annotation, ratio: float, n_times: int) -> Annotation:
    start = min(round(annotation.start * ratio), n_times - 1)
    return Annotation(start, max(start + 1, min(round(annotation.stop * ratio), n_times)), annotation.label)
