"""What the correction of ocular artefacts found, kept in the run folder and read for the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from eegdae.evaluation.cleaning import cleaned
from eegdae.evaluation.recipe import Data, Recipe
from eegdae.ocular import OcularFilter
from eegdae.run import RunFolder, read_json
from eegdae.tasks.prepare import recentre
from eegdae.windows import Windows


def keep_ocular(run: RunFolder, name: str, ocular: OcularFilter | None) -> None:
    """Write what was found into a folder of the run; nothing where nothing is corrected.

    Parameters
    ----------
    run : RunFolder
        Of the run.
    name : str
        ``folds/K``, or ``.`` for the final model.
    ocular : OcularFilter or None
        Fitted.
    """
    if ocular:
        run.write_json(f"{name}/ocular.json", ocular.found)


def final_correction(
    run: RunFolder, data: Data, windows: Windows, recipe: Recipe, *, n_folds: int
) -> tuple[Data, Windows, OcularFilter | None]:
    """Correct all windows by what all of them show, for the model that the run leaves and for its report.

    Parameters
    ----------
    run : RunFolder
        Of the run, its folds done.
    data : Data
        All rows.
    windows : Windows
        Of `before_folds`.
    recipe : Recipe
        How.
    n_folds : int
        How many there were.

    Returns
    -------
    data : Data
        With the views of the corrected windows.
    windows : Windows
        These, re-centred where that is asked for; what every fold found stands in their notes.
    ocular : OcularFilter or None
        None where nothing is corrected: then all is as it was given.
    """
    rows = np.arange(len(windows))
    data, ocular = cleaned(data, rows, recipe, fold=n_folds, name="final model")
    if ocular is None or data.recorded is None:
        return data, windows, None
    keep_ocular(run, ".", ocular)
    windows = recentre(ocular.transform(data.recorded), recipe.alignment)
    notes = [_told(f"fold {k + 1}", read_json(run.path / f"folds/{k}/ocular.json")) for k in range(n_folds)]
    notes.append(_told("final model", ocular.found))
    return data, replace(windows, notes=(*windows.notes, *notes)), ocular


def _told(what: str, found: Mapping[str, Any]) -> str:
    return f"ocular artefacts, {what}: {'; '.join([found['summary'], *found['notes']])}"
