"""Commands as a user types them: in this process where that will do, else as a process of its own."""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from eegdae.cli import main

SMALL = (
    "~experiment",
    "data=mine",
    "features=[power]",
    "split=subject_kfold",
    "split.n_folds=2",
    "trainer.threads=1",
    "model.hidden=[8,4]",
    "pretrain.epochs=1",
    "pretrain.joint_epochs=1",
)
"""Overrides that make a run of the recordings of `my_recordings` as small as it gets."""


def recordings(*, n_chans=3, n_people=4, n_times=200, sfreq=50.0, seed=0):
    """Arrays in the layout of `eegdae.recordings.npz`: two recordings a person, of class x and of class y."""
    n = 2 * n_people
    data = np.random.default_rng(seed).normal(size=(n, n_times, n_chans))
    data[1::2] *= 2  # what tells y from x
    return {
        "data": data.reshape(n * n_times, n_chans).astype(np.float32),
        "offsets": np.arange(n + 1) * n_times,
        "sfreq": np.array(sfreq),
        "ch_names": np.array([f"c{k}" for k in range(n_chans)]),
        "label": np.array(["x", "y"] * n_people),
        "subject": np.array([str(k // 2) for k in range(n)]),
        "run": np.array([str(k) for k in range(n)]),
    }


def my_recordings(folder, arrays=None, **changes):
    """Save recordings and a folder with the choice ``data=mine``; return the flags that add it."""
    folder = Path(folder)
    (folder / "my conf/data").mkdir(parents=True, exist_ok=True)
    np.savez(folder / "mine.npz", **{**(arrays or recordings()), **changes})
    (folder / "my conf/data/mine.yaml").write_text(
        f"name: mine\nsource: npz\npath: {folder / 'mine.npz'}\nbands: {{low: [1, 5], high: [5, 20]}}\n"
    )
    return ["--config-dir", str(folder / "my conf")]


def error_line(capsys, args):
    """Run a command that must fail; return its error after the checks that every error passes."""
    capsys.readouterr()
    status = main([str(arg) for arg in args])
    return checked_line(status, capsys.readouterr().err)


def checked_line(status, stderr):
    """Check exit status 2 and exactly one line of the right form on stderr; return what it says."""
    assert status == 2, stderr
    assert stderr.startswith("eegdae: error: "), stderr
    assert stderr.endswith("\n"), stderr
    assert stderr.count("\n") == 1, stderr
    return stderr.removeprefix("eegdae: error: ").strip()


def command(args, *, cwd=None, env=None, **popen):
    """Start a command as a process of its own; its output is kept in pipes."""
    program = "import sys; from eegdae.cli import main; sys.exit(main())"
    root = str(Path(__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": root, **(env or {})},
        **popen,
    )


class Forked:
    """A command as a process of its own, forked from one that has imported the package: no start of 4 s.

    Has what is used of `subprocess.Popen`.
    """

    def __init__(self, args):
        fork = multiprocessing.get_context("forkserver")
        fork.set_forkserver_preload(["eegdae.cli", "eegdae.tasks.train", "eegdae.tasks.launch"])
        self._folder = Path(tempfile.mkdtemp())
        self._process = fork.Process(target=_forked, args=(list(map(str, args)), str(self._folder)))
        self._process.start()
        self.pid = self._process.pid

    @property
    def returncode(self):
        return self._process.exitcode

    def poll(self):
        return self._process.exitcode

    def send_signal(self, number):
        os.kill(self.pid, number)

    def communicate(self, timeout=None):
        self._process.join(timeout)
        if self.returncode is None:
            raise TimeoutError(f"process {self.pid} runs for more than {timeout} s")
        said = [
            (self._folder / name).read_text() for name in ("out", "err") if (self._folder / name).exists()
        ]
        shutil.rmtree(self._folder)
        return said or ["", ""]


def _forked(args, folder):
    for name, stream in (("out", sys.stdout), ("err", sys.stderr)):
        stream.flush()
        with open(f"{folder}/{name}", "w") as file:
            os.dup2(file.fileno(), {"out": 1, "err": 2}[name])
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    status = main(args)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def finish(process, *, timeout=120):
    """Wait for a process; return its exit status, stdout and stderr."""
    out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err


class _Head(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Bits(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable"))


def as_anyone(function, *args, **kwargs):
    """Call a function in a thread for which permissions count, also where the tests are root's.

    Root may read and write anywhere by two capabilities, which a thread can lay down for itself.
    """
    done = {}

    def run():
        libc, head, bits = ctypes.CDLL(None), _Head(0x20080522, 0), (_Bits * 2)()  # linux/capability.h
        assert libc.capget(ctypes.byref(head), bits) == 0
        bits[0].effective &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        assert libc.capset(ctypes.byref(head), bits) == 0
        try:
            done["result"] = function(*args, **kwargs)
        except BaseException as error:
            done["error"] = error

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if "error" in done:
        raise done["error"]
    return done["result"]


@contextmanager
def full_disk(n_bytes):
    """Let no file of this process grow beyond a size: what a full disk says, but for the word.

    It says "File too large". Python has the signal of it ignored.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def run_json(folder):
    """Read ``run.json`` of a run folder."""
    return json.loads((Path(folder) / "run.json").read_text())


def left_overs(folder):
    """Files that an interrupted or failed write left behind."""
    return sorted(str(path) for path in Path(folder).rglob(".tmp-*"))


def eeg_files():
    """The EDF files of the eegmat set; skips the test where they are not."""
    folder = Path(os.environ.get("EEGDAE_DATA_DIR", "/nowhere")) / "eegmat"
    files = sorted(folder.glob("Subject*.edf"))
    if not files:
        pytest.skip("EEGDAE_DATA_DIR has no eegmat")
    return files
