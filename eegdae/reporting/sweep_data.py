"""What the page of a sweep is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from eegdae.reporting.html import Table


@dataclass(frozen=True, kw_only=True, eq=False)
class SweepData:
    """What the page of a sweep shows; what is empty is left out.

    Parameters
    ----------
    title : str
    metric : str
        The first, which settings are compared by.
    keys : sequence of str
        Swept.
    table : DataFrame
        One row a setting: ``keys``, then ``n_runs``, ``mean`` ``low`` ``high`` of the metric, ``difference``
        ``difference_low`` ``difference_high`` to the same setting at level 0, ``p_holm``, and perhaps
        ``validation``. NaN where there is none.
    best : int or None
        Row of the best.
    answer, baselines : Table or None
    cautions, notes, left_out : sequence of str
        What must be said, what explains, and what does not count.
    curve : DataFrame
        Columns of `noise_curve`.
    errors : DataFrame
        One row a setting, view and way: ``keys``, ``n_runs``, ``view``, ``way``, ``mean`` ``low`` ``high``.
    error_curve : DataFrame
        Columns of `error_curves`.
    along : str
        What curves run along, see `noise_curve`.
    across : DataFrame
        A row a run: parameters and figures.
    values : sequence of (str, str, bool)
        Figures of ``across``: column, label with unit, whether more is better.
    importance : DataFrame
        Columns of `importance_bars`.
    importance_label, importance_note : str
    search : sequence of str
        What there is to say of a search.
    transductive : str
        What the figures owe to unlabelled test windows, said beside them; empty = none were used.
    """

    title: str
    metric: str
    keys: Sequence[str] = ()
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    best: int | None = None
    answer: Table | None = None
    baselines: Table | None = None
    cautions: Sequence[str] = ()
    notes: Sequence[str] = ()
    left_out: Sequence[str] = ()
    curve: pd.DataFrame = field(default_factory=pd.DataFrame)
    errors: pd.DataFrame = field(default_factory=pd.DataFrame)
    error_curve: pd.DataFrame = field(default_factory=pd.DataFrame)
    along: str = "level"
    across: pd.DataFrame = field(default_factory=pd.DataFrame)
    values: Sequence[tuple[str, str, bool]] = ()
    importance: pd.DataFrame = field(default_factory=pd.DataFrame)
    importance_label: str = ""
    importance_note: str = ""
    search: Sequence[str] = ()
    transductive: str = ""
