import numpy as np
import pandas as pd
import pytest

from eegdae.evaluation.splits import audit_folds, make_folds
from eegdae.recordings import load_recordings, read_recordings
from eegdae.recordings.har import SIGNALS
from eegdae.recordings.sources import SOURCES
from eegdae.windows import make_windows

from .mutations import survives
from .true_sets import ACTIVITIES, TEST, TRAIN, write_har


@pytest.fixture
def har(tmp_path):
    write_har(tmp_path / "uci_har/UCI HAR Dataset")
    return tmp_path


def test_windows_become_the_stretches_that_they_were_cut_from(tmp_path, data_config):
    signals = write_har(tmp_path / "uci_har/UCI HAR Dataset")
    recordings = load_recordings(data_config("uci_har", data_dir=tmp_path))
    assert [(r.session, r.subject, r.run) for r in recordings] == [
        *(("train", "1", "0"), ("train", "1", "1"), ("train", "1", "2"), ("train", "3", "0")),
        *(("train", "1", "3"), ("test", "2", "0"), ("test", "24", "0")),
    ]
    for rec, signal in zip(recordings, signals["train"] + signals["test"], strict=True):
        assert np.allclose(rec.data, signal, rtol=1e-6)
    assert {(r.sfreq, r.ch_names, r.unit) for r in recordings} == {(50, SIGNALS, "g, rad/s")}
    assert recordings[0].units == ("g",) * 3 + ("rad/s",) * 3 + ("g",) * 3
    assert [[(a.start, a.stop, a.label) for a in r.annotations] for r in recordings[:2]] == [
        [(0, 256, "STANDING")],
        [(0, 128, "SITTING")],
    ]


def test_cut_as_published_they_are_the_published_windows(har, data_config):
    config = data_config("uci_har", data_dir=har)
    windows = make_windows(load_recordings(config), size=2.56, stride=1.28, classes=config["classes"])
    folder = har / "uci_har/UCI HAR Dataset"
    for k, name in enumerate(SIGNALS):
        published = [
            pd.read_csv(folder / f"{part}/Inertial Signals/{name}_{part}.txt", sep=r"\s+", header=None)
            for part in ("train", "test")
        ]
        # another reader of the same files
        assert np.array_equal(windows.x[:, k], pd.concat(published).to_numpy().astype(np.float32))
    labels = [ACTIVITIES[code - 1] for _, codes in TRAIN + TEST for code in codes]
    assert windows.metadata["label"].tolist() == labels
    assert windows.classes == ACTIVITIES
    people = [str(person) for person, codes in TRAIN + TEST for _ in codes]
    assert windows.metadata["subject"].tolist() == people


def test_no_sample_is_on_both_sides_of_any_split(har, data_config):
    config = data_config("uci_har", data_dir=har)
    windows = make_windows(load_recordings(config), size=2.56, stride=1.28, classes=config["classes"])
    metadata = windows.metadata.assign(target=[k % 2 for k in range(len(windows))])
    metadata["label"] = metadata["target"].astype(str)
    for by, n_folds in (("subject", 2), ("run", 3)):
        folds = make_folds(metadata, kind="group_kfold", by=by, n_folds=n_folds)
        audit_folds(metadata, folds, by=by)
        for fold in folds:
            trained, tested = (
                {tuple(sample) for x in windows.x[rows] for sample in x.T.tolist()}
                for rows in (fold.train, fold.test)
            )
            assert not trained & tested


def test_windows_that_only_touch_or_are_of_two_people_stay_apart(tmp_path):
    folder = tmp_path / "UCI HAR Dataset"
    write_har(folder)
    (folder / "train/subject_train.txt").write_text("1\n2\n" + "3\n" * 10)
    recordings = read_recordings(folder / "train/subject_train.txt")
    assert [(r.subject, r.n_times) for r in recordings[:3]] == [("1", 128), ("2", 128), ("3", 128)]
    file = folder / "train/Inertial Signals/total_acc_z_train.txt"
    lines = file.read_text().splitlines()
    lines[2] = lines[2].replace(lines[2][:16], f"{0.25:16.7e}")  # one sample of one signal
    file.write_text("\n".join(lines) + "\n")
    (folder / "train/subject_train.txt").write_text("1\n" * 12)
    assert [r.n_times for r in read_recordings(folder / "train/subject_train.txt")][:3] == [192, 128, 128]


