"""Around the jobs of a sweep, whichever launcher runs them: folder, lock, going on, and what came of them."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import eegdae
from eegdae.errors import EegdaeError, one_line
from eegdae.folder_lock import lock_folder
from eegdae.run import FORMAT, NOT_HASHED, config_hash, read_json, replace_file
from eegdae.tasks.prepare import counted
from eegdae.tasks.sweep.jobs import FAILED, Job, JobFolders, best_run
from eegdae.tasks.sweep.line import LiveLine, Progress
from eegdae.tasks.sweep.plan import SweepPlan

log = logging.getLogger("eegdae")

SWEEP = "sweep.json"
"""What a sweep leaves about itself: ``command``, ``overrides``, ``n_jobs``, ``started``, how it ended."""


class Sweep:
    """A sweep's folder, held by one process while its jobs run: a context manager.

    All that is told of jobs is read from their folders: they may have run in other processes, or before.

    Parameters
    ----------
    plan : SweepPlan
        What is to be done.

    Raises
    ------
    EegdaeError
        If the folder cannot be written, is held by another sweep, or holds jobs and the sweep does not go on.
    """

    def __init__(self, plan: SweepPlan) -> None:
        self.plan = plan
        self.folder = plan.folder
        self.jobs = JobFolders(self.folder, plan.n_jobs)
        if plan.resume and not plan.is_named:
            raise EegdaeError(
                "to go on with a sweep, name its folder too: sweep.resume=true hydra.sweep.dir=DIR"
            )
        self._lock = lock_folder(
            self.folder, "hydra.sweep.dir", busy="another sweep is running in this folder"
        )
        try:
            if not plan.resume and (there := JobFolders(self.folder).look()):
                more = ", or add sweep.resume=true to go on with them" if plan.command == "train" else ""
                raise EegdaeError(
                    f"hydra.sweep.dir={self.folder}: holds {counted(len(there), 'job')} already; "
                    f"choose another folder{more}"
                )
            for left_over in self.folder.glob(".tmp-*"):
                left_over.unlink(missing_ok=True)
            self.jobs.forget_failures()
            self._told = self._begun()
            self._write()
            self._progress = Progress(self.jobs, plan.n_jobs, plan.keys)
        except OSError as error:
            self._lock.close()
            raise _unwritable(self.folder, error) from error
        except BaseException:
            self._lock.close()
            raise
        # jobs of joblib's processes write to the same screen, where no line can stand in place
        in_place = sys.stderr.isatty() and not str(plan.launcher.get("_target_")).endswith(".JoblibLauncher")
        self._line = LiveLine(self._progress, in_place=in_place) if plan.command == "train" else None

    def _begun(self) -> dict[str, Any]:
        """Say what begins, or goes on."""
        now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        before: dict[str, Any] = {}
        if self.plan.resume and (self.folder / SWEEP).exists():
            try:
                before = read_json(self.folder / SWEEP)
            except EegdaeError as error:
                log.warning(f"warning: {error}; written anew")
            then, given = _deciding(before.get("overrides")), _deciding(self.plan.given)
            sides = {"with": (given, then), "without": (then, given)}
            told = [
                f"{word} {' '.join(own)}"
                for word, (one, other) in sides.items()
                if (own := [text for text in one if text not in other])
            ]
            if before and told:
                log.warning(
                    f"warning: {self.folder}: this time {', '.join(told)}; "
                    "jobs whose settings are others now will fail"
                )
        return {
            "format": FORMAT,
            "eegdae": eegdae.__version__,
            "command": self.plan.command,
            "overrides": [*self.plan.given],
            "n_jobs": self.plan.n_jobs,
            "started": before.get("started", now),
            "resumed": [*before.get("resumed", []), now] if before else [],
        }

    def _write(self) -> None:
        replace_file(self.folder / SWEEP, (json.dumps(self._told, indent=1) + "\n").encode())

    def __enter__(self) -> Self:
        if self._line:
            self._line.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._line:
            self._line.stop()
        self._lock.close()
        if isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt(self.how_to_go_on) from error

    @property
    def how_to_go_on(self) -> str:
        """What to do after an interruption."""
        if self.plan.command != "train":
            return "the same command in another folder starts again"
        return f"go on with the same command and sweep.resume=true hydra.sweep.dir={self.folder}"

    def finish(self) -> int:
        """Say what came of all jobs, and what the sweep says about its settings.

        Returns
        -------
        int
            0, or 2 if a job failed.
        """
        if self._line:
            self._line.stop()
        jobs = self.jobs.look(at_the_end=True)
        failed = [job for job in jobs if job.status == "failed"]
        done = [job for job in jobs if job.status == "done"]
        if self.plan.command == "train":
            print(self._progress.text(at_the_end=True), file=sys.stderr)
            if done:
                self._report(jobs)
        lines = [_failure(job) for job in failed]
        missing = self.plan.n_jobs - len(failed) - len(done)
        if self.plan.command == "train" and missing > 0:
            lines.append(
                f"{missing} of {self.plan.n_jobs} jobs left no folder; sweep.resume=true starts them"
            )
        for line in lines:
            print(f"eegdae: failed: {line}", file=sys.stderr)
        self._told |= {"ended": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "n_done": len(done), "failed": lines}
        try:
            self._write()
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        return 2 if lines else 0

    def _report(self, jobs: Sequence[Job]) -> None:
        """Compare the settings, as ``eegdae sweep-report`` does, and give the best run its page."""
        from eegdae.tasks.sweep.report import sweep_report

        _whatever_comes(lambda: sweep_report(self.folder), "no sweep report")
        best = best_run(jobs)
        if best is None:
            return
        print(f"best run in validation: {best}")
        if self.plan.report == "best" and not (best / "report.html").exists():
            from eegdae.tasks.report_file import write_report

            _whatever_comes(lambda: write_report(best), f"no report of {best}")


def resumes(config: Mapping[str, Any]) -> bool:
    """Whether the sweep that a job belongs to goes on: ``sweep.resume=true``, or ``resume=true``."""
    return bool((config.get("sweep") or {}).get("resume") or config.get("resume"))


def begin_job(folder: Path, config: dict[str, Any]) -> bool:
    """Before a job of a sweep: is it done already; else what it left when it failed is taken away.

    Parameters
    ----------
    folder : Path
        Of the job.
    config : dict
        Of the run, plain Python; told to go on with what is there where the sweep does.

    Returns
    -------
    bool
        Whether a sweep that goes on has this very run, done, and with the report that is asked for.
    """
    (folder / FAILED).unlink(missing_ok=True)
    if not resumes(config):
        return False
    config["resume"] = True
    if not (folder / "run.json").exists():
        return False
    if config.get("report") == "all" and not (folder / "report.html").exists():
        return False
    there = read_json(folder / "run.json")
    same = there.get("format") == FORMAT and there.get("config_hash") == config_hash(config)
    return same and there.get("status") == "done"


def _failure(job: Job) -> str:
    number = job.number
    name = f"job {number}" if number is not None else str(job.folder)
    overrides = job.overrides()
    return f"{name} ({overrides}): {job.error}" if overrides else f"{name}: {job.error}"


def _whatever_comes(work: Callable[[], object], else_say: str) -> None:
    """Do what comes after the runs; they stand if it fails."""
    try:
        work()
    except EegdaeError as error:
        print(f"eegdae: {else_say}: {error}", file=sys.stderr)
    except Exception as error:
        print(f"eegdae: {else_say}: unforeseen {type(error).__name__}: {one_line(error)}", file=sys.stderr)


def _deciding(overrides: Any) -> list[str]:
    """Overrides but for those that decide no result: who does the jobs, where, what is told of them."""
    texts = [str(text) for text in overrides or []]
    return [text for text in texts if re.split(r"[./=]", text.lstrip("+~"))[0] not in NOT_HASHED]


def _unwritable(folder: Path, error: OSError) -> EegdaeError:
    return EegdaeError(f"hydra.sweep.dir={folder}: cannot be written: {error.strerror}")
