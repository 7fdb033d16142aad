"""Jobs of a sweep trained as one program, ahead of their own runs: what they share is done once.

Each job's folder is left as an interrupted run would leave it: finished folds, and the final model's fits.
The job then runs as any other and goes on from there, so a sweep can be killed and gone on with at any
moment, by this or by any other launcher.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from eegdae.errors import EegdaeError, one_line
from eegdae.evaluation.fitting import Part, fit_models_together
from eegdae.evaluation.judge import Verdict, judge_folds_together
from eegdae.run import RunFolder
from eegdae.tasks.corruption import ready_corruption
from eegdae.tasks.final import save_fits
from eegdae.tasks.folds import has_fold, keep_fold
from eegdae.tasks.ocular import final_correction
from eegdae.tasks.settings import Settings, read_settings
from eegdae.tasks.sweep import line
from eegdae.tasks.sweep.around import resumes
from eegdae.tasks.work import AHEAD, Ahead, Work, make_work

log = logging.getLogger("eegdae")

SHARED = ("data", "windows", "prepare", "features", "alignment", "ocular", "split", "scaler", "paths")
"""Groups in which jobs must agree to be trained together: they decide what is read, computed and split."""

SHARE_OF_MEMORY = 0.5
"""Share of ``trainer.memory_gb`` that the models of one fold of all jobs of a pack may take."""

ENOUGH = 100
"""Models in one program; of fewer, several folds are trained at once where their shapes are equal."""

SPARE_FILES = 64
"""Files that may be opened beside the folders of a pack, each of which holds one open."""


@dataclass(eq=False)
class Job:
    """One job of a sweep.

    Parameters
    ----------
    number : int
        Its place among the jobs that are given.
    config : mapping
        Composed, plain Python.
    folder : Path
        Where its run goes.
    settings : Settings
        What the configuration says.
    run : RunFolder or None
        While it is open.
    error : EegdaeError or None
        Why it does not go on.
    """

    number: int
    config: Mapping[str, Any]
    folder: Path
    settings: Settings
    run: RunFolder | None = None
    error: EegdaeError | None = None


def train_ahead(jobs: Sequence[tuple[Mapping[str, Any], Path]]) -> Iterator[list[int]]:
    """Train the models of jobs together, pack by pack, before the jobs themselves run.

    Parameters
    ----------
    jobs : sequence of (mapping, Path)
        Configuration, plain Python, and folder of each.

    Yields
    ------
    list of int
        Numbers of the jobs whose turn it is: they are to run before the next pack is trained. Each job comes
        once; those that cannot be trained together come as they are.
    """
    groups: dict[str, list[Job]] = {}
    for number, (config, folder) in enumerate(jobs):
        try:
            settings = read_settings(config)
            key = _key(config, settings)
        except EegdaeError:
            yield [number]  # its own run says what is wrong
            continue
        if _is_done(folder):
            yield [number]
            continue
        groups.setdefault(key, []).append(Job(number, config, folder, settings))
    for group in groups.values():
        yield from _train_group(group)


def _key(config: Mapping[str, Any], settings: Settings) -> str:
    """What is equal in jobs that can be trained together."""
    recipe = settings.recipe
    parts = {name: config.get(name) for name in SHARED}
    traps = [name for name in recipe.baselines if name == "eigenvalue_ratio"]
    # an independent component analysis draws by the seed
    seed = recipe.seed if recipe.ocular else None
    return json.dumps([parts, traps, seed, settings.threads], sort_keys=True, default=str)


def _is_done(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / "run.json").read_text()).get("status") == "done")
    except (OSError, ValueError, AttributeError):
        return False


def _train_group(group: Sequence[Job]) -> Iterator[list[int]]:
    first, logs = group[0], _JobLogs()
    work: Work | None = None
    error: EegdaeError | None = None
    with logs.on(group):
        try:
            work = make_work(first.settings, first.config)
        except EegdaeError as found:
            error = found
    for pack in _packs(group, work) if work else [list(group)]:
        folders = [job.folder.absolute() for job in pack]
        if work:
            if first.settings.threads:
                torch.set_num_threads(first.settings.threads)
            with logs.on(pack):
                _train_pack(pack, work, logs)
        for job in pack:
            AHEAD[job.folder.resolve()] = Ahead(work, job.run is not None, error or job.error)
        yield [job.number for job in pack]
        for job, folder in zip(pack, folders, strict=True):
            AHEAD.pop(job.folder.resolve(), None)
            line.TRAINED.pop(folder, None)


def _packs(group: Sequence[Job], work: Work) -> Iterator[list[Job]]:
    """Split jobs so that the models of a fold of all of them fit the memory, and their files may be open."""
    pack: list[Job] = []
    used, most = 0.0, max(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _n_open() - SPARE_FILES)
    for job in group:
        need = _need(job, work)
        if pack and (used + need > _budget(job) or len(pack) == most):
            yield pack
            pack, used = [], 0.0
        pack.append(job)
        used += need
    yield pack


def _n_open() -> int:
    return len(os.listdir("/dev/fd"))


def _budget(job: Job) -> float:
    return SHARE_OF_MEMORY * job.settings.recipe.schedule.hardware.memory_gb * 1e9


def _need(job: Job, work: Work) -> float:
    """Bytes of weights and codes of a fold's model and of its level-0 twin."""
    recipe, n_weights = job.settings.recipe, 0
    for view in recipe.views:
        width = work.data.features[view.name].shape[1] if work.data.features else 0
        for n_out in view.hidden or recipe.hidden:
            n_weights, width = n_weights + 2 * width * n_out, n_out
        n_weights += width * len(work.windows)
    return 4.0 * 2 * n_weights


