"""The channels that all recordings of a set keep: shared electrodes, and none that is flat anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from eegdae.errors import EegdaeError
from eegdae.recordings.channels import canonical_name, electrodes, find_channels
from eegdae.recordings.recording import Recording, bad_channels_of, check_alike


@dataclass(frozen=True)
class Common:
    """What all recordings of a set keep.

    Parameters
    ----------
    ch_names : tuple of str or None
        The channels, in order; None = each as it is.
    dropped : Counter of str
        ``"unshared channel NAME"`` and ``"interpolated channel NAME"``: recordings that had it, or had it
        interpolated; ``"flat channel NAME"`` and ``"all-NaN channel NAME"``: recordings in which it was.
    """

    ch_names: tuple[str, ...] | None = None
    dropped: Counter[str] = field(default_factory=Counter)


def common_channels(recordings: Iterable[Recording], *, shared: bool, drop: bool) -> Common:
    """Find the channels that every recording keeps; one recording after the other, none is held.

    Parameters
    ----------
    recordings : iterable of Recording
        Of any caps where ``shared``, else alike.
    shared : bool
        Keep the electrodes that every recording measured, under their canonical names and in the order of the
        first. A channel that was interpolated in any of them is none: it holds nothing that the others of
        that cap do not.
    drop : bool
        Leave out what is flat, or was never observed, in any recording.

    Returns
    -------
    Common
        To give to `on_common`.

    Raises
    ------
    EegdaeError
        Where two channels of a recording are names of one electrode, recordings differ, or nothing is left.
    """
    caps: list[tuple[str, ...]] = []
    computed: Counter[str] = Counter()
    bad: list[dict[str, str]] = []  # key of the cap -> what is wrong
    first: Recording | None = None
    for rec in recordings:
        first = first or rec
        if not shared:
            check_alike([first, rec])
        key_of = canonical_name if shared else str
        caps.append(tuple(electrodes(rec.ch_names, where=rec.source)) if shared else rec.ch_names)
        computed.update(canonical_name(name) for name in rec.interpolated)
        bad.append(
            {key_of(rec.ch_names[c]): what for c, what in bad_channels_of(rec).items()} if drop else {}
        )
    if first is None:
        return Common()
    kept = caps[0]
    dropped: Counter[str] = Counter()
    if shared:
        kept = tuple(name for name in kept if name not in computed and all(name in cap for cap in caps))
        if not kept:
            raise EegdaeError(
                f"windows.channels=shared: {first.source} and the others share no channel that was "
                f"measured in all of them; the first has {', '.join(caps[0])}; leave out what does not fit"
            )
        for name, count in Counter(name for cap in caps for name in cap).items():
            if name in computed:
                dropped[f"interpolated channel {name}"] = computed[name]
            elif name not in kept:
                dropped[f"unshared channel {name}"] = count
    is_bad = {name for found in bad for name in found}
    dropped.update(f"{what} channel {name}" for found in bad for name, what in found.items() if name in kept)
    left = tuple(name for name in kept if name not in is_bad)
    if not left:
        raise EegdaeError(
            "windows.bad_channels=drop leaves no channel: every one is flat or all-NaN in some recording"
        )
    return Common(left, dropped)


def on_common(recording: Recording, common: Common) -> Recording:
    """Cut a recording to what all of them keep.

    Parameters
    ----------
    recording : Recording
        One of those that `common_channels` saw.
    common : Common
        What it found.

    Returns
    -------
    Recording
        With the channels ``common.ch_names``.
    """
    if common.ch_names is None or common.ch_names == recording.ch_names:
        return recording
    places = find_channels(common.ch_names, recording.ch_names, where=recording.source)
    picked = pick(recording, places)
    renamed = dict(zip(picked.ch_names, common.ch_names, strict=True))
    return replace(
        picked,
        ch_names=common.ch_names,
        interpolated=tuple(renamed[name] for name in picked.interpolated),
    )


def digest(recording: Recording) -> Recording:
    """Keep of a recording what it is compared by: everything but its samples.

    Parameters
    ----------
    recording : Recording
        Any recording.

    Returns
    -------
    Recording
        With two samples a channel, of which `bad_channels_of` says what it says of all; its annotations are
        those of the whole.
    """
    bad = bad_channels_of(recording)
    data = np.tile(np.array([0, 1], dtype=np.float32), (recording.n_chans, 1))
    mask = np.ones(data.shape, dtype=bool)
    for chan, what in bad.items():
        data[chan] = 0.0
        mask[chan] = what != "all-NaN"
    return replace(recording, data=data, mask=None if mask.all() else mask)


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
