"""Surrogate windows: what each channel is alone stays, what channels share goes."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, overload

import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.connectivity.arrays import as_tensor
from eegdae.connectivity.autoregressive import check_windows
from eegdae.errors import EegdaeError
from eegdae.randomness import Stream


@overload
def phase_randomized(
    x: NDArray[Any], *, seed: int, start: int = ..., multivariate: bool = ...
) -> NDArray[Any]: ...
@overload
def phase_randomized(x: Tensor, *, seed: int, start: int = ..., multivariate: bool = ...) -> Tensor: ...
def phase_randomized(
    x: NDArray[Any] | Tensor, *, seed: int, start: int = 0, multivariate: bool = False
) -> NDArray[Any] | Tensor:
    r"""Give each channel of each window random Fourier phases, and leave its amplitudes as they are.

    .. math:: \tilde x(t) = \mathcal F^{-1}\bigl( |X(f)|\, e^{i (\arg X(f) + \varphi(f))} \bigr), \qquad
              \varphi(f) \sim U(-\pi, \pi)

    The power spectrum, and so the autocorrelation (circular, within the window), is that of the window;
    coupling of phases between channels, and any shape of a waveform, is gone. The mean stays; the bin at half
    the sampling rate, which is real, gets a random sign. What coupled channels keep is the likeness of their
    amplitudes, bin by bin, which raises what a measure gives of them above its floor (two copies of a noise:
    PLV .32 instead of .24 in alpha and 2 s); `noise_floor` therefore takes channels from different windows.

    Parameters
    ----------
    x : ndarray or Tensor, shape (n_windows, n_chans, n_times)
        Real signals, any unit.
    seed : int
        The phases of a window are a pure function of the seed and of its number.
    start : int
        Number of the first window, so that windows may come a block at a time.
    multivariate : bool
        The same phases for all channels of a window (multivariate surrogates): the cross-spectra of a window
        stay too, and with them linear coupling at any lag; for tests of coupling that is not linear, not for
        floors.

    Returns
    -------
    ndarray or Tensor, shape (n_windows, n_chans, n_times)
        The kind of `x`, float64 for float64 and float32 otherwise, without a gradient.

    Raises
    ------
    EegdaeError
        Where `x` has another number of dimensions, is complex, or holds NaN or infinite values.

    References
    ----------
    J. Theiler et al., Testing for nonlinearity in time series: the method of surrogate data, Physica D 58,
    1992; D. Prichard, J. Theiler, Generating surrogate data for time series with several simultaneously
    measured variables, Physical Review Letters 73, 1994 (multivariate).
    """
    tensor, rows, restore = _windows(x, start)
    n_windows, n_chans, n_times = tensor.shape
    if n_windows == 0:  # which some Fourier transforms refuse
        return restore(tensor)
    n_bins = n_times // 2 + 1
    phases = torch.empty((n_windows, 1 if multivariate else n_chans, n_bins), dtype=tensor.dtype)
    for i, row in enumerate(rows):
        stream = Stream("surrogates", operator.index(seed), row)
        phases[i] = stream.symmetric_uniform("phase", (phases.shape[1], n_bins), math.pi)
    turn = torch.polar(torch.ones_like(phases), phases)
    turn[..., 0] = 1.0
    if n_times % 2 == 0:  # the last bin is real: the only turns that keep its amplitude are 1 and -1
        turn[..., -1] = torch.where(phases[..., -1] < 0, -1.0, 1.0)
    return restore(torch.fft.irfft(torch.fft.rfft(tensor) * turn.to(tensor.device), n=n_times))


@overload
def circularly_shifted(x: NDArray[Any], *, seed: int, start: int = ...) -> NDArray[Any]: ...
@overload
def circularly_shifted(x: Tensor, *, seed: int, start: int = ...) -> Tensor: ...
def circularly_shifted(x: NDArray[Any] | Tensor, *, seed: int, start: int = 0) -> NDArray[Any] | Tensor:
    r"""Turn each channel of each window by a random number of samples of its own, end to beginning.

    .. math:: \tilde x(t) = x((t - s) \bmod T), \qquad s \sim U\{0, \dots, T - 1\}

    Waveforms, power spectra and values stay, alignment in time goes. A rhythm is the same after a whole
    cycle, so coupling of narrow-band signals survives in part, and amplitudes stay alike as they do with
    `phase_randomized`. The two ends of a window are joined, with a step where they differ.

    Parameters
    ----------
    x : ndarray or Tensor, shape (n_windows, n_chans, n_times)
        Real signals, any unit.
    seed : int
        The shifts of a window are a pure function of the seed and of its number.
    start : int
        Number of the first window, so that windows may come a block at a time.

    Returns
    -------
    ndarray or Tensor, shape (n_windows, n_chans, n_times)
        The kind of `x`, float64 for float64 and float32 otherwise, without a gradient.

    Raises
    ------
    EegdaeError
        Where `x` has another number of dimensions, is complex, or holds NaN or infinite values.

    References
    ----------
    R. G. Andrzejak et al., Bivariate surrogate techniques: necessity, strengths, and caveats, Physical Review
    E 68, 2003.
    """
    tensor, rows, restore = _windows(x, start)
    n_chans, n_times = tensor.shape[1:]
    draws = Stream("surrogates", operator.index(seed)).uniform("shift", torch.tensor(rows).long(), n_chans)
    shifts = (draws.double() * n_times).long().to(tensor.device)  # (n_windows, n_chans)
    times = (torch.arange(n_times, device=tensor.device) - shifts[..., None]) % n_times
    return restore(tensor.gather(-1, times))


def _windows(
    x: NDArray[Any] | Tensor, start: int
) -> tuple[Tensor, range, Callable[[Tensor], NDArray[Any] | Tensor]]:
    """Windows as a tensor, their numbers, and the way back."""
    tensor, restore = as_tensor(x, name="x")
    if tensor.ndim != 3:
        raise EegdaeError(
            f"x: shape {tuple(tensor.shape)}; expected three dimensions (n_windows, n_chans, n_times)"
        )
    return check_windows(tensor.detach()), range(start, start + len(tensor)), restore
