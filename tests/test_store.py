import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib.externals.loky import get_reusable_executor
from shell import full_disk

from eegdae.cutting import Cutting
from eegdae.errors import EegdaeError
from eegdae.recordings import Annotation, as_recording
from eegdae.store import build, read
from eegdae.windows import Windows, make_windows
from eegdae.workers import Workers

ROOT = Path(__file__).parents[1]


def rec(seed, *, gaps=False, n_times=300, **changes):
    data = np.random.default_rng(seed).normal(size=(3, n_times))
    if gaps:
        data[1, 40:43] = np.nan
    return as_recording(
        data,
        **{
            "sfreq": 50.0,
            "ch_names": ["Fz", "Cz", "Pz"],
            "unit": "uV",
            "interpolated": ["Pz"] if seed == 1 else [],
            "source": f"{seed}.edf",
            "subject": f"0{seed}",
            "run": "NA" if seed % 2 else "",
            "annotations": [Annotation(0, n_times, "ab"[seed % 2])],
        }
        | changes,
    )


# all that windows hold besides what `same` compares by itself: a new field must not be forgotten on the disk
FIELDS = {field.name for field in fields(Windows)} - {"x", "mask", "metadata", "ch_pos"}


def one(recording):
    """Load an item that is a recording."""
    return [recording]


def same(stored, plain):
    assert np.array_equal(stored.x, plain.x)
    assert stored.x.dtype == np.float32
    assert (stored.mask is None) == (plain.mask is None)
    if plain.mask is not None:
        assert np.array_equal(stored.mask, plain.mask)
    assert stored.metadata.columns.tolist() == plain.metadata.columns.tolist()
    for column in plain.metadata:
        assert stored.metadata[column].tolist() == plain.metadata[column].tolist(), column
    for name in (
        "sfreq",
        "ch_names",
        "units",
        "classes",
        "dropped",
        "interpolated",
        "reference",
        "laplacian",
    ):
        assert getattr(stored, name) == getattr(plain, name), name
    assert (stored.ch_pos is None) == (plain.ch_pos is None)
    if plain.ch_pos is not None:
        assert np.array_equal(stored.ch_pos, plain.ch_pos)


@settings(max_examples=25, deadline=None)
@given(gaps=st.lists(st.booleans(), min_size=1, max_size=4), stride=st.sampled_from([0.1, 0.5, 1.0]))
def test_what_is_read_back_is_what_would_have_been_in_memory(tmp_path_factory, gaps, stride):
    folder = tmp_path_factory.mktemp("store") / "a"
    recordings = [rec(k, gaps=gap, ch_pos=np.eye(3)) for k, gap in enumerate(gaps)]
    build(folder, recordings, one, Cutting(0.5, stride, max_missing=0.5))
    same(read(folder), make_windows(recordings, size=0.5, stride=stride, max_missing=0.5))
    assert sorted(os.listdir(folder.parent)) == ["a"]


def test_caps_bad_channels_and_classes(tmp_path):
    flat = rec(1)
    flat.data[2] = 1.0
    recordings = [rec(0), flat, rec(2, ch_names=["Pz", "fz", "Oz"])]
    how = {"classes": ["b", "a"]}
    build(tmp_path / "a", recordings, one, Cutting(1.0), shared=True, drop=True, **how)
    plain = make_windows(recordings, size=1.0, channels="shared", bad_channels="drop", **how)
    same(read(tmp_path / "a"), plain)
    assert plain.ch_names == ("Fz",)


def test_blocks_are_smaller_than_recordings(tmp_path, monkeypatch):
    monkeypatch.setattr("eegdae.store.BLOCK_BYTES", 3 * 4 * 25 * 7)
    recordings = [rec(0), rec(1, gaps=True), rec(2)]
    build(tmp_path / "a", recordings, one, Cutting(0.5, 0.02, max_missing=0.5))
    same(read(tmp_path / "a"), make_windows(recordings, size=0.5, stride=0.02, max_missing=0.5))


def test_recordings_that_give_no_window_come_first(tmp_path):
    mask = np.ones((3, 200), dtype=bool)
    mask[0, ::10] = False
    odd = rec(2, annotations=[Annotation(0, 300, 'a, "b"')])
    recordings = [rec(0, n_times=200, mask=mask), rec(1, n_times=200, mask=mask, interpolated=[]), odd]
    build(tmp_path / "a", recordings, one, Cutting(1.0))
    same(read(tmp_path / "a"), make_windows(recordings, size=1.0))


@pytest.mark.parametrize("drop", [False, True])
def test_processes_build_what_one_builds(tmp_path, drop):
    recordings = [rec(0), rec(1, gaps=True), rec(2), rec(3)]
    how = {"shared": drop, "drop": drop}
    for n_jobs in (1, 2):
        folder = tmp_path / str(n_jobs)
        cutting = Cutting(0.5, 0.1, max_missing=0.5)
        build(folder, recordings, one, cutting, workers=Workers(n_jobs), **how)
    names = sorted(path.name for path in (tmp_path / "1").iterdir())
    assert names == ["mask.npy", "metadata.csv", "store.json", "x.npy"]
    assert sorted(path.name for path in (tmp_path / "2").iterdir()) == names
    for name in names:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_an_error_in_a_process_is_the_same_line(tmp_path):
    flat = rec(1)
    flat.data[2] = 1.0
    for n_jobs in (1, 2):
        with pytest.raises(EegdaeError, match=r"1.edf: channel Pz is flat"):
            build(tmp_path / "a", [rec(0), flat], one, Cutting(0.5), workers=Workers(n_jobs))
        assert os.listdir(tmp_path) == []


