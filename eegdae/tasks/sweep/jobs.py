"""The jobs of a sweep as their folders tell it, whichever process ran them: done, failed, or neither yet."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from eegdae.errors import EegdaeError, one_line
from eegdae.run import read_json, replace_file

FAILED = "failed.json"
"""What a job leaves that failed, beside what its run wrote: ``job``, ``overrides``, ``error``."""

METRIC = "balanced_accuracy"
"""By what the best run is chosen, of ``validation.json``, which no test row was seen for."""


@dataclass(frozen=True)
class Job:
    """One job.

    Parameters
    ----------
    folder : Path
        Its own.
    status : str
        ``done``, ``failed`` or ``begun``.
    error : str
        Of a failed one; of a begun one, what is known if it does not go on.
    """

    folder: Path
    status: str
    error: str = ""

    @property
    def number(self) -> int | None:
        """Its number in the sweep, None where neither its folder's name nor its end tells."""
        if self.folder.name.isdigit():
            return int(self.folder.name)
        number = _json(self.folder / FAILED).get("job")
        return number if isinstance(number, int) else None

    def overrides(self, keys: Sequence[str] = ()) -> str:
        """Say what the job was told: of some keys, or all."""
        told = _json(self.folder / FAILED).get("overrides")
        if told is None:
            try:
                told = yaml.safe_load((self.folder / ".hydra/overrides.yaml").read_text())
            except (OSError, ValueError, yaml.YAMLError):
                told = None
        texts = [str(text) for text in told] if isinstance(told, list) else []
        return " ".join(text for text in texts if not keys or text.partition("=")[0].lstrip("+") in keys)

    @property
    def validation(self) -> float | None:
        """Its figure by which the best run is chosen; None where there is none."""
        figure = _json(self.folder / "validation.json").get(METRIC)
        return float(figure) if isinstance(figure, int | float) else None


class JobFolders:
    """All job folders below that of a sweep; those that were done are not read again.

    Parameters
    ----------
    folder : Path
        Of the sweep.
    n_jobs : int or None
        Folders whose name is a number beyond are of another sweep; None = take all.
    """

    def __init__(self, folder: Path, n_jobs: int | None = None) -> None:
        self.folder = Path(folder)
        self.n_jobs = n_jobs
        self._done: dict[str, Job] = {}
        self._stale: dict[str, int] = {}

    def forget_failures(self) -> None:
        """Before a sweep goes on: what has failed so far counts again when it has been tried again."""
        for job in self.look():
            (job.folder / FAILED).unlink(missing_ok=True)
            status = job.folder / "run.json"
            if job.status == "failed" and status.exists():
                self._stale[str(job.folder)] = status.stat().st_mtime_ns

    def look(self, *, at_the_end: bool = False) -> list[Job]:
        """Look into the folders.

        Parameters
        ----------
        at_the_end : bool
            Nothing runs any more: a job that is neither done nor failed has failed.

        Returns
        -------
        list of Job
            In the order of their numbers.
        """
        jobs = []
        for path in _job_folders(str(self.folder), self._done):
            # a job that found another run, done, in its folder
            has_failed = os.path.exists(f"{path}/{FAILED}")
            job = self._done.get(path) if not has_failed else None
            job = job or self._read(path)
            if job.status == "done":
                self._done[path] = job
            elif at_the_end and job.status == "begun":
                job = Job(job.folder, "failed", job.error)
            elif job.status == "failed" and not at_the_end and self._is_stale(path):
                job = Job(job.folder, "begun", job.error)
            if self.n_jobs is None or not job.folder.name.isdigit() or int(job.folder.name) < self.n_jobs:
                jobs.append(job)
        return sorted(jobs, key=lambda job: natural(job.folder))

    def _read(self, path: str) -> Job:
        folder = Path(path)
        failed = _json(folder / FAILED)
        if "error" in failed:
            return Job(folder, "failed", str(failed["error"]))
        if not os.path.exists(f"{path}/run.json"):
            return Job(folder, "begun", "ended before it began")
        run = _json(folder / "run.json")
        if run.get("status") == "done":
            return Job(folder, "done")
        if run.get("status") == "failed":
            return Job(folder, "failed", str(run.get("error") or "no reason in its run.json"))
        return Job(
            folder, "begun", "stopped from outside before its end" if run else "its run.json is damaged"
        )

    def _is_stale(self, path: str) -> bool:
        if path not in self._stale or os.path.exists(f"{path}/{FAILED}"):
            return False
        try:
            return os.stat(f"{path}/run.json").st_mtime_ns == self._stale[path]
        except OSError:
            return False


def best_run(jobs: Sequence[Job]) -> Path | None:
    """Choose the best run of a sweep, by validation and never by what was tested.

    Parameters
    ----------
    jobs : sequence of Job
        Of the sweep.

    Returns
    -------
    Path or None
        Of the first among equals; None where no run has a figure.
    """
    figures = [(job.validation, job.folder) for job in jobs if job.status == "done"]
    known = [(figure, folder) for figure, folder in figures if figure is not None]
    return max(known, key=lambda pair: pair[0])[1] if known else None


def leave_failure(folder: Path, number: int, overrides: Sequence[str], error: Exception) -> None:
    """Leave in its folder that a job failed and why; a run that was there before keeps its ``run.json``."""
    told = {"job": number, "overrides": [*overrides], "error": one_line(error, None)}
    # where nothing can be written, that is why it failed, and its log or its run has said so
    with suppress(OSError):
        replace_file(Path(folder) / FAILED, (json.dumps(told, indent=1) + "\n").encode())


def natural(path: Path) -> list[tuple[bool, int, str]]:
    """Sort key under which job 2 comes before job 10."""
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in path.parts]


def _job_folders(folder: str, known: dict[str, Job]) -> Iterator[str]:
    """Walk down to the folders of jobs, and into none of them."""
    try:
        with os.scandir(folder) as entries:
            inner = [entry.path for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    except OSError:
        return
    for path in inner:
        if path in known or any(os.path.exists(f"{path}/{name}") for name in ("run.json", ".hydra", FAILED)):
            yield path
        else:
            yield from _job_folders(path, known)


def _json(file: Path) -> dict[str, Any]:
    """Read a file that may be missing, or damaged."""
    try:
        return read_json(file)
    except EegdaeError:
        return {}
