"""Places of electrodes in the standard montages of MNE."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.channels import canonical_name


def standard_montage(name: str, *, where: str) -> Any:
    """Make a standard montage of MNE.

    Parameters
    ----------
    name : str
        Such as ``"standard_1005"``, ``"biosemi64"``.
    where : str
        The key that errors name.

    Returns
    -------
    mne.channels.DigMontage

    Raises
    ------
    EegdaeError
        If MNE has no such montage.
    """
    import mne

    known = mne.channels.get_builtin_montages()
    # MNE 1.13 gave the standard montages a new name, of the head they were measured on.
    now = str(name).replace("standard_", "colin27_") if "colin27_1005" in known else name
    if now not in known:
        raise EegdaeError(f"{where}={name!r}: {did_you_mean(name, (*known, 'standard_1005'))}")
    return mne.channels.make_standard_montage(now)


def standard_positions(
    ch_names: Sequence[str], montage: str, *, where: str, source: str
) -> NDArray[np.float64]:
    """Look up where a standard montage has its electrodes.

    Parameters
    ----------
    ch_names : sequence of str, length n_chans
        Electrodes, by any of their names.
    montage : str
        A standard montage of MNE.
    where : str
        The key that errors name.
    source : str
        The file that errors name.

    Returns
    -------
    ndarray of float64, shape (n_chans, 3)
        In metre, head coordinates.

    Raises
    ------
    EegdaeError
        If there is no such montage, or it has no place for a channel.
    """
    places = _places(str(montage), where)
    found = [places.get(name.lower(), places.get(canonical_name(name).lower())) for name in ch_names]
    absent = [name for name, place in zip(ch_names, found, strict=True) if place is None]
    if absent:
        raise EegdaeError(
            f"{source}: {montage} has no place for channel {', '.join(absent)}; exclude or rename it, or set "
            f"{where}=null"
        )
    return np.array(found, dtype=np.float64)


@lru_cache(maxsize=8)
def _places(montage: str, where: str) -> dict[str, tuple[float, ...]]:
    """Lower-case name -> position in head coordinates."""
    import mne

    standard = standard_montage(montage, where=where)
    info = mne.create_info(list(standard.ch_names), sfreq=1.0, ch_types="eeg")
    info.set_montage(standard, verbose="error")
    return {chan["ch_name"].lower(): tuple(chan["loc"][:3]) for chan in info["chs"]}
