"""Complex signals of bands and frequencies, whatever the estimator, and what measures share of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from eegdae.connectivity.bands import analytic_signals
from eegdae.connectivity.coherency import coherency
from eegdae.connectivity.cross_spectrum import cross_spectrum, segment_spectra
from eegdae.connectivity.phase_lag import phase_lag_measures, phase_locking
from eegdae.connectivity.power import POWER_FLOOR, log_power
from eegdae.connectivity.settings import Settings
from eegdae.connectivity.wavelet_spectra import wavelet_cross_spectra
from eegdae.connectivity.wavelets import wavelet_groups

PHASE_LAGS = ("pli", "dpli", "wpli")
"""Measures of the sign and size of the imaginary part, sample by sample."""


@dataclass(frozen=True)
class Spectra:
    """What some frequencies of a block of windows are; what measures share of it is computed once.

    Attributes
    ----------
    z : Tensor or None, shape (n_windows, n_freqs, n_chans, n_times)
        Complex signals, where a measure needs them; with `tapers`, (n_windows, n_freqs, n_tapers, n_chans,
        n_times). The last axis may be that of segments.
    given : Tensor or None, shape (n_windows, n_freqs, n_chans, n_chans)
        Cross-spectra, where they came on a shorter way.
    tapers : bool
        Whether the third axis from the end is one of tapers.
    analytic : bool
        Whether the real part is the band-limited signal itself (hilbert), so that it has a unit of its own.
    lags : tuple of str
        Which of `PHASE_LAGS` will be asked for: they come from one pass.
    """

    z: Tensor | None
    given: Tensor | None = None
    tapers: bool = False
    analytic: bool = False
    lags: tuple[str, ...] = ()

    @property
    def signals(self) -> Tensor:
        """The complex signals."""
        if self.z is None:
            raise RuntimeError("only measures that need the cross-spectrum alone were announced")
        return self.z

    @cached_property
    def cross(self) -> Tensor:
        """Cross-spectra, (n_windows, n_freqs, n_chans, n_chans), complex."""
        return cross_spectrum(self.signals, tapers=self.tapers) if self.given is None else self.given

    @cached_property
    def coherency(self) -> Tensor:
        """Coherencies, (n_windows, n_freqs, n_chans, n_chans), complex."""
        return coherency(self.cross)

    @cached_property
    def locking(self) -> Tensor:
        """Complex phase-locking values, (n_windows, n_freqs, n_chans, n_chans)."""
        return phase_locking(self.signals, tapers=self.tapers)

    @cached_property
    def phase_lags(self) -> dict[str, Tensor]:
        """Those of `PHASE_LAGS` that were announced, (n_windows, n_freqs, n_chans, n_chans) each."""
        return phase_lag_measures(self.signals, self.lags, tapers=self.tapers)

    @cached_property
    def log_power(self) -> Tensor:
        """Natural log of each channel's power, (n_windows, n_freqs, n_chans)."""
        if self.analytic:
            return log_power(self.signals)
        return self.cross.diagonal(dim1=-2, dim2=-1).real.clamp(min=POWER_FLOOR).log()


def spectra_of(x: Tensor, settings: Settings) -> Iterator[tuple[range, Spectra]]:
    """Give what windows are at every band or frequency, some frequencies at a time.

    Parameters
    ----------
    x : Tensor, shape (n_windows, n_chans, n_times)
        Real windows.
    settings : Settings
        With any estimator but ``filter_hilbert``, whose signals do not come from windows.

    Yields
    ------
    numbers : range
        Which of the frequencies (of the bands, for ``hilbert``) these are.
    spectra : Spectra
        Their signals, cross-spectra or both, as the measures need.
    """
    lags = tuple(name for name in PHASE_LAGS if name in settings.measures)
    if settings.estimator == "hilbert":
        bands = list((settings.bands or {}).values())
        for k, z in enumerate(analytic_signals(x, settings.sfreq, bands=bands)):
            yield range(k, k + 1), Spectra(z.unsqueeze(1), analytic=True, lags=lags)
    elif settings.wavelets is None:  # welch
        # One frequency a bin, without that of the mean, of which Settings.freqs may keep some.
        z, _ = segment_spectra(x, sfreq=settings.sfreq, n_per_segment=settings.n_per_segment)
        step = settings.sfreq / settings.n_per_segment
        kept = torch.tensor([round(f / step) for f in settings.freqs], device=x.device)
        yield range(len(settings.freqs)), Spectra(z[:, kept], lags=lags)
    else:
        needs = {kind.needs for kind in settings.measures.values()}
        cross = wavelet_cross_spectra(x, settings.wavelets) if needs & {"cross", "slope"} else None
        if "signals" not in needs:
            yield range(len(settings.freqs)), Spectra(None, given=cross)
            return
        tapers = settings.estimator == "multitaper"
        for rows, z in wavelet_groups(x, settings.wavelets):
            given = None if cross is None else cross[:, rows]
            yield range(rows.start, rows.stop), Spectra(z, given=given, tapers=tapers, lags=lags)
