"""Random damage to small valid files gives recordings or one line, never a traceback and never a hang.

Kinds of which a richer file is damaged in the tests of their source are not among these.
"""

import pickle
import warnings

import mne
import numpy as np
import pytest

from eegdae.errors import EegdaeError
from eegdae.recordings import read_recordings

from .every_source import KINDS, written
from .mutations import survives

EVENTS = {
    "edf": [(20, 30, "a"), (70, 0, "b")],
    "gdf1": [(10, 20, "769"), (100, 20, "770")],
    "brainvision": [(20, 30, "a"), (70, 1, "b")],
}
EVENTS |= dict.fromkeys(("bdf", "eeglab", "fif"), EVENTS["edf"]) | dict.fromkeys(
    ("gdf2", "cnt"), EVENTS["gdf1"]
)


def damage(folder, kind, n, seed):
    """Damage each file of a recording, n copies in all; give how many were read and how many refused."""
    one = KINDS[kind]
    path = written(folder, kind, events=EVENTS[kind]) if kind in EVENTS else written(folder, kind)
    options = one.options | ({"events": "all"} if kind in EVENTS else {})
    assert read_recordings(path, **options)
    files = [path.with_suffix(ending) for ending in one.files] or [path]
    told = [
        survives(file, file.read_bytes(), n=n // len(files) + 1, seed=seed, reading=path, **options)
        for file in files
    ]
    return tuple(map(sum, zip(*told, strict=True)))


OWN = [*EVENTS, "ts", "telemanom"]


@pytest.mark.parametrize("kind", OWN)
def test_random_damage(tmp_path, kind):
    read, refused = damage(tmp_path, kind, 200, seed=0)
    assert read
    assert refused


@pytest.mark.slow
@pytest.mark.parametrize("kind", OWN)
def test_much_random_damage(tmp_path, kind):
    assert sum(damage(tmp_path, kind, 5000, seed=1)) >= 5000


@pytest.mark.parametrize(
    "table", ["channels.tsv", "events.tsv", "electrodes.tsv", "coordsystem.json", "eeg.json"]
)
@pytest.mark.parametrize("n", [40, pytest.param(1000, marks=pytest.mark.slow)])
def test_random_damage_of_the_tables_of_a_bids_data_set(tmp_path, table, n):
    mne_bids = pytest.importorskip("mne_bids")
    data = np.random.default_rng(0).normal(size=(2, 256)) * 2e-5
    raw = mne.io.RawArray(data, mne.create_info(["Fz", "Cz"], 128.0, "eeg"), verbose="error")
    raw.set_annotations(mne.Annotations([0.1, 0.5], [0.2, 0.0], ["a", "b"]))
    raw.set_montage("biosemi64", verbose="error")
    raw.info["line_freq"] = 50
    place = mne_bids.BIDSPath(root=tmp_path, subject="01", task="rest", datatype="eeg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mne_bids.write_raw_bids(raw, place, allow_preload=True, format="BrainVision", verbose="error")
    (file,) = tmp_path.rglob(f"*_{table}")
    survives(file, file.read_bytes(), n=n, reading=tmp_path, events="all")


def test_an_error_is_one_line_whatever_a_damaged_name_holds():
    error = EegdaeError("own.mat: there is no 'x'; known: a\nb, c\r\nd\u2028e")
    assert str(error) == "own.mat: there is no 'x'; known: a b, c d e"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
