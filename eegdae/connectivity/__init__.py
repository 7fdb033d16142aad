"""Connectivity between the channels of windows: pure functions on tensors.

The package can be called: ``eegdae.connectivity(x, sfreq=128, bands={"alpha": (8, 13)})`` is
`eegdae.connectivity.connectivity`, because the function of the public API and this part bear one name.

Where things are:

- the call: `estimate`; what it may be asked for: `settings`; memory and files: `memory`, `output`;
- the table of measures: `measures` (a new one is a function and a row there); matrices as features and back:
  `vectorize`;
- signals of bands and frequencies: `bands` (Hilbert), `recording` (filter, then Hilbert), `wavelets`,
  `convolution`, `wavelet_spectra`, `wavelet_ends`, `cross_spectrum` (Welch), joined in `spectra`;
- the measures, a family a module: `temporal`, `rank`, `covariance`, `lags`, `envelope`, `coherency`, `phase`,
  `phase_lag`, `power`, `autoregressive`, `directed`; covariances as vectors: `tangent`, `spd`;
- kernels in C++: `compiled`, ``kernels/``;
- what noise gives: `floors`, `closed_floors`, `surrogates`, `short_windows`;
- matrices by channel name: `of_windows`, `matrices`, `montage`, `mne_containers`.
"""

from __future__ import annotations

import sys
from types import ModuleType

from eegdae.connectivity.autoregressive import fit_var, select_order
from eegdae.connectivity.bands import EEG_BANDS, analytic_signal, analytic_signals, check_bands
from eegdae.connectivity.coherency import (
    coherence,
    coherency,
    imaginary_coherence,
    lagged_coherence,
    phase_slope_index,
    spectral_correlation,
)
from eegdae.connectivity.covariance import covariance, estimate_rank, partial_correlation
from eegdae.connectivity.cross_spectrum import (
    cross_spectrum,
    segment_cross_spectra,
    segment_spectra,
    welch_cross_spectrum,
)
from eegdae.connectivity.directed import dtf, granger, pdc, spectral_granger
from eegdae.connectivity.envelope import envelope_correlation
from eegdae.connectivity.estimate import connectivity
from eegdae.connectivity.floors import NoiseFloor, mean_modulus, noise_floor, subtract_floor
from eegdae.connectivity.lags import cross_correlation
from eegdae.connectivity.matrices import Matrices, edges
from eegdae.connectivity.measures import MEASURES, Measure
from eegdae.connectivity.mne_containers import from_mne, to_mne
from eegdae.connectivity.montage import concatenate, mask_interpolated, region_average, select
from eegdae.connectivity.of_windows import connectivity_of
from eegdae.connectivity.phase import plv
from eegdae.connectivity.phase_lag import (
    ciplv,
    debiased_wpli,
    dpli,
    phase_lag_measures,
    phase_locking,
    pli,
    ppc,
    wpli,
)
from eegdae.connectivity.power import log_power
from eegdae.connectivity.rank import spearman
from eegdae.connectivity.recording import filter_hilbert
from eegdae.connectivity.settings import ESTIMATORS, Settings, check_measures, check_settings
from eegdae.connectivity.short_windows import ShortWindowWarning, check_cycles
from eegdae.connectivity.surrogates import circularly_shifted, phase_randomized
from eegdae.connectivity.tangent import (
    fit_subspace,
    from_tangent_vectors,
    mean_covariance,
    reduce,
    tangent,
    tangent_vectors,
    untangent,
)
from eegdae.connectivity.temporal import pearson
from eegdae.connectivity.vectorize import feature_names, n_features, unvectorize, vectorize
from eegdae.connectivity.wavelet_spectra import morlet_cross_spectra, multitaper_cross_spectra
from eegdae.connectivity.wavelets import (
    morlet_groups,
    morlet_transform,
    morlet_wavelets,
    multitaper_groups,
    multitaper_transform,
    multitaper_wavelets,
)

__all__ = [
    "EEG_BANDS",
    "ESTIMATORS",
    "MEASURES",
    "Matrices",
    "Measure",
    "NoiseFloor",
    "Settings",
    "ShortWindowWarning",
    "analytic_signal",
    "analytic_signals",
    "check_bands",
    "check_cycles",
    "check_measures",
    "check_settings",
    "ciplv",
    "circularly_shifted",
    "coherence",
    "coherency",
    "concatenate",
    "connectivity",
    "connectivity_of",
    "covariance",
    "cross_correlation",
    "cross_spectrum",
    "debiased_wpli",
    "dpli",
    "dtf",
    "edges",
    "envelope_correlation",
    "estimate_rank",
    "feature_names",
    "filter_hilbert",
    "fit_subspace",
    "fit_var",
    "from_mne",
    "from_tangent_vectors",
    "granger",
    "imaginary_coherence",
    "lagged_coherence",
    "log_power",
    "mask_interpolated",
    "mean_covariance",
    "mean_modulus",
    "morlet_cross_spectra",
    "morlet_groups",
    "morlet_transform",
    "morlet_wavelets",
    "multitaper_cross_spectra",
    "multitaper_groups",
    "multitaper_transform",
    "multitaper_wavelets",
    "n_features",
    "noise_floor",
    "partial_correlation",
    "pdc",
    "pearson",
    "phase_lag_measures",
    "phase_locking",
    "phase_randomized",
    "phase_slope_index",
    "pli",
    "plv",
    "ppc",
    "reduce",
    "region_average",
    "segment_cross_spectra",
    "segment_spectra",
    "select",
    "select_order",
    "spearman",
    "spectral_correlation",
    "spectral_granger",
    "subtract_floor",
    "tangent",
    "tangent_vectors",
    "to_mne",
    "untangent",
    "unvectorize",
    "vectorize",
    "welch_cross_spectrum",
    "wpli",
]


class _CallableModule(ModuleType):
    __call__ = staticmethod(connectivity)


# Importing this part binds its name in `eegdae` over the function of that name, so the part is callable too.
sys.modules[__name__].__class__ = _CallableModule
