"""From samples with time stamps to a grid of constant rate: what streams lost on the way becomes a gap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError

_BREAK_S = 1.0
"""Longer steps in time are gaps (or than two samples, below 2 Hz), shorter ones jitter."""
_MOST_GAPS = 0.95
"""A grid that holds a larger share of gaps comes from time stamps that cannot be right."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the samples of a stream lie on a grid of constant rate.

    Parameters
    ----------
    index : ndarray of int64, shape (n_samples,)
        Place of each sample, rising from 0.
    stamps : ndarray of float64, shape (n_samples,)
        Their time stamps in seconds.
    measured : float
        Rate in hertz that the stamps tell, without the gaps; the given one where they tell none.
    """

    index: NDArray[np.int64]
    stamps: NDArray[np.float64]
    measured: float

    @property
    def n_times(self) -> int:
        """Places on the grid."""
        return int(self.index[-1]) + 1

    def lay(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Lay samples on the grid.

        Parameters
        ----------
        values : ndarray of float64, shape (n_samples, n_chans)
            In the order of ``index``; of two in one place the later one stays.

        Returns
        -------
        ndarray of float64, shape (n_chans, n_times)
            NaN where there is none.
        """
        laid = np.full((values.shape[1], self.n_times), np.nan)
        laid[:, self.index] = values.T
        return laid

    def nearest(self, times: NDArray[np.float64]) -> NDArray[np.int64]:
        """Give the places of events: that of the sample nearest in time, inside a gap in proportion.

        Parameters
        ----------
        times : ndarray of float64, shape (n_events,)
            In seconds, of the clock of ``stamps``.

        Returns
        -------
        ndarray of int64, shape (n_events,)
            -1 for those more than one sample before the first or after the last sample.
        """
        places = np.rint(np.interp(times, self.stamps, self.index)).astype(np.int64)
        outside = (times < self.stamps[0] - 1 / self.measured) | (times > self.stamps[-1] + 1 / self.measured)
        return np.where(outside, -1, places)


def regular_grid(stamps: NDArray[np.float64], sfreq: float, *, where: str) -> Grid:
    """Place the samples of a stream of constant rate: one after the other, but for gaps above a second.

    Inside a stretch without gaps the order counts and not the time stamp, which jitters and whose clock may
    be a little faster or slower than the rate that the stream claims.

    Parameters
    ----------
    stamps : ndarray of float64, shape (n_samples,)
        In seconds.
    sfreq : float
        Rate in hertz that the stream claims.
    where : str
        What an error begins with.

    Returns
    -------
    Grid
        Its ``measured`` is the mean over the stretches, weighted by their length.

    Raises
    ------
    EegdaeError
        If stamps are not finite, go back in time by more than jitter, or leave next to nothing but gaps.
    """
    steps, limit = _steps(stamps, where), max(_BREAK_S, 2 / sfreq)
    if (steps < -limit).any():
        at = int((steps < -limit).argmax())
        raise EegdaeError(
            f"{where}: goes back in time by {-steps[at]:.3g} s after sample {at}; cut the recording there"
        )
    breaks = np.flatnonzero(steps > limit)
    seconds = float(stamps[-1] - stamps[0] - steps[breaks].sum()) if len(stamps) > 1 else 0.0
    counted = len(steps) - len(breaks)
    measured = counted / seconds if counted and seconds > 0 else sfreq
    missing = np.zeros(len(stamps))
    missing[breaks + 1] = np.maximum(np.rint(steps[breaks] * measured), 1) - 1
    return _grid(np.arange(len(stamps), dtype=np.float64) + np.cumsum(missing), stamps, measured, where)


def grid_by_time(stamps: NDArray[np.float64], sfreq: float, *, where: str) -> Grid:
    """Place each sample at the nearest point of the grid: for streams without a constant rate.

    Parameters
    ----------
    stamps : ndarray of float64, shape (n_samples,)
        In seconds, not falling.
    sfreq : float
        Rate of the grid in hertz.
    where : str
        What an error begins with.

    Returns
    -------
    Grid
        Its ``measured`` is ``sfreq``.

    Raises
    ------
    EegdaeError
        If stamps are not finite, fall, or leave next to nothing but gaps.
    """
    steps = _steps(stamps, where)
    if (steps < 0).any():
        at = int((steps < 0).argmax())
        raise EegdaeError(f"{where}: goes back in time by {-steps[at]:.3g} s after sample {at}")
    return _grid(np.rint((stamps - stamps[0]) * sfreq), stamps, sfreq, where)


def _steps(stamps: NDArray[np.float64], where: str) -> NDArray[np.float64]:
    if not len(stamps):
        raise EegdaeError(f"{where}: holds no samples")
    if not np.isfinite(stamps).all():
        raise EegdaeError(
            f"{where}: the time stamp of sample {int((~np.isfinite(stamps)).argmax())} is no time"
        )
    with np.errstate(over="ignore"):
        return np.diff(stamps)


def _grid(index: NDArray[np.float64], stamps: NDArray[np.float64], measured: float, where: str) -> Grid:
    length = float(index[-1]) + 1
    if len(stamps) < (1 - _MOST_GAPS) * length:
        raise EegdaeError(
            f"{where}: {len(stamps)} samples on {length:.4g} points of the grid: more than "
            f"{_MOST_GAPS:.0%} of it would be gaps; its time stamps are damaged, or its parts are to be cut"
        )
    return Grid(index.astype(np.int64), stamps, measured)
