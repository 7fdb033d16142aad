"""Notches, filter and rate of a whole recording: MNE's own functions, in float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.prepare import causal as forward
from eegdae.recordings.prepare.bridging import bridged
from eegdae.recordings.recording import Annotation, Recording

# MNE's notch at f: a stop band of f / 200, and half a hertz of transition on either side.
_WIDTH, _TRANSITION = 200.0, 0.5


def notched(recording: Recording, freqs: Sequence[float], *, causal: bool = False) -> Recording:
    """Take single frequencies out, such as those of the mains.

    Parameters
    ----------
    recording : Recording
        Any recording.
    freqs : sequence of float
        In hertz, of `notch_frequencies`; none = nothing is done.
    causal : bool
        Forward-only Butterworth filters instead of a zero-phase FIR filter.

    Returns
    -------
    Recording
        Of the same shape; a flat channel stays flat.

    Raises
    ------
    EegdaeError
        If the filter is longer than the recording, or two frequencies are too close.

    Notes
    -----
    `mne.filter.notch_filter` with its defaults.
    """
    if not freqs:
        return recording
    import mne

    data = bridged(recording, causal=causal)
    flat = np.ptp(data, axis=1) == 0
    if causal:
        data = forward.notched(data, recording.sfreq, freqs)
    else:
        said = f"data.prepare.notch={[float(f'{f:g}') for f in freqs]}"
        needed, lasts = 3.3 / _TRANSITION, recording.n_times / recording.sfreq
        if needed > lasts:
            raise EegdaeError(
                f"{recording.source}: lasts {lasts:g} s, but the filter for {said} needs {needed:.3g} s; "
                "leave notch out"
            )
        try:
            data = mne.filter.notch_filter(data, recording.sfreq, np.array(freqs), verbose="error")
        except ValueError as error:
            raise EegdaeError(f"{said}: {' '.join(str(error).split())}; leave 2 Hz between them") from error
    values = data.astype(np.float32)
    values[flat] = recording.data[flat]
    if recording.mask is not None:
        values[~recording.mask] = 0.0
    return replace(recording, data=values)


def notch_frequencies(value: object, sfreq: float, *, source: str) -> list[float]:
    """Read ``data.prepare.notch``.

    Parameters
    ----------
    value : object
        A frequency, a list of them, or ``{line: 50, harmonics: 3}``: that many multiples of the mains
        frequency, itself the first; without ``harmonics``, all that the rate allows. None: none.
    sfreq : float
        Sampling rate in hertz.
    source : str
        The file that errors name.

    Returns
    -------
    list of float
        In hertz.

    Raises
    ------
    EegdaeError
        If it is none of these, or a frequency does not fit the rate.
    """
    key = "data.prepare.notch"
    freqs: list[Any]
    if value is None:
        return []
    if isinstance(value, Mapping):
        for name in value:
            if name not in ("line", "harmonics"):
                raise EegdaeError(f"{key}.{name}: unknown key; {did_you_mean(name, ('line', 'harmonics'))}")
        line, count = value.get("line"), value.get("harmonics")
        if line is None or not _is_frequency(line):
            raise EegdaeError(f"{key}.line={line!r}: the frequency of the mains, 50 or 60, is needed")
        if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
            raise EegdaeError(f"{key}.harmonics={count!r}: must be a whole number, 1 or more, or null")
        most = int(sfreq / 2 / line)
        freqs = [float(line * k) for k in range(1, 1 + (most if count is None else count))]
        freqs = [f for f in freqs if count is not None or _upper_edge(f) < sfreq / 2]
    else:
        freqs = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    for f in freqs:
        if not _is_frequency(f):
            raise EegdaeError(
                f"{key}={value!r}: frequencies in Hz are needed, or {{line: 50}}, or null for none"
            )
        if f <= 1 or _upper_edge(f) >= sfreq / 2:
            raise EegdaeError(
                f"{source}: {key}: {f:g} Hz must lie between 1 Hz and half the sampling rate less the "
                f"width of the filter, {(sfreq / 2 - _TRANSITION) / (1 + 0.5 / _WIDTH):.5g} Hz"
            )
    return sorted(map(float, freqs))


def _is_frequency(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < np.inf


def _upper_edge(freq: float) -> float:
    return freq * (1 + 0.5 / _WIDTH) + _TRANSITION


def filtered(
    recording: Recording,
    *,
    l_freq: float | None,
    h_freq: float | None,
    sfreq: float | None,
    causal: bool = False,
) -> Recording:
    """Filter a recording and resample it.

    Parameters
    ----------
    recording : Recording
        Any recording.
    l_freq, h_freq, sfreq : float or None
        Of `eegdae.recordings.prepare.prepare`, checked.
    causal : bool
        Use the past alone, see `eegdae.recordings.prepare.causal`.

    Returns
    -------
    Recording
        Of shape (n_chans, round(n_times * sfreq / old sfreq)), where causal as long as there are samples for;
        mask and annotations follow.

    Raises
    ------
    EegdaeError
        If the filter is longer than the recording.
    """
    old = recording.sfreq
    new = old if sfreq is None else float(sfreq)
    if l_freq is None and h_freq is None and new == old:
        return recording
    import mne

    data = bridged(recording, causal=causal)  # (n_chans, n_times)
    flat = np.ptp(data, axis=1) == 0
    level = data[flat, :1] if l_freq is None else 0.0
    if (l_freq is not None or h_freq is not None) and causal:
        data = forward.filtered(data, old, l_freq, h_freq)
    elif l_freq is not None or h_freq is not None:
        needed = _filter_seconds(l_freq, h_freq, old)
        if needed > recording.n_times / old:
            raise EegdaeError(
                f"{recording.source}: lasts {recording.n_times / old:g} s, but the filter for "
                f"data.prepare.l_freq={l_freq} h_freq={h_freq} needs {needed:.3g} s; "
                "raise l_freq or leave it out"
            )
        data = mne.filter.filter_data(data, old, l_freq, h_freq, copy=False, verbose="error")
    mask, annotations = recording.mask, recording.annotations
    if new != old:
        data = forward.resampled(data, old, new) if causal else _resampled(data, old, new)
        n_times = data.shape[1]
        if mask is not None:
            # a new sample stands at an old one or between two; a ratio of floats may just miss the old one
            at = np.arange(n_times) * old / new
            nearest = np.floor(at + 1e-6) if causal else np.rint(at)
            mask = mask[:, np.minimum(nearest.astype(int), mask.shape[1] - 1)]
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


def _resampled(data: NDArray[np.float64], old: float, new: float) -> NDArray[np.float64]:
    import mne

    # MNE rounds the length that it resamples, which stretches time: 500 to 128 Hz with method="fft" by half a
    # sample in a minute. A whole number of periods of the ratio has a whole length at either rate.
    ratio = forward.rational(new) / forward.rational(old)
    n_times = data.shape[1]
    whole = np.pad(data, ((0, 0), (0, -n_times % ratio.denominator)), mode="edge")
    resampled: NDArray[np.float64] = mne.filter.resample(
        whole, up=ratio.numerator, down=ratio.denominator, method="polyphase", verbose="error"
    )
    return resampled[:, : max(round(n_times * ratio), 2)]


def _rescaled(annotation: Annotation, ratio: float, n_times: int) -> Annotation:
    start = min(round(annotation.start * ratio), n_times - 1)
    return Annotation(start, max(start + 1, min(round(annotation.stop * ratio), n_times)), annotation.label)
