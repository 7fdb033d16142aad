"""The line that tells how far a sweep is: done, failed, left, best so far, time left."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from eegdae.tasks.sweep.jobs import Job, JobFolders

EVERY = 2.0
"""Seconds between two looks at the folders."""

PLAIN_EVERY = 30.0
"""Seconds between two lines where the screen is no terminal."""

QUIET = 0.3
"""Seconds without other output after which the line may be shown."""

TRAINED: dict[Path, float] = {}
"""Folder of a job -> share of its work that was done before its turn, by `eegdae.tasks.together`."""

_ERASE = "\r\x1b[K"


class Progress:
    """How far a sweep is, counted from a start on.

    Parameters
    ----------
    folders : JobFolders
        Where the jobs are.
    n_jobs : int
        How many there are to be.
    keys : sequence of str
        What is swept over: it names the best setting.
    """

    def __init__(self, folders: JobFolders, n_jobs: int, keys: Sequence[str]) -> None:
        self.folders, self.n_jobs, self.keys = folders, n_jobs, keys
        self._started = time.monotonic()
        self._validated: dict[Any, float | None] = {}
        self._named: tuple[Any, str] = (None, "")
        self._before = sum(job.status == "done" for job in folders.look())

    def text(self, *, at_the_end: bool = False) -> str:
        """Look, and say it in one line."""
        jobs = self.folders.look(at_the_end=at_the_end)
        done = [job for job in jobs if job.status == "done"]
        n_failed = sum(job.status == "failed" for job in jobs)
        left = max(0, self.n_jobs - len(done) - n_failed)
        ahead = sum(TRAINED.get(job.folder.absolute(), 0.0) for job in jobs if job.status == "begun")
        trained = f" ({100 * ahead / left:.0f} % trained)" if left and ahead else ""
        parts = [f"sweep: {len(done)} done, {n_failed} failed, {left} left{trained}"]
        if best := self._best(done):
            parts.append(best)
        seconds = time.monotonic() - self._started
        n_now = len(done) + n_failed - self._before + ahead
        if at_the_end:
            parts.append(f"in {duration(seconds)}")
        elif left and n_now > 0:
            parts.append(f"{duration(seconds / n_now * (left - ahead))} to go")
        return "; ".join(parts)

    def _best(self, done: Sequence[Job]) -> str:
        for job in done:
            if job.folder not in self._validated:
                self._validated[job.folder] = job.validation
        figures = [(figure, job) for job in done if (figure := self._validated[job.folder]) is not None]
        if not figures:
            return ""
        figure, job = max(figures, key=lambda pair: pair[0])
        if self._named[0] != job.folder:
            self._named = job.folder, job.overrides(self.keys) or f"job {job.folder.name}"
        return f"best so far {figure:.3f} in validation ({self._named[1]})"


class LiveLine:
    """Show the progress of a sweep while it runs: in place on a terminal, else as a line now and then.

    Nothing that jobs print is broken: their output takes the line away, and it comes back when they pause at
    the start of a line. So a progress bar that stands in place is left alone.

    Parameters
    ----------
    progress : Progress
        What to show.
    in_place : bool
        One line in place; needs a terminal, and jobs that print through this process or not at all.
    """

    def __init__(self, progress: Progress, *, in_place: bool) -> None:
        self.progress = progress
        self.in_place = in_place
        self._screen = sys.stderr
        self._streams: tuple[TextIO, TextIO] | None = None
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._shown = ""
        self._at_line_start = True
        self._last_output = 0.0
        self._thread = threading.Thread(target=self._run, name="eegdae sweep", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        if self.in_place:
            self._streams = sys.stdout, sys.stderr
            if sys.stdout.isatty():
                sys.stdout = _Aside(sys.stdout, self)
            sys.stderr = _Aside(sys.stderr, self)
        self._thread.start()

    def stop(self) -> None:
        """Take the line away and look no more."""
        self._stop.set()
        self._thread.join()
        with self._lock:
            self._erase()
            if self._streams:
                sys.stdout, sys.stderr = self._streams
                self._streams = None

    def other_output(self, text: str) -> None:
        """Make way for what something else prints."""
        self._erase()
        if text:
            self._at_line_start = text.endswith(("\n", "\r"))
            self._last_output = time.monotonic()

    def _erase(self) -> None:
        if self._shown:
            self._screen.write(_ERASE)
            self._screen.flush()
            self._shown = ""

    def _run(self) -> None:
        told = time.monotonic()
        while not self._stop.wait(EVERY):
            if not self.in_place and time.monotonic() - told < PLAIN_EVERY:
                continue
            told, text = time.monotonic(), self.progress.text()
            with self._lock:
                if not self.in_place:
                    print(text, file=self._screen, flush=True)
                elif self._at_line_start and time.monotonic() - self._last_output > QUIET:
                    self._erase()
                    self._shown = text[: shutil.get_terminal_size().columns - 1]
                    self._screen.write(self._shown)
                    self._screen.flush()


class _Aside:
    """A stream of this process whose output takes the live line away first."""

    def __init__(self, stream: TextIO, line: LiveLine) -> None:
        self._stream, self._line = stream, line

    def write(self, text: str) -> int:
        with self._line._lock:
            self._line.other_output(text)
            return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def duration(seconds: float) -> str:
    """Say how long something takes: ``40 s``, ``12 min``, ``3 h 5 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
