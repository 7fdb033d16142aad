"""One trial: a whole run in its own folder, as Hydra does a job."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import optuna
from hydra._internal.callbacks import Callbacks
from hydra.core.utils import run_job
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, open_dict, read_write

from eegdae.errors import EegdaeError
from eegdae.run import RunFolder
from eegdae.tasks.launch import unforeseen
from eegdae.tasks.overrides import (
    check_composition,
    override_text,
)
from eegdae.tasks.prepare import plain_config
from eegdae.tasks.search.plan import SearchPlan
from eegdae.tasks.search.pruning import TrialRun
from eegdae.tasks.search.space import Value
from eegdae.tasks.search.study import SharedStudy, goes_on_from
from eegdae.tasks.targets import check_targets
from eegdae.tasks.threads import on_threads, threads_of


def run_trial(plan: SearchPlan, shared: SharedStudy, trial: optuna.Trial) -> Path:
    """Do the whole run of a trial.

    Parameters
    ----------
    plan : SearchPlan
        Of the search.
    shared : SharedStudy
        Of the search.
    trial : Trial
        Taken from it, its parameters drawn.

    Returns
    -------
    Path
        Its folder.

    Raises
    ------
    Pruned
        If it was given up.
    EegdaeError
        If it failed.
    """
    folder = plan.path / str(trial.number)
    before = goes_on_from(shared.study.trials[trial.number])
    if before is not None and (plan.path / str(before)).exists() and not folder.exists():
        # what a killed process has done of it is not done again
        (plan.path / str(before)).rename(folder)
    resumes = (folder / "run.json").exists()
    drawn: Mapping[str, Value] = trial.params
    # on the screen a trial is one line
    has_own = any(text.startswith("hydra/job_logging=") for text in plan.texts)
    quiet = () if has_own else ("hydra.job_logging.root.handlers=[file]",)
    config = plan.compose(
        [
            *plan.options.space.overrides(drawn),
            f"resume={override_text(resumes)}",
            f"hydra.run.dir={_quoted(folder)}",
            *quiet,
        ]
    )
    check_composition(config)
    with read_write(config), open_dict(config), read_write(config.hydra):
        config.hydra.mode = RunMode.RUN

    def open_run(path: Path, config: Mapping[str, Any], hardware: object, *, resume: bool) -> RunFolder:
        if plan.options.prune_by is None:
            return RunFolder(path, config, resume=resume)
        first, by = plan.options.objectives[0], plan.options.prune_by
        url = shared.url
        return TrialRun(path, config, resume=resume, trial=trial, objective=first, prune_by=by, url=url)

    failures: list[EegdaeError] = []

    def job(config: DictConfig) -> None:
        from eegdae.tasks.train import train

        try:
            plain = plain_config(config)
            check_targets(plain)
            with on_threads(threads_of(plain, None)):
                train(plain, folder, in_sweep=True, open_run=open_run)
        except EegdaeError as error:
            failures.append(error)
        except OSError as error:
            failures.append(EegdaeError(f"{error.filename or folder}: {error.strerror or error}"))
        except Exception as error:
            failures.append(unforeseen(error))
        for failure in failures:
            logging.getLogger("eegdae").info(str(failure))

    context = HydraContext(config_loader=cast(Any, None), callbacks=Callbacks())
    try:
        run_job(job, config, "hydra.run.dir", None, context)
    finally:
        # nothing that comes after belongs into the log of this trial
        for handler in logging.getLogger().handlers[:]:
            logging.getLogger().removeHandler(handler)
            handler.close()
        logging.getLogger().addHandler(logging.NullHandler())
    if failures:
        raise failures[0]
    return folder


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("\\", "\\\\").replace("'", "\\'") + "'"
