"""Times as a table has them, and the uniform grid that rows at irregular times are laid on."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eegdae.errors import EegdaeError

MOST_SAMPLES_A_ROW = 20
"""A grid of more samples than this a row is refused: one stray time would fill the memory with gaps."""
_MOST_LOST = 0.1
_UNIX = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3))
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Grid:
    """Where each row lies on a uniform grid.

    Parameters
    ----------
    sfreq : float
        Samples of the grid a second.
    slots : ndarray of int64, shape (n_rows,)
        The sample of each row, from 0, never falling.
    is_kept : ndarray of bool, shape (n_rows,)
        False where another row is nearer to the same sample.
    n_times : int
        Samples of the grid.
    """

    sfreq: float
    slots: NDArray[np.int64]
    is_kept: NDArray[np.bool_]
    n_times: int


def seconds(column: pd.Series[Any], *, where: str) -> NDArray[np.float64]:
    """Read a column of times.

    Parameters
    ----------
    column : Series, n_rows
        Numbers: seconds, or Unix times in s, ms, us or ns, told apart by their size (from 1e11 on ms, 1e14
        us, 1e17 ns). Or time stamps, durations, or text that pandas reads as time stamps (ISO 8601, or all in
        the format of the first). Its index names the rows.
    where : str
        The file, for errors.

    Returns
    -------
    ndarray of float64, shape (n_rows,)
        Seconds since the first row.

    Raises
    ------
    EegdaeError
        If a time is missing or none: names the row.
    """
    if column.dtype.kind not in "iufMm" or isinstance(column.dtype, pd.DatetimeTZDtype):
        column = _parsed(column, where)
    bad = column.isna().to_numpy()
    if column.dtype.kind == "f":
        bad = bad | np.isinf(column.to_numpy(dtype=np.float64, na_value=np.nan))
    if bad.any():
        raise EegdaeError(
            f"{where}: row {column.index[int(bad.argmax())]} has no time in column {column.name!r}"
        )
    if column.dtype.kind in "Mm":
        values = column.to_numpy()
        return np.asarray((values - values[0]) / np.timedelta64(1, "s"), dtype=np.float64)
    numbers = column.to_numpy(dtype=np.float64 if column.dtype.kind == "f" else np.int64)
    size = abs(float(numbers[0]))
    scale = next((s for least, s in _UNIX if size >= least), 1.0)
    return np.asarray((numbers - numbers[0]) * scale, dtype=np.float64)


def _parsed(column: pd.Series[Any], where: str) -> pd.Series[Any]:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        plain: pd.Series[Any] = column.dt.tz_convert("UTC").dt.tz_localize(None)
        return plain
    text = column.astype("object")
    numbers = pd.to_numeric(text, errors="coerce")
    if column.dtype.kind == "b":
        found = numbers.where(numbers.isna())  # a flag is no time
    elif numbers.notna().mean() >= 0.5:
        found = numbers
    else:
        found = pd.to_datetime(text, errors="coerce", utc=True, format="ISO8601")
        if found.isna().all():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pandas' word for a format that it cannot tell
                found = pd.to_datetime(text, errors="coerce", utc=True)
        found = found.dt.tz_localize(None)
    bad = (found.isna() & text.notna()).to_numpy()
    if bad.any():
        row = int(bad.argmax())
        raise EegdaeError(
            f"{where}: row {column.index[row]} has {str(text.iloc[row])[:40]!r} in column {column.name!r}: "
            "no time; give seconds, Unix times or time stamps such as 2026-01-31 12:00:00"
        )
    return found


def lay(times: NDArray[np.float64], rows: pd.Index[Any], sfreq: float | None, *, where: str) -> Grid:
    """Find the sample of a uniform grid that is nearest to each row.

    Parameters
    ----------
    times : ndarray of float64, shape (n_rows,)
        Seconds.
    rows : Index, n_rows
        Names of the rows, for errors.
    sfreq : float or None
        Rate of the grid in hertz; None = one sample every median step. Times are often written with few
        digits (3 or 4 ms at 256 Hz), so it is the mean of the steps within half of the median, and the
        roundest number of hertz or seconds that stays within a quarter of a step of it over all rows.
    where : str
        The file, for errors.

    Returns
    -------
    Grid
        The grid lies where the rows are nearest to it on average. Where two rows have the same nearest sample
        the nearer one is kept, and how many were not is logged.

    Raises
    ------
    EegdaeError
        If times do not rise, the grid would have more than `MOST_SAMPLES_A_ROW` samples a row, or more than a
        tenth of the rows would be lost.
    """
    n_rows = len(times)
    if n_rows < 2:
        raise EegdaeError(f"{where}: has {n_rows} row; two at least are needed")
    steps = np.diff(times)
    if (steps <= 0).any():
        row = int((steps <= 0).argmax()) + 1
        what = "has the time of" if steps[row - 1] == 0 else "lies before"
        raise EegdaeError(
            f"{where}: row {rows[row]} {what} row {rows[row - 1]}; sort the rows and leave one a time, or, "
            "where they are evenly sampled, set data.time=null and data.sfreq"
        )
    median = np.sort(steps)[(n_rows - 2) // 2]  # the lower of two: a mean of a step and a gap is neither
    near = steps[np.abs(steps / median - 1) < 0.5]
    rate = _roundest(float(near.mean()), n_rows)
    step = 1 / (rate if sfreq is None else sfreq)
    n_wanted = (times[-1] - times[0]) / step + 1
    if n_wanted > MOST_SAMPLES_A_ROW * n_rows:
        far = int(steps.argmax())
        raise EegdaeError(
            f"{where}: {n_rows} rows would become {n_wanted:.3g} samples at {1 / step:g} Hz, above "
            f"{MOST_SAMPLES_A_ROW} a row; the widest gap is {steps[far]:g} s after row {rows[far]}: cut "
            "the file there, or set data.sfreq lower"
        )
    places = (times - times[0]) / step
    places -= np.angle(np.exp(2j * np.pi * places).mean()) / (2 * np.pi)
    slots = np.floor(places + 0.5).astype(np.int64)
    order = np.lexsort((np.abs(places - slots), slots))
    is_kept = np.zeros(n_rows, dtype=bool)
    is_kept[order[np.r_[True, np.diff(slots[order]) > 0]]] = True
    slots -= slots[0]
    n_lost = int(n_rows - is_kept.sum())
    if n_lost > _MOST_LOST * n_rows:
        raise EegdaeError(
            f"{where}: a grid of {1 / step:g} Hz would leave out {n_lost} of {n_rows} rows, for the median "
            f"step is {1 / rate:g} s; set data.sfreq higher, and data.prepare.sfreq to the rate that you want"
        )
    if n_lost:
        _LOG.warning("%s: %d of %d rows left out, others are nearer", where, n_lost, n_rows)
    return Grid(1 / step if sfreq is None else float(sfreq), slots, is_kept, int(slots[-1]) + 1)


def _roundest(step: float, n_rows: int) -> float:
    """Give the rate of the fewest digits, in hertz or as a step in seconds, that does not drift."""
    most = min(0.25 / n_rows, 1e-4)
    for digits in range(15):
        for rate in (float(f"{1 / step:.{digits}e}"), 1 / float(f"{step:.{digits}e}")):
            if abs(rate * step - 1) <= most:
                return rate
    return 1 / step