def _train_pack(pack: Sequence[Job], work: Work, logs: _JobLogs) -> None:
    """Train a pack; what goes wrong with all of it at once does not cost the jobs their own try."""
    with ExitStack() as held:
        try:
            _do_pack(pack, work, logs, held)
        # the folders are closed as those of runs that were stopped, not as failed ones
        except EegdaeError as error:
            for job in pack:
                job.error = job.error or error
        except Exception as error:
            reason = one_line(error)
            log.warning(
                f"warning: {len(pack)} jobs could not be trained together ({reason}); they run one by one"
            )


def _do_pack(pack: Sequence[Job], work: Work, logs: _JobLogs, held: ExitStack) -> None:
    """Do the folds of some jobs and fit their final models."""
    started = time.monotonic()
    for job in pack:
        with logs.about(job), _kept(job):
            config = job.config
            run = RunFolder(job.folder, config, resume=resumes(config))
            job.run = held.enter_context(run)
            work.keep_audit(run)
            job.settings = ready_corruption(job.settings, work.windows, work.data)
    for what, n_jobs in _fitted_alone(pack).items():
        _show(f"{what}: trained job by job, of {n_jobs} jobs")
    # what is there already takes no time
    rounds = [folds for folds in _rounds(pack, work) if _left(pack, folds)]
    for number, folds in enumerate(rounds):
        _do_folds([job for job in pack if not job.error], work, folds, logs)
        for job in pack:
            # the final model is as much as a round, and little is left to the job itself
            line.TRAINED[job.folder.absolute()] = (number + 1) / (len(rounds) + 1.1)
    _fit_final([job for job in pack if not job.error], work, logs)
    for job in pack:
        if job.run and not job.error:
            with _kept(job):
                job.run.leave((time.monotonic() - started) / len(pack))


def _fitted_alone(pack: Sequence[Job]) -> dict[str, int]:
    """Say what is trained job by job, and of how many."""
    found: dict[str, int] = {}
    for job in pack:
        recipe = job.settings.recipe
        asked = {
            f"head={recipe.head.kind}": recipe.head.kind != "logistic",
            "finetune": recipe.finetune is not None,
            "committee": recipe.committee is not None,
            "adaptation": recipe.adaptation is not None,
        }
        for what in (name for name, is_asked in asked.items() if is_asked):
            found[what] = found.get(what, 0) + 1
    return found


