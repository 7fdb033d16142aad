"""Recordings of different caps, cut to the real electrodes that they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from eegdae.errors import EegdaeError
from eegdae.recordings.channels import canonical_name, electrodes, shared_channels
from eegdae.recordings.recording import Recording


def cut_to_shared(recordings: Sequence[Recording]) -> tuple[list[Recording], Counter[str]]:
    """Keep the electrodes that every recording measured, under one name and in one order.

    A channel that was interpolated in any of them is no electrode that they share: it holds nothing that the
    others of that cap do not.

    Parameters
    ----------
    recordings : sequence of Recording
        Of any caps.

    Returns
    -------
    recordings : list of Recording
        With the same channels, canonical names, in the order of the first.
    dropped : Counter of str
        ``"unshared channel NAME"`` and ``"interpolated channel NAME"``: recordings that had it, or had it
        interpolated.

    Raises
    ------
    EegdaeError
        Where two channels of a recording are names of one electrode, or nothing is shared.
    """
    caps = [electrodes(rec.ch_names, where=rec.source) for rec in recordings]
    computed = Counter(canonical_name(name) for rec in recordings for name in rec.interpolated)
    kept = [name for name in shared_channels([rec.ch_names for rec in recordings]) if name not in computed]
    if not kept:
        raise EegdaeError(
            f"windows.channels=shared: {recordings[0].source} and the others share no channel that was "
            f"measured in all of them; the first has {', '.join(caps[0])}; leave out what does not fit"
        )
    dropped: Counter[str] = Counter()
    for name, count in Counter(name for cap in caps for name in cap).items():
        if name in computed:
            dropped[f"interpolated channel {name}"] = computed[name]
        elif name not in kept:
            dropped[f"unshared channel {name}"] = count
    return [
        replace(pick(rec, [cap[name] for name in kept]), ch_names=tuple(kept))
        for rec, cap in zip(recordings, caps, strict=True)
    ], dropped


def pick(recording: Recording, channels: Sequence[int]) -> Recording:
    """Keep some channels of a recording.

    Parameters
    ----------
    recording : Recording
        Any recording.
    channels : sequence of int
        Their numbers, in the order wanted.

    Returns
    -------
    Recording
        The same in everything else.
    """
    keep = list(channels)
    names = tuple(recording.ch_names[c] for c in keep)
    mask = None if recording.mask is None else recording.mask[keep]
    return replace(
        recording,
        data=recording.data[keep],
        ch_names=names,
        units=tuple(recording.units[c] for c in keep),
        ch_pos=None if recording.ch_pos is None else recording.ch_pos[keep],
        mask=None if mask is None or mask.all() else mask,
        interpolated=tuple(name for name in recording.interpolated if name in names),
    )
