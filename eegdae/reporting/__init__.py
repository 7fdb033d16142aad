"""Figures, the HTML report of a run and the page of a sweep."""

from __future__ import annotations

from eegdae.reporting.figures_connectivity import connectivity_pictures
from eegdae.reporting.html import FigureBlock, Section, Strong, Table, Text, render
from eegdae.reporting.report import run_report
from eegdae.reporting.report_data import (
    FeatureExample,
    FloorExample,
    ImageExample,
    MatrixExample,
    NetworkExample,
    ReportData,
    ScalpExample,
    SignalExample,
)
from eegdae.reporting.style import figure_png
from eegdae.reporting.sweep import sweep_page

__all__ = [
    "FeatureExample",
    "FigureBlock",
    "FloorExample",
    "ImageExample",
    "MatrixExample",
    "NetworkExample",
    "ReportData",
    "ScalpExample",
    "Section",
    "SignalExample",
    "Strong",
    "Table",
    "Text",
    "connectivity_pictures",
    "figure_png",
    "render",
    "run_report",
    "sweep_page",
]
