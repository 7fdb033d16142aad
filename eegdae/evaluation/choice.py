"""Choosing a setting by validation, over the whole sweep and anew in each fold."""

from __future__ import annotations

import pandas as pd


def choose(validation: pd.DataFrame) -> int | None:
    """Choose the setting with the best mean validation figure.

    Parameters
    ----------
    validation : DataFrame
        A row a run: ``setting`` (number) and ``value`` (higher is better; NaN = none).

    Returns
    -------
    int or None
        The first of the best; None where there is no row or any run lacks its figure: then the settings
        cannot be compared.
    """
    if validation.empty or validation["value"].isna().any():
        return None
    means = validation.groupby("setting")["value"].mean()
    return int(str(means.idxmax()))


def choose_by_fold(validation: pd.DataFrame) -> dict[int, int] | None:
    """Choose in each fold the setting with the best mean validation figure of that fold.

    A fold's validation figure comes from its training rows alone, so what is chosen has not seen its test
    rows: their figures, taken over all folds, say how good "sweep, then choose" is.

    Parameters
    ----------
    validation : DataFrame
        A row a run and fold: ``fold``, ``setting`` (numbers) and ``value`` (higher is better; NaN = none).

    Returns
    -------
    dict of int to int or None
        Fold -> setting; None where a fold cannot choose, see `choose`.
    """
    chosen = {
        int(str(fold)): choose(rows) for fold, rows in validation.groupby("fold", sort=True, dropna=False)
    }
    found = {fold: setting for fold, setting in chosen.items() if setting is not None}
    return found if found and len(found) == len(chosen) else None
