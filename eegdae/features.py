"""Windows -> views: named blocks of features, one stack each."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.connectivity import (
    EEG_BANDS,
    MEASURES,
    check_settings,
    connectivity,
    covariance,
    feature_names,
    unvectorize,
    vectorize,
)
from eegdae.connectivity.covariance import COVARIANCES
from eegdae.connectivity.tangent import METRICS
from eegdae.errors import EegdaeError, did_you_mean
from eegdae.layout import Layout
from eegdae.tangent_space import MOST_COMPONENTS, TangentSpace, from_entries, to_entries
from eegdae.windows import Windows

TANGENTS = ("covariance_tangent", "filter_bank_tangent")
"""Covariances of the windows, or of each of their bands, in a tangent space fitted on training rows."""
FROM_WINDOWS = ("raw", *TANGENTS, *MEASURES)
"""What a view may be of."""

# Every option that is checked against windows; the views say the rest.
_OWN_KEYS = ("measure", "bands", "hidden")
_OPTIONS = tuple(
    name
    for name in inspect.signature(check_settings).parameters
    if name not in ("n_chans", "n_times", "sfreq", "measures", "bands")
)
_TANGENT_OPTIONS: Mapping[str, Any] = {
    "covariance_estimator": "oas",
    "metric": "riemann",
    "n_components": MOST_COMPONENTS,
}
_WHOLE = "all frequencies"
# Bytes of windows whose covariances are computed at once, in float64.
_BLOCK = 32 * 2**20


@dataclass(frozen=True)
class View:
    """One block of features with a stack of its own.

    Parameters
    ----------
    name : str
        What it is called, e.g. ``power``.
    measure : str
        ``raw`` (the window itself), a measure of `eegdae.connectivity.MEASURES`, or covariances as tangent
        vectors: ``covariance_tangent`` of the windows as they are, ``filter_bank_tangent`` of each band.
    bands : mapping of str to (float, float) or None
        Name -> (lower, upper) edge in hertz; None = the usual EEG bands (with ``freqs`` among the options:
        one entry a frequency); not for ``raw`` and ``covariance_tangent``.
    hidden : tuple of int or None
        Widths of its own stack; None = those of the model.
    options : mapping of str to value
        Of a measure: ``estimator`` and the others of `eegdae.connectivity`. Of tangent vectors:
        ``covariance_estimator`` (oas, ledoit_wolf, empirical), ``metric`` of the mean (riemann, logeuclid),
        ``n_components``, most dimensions of a band's subspace (None = the rank); see `TangentSpace`.

    Raises
    ------
    EegdaeError
        If the measure or an option is unknown, or an option impossible whatever the windows.
    """

    name: str
    measure: str
    bands: Mapping[str, tuple[float, float]] | None = None
    hidden: tuple[int, ...] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name or not str(self.name).isidentifier():
            raise EegdaeError(f"features.{self.name}: the name of a view must be letters, digits and _")
        if self.measure not in FROM_WINDOWS:
            hint = did_you_mean(str(self.measure), FROM_WINDOWS)
            raise EegdaeError(f"features.{self.name}.measure={self.measure!r}: no such measure; {hint}")
        object.__setattr__(self, "options", self._checked_options())
        if self.measure in ("raw", "covariance_tangent"):
            if self.bands is not None:
                other = "raw windows have no bands" if self.is_raw else "filter_bank_tangent is of bands"
                raise EegdaeError(f"features.{self.name}.bands: {other}; leave it out")
        elif self.bands is None and "freqs" not in self.options:
            object.__setattr__(self, "bands", dict(EEG_BANDS))

    def _checked_options(self) -> dict[str, Any]:
        known = () if self.is_raw else tuple(_TANGENT_OPTIONS) if self.is_tangent else _OPTIONS
        for key in self.options:
            if key not in known:
                hint = did_you_mean(str(key), (*_OWN_KEYS, *known))
                raise EegdaeError(f"features.{self.name}.{key}: unknown key; {hint}")
        for key in ("estimator", "covariance_estimator", "metric"):
            if not isinstance(self.options.get(key, ""), str | None):
                raise EegdaeError(f"features.{self.name}.{key}={self.options[key]!r}: must be a name")
        if not self.is_tangent:
            given = {key: _plain(value) for key, value in self.options.items() if value is not None}
            if given.get("estimator") == "filter_hilbert":
                raise EegdaeError(
                    f"features.{self.name}.estimator='filter_hilbert': filters a recording before it is cut, "
                    "and views are of windows; use hilbert"
                )
            return given
        options = {**_TANGENT_OPTIONS, **self.options}
        for key, allowed in (("covariance_estimator", COVARIANCES), ("metric", METRICS)):
            if options[key] not in allowed:
                hint = did_you_mean(str(options[key]), allowed)
                raise EegdaeError(f"features.{self.name}.{key}={options[key]!r}: not known; {hint}")
        n = options["n_components"]
        if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 1):
            raise EegdaeError(
                f"features.{self.name}.n_components={n!r}: must be a whole number, 1 or more, "
                "or null for the rank"
            )
        return options

    @property
    def is_raw(self) -> bool:
        """Whether its features are the samples of the window."""
        return self.measure == "raw"

    @property
    def is_tangent(self) -> bool:
        """Whether its features are covariances, from which a `TangentSpace` makes what the stack takes."""
        return self.measure in TANGENTS

    @property
    def entries(self) -> tuple[str, ...]:
        """Name of each matrix of a window: of the band, or of the frequency; none for ``raw``."""
        if self.is_raw:
            return ()
        if self.bands is not None:
            return tuple(self.bands)
        return tuple(f"{f:g} Hz" for f in self.options.get("freqs", ())) or (_WHOLE,)

    @property
    def entry_names(self) -> list[str]:
        """`entries` with their edges, ``alpha (8 to 13 Hz)``, for whoever reads them."""
        if self.bands is None:
            return list(self.entries)
        return [f"{name} ({lo:g} to {hi:g} Hz)" for name, (lo, hi) in self.bands.items()]

    @property
    def matrix_measure(self) -> str:
        """Measure whose values its matrices hold."""
        return "covariance" if self.is_tangent else self.measure

    def n_groups(self, n_chans: int) -> int | None:
        """Blocks of features that share one scale: the channels of raw windows; None = each its own."""
        return n_chans if self.is_raw else None

    def layout(
        self,
        x: Tensor,
        *,
        n_chans: int,
        sfreq: float | None = None,
        image_shape: tuple[int, int] | None = None,
    ) -> Layout:
        """What a stack may know of its input.

        Parameters
        ----------
        x : Tensor, shape (n_rows, n_features)
            Of `project`.
        n_chans : int
            Channels of the windows.
        sfreq : float or None
            Their sampling rate in hertz.
        image_shape : (int, int) or None
            Height and width where they are images.

        Returns
        -------
        Layout
            Of a row of ``x``; tangent vectors belong to no channels.
        """
        if self.is_raw and image_shape is not None:
            return Layout("images", (n_chans, *image_shape))
        if self.is_raw:
            return Layout("signals", (n_chans, x.shape[1] // n_chans), sfreq)
        if self.is_tangent:
            return Layout.rows(x.shape[1])
        return Layout("matrices", (len(self.entries), n_chans, n_chans), measure=self.measure)

    def features(self, windows: Windows) -> Tensor:
        """Features of windows; a window's do not depend on the others.

        Parameters
        ----------
        windows : Windows
            Of any number.

        Returns
        -------
        Tensor, shape (n_windows, n_features)
            float32; the window channel after channel for ``raw``, else as `vectorize` lays them out. For
            tangent vectors the entries of the covariances, float64 (see `to_entries`).

        Raises
        ------
        EegdaeError
            If a band or an option does not fit the windows; samples are missing, or they are images, and it
            is not ``raw``; it is of pairs and a channel was interpolated.
        """
        if self.is_raw:
            return torch.from_numpy(np.ascontiguousarray(windows.x)).flatten(1)
        if windows.image_shape is not None:
            raise EegdaeError(
                f"features.{self.name}: {self.measure} is of signals in time, and these are images, without "
                "bands and connectivity; use features=[raw]"
            )
        if windows.mask is not None:
            raise EegdaeError(
                f"windows.max_missing: view {self.name!r} needs windows without missing samples; set it to 0"
            )
        if self.is_tangent:
            return self._covariances(windows)
        if windows.interpolated and MEASURES[self.measure].of_pairs:
            raise EegdaeError(
                f"features.{self.name}: {', '.join(windows.interpolated)} were interpolated, so their "
                f"{self.measure} with others is that of the others; leave them out: windows.channels=shared, "
                "or data.exclude"
            )
        self._check(windows, self.options)
        c = connectivity(
            windows.x, sfreq=windows.sfreq, measures=(self.measure,), bands=self.bands, **self.options
        )
        return torch.from_numpy(vectorize(c[:, 0], self.measure)).float()

    def fit_projection(self, features: Tensor, n_chans: int) -> TangentSpace | None:
        """Fit the step between features and alignment.

        Parameters
        ----------
        features : Tensor, shape (n_rows, n_features)
            Training rows, of `features`.
        n_chans : int
            Channels of the windows.

        Returns
        -------
        TangentSpace or None
            None where the features are taken as they are.

        Raises
        ------
        EegdaeError
            If the covariances of these rows have no mean or no variance.
        """
        if not self.is_tangent:
            return None
        metric, n_components = self.options["metric"], self.options["n_components"]
        try:
            return TangentSpace.fit(features, n_chans=n_chans, metric=metric, n_components=n_components)
        except EegdaeError as error:
            raise EegdaeError(f"features.{self.name}: {error}") from error

    def project(self, features: Tensor, projection: TangentSpace | None) -> Tensor:
        """Bring features of any rows to what is aligned and scaled: float32, shape (n_rows, n_features).

        Parameters
        ----------
        features : Tensor, shape (n_rows, n_features)
            Of `features`.
        projection : TangentSpace or None
            Of `fit_projection`.

        Raises
        ------
        EegdaeError
            If a covariance is not positive definite.
        """
        if projection is None:
            return features
        try:
            return projection.transform(features)
        except EegdaeError as error:
            raise EegdaeError(f"features.{self.name}: {error}") from error

    def matrices(self, features: Tensor, n_chans: int) -> NDArray[np.floating[Any]]:
        """Matrices that features stand for: (n, n_features) -> (n, n_entries, n_chans, n_chans)."""
        if self.is_tangent:
            return from_entries(features, n_chans).numpy()
        return unvectorize(features.numpy(), self.measure, n_bands=len(self.entries), n_chans=n_chans)

    def feature_names(self, windows: Windows) -> list[str]:
        """Name of each feature: ``plv|alpha|O1-O2``; ``raw|O1|17`` is sample 17 of channel O1.

        Of images ``raw|red|3,5`` is the pixel in row 3 and column 5.
        """
        if self.is_raw and windows.image_shape is not None:
            height, width = windows.image_shape
            pixels = [f"{row},{column}" for row in range(height) for column in range(width)]
            return [f"raw|{colour}|{pixel}" for colour in windows.ch_names for pixel in pixels]
        if self.is_raw:
            return [f"raw|{ch}|{t}" for ch in windows.ch_names for t in range(windows.n_times)]
        return feature_names(self.matrix_measure, band_names=self.entries, ch_names=windows.ch_names)

    def _covariances(self, windows: Windows) -> Tensor:
        estimator = self.options["covariance_estimator"]
        options: dict[str, Any] = {"bands": self.bands, "covariance_estimator": estimator}
        if self.bands is not None:
            self._check(windows, {"covariance_estimator": estimator})
        size = max(1, _BLOCK // (8 * windows.n_chans * windows.n_times))
        blocks = []
        for start in range(0, max(1, len(windows)), size):
            x = torch.from_numpy(np.asarray(windows.x[start : start + size], np.float64))
            if self.bands is None:
                c = covariance(x, estimator=estimator)
            else:
                c = connectivity(x, sfreq=windows.sfreq, measures=("covariance",), **options)
            blocks.append(to_entries(c.reshape(len(x), len(self.entries), *c.shape[-2:])))
        return torch.cat(blocks)

    def _check(self, windows: Windows, options: Mapping[str, Any]) -> None:
        try:
            check_settings(
                n_chans=windows.n_chans,
                n_times=windows.n_times,
                sfreq=windows.sfreq,
                measures=(self.matrix_measure,),
                bands=self.bands,
                **options,
            )
        except EegdaeError as error:
            raise EegdaeError(f"features.{self.name}.{error}") from error


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


def _plain(value: Any) -> Any:
    """Give arrays and tuples as lists, as a configuration has them and a checkpoint keeps them."""
    return np.asarray(value).tolist() if isinstance(value, tuple | range | np.ndarray | np.generic) else value
