"""Bands of a whole recording, filtered before windows are cut out of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import hilbert
from torch import Tensor

from eegdae.connectivity.arrays import as_tensor
from eegdae.connectivity.settings import Settings
from eegdae.connectivity.spectra import PHASE_LAGS, Spectra
from eegdae.errors import EegdaeError


def filter_hilbert(x: NDArray[Any], sfreq: float, *, band: tuple[float, float]) -> NDArray[np.complex128]:
    """Give the analytic signal of one band of a recording.

    `mne.filter.filter_data` with its defaults (zero-phase FIR, Hamming window), then `scipy.signal.hilbert`,
    both over the whole recording: within half a filter's length of its ends values depend on how it goes on.

    Parameters
    ----------
    x : ndarray, shape (..., n_samples)
        Real signals, any unit.
    sfreq : float
        Sampling rate, Hz.
    band : (float, float)
        Lower and upper edge of the pass band, Hz.

    Returns
    -------
    ndarray of complex128, shape (..., n_samples)
        Unit of `x`; zero where a channel is constant.

    Raises
    ------
    EegdaeError
        Where the filter is longer than the recording.
    """
    import mne

    x = np.asarray(x, dtype=np.float64)
    lo, hi = band
    l_freq = lo if lo > 0 else None
    h_freq = hi if hi < sfreq / 2 else None
    # MNE's length of a filter: 3.3 over the narrower transition, a quarter of an edge and 2 Hz at least.
    transitions = [min(max(lo * 0.25, 2.0), lo)] if l_freq else []
    transitions += [min(max(hi * 0.25, 2.0), sfreq / 2 - hi)] if h_freq else []
    n_samples = x.shape[-1]
    if transitions and 3.3 / min(transitions) * sfreq > n_samples:
        raise EegdaeError(
            f"x: {n_samples / sfreq:g} s, and the filter of [{lo:g}, {hi:g}] Hz lasts "
            f"{3.3 / min(transitions):.3g} s; give a longer recording, or raise the lower edge"
        )
    constant = (x == x[..., :1]).all(axis=-1)
    filtered = mne.filter.filter_data(x.copy(), sfreq, l_freq, h_freq, verbose="error")
    z: NDArray[np.complex128] = hilbert(filtered, axis=-1)
    z[constant] = 0.0
    return z


class FilteredRecording:
    """Windows of a recording and of the bands that were filtered out of the whole of it.

    Parameters
    ----------
    x : ndarray or Tensor, shape (n_chans, n_samples)
        Real signals, any unit; no gradient reaches them.
    starts : sequence of int
        First sample of each window.
    n_times : int
        Samples of a window.

    Raises
    ------
    EegdaeError
        Where `x` has other dimensions or is not finite, or a window does not lie inside it.
    """

    def __init__(
        self, x: NDArray[Any] | Tensor, *, starts: Sequence[int] | NDArray[Any] | None, n_times: int | None
    ) -> None:
        if x.ndim != 2:
            raise EegdaeError(
                f"x: shape {tuple(x.shape)}; filter_hilbert takes a recording (n_chans, n_samples), with "
                "starts= and n_times= for its windows"
            )
        if starts is None or n_times is None:
            raise EegdaeError(
                f"starts: {starts!r}, n_times: {n_times!r}; filter_hilbert needs the first sample of each "
                "window and their length in samples"
            )
        self.x = x
        self.starts = np.asarray(starts)
        self.n_times = int(n_times)
        n_samples = int(x.shape[1])
        if self.starts.ndim != 1 or (self.starts.size and self.starts.dtype.kind not in "iu"):
            raise EegdaeError(
                f"starts: shape {self.starts.shape} of {self.starts.dtype}; give a list of whole numbers"
            )
        if not 1 <= self.n_times <= n_samples:
            raise EegdaeError(
                f"n_times: {n_times!r}; allowed: 1 to {n_samples}, the samples of the recording"
            )
        outside = (self.starts < 0) | (self.starts + self.n_times > n_samples)
        if outside.any():
            first = int(np.flatnonzero(outside)[0])
            raise EegdaeError(
                f"starts: window {first} begins at sample {int(self.starts[first])} and has {self.n_times}; "
                f"the recording has {n_samples}"
            )
        self._bands: list[NDArray[Any]] = []
        self._lags: tuple[str, ...] = ()
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of all windows, (n_windows, n_chans, n_times)."""
        return len(self.starts), int(self.x.shape[0]), self.n_times

    def prepare(self, settings: Settings, *, budget: int) -> None:
        """Filter every band out of the recording, into memory or, above the budget, a temporary file."""
        x = self.x.detach().cpu().numpy() if isinstance(self.x, Tensor) else np.asarray(self.x)
        x = np.asarray(as_tensor(x, name="x")[0])
        if not np.isfinite(x).all():
            channel, sample = (int(k) for k in np.argwhere(~np.isfinite(x))[0])
            raise EegdaeError(
                f"x: not finite in channel {channel}, sample {sample}; allowed: finite values; fill the gap"
            )
        self._lags = tuple(name for name in PHASE_LAGS if name in settings.measures)
        kind = np.complex128 if x.dtype == np.float64 else np.complex64
        bands = list((settings.bands or {}).values())
        size = len(bands) * x.size * np.dtype(kind).itemsize
        if size > budget:
            self._folder = tempfile.TemporaryDirectory(prefix="eegdae-")
        for k, band in enumerate(bands):
            if self._folder is None:
                z = np.empty(x.shape, dtype=kind)
            else:
                path = Path(self._folder.name) / f"{k}.npy"
                z = np.lib.format.open_memmap(path, mode="w+", dtype=kind, shape=x.shape)
            for channel, values in enumerate(x):  # one at a time: float64 copies of one channel only
                z[channel] = filter_hilbert(values, settings.sfreq, band=band)
            self._bands.append(z)

    def windows(self, start: int, stop: int) -> Tensor:
        """Windows of the recording as it is, (n_windows, n_chans, n_times)."""
        return torch.stack(
            [as_tensor(self.x[:, i : i + self.n_times], name="x")[0] for i in self.starts[start:stop]]
        )

    def spectra(self, start: int, stop: int) -> Iterator[tuple[range, Spectra]]:
        """Windows of each band, as `eegdae.connectivity.spectra.spectra_of` gives them."""
        for k, band in enumerate(self._bands):
            z = np.stack([band[:, i : i + self.n_times] for i in self.starts[start:stop]])
            signal = torch.from_numpy(z).unsqueeze(1)
            if isinstance(self.x, Tensor):
                signal = signal.to(self.x.device)
            yield range(k, k + 1), Spectra(signal, analytic=True, lags=self._lags)
