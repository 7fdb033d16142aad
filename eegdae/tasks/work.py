"""What a run works on: windows, features, folds; and what was done of it before the run began."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from eegdae.errors import EegdaeError
from eegdae.evaluation.recipe import Data, Recipe
from eegdae.evaluation.splits import Fold, audit_folds, group_labels, make_folds
from eegdae.run import RunFolder
from eegdae.tasks.prepare import before_folds, counted, load_windows, make_data
from eegdae.tasks.settings import Settings
from eegdae.windows import Windows

log = logging.getLogger("eegdae")


@dataclass(frozen=True, eq=False)
class Work:
    """What models are fitted and judged on: the same for all jobs of a sweep that read and split alike.

    Parameters
    ----------
    recorded, windows : Windows
        As they were recorded, and after what is the same in every fold was done to them.
    data : Data
        All rows.
    folds : list of Fold
        Empty where nothing is held out.
    by : str
        What a group of the split is.
    """

    recorded: Windows
    windows: Windows
    data: Data
    folds: list[Fold]
    by: str

    @cached_property
    def audit(self) -> list[dict[str, Any]]:
        """Who is trained on and who is tested in each fold, and that nothing is shared."""
        return audit_folds(self.windows.metadata, self.folds, by=self.by) if self.folds else []

    def keep_audit(self, run: RunFolder) -> None:
        """Write the audit into a run folder."""
        run.write_json("split_audit.json", {"by": self.by, "folds": self.audit})


def make_work(settings: Settings, config: Mapping[str, Any]) -> Work:
    """Read, cut, compute features and split.

    Parameters
    ----------
    settings : Settings
        Of the run.
    config : mapping
        Of the run, plain Python.

    Returns
    -------
    Work

    Raises
    ------
    EegdaeError
        What the user can mend.
    """
    recorded = load_windows(settings.data, settings.windows, config.get("prepare"))
    windows = before_folds(recorded, settings.recipe)
    data = make_data(windows, settings, recorded=recorded)
    by = settings.split.get("by", "subject")
    return Work(recorded, windows, data, _folds(windows, settings.split, settings.recipe, by), by)


def _folds(windows: Windows, split: Mapping[str, Any], recipe: Recipe, by: str) -> list[Fold]:
    """Make the folds; none where nothing is labelled and there is one group."""
    labelled = windows.metadata["target"].to_numpy() >= 0
    if not labelled.any():
        if len(set(group_labels(windows.metadata, by))) < 2:
            log.info(f"split: one group by {by}, so nothing is held out")
            return []
        labelled[:] = True  # no classes: what is judged is reconstruction, of all rows
    folds = make_folds(windows.metadata[labelled], **split)
    rows = np.flatnonzero(labelled)
    # windows that a calibration used are trained on, and never judged
    how = recipe.alignment
    used = np.flatnonzero(how.calibration(how.groups(windows.metadata)))
    folds = [Fold(rows[fold.train], np.setdiff1d(rows[fold.test], used), fold.test_groups) for fold in folds]
    audit_folds(windows.metadata, folds, by=by)
    log.info(f"split: {counted(len(folds), 'fold')} by {by}, nothing shared")
    return folds


@dataclass(frozen=True, eq=False)
class Ahead:
    """What was done of a job before it began: its folder holds what an interrupted run would have left.

    Parameters
    ----------
    work : Work or None
        What it works on; None where that could not be made.
    has_begun : bool
        Whether the run in the folder is this job's.
    error : EegdaeError or None
        Why the job cannot go on.
    """

    work: Work | None
    has_begun: bool
    error: EegdaeError | None = None


AHEAD: dict[Path, Ahead] = {}
"""Folder -> what `eegdae.tasks.together` has done there and the job has not yet taken over."""
