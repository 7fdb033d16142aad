import os
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from eegdae.connectivity.memory import free_memory, memory_budget, release
from eegdae.errors import EegdaeError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (1000, 1000),
        (2e9, 2_000_000_000),
        ("500 MB", 500_000_000),
        ("2GiB", 2 * 2**30),
        ("1.5 k", 1500),
        ("64kib", 65536),
        ("123", 123),
    ],
)
def test_amounts(given, expected):
    assert memory_budget(given) == expected


def test_the_default_is_a_quarter_of_what_is_free():
    assert 0.2 * free_memory() < memory_budget(None) < 0.3 * free_memory()
    assert free_memory() > 2**26


@pytest.mark.parametrize("given", [0, -5, "much", "1.2.3 GB", True, float("inf"), "0 GB"])
def test_no_amount(given):
    with pytest.raises(EegdaeError, match=r"max_memory: .*give bytes above 0, or text such as '2 GiB'"):
        memory_budget(given)


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    "view", [lambda x: x, lambda x: x[10:, 1:], lambda x: sliding_window_view(x, 100, axis=0)]
)
def test_pages_that_were_read_are_let_go(tmp_path, view):
    np.save(tmp_path / "x.npy", np.ones((2000, 4000)))  # 64 MB
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    before = resident()
    assert x.sum() == 8e6
    assert resident() - before > 50e6
    release(view(x))
    assert resident() - before < 10e6
    assert x.sum() == 8e6


def test_a_copy_on_write_keeps_what_was_written(tmp_path):
    np.save(tmp_path / "x.npy", np.ones(100_000))
    x = np.load(tmp_path / "x.npy", mmap_mode="c")
    x[:] = 2
    release(x)
    assert x.sum() == 200_000
    y = np.load(tmp_path / "x.npy", mmap_mode="r+")
    y[:] = 3
    release(y)
    assert y.sum() == 300_000
    release(np.ones(3))
    release("x")
