"""What the runs of a sweep say about its settings: means over seeds and groups, differences to level 0."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from eegdae.evaluation.metrics import interval, paired_difference

LEVEL = "corruption.level"
_NO_SETTING = ("seed", "resume", "debug", "report", "paths", "prepare", "hydra", "logger", "sweep")


def flat_config(config: Mapping[str, Any]) -> dict[str, Hashable]:
    """Lay a configuration out by dotted key.

    Parameters
    ----------
    config : mapping
        Of a run, plain Python.

    Returns
    -------
    dict of str to value
        Lists as text; without the seed and what does not decide a result.
    """
    return {
        key: value if isinstance(value, Hashable) else str(value)
        for key, value in _leaves(config, "")
        if key.partition(".")[0] not in _NO_SETTING
    }


def swept_keys(configs: Sequence[Mapping[str, Hashable]]) -> list[str]:
    """Find the keys that tell the settings of a sweep apart.

    A choice of a group (``data=scp1``) changes many keys at once: of those that follow from another key of
    their group, or from the name of the run, one is kept. The level is always kept where it differs.

    Parameters
    ----------
    configs : sequence of mapping
        Of `flat_config`.

    Returns
    -------
    list of str
        In the order of the configuration; the level alone where nothing differs.
    """
    every = dict.fromkeys(key for config in configs for key in config)
    column = {key: [config.get(key) for config in configs] for key in every}
    kept: list[str] = []
    for key, values in column.items():
        if len(set(values)) == 1:
            continue
        group = key.partition(".")[0]
        rivals = [k for k in kept if k == "name" or k.partition(".")[0] == group]
        if key == LEVEL or not any(_follows(values, column[rival]) for rival in rivals):
            kept.append(key)
    return kept or [LEVEL]


def setting_table(figures: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Judge every setting over its seeds and groups, and against level 0 of the same other settings.

    Figures of one group are averaged over the runs of a setting first: the group is the unit of statistics.

    Parameters
    ----------
    figures : DataFrame
        One row a run and group: ``keys``, the level, ``kind`` (of corruption), ``run``, ``group``, ``value``
        (of the codes) and ``reference`` (of the same run's own network at level 0).
    keys : sequence of str
        What makes a setting.

    Returns
    -------
    DataFrame
        One row a setting, in the order of the runs: ``keys``, ``kind``, ``n_runs`` ``n_groups``, ``mean low
        high`` (see `interval`), ``difference difference_low difference_high p`` (see `paired_difference`; NaN
        for level 0 itself) and ``against``: ``level 0``, or ``own autoencoder`` where no run of the sweep
        stands at level 0 beside the setting.
    """
    settings = {}
    for setting, rows in figures.groupby([*keys], sort=False, dropna=False):
        settings[setting] = rows, rows.groupby("group", sort=False)["value"].mean()
    # NaN, where a key is missing, is not equal to itself: settings are compared as text
    at_level_0 = {
        _others(keys, setting): value
        for setting, (rows, value) in settings.items()
        if (rows[LEVEL] == 0).all()
    }
    table = []
    for setting, (rows, value) in settings.items():
        row: dict[str, Any] = dict(zip(keys, setting, strict=True))
        row |= {"kind": rows["kind"].iloc[0], "n_runs": rows["run"].nunique(), "n_groups": len(value)}
        row |= interval(value.to_numpy(float))
        row |= dict.fromkeys(("difference", "difference_low", "difference_high", "p")) | {"against": ""}
        if not (rows[LEVEL] == 0).all():
            level_0 = at_level_0.get(_others(keys, setting))
            row["against"] = "level 0" if level_0 is not None else "own autoencoder"
            other = rows.groupby("group", sort=False)["reference"].mean() if level_0 is None else level_0
            both = value.index.intersection(other.index)
            found = paired_difference(value[both].to_numpy(float), other[both].to_numpy(float))
            row |= {
                "difference": found["mean"],
                "difference_low": found["low"],
                "difference_high": found["high"],
                "p": found["p"],
            }
        table.append(row)
    numbers = ("mean", "low", "high", "difference", "difference_low", "difference_high", "p")
    return pd.DataFrame(table).astype(dict.fromkeys(numbers, np.float64))


def level_curve(table: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Take the noise-level curve out of a table of settings.

    Parameters
    ----------
    table : DataFrame
        Of `setting_table`.
    keys : sequence of str
        What makes a setting.

    Returns
    -------
    DataFrame
        Columns ``corruption representation level mean low high``, for
        `eegdae.reporting.figures_scores.noise_curve`; the other swept keys stand with the corruption. Empty
        where the level is not swept.
    """
    columns = ["corruption", "representation", "level", "mean", "low", "high"]
    if LEVEL not in keys or table[LEVEL].nunique() < 2:
        return pd.DataFrame(columns=columns)
    others = [key for key in keys if key != LEVEL and not key.endswith("._target_")]
    rows = [
        {
            "corruption": ", ".join([row["kind"], *(f"{key}={row[key]}" for key in others)]),
            "representation": "codes",
            "level": row[LEVEL],
            **{name: row[name] for name in ("mean", "low", "high")},
        }
        for row in table.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=columns)


def _leaves(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _follows(values: Sequence[Hashable], other: Sequence[Hashable]) -> bool:
    """Tell whether the other key alone says which value this one has."""
    return len(set(zip(other, values, strict=True))) == len(set(other))


def _others(keys: Sequence[str], setting: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(value) for key, value in zip(keys, setting, strict=True) if key != LEVEL)
