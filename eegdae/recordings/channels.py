"""Names of electrodes: one spelling for each, so that recordings of different caps can meet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from eegdae.errors import EegdaeError, did_you_mean

# Rows of the 10-5 system and the places in each, from left to right; "h" is half a step towards the middle.
_PLACES: Mapping[str, str] = {
    "Fp O I OI": "1 z 2",
    "AFp AF AFF F P PPO PO POO": "9 7 5 3 1 z 2 4 6 8 10",
    "FFC FC FCC C CCP CP CPP": "5 3 1 z 2 4 6",
    "FFT FT FTT T TTP TP TPP": "9 7 8 10",
}
_OF_TODAY: Mapping[str, str] = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}
_EARS = ("A1", "A2", "M1", "M2")


def _electrodes() -> dict[str, str]:
    """Every electrode of the 10-5 system and the ears: lower case -> the name of today."""
    known = {name.lower(): name for name in (*_EARS, *_OF_TODAY.values())}
    for rows, places in _PLACES.items():
        for row in rows.split():
            for place in places.split():
                halves = ("",) if place == "z" else ("", "h")
                known.update({f"{row}{place}{half}".lower(): f"{row}{place}{half}" for half in halves})
    return known | {old.lower(): new for old, new in _OF_TODAY.items()}


_KNOWN = _electrodes()
_PREFIX = re.compile(r"^EEG[ _-]+", flags=re.IGNORECASE)
# What files say of the reference: some common one, linked ears, the average. Fp1-F3 names a difference.
_SUFFIX = re.compile(r"[ _-]+(ref|le|ar|avg?)$", flags=re.IGNORECASE)


def canonical_name(name: str) -> str:
    """Give an electrode the one name that the 10-20 system and its refinements have for it today.

    Parameters
    ----------
    name : str
        As a file has it: in any case, with ``"EEG "`` before it, and ``"-Ref"``, ``"-LE"``, ``"-AR"``,
        ``"-AVG"`` or dots after it.

    Returns
    -------
    str
        ``"Fp1"`` for ``"EEG FP1-Ref"``, ``"T7"`` for ``"T3"`` (likewise T4 T8, T5 P7, T6 P8). A name that is
        no electrode of the 10-5 system, such as ``"A2-A1"``, ``"Fp1-F3"`` or ``"acc_x"``, as it stands.

    References
    ----------
    R. Oostenveld, P. Praamstra, The five percent electrode system for high-resolution EEG and ERP
    measurements, Clinical Neurophysiology 112, 2001.
    """
    return _KNOWN.get(_bare(name), name)


def is_electrode(name: str) -> bool:
    """Tell whether a name is one of an electrode of the 10-5 system or of an ear, in any spelling."""
    return _bare(name) in _KNOWN


def _bare(name: str) -> str:
    return _SUFFIX.sub("", _PREFIX.sub("", name.strip())).rstrip(".").lower()


def electrodes(ch_names: Iterable[str], *, where: str = "ch_names") -> dict[str, int]:
    """Number the channels by their `canonical_name`.

    Parameters
    ----------
    ch_names : iterable of str
        Names of channels.
    where : str
        What an error calls them.

    Returns
    -------
    dict of str to int
        Canonical name -> place in `ch_names`, in their order.

    Raises
    ------
    EegdaeError
        Where two are names of one electrode: names both.
    """
    names = tuple(ch_names)
    found: dict[str, int] = {}
    for place, name in enumerate(names):
        first = found.setdefault(canonical_name(name), place)
        if first != place:
            raise EegdaeError(
                f"{where}: {names[first]} and {name} are two names of one electrode; leave one of them out"
            )
    return found


def shared_channels(caps: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Find the electrodes that several caps have in common.

    Parameters
    ----------
    caps : sequence of sequence of str
        The channel names of each.

    Returns
    -------
    tuple of str
        Canonical names, in the order of the first; empty where there are none.

    Raises
    ------
    EegdaeError
        Where two channels of one cap are names of one electrode.
    """
    known = [electrodes(names) for names in caps]
    return tuple(name for name in (known[0] if known else ()) if all(name in other for other in known))


def find_channels(wanted: Iterable[str], ch_names: Sequence[str], *, where: str) -> list[int]:
    """Look channels up by name, whichever of its names an electrode goes by.

    Parameters
    ----------
    wanted : iterable of str
        Names to look up.
    ch_names : sequence of str
        Names of the channels that there are.
    where : str
        What an error calls the names that are looked up.

    Returns
    -------
    list of int
        Places in `ch_names`, in the order of `wanted`.

    Raises
    ------
    EegdaeError
        Where a name is not among the channels (names the nearest), or two are names of one electrode.
    """
    names = tuple(ch_names)
    places: list[int] = []
    for name in map(str, wanted):
        found = [k for k, other in enumerate(names) if canonical_name(other) == canonical_name(name)]
        if name in names:
            found = [names.index(name)]
        if not found:
            raise EegdaeError(f"{where}: {name!r} is not a channel; {did_you_mean(name, names)}")
        if len(found) > 1:
            raise EegdaeError(f"{where}: {name!r} may be {' or '.join(names[k] for k in found)}; name it so")
        if found[0] in places:
            raise EegdaeError(f"{where}: {name!r} is the electrode {names[found[0]]}, which is named already")
        places += found
    return places
