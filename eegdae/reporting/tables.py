"""Cells and tables from values of any kind."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from eegdae.reporting.html import Table
from eegdae.reporting.style import DASH, MINUS


def interval(values: Mapping[str, float | None], *, signed: bool = False) -> str:
    """Write a mean with its interval.

    Parameters
    ----------
    values : mapping
        ``{"mean": , "low": , "high": }``, any of them None or missing.
    signed : bool
        Write the plus of positive numbers, as befits a difference.

    Returns
    -------
    str
        ``"0.861 [0.802, 0.917]"``, the mean alone where there is no interval, a dash where there is no mean.
    """
    mean, low, high = (values.get(part) for part in ("mean", "low", "high"))
    if mean is None:
        return DASH
    numbers = [mean] if low is None or high is None else [mean, low, high]
    first, *rest = (format(n, "+.3f" if signed else ".3f").replace("-", MINUS) for n in numbers)
    return f"{first} [{', '.join(rest)}]" if rest else first


def cell(value: object) -> str:
    """Write one value, numbers with four digits.

    Parameters
    ----------
    value : object

    Returns
    -------
    str
        Lists separated by commas; a dash for what is missing.
    """
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
        return ", ".join(cell(item) for item in items) or DASH
    if isinstance(value, float):
        return DASH if value != value else f"{value:.4g}".replace("-", MINUS)
    return DASH if value is None else str(value)


def setting_cell(key: str, value: object) -> str:
    """Write the value of a swept key; of a class, its name; of a corruption, as ``corruption=`` takes it.

    Parameters
    ----------
    key : str
        Dotted.
    value : object

    Returns
    -------
    str
    """
    if not key.endswith("._target_"):
        return cell(value)
    name = cell(value).rpartition(".")[2]
    # a corruption's choice has the name of its class
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() if key.startswith("corruption.") else name


def setting_key(key: str) -> str:
    """Write a swept key; that of a class by its group.

    Parameters
    ----------
    key : str
        Dotted.

    Returns
    -------
    str
    """
    return key.removesuffix("._target_")


def frame_table(frame: pd.DataFrame, *, caption: str, notes: Sequence[str] = ()) -> Table:
    """Show a data frame as it is.

    Parameters
    ----------
    frame : DataFrame
        Column names are shown with spaces for underscores.
    caption : str
    notes : sequence of str

    Returns
    -------
    Table
    """
    rows = [[cell(value) for value in row] for row in frame.itertuples(index=False, name=None)]
    return Table(
        header=[str(name).replace("_", " ") for name in frame.columns],
        rows=rows,
        caption=caption,
        notes=notes,
    )
