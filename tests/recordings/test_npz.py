import os
import pickle
import re
import shlex
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from eegdae.recordings import load_recordings, read_recordings
from eegdae.windows import make_windows

from .conftest import CONF
from .mutations import survives

RNG = np.random.default_rng(0)


def arrays(**changes):
    whole = {
        "data": RNG.normal(size=(30, 2)),
        "offsets": np.array([0, 10, 30]),
        "sfreq": np.array(50.0),
        "ch_names": np.array(["a", "b"]),
    }
    return {key: value for key, value in (whole | changes).items() if value is not None}


def test_round_trip_of_everything_the_layout_holds(tmp_path):
    data = RNG.integers(-100, 100, size=(30, 2)).astype(np.int16)
    scale = np.array([0.5, 2.0])
    about = {"label": ["x", ""], "subject": ["1", "2"], "session": ["l", "r"], "run": ["0", "1"]}
    whole = arrays(data=data, scale=scale, units=np.array(["g", "rad/s"]), ch_pos=np.eye(2, 3))
    np.savez_compressed(tmp_path / "own.npz", **whole, **{k: np.array(v) for k, v in about.items()})
    first, second = read_recordings(tmp_path / "own.npz")
    assert np.array_equal(first.data, (data[:10] * scale).T.astype(np.float32))
    assert np.array_equal(second.data, (data[10:] * scale).T.astype(np.float32))
    assert (first.units, first.unit, first.sfreq, first.ch_names) == (
        ("g", "rad/s"),
        "g, rad/s",
        50,
        ("a", "b"),
    )
    assert (second.subject, second.session, second.run) == ("2", "r", "1")
    assert [(a.start, a.stop, a.label) for a in first.annotations] == [(0, 10, "x")]
    assert second.annotations == ()
    assert np.array_equal(first.ch_pos, np.eye(2, 3))
    assert "own.npz [1]" in second.source


def test_only_the_four_needed_arrays(tmp_path):
    np.savez(tmp_path / "own.npz", **arrays())
    first, _ = read_recordings(tmp_path / "own.npz")
    assert (first.unit, first.subject, first.annotations) == ("a.u.", "", ())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sfreq": None}, "no array 'sfreq'"),
        ({"lable": np.array(["x", "y"])}, "did you mean 'label'"),
        ({"offsets": np.array([0, 10, 31])}, "offsets"),
        ({"offsets": np.array([0, 20, 10, 30])}, "offsets"),
        ({"offsets": np.array([0.0, 30.0])}, "offsets"),
        ({"label": np.array(["x"])}, "label holds 1 labels; one for each of 2 recordings"),
        ({"scale": np.array([1.0])}, "scale"),
        ({"data": np.zeros(30)}, "data must be numbers"),
        ({"ch_names": np.array(["a"])}, "ch_names has shape (1,)"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path, changes, said, one_line):
    np.savez(tmp_path / "own.npz", **arrays(**changes))
    message = one_line(read_recordings, tmp_path / "own.npz")
    assert "own.npz" in message
    assert said in message


