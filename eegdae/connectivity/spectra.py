"""Complex signals of bands and frequencies, whatever the estimator, and what measures share of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from eegdae.connectivity.bands import analytic_signals
from eegdae.connectivity.cross_spectrum import cross_spectrum, segment_spectra
from eegdae.connectivity.phase_lag import phase_locking
from eegdae.connectivity.power import POWER_FLOOR, log_power
from eegdae.connectivity.settings import Settings
from eegdae.connectivity.wavelets import morlet_transform, multitaper_transform


@dataclass(frozen=True)
class Spectra:
    """The signals of some frequencies in a block of windows; what measures share is computed once.

    Attributes
    ----------
    z : Tensor, shape (n_windows, n_freqs, n_chans, n_times)
        With `tapers`, (n_windows, n_freqs, n_tapers, n_chans, n_times). Complex; the last axis may be that of
        segments.
    tapers : bool
        Whether the third axis from the end is one of tapers.
    analytic : bool
        Whether the real part is the band-limited signal itself (hilbert), so that it has a unit of its own.
    """

    z: Tensor
    tapers: bool = False
    analytic: bool = False

    @cached_property
    def cross(self) -> Tensor:
        """Cross-spectra, (n_windows, n_freqs, n_chans, n_chans), complex."""
        return cross_spectrum(self.z, tapers=self.tapers)

    @cached_property
    def locking(self) -> Tensor:
        """Complex phase-locking values, (n_windows, n_freqs, n_chans, n_chans)."""
        return phase_locking(self.z, tapers=self.tapers)

    @cached_property
    def log_power(self) -> Tensor:
        """Natural log of each channel's power, (n_windows, n_freqs, n_chans)."""
        if self.analytic:
            return log_power(self.z)
        return self.cross.diagonal(dim1=-2, dim2=-1).real.clamp(min=POWER_FLOOR).log()


def spectra_of(x: Tensor, settings: Settings) -> Iterator[tuple[tuple[int, ...], Spectra]]:
    """Give the signals of every band or frequency of windows, a few at a time.

    Parameters
    ----------
    x : Tensor, shape (n_windows, n_chans, n_times)
        Real windows.
    settings : Settings
        With any estimator but ``filter_hilbert``, whose signals do not come from windows.

    Yields
    ------
    numbers : tuple of int
        Which of the frequencies (of the bands, for ``hilbert``) these are.
    spectra : Spectra
        Their signals.
    """
    if settings.estimator == "hilbert":
        bands = list((settings.bands or {}).values())
        for k, z in enumerate(analytic_signals(x, settings.sfreq, bands=bands)):
            yield (k,), Spectra(z.unsqueeze(1), analytic=True)
    elif settings.estimator == "welch":
        # One frequency a bin, without that of the mean, of which Settings.freqs may keep some.
        z, _ = segment_spectra(x, sfreq=settings.sfreq, n_per_segment=settings.n_per_segment)
        step = settings.sfreq / settings.n_per_segment
        kept = torch.tensor([round(f / step) for f in settings.freqs], device=x.device)
        yield tuple(range(len(settings.freqs))), Spectra(z[:, kept])
    elif settings.estimator == "morlet":
        transform = morlet_transform(
            x, sfreq=settings.sfreq, freqs=settings.freqs, n_cycles=settings.n_cycles
        )
        for k, z in enumerate(transform):
            yield (k,), Spectra(z.unsqueeze(1))
    else:
        tapered = multitaper_transform(
            x,
            sfreq=settings.sfreq,
            freqs=settings.freqs,
            n_cycles=settings.n_cycles,
            time_bandwidth=settings.time_bandwidth,
        )
        for k, z in enumerate(tapered):
            yield (k,), Spectra(z.unsqueeze(1), tapers=True)
