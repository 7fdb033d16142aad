"""Windows -> views: named blocks of features, one stack each; alignment by subject; scalers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.connectivity import MEASURES, check_bands, connectivity, feature_names, unvectorize, vectorize
from eegdae.connectivity.bands import EEG_BANDS
from eegdae.errors import EegdaeError, did_you_mean
from eegdae.windows import Windows

SCALERS = ("standard", "minmax", "none")
ALIGNMENTS = ("none", "zscore")


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


def compute_views(windows: Windows, views: Sequence[View], *, alignment: str = "none") -> dict[str, Tensor]:
    """Compute the features of every view, aligned.

    Parameters
    ----------
    windows : Windows
        What to describe.
    views : sequence of View
        With different names.
    alignment : str
        ``none``, or ``zscore``: each subject's features get mean 0 and sd 1 over all windows of that subject,
        unlabelled; a window's features then depend on its subject's other windows (transductive).

    Returns
    -------
    dict of str to Tensor, shape (n_windows, n_features)
        float32, by the name of the view.

    Raises
    ------
    EegdaeError
        If a view is not possible on these windows, or the alignment is unknown.
    """
    if alignment not in ALIGNMENTS:
        raise EegdaeError(
            f"alignment={alignment!r}: no such alignment; {did_you_mean(str(alignment), ALIGNMENTS)}"
        )
    features = {view.name: view.features(windows) for view in views}
    if alignment == "zscore":
        subjects = windows.metadata["subject"].to_numpy()
        mask = (
            None if windows.mask is None else torch.from_numpy(np.ascontiguousarray(windows.mask)).flatten(1)
        )
        for view in views:
            n_groups, observed = (windows.n_chans, mask) if view.is_raw else (None, None)
            features[view.name] = zscore_by(
                features[view.name], subjects, n_groups=n_groups, observed=observed
            )
    return features


def zscore_by(
    x: Tensor, subjects: NDArray[Any], *, n_groups: int | None = None, observed: Tensor | None = None
) -> Tensor:
    """Give each subject's features mean 0 and sd 1.

    Parameters
    ----------
    x : Tensor, shape (n_rows, n_features)
        Features.
    subjects : ndarray of str, shape (n_rows,)
        Whose row it is.
    n_groups : int or None
        Equal blocks of features that share one mean and sd (channels of raw windows); None = each its own.
    observed : Tensor of bool or None, shape (n_rows, n_features)
        True where ``x`` was observed; the others do not count and become 0.

    Returns
    -------
    Tensor, shape (n_rows, n_features)
        A feature that is constant within a subject becomes 0 there.
    """
    aligned = torch.empty_like(x)
    for subject in dict.fromkeys(subjects.tolist()):
        rows = torch.from_numpy(np.flatnonzero(subjects == subject))
        seen = None if observed is None else observed[rows]
        scaler = Scaler.fit(x[rows], "standard", n_groups=n_groups, observed=seen)
        aligned[rows] = scaler.transform(x[rows], seen)
    return aligned


@dataclass(frozen=True, eq=False)
class Scaler:
    """Shift and scale of each feature, fitted on training rows: ``(x - center) / scale``.

    Parameters
    ----------
    center, scale : Tensor, shape (n_features,)
        In the unit of the features; a constant feature has scale 1.
    """

    center: Tensor
    scale: Tensor

    @classmethod
    def fit(
        cls, x: Tensor, kind: str, *, n_groups: int | None = None, observed: Tensor | None = None
    ) -> Scaler:
        """Fit a scaler.

        Parameters
        ----------
        x : Tensor, shape (n_rows, n_features)
            Training rows.
        kind : str
            ``standard`` (mean 0, sd 1), ``minmax`` (0 to 1) or ``none``.
        n_groups : int or None
            Equal blocks of features that are scaled as one (channels of raw windows); None = each its own.
        observed : Tensor of bool or None, shape (n_rows, n_features)
            True where ``x`` was observed; the others do not count.

        Returns
        -------
        Scaler
            Fitted.

        Raises
        ------
        EegdaeError
            If the kind is unknown.
        """
        if kind not in SCALERS:
            raise EegdaeError(f"scaler={kind!r}: no such scaler; {did_you_mean(str(kind), SCALERS)}")
        n_features = x.shape[1]
        if kind == "none":
            return cls(torch.zeros(n_features), torch.ones(n_features))
        width = n_features // n_groups if n_groups else 1
        # (rows, groups, width) -> (groups, rows x width): numbers that share a scale; NaN where unobserved
        values = x.double() if observed is None else x.double().masked_fill(~observed, math.nan)
        pooled = values.reshape(len(x), -1, width).transpose(0, 1).flatten(1)
        if kind == "standard":
            center = pooled.nanmean(1)
            scale = (pooled - center[:, None]).square().nanmean(1).sqrt()
        else:
            center = pooled.nan_to_num(nan=math.inf).amin(1)
            scale = pooled.nan_to_num(nan=-math.inf).amax(1) - center
        # a feature that was never observed stays as it is
        center, scale = center.nan_to_num(0.0, 0.0, 0.0), scale.nan_to_num(0.0, 0.0, 0.0)
        scale = torch.where(scale > 1e-12 * center.abs().clamp(min=1e-12), scale, 1.0)
        return cls(center.repeat_interleave(width).float(), scale.repeat_interleave(width).float())

    def transform(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """Scale rows, shape (n_rows, n_features); what was not observed becomes 0."""
        scaled = (x - self.center) / self.scale
        return scaled if observed is None else scaled.masked_fill(~observed, 0.0)

    def inverse_transform(self, x: Tensor) -> Tensor:
        """Bring scaled rows back to the unit of the features, shape (n_rows, n_features)."""
        return x * self.scale + self.center
