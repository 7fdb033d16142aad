"""Ocular channels regressed out of all others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from eegdae.connectivity.covariance import estimate_rank
from eegdae.errors import EegdaeError
from eegdae.ocular.signals import channel_numbers, listed, mean_covariance, to_epochs


def fit_regression(
    x: NDArray[np.floating[Any]], *, ch_names: Sequence[str], channels: Sequence[str]
) -> NDArray[np.float64]:
    """Regress ocular channels out of all others: Gratton's correction, by `mne.preprocessing.EOGRegression`.

    A channel's coefficients are those of least squares on all windows together, each signal about its mean
    over the window.

    Parameters
    ----------
    x : ndarray, shape (n_windows, n_chans, n_times)
        Windows to fit on, in one unit.
    ch_names : sequence of str, length n_chans
        Their channels.
    channels : sequence of str
        Ocular ones, or frontal ones that stand in for them.

    Returns
    -------
    ndarray of float64, shape (n_chans, n_chans)
        The identity, with minus the coefficients in the columns of the ocular channels; these stay as they
        are. For `correct` without a center.

    Raises
    ------
    EegdaeError
        If a channel is not there, no other is, or the ocular channels depend on one another.

    References
    ----------
    G. Gratton, M. Coles, E. Donchin, A new method for off-line removal of ocular artifact,
    Electroencephalography and Clinical Neurophysiology 55(4), 1983.
    """
    from mne.preprocessing import EOGRegression

    eyes = channel_numbers(ch_names, channels)
    others = np.setdiff1d(np.arange(len(ch_names)), eyes)
    if not len(others):
        raise EegdaeError("ocular.channels: these are all channels, and nothing is left to correct")
    data = np.asarray(x, np.float64)
    seen = mean_covariance(data[:, eyes])
    rank = int(estimate_rank(torch.from_numpy(seen)))
    if rank < len(eyes):
        flat = [ch_names[k] for k, variance in zip(eyes, np.diag(seen), strict=True) if variance == 0]
        why = f"{flat[0]} has no variance" if flat else f"they depend on one another (rank {rank})"
        raise EegdaeError(f"ocular.channels={listed(channels)}: {why} in the training windows; leave one out")
    model = EOGRegression(picks=others, picks_artifact=eyes, proj=False).fit(to_epochs(data, ch_names))
    matrix = np.eye(len(ch_names))
    matrix[np.ix_(others, eyes)] = -model.coef_
    return matrix
