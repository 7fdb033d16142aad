"""The live line: what it says, and that it breaks nothing else on the screen."""

from __future__ import annotations

import os
import pty
import sys
import time
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import pytest

from eegdae.tasks.sweep import line as sweep_line
from eegdae.tasks.sweep.jobs import JobFolders
from eegdae.tasks.sweep.line import LiveLine, Progress, duration
from tasks.sweep.test_jobs import make


def test_what_it_says(tmp_path, monkeypatch):
    make(tmp_path / "0", status="done", validation=0.7, overrides=["data=x", "corruption.level=0.5"])
    progress = Progress(JobFolders(tmp_path, 5), 5, ["corruption.level"])
    assert progress.text() == (
        "sweep: 1 done, 0 failed, 4 left; best so far 0.700 in validation (corruption.level=0.5)"
    )
    make(tmp_path / "1", status="failed", error="x")
    make(tmp_path / "2", status="done", validation=0.75, overrides=["data=x", "corruption.level=2"])
    make(tmp_path / "3", status="running")
    progress._started -= 600  # two jobs in ten minutes, two left
    assert progress.text() == (
        "sweep: 2 done, 1 failed, 2 left; best so far 0.750 in validation (corruption.level=2); 10 min to go"
    )
    monkeypatch.setitem(sweep_line.TRAINED, (tmp_path / "3").absolute(), 0.5)
    assert progress.text() == (  # half a job more was done, half a job less is left
        "sweep: 2 done, 1 failed, 2 left (25 % trained); best so far 0.750 in validation "
        "(corruption.level=2); 6 min to go"
    )
    assert progress.text(at_the_end=True) == (
        "sweep: 2 done, 2 failed, 1 left; best so far 0.750 in validation (corruption.level=2); in 10 min"
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(3.4, "3 s"), (91, "2 min"), (5400, "1 h 30 min"), (8000, "2 h 13 min")],
)
def test_durations(seconds, said):
    assert duration(seconds) == said


@contextmanager
def on_a_terminal():
    """Put standard output and error on a terminal; gives what it got since the last call."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)

    def seen(seconds=0.4):
        time.sleep(seconds)
        try:
            return os.read(ours, 100_000).decode().replace("\r\n", "\n")
        except BlockingIOError:
            return ""

    with open(theirs, "w", buffering=1) as stream, redirect_stdout(stream), redirect_stderr(stream):
        yield seen
    os.close(ours)


def test_in_place_on_a_terminal_and_away_for_what_jobs_print(monkeypatch, tmp_path):
    monkeypatch.setattr(sweep_line, "EVERY", 0.05)
    monkeypatch.setattr(sweep_line, "QUIET", 0.01)
    shown, away = "sweep: 0 done, 0 failed, 2 left", "\r\x1b[K"
    with on_a_terminal() as terminal:
        before = sys.stdout, sys.stderr
        line = LiveLine(Progress(JobFolders(tmp_path), 2, []), in_place=True)
        line.start()
        assert terminal().startswith(shown)
        print("fold 1/2: right")
        said = terminal()
        # taken away first, and there again afterwards
        assert away in said.partition("fold 1/2: right\n")[0]
        assert said.partition("fold 1/2: right\n")[2].startswith(shown)
        sys.stderr.write("\rlayer 1: 10%|#   |")
        terminal()
        assert terminal() == ""  # the bar of a job stands in place: nothing may touch it
        sys.stderr.write("\rlayer 1: 20%|##  |")
        sys.stderr.flush()
        assert terminal() == "\rlayer 1: 20%|##  |"
        sys.stderr.write("\r                  \r")  # it went away
        assert shown in terminal()
        line.stop()
        assert terminal(0.1).endswith(away)
        assert (sys.stdout, sys.stderr) == before
        line.stop()


def test_lines_now_and_then_where_there_is_no_terminal(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sweep_line, "EVERY", 0.05)
    monkeypatch.setattr(sweep_line, "PLAIN_EVERY", 0.3)
    line = LiveLine(Progress(JobFolders(tmp_path), 2, []), in_place=False)
    line.start()
    time.sleep(0.8)
    line.stop()
    said = capsys.readouterr().err.splitlines()
    assert 1 <= len(said) <= 2
    assert set(said) == {"sweep: 0 done, 0 failed, 2 left"}
