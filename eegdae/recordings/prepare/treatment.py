"""What is done with bad channels: marked as unobserved, dropped, or interpolated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from eegdae.errors import EegdaeError
from eegdae.recordings.caps import pick as keep
from eegdae.recordings.channels import find_channels
from eegdae.recordings.prepare.bad_channels import KEY, BadChannels, find_bad_channels
from eegdae.recordings.prepare.interpolation import interpolated
from eegdae.recordings.recording import Recording


def treat_bad_channels(recording: Recording, rules: BadChannels | None, *, causal: bool) -> Recording:
    """Mark, drop or interpolate the bad channels of a recording, and note them.

    Parameters
    ----------
    recording : Recording
        Any recording.
    rules : BadChannels or None
        None: nothing is done.
    causal : bool
        Of `eegdae.recordings.prepare.interpolation.interpolated`.

    Returns
    -------
    Recording
        With one entry more in ``notes`` for each bad channel.

    Raises
    ------
    EegdaeError
        If a name is not a channel, no channel is good, or one cannot be interpolated.
    """
    if rules is None:
        return recording
    where = f"{recording.source}: {KEY}"
    bad = {
        recording.ch_names[c]: "named" for c in find_channels(rules.names, recording.ch_names, where=where)
    }
    if rules.find:
        rest = [c for c, name in enumerate(recording.ch_names) if name not in bad]
        bad |= find_bad_channels(keep(recording, rest), rules)
    if not bad:
        return recording
    places = [c for c, name in enumerate(recording.ch_names) if name in bad]
    if len(places) == recording.n_chans:
        what = "; ".join(f"{name}: {why}" for name, why in bad.items())
        raise EegdaeError(f"{where}: no channel is good ({what}); look at the file, or raise the thresholds")
    done = {"mark": "unobserved", "drop": "left out", "interpolate": "interpolated"}[rules.do]
    notes = tuple(
        f"bad channel {recording.ch_names[c]}: {bad[recording.ch_names[c]]}; {done}" for c in places
    )
    recording = replace(recording, notes=recording.notes + notes)
    if rules.do == "drop":
        return keep(recording, [c for c in range(recording.n_chans) if c not in places])
    if rules.do == "interpolate":
        names = [recording.ch_names[c] for c in places]
        return interpolated(recording, names, causal=causal, where=f"{where}.do=interpolate")
    return marked(recording, places)


def marked(recording: Recording, places: Sequence[int]) -> Recording:
    """Make channels unobserved throughout.

    Parameters
    ----------
    recording : Recording
        Any recording.
    places : sequence of int
        Numbers of the channels.

    Returns
    -------
    Recording
        Their ``mask`` is False, their data 0.
    """
    if not places:
        return recording
    mask = np.ones(recording.data.shape, dtype=bool) if recording.mask is None else recording.mask.copy()
    data = recording.data.copy()
    mask[list(places)] = False
    data[list(places)] = 0.0
    return replace(recording, data=data, mask=mask)
