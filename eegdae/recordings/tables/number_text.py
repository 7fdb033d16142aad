"""Matrices of numbers as plain text: one row a line, no header."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, one_line


def read_numbers(path: Path, *, delimiter: str | None = None) -> NDArray[np.float64]:
    """Read a matrix of numbers.

    Parameters
    ----------
    path : Path
        A text file.
    delimiter : str or None
        What parts the columns; None = spaces and tabs.

    Returns
    -------
    ndarray of float64, shape (n_rows, n_columns)
        NaN where the file says so.

    Raises
    ------
    EegdaeError
        If the file is missing, empty, no text, or a row has a word or another number of columns.
    """
    try:
        with warnings.catch_warnings():  # an empty file only warns
            warnings.simplefilter("ignore")
            values = np.loadtxt(path, delimiter=delimiter, comments=None, ndmin=2, encoding="utf-8")
    except FileNotFoundError as error:
        raise EegdaeError(f"{path}: no such file; it is part of the set, get it anew") from error
    except OSError as error:
        raise EegdaeError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, OverflowError) as error:
        reason = one_line(error)
        raise EegdaeError(f"{path}: must hold numbers, as many in each row: {reason}; get it anew") from error
    if values.size == 0:
        raise EegdaeError(f"{path}: the file is empty")
    return np.asarray(values, dtype=np.float64)


def read_codes(path: Path) -> NDArray[np.int64]:
    """Read whole numbers, one a line.

    Parameters
    ----------
    path : Path
        A text file.

    Returns
    -------
    ndarray of int64, shape (n_rows,)
        In the order of the lines.

    Raises
    ------
    EegdaeError
        As `read_numbers`; also if a line holds anything else.
    """
    values = read_numbers(path)
    if values.shape[1] != 1 or not (np.isfinite(values) & (abs(values) < 2**53) & (values % 1 == 0)).all():
        raise EegdaeError(f"{path}: must hold one whole number a line")
    return values[:, 0].astype(np.int64)
