"""Random damage to small valid files gives recordings or one line, never a traceback and never a hang."""

import signal

import mne
import numpy as np
import pytest

from eegdae.errors import EegdaeError
from eegdae.recordings import read_recordings

from . import true_formats
from .mutations import check_sound

NAMES = ["Fz", "Cz"]
SECONDS = 5


def a_raw():
    data = np.random.default_rng(0).normal(size=(2, 256)) * 2e-5
    raw = mne.io.RawArray(data, mne.create_info(NAMES, 128.0, "eeg"), verbose="error")
    return raw.set_annotations(mne.Annotations([0.1, 0.5], [0.2, 0.0], ["a", "b"]))


def write(folder, name):
    path = folder / name
    if name.endswith("fif"):
        a_raw().save(path, verbose="error")
    elif name.endswith(("gdf", "cnt")):
        data = np.random.default_rng(0).integers(-500, 500, size=(2, 256)).astype(np.int16)
        make = {"1.gdf": true_formats.gdf1, "2.gdf": true_formats.gdf2, "3.cnt": true_formats.cnt}[name]
        path.write_bytes(make(data, sfreq=128, names=NAMES, events=[(10, 769, 20), (100, 770, 20)]))
    else:
        mne.export.export_raw(path, a_raw(), verbose="error")
    return path


def mutated(content, rng):
    """Change, cut out, double or put in some bytes, or cut the end off, one to four times; mostly early."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        reach = len(data) if rng.random() < 0.3 else min(len(data), 1500)
        at = int(rng.integers(0, max(reach, 1)))
        n = int(rng.integers(1, 9))
        kind = rng.integers(0, 5)
        if kind == 0:
            data[at : at + n] = rng.bytes(n)
        elif kind == 1:
            del data[at : at + n]
        elif kind == 2:
            data[at:at] = data[at : at + n]
        elif kind == 3:
            data[at:at] = rng.bytes(n)
        elif rng.random() < 0.3:
            del data[at:]
        else:
            data[at : at + 1] = bytes([rng.integers(0, 256)])
    return bytes(data)


def hang(*_):
    raise TimeoutError(f"took longer than {SECONDS} s")


def try_all(path, target, seeds):
    """Read the file at `path` with `target` damaged, once a seed; how many were read and how many refused."""
    content = target.read_bytes()
    told = {"read": 0, "refused": 0, "of several lines": 0}
    before = signal.signal(signal.SIGALRM, hang)
    try:
        for seed in seeds:
            target.write_bytes(mutated(content, np.random.default_rng(seed)))
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
            try:
                got = read_recordings(path, events="all")
            except EegdaeError as error:
                told["refused" if "\n" not in str(error) else "of several lines"] += 1
            except BaseException as error:
                raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
            else:
                told["read"] += 1
                check_sound(got)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.signal(signal.SIGALRM, before)
        target.write_bytes(content)
    assert not told["of several lines"]
    return told


FORMATS = {
    "a.edf": ("a.edf",),
    "a.bdf": ("a.bdf",),
    "a.vhdr": ("a.vhdr", "a.vmrk", "a.eeg"),
    "a.set": ("a.set",),
    "a_raw.fif": ("a_raw.fif",),
    "1.gdf": ("1.gdf",),
    "2.gdf": ("2.gdf",),
    "3.cnt": ("3.cnt",),
}


@pytest.mark.parametrize("name", FORMATS)
def test_random_damage(tmp_path, name):
    path = write(tmp_path, name)
    assert len(read_recordings(path)) == 1
    targets = FORMATS[name]
    for target in targets:
        told = try_all(path, tmp_path / target, range(200 // len(targets)))
        assert told["refused"] or target.endswith((".vmrk", ".eeg"))


@pytest.mark.parametrize(
    "table", ["channels.tsv", "events.tsv", "electrodes.tsv", "coordsystem.json", "eeg.json"]
)
@pytest.mark.parametrize("n", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_random_damage_of_the_tables_of_a_bids_data_set(tmp_path, table, n):
    mne_bids = pytest.importorskip("mne_bids")
    raw = a_raw().set_montage("biosemi64", verbose="error")
    raw.info["line_freq"] = 50
    place = mne_bids.BIDSPath(root=tmp_path, subject="01", task="rest", datatype="eeg")
    mne_bids.write_raw_bids(raw, place, allow_preload=True, format="BrainVision", verbose="error")
    (target,) = tmp_path.rglob(f"*_{table}")
    try_all(tmp_path, target, range(n))


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_much_random_damage(tmp_path, name):
    path = write(tmp_path, name)
    for target in FORMATS[name]:
        try_all(path, tmp_path / target, range(1000, 1000 + 5000 // len(FORMATS[name])))
