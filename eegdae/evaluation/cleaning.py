"""The first step of a fold: ocular artefacts, corrected by what the training rows show of them."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from eegdae.evaluation.recipe import Data, Recipe
from eegdae.features import compute_views
from eegdae.ocular import OcularFilter
from eegdae.randomness import library_seed
from eegdae.recentring import Recentring

log = logging.getLogger("eegdae")


def cleaned(
    data: Data, rows: NDArray[np.int64], recipe: Recipe, *, fold: int, name: str = ""
) -> tuple[Data, OcularFilter | None]:
    """Correct the signals of all rows by a filter fitted on some, and compute the views of that.

    Parameters
    ----------
    data : Data
        All rows; without ``recorded`` there is nothing to correct.
    rows : ndarray of int
        Training rows; the filter is fitted on no other.
    recipe : Recipe
        How; signals are re-centred after they were corrected.
    fold : int
        What the random draws depend on.
    name : str
        What the fold is called on the screen.

    Returns
    -------
    data : Data
        With the features of the corrected windows; the same object where nothing is corrected.
    ocular : OcularFilter or None
        What they were corrected by.

    Raises
    ------
    EegdaeError
        If the correction cannot be fitted on these rows, or a view not be computed.
    """
    if data.recorded is None or recipe.ocular is None:
        return data, None
    ocular = OcularFilter.fit(
        recipe.ocular, data.recorded, rows, seed=library_seed(recipe.seed, fold, "ocular")
    )
    for line in (ocular.found["summary"], *ocular.found["notes"]):
        log.info(f"ocular: {name or f'fold {fold + 1}'}: {line}")
    windows = ocular.transform(data.recorded)
    windows = Recentring.fit(windows, recipe.alignment).transform(windows)
    return replace(data, features=compute_views(windows, recipe.views)), ocular
