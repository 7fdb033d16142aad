"""Names and units of the channels of a stream, from the description that XDF files and live streams share."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

_VOLTS = {
    "volt": 1e6,
    "v": 1e6,
    "millivolt": 1e3,
    "mv": 1e3,
    "microvolt": 1.0,
    "uv": 1.0,
    "nanovolt": 1e-3,
    "nv": 1e-3,
}
"""How many microvolt one of them is; names in lower case, in the singular."""


def channels_of(desc: Element | None, n_chans: int) -> tuple[list[str], list[str]]:
    """Read names and units of channels.

    Parameters
    ----------
    desc : Element or None
        The ``desc`` of a stream, with ``channels/channel/label`` and ``unit``.
    n_chans : int
        Number of channels.

    Returns
    -------
    names, units : list of str, length n_chans
        ``ch1``, ``ch2``, ... where it does not name all, and ``""`` where it has no unit.

    References
    ----------
    XDF meta-data specification, https://github.com/sccn/xdf/wiki/Meta-Data
    """
    told = [] if desc is None else desc.findall("channels/channel")
    if len(told) != n_chans:
        return [f"ch{c + 1}" for c in range(n_chans)], [""] * n_chans
    names = [(channel.findtext("label") or "").strip() for channel in told]
    units = [(channel.findtext("unit") or "").strip() for channel in told]
    return names if all(names) else [f"ch{c + 1}" for c in range(n_chans)], units


def as_unit(
    data: NDArray[np.float64], units: Sequence[str], *, default: str
) -> tuple[NDArray[np.float64], list[str]]:
    """Bring volts of any size to microvolt; other units keep their name.

    Parameters
    ----------
    data : ndarray of float64, shape (n_chans, n_times)
        The signal.
    units : sequence of str, length n_chans
        As described: ``"microvolts"``, ``"uV"``, ``"V"``, ``"g"``, ``""``, ...
    default : str
        The unit of channels that have none.

    Returns
    -------
    data : ndarray of float64, shape (n_chans, n_times)
        In the units that follow.
    units : list of str, length n_chans
        ``"uV"`` for volts.
    """
    words = [(unit or default).replace("µ", "u").replace("μ", "u").lower() for unit in units]
    factors = [_VOLTS.get(word, _VOLTS.get(word.removesuffix("s"))) for word in words]
    kept = ["uV" if f is not None else unit or default for unit, f in zip(units, factors, strict=True)]
    scale = np.array([1.0 if f is None else f for f in factors])
    return data * scale[:, None], kept
