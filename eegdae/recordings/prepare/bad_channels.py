"""Which channels of a recording are bad: those named, and those that break a rule of PREP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.caps import pick as keep
from eegdae.recordings.prepare.bridging import bridged
from eegdae.recordings.prepare.choosing import kind_channels
from eegdae.recordings.recording import Recording

KEY = "data.prepare.bad_channels"
_DO = ("mark", "drop", "interpolate")
_WINDOW = 1.0  # seconds
_QUANTILE = 0.98  # of a channel's correlations with the others
_HIGH_PASS, _LOW_PASS = 1.0, 50.0  # hertz
_FEWEST = 4  # channels that can be compared
_TO_SD = 0.7413  # of the interquartile range, for a normal distribution


@dataclass(frozen=True)
class BadChannels:
    """Which channels are bad, and what to do with them.

    The thresholds are those of the PREP pipeline, section "noisy channels"; it measures deviation by the
    interquartile range, here it is the logarithm of the median absolute deviation, which is as skewed up as
    down.

    Parameters
    ----------
    names : tuple of str
        Known to be bad.
    find : bool
        Whether to find more by the rules below.
    do : {"mark", "drop", "interpolate"}
        ``"mark"``: every sample unobserved; ``"drop"``: leave the channel out; ``"interpolate"``: compute it
        from the others by spherical splines.
    flat : float
        A channel is bad below this median absolute or standard deviation, in its unit (PREP: 1e-15 V).
    deviation : float
        ... where the log of its median absolute deviation has a robust z-score beyond this, either way (5).
    correlation : float
        ... where its highest correlation with others (98th percentile) is below this (0.4) ...
    share : float
        ... in more than this share of the seconds. PREP has 0.01, for 64 channels and more; of 19 that makes
        one or more bad in most of the recordings of `eegmat`, where a minute has one such second.
    noise : float
        ... where the ratio of what is above 50 Hz to what is below has a robust z-score above this (5).

    References
    ----------
    N. Bigdely-Shamlo et al., The PREP pipeline: standardized preprocessing for large-scale EEG analysis,
    Frontiers in Neuroinformatics 9:16, 2015.
    """

    names: tuple[str, ...] = ()
    find: bool = False
    do: str = "mark"
    flat: float = 1e-9
    deviation: float = 5.0
    correlation: float = 0.4
    share: float = 0.1
    noise: float = 5.0


def as_bad_channels(value: object) -> BadChannels | None:
    """Check ``data.prepare.bad_channels``.

    Parameters
    ----------
    value : object
        ``"find"``, a list of names, a mapping with fields of `BadChannels`, or None.

    Returns
    -------
    BadChannels or None

    Raises
    ------
    EegdaeError
        If it is none of these, or a field does not fit.
    """
    if value is None:
        return None
    if value == "find":
        return BadChannels(find=True)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return BadChannels(names=tuple(map(str, value)))
    known = tuple(field.name for field in fields(BadChannels))
    if not isinstance(value, Mapping):
        raise EegdaeError(
            f"{KEY}={value!r}: must be find, a list of names, or a mapping with {', '.join(known)}"
        )
    for key in value:
        if key not in known:
            raise EegdaeError(f"{KEY}.{key}: unknown key; {did_you_mean(key, known)}")
    made = BadChannels(**value)
    if made.names is None or isinstance(made.names, str) or not isinstance(made.names, Sequence):
        raise EegdaeError(f"{KEY}.names={made.names!r}: must be a list of names")
    if not isinstance(made.find, bool):
        raise EegdaeError(f"{KEY}.find={made.find!r}: must be true or false")
    if made.do not in _DO:
        raise EegdaeError(f"{KEY}.do={made.do!r}: {did_you_mean(made.do, _DO)}")
    for key in ("flat", "deviation", "correlation", "share", "noise"):
        number = getattr(made, key)
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < np.inf:
            raise EegdaeError(f"{KEY}.{key}={number!r}: a number, 0 or more, is needed")
    return replace(made, names=tuple(map(str, made.names)))


def find_bad_channels(recording: Recording, rules: BadChannels) -> dict[str, str]:
    """Find bad EEG channels by comparing them.

    Parameters
    ----------
    recording : Recording
        Any recording; gaps are bridged, and what is measured is measured where it was observed.
    rules : BadChannels
        The thresholds.

    Returns
    -------
    dict of str to str
        Channel -> the rule that it breaks, with its figure; the first of several.

    Raises
    ------
    EegdaeError
        If there are fewer than four EEG channels.
    """
    import mne

    eeg = kind_channels(recording, "eeg")
    if len(eeg) < _FEWEST:
        raise EegdaeError(
            f"{recording.source}: {KEY}: find compares channels and needs {_FEWEST} of EEG, there are "
            f"{len(eeg)}; name the bad ones"
        )
    rec = keep(recording, eeg)
    seen = np.ones(rec.data.shape, dtype=bool) if rec.mask is None else rec.mask
    data = bridged(rec)
    sfreq = rec.sfreq
    found = _flat(rec, data, seen, rules.flat)
    alive = [c for c, name in enumerate(rec.ch_names) if name not in found]
    if not alive:
        return found
    data, seen = data[alive], seen[alive]
    names = [rec.ch_names[c] for c in alive]
    data -= np.median(data, axis=1, keepdims=True)
    if rec.n_times > 3.3 / _HIGH_PASS * sfreq + 1 and sfreq > 2 * _HIGH_PASS:
        data = mne.filter.filter_data(data, sfreq, _HIGH_PASS, None, copy=False, verbose="error")
    size = _deviations(data, seen)
    scores = robust_z(np.log(np.maximum(size, np.finfo(float).tiny)))
    for name, z in zip(names, scores, strict=True):
        if abs(z) > rules.deviation:
            found.setdefault(name, f"deviation (robust z {z:.1f})")
    low = data
    if sfreq > 2 * _LOW_PASS:
        low = mne.filter.filter_data(data, sfreq, None, _LOW_PASS, verbose="error")
        high = _deviations(data - low, seen) / np.maximum(_deviations(low, seen), np.finfo(float).tiny)
        for name, z in zip(names, robust_z(high), strict=True):
            if z > rules.noise:
                found.setdefault(name, f"noise above {_LOW_PASS:g} Hz (robust z {z:.1f})")
    for name, share in zip(names, _alone(low, seen, sfreq, rules.correlation), strict=True):
        if share > rules.share:
            found.setdefault(name, f"correlation below {rules.correlation:g} in {share:.0%} of the seconds")
    return {name: found[name] for name in rec.ch_names if name in found}


def robust_z(values: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Score values against the median of all.

    Parameters
    ----------
    values : ndarray, shape (n,)
        One a channel.

    Returns
    -------
    ndarray, shape (n,)
        :math:`(v - \mathrm{median}) / (0.7413\, \mathrm{IQR})`; 0 where there is no spread.
    """
    spread = _TO_SD * float(np.subtract(*np.percentile(values, [75, 25]))) if len(values) else 0.0
    scores: NDArray[np.float64] = np.zeros(len(values))
    if spread > 0:
        scores = (values - np.median(values)) / spread
    return scores


