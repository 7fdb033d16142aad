"""Recordings to stored windows, and random batches from them: beside MNE, braindecode and main memory.

    python scripts/bench_recordings.py [--out benchmarks/recordings.json]

The files of eegmat (EDF, 21 channels, 500 Hz) are cut into windows of two seconds side by side, as they are.
Each way runs in a process of its own, several times in turn: seconds from the files to the windows, imports
apart, and the process's peak memory above what it had after them. MNE: ``make_fixed_length_epochs`` and
``get_data`` of every file, all in one array at the end. braindecode: ``create_fixed_length_windows`` and
every window once, where it can be imported. This package writes the windows to the disk besides, as
``eegdae train`` does. Batches: 128 windows at random from the store, warm, against the same from an array.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from eegdae.recordings import data_dir
from eegdae.run import git_commit, versions

REPEATS = 5
SIZE = 2.0
BATCH, N_BATCHES = 128, 200

COMMON = """
import json, sys, time
from pathlib import Path
files = [Path(name) for name in sys.argv[2:]]
"""
MEASURE = """
def resident(which):
    # not ru_maxrss, in which a process inherits the peak of the one that started it
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(which))
before, start = resident("VmRSS"), time.perf_counter()
shape = work()
seconds = time.perf_counter() - start
peak = resident("VmHWM")
print(json.dumps({"seconds": seconds, "peak": peak - before, "shape": list(shape)}))
"""
WAYS = {
    "eegdae": """
import logging, mne
from eegdae.cutting import Cutting
from eegdae.recordings import Reader
from eegdae.store import build, read
import eegdae.recordings.reader
mne.io.read_raw(files[0], preload=False, verbose="error")
def work():
    folder = Path(sys.argv[1]) / "store"
    reader = Reader({"source": "mne", "path": [str(f) for f in files], "prepare": {"unit": "arbitrary"}})
    build(folder, files, reader, Cutting(SIZE))
    return read(folder).x.shape
""",
    "mne": """
import mne, numpy as np
mne.io.read_raw(files[0], preload=False, verbose="error")
def work():
    parts = []
    for file in files:
        raw = mne.io.read_raw(file, preload=False, verbose="error")
        epochs = mne.make_fixed_length_epochs(raw, duration=SIZE, preload=True, verbose="error")
        parts.append(epochs.get_data(copy=False).astype(np.float32))
    return np.concatenate(parts).shape
""",
    "braindecode": """
import mne, numpy as np
from braindecode.datasets import BaseConcatDataset, RawDataset
from braindecode.preprocessing import create_fixed_length_windows
mne.io.read_raw(files[0], preload=False, verbose="error")
def work():
    sets = [RawDataset(mne.io.read_raw(file, preload=True, verbose="error")) for file in files]
    n = round(SIZE * 500)
    windows = create_fixed_length_windows(
        BaseConcatDataset(sets), window_size_samples=n, window_stride_samples=n, drop_last_window=True
    )
    return np.stack([windows[k][0] for k in range(len(windows))]).shape
""",
}
BATCHES = """
import numpy as np
from eegdae.store import read
x = read(Path(sys.argv[1])).x
ram = np.array(x)
found = {"store": [], "ram": []}
for turn in range(5):
    for name, source in (("store", x), ("ram", ram)):
        rng = np.random.default_rng(turn)
        start = time.perf_counter()
        for _ in range(N_BATCHES):
            source[rng.integers(0, len(x), BATCH)].sum()
        found[name].append(time.perf_counter() - start)
print(json.dumps({name: float(np.median(values)) for name, values in found.items()}))
"""


def run(code: str, folder: str, files: list[Path]) -> dict[str, Any] | None:
    """Run a way in a process of its own; None where its package cannot be imported."""
    names = f"SIZE, BATCH, N_BATCHES = {SIZE}, {BATCH}, {N_BATCHES}\n"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COMMON + names + code, folder, *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    if done.returncode:
        if "ImportError" in done.stderr or "ModuleNotFoundError" in done.stderr or "OSError" in done.stderr:
            return None
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(files: list[Path]) -> dict[str, Any]:
    """Run every way in turn, several times; return what goes into the file."""
    seconds: dict[str, list[float]] = {}
    peaks: dict[str, list[float]] = {}
    missing: list[str] = []
    shapes: dict[str, list[int]] = {}
    for _ in range(REPEATS):
        for name, code in WAYS.items():
            if name in missing:
                continue
            with tempfile.TemporaryDirectory() as folder:
                found = run(code + MEASURE, folder, files)
            if found is None:
                missing.append(name)
                continue
            seconds.setdefault(name, []).append(found["seconds"])
            peaks.setdefault(name, []).append(found["peak"] / 1e6)
            shapes[name] = found["shape"]
    with tempfile.TemporaryDirectory() as folder:
        run(WAYS["eegdae"] + MEASURE, folder, files)
        batches = run(BATCHES, f"{folder}/store", [])
    assert batches is not None
    ratio = {name: _ratio(values, seconds["eegdae"]) for name, values in seconds.items()}
    return {
        "command": "python scripts/bench_recordings.py",
        "files": len(files),
        "cores": os.cpu_count(),
        "commit": git_commit(),
        "versions": versions(),
        "shape": shapes,
        "windows_per_second": {name: shapes[name][0] / float(np.median(s)) for name, s in seconds.items()},
        "seconds_over_eegdae": ratio,
        "peak_megabytes": {name: float(np.median(values)) for name, values in peaks.items()},
        "cannot_be_imported": missing,
        "random_batches_ram_over_store": batches["ram"] / batches["store"],
    }


def _ratio(values: list[float], own: list[float]) -> dict[str, float]:
    each = np.array(values) / np.array(own)
    return {"median": float(np.median(each)), "low": float(each.min()), "high": float(each.max())}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/recordings.json"))
    args = parser.parse_args()
    files = sorted((data_dir() / "eegmat").glob("Subject*.edf"))
    if not files:
        raise SystemExit("EEGDAE_DATA_DIR has no eegmat; 'eegdae data get eegmat' fetches it")
    result = measure(files)
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    shown = ("windows_per_second", "seconds_over_eegdae", "peak_megabytes", "random_batches_ram_over_store")
    print(json.dumps({key: result[key] for key in shown}, indent=1))


if __name__ == "__main__":
    main()
