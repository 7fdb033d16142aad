"""Windows as MNE-Python takes them, their covariance, and channels by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean


def channel_numbers(ch_names: Sequence[str], channels: Sequence[str]) -> NDArray[np.int64]:
    """Find ocular channels by name: their numbers, ascending.

    Raises
    ------
    EegdaeError
        If one is not there.
    """
    for name in channels:
        if name not in ch_names:
            hint = did_you_mean(name, list(ch_names))
            raise EegdaeError(f"ocular.channels={listed(channels)}: there is no channel {name!r}; {hint}")
    return np.array([k for k, name in enumerate(ch_names) if name in channels], dtype=np.int64)


def mean_covariance(data: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean covariance of windows, each about its own mean.

    Parameters
    ----------
    data : ndarray of float64, shape (n_windows, n_chans, n_times)
        Of any unit.

    Returns
    -------
    ndarray of float64, shape (n_chans, n_chans)
        In that unit, squared.
    """
    total: NDArray[np.float64] = np.zeros((data.shape[1], data.shape[1]))
    for window in data:
        about = window - window.mean(-1, keepdims=True)
        total += about @ about.T
    total /= max(1, len(data) * data.shape[-1])
    return total


def to_epochs(data: NDArray[np.float64], ch_names: Sequence[str], kinds: Sequence[str] | None = None) -> Any:
    """Give windows to MNE as they are: neither unit nor rate plays a part in what is fitted.

    Parameters
    ----------
    data : ndarray of float64, shape (n_windows, n_chans, n_times)
        Signals.
    ch_names : sequence of str, length n_chans
        Their channels.
    kinds : sequence of str, length n_chans, or None
        MNE's types of channels; None = all are EEG.

    Returns
    -------
    mne.EpochsArray
        Marked as referred as it should be.
    """
    import mne

    info = mne.create_info(list(ch_names), 100.0, "eeg" if kinds is None else list(kinds), verbose="ERROR")
    epochs = mne.EpochsArray(data, info, proj=False, baseline=None, verbose="ERROR")
    return epochs.set_eeg_reference([], verbose="ERROR")


def listed(channels: Sequence[str]) -> str:
    """Write channels as a configuration has them."""
    return f"[{', '.join(channels)}]"