def test_signals_stay_on_disk_and_files_never_change(tmp_path):
    build(tmp_path / "a", [rec(0)], one, Cutting(0.5))
    before = (tmp_path / "a/x.npy").read_bytes()
    windows = read(tmp_path / "a")
    assert isinstance(windows.x, np.memmap)
    windows.x[0] = 0
    del windows
    assert (tmp_path / "a/x.npy").read_bytes() == before


@pytest.mark.parametrize(
    ("recordings", "how", "words"),
    [
        ([], {}, "no recordings"),
        ([rec(0), rec(1, sfreq=100.0)], {}, "0.edf and 1.edf have different sampling rates"),
        ([rec(0)], {"classes": ["x"]}, "0.edf: label 'a' is not among the classes"),
        ([rec(0, n_times=10)], {}, "0.edf: the longest trial lasts 0.2 s"),
    ],
)
def test_a_build_that_fails_leaves_nothing(tmp_path, recordings, how, words):
    with pytest.raises(EegdaeError, match=words):
        build(tmp_path / "a", recordings, one, Cutting(0.5), **how)
    assert os.listdir(tmp_path) == []


def test_an_interrupted_build_leaves_nothing(tmp_path):
    def stopped(number):
        yield rec(0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "a", [0], stopped, Cutting(0.5))
    assert os.listdir(tmp_path) == []


def test_who_comes_second_leaves_the_first(tmp_path):
    def slow(number):
        build(tmp_path / "a", [rec(0)], one, Cutting(0.5))
        yield rec(0)

    build(tmp_path / "a", [0], slow, Cutting(0.5))
    same(read(tmp_path / "a"), make_windows([rec(0)], size=0.5))
    assert os.listdir(tmp_path) == ["a"]


def damage(folder, name):
    file = folder / name
    if name == "store.json":
        about = json.loads(file.read_text())
        file.write_text(json.dumps({**about, "schema": 0}))
    else:
        file.write_bytes(file.read_bytes()[:-30])


@pytest.mark.parametrize("name", ["x.npy", "mask.npy", "metadata.csv", "store.json"])
@pytest.mark.parametrize("how", ["cut", "gone", "empty"])
def test_damaged_stores_are_refused_in_one_line(tmp_path, name, how):
    build(tmp_path / "a", [rec(0, gaps=True)], one, Cutting(0.5, max_missing=0.5))
    if how == "cut":
        damage(tmp_path / "a", name)
    elif how == "gone":
        (tmp_path / "a" / name).unlink()
    else:
        (tmp_path / "a" / name).write_bytes(b"")
    with pytest.raises(EegdaeError, match="cannot be read as stored windows") as caught:
        read(tmp_path / "a")
    assert "\n" not in str(caught.value)


BIG = """
import sys
from dataclasses import fields
import numpy as np
from pathlib import Path
import resource
from eegdae.cutting import Cutting
from eegdae.recordings import as_recording
from eegdae.store import build, read

n_gb, limit = float(sys.argv[2]), int(sys.argv[3])
import torch  # what a command has loaded by then
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

def load(seed):
    # recordings of 20 MB, whose windows overlap by nine tenths: 200 MB
    n_times = 625_000
    data = np.random.default_rng(seed).standard_normal((8, n_times), dtype=np.float32)
    yield as_recording(data, sfreq=100.0, ch_names=list("abcdefgh"), source=str(seed), subject=str(seed))

folder = Path(sys.argv[1])
build(folder, range(int(5 * n_gb)), load, Cutting(10.0, 1.0))
print(sum(file.stat().st_size for file in folder.iterdir()))
"""


def test_memory_does_not_grow_with_the_set(tmp_path):
    """2 GB of windows are built by a process that may have 1 GiB of memory of its own."""
    assert int(built(tmp_path, 2.0, 2**30)) > 1.9e9
    x = np.load(tmp_path / "a/x.npy", mmap_mode="r")
    last = np.random.default_rng(9).standard_normal((8, 625_000), dtype=np.float32)
    n_each = (625_000 - 1000) // 100 + 1
    assert x.shape == (10 * n_each, 8, 1000)
    assert np.array_equal(x[-n_each + 7], last[:, 700:1700])


@pytest.mark.slow
def test_memory_does_not_grow_with_a_large_set(tmp_path):
    assert int(built(tmp_path, 20.0, 2**30)) > 19e9


def built(tmp_path, n_gb, limit):
    done = subprocess.run(
        [sys.executable, "-c", BIG, str(tmp_path / "a"), str(n_gb), str(limit)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def own_processes():
    """Processes of joblib that this test alone uses: they take the limits that they are started under."""
    get_reusable_executor().shutdown(wait=True)
    yield
    get_reusable_executor().shutdown(wait=True)


@pytest.mark.usefixtures("own_processes")
@pytest.mark.parametrize(("n_bytes", "n_jobs"), [(0, 1), (50, 1), (5_000, 1), (100_000, 1), (5_000, 2)])
def test_a_disk_that_fills_up_leaves_nothing(tmp_path, n_bytes, n_jobs):
    """At the first byte, in a header, where what is left is written at the end, and in between."""
    with full_disk(n_bytes), pytest.raises(EegdaeError, match="windows cannot be written") as caught:
        build(tmp_path / "a", [rec(0, n_times=20_000)], one, Cutting(1.0), workers=Workers(n_jobs))
    assert str(caught.value) == (
        f"{tmp_path}: windows cannot be written: File too large; nothing is left of them; make room, or set "
        "prepare.store to another folder, or to null to keep windows in memory"
    )
    assert os.listdir(tmp_path) == []
