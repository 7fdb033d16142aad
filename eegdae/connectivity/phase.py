"""Connectivity of phases: how steady the phase between two signals stays."""

from __future__ import annotations

from torch import Tensor

from eegdae.connectivity.phase_lag import phase_locking
from eegdae.connectivity.temporal import correlation_matrix


def plv(z: Tensor) -> Tensor:
    r"""Measure how constant the phase difference of two signals is over a window: the phase-locking value.

    .. math:: \mathrm{PLV}_{xy} = \left| \frac{1}{T} \sum_t e^{i (\phi_x(t) - \phi_y(t))} \right|

    Undirected. Not safe at zero lag. Two independent noises do not give 0 but about
    :math:`0.9 \sqrt{\pi / (4 B T)}` in a band of B Hz and a window of T seconds (B T is the number of bins of
    the window's Fourier transform inside the band), so values of windows of different length cannot be
    compared. In a band of a single bin the value is 1 whatever the signals.

    Parameters
    ----------
    z : Tensor, shape (..., n_chans, n_times)
        Complex analytic signals of one band. A sample of amplitude 0 has no phase and adds 0 to the sum.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Real, symmetric, in [0, 1], diagonal 1.

    References
    ----------
    J.-P. Lachaux et al., Measuring phase synchrony in brain signals, Human Brain Mapping 8, 1999.
    """
    return correlation_matrix(phase_locking(z).abs()).clamp(max=1.0)
