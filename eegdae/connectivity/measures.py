"""The table of measures: how each is computed, and how its values become unbounded features and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from eegdae.connectivity.bands import Band
from eegdae.connectivity.coherency import (
    coherence_of,
    imaginary_coherence_of,
    lagged_part,
    phase_slope_index,
    spectral_correlation,
)
from eegdae.connectivity.covariance import covariance, partial_correlation
from eegdae.connectivity.cross_spectrum import segment_cross_spectra
from eegdae.connectivity.directed import dtf, pdc, spectral_granger
from eegdae.connectivity.envelope import envelope_correlation
from eegdae.connectivity.lags import cross_correlation
from eegdae.connectivity.phase_lag import debiased_wpli, ppc
from eegdae.connectivity.rank import spearman
from eegdae.connectivity.temporal import correlation_matrix, pearson
from eegdae.errors import EegdaeError, did_you_mean

if TYPE_CHECKING:
    from eegdae.connectivity.settings import Settings
    from eegdae.connectivity.spectra import Spectra

Symmetry = Literal["symmetric", "antisymmetric", "complementary", "directed", "diagonal", "definite"]
Needs = Literal["signals", "cross", "locking", "lags", "slope", "window", "model"]

Fit = Callable[[], tuple[Tensor, Tensor]]

EVERY = ("hilbert", "filter_hilbert", "morlet", "multitaper", "welch")
WHOLE_BAND = ("hilbert", "filter_hilbert")
IN_TIME = ("hilbert", "filter_hilbert", "morlet", "multitaper")


@dataclass(frozen=True)
class Transform:
    """A rising function from a measure's values to unbounded features, element by element, and its inverse.

    Attributes
    ----------
    forward : callable
        Entries of the matrices -> features; values at the border are clipped.
    backward : callable
        The inverse; any finite feature gives an allowed entry.
    """

    forward: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor], Tensor]


def _same(x: Tensor) -> Tensor:
    return x


FISHER = Transform(lambda r: torch.atanh(r.clamp(-0.999, 0.999)), torch.tanh)
"""Of correlations in [-1, 1]."""
FISHER_UNSIGNED = Transform(FISHER.forward, lambda v: torch.tanh(v).clamp(min=0.0))
"""Of moduli of correlations, in [0, 1]."""
LOGIT = Transform(lambda p: torch.logit(p.clamp(1e-3, 1 - 1e-3)), torch.sigmoid)
"""Of shares and lengths, in [0, 1]."""
UNBIASED = Transform(_same, lambda v: v.clamp(-1.0, 1.0))
"""Of estimates with mean 0 where there is nothing: a bend would bias them."""
NONE = Transform(_same, _same)
"""Of what has no bounds."""
LOG = Transform(lambda f: f.clamp(min=1e-6).log(), torch.exp)
"""Of what is 0 or more and skewed."""


@dataclass(frozen=True)
class Measure:
    """One measure of connectivity.

    Attributes
    ----------
    compute : callable
        What it takes depends on `needs`; it gives matrices (n_windows, n_freqs, n_chans,
        n_chans), and without the second axis for ``slope`` and ``window``.
    needs : str
        ``signals``: (Spectra, Settings), frequency by frequency. ``cross``,
        ``locking``, ``lags``: the same, of which it takes the cross-spectra, the phase-locking values or the
        phase lags alone. ``slope``: cross-spectra (n_windows,
        n_freqs, n_chans, n_chans) of a band. ``window``: (x, sfreq, band). ``model``: (x, freqs,
        Settings, fit), of which fit() gives the `fit_var` of all channels, fitted once.
    symmetry : str
        Of a matrix c. ``symmetric``: c[y, x] = c[x, y]; ``antisymmetric``: -c[x, y]; ``complementary``:
        1 - c[x, y]; ``directed``: another value; ``diagonal``: 0, the diagonal carries the values;
        ``definite``: symmetric and positive definite, and the diagonal belongs to it.
    transform : Transform
        From values to features.
    estimators : tuple of str
        Which give what it needs.
    diagonal : float
        Value of every channel with itself, where it is a constant.
    min_bins : int
        Bins of a window's Fourier transform that a band must hold before the measure says anything.
    """

    compute: Callable[..., Tensor]
    needs: Needs
    symmetry: Symmetry
    transform: Transform
    estimators: tuple[str, ...]
    diagonal: float = 0.0
    min_bins: int = 2

    @property
    def of_pairs(self) -> bool:
        """Whether it says something about two channels."""
        return self.symmetry != "diagonal"


def _of_spectra(
    compute: Callable[[Spectra, Settings], Tensor],
    symmetry: Symmetry,
    transform: Transform,
    estimators: tuple[str, ...],
    *,
    diagonal: float = 0.0,
    min_bins: int = 2,
    needs: Needs = "signals",
) -> Measure:
    return Measure(compute, needs, symmetry, transform, estimators, diagonal, min_bins)


def _partial(s: Spectra, settings: Settings) -> Tensor:
    return partial_correlation(s.signals.real, estimator=settings.covariance_estimator)


def _covariance(s: Spectra, settings: Settings) -> Tensor:
    return covariance(s.signals.real, estimator=settings.covariance_estimator)


def _lag(s: Spectra, settings: Settings) -> Tensor:
    return cross_correlation(s.signals.real, max_lag=settings.max_lag)[1].to(s.signals.real.dtype)


def _shape(x: Tensor, sfreq: float, band: Band) -> Tensor:
    return spectral_correlation(x, sfreq=sfreq, band=band)


def _granger(x: Tensor, freqs: tuple[float, ...], settings: Settings, fit: Fit) -> Tensor:
    return spectral_granger(x, order=settings.order or 1, freqs=freqs, sfreq=settings.sfreq)


def _of_model(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """DTF or PDC, the generalised ones, whatever the gains; without what a channel does to itself."""

    def compute(x: Tensor, freqs: tuple[float, ...], settings: Settings, fit: Fit) -> Tensor:
        coefficients, noise = fit()
        values: Tensor = function(coefficients, noise, freqs=freqs, sfreq=settings.sfreq)
        eye = torch.eye(x.shape[-2], dtype=torch.bool, device=x.device)
        return values.masked_fill(eye, 0.0)

    return compute


MEASURES: Mapping[str, Measure] = {
    # in time
    "pearson": _of_spectra(
        lambda s, _: pearson(s.signals.real), "symmetric", FISHER, WHOLE_BAND, diagonal=1.0, min_bins=1
    ),
    "spearman": _of_spectra(
        lambda s, _: spearman(s.signals.real), "symmetric", FISHER, WHOLE_BAND, diagonal=1.0, min_bins=1
    ),
    "partial_correlation": _of_spectra(_partial, "symmetric", FISHER, WHOLE_BAND, diagonal=1.0, min_bins=1),
    "covariance": _of_spectra(_covariance, "definite", NONE, WHOLE_BAND, min_bins=1),
    "cross_correlation": _of_spectra(
        lambda s, t: cross_correlation(s.signals.real, max_lag=t.max_lag)[0],
        "symmetric",
        FISHER,
        WHOLE_BAND,
        diagonal=1.0,
        min_bins=1,
    ),
    "cross_correlation_lag": _of_spectra(_lag, "antisymmetric", NONE, WHOLE_BAND, min_bins=1),
    "envelope_correlation": _of_spectra(
        lambda s, _: envelope_correlation(s.signals),
        "symmetric",
        FISHER_UNSIGNED,
        ("hilbert", "filter_hilbert", "morlet"),
    ),
    "plain_envelope_correlation": _of_spectra(
        lambda s, _: envelope_correlation(s.signals, orthogonalize=False),
        "symmetric",
        FISHER,
        ("hilbert", "filter_hilbert", "morlet"),
        diagonal=1.0,
    ),
    # in frequency
    "coherence": _of_spectra(
        lambda s, _: coherence_of(s.coherency), "symmetric", LOGIT, EVERY, diagonal=1.0, needs="cross"
    ),
    "imaginary_coherence": _of_spectra(
        lambda s, _: imaginary_coherence_of(s.coherency), "antisymmetric", FISHER, EVERY, needs="cross"
    ),
    "lagged_coherence": _of_spectra(
        lambda s, _: lagged_part(s.coherency), "symmetric", LOGIT, EVERY, needs="cross"
    ),
    "phase_slope_index": Measure(
        phase_slope_index, "slope", "antisymmetric", NONE, ("morlet", "multitaper", "welch")
    ),
    "spectral_correlation": Measure(
        _shape, "window", "symmetric", FISHER, ("hilbert",), diagonal=1.0, min_bins=3
    ),
    # of phases
    "plv": _of_spectra(
        lambda s, _: correlation_matrix(s.locking.abs()).clamp(max=1.0),
        "symmetric",
        LOGIT,
        EVERY,
        diagonal=1.0,
        needs="locking",
    ),
    "ciplv": _of_spectra(lambda s, _: lagged_part(s.locking), "symmetric", LOGIT, EVERY, needs="locking"),
    "pli": _of_spectra(lambda s, _: s.phase_lags["pli"], "symmetric", LOGIT, EVERY, needs="lags"),
    "dpli": _of_spectra(
        lambda s, _: s.phase_lags["dpli"], "complementary", LOGIT, EVERY, diagonal=0.5, needs="lags"
    ),
    "wpli": _of_spectra(lambda s, _: s.phase_lags["wpli"], "symmetric", LOGIT, EVERY, needs="lags"),
    "debiased_wpli": _of_spectra(
        lambda s, _: debiased_wpli(segment_cross_spectra(s.signals)), "symmetric", UNBIASED, ("welch",)
    ),
    "ppc": _of_spectra(
        lambda s, _: ppc(segment_cross_spectra(s.signals)), "symmetric", UNBIASED, ("welch",), diagonal=1.0
    ),
    # directed
    "granger": Measure(_granger, "model", "directed", LOG, EVERY, min_bins=1),
    "dtf": Measure(_of_model(dtf), "model", "directed", LOGIT, EVERY, min_bins=1),
    "pdc": Measure(_of_model(pdc), "model", "directed", LOGIT, EVERY, min_bins=1),
    # of one channel
    "power": _of_spectra(
        lambda s, _: torch.diag_embed(s.log_power), "diagonal", NONE, EVERY, min_bins=1, needs="cross"
    ),
}
"""Name -> measure."""


def get_measure(name: str) -> Measure:
    """Look a measure up.

    Parameters
    ----------
    name : str
        A key of `MEASURES`.

    Returns
    -------
    Measure
        The measure.

    Raises
    ------
    EegdaeError
        Where there is no such measure; names the nearest.
    """
    if not isinstance(name, str) or name not in MEASURES:
        raise EegdaeError(f"measures: unknown measure {name!r}; {did_you_mean(str(name), MEASURES)}")
    return MEASURES[name]
