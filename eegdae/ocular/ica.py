"""Independent components of windows, without those that follow the eyes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from eegdae.connectivity.covariance import estimate_rank
from eegdae.errors import EegdaeError
from eegdae.ocular.signals import channel_numbers, mean_covariance, to_epochs

METHODS = ("fastica", "picard", "infomax")
"""Ways to find independent components."""

# Samples for each entry of the unmixing matrix: with fewer, components are of chance.
_SAMPLES_AN_ENTRY = 20


@dataclass(frozen=True, eq=False)
class IcaFit:
    """Independent components without those of the eyes.

    Parameters
    ----------
    matrix : ndarray of float64, shape (n_chans, n_chans)
        Takes the removed components out of signals about ``center``; the identity where none was found.
    center : ndarray of float64, shape (n_chans,)
        Mean of the signals that it was fitted on; 0 for channels that were not decomposed.
    n_components : int
        How many there were.
    removed : dict of int to dict of str to float
        Removed component -> ocular channel -> their correlation; components by falling variance, from 0.
    n_iter : int
        Iterations that it took.
    notes : tuple of str
        What a user should know: it did not converge, nothing was found.
    """

    matrix: NDArray[np.float64]
    center: NDArray[np.float64]
    n_components: int
    removed: dict[int, dict[str, float]]
    n_iter: int
    notes: tuple[str, ...] = ()


def fit_ica(
    x: NDArray[np.floating[Any]],
    *,
    ch_names: Sequence[str],
    channels: Sequence[str],
    decompose_channels: bool = True,
    n_components: float | None = None,
    method: str = "fastica",
    threshold: float = 3.0,
    max_iter: int | None = None,
    seed: int = 0,
) -> IcaFit:
    """Decompose windows with `mne.preprocessing.ICA` and find the components that follow the eyes.

    These are the components whose correlation with an ocular channel stands out among all
    (``ICA.find_bads_eog``). On windows MNE correlates signals as they are, without the band-pass of its
    recordings: slow drifts should be filtered out before (``data.prepare.l_freq=1``).

    Parameters
    ----------
    x : ndarray, shape (n_windows, n_chans, n_times)
        Windows to fit on, in one unit.
    ch_names : sequence of str, length n_chans
        Their channels.
    channels : sequence of str
        Ocular ones, or frontal ones that stand in for them.
    decompose_channels : bool
        Whether `channels` are EEG that is decomposed like all others; False: they only tell what to remove.
    n_components : int, float or None
        How many; a share of the variance; None = all that have variance, as in MNE.
    method : str
        ``fastica``, ``picard`` or ``infomax``.
    threshold : float
        z-score of a correlation, among those of all components, above which a component is removed.
    max_iter : int or None
        Most iterations; None = MNE's: 1000 for ``fastica``, 500 for the others.
    seed : int
        Of the first guess.

    Returns
    -------
    IcaFit
        For `correct`.

    Raises
    ------
    EegdaeError
        If a channel is not there, there are too few channels or samples, more components than dimensions, so
        few components that no z-score can reach the threshold, or all components are removed.
    """
    from mne.preprocessing import ICA

    eyes = channel_numbers(ch_names, channels)
    used = np.arange(len(ch_names)) if decompose_channels else np.setdiff1d(np.arange(len(ch_names)), eyes)
    data = np.asarray(x, np.float64)
    _check_ica(data[:, used], n_components, threshold)
    if method == "picard" and find_spec("picard") is None:
        raise EegdaeError(
            "ocular.method='picard': is not installed: pip install python-picard, or use fastica"
        )
    kinds = ["eeg" if k in used else "eog" for k in range(len(ch_names))]
    epochs = to_epochs(data, ch_names, kinds)
    ica = ICA(
        n_components,
        method=method,
        max_iter="auto" if max_iter is None else max_iter,
        random_state=seed,
        verbose="ERROR",
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            ica.fit(epochs, verbose="WARNING")
        except (RuntimeError, ValueError, np.linalg.LinAlgError) as error:
            told = " ".join(str(error).split())
            raise EegdaeError(f"ocular=ica: MNE cannot decompose the training windows: {told}") from error
    n_found = int(ica.n_components_)
    _check_threshold(threshold, n_found)
    names = [ch_names[k] for k in eyes]
    bad, scores = ica.find_bads_eog(epochs, ch_name=names, threshold=threshold, verbose="ERROR")
    scores = np.atleast_2d(scores)  # (n_eyes, n_components)
    removed = sorted(int(k) for k in bad)
    if len(removed) == n_found:
        raise EegdaeError(
            f"ocular.threshold={threshold:g}: takes out all {n_found} components, and nothing is left; give "
            "a higher one, or use ocular=regression"
        )

    # x = scale * whitened; whitened about its mean = (basis mixing) (unmixing basis') whitened
    scale, basis = ica.pre_whitener_[:, 0], ica.pca_components_[:n_found].T  # (n_used,), (n_used, n_found)
    taken = basis @ ica.mixing_matrix_[:, removed] @ ica.unmixing_matrix_[removed] @ basis.T
    matrix, center = np.eye(len(ch_names)), np.zeros(len(ch_names))
    matrix[np.ix_(used, used)] -= scale[:, None] * taken / scale
    center[used] = scale * ica.pca_mean_
    return IcaFit(
        matrix,
        center,
        n_found,
        {k: dict(zip(names, scores[:, k].tolist(), strict=True)) for k in removed},
        int(ica.n_iter_),
        tuple(_notes(caught, ica, removed, channels, threshold)),
    )


def _check_ica(data: NDArray[np.float64], n_components: float | None, threshold: float) -> None:
    n_chans, n_samples = data.shape[1], data.shape[0] * data.shape[2]
    rank = int(estimate_rank(torch.from_numpy(mean_covariance(data)))) if data.size else 0
    if rank < 2:
        raise EegdaeError(
            f"ocular=ica: needs 2 channels or more that vary by themselves, there are {rank} of {n_chans}; "
            "use ocular=regression"
        )
    n = n_components if isinstance(n_components, int) else rank
    if n > rank:
        raise EegdaeError(
            f"ocular.n_components={n_components}: the {n_chans} channels have {rank} dimensions in the "
            f"training windows; give {rank} or less, or null"
        )
    needed = _SAMPLES_AN_ENTRY * n**2
    if n_samples < needed:
        raise EegdaeError(
            f"ocular=ica: {n} components need {needed} samples (20 for each pair of components), the "
            f"training windows have {n_samples}; give more windows or fewer ocular.n_components, or use "
            "ocular=regression"
        )
    _check_threshold(threshold, n)


def _check_threshold(threshold: float, n_components: int) -> None:
    largest = math.sqrt(n_components - 1)  # where one of them stands out and the others are alike
    if threshold >= largest:
        raise EegdaeError(
            f"ocular.threshold={threshold:g}: among {n_components} components no z-score can be above "
            f"{largest:.3g}; give a lower one, or use ocular=regression"
        )


def _notes(
    caught: Sequence[warnings.WarningMessage],
    ica: Any,
    removed: Sequence[int],
    channels: Sequence[str],
    threshold: float,
) -> list[str]:
    notes = []
    told = [" ".join(str(warning.message).split()) for warning in caught]
    if ica.n_iter_ >= ica.max_iter or any("did not converge" in text for text in told):
        notes.append(f"ICA did not converge in {ica.n_iter_} iterations: raise ocular.max_iter")
    notes += [text for text in told if "unstable mixing matrix" in text]
    if not removed:
        notes.append(
            f"no component stands out by its correlation with {', '.join(channels)} (z above {threshold:g})"
        )
    return notes
