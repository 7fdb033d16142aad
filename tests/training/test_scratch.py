import os
import subprocess
import sys
import textwrap

import pytest
import torch

from eegdae.errors import EegdaeError
from eegdae.training import scratch
from eegdae.training.scratch import by_blocks

X = torch.randn(1000, 7, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(scratch, "BLOCK_BYTES", 28 * 100)


@pytest.mark.parametrize("n", [1, 99, 100, 101, 1000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bool])
def test_the_same_numbers_wherever_they_lie(small_blocks, n, dtype):
    def rows(block):
        return (X[:n][block] * 2).to(dtype)

    near, far = (by_blocks(rows, n, row_bytes=28, memory_gb=gb) for gb in (1.0, 0.0))
    assert torch.equal(near, (X[:n] * 2).to(dtype))
    assert torch.equal(far, near)
    assert far.dtype == dtype


def test_rows_come_in_order_and_once(small_blocks):
    seen = []

    def rows(block):
        seen.append((block.start, block.stop))
        return X[block]

    by_blocks(rows, 1000, row_bytes=28, memory_gb=0.0)
    assert seen == [(k, k + 100) for k in range(0, 1000, 100)]


def test_nothing_is_left_in_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path))
    mapped = by_blocks(lambda block: X[block], 1000, row_bytes=28, memory_gb=0.0)
    assert os.listdir(tmp_path) == []
    assert torch.equal(mapped, X)


def test_a_full_disk_is_one_line(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scratch.os, "posix_fallocate", full)
    with pytest.raises(EegdaeError, match=r"no room for 0\.0 GB .*No space left.*TMPDIR.*trainer\.memory_gb"):
        by_blocks(lambda block: X[block], 1000, row_bytes=28, memory_gb=0.0)


PROGRAM = """
import sys, threading, time
import numpy as np, torch
from eegdae.corruption import Gaussian
from eegdae.evaluation.recipe import Data
from eegdae.evaluation.fitting import fit_models
from eegdae.evaluation.recipe import HeadSpec, Recipe
from eegdae.features import View
from eegdae.training import Hardware, Schedule, scratch

N, F = 200_000, 500
torch.set_num_threads(1)
peak, busy = 0, True

def private():
    # pages of a file that is mapped are the file's: the system takes them back when it needs room
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) / 1e6

def watch():
    global peak
    while busy:
        peak = max(peak, private())
        time.sleep(0.002)

def recipe(n_rows, memory_gb):
    return Recipe(
        views=(View("raw", "raw"),), hidden=(400, 8), scaler="standard", corruption=Gaussian(), level=0.0,
        schedule=Schedule("greedy", 1, 0, 1024, hardware=Hardware(memory_gb=memory_gb)), network={},
        head=HeadSpec(),
    )

def data(x):
    return Data({"raw": x}, np.zeros(len(x), np.int64), 1, 100)

fit_models(data(torch.randn(200, F)), np.arange(200), recipe(200, 1.0), fold=0, compare=False)
x = torch.from_file(sys.argv[1], shared=True, size=N * F).view(N, F)
for start in range(0, N, 10_000):
    x[start : start + 10_000].normal_()
start = private()
thread = threading.Thread(target=watch)
thread.start()
fitted = fit_models(data(x), np.arange(N), recipe(N, float(sys.argv[2])), fold=0, compare=False)
busy = False
thread.join()
print(x.nbytes / 1e9, peak - start, fitted.history[-1]["loss"])
"""


@pytest.mark.slow
def test_a_set_larger_than_the_budget_is_trained_on_in_less_memory(tmp_path):
    """Peak of private memory over that before, with the set as file: scaled rows and codes mapped, or not."""

    def measured(memory_gb):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(PROGRAM), str(tmp_path / "x"), str(memory_gb)],
            env={**os.environ, "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        (tmp_path / "x").unlink()
        return [float(word) for word in done.stdout.split()]

    size, peak, _ = measured(0.03)
    _, plain, _ = measured(100.0)
    assert size == 0.4
    assert peak < size
    assert plain > 2 * size
