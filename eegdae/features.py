"""Windows -> views: named blocks of features, one stack each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.connectivity import MEASURES, check_bands, connectivity, feature_names, unvectorize, vectorize
from eegdae.connectivity.bands import EEG_BANDS
from eegdae.errors import EegdaeError, did_you_mean
from eegdae.windows import Windows


@dataclass(frozen=True)
class View:
    """One block of features with a stack of its own.

    Parameters
    ----------
    name : str
        What it is called, e.g. ``power``.
    measure : str
        ``raw`` (the window itself), or a measure of connectivity: ``power pearson plv``.
    bands : mapping of str to (float, float) or None
        Name -> (lower, upper) edge in hertz; None = the usual EEG bands; not for ``raw``.
    hidden : tuple of int or None
        Widths of its own stack; None = those of the model.

    Raises
    ------
    EegdaeError
        If the measure is unknown.
    """

    name: str
    measure: str
    bands: Mapping[str, tuple[float, float]] | None = None
    hidden: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not self.name or not str(self.name).isidentifier():
            raise EegdaeError(f"features.{self.name}: the name of a view must be letters, digits and _")
        known = ("raw", *MEASURES)
        if self.measure not in known:
            hint = did_you_mean(str(self.measure), known)
            raise EegdaeError(f"features.{self.name}.measure={self.measure!r}: no such measure; {hint}")
        if self.measure == "raw" and self.bands is not None:
            raise EegdaeError(f"features.{self.name}.bands: raw windows have no bands; leave it out")
        if self.measure != "raw" and self.bands is None:
            object.__setattr__(self, "bands", dict(EEG_BANDS))

    @property
    def is_raw(self) -> bool:
        """Whether its features are the samples of the window."""
        return self.measure == "raw"

    def n_groups(self, n_chans: int) -> int | None:
        """Blocks of features that share one scale: the channels of raw windows; None = each its own."""
        return n_chans if self.is_raw else None

    def features(self, windows: Windows) -> Tensor:
        """Features of windows.

        Parameters
        ----------
        windows : Windows
            Of any number.

        Returns
        -------
        Tensor, shape (n_windows, n_features)
            float32; the window channel after channel for ``raw``, else as `vectorize` lays them out.

        Raises
        ------
        EegdaeError
            If a band does not fit the rate, or samples are missing and the view is not ``raw``.
        """
        if self.is_raw:
            return torch.from_numpy(np.ascontiguousarray(windows.x)).flatten(1)
        if windows.mask is not None:
            raise EegdaeError(
                f"windows.max_missing: view {self.name!r} needs windows without missing samples; set it to 0"
            )
        bands = self._bands(windows.sfreq, windows.n_times)
        c = connectivity(windows.x, sfreq=windows.sfreq, measures=(self.measure,), bands=bands)
        return torch.from_numpy(vectorize(c[:, 0], self.measure)).float()

    def matrices(self, features: Tensor, n_chans: int) -> NDArray[np.float32]:
        """Matrices that features stand for: (n, n_features) -> (n, n_bands, n_chans, n_chans)."""
        v = features.numpy()
        return unvectorize(v, self.measure, n_bands=len(self.bands or ()), n_chans=n_chans)

    def feature_names(self, windows: Windows) -> list[str]:
        """Name of each feature: ``plv|alpha|O1-O2``; ``raw|O1|17`` is sample 17 of channel O1."""
        if self.is_raw:
            return [f"raw|{ch}|{t}" for ch in windows.ch_names for t in range(windows.n_times)]
        return feature_names(self.measure, band_names=list(self.bands or ()), ch_names=windows.ch_names)

    def _bands(self, sfreq: float, n_times: int) -> dict[str, tuple[float, float]]:
        try:
            checked = check_bands(
                self.bands or {}, sfreq=sfreq, n_times=n_times, min_bins=MEASURES[self.measure].min_bins
            )
        except EegdaeError as error:
            raise EegdaeError(f"features.{self.name}.{error}") from error
        return dict(checked)


def compute_views(windows: Windows, views: Sequence[View]) -> dict[str, Tensor]:
    """Compute the features of every view; nothing is fitted.

    Parameters
    ----------
    windows : Windows
        What to describe.
    views : sequence of View
        With different names.

    Returns
    -------
    dict of str to Tensor, shape (n_windows, n_features)
        By the name of the view, as `View.features` gives them.

    Raises
    ------
    EegdaeError
        If a view is not possible on these windows.
    """
    return {view.name: view.features(windows) for view in views}
