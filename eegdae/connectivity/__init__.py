"""Connectivity between the channels of windows: pure functions on tensors.

The package can be called: ``eegdae.connectivity(x, sfreq=128, bands={"alpha": (8, 13)})`` is
`eegdae.connectivity.connectivity`, because the function of the public API and this part bear one name.
"""

from __future__ import annotations

import sys
from types import ModuleType

from eegdae.connectivity.bands import EEG_BANDS, analytic_signal, analytic_signals, check_bands
from eegdae.connectivity.estimate import ESTIMATORS, check_measures, connectivity
from eegdae.connectivity.measures import MEASURES, Measure
from eegdae.connectivity.phase import plv
from eegdae.connectivity.power import log_power
from eegdae.connectivity.temporal import pearson
from eegdae.connectivity.vectorize import feature_names, n_features, unvectorize, vectorize

__all__ = [
    "EEG_BANDS",
    "ESTIMATORS",
    "MEASURES",
    "Measure",
    "analytic_signal",
    "analytic_signals",
    "check_bands",
    "check_measures",
    "connectivity",
    "feature_names",
    "log_power",
    "n_features",
    "pearson",
    "plv",
    "unvectorize",
    "vectorize",
]


class _CallableModule(ModuleType):
    __call__ = staticmethod(connectivity)


# Importing this part binds its name in `eegdae` over the function of that name, so the part is callable too.
sys.modules[__name__].__class__ = _CallableModule
