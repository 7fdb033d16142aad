"""Complex signals of bands and frequencies, whatever the estimator, and what measures share of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from eegdae.connectivity.bands import analytic_signals
from eegdae.connectivity.coherency import coherency
from eegdae.connectivity.cross_spectrum import cross_spectrum, segment_spectra
from eegdae.connectivity.phase_lag import phase_lag_measures, phase_locking
from eegdae.connectivity.power import POWER_FLOOR, log_power
from eegdae.connectivity.settings import Settings
from eegdae.connectivity.wavelet_request import WaveletRequest
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
    tapers : bool
        Whether the third axis from the end is one of tapers.
    analytic : bool
        Whether the real part is the band-limited signal itself (hilbert), so that it has a unit of its own.
    lags : tuple of str
        Which of `PHASE_LAGS` will be asked for: they come from one pass.
    given : mapping of str to Tensor
        ``cross``, ``locking`` and the `lags`, each (n_windows, n_freqs, n_chans, n_chans), where they are
        there already.
    """

    z: Tensor | None
    tapers: bool = False
    analytic: bool = False
    lags: tuple[str, ...] = ()
    given: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def signals(self) -> Tensor:
        """The complex signals."""
        if self.z is None:
            raise RuntimeError("no measure said that it needs the signals")
        return self.z

    @cached_property
    def cross(self) -> Tensor:
        """Cross-spectra, (n_windows, n_freqs, n_chans, n_chans), complex."""
        return (
            self.given["cross"] if "cross" in self.given else cross_spectrum(self.signals, tapers=self.tapers)
        )

    @cached_property
    def coherency(self) -> Tensor:
        """Coherencies, (n_windows, n_freqs, n_chans, n_chans), complex."""
        return coherency(self.cross)

    @cached_property
    def locking(self) -> Tensor:
        """Complex phase-locking values, (n_windows, n_freqs, n_chans, n_chans)."""
        if "locking" in self.given:
            return self.given["locking"]
        return phase_locking(self.signals, tapers=self.tapers)

    @cached_property
    def phase_lags(self) -> Mapping[str, Tensor]:
        """Those of `PHASE_LAGS` that were announced, (n_windows, n_freqs, n_chans, n_chans) each."""
        if all(name in self.given for name in self.lags):
            return self.given
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
        yield from _of_wavelets(x, settings, settings.wavelets, lags=lags)


def _of_wavelets(
    x: Tensor, settings: Settings, request: WaveletRequest, *, lags: tuple[str, ...]
) -> Iterator[tuple[range, Spectra]]:
    """Of wavelets and tapers: all frequencies at once, but for measures that need the signals themselves."""
    needs = {kind.needs for kind in settings.measures.values()}
    tapers = settings.estimator == "multitaper"
    given = {"cross": wavelet_cross_spectra(x, request)} if needs & {"cross", "slope"} else {}
    if "signals" in needs:
        for rows, z in wavelet_groups(x, request):
            some = {name: values[:, rows] for name, values in given.items()}
            yield range(rows.start, rows.stop), Spectra(z, tapers=tapers, lags=lags, given=some)
        return
    if needs & {"locking", "lags"}:
        # Matrices are gathered and then finished together: what is done to few small ones takes as long.
        parts: dict[str, list[Tensor]] = {}
        for _, z in wavelet_groups(x, request):
            if "locking" in needs:
                parts.setdefault("locking", []).append(phase_locking(z, tapers=tapers))
            for name, values in phase_lag_measures(z, lags, tapers=tapers).items():
                parts.setdefault(name, []).append(values)
        given |= {name: torch.cat(some, dim=1) for name, some in parts.items()}
    yield range(len(settings.freqs)), Spectra(None, tapers=tapers, lags=lags, given=given)
