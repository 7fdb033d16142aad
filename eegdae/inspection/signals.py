"""Faults of one recording's signals: gaps, flat, noisy, clipped and spiky channels, an impossible unit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from eegdae.inspection.findings import Sign
from eegdae.recordings.recording import Recording, bad_channels_of

_DROP = "set windows.bad_channels=drop, or leave the channel out with data.exclude"
_LOOK = "look at the channel; leave it out with data.exclude if it is broken"
_LIMIT = "windows.max_missing says how much of a window may be missing; windows with more are left out"
_HUM = "data.prepare.h_freq={} filters it out, or keep the bands of the views below it"

KINDS: Mapping[str, tuple[str, str]] = {
    "unit": (
        "error",
        "multiply the signals by the factor before they are read; standardise them if the scale is arbitrary",
    ),
    "flat": ("error", _DROP),
    "never observed": ("error", _DROP),
    "events outside": (
        "warning",
        "see that events and recording belong together, and that the file is whole",
    ),
    "slow channels": (
        "note",
        "leave them out with data.exclude: they hold nothing above half their own rate",
    ),
    "gaps": ("warning", _LIMIT),
    "small gaps": ("note", _LIMIT),
    "standing": ("warning", "mark the stretches as bad, or leave the channel out with data.exclude"),
    "noisy": ("warning", _LOOK),
    "weak": ("warning", _LOOK),
    "clipped": ("warning", "the amplifier was at its limit: leave the stretches or the channel out"),
    "bounded": ("note", "harmless where the sensor has a natural limit, such as a valve that is shut"),
    "spikes": ("warning", "mark the samples as missing (NaN) before they are read"),
    "50 Hz, strong": ("warning", _HUM.format(45)),
    "60 Hz, strong": ("warning", _HUM.format(55)),
    "50 Hz, weak": ("note", _HUM.format(45)),
    "60 Hz, weak": ("note", _HUM.format(55)),
}
"""Kind of a sign -> severity and mend; those of the mains come from `eegdae.inspection.spectra`."""

_PLAUSIBLE = (0.1, 1000.0)  # microvolt: median absolute deviation of an EEG channel
_TYPICAL = 15.0
_FACTORS = (1e6, 1e3, 1e-3, 1e-6)
_OUTLIER = (
    5.0  # robust standard deviations between channels, and the factor of amplitude that must go with it
)
_SPIKE = 100.0  # robust standard deviations within a channel
_FEW_VALUES = 32
_LEAST_CHANNELS = 6


def signs_of(recording: Recording) -> list[Sign]:
    """Look for faults in the signals of one recording.

    Parameters
    ----------
    recording : Recording
        As it was recorded: a filter hides clipping, spikes and offsets.

    Returns
    -------
    list of Sign
        Of the kinds ``KINDS``, those of the mains apart.
    """
    bad = bad_channels_of(recording)
    names = recording.ch_names
    found = _gaps(recording)
    for note in recording.notes:  # of what was repaired while it was read
        found.append(Sign("events outside" if "event" in note else "slow channels", 1.0, note))
    for what, kind in (("flat", "flat"), ("all-NaN", "never observed")):
        channels = tuple(names[chan] for chan, state in bad.items() if state == what)
        if channels:
            text = "one value from beginning to end" if kind == "flat" else "no sample was ever observed"
            found.append(Sign(kind, len(channels), f"channel is {kind}: {text}", channels))

    deviation = np.full(recording.n_chans, np.nan)  # median absolute deviation
    noise = np.full(recording.n_chans, np.nan)  # the same of the steps from sample to sample
    by_kind: dict[str, list[tuple[float, str, str]]] = {}
    for chan, name in enumerate(names):
        if chan in bad:
            continue
        values = recording.data[chan]
        seen = None if recording.mask is None else recording.mask[chan]
        observed = values if seen is None else values[seen]
        centre = np.median(observed)
        deviation[chan] = np.median(np.abs(observed - centre))
        steps = np.diff(values)
        known = steps if seen is None else steps[seen[1:] & seen[:-1]]
        noise[chan] = np.median(np.abs(known)) if known.size else np.nan
        far = np.abs(observed - centre) > _SPIKE * 1.4826 * deviation[chan]
        if deviation[chan] > 0 and far.any():
            size = float(np.abs(observed - centre).max() / deviation[chan] / 1.4826)
            text = (
                f"spikes: {int(far.sum())} samples of {name} lie beyond {_SPIKE:g} robust standard deviations"
            )
            by_kind.setdefault("spikes", []).append((size, name, f"{text}, up to {size:.2g}"))
        if _is_discrete(observed):
            continue
        share = _share_at_limits(observed)
        if share:
            kind = "clipped" if recording.units[chan] == "uV" else "bounded"
            text = (
                f"{kind}: {100 * share:.2g} % of the samples of {name} stand at its largest or smallest value"
            )
            by_kind.setdefault(kind, []).append((share, name, text))
        standing, longest, start = _standing(steps, seen, max(round(recording.sfreq), 100))
        if standing:
            text = (
                f"standing: {name} keeps one value for {100 * standing:.2g} % of the time, the longest "
                f"{longest / recording.sfreq:.3g} s from {start / recording.sfreq:.4g} s on"
            )
            by_kind.setdefault("standing", []).append((standing, name, text))
    for kind, hits in by_kind.items():
        size, _, text = max(hits)
        found.append(Sign(kind, size, text, tuple(name for _, name, _ in hits)))
    return found + _unit(recording, deviation) + _unlike(recording, deviation, noise)


def _gaps(recording: Recording) -> list[Sign]:
    if recording.mask is None:
        return []
    bad = [chan for chan in range(recording.n_chans) if not recording.mask[chan].any()]
    rest = np.delete(recording.mask, bad, axis=0)  # (n_chans that were ever observed, n_times)
    missing: NDArray[np.bool_] = np.logical_not(np.all(rest, axis=0))  # of no rows: none
    if not missing.any():
        return []
    _, lengths = _runs(missing)
    share = 1 - float(rest.mean())
    said = (
        f"gaps: {100 * share:.2g} % of the samples were not observed, {len(lengths)} gaps, the longest "
        f"{lengths.max() / recording.sfreq:.3g} s"
    )
    channels = tuple(
        name for name, seen in zip(recording.ch_names, recording.mask, strict=True) if not seen.all()
    )
    return [Sign("gaps" if share >= 0.01 else "small gaps", share, said, channels)]


def _runs(flags: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give starts and lengths of the runs of True."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    return edges[::2], edges[1::2] - edges[::2]


def _is_discrete(values: NDArray[np.float32]) -> bool:
    """Tell a switch or a counter from a signal: a few thousand samples show few values."""
    return len(np.unique(values[:: max(len(values) // 5000, 1)])) < min(_FEW_VALUES, len(values) / 2)


def _share_at_limits(values: NDArray[np.float32]) -> float:
    """Share of samples that stand at the largest or the smallest value three times running or longer."""
    count = 0
    for limit in (values.max(), values.min()):
        _, lengths = _runs(values == limit)
        count += int(lengths[lengths >= 3].sum())
    return count / len(values) if count >= max(10, 2e-4 * len(values)) else 0.0


def _standing(
    steps: NDArray[np.float32], seen: NDArray[np.bool_] | None, least: int
) -> tuple[float, int, int]:
    """Give the share of time in long runs of one value, and length and start of the longest."""
    still = steps == 0
    if seen is not None:
        still &= seen[1:] & seen[:-1]
    starts, lengths = _runs(still)
    long = lengths >= least
    if not long.any():
        return 0.0, 0, 0
    longest = int(lengths.argmax())
    return float(lengths[long].sum()) / len(steps), int(lengths[longest]), int(starts[longest])


def _unit(recording: Recording, deviation: NDArray[np.float64]) -> list[Sign]:
    volts = np.array([unit == "uV" for unit in recording.units]) & (deviation > 0)
    if not volts.any():
        return []
    low, high = _PLAUSIBLE
    middle = float(np.median(deviation[volts]))
    if low <= middle <= high:
        return []
    factor = min(_FACTORS, key=lambda f: abs(np.log(middle * f / _TYPICAL)))
    said = (
        f"unit: channels in microvolt have a median absolute deviation of {middle:.2g}, outside {low:g} to "
        f"{high:g}: impossible for EEG; a factor of {factor:g} would bring it to {middle * factor:.2g}"
    )
    return [Sign("unit", abs(float(np.log(middle / _TYPICAL))), said)]


def _unlike(recording: Recording, deviation: NDArray[np.float64], noise: NDArray[np.float64]) -> list[Sign]:
    """Compare each channel with the others of its unit, by amplitude and by its steps between samples."""
    signs: dict[str, list[tuple[float, str]]] = {}
    for unit in dict.fromkeys(recording.units):
        same = np.array([other == unit for other in recording.units])
        for measure in (deviation, noise):
            chans = np.flatnonzero(same & (measure > 0))
            if len(chans) < _LEAST_CHANNELS:
                continue
            logs = np.log(measure[chans])
            off = logs - np.median(logs)
            spread = max(1.4826 * float(np.median(np.abs(off))), np.log(_OUTLIER) / _OUTLIER)
            for chan, by in zip(chans, off, strict=True):
                if abs(by) >= _OUTLIER * spread:
                    signs.setdefault("noisy" if by > 0 else "weak", []).append(
                        (float(np.exp(abs(by))), recording.ch_names[chan])
                    )
    found = []
    for kind, hits in signs.items():
        factor, name = max(hits)
        than = "larger" if kind == "noisy" else "smaller"
        said = f"{kind} channel: {name} is {factor:.2g} times {than} than the typical channel of its unit"
        found.append(Sign(kind, factor, said, tuple(dict.fromkeys(name for _, name in hits))))
    return found
