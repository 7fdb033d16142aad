"""Single files of a run, read fast and with errors that name the file alone."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from eegdae.errors import EegdaeError, one_line
from eegdae.evaluation.metrics import METRICS
from eegdae.run import read_json

Figures = dict[str, float]
Groups = dict[str, dict[str, tuple[float, ...]]]


def read_groups(file: Path) -> Groups:
    """Read the figures of every group from ``group_metrics.csv``.

    Parameters
    ----------
    file : Path

    Returns
    -------
    dict of str to dict of str to tuple of float
        ``codes`` and, where it was trained, ``autoencoder`` -> group -> its `METRICS`, NaN where empty.

    Raises
    ------
    EegdaeError
        If it is missing or damaged.
    """
    found: Groups = {}
    try:
        with open(file, newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                if None in row.values():
                    raise EegdaeError(f"{file.name}: a row is short")
                figures = tuple(float(row[metric] or "nan") for metric in METRICS)
                of_groups = found.setdefault(row["representation"], {})
                if row["group"] in of_groups:
                    raise EegdaeError(f"{file.name} has two rows of one representation and group")
                of_groups[row["group"]] = figures
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        if isinstance(error, EegdaeError):
            raise
        raise EegdaeError(f"{file.name}: {_said(error)}") from error
    if "codes" not in found:
        raise EegdaeError(f"{file.name} has no figures of codes")
    return {name: found[name] for name in ("codes", "autoencoder") if name in found}


def read_errors(file: Path) -> dict[str, Figures]:
    """Read the errors of one fold from ``reconstruction.json``.

    Parameters
    ----------
    file : Path

    Returns
    -------
    dict of str to dict of str to float
        View -> way -> root mean squared error in scaled units.

    Raises
    ------
    EegdaeError
        If it is missing or damaged.
    """
    try:
        return {
            view: {way: float(value) for way, value in ways.items()}
            for view, ways in read_json(file, file.name).items()
        }
    except (AttributeError, TypeError, ValueError) as error:
        if isinstance(error, EegdaeError):
            raise
        raise EegdaeError(f"{file.parent.name}/{file.name}: {_said(error)}") from error


def read_validation(file: Path) -> Figures:
    """Read a fold's figures inside its training rows from ``heads.json``; older runs have none.

    Parameters
    ----------
    file : Path

    Returns
    -------
    dict of str to float
        Metric -> figure, NaN where there is none.

    Raises
    ------
    EegdaeError
        If it is missing or damaged.
    """
    found = read_json(file, file.name).get("validation") if file.exists() else None
    found = found if isinstance(found, Mapping) else {}
    return {metric: _number(found.get(metric)) for metric in METRICS}


def _number(value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(str(value)) if is_number else math.nan


def _said(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or "cannot be read"
    if isinstance(error, KeyError):
        return f"has no column {error.args[0]}"
    return one_line(error, 150)
