import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from eegdae.recordings import SOURCES, load_recordings, read_recordings
from eegdae.windows import make_windows

from .mutations import survives

RNG = np.random.default_rng(0)
TABLE = """chan_id,spacecraft,anomaly_sequences,class,num_values
P-1,SMAP,"[[2, 3], [7, 7]]","[point, point]",10
P-2,SMAP,"[[0, 1]]",[point],10
"""


def parts(**changes):
    whole = {
        "train": RNG.normal(size=(8, 3)),
        "test": RNG.normal(size=(10, 3)),
        "test_label": np.array([0, 0, 1, 1, 0, 0, 0, 1, 0, 0], dtype=np.int8),
    }
    return {key: value for key, value in (whole | changes).items() if value is not None}


def marks(rec):
    return [(a.start, a.stop, a.label) for a in rec.annotations]


def authors_folder(folder, arrays):
    for part in ("train", "test"):
        (folder / part).mkdir(parents=True)
        np.save(folder / part / "P-1.npy", arrays[part])
    (folder / "labeled_anomalies.csv").write_text(TABLE)
    return folder / "test/P-1.npy"


def test_both_forms_are_read_alike(tmp_path):
    arrays = parts()
    np.savez(tmp_path / "SMAP_P-1.npz", **arrays)
    whole = read_recordings(tmp_path / "SMAP_P-1.npz", source="telemanom")
    authors = read_recordings(authors_folder(tmp_path / "data", arrays), source="telemanom")
    for train, test in (whole, authors):
        assert np.array_equal(train.data, arrays["train"][:, :1].T.astype(np.float32))
        assert np.array_equal(test.data, arrays["test"][:, :1].T.astype(np.float32))
        assert (train.session, test.session, train.subject, test.subject) == ("train", "test", "P-1", "P-1")
        assert marks(train) == []
        assert marks(test) == [
            *((0, 2, "normal"), (2, 4, "anomaly"), (4, 7, "normal")),
            *((7, 8, "anomaly"), (8, 10, "normal")),
        ]
        assert (test.sfreq, test.ch_names, test.unit) == (1 / 60, ("telemetry",), "a.u.")


def test_a_folder_of_either_form(tmp_path, data_config):
    arrays = parts()
    (tmp_path / "a/smap-msl").mkdir(parents=True)
    np.savez(tmp_path / "a/smap-msl/SMAP_P-1.npz", **arrays)
    authors_folder(tmp_path / "b/smap-msl", arrays)
    authors_folder(tmp_path / "c[1]/smap-msl/data", arrays)
    (tmp_path / "c[1]/smap-msl/data/labeled_anomalies.csv").rename(
        tmp_path / "c[1]/smap-msl/labeled_anomalies.csv"
    )
    for folder in ("a", "b", "c[1]"):
        _, test = load_recordings(data_config("smap_msl", data_dir=tmp_path / folder))
        assert np.array_equal(test.data, arrays["test"][:, :1].T.astype(np.float32))
        assert len(marks(test)) == 5


