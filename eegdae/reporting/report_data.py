"""What a run hands to its report: plain arrays, tables and strings, and nothing that computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eegdae.connectivity import NoiseFloor

Metrics = Mapping[str, Mapping[str, Mapping[str, float | None]]]
"""``{representation: {metric: {"mean": , "low": , "high": }}}``, as in ``metrics.json``."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SignalExample:
    """One window of a view of signals, before, during and after the network.

    Parameters
    ----------
    view : str
        Name of the view.
    clean, corrupted, reconstructed : ndarray, shape (n_chans, n_times)
        The window as it is, as the network saw it, as the network gave it back; all in ``units``.
    pca : ndarray, shape (n_chans, n_times), or None
        The corrupted window through PCA of the same dimension.
    ch_names, units : sequence of str, length n_chans
        Name and unit of each channel.
    sfreq : float
        Sampling rate in Hz.
    corruption : str
        Kind of the corruption, e.g. ``"gaussian"``.
    level : float
        Level of the corruption.
    errors : mapping of str to float
        Root mean squared error against the clean window under ``"corrupted"`` (doing nothing),
        ``"reconstructed"`` and ``"pca"``; those that are missing are not shown.
    errors_over : str
        What the errors were taken over, e.g. ``"this window"`` or ``"812 held-out windows"``.
    errors_unit : str
        Unit of the errors.
    """

    view: str
    clean: NDArray[Any]
    corrupted: NDArray[Any]
    reconstructed: NDArray[Any]
    pca: NDArray[Any] | None = None
    ch_names: Sequence[str]
    units: Sequence[str]
    sfreq: float
    corruption: str
    level: float
    errors: Mapping[str, float]
    errors_over: str = "this window"
    errors_unit: str


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageExample:
    """Some images before, during and after the network.

    Parameters
    ----------
    view : str
        Name of the view.
    clean, corrupted, reconstructed : ndarray, shape (n, n_colours, height, width)
        From 0 = black to 1 = white, where they are as they were recorded.
    pca : ndarray, same shape, or None
        The corrupted images through PCA of the same dimension.
    corruption, level, errors, errors_over, errors_unit
        As in `SignalExample`.
    """

    view: str
    clean: NDArray[Any]
    corrupted: NDArray[Any]
    reconstructed: NDArray[Any]
    pca: NDArray[Any] | None = None
    corruption: str
    level: float
    errors: Mapping[str, float]
    errors_over: str = "this window"
    errors_unit: str


@dataclass(frozen=True, eq=False, kw_only=True)
class FeatureExample:
    """Some windows of a view of features, before, during and after the network.

    Parameters
    ----------
    view : str
        Name of the view.
    clean, corrupted, reconstructed : ndarray, shape (n_features,) or (n_windows, n_features)
        One row is drawn as a line, several as the rows of a map.
    pca : ndarray, same shape, or None
        The corrupted features through PCA of the same dimension.
    unit : str
        Unit of the features as they stand in the arrays, e.g. ``"training sd"``.
    corruption, level, errors, errors_over, errors_unit
        As in `SignalExample`.
    """

    view: str
    clean: NDArray[Any]
    corrupted: NDArray[Any]
    reconstructed: NDArray[Any]
    pca: NDArray[Any] | None = None
    unit: str
    corruption: str
    level: float
    errors: Mapping[str, float]
    errors_over: str = "this window"
    errors_unit: str


@dataclass(frozen=True, eq=False, kw_only=True)
class MatrixExample:
    """Mean connectivity matrices of the classes and their reconstructions, one measure and band.

    Parameters
    ----------
    mean, reconstructed : ndarray, shape (n_classes, n_chans, n_chans)
        Mean over the windows of each class; row = x, column = y.
    classes : sequence of str, length n_classes
    ch_names : sequence of str, length n_chans
    measure, band : str
        E.g. ``"plv"`` and ``"alpha (8 to 13 Hz)"``.
    """

    mean: NDArray[Any]
    reconstructed: NDArray[Any]
    classes: Sequence[str]
    ch_names: Sequence[str]
    measure: str
    band: str


@dataclass(frozen=True, eq=False, kw_only=True)
class NetworkExample:
    """Mean connectivity of two classes and how it differs, one measure and band, the subject as the unit.

    Parameters
    ----------
    values : ndarray, shape (2, n_chans, n_chans)
        Mean over subjects of each class; row = x, column = y.
    names : (str, str)
        The two classes.
    difference : ndarray, shape (n_chans, n_chans)
        Second class minus first, mean over the tested subjects.
    significant : ndarray of bool, shape (n_chans, n_chans), or None
        Edges of it that passed the test; None = not tested.
    test : str
        One sentence: the test and what it found, or why there is none.
    ch_names : sequence of str, length n_chans
    ch_pos : ndarray, shape (n_chans, 3), or None
        Electrode positions in metres, head coordinates.
    measure, band : str
        E.g. ``"plv"`` and ``"alpha (8 to 13 Hz)"``.
    """

    values: NDArray[Any]
    names: tuple[str, str]
    difference: NDArray[Any]
    significant: NDArray[np.bool_] | None
    test: str
    ch_names: Sequence[str]
    ch_pos: NDArray[Any] | None = None
    measure: str
    band: str