def _deviations(data: NDArray[np.float64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    pairs = zip(data, seen, strict=True)
    return np.array([np.median(np.abs(x[there] - np.median(x[there]))) for x, there in pairs])


def _flat(rec: Recording, data: NDArray[np.float64], seen: NDArray[np.bool_], least: float) -> dict[str, str]:
    found = {}
    for name, values, there in zip(rec.ch_names, data, seen, strict=True):
        x = values[there]
        if not x.size:
            found[name] = "never observed"
        elif x.std() <= least or np.median(np.abs(x - np.median(x))) <= least:
            found[name] = "flat"
    return found


def _alone(
    data: NDArray[np.float64], seen: NDArray[np.bool_], sfreq: float, least: float
) -> NDArray[np.float64]:
    """Share of the seconds in which each channel goes with no other one, of those that were observed."""
    n = max(round(_WINDOW * sfreq), 2)
    alone, total = np.zeros(len(data)), np.zeros(len(data))
    for start in range(0, data.shape[1] - n + 1, n):
        there = np.flatnonzero(seen[:, start : start + n].all(axis=1))
        if len(there) < 2:
            continue
        x = data[there, start : start + n]
        x = x - x.mean(axis=1, keepdims=True)
        norm = np.linalg.norm(x, axis=1, keepdims=True)
        x = x / np.where(norm > 0, norm, np.inf)  # flat for a second: goes with none
        together = np.abs(x @ x.T)
        np.fill_diagonal(together, np.nan)
        highest = np.nanquantile(together, _QUANTILE, axis=1)
        alone[there] += highest < least
        total[there] += 1
    share: NDArray[np.float64] = alone / np.maximum(total, 1)
    return share
