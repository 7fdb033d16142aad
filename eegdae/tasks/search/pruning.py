"""When a trial is given up: what its run folder is told on the way, against what whole trials had by then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import optuna
import pandas as pd

from eegdae.errors import EegdaeError
from eegdae.run import RunFolder, read_json
from eegdae.tasks.search.objectives import Objective, fold_numbers
from eegdae.tasks.search.storage import storage_errors

_OF_THE_VIEW = ("layer 1", "joint")
"""Stages whose loss is of the view itself; deeper layers bring back codes, which no two networks share."""


class Pruned(EegdaeError):
    """A trial is given up; the message says after what."""


class SameStepMedian(optuna.pruners.BasePruner):
    """Give a trial up whose last figure is worse than the median that whole trials had at the same step.

    Optuna's own median pruner compares the best figure of all steps so far. Here a step is a fold, and an
    easy first fold would save every trial.

    Parameters
    ----------
    n_startup_trials : int
        Whole trials that there must be.
    n_warmup_steps : int
        Figures that a trial must have told before.
    """

    def __init__(self, n_startup_trials: int, n_warmup_steps: int) -> None:
        self.n_startup_trials = n_startup_trials
        self.n_warmup_steps = n_warmup_steps

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        """Say whether the trial is to be given up."""
        step = trial.last_step
        if step is None or len(trial.intermediate_values) <= self.n_warmup_steps:
            return False
        median = self.median(study, step)
        if median is None:
            return False
        value = trial.intermediate_values[step]
        is_max = study.direction == optuna.study.StudyDirection.MAXIMIZE
        return value < median if is_max else value > median

    def median(self, study: optuna.Study, step: int) -> float | None:
        """Return what whole trials had at a step, None where there are too few."""
        whole = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
        values = [t.intermediate_values[step] for t in whole if step in t.intermediate_values]
        if len(whole) < max(1, self.n_startup_trials) or not values:
            return None
        return float(np.median(values))


class TrialRun(RunFolder):
    """The folder of a trial's run, which tells the study what is written into it, and may end the run.

    Parameters
    ----------
    path : Path
        The folder.
    config : mapping
        Of the run, plain Python.
    resume : bool
        Go on with the run that is there.
    trial : Trial
        Of Optuna.
    objective : Objective
        The only one of the search.
    prune_by : {"validation", "val_loss"}
        What is told: the mean validation figure over the folds so far, after every fold; or the mean of the
        validation losses so far, after every stage whose loss is of a view itself.
    url : str
        Of the storage.

    Raises
    ------
    Pruned
        From a write, when the trial is to be given up.
    """

    def __init__(
        self,
        path: Path,
        config: Mapping[str, Any],
        *,
        resume: bool,
        trial: optuna.Trial,
        objective: Objective,
        prune_by: str,
        url: str,
    ) -> None:
        super().__init__(path, config, resume=resume)
        self._trial, self._objective, self._prune_by = trial, objective, prune_by
        self._url = url
        self._seen: dict[Any, float] = {}

    def __enter__(self) -> Self:
        super().__enter__()
        # what an interrupted run had told under another number
        for fold in fold_numbers(self.path):
            folder = self.path / f"folds/{fold}"
            if self._prune_by == "validation" and (folder / "heads.json").exists():
                self._see_fold(fold, read_json(folder / "heads.json"))
            if self._prune_by == "val_loss" and (folder / "history.csv").exists():
                self._see_losses(pd.read_csv(folder / "history.csv").to_dict("records"))
        return self

    def write_json(self, name: str, data: Any) -> None:
        """Write plain data as JSON; a fold's heads end with the figure that the study is told."""
        super().write_json(name, data)
        parts = Path(name).parts
        if self._prune_by == "validation" and parts[0] == "folds" and parts[-1] == "heads.json":
            fold = int(parts[1])
            # a run that needs no more than its last fold is not given up any more
            self._see_fold(fold, data, may_prune=fold + 1 < len(fold_numbers(self.path)))

    def save(self, key: str, state: dict[str, Any]) -> None:
        """Keep the state of an unfinished fit; its history has the losses that the study is told."""
        super().save(key, state)
        if self._prune_by == "val_loss":
            self._see_losses(state.get("history") or [], may_prune=True)

    def _see_fold(self, fold: int, heads: Mapping[str, Any], *, may_prune: bool = False) -> None:
        metric = self._objective.name.removeprefix("validation.")
        value = (heads.get("validation") or {}).get(metric)
        if value is not None:
            self._tell(fold, float(value), f"fold {fold + 1}", may_prune=may_prune)

    def _see_losses(self, rows: Sequence[Mapping[Any, Any]], *, may_prune: bool = False) -> None:
        best: dict[tuple[int, str, str], float] = {}
        for row in rows:
            loss = row.get("val_loss")
            if row["model"] == "codes" and row["stage"] in _OF_THE_VIEW and loss is not None and loss == loss:
                key = (int(row["fold"]), str(row["view"]), str(row["stage"]))
                best[key] = min(best.get(key, np.inf), float(loss))
        # losses fall, also where more is better
        sign = -self._objective.sign
        for (fold, view, stage), loss in best.items():
            if (fold, view, stage) not in self._seen and fold in fold_numbers(self.path):
                where = f"fold {fold + 1}, {view}, {stage}"
                self._tell((fold, view, stage), sign * loss, where, may_prune=may_prune)

    def _tell(self, what: Any, value: float, where: str, *, may_prune: bool) -> None:
        """Report the mean of all figures so far; its step is how many they are."""
        if what in self._seen:
            return
        self._seen[what] = value
        step, mean = len(self._seen) - 1, float(np.mean([*self._seen.values()]))
        with storage_errors(self._url):
            self._trial.report(mean, step)
            is_pruned = may_prune and self._trial.should_prune()
        if is_pruned:
            figure = self._objective.name if self._prune_by == "validation" else "validation loss"
            pruner = self._trial.study.pruner
            median = pruner.median(self._trial.study, step) if isinstance(pruner, SameStepMedian) else None
            raise Pruned(
                f"pruned after {where}: {figure} {abs(mean):.4g} on the way, where the median of whole "
                "trials "
                f"was {abs(median or np.nan):.4g}"
            )