def _rounds(pack: Sequence[Job], work: Work) -> list[list[int]]:
    """Put folds together that have as many training rows: their models are of one shape."""
    features = (work.data.features or {}).values()
    of_rows = 2 * 4.0 * sum(x.shape[1] for x in features) * len(work.windows)
    need = sum(_need(job, work) for job in pack) + of_rows
    most = max(1, min(ENOUGH // (2 * len(pack)), int(_budget(pack[0]) // need)))
    rounds: list[list[int]] = []
    for number, fold in enumerate(work.folds):
        last = rounds[-1] if rounds else []
        if last and len(last) < most and len(work.folds[last[0]].train) == len(fold.train):
            last.append(number)
        else:
            rounds.append([number])
    return rounds


def _left(jobs: Sequence[Job], folds: Sequence[int]) -> dict[int, list[int]]:
    """Which of some folds are not done, and of which jobs."""
    left = {
        number: [k for k, job in enumerate(jobs) if job.run and not has_fold(job.run, number)]
        for number in folds
    }
    return {number: which for number, which in left.items() if which}


def _do_folds(jobs: Sequence[Job], work: Work, numbers: Sequence[int], logs: _JobLogs) -> None:
    asked = [(number, work.folds[number], which) for number, which in _left(jobs, numbers).items()]
    if not asked:
        return
    runs = [job.run for job in jobs if job.run]  # a job without one has failed, and is not here
    first, last = asked[0][0] + 1, asked[-1][0] + 1
    which = f"fold {first}" if first == last else f"folds {first} to {last}"
    _show(f"{which}/{len(work.folds)}: {max(len(left) for *_, left in asked)} jobs together")
    verdicts = judge_folds_together(
        work.data,
        asked,
        [job.settings.recipe for job in jobs],
        checkpoints=runs,
        about=lambda k: logs.about(jobs[k]),
    )
    for number, k, verdict in verdicts:
        with logs.about(jobs[k]), _kept(jobs[k]):
            if not isinstance(verdict, Verdict):
                raise verdict
            keep_fold(runs[k], work, jobs[k].settings, number, verdict)


def _fit_final(jobs: Sequence[Job], work: Work, logs: _JobLogs) -> None:
    if not jobs:
        return
    n_folds, recipe = len(work.folds), jobs[0].settings.recipe
    _show(f"final models: {len(jobs)} jobs together")
    data, windows, _ = final_correction(work.data, work.windows, recipe, n_folds=n_folds)
    recipes = {number: job.settings.recipe for number, job in enumerate(jobs)}
    (fitted,) = fit_models_together(
        [Part(data, np.arange(len(windows)), n_folds, recipes)],
        compare=False,
        about=lambda k: logs.about(jobs[k]),
    )
    for number, job in enumerate(jobs):
        with _kept(job):
            one = fitted[number]
            if isinstance(one, EegdaeError):
                raise one
            assert job.run
            save_fits(job.run, job.settings, one, fold=n_folds)


@contextmanager
def _kept(job: Job) -> Iterator[None]:
    """Keep the error of a job: the others go on."""
    try:
        yield
    except EegdaeError as error:
        job.error = job.error or error
    except (OSError, MemoryError, RuntimeError) as error:
        if not job.error:
            job.error = EegdaeError(f"{job.folder}: {one_line(error, 1000)}")
            job.error.__cause__ = error


def _show(line: str) -> None:
    """Show how far all jobs are: it is about none of them."""
    logging.getLogger("eegdae_sweep").info(line)


class _JobLogs(logging.Handler):
    """Writes what is said into the log files of the jobs that it is about; what is about all is shown too."""

    def __init__(self) -> None:
        super().__init__()
        self._jobs: Sequence[Job] = []
        self._about: Job | None = None

    @contextmanager
    def on(self, jobs: Sequence[Job]) -> Iterator[None]:
        """Listen: whatever is said is about all of these jobs, unless it is said inside `about`."""
        self._jobs = jobs
        log.addHandler(self)
        propagate, log.propagate = log.propagate, False
        try:
            yield
        finally:
            log.removeHandler(self)
            log.propagate = propagate

    @contextmanager
    def about(self, job: Job) -> Iterator[None]:
        """Listen to what is said about one job."""
        before, self._about = self._about, job
        try:
            yield
        finally:
            self._about = before

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        line = record.getMessage() + "\n"
        for job in [self._about] if self._about else self._jobs:
            try:
                job.folder.mkdir(parents=True, exist_ok=True)
                with (job.folder / "train.log").open("a", encoding="utf-8") as file:
                    file.write(line)
            except OSError:
                continue  # the run's own writes will tell
        if self._about is None:
            logging.getLogger().handle(record)