def test_an_activity_that_changes_inside_a_stretch(tmp_path):
    folder = tmp_path / "UCI HAR Dataset"
    write_har(folder)
    (folder / "train/y_train.txt").write_text("5\n5\n4\n4\n1\n2\n3\n1\n1\n1\n2\n2\n")
    recordings = read_recordings(folder / "train")
    told = [[(a.start, a.stop, a.label) for a in r.annotations] for r in recordings]
    # shared samples stand once, under the earlier activity
    assert told[0] == [(0, 192, "STANDING"), (192, 256, "SITTING")]
    assert told[2] == [(0, 128, "WALKING"), (128, 192, "WALKING_UPSTAIRS")]
    assert told[3] == [(0, 128, "WALKING_DOWNSTAIRS"), (128, 320, "WALKING")]
    windows = make_windows(recordings, size=2.56, stride=1.28)
    assert windows.dropped == {"short trial": 2}


def test_what_is_read_beside_it(har):
    folder = har / "uci_har/UCI HAR Dataset"
    files = SOURCES["har"].beside(folder / "train/subject_train.txt", {})
    read = {*folder.glob("train/Inertial Signals/*.txt"), folder / "train/y_train.txt"}
    assert set(files) == read | {folder / "activity_labels.txt"}
    assert len(files) == 11


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("activity_labels.txt", None, "activity_labels.txt: no such file; it is part of the set"),
        ("train/y_train.txt", None, "y_train.txt: no such file; it is part of the set"),
        ("train/Inertial Signals/body_gyro_y_train.txt", None, "body_gyro_y_train.txt: no such file"),
        ("train/y_train.txt", lambda text: text[2:], "y_train.txt: holds 11 labels, but"),
        ("train/y_train.txt", lambda text: text.replace("4", "7"), "label 7 is not in"),
        ("train/y_train.txt", lambda text: text.replace("4", "WALKING"), "y_train.txt: must hold numbers"),
        ("train/subject_train.txt", lambda text: "", "subject_train.txt: the file is empty"),
        ("train/subject_train.txt", lambda text: "1.5\n" + text[2:], "must hold one whole number a line"),
        ("activity_labels.txt", lambda text: text.split("4")[0], "y_train.txt: label 4 is not in"),
        ("activity_labels.txt", lambda text: "1 WALKING\n1 SITTING\n", "may stand once only"),
        ("activity_labels.txt", lambda text: "WALKING\n", "must hold a number and a name a line"),
        ("activity_labels.txt", lambda text: "one WALKING\n", "must hold a number and a name a line"),
        ("train/Inertial Signals/total_acc_x_train.txt", lambda text: "", "x_train.txt: the file is empty"),
        (
            "train/Inertial Signals/total_acc_x_train.txt",
            lambda text: text.replace("\n", " 1\n"),
            "total_acc_x_train.txt: holds 12 windows of 129 samples; 12 (as subject_train.txt) of 128",
        ),
        (
            "train/Inertial Signals/total_acc_x_train.txt",
            lambda text: text[: text.index("\n") + 1],
            "holds 1 windows of 128 samples; 12 (as subject_train.txt) of 128",
        ),
        ("train/Inertial Signals/total_acc_x_train.txt", lambda text: text[:-20], "as many in each row"),
        (
            "train/Inertial Signals/total_acc_x_train.txt",
            lambda text: "  inf" + text[16:],
            "channel total_acc_x is infinite",
        ),
    ],
)
def test_files_that_do_not_fit(har, data_config, file, change, said, one_line):
    path = har / "uci_har/UCI HAR Dataset" / file
    text = path.read_text()
    path.unlink()
    if change is not None:
        path.write_text(change(text))
    assert said in one_line(load_recordings, data_config("uci_har", data_dir=har))


def test_another_file_than_that_of_the_people(har, one_line):
    file = har / "uci_har/UCI HAR Dataset/train/y_train.txt"
    assert "y_train.txt: is no part of the set" in one_line(read_recordings, file, source="har")


@pytest.mark.parametrize(
    "file",
    [
        *("activity_labels.txt", "test/subject_test.txt", "test/y_test.txt"),
        "test/Inertial Signals/body_acc_x_test.txt",
    ],
)
@pytest.mark.parametrize("n", [50, pytest.param(1250, marks=pytest.mark.slow)])
def test_random_damage(har, file, n):
    folder = har / "uci_har/UCI HAR Dataset"
    content = (folder / file).read_bytes()
    path = folder / "test/subject_test.txt"
    read, refused = survives(folder / file, content, n=n, reading=path, source="har")
    assert read + refused == n
    assert refused