def test_what_is_read_beside_it(tmp_path):
    file = authors_folder(tmp_path / "data", parts())
    beside = SOURCES["telemanom"].beside
    assert beside(file, {}) == [tmp_path / "data/train/P-1.npy", tmp_path / "data/labeled_anomalies.csv"]
    assert beside(tmp_path / "SMAP_P-1.npz", {}) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"test": None}, "has no array 'test'"),
        ({"test_label": np.zeros(9)}, "test_label must be one 0 or 1 for each of 10 samples"),
        ({"test_label": np.full(10, 2)}, "test_label must be one 0 or 1"),
        ({"train": np.zeros(8)}, "train: must be numbers"),
        ({"train": np.zeros((8, 0))}, "train: must be numbers"),
        ({"train": np.array([["x"]])}, "train: must be numbers"),
        ({"train": np.array([{}])}, "cannot be read as arrays"),
        ({"test": np.full((10, 3), np.inf)}, "channel telemetry is infinite"),
    ],
)
def test_parts_that_do_not_fit(tmp_path, changes, said, one_line):
    np.savez(tmp_path / "SMAP_P-1.npz", **parts(**changes))
    message = one_line(read_recordings, tmp_path / "SMAP_P-1.npz", source="telemanom")
    assert "SMAP_P-1.npz" in message
    assert said in message


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (None, "labeled_anomalies.csv: no such file"),
        (TABLE.replace("P-1", "P-9"), "says nothing about P-1; did you mean"),
        (TABLE.replace("anomaly_sequences", "where"), "needs columns chan_id and anomaly_sequences"),
        (TABLE.replace("[[2, 3]", "[[2, open('x')]"), "needs columns chan_id and anomaly_sequences"),
        (TABLE.replace("[[2, 3]", "[[2]"), "needs columns chan_id and anomaly_sequences"),
    ],
)
def test_tables_that_do_not_fit(tmp_path, table, said, one_line):
    file = authors_folder(tmp_path, parts())
    (tmp_path / "labeled_anomalies.csv").unlink()
    if table is not None:
        (tmp_path / "labeled_anomalies.csv").write_text(table)
    assert said in one_line(read_recordings, file, source="telemanom")
    (tmp_path / "train/P-1.npy").unlink()
    assert "must lie in a folder 'test'" in one_line(read_recordings, file, source="telemanom")


def test_random_damage(tmp_path):
    file = authors_folder(tmp_path / "data", parts())
    assert sum(survives(file, file.read_bytes(), n=200, source="telemanom")) == 200


@pytest.fixture
def data():
    folder = Path(os.environ.get("EEGDAE_DATA_DIR", "/nowhere"))
    if not (folder / "smap-msl").is_dir():
        pytest.skip("EEGDAE_DATA_DIR has no smap-msl")
    return folder


def test_smap_msl_is_what_its_description_says(data, data_config):
    config = data_config("smap_msl", data_dir=data)
    recordings = load_recordings(config)
    assert len(recordings) == 24
    names = {"P-1", "S-1", "F-1", "F-2", "G-1", "G-6", "F-4", "F-5", "M-1", "M-5", "T-13", "P-11"}
    assert {r.subject for r in recordings} == names
    assert {(r.n_chans, r.sfreq, r.unit) for r in recordings} == {(1, 1 / 60, "a.u.")}
    with (data / "smap-msl/labeled_anomalies.csv").open() as file:
        table = {row["chan_id"]: row for row in csv.DictReader(file)}
    for rec in recordings:
        if rec.session == "train":
            assert rec.annotations == ()
            continue
        # the authors' own table: both ends inside
        listed = {k for a, b in json.loads(table[rec.subject]["anomaly_sequences"]) for k in range(a, b + 1)}
        found = {k for a in rec.annotations if a.label == "anomaly" for k in range(a.start, a.stop)}
        assert found == listed
        assert rec.n_times == int(table[rec.subject]["num_values"])
    windows = make_windows(recordings, size=6000, classes=config["classes"])
    assert windows.classes == ("normal", "anomaly")


def test_smap_msl_in_the_form_of_its_authors(data, data_config, tmp_path):
    """Made from the same numbers: what the table says is what the repackaging says."""
    for part in ("train", "test"):
        (tmp_path / part).mkdir()
    shutil.copy(data / "smap-msl/labeled_anomalies.csv", tmp_path)
    for file in (data / "smap-msl").glob("*_*-*.npz"):
        with np.load(file) as archive:
            for part in ("train", "test"):
                np.save(tmp_path / part / f"{file.stem.split('_')[1]}.npy", archive[part])
    config = data_config("smap_msl", data_dir=data)
    whole = {(r.subject, r.session): r for r in load_recordings(config)}
    authors = load_recordings(config | {"path": str(tmp_path / "test/*.npy")})
    assert len(authors) == 24
    for rec in authors:
        assert np.array_equal(rec.data, whole[rec.subject, rec.session].data)
        assert marks(rec) == marks(whole[rec.subject, rec.session])
