"""What was not observed, filled in for filters, which need a value everywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eegdae.recordings.recording import Recording


def bridged(recording: Recording, *, causal: bool = False) -> NDArray[np.float64]:
    """Fill the gaps of a recording.

    Parameters
    ----------
    recording : Recording
        Any recording.
    causal : bool
        False: a straight line from the sample before a gap to the one after it. True: the sample before it
        is held; before the first observed sample, that one.

    Returns
    -------
    ndarray of float64, shape (n_chans, n_times)
        A copy; a channel that was never observed is 0.
    """
    data = recording.data.astype(np.float64)
    if recording.mask is not None:
        times = np.arange(recording.n_times)
        for values, seen in zip(data, recording.mask, strict=True):
            if not seen.any() or seen.all():
                continue
            if causal:
                last = np.maximum.accumulate(np.where(seen, times, seen.argmax()))
                values[:] = values[last]
            else:
                values[~seen] = np.interp(times[~seen], times[seen], values[seen])
    return data
