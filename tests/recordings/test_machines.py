import shutil

import numpy as np
import pandas as pd
import pytest

from eegdae.recordings import load_recordings, read_recordings
from eegdae.recordings.sources import SOURCES
from eegdae.windows import make_windows

from .mutations import survives
from .true_sets import rows, write_machine


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "server_machines/ServerMachineDataset"


def test_the_set_in_its_true_layout(tmp_path, folder, data_config):
    names = ("machine-1-1", "machine-1-2", "machine-3-11")
    numbers = {name: write_machine(folder, name) for name in names}
    config = data_config("server_machines", data_dir=tmp_path)
    recordings = load_recordings(config)
    assert [(r.subject, r.session) for r in recordings] == [
        (name, part) for name in names for part in ("train", "test")
    ]
    assert {(r.n_chans, r.sfreq, r.unit) for r in recordings} == {(38, 1 / 60, "a.u.")}
    assert recordings[0].ch_names == tuple(f"metric{k}" for k in range(1, 39))
    for train, test in zip(recordings[::2], recordings[1::2], strict=True):
        for got, expected in zip((train, test), numbers[test.subject], strict=True):
            assert np.array_equal(got.data, expected.T.astype(np.float32))
            # another reader of the same file
            table = pd.read_csv(folder / f"{got.session}/{got.subject}.txt", header=None)
            assert np.array_equal(got.data, table.to_numpy().T.astype(np.float32))
        assert train.annotations == ()
        assert [(a.start, a.stop, a.label) for a in test.annotations] == [
            *((0, 2, "normal"), (2, 4, "anomaly"), (4, 7, "normal")),
            *((7, 8, "anomaly"), (8, 10, "normal")),
        ]
    windows = make_windows(recordings, size=120, classes=config["classes"])
    assert windows.classes == ("normal", "anomaly")
    assert windows.x.shape == (3 * (4 + 4), 38, 2)


def test_one_machine_a_folder_and_names_of_ones_own(folder):
    write_machine(folder, "machine-1-1", n_columns=3)
    for path in (folder / "test/machine-1-1.txt", folder / "test"):
        train, test = read_recordings(
            path, source="machines", ch_names=["a", "b", "c"], unit="percent", sfreq=1
        )
        assert (train.ch_names, test.unit, test.sfreq) == (("a", "b", "c"), "percent", 1)
    assert read_recordings(folder / "test", source="machines")[0].ch_names == (
        "metric1",
        "metric2",
        "metric3",
    )
    assert SOURCES["machines"].beside(folder / "test/machine-1-1.txt", {}) == [
        folder / "train/machine-1-1.txt",
        folder / "test_label/machine-1-1.txt",
    ]


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("train", None, "train/machine-1-1.txt: no such file"),
        ("test_label", None, "test_label/machine-1-1.txt: no such file"),
        ("test", "", "test/machine-1-1.txt: the file is empty"),
        ("train", "\n\n", "train/machine-1-1.txt: the file is empty"),
        ("test_label", "", "test_label/machine-1-1.txt: the file is empty"),
        ("test_label", "0\n" * 9, "one 0 or 1 for each of the 10 rows of"),
        ("test_label", "0\n" * 9 + "2\n", "it holds 10 numbers from 0 to 2"),
        ("test_label", "0\n" * 9 + "0.5\n", "must hold one whole number a line"),
        ("test_label", "0\n" * 9 + "nan\n", "must hold one whole number a line"),
        ("test_label", "0 1\n" * 10, "must hold one whole number a line"),
        ("test_label", "normal\n" * 10, "must hold numbers, as many in each row"),
        (
            "train",
            rows(np.ones((8, 3))),
            "train/machine-1-1.txt: holds 3 columns; data.ch_names has 38 names",
        ),
        ("test", rows(np.ones((10, 39))), "test/machine-1-1.txt: holds 39 columns; data.ch_names has 38"),
        ("test", rows(np.ones((9, 38))) + "1,2\n", "must hold numbers, as many in each row"),
        ("test", rows(np.ones((9, 38))) + ",".join("x" * 38), "must hold numbers, as many in each row"),
        ("test", rows(np.ones((10, 38))).replace(",", ";"), "must hold numbers, as many in each row"),
        ("test", rows(np.ones((9, 38))) + ",".join(["inf"] * 38), "channel metric1 is infinite"),
        ("test", b"\xff\xfe\x00\x00\x80", "must hold numbers, as many in each row"),
    ],
)
def test_files_that_do_not_fit(tmp_path, folder, data_config, file, content, said, one_line):
    write_machine(folder, "machine-1-1")
    path = folder / file / "machine-1-1.txt"
    path.unlink()
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    message = one_line(load_recordings, data_config("server_machines", data_dir=tmp_path))
    assert "machine-1-1.txt" in message
    assert said in message


def test_parts_with_other_numbers_of_columns(folder, one_line):
    write_machine(folder, "machine-1-1", n_columns=4)
    (folder / "test/machine-1-1.txt").write_text(rows(np.ones((10, 3))))
    said = one_line(read_recordings, folder / "test/machine-1-1.txt", source="machines")
    assert "test/machine-1-1.txt: holds 3 columns, but" in said
    shutil.copy(folder / "test/machine-1-1.txt", folder)
    said = one_line(read_recordings, folder / "machine-1-1.txt", source="machines")
    assert "must lie in a folder 'test', with" in said
    shutil.rmtree(folder / "test")
    assert "no such file" in one_line(read_recordings, folder / "test/*.txt", source="machines")


def test_a_value_that_is_missing_is_not_observed(folder):
    write_machine(folder, "machine-1-1", n_columns=2)
    (folder / "train/machine-1-1.txt").write_text("1,nan\n2,3\n")
    train, _ = read_recordings(folder / "test/machine-1-1.txt", source="machines")
    assert train.mask.tolist() == [[True, True], [False, True]]


@pytest.mark.parametrize("part", ["train", "test", "test_label"])
@pytest.mark.parametrize("n", [70, pytest.param(1700, marks=pytest.mark.slow)])
def test_random_damage(folder, part, n):
    write_machine(folder, "machine-1-1", n_columns=3)
    target = folder / part / "machine-1-1.txt"
    path = folder / "test/machine-1-1.txt"
    read, refused = survives(target, target.read_bytes(), n=n, reading=path, source="machines")
    assert read + refused == n
    assert refused
