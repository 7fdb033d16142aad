"""Connectivity as a scikit-learn transformer of windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from eegdae.connectivity import (
    EEG_BANDS,
    check_settings,
    connectivity,
    feature_names,
    n_features,
    unvectorize,
    vectorize,
)
from eegdae.errors import EegdaeError

# Bytes of matrices that are held at once; only their features are kept.
_MATRICES = 64 * 2**20
_NOT_PASSED_ON = ("diagonal", "max_memory")


class Connectivity(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn windows into rows of connectivity features, and rows back into matrices.

    Measure after measure, in the order of `measures`; inside a measure band after band; inside a band the
    pairs row by row (``np.triu_indices(n_chans, k=1)``; every ordered pair for directed measures) or, for
    power, the channels. Values are made unbounded (see `eegdae.connectivity.vectorize`): features can be
    standardised, and rebuilt matrices are valid.

    Parameters
    ----------
    measures : sequence of str
        Names of `eegdae.connectivity.MEASURES`.
    bands : mapping of str to pair of float, or None
        Name -> (lower, upper) edge, Hz, both inside the band. None: one feature a frequency of `freqs` where
        they are given, else `eegdae.connectivity.EEG_BANDS`, six bands from 1 to 45 Hz.
    sfreq : float or None
        Sampling rate, Hz. Must be given; None is there for scikit-learn's sake alone.
    estimator : str
        How a band is taken out of a window: ``hilbert``, ``morlet``, ``multitaper`` or ``welch``.
    diagonal : bool
        Put the log power of every channel, once a band, in front of the features; rebuilt matrices then have
        it on the diagonal. For measures of pairs.
    freqs, n_cycles, time_bandwidth, mt_bandwidth, n_per_segment, order, max_lag, covariance_estimator, \
max_memory
        As in `eegdae.connectivity`.

    Attributes
    ----------
    n_features_in_ : int
        Second dimension of the windows seen in `fit`, the channels, as scikit-learn counts in 3-D.
    n_chans_, n_times_ : int
        Channels and samples of the windows seen in `fit`.
    measures_ : tuple of str
        Measures whose features there are, in their order: ``power`` first with `diagonal`.
    bands_ : dict of str to (float, float), or None
        Bands, checked; None: one feature a frequency.
    entries_ : tuple of str
        Name of each band, or of each frequency as ``"10 Hz"``.

    Examples
    --------
    >>> import numpy as np
    >>> windows = np.random.default_rng(0).normal(size=(10, 4, 256))
    >>> model = Connectivity(bands={"alpha": (8, 13)}, sfreq=128)
    >>> model.fit_transform(windows).shape
    (10, 10)
    """

    def __init__(
        self,
        measures: Sequence[str] = ("power", "plv"),
        bands: Mapping[str, Sequence[float]] | None = None,
        *,
        sfreq: float | None = None,
        estimator: str = "hilbert",
        diagonal: bool = False,
        freqs: Sequence[float] | None = None,
        n_cycles: float | Sequence[float] | None = None,
        time_bandwidth: float | Sequence[float] | None = None,
        mt_bandwidth: float | None = None,
        n_per_segment: int | None = None,
        order: int | None = None,
        max_lag: int | None = None,
        covariance_estimator: str = "oas",
        max_memory: int | float | str | None = None,
    ) -> None:
        self.measures = measures
        self.bands = bands
        self.sfreq = sfreq
        self.estimator = estimator
        self.diagonal = diagonal
        self.freqs = freqs
        self.n_cycles = n_cycles
        self.time_bandwidth = time_bandwidth
        self.mt_bandwidth = mt_bandwidth
        self.n_per_segment = n_per_segment
        self.order = order
        self.max_lag = max_lag
        self.covariance_estimator = covariance_estimator
        self.max_memory = max_memory

    def fit(self, X: NDArray[Any], y: object = None) -> Connectivity:
        """Check the settings against the windows; nothing is learned from their values.

        Parameters
        ----------
        X : ndarray, shape (n_windows, n_chans, n_times)
            Windows, any unit.
        y : None
            Ignored.

        Returns
        -------
        Connectivity
            Itself.

        Raises
        ------
        EegdaeError
            Where a setting is unknown or impossible for these windows, or there is no window.
        """
        X = _windows(X)
        if self.sfreq is None:
            raise EegdaeError(
                "sfreq: None; give the sampling rate of the windows in Hz: Connectivity(sfreq=...)"
            )
        n_windows, n_chans, n_times = X.shape
        if not n_windows:
            raise EegdaeError(f"X: shape {X.shape} holds no windows; give at least one")
        if self.estimator == "filter_hilbert":
            raise EegdaeError(
                "estimator: 'filter_hilbert' filters a recording before it is cut, and these are windows; "
                "call eegdae.connectivity on the recording, or use hilbert"
            )
        settings = check_settings(n_chans=n_chans, n_times=n_times, **self._options())
        for name, measure in settings.measures.items():
            if self.diagonal and measure.symmetry in ("diagonal", "definite") and name in self.measures:
                raise EegdaeError(f"diagonal: True, and {name!r} has a diagonal of its own; leave one out")
        self.measures_ = tuple(settings.measures)
        self.bands_ = None if settings.bands is None else dict(settings.bands)
        self.entries_ = settings.entries
        self.n_features_in_ = self.n_chans_ = n_chans
        self.n_times_ = n_times
        # One window goes all the way, so that what only the numerics refuse is refused here.
        self._features(X[:1])
        return self

    def transform(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Compute the features.

        Parameters
        ----------
        X : ndarray, shape (n_windows, n_chans, n_times)
            Windows with the channels and the length seen in `fit`; a shorter window raises the floor of PLV.

        Returns
        -------
        ndarray of float32, shape (n_windows, n_features)
            The features.

        Raises
        ------
        NotFittedError
            Before `fit`.
        EegdaeError
            Where the windows have other channels or another length, or hold NaN or infinite values.
        """
        check_is_fitted(self)
        X = _windows(X)
        if X.shape[1:] != (self.n_chans_, self.n_times_):
            raise EegdaeError(
                f"X: windows of {X.shape[1]} channels and {X.shape[2]} samples; fitted on {self.n_chans_} "
                f"channels and {self.n_times_} samples"
            )
        return self._features(X)

    def inverse_transform(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Build the matrices of connectivity from rows of features.

        Parameters
        ----------
        X : ndarray, shape (n_windows, n_features)
            Features, for instance as a network rebuilt them.

        Returns
        -------
        ndarray of float32, shape (n_windows, n_measures, n_bands, n_chans, n_chans)
            Valid matrices of each of `measures`: of its symmetry, range and diagonal (the log power, with
            `diagonal`), positive definite for covariances. Equal to `eegdae.connectivity` of the windows
            where no value was clipped.

        Raises
        ------
        NotFittedError
            Before `fit`.
        EegdaeError
            Where the number of features is another.
        """
        check_is_fitted(self)
        X = np.asarray(X, dtype=np.float32)
        n_bands, n_chans = len(self.entries_), self.n_chans_
        sizes = [n_features(name, n_bands=n_bands, n_chans=n_chans) for name in self.measures_]
        if X.ndim != 2 or X.shape[1] != sum(sizes):
            raise EegdaeError(f"X: shape {X.shape}; expected (n_windows, {sum(sizes)})")
        if not np.isfinite(X).all():
            row, column = (int(k) for k in np.argwhere(~np.isfinite(X))[0])
            raise EegdaeError(f"X: not finite in row {row}, feature {column}; allowed: finite features")
        blocks = np.split(X, np.cumsum(sizes)[:-1], axis=1)
        matrices = [
            unvectorize(block, name, n_bands=n_bands, n_chans=n_chans)
            for name, block in zip(self.measures_, blocks, strict=True)
        ]
        if not self.diagonal:
            return np.stack(matrices, axis=1)
        channel = np.arange(n_chans)
        for values in matrices[1:]:
            values[..., channel, channel] = matrices[0][..., channel, channel]
        return np.stack(matrices[1:], axis=1)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[np.object_]:
        """Name the features.

        Parameters
        ----------
        input_features : sequence of str, or None
            Names of the channels; None: x0, x1, ...

        Returns
        -------
        ndarray of str, shape (n_features,)
            ``"power|alpha|O1"``, ``"plv|alpha|O1-O2"``.

        Raises
        ------
        NotFittedError
            Before `fit`.
        EegdaeError
            Where there are not as many names as channels.
        """
        check_is_fitted(self)
        names = [f"x{k}" for k in range(self.n_chans_)] if input_features is None else list(input_features)
        if len(names) != self.n_chans_:
            raise EegdaeError(
                f"input_features: {len(names)} names for {self.n_chans_} channels; give one each"
            )
        return np.array(
            [
                feature
                for measure in self.measures_
                for feature in feature_names(measure, band_names=self.entries_, ch_names=names)
            ],
            dtype=object,
        )

    def _options(self) -> dict[str, Any]:
        """What is asked of `connectivity`, and of its checks."""
        options = {name: getattr(self, name) for name in self.get_params() if name not in _NOT_PASSED_ON}
        if self.bands is None and self.freqs is None:
            options["bands"] = EEG_BANDS
        if self.diagonal and not isinstance(self.measures, str) and "power" not in self.measures:
            options["measures"] = ("power", *self.measures)
        return options

    def _features(self, windows: NDArray[Any]) -> NDArray[np.float32]:
        n_bands, n_chans = len(self.entries_), self.n_chans_
        sizes = [n_features(m, n_bands=n_bands, n_chans=n_chans) for m in self.measures_]
        out = np.empty((len(windows), sum(sizes)), dtype=np.float32)
        size = max(1, _MATRICES // (4 * len(self.measures_) * n_bands * n_chans**2))
        for start in range(0, len(windows), size):
            block = windows[start : start + size]
            c = connectivity(block, max_memory=self.max_memory, **self._options())
            rows = [vectorize(c[:, k], name) for k, name in enumerate(self.measures_)]
            np.concatenate(rows, axis=1, out=out[start : start + len(block)])
        return out

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _windows(x: NDArray[Any]) -> NDArray[Any]:
    """Take what scikit-learn passes for windows, without reading a memory map."""
    x = x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)
    if x.ndim != 3:
        raise EegdaeError(f"X: shape {x.shape}; expected three dimensions (n_windows, n_chans, n_times)")
    return x