class Bomb:
    """A pickle that shows, by a file, that it was run."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_is_refused_and_never_run(tmp_path, one_line):
    trace = tmp_path / "trace"
    np.savez(tmp_path / "own.npz", **arrays(label=np.array([Bomb(trace), "y"], dtype=object)))
    assert "own.npz" in one_line(read_recordings, tmp_path / "own.npz")
    (tmp_path / "bare.npz").write_bytes(pickle.dumps(Bomb(trace)))
    assert "bare.npz" in one_line(read_recordings, tmp_path / "bare.npz")
    assert not trace.exists()


def test_labels_one_a_sample(tmp_path):
    marks = np.array(["x"] * 8 + [""] * 4 + ["y"] * 18)
    np.savez(tmp_path / "own.npz", **arrays(label=marks))
    first, second = read_recordings(tmp_path / "own.npz")
    assert [(a.start, a.stop, a.label) for a in first.annotations] == [(0, 8, "x")]
    assert [(a.start, a.stop, a.label) for a in second.annotations] == [(2, 20, "y")]


def test_trials_under_other_names(tmp_path):
    x = RNG.normal(size=(3, 2, 10))
    np.savez(tmp_path / "own.npz", X=x, y=np.array([1, 2, 1]), who=np.array([7.0, 7.0, 8.0]), other=np.eye(9))
    options = {
        "arrays": {"data": "X", "label": "y", "subject": "who"},
        "layout": "trials_channels_times",
        "sfreq": 20,
        "ch_names": ["a", "b"],
        "unit": ["g", "deg/s"],
    }
    got = read_recordings(tmp_path / "own.npz", **options)
    assert np.array_equal([r.data for r in got], x.astype(np.float32))
    assert [r.annotations[0].label for r in got] == ["1", "2", "1"]
    assert [r.subject for r in got] == ["7", "7", "8"]
    assert (got[0].sfreq, got[0].ch_names, got[0].units) == (20, ("a", "b"), ("g", "deg/s"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"arrays": {"data": "x"}}, "has no array 'x' (data.arrays.data)"),
        ({"arrays": {"label": "y"}}, "data.arrays={'label': 'y'}"),
        ({"arrays": ["X"]}, "data.arrays=['X']"),
        ({"arrays": {"data": "X", "lable": "y"}}, "data.arrays.lable: unknown name; did you mean 'label'"),
        ({"layout": None}, "has no array 'offsets'"),
        ({"layout": "trials_channel_times"}, "did you mean 'trials_channels_times'"),
        ({"layout": "channels_times"}, "shape 3 x 2 x 10, but data.layout=channels_times"),
        ({"layout": "trials_times_channels"}, "ch_names has shape (2,); (10,)"),
        ({"sfreq": None}, "has no array 'sfreq'"),
        ({"sfreq": "fast"}, "sfreq must be one number"),
        ({"unit": ["g", 1]}, "data.unit=['g', 1]"),
        ({"unit": ["g"]}, "units has shape (1,); (2,)"),
    ],
)
def test_options_that_do_not_fit(tmp_path, changes, said, one_line):
    np.savez(tmp_path / "own.npz", X=np.ones((3, 2, 10)), y=np.arange(3))
    options = {
        "source": "npz",
        "arrays": {"data": "X", "label": "y"},
        "layout": "trials_channels_times",
        "sfreq": 20,
        "ch_names": ["a", "b"],
    }
    assert said in one_line(read_recordings, tmp_path / "own.npz", **(options | changes))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_random_damage(tmp_path, save):
    save(tmp_path / "own.npz", **arrays(label=np.array(["x", "y"])))
    content = (tmp_path / "own.npz").read_bytes()
    read, refused = survives(tmp_path / "own.npz", content, n=200)
    assert refused > 100
    assert read


@pytest.mark.slow
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_much_random_damage(tmp_path, save):
    save(tmp_path / "own.npz", **arrays(label=np.array(["x", "y"])))
    content = (tmp_path / "own.npz").read_bytes()
    assert sum(survives(tmp_path / "own.npz", content, n=5000, seed=1)) == 5000


@pytest.fixture
def data():
    folder = Path(os.environ.get("EEGDAE_DATA_DIR", "/nowhere"))
    if not (folder / "utd-mhad-inertial").is_dir():
        pytest.skip("EEGDAE_DATA_DIR has no utd-mhad-inertial")
    return folder


def test_utd_mhad_is_what_its_description_says(data, data_config):
    config = data_config("utd_mhad", data_dir=data)
    recordings = load_recordings(config)
    assert len(recordings) == 646
    assert {r.ch_names for r in recordings} == {("acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")}
    assert {(r.sfreq, r.units) for r in recordings} == {(50, ("g",) * 3 + ("deg/s",) * 3)}
    assert Counter(r.subject for r in recordings).keys() == set("123456")
    labels = Counter(r.annotations[0].label for r in recordings)
    assert list(labels) == config["classes"]  # sorted by action
    assert sum(24 - n for n in labels.values()) == 2  # of 27 x 6 x 4, two are missing
    assert len({(r.subject, r.session, r.run) for r in recordings}) == 646
    assert (min(r.n_times for r in recordings), sum(r.n_times for r in recordings)) == (107, 115210)
    with np.load(data / "utd-mhad-inertial/utd_mhad_inertial_s1-6.npz") as archive:
        assert np.array_equal(np.hstack([r.data for r in recordings]).T, archive["data"])
        assert [int(r.run) for r in recordings] == archive["action"].tolist()
        assert [int(r.session) for r in recordings] == archive["trial"].tolist()
    # what the sensor can show
    assert max(np.abs(r.data[:3]).max() for r in recordings) <= 8.01
    assert max(np.abs(r.data[3:]).max() for r in recordings) <= 1001
    assert len(make_windows(recordings, size=2.0, classes=config["classes"])) >= 646


def test_utd_mhad_as_its_authors_give_it_out(tmp_path):
    """As the head of its configuration says."""
    (tmp_path / "Inertial").mkdir()
    x = RNG.normal(size=(120, 6))
    for name in ("a27_s1_t4", "a3_s2_t1"):
        scipy.io.savemat(tmp_path / f"Inertial/{name}_inertial.mat", {"d_iner": x})
    told = re.search(
        r"data=mat_files (.*?), or pack", (CONF / "utd_mhad.yaml").read_text().replace("\n# ", " ")
    )[1]
    options = dict(word.removeprefix("data.").split("=") for word in shlex.split(told))
    labels = {"from": options.pop("labels.from")}
    path = tmp_path / options.pop("path")
    got = read_recordings(path, **options | {"sfreq": float(options["sfreq"]), "labels": labels})
    assert np.array_equal(got[0].data, x.T.astype(np.float32))
    assert [(r.annotations[0].label, r.subject, r.session, r.sfreq) for r in got] == [
        ("27", "1", "4", 50),
        ("3", "2", "1", 50),
    ]


@pytest.mark.parametrize("keep", [0.5, 0.99])
def test_cut_off_or_not_what_its_name_says(tmp_path, keep, one_line):
    np.savez(tmp_path / "own.npz", **arrays())
    content = (tmp_path / "own.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(content[: int(len(content) * keep)])
    assert "was cut off" in one_line(read_recordings, tmp_path / "cut.npz")
    (tmp_path / "text.npz").write_text("time,a,b\n0,1,2\n")
    assert "not an .npz archive" in one_line(read_recordings, tmp_path / "text.npz")
    (tmp_path / "empty.npz").write_bytes(b"")
    assert "empty" in one_line(read_recordings, tmp_path / "empty.npz")


def test_a_flipped_byte_is_noticed(tmp_path, one_line):
    np.savez(tmp_path / "own.npz", **arrays())
    content = bytearray((tmp_path / "own.npz").read_bytes())
    content[300] ^= 0xFF
    (tmp_path / "own.npz").write_bytes(content)
    assert "own.npz: cannot be read" in one_line(read_recordings, tmp_path / "own.npz")


def test_the_packaged_watch_set(data_config):
    recordings = load_recordings(data_config("watch"))
    assert len(recordings) == 140
    assert {r.sfreq for r in recordings} == {50.0}
    assert len({r.subject for r in recordings}) == 10
    assert {r.session for r in recordings} == {"left", "right"}
    assert {a.label for r in recordings for a in r.annotations} == set(data_config("watch")["classes"])
    assert {r.ch_names for r in recordings} == {("ax", "ay", "az", "wx", "wy", "wz")}
    assert recordings[0].unit == "g, rad/s"
    # Ten people did seven exercises on both sides, once each.
    assert len({(r.subject, r.session, r.annotations[0].label) for r in recordings}) == 140
    # At rest or slowly moved, the accelerometer shows gravity: 1 g.
    norms = [np.median(np.linalg.norm(r.data[:3], axis=0)) for r in recordings]
    assert 0.9 < np.median(norms) < 1.1
