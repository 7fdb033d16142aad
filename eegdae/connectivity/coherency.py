"""Measures that a cross-spectrum holds: coherence, its imaginary and lagged part, the slope of its phase."""

from __future__ import annotations

import torch
from torch import Tensor

from eegdae.connectivity.arrays import as_tensor
from eegdae.connectivity.bands import Band, band_bins, check_bands
from eegdae.connectivity.cross_spectrum import check_complex
from eegdae.connectivity.temporal import correlation_matrix, pearson, standardized
from eegdae.errors import EegdaeError

# Rounding of 1 - Re^2 of two copies, in epsilons (measured: at most 2, up to 4096 samples), with room.
_CANCELLED = 32
# Rounding of a Fourier transform, in epsilons of the largest amplitude, with room.
_ROUNDING = 16


def coherency(s: Tensor) -> Tensor:
    r"""Divide a cross-spectrum by the powers of its channels.

    .. math:: C_{xy} = \frac{S_{xy}}{\sqrt{S_{xx} S_{yy}}}

    Not safe at zero lag, but for its imaginary part.

    Parameters
    ----------
    s : Tensor, shape (..., n_chans, n_chans)
        Cross-spectra, complex, Hermitian, row = x, column = y in S_xy (see `cross_spectrum`).

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Complex, Hermitian up to rounding, modulus up to 1 and diagonal 1 up to rounding. A channel without
        signal has 0 with every other and itself.

    Raises
    ------
    EegdaeError
        Where `s` is real or its last two axes differ.
    """
    check_complex(s, name="s", what="cross-spectra")
    if s.ndim < 2 or s.shape[-1] != s.shape[-2]:
        raise EegdaeError(f"s: shape {tuple(s.shape)}; expected (..., n_chans, n_chans)")
    power = s.diagonal(dim1=-2, dim2=-1).real
    silent = power <= 0
    # 1 / sqrt on each side, not 1 / sqrt of the product, which would leave the range of float32.
    weight = power.masked_fill(silent, 1.0).rsqrt().masked_fill(silent, 0.0)
    return s * weight[..., :, None] * weight[..., None, :]


def coherence(s: Tensor) -> Tensor:
    r"""Give the modulus of the coherency: how linearly two channels follow one another at a frequency.

    .. math:: \mathrm{Coh}_{xy} = \frac{|S_{xy}|}{\sqrt{S_{xx} S_{yy}}}

    The modulus, as in MNE; SciPy and pyriemann give its square. Undirected. Not safe at zero lag. Of two
    independent noises the mean is about :math:`\sqrt{\pi / (4 n)}` with n independent segments (tapers,
    stretches of time); with one taper or segment alone it is 1 whatever the signals.

    Parameters
    ----------
    s : Tensor, shape (..., n_chans, n_chans)
        Cross-spectra, complex, Hermitian.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Symmetric, in [0, 1], diagonal 1. A channel without signal has 0 with every other.

    Raises
    ------
    EegdaeError
        Where `s` is real or its last two axes differ.

    References
    ----------
    P. L. Nunez et al., EEG coherency I, Electroencephalography and Clinical Neurophysiology 103, 1997.
    """
    return coherence_of(coherency(s))


def coherence_of(c: Tensor) -> Tensor:
    """Give the `coherence` of a coherency, for those who need both: symmetric, in [0, 1], diagonal 1."""
    return correlation_matrix(c.abs()).clamp(max=1.0)


def imaginary_coherence(s: Tensor) -> Tensor:
    r"""Give the imaginary part of the coherency: the share of it that has a lag.

    .. math:: \mathrm{ImCoh}_{xy} = \frac{\mathrm{Im}\, S_{xy}}{\sqrt{S_{xx} S_{yy}}}

    Signed as in MNE: above 0 where x is ahead of y by less than half a cycle. Safe at zero lag. Two
    independent noises have 0 in the mean and a modulus of about :math:`1 / \sqrt{\pi n}` with n independent
    segments (tapers, stretches of time).

    Parameters
    ----------
    s : Tensor, shape (..., n_chans, n_chans)
        Cross-spectra, complex, Hermitian.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Antisymmetric, in [-1, 1], diagonal 0. A channel without signal has 0 with every other.

    Raises
    ------
    EegdaeError
        Where `s` is real or its last two axes differ.

    References
    ----------
    G. Nolte et al., Identifying true brain interaction from EEG data using the imaginary part of coherency,
    Clinical Neurophysiology 115, 2004.
    """
    return imaginary_coherence_of(coherency(s))


def imaginary_coherence_of(c: Tensor) -> Tensor:
    """Give the `imaginary_coherence` of a coherency: antisymmetric, in [-1, 1], diagonal 0."""
    return ((c.imag - c.imag.mT) / 2).clamp(-1.0, 1.0)


