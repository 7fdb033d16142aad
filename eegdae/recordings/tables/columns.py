"""What a column of a table holds: numbers, or texts."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eegdae.errors import EegdaeError


def is_numeric(column: pd.Series[Any], *, where: str) -> bool:
    """Tell a column of numbers from one of text.

    Parameters
    ----------
    column : Series, n_rows
        Its index names the rows.
    where : str
        The file, for errors.

    Returns
    -------
    bool
        False for times, too.

    Raises
    ------
    EegdaeError
        If it is both, so that no channel is lost to one odd cell, or has decimal commas.
    """
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.dtype.kind != "c"
    if column.dtype.kind in "Mm" or isinstance(column.dtype, pd.DatetimeTZDtype):
        return False
    there = column[column.notna().to_numpy()]
    is_number = np.array([_as_number(value) is not None for value in there], dtype=bool)
    if is_number.any() and not is_number.all():
        row = int((~is_number).argmax())
        raise EegdaeError(
            f"{where}: row {there.index[row]} has {str(there.iloc[row])[:40]!r} in column {column.name!r}, "
            "where other rows have numbers; mend it, or name the columns to read in data.channels"
        )
    if len(there) and all(re.fullmatch(r"\s*[-+]?\d+,\d+\s*", str(value)) for value in there.iloc[:100]):
        raise EegdaeError(
            f"{where}: column {column.name!r} has decimal commas ({there.iloc[0]}): set data.decimal=','"
        )
    return bool(is_number.any())


def numbers(column: pd.Series[Any], *, where: str) -> NDArray[np.float64]:
    """Read a column of numbers.

    Parameters
    ----------
    column : Series, n_rows
        Its index names the rows.
    where : str
        The file, for errors.

    Returns
    -------
    ndarray of float64, shape (n_rows,)
        NaN where a cell is empty.

    Raises
    ------
    EegdaeError
        If a cell holds anything else: names the row.
    """
    if pd.api.types.is_numeric_dtype(column.dtype) and column.dtype.kind != "c":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    found = np.full(len(column), np.nan)
    for k, (row, value) in enumerate(column.items()):
        if pd.api.types.is_scalar(value) and pd.isna(value):
            continue
        number = _as_number(value)
        if number is None:
            raise EegdaeError(
                f"{where}: row {row} has {str(value)[:40]!r} in column {column.name!r}, which is no number; "
                "leave it empty where nothing was measured"
            )
        found[k] = number
    return found


def texts_of(column: pd.Series[Any]) -> NDArray[Any]:
    """Read a column of labels, codes or names.

    Parameters
    ----------
    column : Series, n_rows
        Of any type.

    Returns
    -------
    ndarray of str objects, shape (n_rows,)
        ``""`` where a cell is empty; whole numbers without a point, so that 1.0 is ``"1"``.
    """
    codes, found = pd.factorize(column.astype("object"))
    return np.array([*(_text(value) for value in found), ""], dtype=object)[codes]


def _as_number(value: object) -> float | None:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    whole = re.fullmatch(r"([-+]?\d+)\.0*", text)
    return whole.group(1) if whole else text
