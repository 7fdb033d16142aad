"""People and sessions made alike: how (`AlignmentSpec`), and by shift and scale of features (`Alignment`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.evaluation.splits import group_labels
from eegdae.scaling import Scaler

OF_SIGNALS = ("euclidean", "riemann")
"""Alignments of the windows' signals, before any view is computed: see `eegdae.recentring`."""
ALIGNMENTS = ("none", "zscore", *OF_SIGNALS)
"""Names of all alignments."""
ALIGNED_BY = ("subject", "session")
"""What may be aligned to all others."""


@dataclass(frozen=True)
class AlignmentSpec:
    """How people or sessions are aligned, each by its own windows, unlabelled.

    A window then depends on other windows of its group, also on those that are tested: transductive. With
    ``n_windows`` a group is aligned by its first windows alone, its calibration, and judged on the others.

    Parameters
    ----------
    kind : str
        ``none``; ``zscore``, mean 0 and sd 1 of a group's features (`Alignment`); ``euclidean`` or
        ``riemann``, the mean covariance of a group's signals becomes the identity (`Recentring`).
    by : str
        What is a group: ``subject`` or ``session``.
    n_windows : int or None
        Windows of a group that it is aligned by, the first in their order; None = all.

    Raises
    ------
    EegdaeError
        If a name is unknown or the number is not possible.
    """

    kind: str = "none"
    by: str = "subject"
    n_windows: int | None = None

    def __post_init__(self) -> None:
        _check_kind(self.kind)
        if self.by not in ALIGNED_BY:
            raise EegdaeError(
                f"alignment.by={self.by!r}: not known; {did_you_mean(str(self.by), ALIGNED_BY)}"
            )
        n = self.n_windows
        if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 1):
            raise EegdaeError(
                f"alignment.n_windows={n!r}: must be a whole number, 1 or more, or null for all windows"
            )

    @property
    def is_of_signals(self) -> bool:
        """Whether signals are aligned, not features."""
        return self.kind in OF_SIGNALS

    @property
    def note(self) -> str:
        """What must be said beside a figure; empty where nothing is aligned."""
        if self.kind == "none":
            return ""
        n = self.n_windows
        return "transductive" if n is None else f"transductive, first {n} window{'s' * (n > 1)}"

    def groups(self, metadata: pd.DataFrame) -> NDArray[Any]:
        """Name the group of every window: ndarray of str, shape (n_windows,)."""
        return group_labels(metadata, self.by)

    def calibration(self, groups: NDArray[Any]) -> NDArray[np.bool_]:
        """Find the windows that are used up by a calibration, so that they are not judged.

        Parameters
        ----------
        groups : ndarray of str, shape (n_windows,)
            Of `groups`.

        Returns
        -------
        ndarray of bool, shape (n_windows,)
            True for the first ``n_windows`` of each group; nowhere without an alignment or a number.

        Raises
        ------
        EegdaeError
            If a group has no window beyond these.
        """
        used = np.zeros(len(groups), dtype=bool)
        if self.kind == "none" or self.n_windows is None or not len(groups):
            return used
        found = rows_of(groups)
        name, least = _fewest(found)
        if least <= self.n_windows:
            raise EegdaeError(
                f"alignment.n_windows={self.n_windows}: leaves none of the {least} windows of {told(name)} "
                f"to judge; give {least - 1} or less, or null for all"
            )
        for rows in found.values():
            used[rows[: self.n_windows]] = True
        return used


@dataclass(frozen=True, eq=False)
class Alignment:
    """Shift and scale of each group's features, from rows of that group alone, unlabelled.

    Parameters
    ----------
    scalers : mapping of str to Scaler
        By group; empty where features are not aligned.
    """

    scalers: Mapping[str, Scaler]

    @classmethod
    def fit(
        cls,
        x: Tensor,
        groups: NDArray[Any],
        kind: str,
        *,
        n_windows: int | None = None,
        n_groups: int | None = None,
        observed: Tensor | None = None,
    ) -> Alignment:
        """Fit an alignment on the very rows that it is for.

        Parameters
        ----------
        x : Tensor, shape (n_rows, n_features)
            All rows of every group.
        groups : ndarray of str, shape (n_rows,)
            Whose row it is.
        kind : str
            ``zscore``: mean 0 and sd 1 of each group's features; the other kinds leave features alone.
        n_windows : int or None
            Rows of a group to fit on, its first; None = all.
        n_groups, observed
            As in `Scaler.fit`.

        Returns
        -------
        Alignment
            Fitted.

        Raises
        ------
        EegdaeError
            If the kind is unknown, or a group has fewer rows.
        """
        _check_kind(kind)
        scalers = {}
        for name, rows in first_rows(groups, n_windows).items() if kind == "zscore" else ():
            seen = None if observed is None else observed[rows]
            scalers[name] = Scaler.fit(x[rows], "standard", n_groups=n_groups, observed=seen)
        return cls(scalers)

    def transform(self, x: Tensor, groups: NDArray[Any], observed: Tensor | None = None) -> Tensor:
        """Align rows, shape (n_rows, n_features); a feature that is constant within a group becomes 0."""
        if not self.scalers:
            return x
        aligned = torch.empty_like(x)
        for name, rows in rows_of(groups).items():
            seen = None if observed is None else observed[rows]
            aligned[rows] = self.scalers[name].transform(x[rows], seen)
        return aligned

    def inverse_transform(self, x: Tensor, groups: NDArray[Any]) -> Tensor:
        """Bring aligned rows back to the unit of the features, shape (n_rows, n_features)."""
        if not self.scalers:
            return x
        back = torch.empty_like(x)
        for name, rows in rows_of(groups).items():
            back[rows] = self.scalers[name].inverse_transform(x[rows])
        return back


def rows_of(groups: NDArray[Any]) -> dict[str, NDArray[np.int64]]:
    """Rows of each group, ascending; groups in the order in which they first appear."""
    return {str(name): np.flatnonzero(groups == name) for name in dict.fromkeys(groups.tolist())}


def first_rows(groups: NDArray[Any], n_windows: int | None) -> dict[str, NDArray[np.int64]]:
    """Rows that each group is aligned by: the first ones, or all.

    Parameters
    ----------
    groups : ndarray of str, shape (n_rows,)
        Whose row it is.
    n_windows : int or None
        How many of each; None = all.

    Returns
    -------
    dict of str to ndarray of int
        By group, in the order of the rows: recordings as they were read, each in time.

    Raises
    ------
    EegdaeError
        If a group has fewer.
    """
    found = rows_of(groups)
    name, least = _fewest(found)
    if n_windows is not None and found and least < n_windows:
        raise EegdaeError(
            f"alignment.n_windows={n_windows}: {told(name)} has {least} windows; give {least} or less, "
            "or null for all"
        )
    return {name: rows[:n_windows] for name, rows in found.items()}


def told(group: str) -> str:
    """Quote the name of a group for an error, without the parts that are empty."""
    return repr(re.sub("/+", "/", group).strip("/"))


def _fewest(rows: Mapping[str, NDArray[np.int64]]) -> tuple[str, int]:
    """Name the group with the fewest rows, and their number."""
    return min(((name, len(found)) for name, found in rows.items()), key=lambda one: one[1], default=("", 0))


def _check_kind(kind: str) -> None:
    if kind not in ALIGNMENTS:
        raise EegdaeError(f"alignment={kind!r}: no such alignment; {did_you_mean(str(kind), ALIGNMENTS)}")
