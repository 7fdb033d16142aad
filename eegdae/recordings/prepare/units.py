"""Microvolt: what a file's numbers are, and whether they can be EEG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.prepare.choosing import VOLTAGES, kind_channels
from eegdae.recordings.recording import Recording

PLAUSIBLE = (0.1, 1000.0)
"""Median absolute deviation of EEG in microvolt: below is an idle or scaled input, above is no EEG."""
_FACTORS = {"V": 1e6, "mV": 1e3, "uV": 1.0, "nV": 1e-3}
WORDS = (*_FACTORS, "auto", "arbitrary")
_BLOCK = 10.0  # seconds: an amplifier without a high-pass drifts by millivolts over minutes
_MICRO = {"\N{MICRO SIGN}V": "uV", "\N{GREEK SMALL LETTER MU}V": "uV"}


def as_unit(value: object) -> str | float | None:
    """Check ``data.prepare.unit``.

    Parameters
    ----------
    value : object
        As configured.

    Returns
    -------
    str, float or None
        One of `WORDS`, or a factor.

    Raises
    ------
    EegdaeError
        If it is neither.
    """
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < np.inf:
        return float(value)
    word = _MICRO.get(str(value), str(value))
    if not isinstance(value, str) or word not in WORDS:
        raise EegdaeError(f"data.prepare.unit={value!r}: {did_you_mean(value, WORDS)}, or a factor above 0")
    return word


def in_microvolt(recording: Recording, unit: str | float | None) -> Recording:
    """Bring voltages to microvolt.

    Parameters
    ----------
    recording : Recording
        Any recording. Channels in V, mV, uV, nV or a.u. take part, those of other sensors do not.
    unit : str, float or None
        ``"V"``, ``"mV"``, ``"uV"``, ``"nV"``: what the numbers are, whatever the file says. ``"auto"``: what
        the file says; a.u. stays. ``"arbitrary"``: no unit is known, they become ``"a.u."``. A number
        multiplies them to microvolt. None: all stays.

    Returns
    -------
    Recording
        Of the same shape, unit ``"uV"`` or ``"a.u."``.

    Raises
    ------
    EegdaeError
        If no channel can be a voltage.
    """
    if unit is None:
        return recording
    given = tuple(_MICRO.get(old, old) for old in recording.units)
    volts = [c for c, old in enumerate(given) if old in VOLTAGES or (old == "a.u." and unit != "auto")]
    if not volts:
        raise EegdaeError(
            f"{recording.source}: data.prepare.unit={unit}: no channel is a voltage, the units are "
            f"{recording.unit}; leave it out"
        )
    units = list(given)
    data = recording.data
    for c in volts:
        factor = _factor(unit, given[c])
        units[c] = "a.u." if unit == "arbitrary" else "uV"
        if factor != 1.0:
            data = data.copy() if data is recording.data else data
            with np.errstate(over="ignore"):
                data[c] = data[c] * factor
            if not np.isfinite(data[c]).all():
                raise EegdaeError(
                    f"{recording.source}: data.prepare.unit={unit}: channel {recording.ch_names[c]} is "
                    "beyond float32 then; give the unit of the numbers"
                )
    return replace(recording, data=data, units=tuple(units))


def _factor(unit: str | float | None, old: str) -> float:
    """What numbers in the file's unit ``old`` are multiplied by."""
    if isinstance(unit, float):
        return unit
    return _FACTORS.get(old if unit == "auto" else str(unit), 1.0)


def deviation(values: NDArray[np.float32], *, sfreq: float) -> float:
    r"""Measure how large a signal is: :math:`\mathrm{median}\,|x - m|`, m the median of ten seconds.

    Parameters
    ----------
    values : ndarray, shape (n_times,)
        What was observed of one channel.
    sfreq : float
        Sampling rate in hertz.

    Returns
    -------
    float
        In the unit of the signal. With one m for all, it is the usual median absolute deviation.
    """
    # ten samples at least, however slow they come
    n_blocks = max(1, int(len(values) / max(_BLOCK * sfreq, 10)))
    parts = np.array_split(values.astype(np.float64), n_blocks)
    return float(np.median(np.concatenate([np.abs(part - np.median(part)) for part in parts])))


def check_plausible(
    recording: Recording, *, unit: str | float | None = None, units: Mapping[str, str] | None = None
) -> None:
    """Refuse EEG whose size cannot be that of EEG in microvolt: a unit is wrong.

    Flat channels and channels without observed samples pass: what they are is told elsewhere.

    Parameters
    ----------
    recording : Recording
        Any recording; of it the EEG channels in ``"uV"``.
    unit : str, float or None
        What `in_microvolt` was given, and
    units : mapping of str to str, or None
        the unit of each channel before: the suggestion replaces it.

    Raises
    ------
    EegdaeError
        If a channel's `deviation` is not 0 and outside `PLAUSIBLE`: names the factor that would mend it.
    """
    sizes: dict[str, float] = {}
    eeg = [c for c in kind_channels(recording, "eeg") if recording.units[c] == "uV"]
    for c in eeg:
        seen = recording.data[c] if recording.mask is None else recording.data[c][recording.mask[c]]
        name = recording.ch_names[c]
        if seen.size:
            size = deviation(seen, sfreq=recording.sfreq)
            if size and not PLAUSIBLE[0] <= size <= PLAUSIBLE[1]:
                sizes[name] = size
    if not sizes:
        return
    name, size = next(iter(sizes.items()))
    mend = _mend(float(np.median(list(sizes.values()))), _factor(unit, (units or {}).get(name, "uV")))
    few = f", or leave it out: data.prepare.drop=[{', '.join(sizes)}]" if len(sizes) < len(eeg) / 2 else ""
    raise EegdaeError(
        f"{recording.source}: channel {name} has a median absolute deviation of {size:.3g} uV, outside "
        f"{PLAUSIBLE[0]:g} to {PLAUSIBLE[1]:g} uV ({len(sizes)} of {len(eeg)} channels have); "
        f"{mend}, or data.prepare.unit=arbitrary if the unit is not known{few}"
    )


def _mend(size: float, before: float) -> str:
    factor = 10.0 ** (3 * round((1 - np.log10(size)) / 3))  # of a thousand, nearest to 10 uV
    whole = factor * before
    for word, known in _FACTORS.items():
        if np.isclose(whole, known, rtol=1e-6):
            return f"a factor of {factor:g} mends it: data.prepare.unit={word} if the numbers are {word}"
    return f"a factor of {factor:g} mends it: data.prepare.unit={whole:g}"
