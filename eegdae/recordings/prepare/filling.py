"""Short gaps that become observed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError
from eegdae.recordings.prepare.bridging import bridged
from eegdae.recordings.recording import Recording


def check_fill(seconds: object) -> None:
    """Check ``data.prepare.fill``.

    Parameters
    ----------
    seconds : object
        A number above 0, or None.

    Raises
    ------
    EegdaeError
        If it is neither.
    """
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if seconds is not None and not (is_number and 0 < seconds < np.inf):  # type: ignore[operator]
        raise EegdaeError(f"data.prepare.fill={seconds!r}: a number of seconds above 0 is needed, or null")


def filled(recording: Recording, seconds: float | None, *, causal: bool) -> Recording:
    """Fill short gaps, and note how much of the recording that is.

    Parameters
    ----------
    recording : Recording
        Any recording.
    seconds : float or None
        Longest gap that is filled; longer ones stay as they are. None = nothing is done.
    causal : bool
        False: a straight line between the samples beside the gap; what has none on one side stays. True: the
        last sample is held for so many seconds, in longer gaps too, for nothing tells how long one will be.

    Returns
    -------
    Recording
        ``mask`` is None where nothing is missing any more.

    Raises
    ------
    EegdaeError
        If the number makes no sense, or is shorter than a sample.
    """
    check_fill(seconds)
    if seconds is None or recording.mask is None:
        return recording
    most = int(np.floor(seconds * recording.sfreq + 0.5))
    if most < 1:
        raise EegdaeError(
            f"{recording.source}: data.prepare.fill={seconds:g} s is shorter than a sample; give "
            f"{1 / recording.sfreq:g} or more"
        )
    missing = ~recording.mask
    short = np.stack([_in_short_gaps(row, most, causal=causal) for row in missing])
    if not short.any():
        return recording
    data = recording.data.copy()
    data[short] = bridged(recording, causal=causal)[short]
    mask = recording.mask | short
    share = short.sum() / short.size
    note = f"filled {share:.1%} of the samples, gaps of up to {most / recording.sfreq:g} s"
    return replace(recording, data=data, mask=None if mask.all() else mask, notes=(*recording.notes, note))


def _in_short_gaps(missing: NDArray[np.bool_], most: int, *, causal: bool) -> NDArray[np.bool_]:
    """Which samples of one channel lie in a gap that is filled, shape (n_times,)."""
    edges = np.flatnonzero(np.diff(np.r_[False, missing, False]))
    found = np.zeros(len(missing), dtype=bool)
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if start == 0:
            continue
        if causal:
            found[start : min(stop, start + most)] = True
        elif stop < len(missing) and stop - start <= most:
            found[start:stop] = True
    return found
