"""``search.json``, which a search leaves in its folder: what was tried, with which values."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from eegdae.errors import EegdaeError, one_line


@dataclass(frozen=True, eq=False)
class SearchRecord:
    """A search as its file tells it.

    Parameters
    ----------
    study : str
        Its name.
    objectives : list of str
        What was optimised.
    maximize : list of bool
        A direction each.
    states : dict of str to int
        State in small letters -> number of trials.
    parameters : DataFrame
        A row a trial with values, a column a parameter.
    values : DataFrame
        The same rows, a column an objective.
    """

    study: str
    objectives: list[str]
    maximize: list[bool]
    states: dict[str, int]
    parameters: pd.DataFrame
    values: pd.DataFrame


def read_search(folder: Path) -> SearchRecord | None:
    """Read the search of a folder.

    Parameters
    ----------
    folder : Path
        Of the sweep.

    Returns
    -------
    SearchRecord or None
        None where there was none.

    Raises
    ------
    EegdaeError
        If the file is damaged.
    """
    file = folder / "search.json"
    if not file.exists():
        return None
    try:
        data = json.loads(file.read_bytes())
        trials = [trial for trial in data["trials"] if isinstance(trial, dict)]
        valued = [(dict(t.get("params") or {}), values) for t in trials if (values := _values(t))]
        n = max((len(values) for _, values in valued), default=1)
        objectives = [str(name) for name in _listed(data.get("objectives"))][:n]
        objectives += [f"value {k}" for k in range(len(objectives), n)]
        directions = _listed(data.get("direction") or data.get("directions"))
        maximize = [
            "min" not in str(directions[k]).lower() if k < len(directions) else True for k in range(n)
        ]
        states = Counter(str(trial.get("state", "unknown")).rpartition(".")[2].lower() for trial in trials)
        names = list(dict.fromkeys(name for params, _ in valued for name in params))
        rows = [{name: _plain(params.get(name)) for name in names} for params, _ in valued]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EegdaeError(f"{file.name}: damaged: {one_line(error, 1000)}") from error
    return SearchRecord(
        study=str(data.get("study", "")),
        objectives=objectives,
        maximize=maximize,
        states=dict(states),
        parameters=pd.DataFrame(rows, columns=names, dtype=object),
        values=pd.DataFrame(
            [values + [None] * (n - len(values)) for _, values in valued], columns=objectives
        ).astype(float),
    )


def _values(trial: dict[str, Any]) -> list[float | None]:
    values = _listed(trial.get("values", trial.get("value")))
    return [float(value) if isinstance(value, int | float) else None for value in values]


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | str | bool | None) else json.dumps(value)
