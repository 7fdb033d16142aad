"""Cross-spectra: what two channels share at a frequency, averaged over time, tapers or segments."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, Literal, SupportsFloat

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import get_window
from torch import Tensor

from eegdae.connectivity.arrays import as_tensor
from eegdae.errors import EegdaeError

Window = str | tuple[Any, ...] | Sequence[float] | NDArray[Any] | Tensor


def cross_spectrum(z: Tensor, *, tapers: bool = False) -> Tensor:
    r"""Average the products of every two complex signals over time, and over tapers.

    .. math:: S_{xy} = \frac{1}{T} \sum_t s_{xy}(t), \qquad s_{xy}(t) = \sum_k z_{kx}(t)\, \bar z_{ky}(t)

    The argument of an entry is the phase of x minus that of y: positive where x is ahead. Not safe at zero
    lag, but for its imaginary part.

    Parameters
    ----------
    z : Tensor, shape (..., n_chans, n_times) or, with `tapers`, (..., n_tapers, n_chans, n_times)
        Complex signals of one frequency or band, with the weights of the tapers in them; the last axis may be
        that of segments (see `segment_spectra`).
    tapers : bool
        Whether the third axis from the end is one of tapers, to be summed over.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Complex, exactly Hermitian, positive semi-definite, unit of `z` squared. A channel without signal has
        0 with every other and itself.

    Raises
    ------
    EegdaeError
        Where `z` is real.
    """
    check_complex(z)
    s = z @ z.mH / z.shape[-1]
    if tapers:
        s = s.sum(dim=-3)
    return (s + s.mH) / 2


def segment_spectra(
    x: Tensor,
    *,
    sfreq: float,
    n_per_segment: int,
    n_overlap: int | None = None,
    window: Window = "hann",
    detrend: Literal["constant", "linear", False] = "constant",
) -> tuple[Tensor, Tensor]:
    r"""Cut each window into overlapping segments and take the Fourier transform of each.

    .. math:: z_{xj}(f) = \sqrt{\frac{c_f}{f_s \sum_u w_u^2}} \sum_u w_u\, x_j(u)\, e^{-2 \pi i f u / f_s}

    for segment j with trend or mean taken off; :math:`c_f` is 2, for the power at negative frequencies, but 1
    at 0 Hz and at half the sampling rate. So the mean of :math:`z_x \bar z_y` over segments is the one-sided
    cross-spectral density, and the segments can take the place of time in every measure of this package.
    Samples at the end that fill no segment are left out, as SciPy does.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real signals, any unit, float32 or float64.
    sfreq : float
        Sampling rate, Hz.
    n_per_segment : int
        Samples in a segment, 2 to n_times.
    n_overlap : int, optional
        Samples that neighbours share, 0 to n_per_segment - 1. Default: half of a segment.
    window : str, tuple or sequence of float
        Name of a window of ``scipy.signal.get_window`` (the periodic form) or n_per_segment weights.
    detrend : "constant", "linear" or False
        What is taken off each segment: its mean, its line of least squares, or nothing.

    Returns
    -------
    z : Tensor, shape (..., n_freqs, n_chans, n_segments)
        Complex, n_freqs = n_per_segment // 2 + 1; unit of `x` / sqrt(Hz). Differentiable.
    freqs : Tensor, shape (n_freqs,)
        Hz.

    Raises
    ------
    EegdaeError
        Where the segments do not fit the window, or an option is none of those allowed; `x` is complex.
    """
    x, _ = as_tensor(x, name="x")
    n, step = _check_segments(n_per_segment, n_overlap, n_times=x.shape[-1])
    if not (isinstance(sfreq, SupportsFloat) and math.isfinite(sfreq) and float(sfreq) > 0):
        raise EegdaeError(f"sfreq: {sfreq!r} is not a sampling rate; give a number of Hz above 0")
    weight = _check_window(window, n).to(x)
    segments = x.unfold(-1, n, step)  # (..., n_chans, n_segments, n)
    if detrend is not False and detrend not in ("constant", "linear"):
        raise EegdaeError(f"detrend: {detrend!r}; allowed: 'constant', 'linear', False")
    if detrend is not False:
        segments = segments - segments[..., :1]  # makes a constant channel exactly zero
        segments = segments - segments.mean(dim=-1, keepdim=True)
    if detrend == "linear":
        t = torch.arange(n, dtype=x.dtype, device=x.device) - (n - 1) / 2
        segments = segments - (segments @ t)[..., None] * (t / (t @ t))
    c = torch.full((n // 2 + 1,), 2.0, dtype=x.dtype, device=x.device)
    c[0] = 1.0
    if n % 2 == 0:
        c[-1] = 1.0
    z = torch.fft.rfft(segments * weight) * (c / (float(sfreq) * weight.square().sum())).sqrt()
    freqs = torch.arange(n // 2 + 1, dtype=x.dtype, device=x.device) * (float(sfreq) / n)
    return z.movedim(-1, -3), freqs


def welch_cross_spectrum(
    x: Tensor,
    *,
    sfreq: float,
    n_per_segment: int,
    n_overlap: int | None = None,
    window: Window = "hann",
    detrend: Literal["constant", "linear", False] = "constant",
) -> tuple[Tensor, Tensor]:
    r"""Estimate the one-sided cross-spectral densities of every two channels by Welch's method.

    The `cross_spectrum` of `segment_spectra`: :math:`S_{xy}(f)` is the mean of :math:`X \bar Y` over
    segments. SciPy's ``csd(x, y)`` is that of :math:`\bar X Y`, its conjugate; pyriemann's too.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real signals, any unit, float32 or float64.
    sfreq : float
        Sampling rate, Hz.
    n_per_segment : int
        Samples in a segment, 2 to n_times.
    n_overlap : int, optional
        Samples that neighbours share, 0 to n_per_segment - 1. Default: half of a segment.
    window : str, tuple or sequence of float
        Name of a window of ``scipy.signal.get_window`` (the periodic form) or n_per_segment weights.
    detrend : "constant", "linear" or False
        What is taken off each segment: its mean, its line of least squares, or nothing.

    Returns
    -------
    s : Tensor, shape (..., n_freqs, n_chans, n_chans)
        Complex, exactly Hermitian, positive semi-definite, unit of `x` squared / Hz. Differentiable.
    freqs : Tensor, shape (n_freqs,)
        Hz.

    Raises
    ------
    EegdaeError
        Where `segment_spectra` does.

    References
    ----------
    P. D. Welch, The use of fast Fourier transform for the estimation of power spectra, IEEE Trans. Audio and
    Electroacoustics 15, 1967.
    """
    z, freqs = segment_spectra(
        x, sfreq=sfreq, n_per_segment=n_per_segment, n_overlap=n_overlap, window=window, detrend=detrend
    )
    return cross_spectrum(z), freqs


def segment_cross_spectra(z: Tensor) -> Tensor:
    """Multiply every two channels segment by segment, for the measures that debias over segments.

    Parameters
    ----------
    z : Tensor, shape (..., n_chans, n_segments)
        Complex, one value a segment, as `segment_spectra` gives.

    Returns
    -------
    Tensor, shape (..., n_segments, n_chans, n_chans)
        Entry [j, x, y] is z_x conj(z_y) of segment j; Hermitian of rank 1.

    Raises
    ------
    EegdaeError
        Where `z` is real.
    """
    check_complex(z)
    z = z.mT
    return z.unsqueeze(-1) * z.conj().unsqueeze(-2)


def check_complex(z: Tensor, *, name: str = "z", what: str = "signals") -> None:
    """Refuse real numbers where complex ones are meant.

    Parameters
    ----------
    z : Tensor, any shape
        To be checked.
    name, what : str
        What an error calls it and what it should hold.

    Raises
    ------
    EegdaeError
        Where `z` is real.
    """
    if not z.is_complex():
        raise EegdaeError(f"{name}: values of type {z.dtype}; allowed: complex {what}")


def _check_segments(n_per_segment: int, n_overlap: int | None, *, n_times: int) -> tuple[int, int]:
    """Length of a segment and step from one to the next, samples."""
    try:
        n = operator.index(n_per_segment)
    except TypeError:
        n = 0
    if not 2 <= n <= n_times:
        raise EegdaeError(
            f"n_per_segment: {n_per_segment!r}; allowed: whole samples, 2 to {n_times}, the window"
        )
    try:
        shared = n // 2 if n_overlap is None else operator.index(n_overlap)
    except TypeError:
        shared = -1
    if not 0 <= shared < n:
        raise EegdaeError(
            f"n_overlap: {n_overlap!r}; allowed: whole samples, 0 to {n - 1} of a segment of {n}"
        )
    return n, n - shared


def _check_window(window: Window, n: int) -> Tensor:
    """Weights of a segment, float64."""
    try:
        weight = get_window(window, n) if isinstance(window, str | tuple) else np.asarray(window, dtype=float)
    except (ValueError, TypeError) as error:
        raise EegdaeError(
            f"window: {window!r} ({error}); give a name that scipy.signal.get_window knows or {n} weights"
        ) from None
    if weight.shape != (n,) or not np.isfinite(weight).all() or not weight.any():
        raise EegdaeError(
            f"window: weights of shape {weight.shape}; give {n}, n_per_segment, finite and not all 0"
        )
    return torch.from_numpy(np.array(weight, dtype=np.float64))