@dataclass(frozen=True, eq=False, kw_only=True)
class FloorExample:
    """Connectivity in the mean, beside what its windows give without coupling.

    Parameters
    ----------
    mean : ndarray, shape (n_measures, n_bands)
        Of the values off the diagonal; of their modulus, for signed measures.
    floor : NoiseFloor
        Of the same measures and bands.
    bands : mapping of str to (float, float)
        Name -> (lower, upper) edge, Hz.
    """

    mean: NDArray[Any]
    floor: NoiseFloor
    bands: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, eq=False, kw_only=True)
class ScalpExample:
    """Mean log power of each class and band at each electrode.

    Parameters
    ----------
    values : ndarray, shape (n_classes, n_bands, n_chans)
        Mean over the windows of the class, in ``unit``.
    ch_pos : ndarray, shape (n_chans, 3)
        Electrode positions in metres, head coordinates.
    ch_names, classes, bands : sequence of str
    unit : str
        E.g. ``"log µV²/Hz"``.
    """

    values: NDArray[Any]
    ch_pos: NDArray[Any]
    ch_names: Sequence[str]
    classes: Sequence[str]
    bands: Sequence[str]
    unit: str


@dataclass(frozen=True, eq=False, kw_only=True)
class ReportData:
    """Everything the report of one run shows.

    Parameters
    ----------
    name : str
        Name of the experiment.
    summary : sequence of (str, str)
        Facts in the order shown: data set, windows, channels, rate, views, corruption, network,
        seed, wall time, ...
    metrics : mapping
        As in ``metrics.json``: ``{representation: {metric: {"mean": , "low": , "high": }}}``.
    metric_notes : sequence of str
        What must be said beside the figures, e.g. why an interval is missing.
    paired : DataFrame or None
        Codes minus each other representation, group by group: columns ``representation metric mean low
        high p``.
    transductive : str
        What all figures of this run owe to unlabelled test windows, said wherever one stands; empty = none.
    history : DataFrame
        Columns ``model`` ``view`` ``stage`` (str), ``epoch`` (int), ``loss`` (float); one row an
        epoch a stage.
    network : sequence of (view, layer, shape, n_params)
        One row a layer.
    dropped : mapping of str to int
        Reason -> number of windows or channels left out.
    notes : sequence of str
        What preparation found, ``"SOURCE: NOTE; NOTE"``.
    examples : sequence of SignalExample, ImageExample or FeatureExample
        Reconstructions, one figure each.
    matrices : sequence of MatrixExample
    networks : sequence of NetworkExample
    floors : sequence of FloorExample
    scalp : ScalpExample or None
    codes2d : ndarray, shape (n_windows, 2), or None
        First two principal components of the codes.
    explained : (float, float)
        Share of the codes' variance on each of the two components, 0 to 1.
    code_labels, code_subjects : sequence of str, length n_windows
        Class and subject of each row of ``codes2d``; an empty sequence leaves the map out.
    codes_note : str
        Which model made the codes, e.g. ``"final model, in-sample"``.
    confusion : ndarray of int, shape (n_classes, n_classes), or None
        Out-of-fold counts, row = true class.
    classes : sequence of str, length n_classes
    audit, folds : DataFrame or None
        The split audit and the folds, one row a fold, shown as they are.
    """

    name: str
    summary: Sequence[tuple[str, str]]
    metrics: Metrics
    metric_notes: Sequence[str] = ()
    paired: pd.DataFrame | None = None
    transductive: str = ""
    history: pd.DataFrame
    network: Sequence[tuple[str, str, str, int]] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    examples: Sequence[SignalExample | ImageExample | FeatureExample] = ()
    matrices: Sequence[MatrixExample] = ()
    networks: Sequence[NetworkExample] = ()
    floors: Sequence[FloorExample] = ()
    scalp: ScalpExample | None = None
    codes2d: NDArray[np.floating[Any]] | None = None
    explained: tuple[float, float] = (0.0, 0.0)
    code_labels: Sequence[str] = ()
    code_subjects: Sequence[str] = ()
    codes_note: str = ""
    confusion: NDArray[np.integer[Any]] | None = None
    classes: Sequence[str] = ()
    audit: pd.DataFrame | None = None
    folds: pd.DataFrame | None = None
