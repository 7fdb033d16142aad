"""Which channels a recording keeps, what they are called and where they lie."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.caps import pick as keep
from eegdae.recordings.channels import find_channels, is_electrode
from eegdae.recordings.montages import standard_positions
from eegdae.recordings.recording import Recording

VOLTAGES = ("V", "mV", "uV", "nV")
KINDS = ("all", "eeg", "eog", "ecg", "emg", "stim", "misc")
_OTHERS = {
    "eog": r"[hvr]?eog",
    "ecg": r"ecg|ekg",
    "emg": r"emg",
    "stim": r"sti|stim|trig|trigger|status|event|events|marker|markers",
}


def kind_of(name: str, unit: str) -> str:
    """Tell what a channel measures, as MNE's channel types do.

    Parameters
    ----------
    name : str
        Of the channel; its words tell eog, ecg, emg and stim.
    unit : str
        Of the channel.

    Returns
    -------
    str
        ``"eeg"`` for what is an electrode of the 10-5 system, or any other channel in volts; ``"eog"``,
        ``"ecg"``, ``"emg"``, ``"stim"``; else ``"misc"``.
    """
    words = [word for word in re.split(r"[^a-z]+", name.lower()) if word]
    for kind, pattern in _OTHERS.items():
        if any(re.fullmatch(pattern, word) for word in words):
            return kind
    return "eeg" if unit in VOLTAGES or is_electrode(name) else "misc"


def kind_channels(recording: Recording, kind: str) -> list[int]:
    """Number the channels of one kind.

    Parameters
    ----------
    recording : Recording
        Any recording.
    kind : str
        Of `KINDS`.

    Returns
    -------
    list of int
        In the order of the recording; empty where there is none.
    """
    pairs = enumerate(zip(recording.ch_names, recording.units, strict=True))
    return [c for c, (name, unit) in pairs if kind in ("all", kind_of(name, unit))]


def chosen(
    recording: Recording,
    *,
    pick: str | Sequence[str] | None = None,
    drop: str | Sequence[str] | None = None,
    rename: Mapping[str, str] | None = None,
    montage: str | None = None,
) -> Recording:
    """Pick, drop and rename channels, then give them positions.

    Parameters
    ----------
    recording : Recording
        Any recording.
    pick, drop : str, sequence of str or None
        Channels by name, or kinds of `KINDS`; those picked come in the order given.
    rename : mapping of str to str, or None
        Old name to new; names that the recording lacks are passed over.
    montage : str or None
        A standard montage of MNE, whose positions replace the recording's own.

    Returns
    -------
    Recording
        With the channels that are left.

    Raises
    ------
    EegdaeError
        If a channel or montage is not known, none is left, or two get one name.
    """
    if pick is not None:
        places = _found(recording, pick, "pick")
        if not places:
            raise EegdaeError(
                f"{recording.source}: data.prepare.pick={pick!r} leaves none of the channels "
                f"{', '.join(recording.ch_names)}"
            )
        recording = keep(recording, places)
    if drop is not None:
        gone = _found(recording, drop, "drop")
        places = [c for c in range(recording.n_chans) if c not in gone]
        if not places:
            raise EegdaeError(f"{recording.source}: data.prepare.drop={drop!r} leaves no channel")
        recording = keep(recording, places)
    if rename:
        recording = _renamed(recording, {str(old): str(new) for old, new in rename.items()})
    if montage is not None:
        where = "data.prepare.montage"
        places_of = standard_positions(recording.ch_names, montage, where=where, source=recording.source)
        recording = replace(recording, ch_pos=places_of)
    return recording


def _found(recording: Recording, wanted: str | Sequence[str], key: str) -> list[int]:
    where = f"{recording.source}: data.prepare.{key}"
    places: list[int] = []
    for name in [wanted] if isinstance(wanted, str) else wanted:
        if name in KINDS and name not in recording.ch_names:
            places += [c for c in kind_channels(recording, name) if c not in places]
        else:
            try:
                places += [
                    c for c in find_channels([name], recording.ch_names, where=where) if c not in places
                ]
            except EegdaeError as error:
                raise EegdaeError(f"{error}; or a kind: {', '.join(KINDS)}") from error
    return places


def _renamed(recording: Recording, names: Mapping[str, str]) -> Recording:
    new = tuple(names.get(name, name) for name in recording.ch_names)
    twice = sorted({name for name in new if new.count(name) > 1})
    if twice:
        raise EegdaeError(
            f"{recording.source}: data.prepare.rename gives {', '.join(twice)} to two channels; "
            f"{did_you_mean(twice[0], recording.ch_names)}"
        )
    reference = recording.reference
    if isinstance(reference, tuple):
        reference = tuple(names.get(name, name) for name in reference)
    interpolated = tuple(names.get(name, name) for name in recording.interpolated)
    return replace(recording, ch_names=new, interpolated=interpolated, reference=reference)
