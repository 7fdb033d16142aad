"""What the runs of a sweep say about its settings: means over seeds and groups, differences to level 0."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from eegdae.evaluation.metrics import interval, paired_difference
from eegdae.evaluation.multiplicity import holm

LEVEL = "corruption.level"
SNR = "corruption.snr_db"
"""Says the level in decibel, for corruptions that take one."""

_NO_SETTING = (
    "seed",
    "resume",
    "debug",
    "paths",
    "prepare",
    "hydra",
    "logger",
    "report",
    "sweep",
    "search",
)
_NUMBERS = ("mean", "low", "high", "difference", "difference_low", "difference_high", "p", "reference")


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
        high`` (see `interval`), ``reference`` (mean at level 0), ``difference difference_low difference_high
        p`` (see `paired_difference`; NaN for level 0 itself), ``p_holm`` (`holm` over the settings tested),
        ``against``: ``level 0`` (of the same other settings, and where there is none, of another corruption,
        as level 0 changes nothing in any), or ``own autoencoder`` where no run of the sweep stands there.
    """
    settings = {}
    for setting, rows in figures.groupby([*keys], sort=False, dropna=False):
        settings[setting] = rows, rows.groupby("group", sort=False)["value"].mean()
    # NaN, where a key is missing, is not equal to itself: settings are compared as text
    at_level_0: dict[tuple[str, ...], pd.Series[Any]] = {}
    for setting, (rows, value) in settings.items():
        if (rows[LEVEL] == 0).all():
            at_level_0[_others(keys, setting)] = value
            at_level_0.setdefault(_others(keys, setting, of_any_kind=True), value)
    table = []
    for setting, (rows, value) in settings.items():
        row: dict[str, Any] = dict(zip(keys, setting, strict=True))
        row |= {"kind": rows["kind"].iloc[0], "n_runs": rows["run"].nunique(), "n_groups": len(value)}
        row |= interval(value.to_numpy(float))
        row |= dict.fromkeys(("difference", "difference_low", "difference_high", "p")) | {"against": ""}
        row["reference"] = row["mean"]
        if not (rows[LEVEL] == 0).all():
            level_0 = at_level_0.get(_others(keys, setting))
            if level_0 is None:
                level_0 = at_level_0.get(_others(keys, setting, of_any_kind=True))
            row["against"] = "level 0" if level_0 is not None else "own autoencoder"
            other = rows.groupby("group", sort=False)["reference"].mean() if level_0 is None else level_0
            both = value.index.intersection(other.index)
            found = paired_difference(value[both].to_numpy(float), other[both].to_numpy(float))
            row |= {
                "reference": other.mean(),
                "difference": found["mean"],
                "difference_low": found["low"],
                "difference_high": found["high"],
                "p": found["p"],
            }
        table.append(row)
    result = pd.DataFrame(table).astype(dict.fromkeys(_NUMBERS, np.float64))
    result.insert(list(result.columns).index("p") + 1, "p_holm", holm(result["p"].to_numpy(float)))
    return result


def curve_key(table: pd.DataFrame, keys: Sequence[str]) -> str | None:
    """Say which key is the axis of the noise-level curve.

    Parameters
    ----------
    table : DataFrame
        Of `setting_table`.
    keys : sequence of str
        What makes a setting.

    Returns
    -------
    str or None
        The level, or the ratio in decibel; None where neither is swept.
    """
    return next((key for key in (LEVEL, SNR) if key in keys and table[key].nunique() > 1), None)


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
        Columns ``corruption setting representation level mean low high reference``, for
        `eegdae.reporting.figures_sweep.noise_curve`; ``setting`` tells the other swept keys. Empty where
        the level is not swept.
    """
    axis = curve_key(table, keys)
    columns = ["corruption", "setting", "representation", "level", "mean", "low", "high", "reference"]
    if axis is None:
        return pd.DataFrame(columns=columns)
    others = other_keys(table, keys, axis)
    rows = [
        {
            "corruption": row["kind"],
            "setting": ", ".join(f"{key}={row[key]}" for key in others),
            "representation": "codes",
            "level": float(row[axis]),
            **{name: row[name] for name in ("mean", "low", "high", "reference")},
        }
        for row in table[table[axis].notna()].to_dict("records")
    ]
    return only_lines(pd.DataFrame(rows, columns=columns))


def only_lines(curve: pd.DataFrame) -> pd.DataFrame:
    """Leave out what stands at one level only: of a search, whose every trial has its own, nothing remains.

    Parameters
    ----------
    curve : DataFrame
        Columns ``corruption setting level`` and others.

    Returns
    -------
    DataFrame
    """
    n_levels = curve.groupby(["corruption", "setting"], sort=False)["level"].transform("nunique")
    return curve[n_levels > 1].reset_index(drop=True)


def other_keys(table: pd.DataFrame, keys: Sequence[str], axis: str) -> list[str]:
    """List the swept keys that tell lines of one corruption apart.

    Parameters
    ----------
    table : DataFrame
        Of `setting_table`.
    keys : sequence of str
        What makes a setting.
    axis : str
        The key that a line runs along.

    Returns
    -------
    list of str
        Neither the axis, nor the kind, nor keys of which each corruption of the table has one value.
    """
    return [
        key
        for key in keys
        if key != axis
        and not key.endswith("._target_")
        and any(rows[key].nunique(dropna=False) > 1 for _, rows in table.groupby("kind", sort=False))
    ]


def _leaves(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _follows(values: Sequence[Hashable], other: Sequence[Hashable]) -> bool:
    """Tell whether the other key alone says which value this one has."""
    return len(set(zip(other, values, strict=True))) == len(set(other))


def _others(keys: Sequence[str], setting: Sequence[Any], *, of_any_kind: bool = False) -> tuple[str, ...]:
    """Make a key of what a setting is besides its level, and besides its corruption."""
    left_out = "corruption." if of_any_kind else LEVEL
    return (
        str(of_any_kind),
        *(str(v) for k, v in zip(keys, setting, strict=True) if not k.startswith(left_out)),
    )
