"""Jobs of a sweep trained as one program, ahead of their own runs: what they share is done once.

Each job's folder is left as an interrupted run would leave it: finished folds, and the final model's fits.
The job then runs as any other and goes on from there, so a sweep can be killed and gone on with at any
moment, by this or by any other launcher.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from eegdae.errors import EegdaeError, one_line
from eegdae.evaluation.fitting import fit_models_together
from eegdae.evaluation.judge import Verdict, judge_fold_together
from eegdae.run import RunFolder
from eegdae.tasks.corruption import ready_corruption
from eegdae.tasks.final import save_fits
from eegdae.tasks.folds import has_fold, keep_fold
from eegdae.tasks.ocular import final_correction
from eegdae.tasks.settings import Settings, read_settings
from eegdae.tasks.sweep.around import resumes
from eegdae.tasks.work import AHEAD, Ahead, Work, make_work

log = logging.getLogger("eegdae")

SHARED = ("data", "windows", "prepare", "features", "alignment", "ocular", "split", "scaler", "paths")
"""Groups in which jobs must agree to be trained together: they decide what is read, computed and split."""

SHARE_OF_MEMORY = 0.5
"""Share of ``trainer.memory_gb`` that the models of one fold of all jobs of a pack may take."""


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
        if work:
            if first.settings.threads:
                torch.set_num_threads(first.settings.threads)
            with logs.on(pack):
                _train_pack(pack, work, logs)
        for job in pack:
            AHEAD[job.folder.resolve()] = Ahead(work, job.run is not None, error or job.error)
        yield [job.number for job in pack]
        for job in pack:
            AHEAD.pop(job.folder.resolve(), None)


def _packs(group: Sequence[Job], work: Work) -> Iterator[list[Job]]:
    """Split jobs so that the models of one fold of all of them fit the memory."""
    pack: list[Job] = []
    used = 0.0
    for job in group:
        recipe, n_weights = job.settings.recipe, 0
        for view in recipe.views:
            width = work.data.features[view.name].shape[1] if work.data.features else 0
            for n_out in view.hidden or recipe.hidden:
                n_weights, width = n_weights + 2 * width * n_out, n_out
            n_weights += width * len(work.windows)
        need = 4.0 * 2 * n_weights  # weights and codes of the model and of its level-0 twin
        if pack and used + need > SHARE_OF_MEMORY * recipe.schedule.hardware.memory_gb * 1e9:
            yield pack
            pack, used = [], 0.0
        pack.append(job)
        used += need
    yield pack


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
    for job in pack:
        with logs.about(job), _kept(job):
            config = job.config
            run = RunFolder(job.folder, config, resume=resumes(config))
            job.run = held.enter_context(run)
            work.keep_audit(run)
            job.settings = ready_corruption(job.settings, work.windows, work.data)
    for number in range(len(work.folds)):
        _do_fold([job for job in pack if not job.error], work, number, logs)
    _fit_final([job for job in pack if not job.error], work, logs)


def _do_fold(jobs: Sequence[Job], work: Work, number: int, logs: _JobLogs) -> None:
    left = [job for job in jobs if job.run and not has_fold(job.run, number)]
    if not left:
        return
    _show(f"fold {number + 1}/{len(work.folds)}: {len(left)} jobs together")
    verdicts = judge_fold_together(
        work.data,
        work.folds[number],
        number,
        [job.settings.recipe for job in left],
        checkpoints=[job.run for job in left if job.run],
        about=lambda k: logs.about(left[k]),
    )
    for job, verdict in zip(left, verdicts, strict=True):
        with logs.about(job), _kept(job):
            if not isinstance(verdict, Verdict):
                raise verdict
            assert job.run
            keep_fold(job.run, work, job.settings, number, verdict)


def _fit_final(jobs: Sequence[Job], work: Work, logs: _JobLogs) -> None:
    if not jobs:
        return
    n_folds, recipe = len(work.folds), jobs[0].settings.recipe
    _show(f"final models: {len(jobs)} jobs together")
    data, windows, _ = final_correction(work.data, work.windows, recipe, n_folds=n_folds)
    fitted = fit_models_together(
        data,
        np.arange(len(windows)),
        [job.settings.recipe for job in jobs],
        fold=n_folds,
        compare=False,
        about=lambda k: logs.about(jobs[k]),
    )
    for job, one in zip(jobs, fitted, strict=True):
        with _kept(job):
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
        job.error = error
    except (OSError, MemoryError, RuntimeError) as error:
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
