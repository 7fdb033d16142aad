"""Connectivity of phases that ignores what two signals share at zero lag.

The complex signals `z` are those of one frequency or band, (..., n_chans, n_times), or with `tapers`
(..., n_tapers, n_chans, n_times); tapers are summed over before a sign or a phase is taken, as
mne-connectivity does: s_xy(t) = sum_k z_kx(t) conj(z_ky(t)). The last axis may be that of segments or trials.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from eegdae.connectivity import compiled
from eegdae.connectivity.coherency import lagged_part
from eegdae.connectivity.cross_spectrum import check_complex
from eegdae.connectivity.phase_lag_sums import lag_means, scaled
from eegdae.connectivity.temporal import correlation_matrix
from eegdae.errors import EegdaeError, did_you_mean

_ROUNDING = 16
_FROM_LAGS = ("pli", "dpli", "wpli")


def phase_locking(z: Tensor, *, tapers: bool = False) -> Tensor:
    r"""Average the phase differences of every two signals as unit vectors: the complex phase-locking value.

    .. math:: P_{xy} = \frac{1}{T} \sum_t \frac{s_{xy}(t)}{|s_{xy}(t)|}

    Its modulus is the phase-locking value (`plv`), its argument the mean phase of x minus that of y. Not safe
    at zero lag.

    Parameters
    ----------
    z : Tensor, shape (..., n_chans, n_times) or, with `tapers`, (..., n_tapers, n_chans, n_times)
        Complex signals. A sample of amplitude 0 has no phase and adds 0 to the sum.
    tapers : bool
        Whether the third axis from the end is one of tapers.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Complex, Hermitian up to rounding, modulus up to 1 and diagonal exactly 1.

    Raises
    ------
    EegdaeError
        Where `z` is real.

    References
    ----------
    J.-P. Lachaux et al., Measuring phase synchrony in brain signals, Human Brain Mapping 8, 1999.
    """
    check_complex(z)
    eye = torch.eye(z.shape[-2], dtype=torch.bool, device=z.device)
    if compiled.available(z):
        return compiled.phase_locking(z if tapers else z.unsqueeze(-3))
    if not tapers:
        unit = torch.sgn(z)  # e^(i phi), 0 where the amplitude is 0
        return (unit @ unit.mH / z.shape[-1]).masked_fill(eye, 1.0)
    z = scaled(z, tapers=True)
    upper = z.new_zeros((*z.shape[:-3], z.shape[-2], z.shape[-2]))
    for row in range(z.shape[-2] - 1):
        others = slice(row + 1, None)
        s = (z[..., row : row + 1, :] * z[..., others, :].conj()).sum(dim=-3)
        upper[..., row, others] = torch.sgn(s).mean(dim=-1)
    return (upper + upper.mH).masked_fill(eye, 1.0)


def ciplv(z: Tensor, *, tapers: bool = False) -> Tensor:
    r"""Measure phase locking at a lag: the corrected imaginary phase-locking value.

    .. math:: \mathrm{ciPLV}_{xy} = \frac{|\mathrm{Im}\, P_{xy}|}{\sqrt{1 - (\mathrm{Re}\, P_{xy})^2}}

    with P of `phase_locking`. Undirected. Safe at zero lag. The floor of two independent noises in a window
    is .24 (alpha, 1 s), .16 (2 s), .08 (8 s). Where zero lag explains nearly all, the denominator cancels and
    float32 keeps three digits only.

    Parameters
    ----------
    z : Tensor, shape (..., n_chans, n_times) or, with `tapers`, (..., n_tapers, n_chans, n_times)
        Complex signals.
    tapers : bool
        Whether the third axis from the end is one of tapers.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Symmetric, in [0, 1], diagonal 0. Two copies, at any gain, and a channel without signal have 0.

    Raises
    ------
    EegdaeError
        Where `z` is real.

    References
    ----------
    R. Bruña, F. Maestú, E. Pereda, Phase locking value revisited: teaching new tricks to an old dog, J.
    Neural Engineering 15, 2018.
    """
    return lagged_part(phase_locking(z, tapers=tapers))


def pli(z: Tensor, *, tapers: bool = False) -> Tensor:
    r"""Measure how one-sided the lag of two signals is: the phase-lag index.

    .. math:: \mathrm{PLI}_{xy} = \left| \frac{1}{T} \sum_t \mathrm{sign}\, \mathrm{Im}\, s_{xy}(t) \right|

    Undirected. Safe at zero lag. The floor of two independent noises in a window is .31 (alpha, 1 s), .20
    (2 s), .10 (8 s). A step function of the signals: it has no gradient (0).

    Parameters
    ----------
    z : Tensor, shape (..., n_chans, n_times) or, with `tapers`, (..., n_tapers, n_chans, n_times)
        Complex signals.
    tapers : bool
        Whether the third axis from the end is one of tapers.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Symmetric, in [0, 1], diagonal 0. Two copies, at any gain, and a channel without signal have 0.

    Raises
    ------
    EegdaeError
        Where `z` is real.

    References
    ----------
    C. J. Stam, G. Nolte, A. Daffertshofer, Phase lag index, Human Brain Mapping 28, 2007.
    """
    return phase_lag_measures(z, ["pli"], tapers=tapers)["pli"]


def dpli(z: Tensor, *, tapers: bool = False) -> Tensor:
    r"""Give the share of time that x is ahead of y: the directed phase-lag index.

    .. math:: \mathrm{dPLI}_{xy} = \frac{1}{T} \sum_t H(\mathrm{Im}\, s_{xy}(t)), \qquad H(0) = \tfrac{1}{2}

    Directed: above .5 where x is ahead of y by less than half a cycle; the entries [x, y] and [y, x] add up
    to 1. Safe at zero lag. Two independent noises have .5 in the mean, and differ from it by half the floor
    of `pli`. It has no gradient (0).

    Parameters
    ----------
    z : Tensor, shape (..., n_chans, n_times) or, with `tapers`, (..., n_tapers, n_chans, n_times)
        Complex signals.
    tapers : bool
        Whether the third axis from the end is one of tapers.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        In [0, 1], diagonal .5. Two copies, at any gain, and a channel without signal have .5.

    Raises
    ------
    EegdaeError
        Where `z` is real.

    References
    ----------
    C. J. Stam, E. C. W. van Straaten, Go with the flow: use of a directed phase lag index (dPLI) to
    characterize patterns of phase relations in a large-scale model of brain dynamics, NeuroImage 62, 2012.
    """
    return phase_lag_measures(z, ["dpli"], tapers=tapers)["dpli"]


def wpli(z: Tensor, *, tapers: bool = False) -> Tensor:
    r"""Measure how one-sided the lag of two signals is, large lags first: the weighted phase-lag index.

    .. math:: \mathrm{wPLI}_{xy} = \frac{\left| \sum_t \mathrm{Im}\, s_{xy}(t) \right|}
              {\sum_t \left| \mathrm{Im}\, s_{xy}(t) \right|}

    Undirected. Safe at zero lag. The floor of two independent noises in a window is .46 (alpha, 1 s), .33
    (2 s), .18 (8 s).

    Parameters
    ----------
    z : Tensor, shape (..., n_chans, n_times) or, with `tapers`, (..., n_tapers, n_chans, n_times)
        Complex signals.
    tapers : bool
        Whether the third axis from the end is one of tapers.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Symmetric, in [0, 1], diagonal 0. Two copies, at any gain, and a channel without signal have 0.

    Raises
    ------
    EegdaeError
        Where `z` is real.

    References
    ----------
    M. Vinck et al., An improved index of phase-synchronization for electrophysiological data in the presence
    of volume-conduction, noise and sample-size bias, NeuroImage 55, 2011, eq. 8.
    """
    return phase_lag_measures(z, ["wpli"], tapers=tapers)["wpli"]


def phase_lag_measures(z: Tensor, names: Iterable[str], *, tapers: bool = False) -> dict[str, Tensor]:
    """Compute several phase-lag measures of the same signals in one pass: `pli`, `dpli`, `wpli`.

    Parameters
    ----------
    z : Tensor, shape (..., n_chans, n_times) or, with `tapers`, (..., n_tapers, n_chans, n_times)
        Complex signals.
    names : iterable of str
        Which of ``"pli"``, ``"dpli"`` and ``"wpli"``.
    tapers : bool
        Whether the third axis from the end is one of tapers.

    Returns
    -------
    dict of str to Tensor, shape (..., n_chans, n_chans)
        In the order of `names`; each what the function of that name gives. Only ``"wpli"`` has a gradient.

    Raises
    ------
    EegdaeError
        Where `z` is real or a name is not one of the three.
    """
    names = list(names)
    for name in names:
        if name not in _FROM_LAGS:
            raise EegdaeError(f"names: unknown measure {name!r}; {did_you_mean(name, _FROM_LAGS)}")
    check_complex(z)
    if "wpli" not in names:
        z = z.detach()
    if compiled.available(z):
        return compiled.phase_lag(z if tapers else z.unsqueeze(-3), names)
    mean, size, sign = lag_means(z, tapers=tapers, signs="pli" in names or "dpli" in names)
    found = {
        "wpli": (mean.abs() / size.masked_fill(size.detach() == 0, 1.0)).clamp(max=1.0),
        "pli": sign.abs(),
        "dpli": (1 + sign) / 2,
    }
    return {name: found[name] for name in names}


def debiased_wpli(s: Tensor) -> Tensor:
    r"""Measure how one-sided a lag is from segment to segment, free of bias: the debiased squared wPLI.

    .. math:: \frac{(\sum_j \mathrm{Im}\, s_j)^2 - \sum_j (\mathrm{Im}\, s_j)^2}
              {(\sum_j |\mathrm{Im}\, s_j|)^2 - \sum_j (\mathrm{Im}\, s_j)^2}

    over segments or trials j. Undirected. Safe at zero lag. Two independent noises have 0 in the mean,
    whatever the number of segments (with many, 68 % of the values are negative). Segments that overlap are
    not independent and leave a bias.

    Parameters
    ----------
    s : Tensor, shape (..., n_segments, n_chans, n_chans)
        Cross-spectrum of each segment, complex, Hermitian (see `segment_cross_spectra`); 2 segments or more.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Symmetric, in [-1, 1], diagonal 0. Two copies, a channel without signal, and a pair that has a lag in
        one segment alone have 0.

    Raises
    ------
    EegdaeError
        Where `s` is real, has other axes or fewer than two segments.

    References
    ----------
    M. Vinck et al., NeuroImage 55, 2011, eq. 33 and appendix.
    """
    _check_segments(s)
    power = s.detach().diagonal(dim1=-2, dim2=-1).real.clamp(min=0.0)  # (..., n_segments, n_chans)
    amplitude = power.sqrt()
    # Scaled to a maximum of 1 first: fourth powers of volts or teslas would leave the range of float32.
    peak = amplitude.amax(dim=-2, keepdim=True)
    weight = 1 / torch.where(peak > 0, peak, 1.0)
    part = s.imag * weight[..., :, None] * weight[..., None, :]
    square = part.square().sum(dim=-3)
    total = part.abs().sum(dim=-3)
    pairs = total.square() - square
    eps = torch.finfo(power.dtype).eps
    size = (amplitude * weight).sum(dim=-2)  # (..., n_chans)
    none = total.detach() <= _ROUNDING * eps * (size[..., :, None] + size[..., None, :])
    none = none | (pairs.detach() <= s.shape[-3] * eps * square.detach())
    value = (part.sum(dim=-3).square() - square) / pairs.masked_fill(none, 1.0)
    value = value.masked_fill(none, 0.0).clamp(-1.0, 1.0)
    return (value + value.mT) / 2


def ppc(s: Tensor) -> Tensor:
    r"""Measure phase locking over segments free of bias: the pairwise phase consistency.

    .. math:: \mathrm{PPC}_{xy} = \frac{|\sum_j u_j|^2 - n}{n (n - 1)}, \qquad u_j = s_j / |s_j|

    over n segments or trials j: the mean over pairs of segments of the cosine between their phase
    differences, and an unbiased estimate of the squared phase-locking value. Undirected. Not safe at zero
    lag. Two independent noises have 0 in the mean, whatever n (with large n, 63 % of the values are
    negative). Segments that overlap are not independent and leave a bias.

    Parameters
    ----------
    s : Tensor, shape (..., n_segments, n_chans, n_chans)
        Cross-spectrum of each segment, complex, Hermitian (see `segment_cross_spectra`); 2 segments or more.

    Returns
    -------
    Tensor, shape (..., n_chans, n_chans)
        Symmetric, in [-1 / (n - 1), 1], diagonal 1. Segments in which a channel has no signal are left out of
        n; where fewer than two are left the value is 0.

    Raises
    ------
    EegdaeError
        Where `s` is real, has other axes or fewer than two segments.

    References
    ----------
    M. Vinck et al., The pairwise phase consistency: a bias-free measure of rhythmic neuronal synchronization,
    NeuroImage 51, 2010.
    """
    _check_segments(s)
    unit = torch.sgn(s)
    n = (unit.detach() != 0).sum(dim=-3).to(s.real.dtype)
    total = unit.sum(dim=-3)
    square = total.real.square() + total.imag.square()
    value = ((square - n) / (n * (n - 1)).clamp(min=1.0)).masked_fill(n < 2, 0.0)
    return correlation_matrix(value).clamp(-1.0, 1.0)


def _check_segments(s: Tensor) -> None:
    check_complex(s, name="s", what="cross-spectra")
    if s.ndim < 3 or s.shape[-1] != s.shape[-2] or s.shape[-3] < 2:
        raise EegdaeError(
            f"s: shape {tuple(s.shape)}; expected (..., n_segments, n_chans, n_chans), 2 segments or more"
        )
