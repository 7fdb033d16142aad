"""Reference, filter and rate of a whole recording, before it is cut: MNE's own functions, in float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.recording import Annotation, Recording
from eegdae.recordings.reference import rereference

_KEYS = ("l_freq", "h_freq", "sfreq", "reference", "laplacian")


def prepare(
    recording: Recording,
    *,
    l_freq: float | None = None,
    h_freq: float | None = None,
    sfreq: float | None = None,
    reference: str | Sequence[str] | None = None,
    laplacian: bool = False,
) -> Recording:
    """Give a recording another reference, filter it (zero-phase FIR) and resample it.

    Filtering comes before windowing because the filter is longer than a window. Stretches that were not
    observed are bridged by straight lines while filtering and are unobserved again afterwards; a flat channel
    stays flat.

    Parameters
    ----------
    recording : Recording
        Any recording.
    l_freq : float or None
        Lower edge of the pass band in hertz; None = no high-pass.
    h_freq : float or None
        Upper edge of the pass band in hertz; None = no low-pass.
    sfreq : float or None
        New sampling rate in hertz; None = as it is.
    reference : str, sequence of str or None
        ``"average"``, or the channels whose mean is taken off all; None = as recorded. See
        `eegdae.recordings.reference.rereference`, also for what becomes of gaps.
    laplacian : bool
        Whether to take the surface Laplacian.

    Returns
    -------
    Recording
        Of shape (n_chans, round(n_times * sfreq / old sfreq)); mask and annotations follow.

    Raises
    ------
    EegdaeError
        If a frequency does not fit the rate, the filter is longer than the recording, or the channels cannot
        have the reference or the Laplacian.

    Notes
    -----
    `mne.filter.filter_data` with its defaults (Hamming window, firwin design), then
    `mne.filter.resample` with ``method="polyphase"``, which keeps sample k at time k / sfreq.
    """
    import mne

    old = recording.sfreq
    _check_frequencies(recording, l_freq, h_freq, sfreq)
    recording = rereference(recording, reference=reference, laplacian=laplacian)
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


def check_prepare(options: object) -> Mapping[str, Any]:
    """Check the ``prepare`` block of a data configuration.

    Parameters
    ----------
    options : object
        The block as read: a mapping, or None for none.

    Returns
    -------
    mapping
        The keyword arguments of `prepare`.

    Raises
    ------
    EegdaeError
        If it is not a mapping, or holds an unknown key.
    """
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise EegdaeError(f"data.prepare={options!r}: a mapping with {', '.join(_KEYS)} is needed")
    for key in options:
        if key not in _KEYS:
            raise EegdaeError(f"data.prepare.{key}: unknown key; {did_you_mean(str(key), _KEYS)}")
    return options


def _check_frequencies(
    rec: Recording, l_freq: float | None, h_freq: float | None, sfreq: float | None
) -> None:
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
