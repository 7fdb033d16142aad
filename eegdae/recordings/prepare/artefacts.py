"""Artefacts that last for a while: muscle, jumps and flat stretches become unobserved."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.prepare.bridging import bridged
from eegdae.recordings.prepare.choosing import kind_channels
from eegdae.recordings.prepare.treatment import marked
from eegdae.recordings.recording import Recording, bad_channels_of

KEY = "data.prepare.annotate"
_MICRO = 1e-6  # MNE's functions want volts


@dataclass(frozen=True)
class Artefacts:
    """What an artefact is, by MNE's own functions.

    Parameters
    ----------
    muscle : float or None
        `mne.preprocessing.annotate_muscle_zscore`: the z-score, over the recording, of the envelope in
        ``muscle_band``; MNE's default is 4.
    muscle_band : (float, float)
        In hertz.
    amplitude : float or None
        `mne.preprocessing.annotate_amplitude`: steps from sample to sample of at least this, in the unit of
        the channels.
    flat : float or None
        Likewise: steps of at most this.
    min_duration : float
        Seconds that amplitude or flat must last.
    bad_percent : float
        A channel with more of it, in percent, is unobserved as a whole and does not count for the others.
    """

    muscle: float | None = None
    muscle_band: tuple[float, float] = (110.0, 140.0)
    amplitude: float | None = None
    flat: float | None = None
    min_duration: float = 0.005
    bad_percent: float = 5.0


def as_artefacts(value: object) -> Artefacts | None:
    """Check ``data.prepare.annotate``.

    Parameters
    ----------
    value : object
        A mapping with fields of `Artefacts`, or None.

    Returns
    -------
    Artefacts or None

    Raises
    ------
    EegdaeError
        If it is neither, or a field does not fit.
    """
    if value is None:
        return None
    known = tuple(field.name for field in fields(Artefacts))
    if not isinstance(value, Mapping):
        raise EegdaeError(f"{KEY}={value!r}: must be a mapping with {', '.join(known)}")
    for key, given in value.items():
        if key not in known:
            raise EegdaeError(f"{KEY}.{key}: unknown key; {did_you_mean(key, known)}")
        if key == "muscle_band":
            band = given if isinstance(given, Sequence) and not isinstance(given, str) else ()
            if len(band) != 2 or not all(map(_is_number, band)) or not 0 < band[0] < band[1]:
                raise EegdaeError(f"{KEY}.muscle_band={given!r}: must be two frequencies, such as [110, 140]")
        elif not _is_number(given) and not (given is None and key in ("muscle", "amplitude", "flat")):
            raise EegdaeError(f"{KEY}.{key}={given!r}: a number, 0 or more, is needed")
    made = Artefacts(**value)
    if made.bad_percent > 100:
        raise EegdaeError(f"{KEY}.bad_percent={made.bad_percent:g}: must be 100 or less")
    return replace(made, muscle_band=(float(made.muscle_band[0]), float(made.muscle_band[1])))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < np.inf


def without_artefacts(recording: Recording, what: Artefacts | None) -> Recording:
    """Make artefacts unobserved, in all channels, and note how much was.

    Parameters
    ----------
    recording : Recording
        Any recording; of it the EEG channels that are not flat are looked at.
    what : Artefacts or None
        None: nothing is done.

    Returns
    -------
    Recording
        Of the same shape, ``mask`` False where an artefact is.

    Raises
    ------
    EegdaeError
        If the rate is too low for muscle, the recording too short, or no channel is EEG.
    """
    if what is None or (what.muscle is None and what.amplitude is None and what.flat is None):
        return recording
    dead = bad_channels_of(recording)
    eeg = [c for c in kind_channels(recording, "eeg") if c not in dead]
    if not eeg:
        raise EegdaeError(f"{recording.source}: {KEY}: there is no EEG channel that is not flat")
    stretches: dict[str, NDArray[np.bool_]] = {}
    bad: list[int] = []
    if what.amplitude is not None or what.flat is not None:
        stretches["amplitude or flat"], bad = _steps(recording, eeg, what)
    if what.muscle is not None:
        eeg = [c for c in eeg if c not in bad]
        if eeg:
            stretches["muscle"] = _muscle(recording, eeg, what)
    notes = [
        f"annotate: channel {recording.ch_names[c]}: more than {what.bad_percent:g} % is beyond the "
        "amplitude or flat; unobserved"
        for c in bad
    ]
    notes += [
        f"annotate: {name} in {found.mean():.2%} of the time; unobserved"
        for name, found in stretches.items()
        if found.any()
    ]
    recording = replace(marked(recording, bad), notes=(*recording.notes, *notes))
    gone = np.logical_or.reduce(list(stretches.values()))
    if not gone.any():
        return recording
    mask = np.ones(recording.data.shape, dtype=bool) if recording.mask is None else recording.mask.copy()
    mask[:, gone] = False
    return replace(recording, mask=mask, data=np.where(mask, recording.data, np.float32(0)))


def _steps(recording: Recording, eeg: list[int], what: Artefacts) -> tuple[NDArray[np.bool_], list[int]]:
    import mne

    data = recording.data[eeg] * _MICRO
    if recording.mask is not None:
        data = np.where(recording.mask[eeg], data, np.nan)  # a gap is no flat stretch
    if what.min_duration >= recording.n_times / recording.sfreq:
        raise EegdaeError(
            f"{recording.source}: lasts {recording.n_times / recording.sfreq:g} s, shorter than "
            f"{KEY}.min_duration={what.min_duration:g}"
        )
    raw = _raw(recording, eeg, data)
    found, bad = mne.preprocessing.annotate_amplitude(
        raw,
        peak=None if what.amplitude is None else {"eeg": what.amplitude * _MICRO},
        flat=None if what.flat is None else {"eeg": what.flat * _MICRO},
        bad_percent=what.bad_percent,
        min_duration=what.min_duration,
        verbose="error",
    )
    return _covered(raw, found), sorted({eeg[raw.ch_names.index(name)] for name in bad})


def _muscle(recording: Recording, eeg: list[int], what: Artefacts) -> NDArray[np.bool_]:
    import mne

    if what.muscle_band[1] >= recording.sfreq / 2:
        raise EegdaeError(
            f"{recording.source}: {KEY}.muscle needs a rate above {2 * what.muscle_band[1]:g} Hz for "
            f"muscle_band={list(what.muscle_band)}, it is {recording.sfreq:g} Hz; lower the band, or set "
            "muscle=null"
        )
    raw = _raw(recording, eeg, bridged(recording)[eeg] * _MICRO)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a recording shorter than the filter
        found, _ = mne.preprocessing.annotate_muscle_zscore(
            raw, threshold=what.muscle, ch_type="eeg", filter_freq=what.muscle_band, verbose="error"
        )
    return _covered(raw, found)


def _raw(recording: Recording, eeg: list[int], data: NDArray[np.floating[Any]]) -> Any:
    import mne

    names = [recording.ch_names[c] for c in eeg]
    info = mne.create_info(names, sfreq=recording.sfreq, ch_types="eeg")
    return mne.io.RawArray(data, info, verbose="error")


def _covered(raw: Any, found: Any) -> NDArray[np.bool_]:
    """Samples that MNE rejects by annotations, shape (n_times,)."""
    import mne

    info = mne.create_info(1, sfreq=raw.info["sfreq"])
    empty = mne.io.RawArray(np.zeros((1, raw.n_times)), info, verbose="error")
    empty.set_annotations(found, verbose="error")
    rejected: NDArray[np.bool_] = np.isnan(empty.get_data(reject_by_annotation="NaN", verbose="error")[0])
    return rejected
