"""What a fold leaves in the run folder: codes, predictions, heads, reconstructions, losses."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from eegdae.evaluation.judge import Verdict
from eegdae.evaluation.splits import group_labels
from eegdae.run import RunFolder
from eegdae.tangent_space import TangentSpace
from eegdae.tasks.ocular import keep_ocular
from eegdae.tasks.reconstructions import keep_reconstructions
from eegdae.tasks.settings import Settings
from eegdae.tasks.work import Work

log = logging.getLogger("eegdae")


def has_fold(run: RunFolder, number: int) -> bool:
    """Whether a fold is done: its predictions are what is written last."""
    return run.exists(f"folds/{number}/predictions.csv")


def keep_fold(run: RunFolder, work: Work, settings: Settings, number: int, verdict: Verdict) -> None:
    """Write what a fold found, and say how well its codes did.

    Parameters
    ----------
    run : RunFolder
        Of the run.
    work : Work
        With the fold.
    settings : Settings
        Of the run.
    number : int
        Of the fold.
    verdict : Verdict
        Of its test rows.
    """
    name, fold, windows, data = f"folds/{number}", work.folds[number], work.windows, work.data
    table = windows.metadata.iloc[fold.test].reset_index(drop=True)
    table.insert(0, "row", fold.test)
    table.insert(1, "group", unit_of(windows.metadata)[fold.test])
    names = [f"{representation}|{label}" for representation in verdict.proba for label in windows.classes]
    proba = pd.DataFrame(np.hstack([np.empty((len(table), 0)), *verdict.proba.values()]), columns=names)
    table = pd.concat([table, proba], axis=1)
    run.write_npz(f"{name}/codes.npz", codes=verdict.codes, rows=fold.test, train_rows=fold.train)
    run.write_csv(f"{name}/history.csv", pd.DataFrame(verdict.history))
    run.write_json(f"{name}/heads.json", {"C": verdict.penalties, "validation": verdict.validation})
    keep_ocular(run, name, verdict.ocular)
    if verdict.committee:
        run.write_json(f"{name}/committee.json", verdict.committee.summary())
    keep_subspaces(run, name, verdict.projections, settings)
    keep_reconstructions(run, name, verdict.reconstructions)
    run.write_csv(f"{name}/predictions.csv", table)
    tested = [re.sub("/+", "/", group).strip("/") or "all" for group in fold.test_groups]
    groups = ", ".join(tested[:4]) + (" ..." if len(tested) > 4 else "")
    if data.n_classes:
        right = float(np.mean(verdict.proba["codes"].argmax(1) == data.target[fold.test]))
        said = f"{right:.3f} of {len(fold.test)} windows right"
    else:
        said = f"{len(fold.test)} windows brought back"
    log.info(f"fold {number + 1}/{len(work.folds)}: tested {groups}: {said}")


def keep_subspaces(
    run: RunFolder, name: str, projections: Mapping[str, TangentSpace], settings: Settings
) -> dict[str, dict[str, dict[str, int]]]:
    """Write rank and dimensions of every view that is projected, band by band, into a folder of the run."""
    found = {
        view.name: {
            entry: {"rank": rank, "n_components": n}
            for entry, rank, n in zip(
                view.entries, projections[view.name].ranks, projections[view.name].n_components, strict=True
            )
        }
        for view in settings.recipe.views
        if view.name in projections
    }
    if found:
        run.write_json(f"{name}/subspaces.json", found)
    return found


def unit_of(metadata: pd.DataFrame) -> np.ndarray[Any, np.dtype[Any]]:
    """Name the unit of statistics of every row: the subject, else, for one subject, the whole set."""
    return group_labels(metadata, "subject")
