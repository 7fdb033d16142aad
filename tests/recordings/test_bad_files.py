"""Files that MNE reads, or refuses in its own way, but that are not what a recording is."""

import mne
import numpy as np
import pytest
from shell import as_anyone

from eegdae.recordings import load_recordings, read_recordings

from . import true_formats
from .true_sets import write_har


def test_no_channel(tmp_path, one_line):
    data = np.zeros((2, 256), dtype=np.int16)
    content = bytearray(true_formats.gdf2(data, sfreq=128, names=["a", "b"], events=[(1, 2, 3)]))
    content[252:254] = bytes(2)
    (tmp_path / "none.gdf").write_bytes(content)
    assert "none.gdf: its GDF header is damaged" in one_line(read_recordings, tmp_path / "none.gdf")
    raw = mne.io.RawArray(np.zeros((1, 300)), mne.create_info(["STI"], 100.0, "stim"), verbose="error")
    raw.save(tmp_path / "triggers_raw.fif", verbose="error")
    assert "triggers_raw.fif: no channel is left of STI" in one_line(
        read_recordings, tmp_path / "triggers_raw.fif"
    )


def test_a_trial_that_reaches_beyond_the_end_is_cut_there(tmp_path):
    data = np.random.default_rng(0).integers(-99, 99, size=(2, 256)).astype(np.int16)
    events = [(100, 1, 10_000), (9000, 2, 5), (50, 3, 10)]
    path = tmp_path / "late.gdf"
    path.write_bytes(true_formats.gdf2(data, sfreq=128, names=["a", "b"], events=events))
    (got,) = read_recordings(path)
    assert sorted((a.start, a.stop, a.label) for a in got.annotations) == [(50, 60, "3"), (100, 256, "1")]


def images(folder):
    from PIL import Image

    for name in "ab":
        (folder / name).mkdir(parents=True)
        for k in range(2):
            Image.fromarray(np.full((8, 8), 50 * k, np.uint8)).save(folder / name / f"{k}.png")
    return {"source": "images", "path": str(folder)}, ["", "a", "a/0.png"]


def machines(folder):
    for part in ("train", "test", "test_label"):
        (folder / part).mkdir(parents=True)
        values = np.arange(50) < 20 if part == "test_label" else np.random.default_rng(0).random((50, 3))
        np.savetxt(folder / part / "m-1.txt", values, delimiter=",", fmt="%d" if values.ndim == 1 else "%.6f")
    places = [f"{part}/m-1.txt" for part in ("train", "test", "test_label")]
    return {"source": "machines", "path": str(folder / "test")}, ["test", "train", "test_label", *places]


def activities(folder):
    write_har(folder)
    paths = [str(folder / part / f"subject_{part}.txt") for part in ("train", "test")]
    inside = ["train/subject_train.txt", "train/y_train.txt", "train/Inertial Signals", "activity_labels.txt"]
    return {"source": "har", "path": paths}, ["train", *inside]


@pytest.mark.parametrize("make", [images, machines, activities])
def test_sets_of_many_files_without_permission_or_with_a_link_to_nowhere(tmp_path, make, one_line):
    config, places = make(tmp_path / "own set")
    assert load_recordings(config)
    for place in places:
        there = tmp_path / "own set" / place
        mode = there.stat().st_mode
        there.chmod(0)
        try:
            message = as_anyone(one_line, load_recordings, config)
        finally:
            there.chmod(mode)
        assert str(there) in message
        if there.is_file():
            assert "Permission denied" in message
            content = there.read_bytes()
            there.unlink()
            there.symlink_to(there)
            assert str(there) in one_line(load_recordings, config)
            there.unlink()
            there.write_bytes(content)
    assert load_recordings(config)
