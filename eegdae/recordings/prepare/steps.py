"""What a configuration may have done to a recording before it is cut, step by step in one fixed order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.prepare.filters import check_frequencies, filtered
from eegdae.recordings.recording import Recording
from eegdae.recordings.reference import rereference

_KEYS = ("l_freq", "h_freq", "sfreq", "reference", "laplacian")


def prepare(
    recording: Recording,
    *,
    l_freq: float | None = None,
    h_freq: float | None = None,
    sfreq: float | None = None,
    reference: str | Sequence[str] | None = None,
    laplacian: bool = False,
) -> Recording:
    """Give a recording another reference, filter it (zero-phase FIR) and resample it.

    Filtering comes before windowing because the filter is longer than a window. Stretches that were not
    observed are bridged by straight lines while filtering and are unobserved again afterwards; a flat channel
    stays flat.

    Parameters
    ----------
    recording : Recording
        Any recording.
    l_freq : float or None
        Lower edge of the pass band in hertz; None = no high-pass.
    h_freq : float or None
        Upper edge of the pass band in hertz; None = no low-pass.
    sfreq : float or None
        New sampling rate in hertz; None = as it is.
    reference : str, sequence of str or None
        ``"average"``, or the channels whose mean is taken off all; None = as recorded. See
        `eegdae.recordings.reference.rereference`, also for what becomes of gaps.
    laplacian : bool
        Whether to take the surface Laplacian.

    Returns
    -------
    Recording
        Of shape (n_chans, round(n_times * sfreq / old sfreq)); mask and annotations follow.

    Raises
    ------
    EegdaeError
        If a frequency does not fit the rate, the filter is longer than the recording, or the channels cannot
        have the reference or the Laplacian.

    Notes
    -----
    `mne.filter.filter_data` with its defaults (Hamming window, firwin design), then
    `mne.filter.resample` with ``method="polyphase"``, which keeps sample k at time k / sfreq.
    """
    check_frequencies(recording, l_freq, h_freq, sfreq)
    recording = rereference(recording, reference=reference, laplacian=laplacian)
    return filtered(recording, l_freq=l_freq, h_freq=h_freq, sfreq=sfreq)


def check_prepare(options: object) -> Mapping[str, Any]:
    """Check the ``prepare`` block of a data configuration.

    Parameters
    ----------
    options : object
        The block as read: a mapping, or None for none.

    Returns
    -------
    mapping
        The keyword arguments of `prepare`.

    Raises
    ------
    EegdaeError
        If it is not a mapping, or holds an unknown key.
    """
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise EegdaeError(f"data.prepare={options!r}: a mapping with {', '.join(_KEYS)} is needed")
    for key in options:
        if key not in _KEYS:
            raise EegdaeError(f"data.prepare.{key}: unknown key; {did_you_mean(str(key), _KEYS)}")
    return options
