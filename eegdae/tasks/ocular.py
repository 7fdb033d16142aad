"""What the correction of ocular artefacts found, kept in the run folder and read for the report."""

from __future__ import annotations

from dataclasses import replace

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
    data: Data, windows: Windows, recipe: Recipe, *, n_folds: int
) -> tuple[Data, Windows, OcularFilter | None]:
    """Correct all windows by what all of them show, for the model that the run leaves and for its report.

    Parameters
    ----------
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
        These, re-centred where that is asked for.
    ocular : OcularFilter or None
        None where nothing is corrected: then all is as it was given.
    """
    rows = np.arange(len(windows))
    data, ocular = cleaned(data, rows, recipe, fold=n_folds, name="final model")
    if ocular is None or data.recorded is None:
        return data, windows, None
    return data, recentre(ocular.transform(data.recorded), recipe.alignment), ocular


def with_ocular_notes(windows: Windows, run: RunFolder, n_folds: int) -> Windows:
    """Add what every fold and the final model found to the notes of the windows.

    Parameters
    ----------
    windows : Windows
        All of them.
    run : RunFolder
        Of the run, all of it done but the report.
    n_folds : int
        How many there were.

    Returns
    -------
    Windows
        With the notes as they were where nothing was corrected.
    """
    places = {**{f"fold {k + 1}": f"folds/{k}" for k in range(n_folds)}, "final model": "."}
    notes = []
    for name, place in places.items():
        if run.exists(f"{place}/ocular.json"):
            found = read_json(run.path / place / "ocular.json")
            notes.append(f"ocular artefacts, {name}: {'; '.join([found['summary'], *found['notes']])}")
    return replace(windows, notes=(*windows.notes, *notes))
