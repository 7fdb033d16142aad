from __future__ import annotations

import atexit
import os
import shutil
import tempfile

import pytest

from eegdae.cli import main

# what is downloaded, compiled or prepared is kept for these tests alone, not among what the user keeps
_CACHE = tempfile.mkdtemp(prefix="eegdae-tests-")
atexit.register(shutil.rmtree, _CACHE, ignore_errors=True)
os.environ["XDG_CACHE_HOME"] = _CACHE

TINY = (
    "experiment=watch_raw",
    "features=[power]",
    "features.power.bands={slow: [1, 3], fast: [3, 12]}",
    "model.hidden=[8, 4]",
    "pretrain.epochs=1",
    "pretrain.joint_epochs=1",
    "split=subject_kfold",
    "split.n_folds=2",
    "windows.stride=8.0",
    "trainer.threads=1",
)
"""Overrides that make a run of the packaged set as small as it gets; everything else is as delivered."""


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """The folder of a finished run: power of two bands of the watch set, 4 codes, 2 folds, logistic head."""
    folder = tmp_path_factory.mktemp("runs") / "watch"
    assert main(["train", *TINY, "name=tiny", f"hydra.run.dir={folder}"]) == 0
    return folder


# In CI a skip is a failure unless its reason begins with one of these.
ALLOWED_SKIPS = ("no CUDA device",)


def pytest_terminal_summary(terminalreporter):
    """Name what CI must not skip."""
    for report in terminalreporter.stats.get("skipped", []):
        if not _allowed(report):
            terminalreporter.write_line(f"skipped in CI: {report.nodeid}: {report.longrepr[2]}", red=True)


def pytest_sessionfinish(session):
    """Fail in CI where a test was skipped for any other reason than those that are allowed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a worker of pytest-xdist: the process that hands out the tests hears of every skip
        return
    skipped = [report for report in reporter.stats.get("skipped", []) if not _allowed(report)]
    if os.environ.get("CI") and skipped and session.exitstatus == 0:
        session.exitstatus = 1


def _allowed(report):
    reason = report.longrepr[2].removeprefix("Skipped: ")
    return not os.environ.get("CI") or reason.startswith(ALLOWED_SKIPS)
