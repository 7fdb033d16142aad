"""The command: hand out trials until there are enough, have each run, say what was best."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import optuna
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from optuna.trial import TrialState

from eegdae.errors import EegdaeError, one_line
from eegdae.run import replace_file
from eegdae.tasks.launch import hydra_message
from eegdae.tasks.search.ending import best_trials, figures, last_lines, search_json
from eegdae.tasks.search.plan import SearchPlan
from eegdae.tasks.search.pruning import Pruned
from eegdae.tasks.search.shared_folder import SharedFolder
from eegdae.tasks.search.study import SharedStudy
from eegdae.tasks.search.trial import run_trial

log = logging.getLogger("eegdae.search")

FAILURES_AT_FIRST = 3
"""Trials that may fail, all of one reason, before any was whole: then the search ends."""


def run_search(args: Sequence[str], folder: Path) -> int:
    """Do what `eegdae.tasks.search.search` promises, Optuna being there."""
    try:
        plan = SearchPlan(args, folder)
    except (HydraException, OmegaConfBaseException) as error:
        lists = "what a search draws from is given by search.space"
        raise EegdaeError(hydra_message(error, lists=lists)) from error
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # a full disk must not fill the screen with logging's own tracebacks: the run's writes tell of it
    raises, logging.raiseExceptions = logging.raiseExceptions, False
    shared_folder = SharedFolder(plan.path)
    try:
        shared = SharedStudy(
            shared_folder, plan.options, overrides=plan.texts, config_hash=plan.hash, resume=plan.resume
        )
        with _lines_to(plan.path / "search.log"):
            return _search(plan, shared)
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(
            f"go on with the same command and sweep.resume=true hydra.sweep.dir={plan.path}"
        ) from error
    finally:
        shared_folder.close()
        logging.raiseExceptions = raises
        optuna.logging.set_verbosity(verbosity)


def _search(plan: SearchPlan, shared: SharedStudy) -> int:
    options = plan.options
    log.info(f"search: {options.sampler}, {shared.counted()}, in {plan.path}")
    for objective in options.objectives:
        log.info(f"{objective.direction} {objective.name}: {objective.about}")
    if len(options.objectives) > 1:
        log.info("several objectives: no trial is pruned")
    ended: list[str] = []
    while (trial := shared.take()) is not None:
        ended.append(_do_trial(plan, shared, trial))
        _keep(shared)
        if len(ended) == FAILURES_AT_FIRST and len({*ended}) == 1 and ended[0] and not best_trials(shared):
            raise EegdaeError(f"search: the first {len(ended)} trials all failed: {ended[0]}")
    _keep(shared)
    if plan.report != "none" and not any(trial.state == TrialState.RUNNING for trial in shared.trials()):
        _report(plan, shared)
    for line in last_lines(shared, plan.command):
        log.info(line)
    log.info(str(plan.path / "search.json"))
    failed = [trial for trial in shared.trials() if trial.state == TrialState.FAIL]
    for frozen in failed:
        print(f"eegdae: failed: trial {frozen.number}: {frozen.user_attrs.get('error')}", file=sys.stderr)
    return 2 if failed else 0


def _report(plan: SearchPlan, shared: SharedStudy) -> None:
    """Compare the settings as ``eegdae sweep-report`` does, and give the best run its page."""
    from eegdae.tasks.report_file import write_report
    from eegdae.tasks.sweep.report import sweep_report

    try:
        best = best_trials(shared)
        if best:
            place = plan.path / str(best[0].number)
            if not (place / "report.html").exists():
                write_report(place)
        sweep_report(plan.path)
    except EegdaeError as error:
        # trials and what they found stand without it
        log.info(f"no report: {error}")


def _keep(shared: SharedStudy) -> None:
    # what another process has written meanwhile must not be older
    with shared.folder.one_at_a_time():
        replace_file(shared.folder.path / "search.json", search_json(shared))


def _do_trial(plan: SearchPlan, shared: SharedStudy, trial: optuna.Trial) -> str:
    """Run a trial and tell the study how it ended; return its error, empty where there was none."""
    started = time.monotonic()
    options, drawn = plan.options, trial.params
    said = f"trial {trial.number}: {' '.join(f'{k}={v}' for k, v in options.space.values(drawn).items())}"
    error = ""
    try:
        twin = shared.same_as(trial)
        if twin is not None:
            # of one seed: the run would be the same to the byte
            values = twin.values
            said += f": as trial {twin.number}"
        else:
            folder = run_trial(plan, shared, trial)
            values = [objective.read(folder) for objective in options.objectives]
        shared.tell(trial, values)
        said += f": {figures(values, options.objectives)}"
    except Pruned as pruned:
        shared.tell_pruned(trial, str(pruned))
        said += f": {pruned}"
    except EegdaeError as failure:
        error = one_line(failure, None)
        shared.tell_failed(trial, error)
        said += f": failed: {error}"
    best = best_trials(shared)
    if best and len(options.objectives) == 1:
        said += f"; best {best[0].values[0]:.4g} (trial {best[0].number})"
    elif best:
        said += f"; Pareto front: {', '.join(str(other.number) for other in best)}"
    log.info(f"{said}; {time.monotonic() - started:.0f} s")
    return error


@contextmanager
def _lines_to(file: Path) -> Iterator[None]:
    """Send the lines of the search to the screen and into a file, not into the log of a trial."""
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stdout)]
    handlers.append(logging.FileHandler(file, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(message)s"))
        log.addHandler(handler)
    log.propagate = False
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.propagate = True
        for handler in handlers:
            log.removeHandler(handler)
            handler.close()