def lagged_coherence(s: Tensor) -> Tensor:
    r"""Give the lagged part of the coherence: what zero lag leaves unexplained, relative to what it could be.

    .. math:: \mathrm{LagCoh}_{xy} = \frac{|\mathrm{Im}\, C_{xy}|}{\sqrt{1 - (\mathrm{Re}\, C_{xy})^2}}

    with C the `coherency`. The modulus; pyriemann gives its square. Undirected. Safe at zero lag. Of two
    independent noises the mean is about :math:`1 / \sqrt{\pi n}` with n independent segments; with one taper
    or segment alone it is 1 whatever the signals, and, as the residual is small, unsteady where zero lag
    explains nearly all.

    Parameters
    ----------
    s : Tensor, shape (..., n_chans, n_chans)
        Cross-spectra, complex, Hermitian.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Symmetric, in [0, 1], diagonal 0. Two copies, at any gain, and a channel without signal have 0.

    Raises
    ------
    EegdaeError
        Where `s` is real or its last two axes differ.

    References
    ----------
    R. D. Pascual-Marqui, Instantaneous and lagged measurements of linear and nonlinear dependence between
    groups of multivariate time series, arXiv:0711.1455, 2007, eq. 28.
    """
    return lagged_part(coherency(s))


def lagged_part(c: Tensor) -> Tensor:
    r"""Relate the imaginary part of a complex number in the unit disc to the room that the real part leaves.

    .. math:: \frac{|\mathrm{Im}\, c|}{\sqrt{1 - (\mathrm{Re}\, c)^2}}

    Parameters
    ----------
    c : Tensor, shape (..., n_chans, n_chans)
        Coherencies or complex phase-locking values.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Symmetric, in [0, 1], diagonal 0; 0 where 1 - Re^2 is under 32 epsilons (4e-6 in float32: two signals
        within .1 degree of one another or of opposite sign), since it is rounding there.
    """
    room = 1 - c.real.square()
    eye = torch.eye(c.shape[-1], dtype=torch.bool, device=c.device)
    none = (room.detach() <= _CANCELLED * torch.finfo(room.dtype).eps) | eye
    value = c.imag.abs() / room.masked_fill(none, 1.0).sqrt()
    value = value.masked_fill(none, 0.0).clamp(max=1.0)
    return (value + value.mT) / 2


def phase_slope_index(s: Tensor) -> Tensor:
    r"""Tell from the slope of the phase over a band's frequencies which of two channels is ahead.

    .. math:: \Psi_{xy} = \mathrm{Im} \sum_f \bar C_{xy}(f)\, C_{xy}(f + \delta f)

    with C the `coherency`, as ``mne_connectivity.phase_slope_index`` (not divided by its standard deviation).
    Directed: above 0 where x is ahead of y. Safe at zero lag. Two independent noises have 0 in the mean; the
    scale grows with the number of frequencies, so bands of different width cannot be compared.

    Parameters
    ----------
    s : Tensor, shape (..., n_freqs, n_chans, n_chans)
        Cross-spectra, complex, Hermitian, at evenly spaced frequencies of one band, 2 or more. From several
        segments: with one alone every coherency has modulus 1, and noise has a slope.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Antisymmetric, in [-(n_freqs - 1), n_freqs - 1], diagonal 0. A channel without signal has 0.

    Raises
    ------
    EegdaeError
        Where `s` is real, has other axes or fewer than two frequencies.

    References
    ----------
    G. Nolte et al., Robustly estimating the flow direction of information in complex physical systems,
    Physical Review Letters 100, 2008.
    """
    if s.ndim < 3 or s.shape[-3] < 2:
        raise EegdaeError(
            f"s: shape {tuple(s.shape)}; expected (..., n_freqs, n_chans, n_chans), 2 frequencies or more"
        )
    c = coherency(s)
    low, high = c[..., :-1, :, :], c[..., 1:, :, :]
    slope = (low.real * high.imag - low.imag * high.real).sum(dim=-3)
    return (slope - slope.mT) / 2


def spectral_correlation(x: Tensor, *, sfreq: float, band: Band) -> Tensor:
    r"""Correlate the shapes of two channels' amplitude spectra inside a band.

    .. math:: r_{xy} = \mathrm{corr}_f\bigl(\ln |X(f)|, \ln |Y(f)|\bigr)

    over the bins of the window's Fourier transform inside the band. Undirected. Not safe at zero lag. Phases
    play no part, and nor does a gain. Two independent noises of flat spectrum have 0 in the mean with a
    standard deviation of about :math:`1 / \sqrt{n - 1}` over n bins; a slope that both spectra share makes a
    correlation.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real signals, any unit, float32 or float64.
    sfreq : float
        Sampling rate, Hz.
    band : (float, float)
        Lower and upper edge, Hz; both belong to the band, which must hold three bins or more.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Symmetric, in [-1, 1], diagonal 1. A constant channel has 0 with every other. Amplitudes under 16
        epsilons of the largest possible count as that.

    Raises
    ------
    EegdaeError
        Where the window cannot have the band (see `check_bands`) or `x` is complex.
    """
    x, _ = as_tensor(x, name="x")
    n_times = x.shape[-1]
    checked = check_bands({"band": band}, sfreq=sfreq, n_times=n_times, min_bins=3)["band"]
    bins = band_bins(checked, sfreq=sfreq, n_times=n_times)
    spectrum = torch.fft.rfft(standardized(x), norm="ortho")
    floor = _ROUNDING * torch.finfo(x.dtype).eps
    spectrum = spectrum[..., bins.start : bins.stop]
    power = spectrum.real.square() + spectrum.imag.square()  # its logarithm is twice that of the modulus
    return pearson(power.clamp(min=floor**2).log())
