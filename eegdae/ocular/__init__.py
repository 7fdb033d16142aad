"""What eyes put into EEG, found by MNE-Python on training windows and taken out of all by one matrix."""

from __future__ import annotations

from eegdae.ocular.filter import OcularFilter, correct
from eegdae.ocular.ica import METHODS, IcaFit, fit_ica
from eegdae.ocular.regression import fit_regression
from eegdae.ocular.spec import KINDS, OcularSpec

__all__ = [
    "KINDS",
    "METHODS",
    "IcaFit",
    "OcularFilter",
    "OcularSpec",
    "correct",
    "fit_ica",
    "fit_regression",
]
