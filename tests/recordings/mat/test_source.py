import sys
import warnings

import h5py
import numpy as np
import pymatreader
import pytest
import scipy.io

from eegdae.recordings import read_recordings
from eegdae.recordings.mat.tree import mat_tree

from ..mutations import survives

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 10, 3))  # channels, times, trials
OPTIONS = {"variable": "EEG.data", "layout": "channels_times_trials", "sfreq": "EEG.srate"}


def contents(**changes):
    labels = np.empty(2, dtype=object)
    labels[:] = ["Fz", "Cz"]
    chanlocs = np.zeros(2, dtype=[("labels", object), ("theta", object)])
    for k, name in enumerate(("Fz", "Cz")):
        chanlocs[k] = (name, float(k))
    whole = {
        "EEG": {"data": X, "srate": 250.0, "chanlocs": chanlocs, "subject": "anna", "labels": labels},
        "y": np.array([[1.0], [2.0], [1.0]]),
        "kinds": np.array(["up", "no", "up"], dtype=object),
    }
    return {key: value for key, value in (whole | changes).items() if value is not None}


def save_v7_3(path, tree):
    """Write HDF5 as MATLAB does: arrays transposed, text as numbers, cells and structs by reference."""

    def put(group, name, value):
        if isinstance(value, dict):
            child = group.create_group(name)
            child.attrs["MATLAB_class"] = np.bytes_("struct")
            for key, inner in value.items():
                put(child, key, inner)
        elif isinstance(value, str):
            text = np.array([[ord(letter)] for letter in value], dtype=np.uint16)
            group.create_dataset(name, data=text).attrs["MATLAB_class"] = np.bytes_("char")
        elif isinstance(value, np.ndarray) and value.dtype.names:
            child = group.create_group(name)
            child.attrs["MATLAB_class"] = np.bytes_("struct")
            for key in value.dtype.names:
                child.create_dataset(key, data=references(value[key]))
        elif isinstance(value, np.ndarray) and value.dtype == object:
            group.create_dataset(name, data=references(value)).attrs["MATLAB_class"] = np.bytes_("cell")
        else:
            array = np.atleast_2d(np.asarray(value))
            group.create_dataset(name, data=array.T).attrs["MATLAB_class"] = np.bytes_("double")

    def references(values):
        found = np.empty((len(values), 1), dtype=h5py.ref_dtype)
        for k, value in enumerate(values):
            name = f"r{len(refs)}"
            put(refs, name, value)
            found[k, 0] = refs[name].ref
        return found

    with h5py.File(path, "w", userblock_size=512) as file:
        refs = file.create_group("#refs#")
        for key, value in tree.items():
            put(file, key, value)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return path


def save_v5(path, tree, **options):
    scipy.io.savemat(path, tree, **options)
    return path


def save_v4(path, tree):
    return save_v5(path, tree, format="4")


SAVE = {"v5": save_v5, "v5z": lambda p, t: save_v5(p, t, do_compression=True), "v7.3": save_v7_3}


@pytest.fixture(params=SAVE)
def save(request):
    return SAVE[request.param]


def marks(rec):
    return [(a.start, a.stop, a.label) for a in rec.annotations]


def test_trials_of_a_struct(tmp_path, save):
    path = save(tmp_path / "own.mat", contents())
    got = read_recordings(
        path,
        **OPTIONS,
        ch_names="EEG.chanlocs.labels",
        labels_variable="y",
        subject_variable="EEG.subject",
        unit="uV",
    )
    assert np.array_equal([r.data for r in got], np.moveaxis(X, 2, 0).astype(np.float32))
    assert [marks(r) for r in got] == [[(0, 10, "1")], [(0, 10, "2")], [(0, 10, "1")]]
    assert {(r.sfreq, r.unit, r.subject, r.ch_names) for r in got} == {(250, "uV", "anna", ("Fz", "Cz"))}
    assert [r.run for r in got] == ["0", "1", "2"]
    assert got[1].source == f"{path} [1]"


def test_names_and_labels_from_cell_arrays(tmp_path, save):
    path = save(tmp_path / "own.mat", contents())
    first, second, _ = read_recordings(
        path, **OPTIONS, ch_names="EEG.labels", labels_variable="kinds", subject_variable="y"
    )
    assert (first.ch_names, first.unit) == (("Fz", "Cz"), "a.u.")
    assert (marks(first), marks(second)) == ([(0, 10, "up")], [(0, 10, "no")])
    assert (first.subject, second.subject) == ("1", "2")


def test_the_only_array_and_labels_one_a_sample(tmp_path, save):
    data = RNG.normal(size=(20, 2))
    data[3, 1] = np.nan
    state = np.array([0] * 5 + [1] * 10 + [0] * 5, dtype=np.int16)[:, None]
    path = save(tmp_path / "own.mat", {"x": data, "state": state, "fs": 100.0})
    (only,) = read_recordings(path, layout="times_channels", sfreq="fs", labels_variable="state")
    assert only.data.shape == (2, 20)
    assert only.mask is not None
    assert np.argwhere(~only.mask).tolist() == [[1, 3]]
    assert np.array_equal(only.data[0], data[:, 0].astype(np.float32))
    assert marks(only) == [(0, 5, "0"), (5, 15, "1"), (15, 20, "0")]
    assert (only.run, only.source, only.ch_names) == ("", str(path), ("ch1", "ch2"))


def test_one_channel_and_one_trial_keep_their_axes(tmp_path, save):
    path = save(tmp_path / "own.mat", {"x": np.arange(5.0)[None], "z": np.arange(10.0).reshape(2, 5)})
    (only,) = read_recordings(path, variable="x", layout="channels_times", sfreq=1)
    assert only.data.tolist() == [[0, 1, 2, 3, 4]]
    (only,) = read_recordings(path, variable="z", layout="times_channels", sfreq=1)
    assert only.data.tolist() == [[0, 5], [1, 6], [2, 7], [3, 8], [4, 9]]


def test_cells_of_unequal_length(tmp_path, save):
    runs = np.empty(2, dtype=object)
    runs[0], runs[1] = {"X": np.ones((4, 2)), "fs": 10.0}, {"X": np.ones((6, 2)), "fs": 10.0}
    path = save(tmp_path / "own.mat", {"data": runs, "y": np.array([[1, 2]])})
    options = {"layout": "times_channels", "sfreq": "data.1.fs"}
    got = read_recordings(path, variable="data.X", labels_variable="y", **options)
    assert [r.n_times for r in got] == [4, 6]
    assert [marks(r) for r in got] == [[(0, 4, "1")], [(0, 6, "2")]]
    (second,) = read_recordings(path, variable="data.2.X", **options)
    assert second.n_times == 6


def test_numbers_as_pymatreader_reads_them(tmp_path, save):
    """Another reader of both versions; it gives structs of arrays where ours gives arrays of structs."""
    arrays = {
        "a": RNG.normal(size=(3, 4)),
        "b": RNG.integers(-5, 5, size=(2, 3, 4)).astype(np.int16),
        "c": {"d": RNG.normal(size=(4, 2)).astype(np.float32), "name": "word"},
    }
    path = save(tmp_path / "own.mat", arrays)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pymatreader.read_mat(str(path))
    ours = mat_tree(path)
    for mine, other in (
        (ours["a"], theirs["a"]),
        (ours["b"], theirs["b"]),
        (ours["c"]["d"], theirs["c"]["d"]),
    ):
        assert np.array_equal(mine, other)
        assert mine.dtype == other.dtype
    assert ours["c"]["name"] == theirs["c"]["name"] == "word"


def test_version_5_as_scipy_reads_it(tmp_path):
    cell = np.empty((2, 3), dtype=object)
    for k in range(6):
        cell.flat[k] = [np.eye(k), "wörd", "", np.int8(k), {"a": "b"}, np.array(["ab", "cd"])][k]
    tree = {
        "cell": cell,
        "flags": np.array([[True, False]]),
        "small": np.arange(6, dtype=np.uint16).reshape(2, 3),
        "half": np.float32(0.5),
        "long": RNG.integers(-5, 5, size=(2, 3, 4, 2)),
        "sparse": scipy.sparse.eye(3).tocsc(),
        "complex": np.ones((2, 2)) * 1j,
        "empty": np.zeros((0, 3)),
    }
    for packed in (False, True):
        path = save_v5(tmp_path / "own.mat", tree, do_compression=packed)
        ours, theirs = mat_tree(path), scipy.io.loadmat(path)
        for name in ("flags", "small", "half", "long", "empty"):
            assert np.array_equal(ours[name], theirs[name])
            assert ours[name].shape == theirs[name].shape
        assert (ours["sparse"], ours["complex"]) == (None, None)
        flat = theirs["cell"].ravel(order="F")
        assert len(ours["cell"]) == len(flat)
        for mine, other in zip(ours["cell"], flat, strict=True):
            if isinstance(mine, np.ndarray):
                assert np.array_equal(mine, other)
            elif isinstance(mine, dict):
                assert mine == {"a": "b"}
            else:
                assert mine == ("" if not other.size else other[0] if other.size == 1 else other.tolist())
        assert list(mat_tree(path, ["small", "gone"])) == ["small"]


def test_version_4(tmp_path):
    path = save_v4(tmp_path / "own.mat", {"x": X[:, :, 0], "fs": 10.0, "who": "anna"})
    (only,) = read_recordings(path, layout="channels_times", sfreq="fs", subject_variable="who")
    assert np.array_equal(only.data, X[:, :, 0].astype(np.float32))
    assert (only.sfreq, only.subject) == (10, "anna")


@pytest.mark.parametrize("n", [200, pytest.param(5000, marks=pytest.mark.slow)])
def test_random_damage_of_version_4(tmp_path, n):
    content = save_v4(tmp_path / "own.mat", {"x": X[:, :, 0], "fs": 10.0, "who": "anna"}).read_bytes()
    options = {"layout": "channels_times", "sfreq": "fs", "subject_variable": "who"}
    read, refused = survives(tmp_path / "own.mat", content, n=n, **options)
    assert read
    assert refused


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"variable": "EEG.dat"}, "data.variable=EEG.dat: there is no 'dat'; did you mean 'data'"),
        ({"variable": "eeg.data"}, "there is no 'eeg'"),
        ({"variable": "EEG.data.x"}, "it would be inside 2 x 10 x 3 float64"),
        ({"variable": "EEG"}, "EEG is a struct of "),
        ({"variable": "kinds"}, "kinds is text; an array of real numbers is needed"),
        ({"variable": "kinds.4"}, "there is no number 4; counted from 1, there are 3"),
        ({"layout": None}, "data.layout=None: what the axes of"),
        ({"layout": "channels_times"}, "shape 2 x 10 x 3, but data.layout=channels_times"),
        ({"sfreq": None}, "data.sfreq is None"),
        ({"sfreq": "EEG.data"}, "data.sfreq is 2 x 10 x 3 float64"),
        ({"sfreq": "EEG.rate"}, "did you mean 'srate'"),
        ({"sfreq": -1}, "sfreq=-1"),
        ({"ch_names": ["a"]}, "1 channel names for 2 channels"),
        ({"ch_names": ["a", "a"]}, "more than once: a"),
        ({"ch_names": "kinds"}, "3 channel names for 2 channels"),
        (
            {"labels_variable": "EEG.labels"},
            "holds 2 labels; one for each of 3 recordings, or",
        ),
        ({"labels_variable": "EEG.data"}, "one row or one column is needed"),
        ({"labels_variable": "EEG"}, "names or numbers are needed"),
        ({"subject_variable": "EEG.labels"}, "holds 2 names; one, or one for each of 3"),
        ({"unit": ["uV"] * 3}, "3 units for 2 channels"),
    ],
)
def test_options_that_do_not_fit(tmp_path, save, options, said, one_line):
    path = save(tmp_path / "own.mat", contents())
    assert said in one_line(read_recordings, path, **(OPTIONS | options))


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (
            {"a": np.ones((2, 5)), "b": np.ones((2, 6))},
            "2 arrays of two or three axes, not one",
        ),
        ({"a": np.ones((1, 5))}, "set data.variable to one of a"),
        ({"a": np.array([[1, np.inf], [1, 2]])}, "channel ch1 is infinite"),
        ({"a": np.ones((2, 5)) * 1j}, "0 arrays"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path, tree, said, one_line):
    path = save_v5(tmp_path / "own.mat", tree)
    assert said in one_line(read_recordings, path, layout="channels_times", sfreq=1)


@pytest.mark.parametrize("value", [scipy.sparse.eye(3).tocsc(), np.zeros((0, 5)), np.zeros((2, 2, 2, 2))])
def test_arrays_that_are_no_signals(tmp_path, value, one_line):
    path = save_v5(tmp_path / "own.mat", {"a": value})
    assert "own.mat: a " in one_line(read_recordings, path, variable="a", layout="channels_times", sfreq=1)


def test_other_content_and_a_path_with_odd_letters(tmp_path, save, one_line):
    folder = tmp_path / "Versuch Nº 1 µV"
    folder.mkdir()
    path = save(folder / "Größe [1].mat", contents())
    assert len(read_recordings(path, **OPTIONS)) == 3
    content = path.read_bytes()
    for name, other in (
        ("empty", b""),
        ("text", b"time,a,b\n0,1,2\n" * 99),
        ("half", content[: len(content) // 2]),
    ):
        (folder / f"{name}.mat").write_bytes(other)
        assert f"{name}.mat" in one_line(read_recordings, folder / f"{name}.mat", **OPTIONS)


def test_a_file_that_links_to_others_opens_none(tmp_path, one_line):
    (tmp_path / "secret.bin").write_bytes(bytes(80))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.ones((5, 2))
    with h5py.File(tmp_path / "link.mat", "w") as file:
        file["x"] = h5py.ExternalLink("other.h5", "x")
    with h5py.File(tmp_path / "raw.mat", "w") as file:
        file.create_dataset("x", shape=(5, 2), dtype="f8", external=[(str(tmp_path / "secret.bin"), 0, 80)])
    with h5py.File(tmp_path / "huge.mat", "w") as file:
        file.create_dataset("x", shape=(10**6, 10**6), dtype="f8", chunks=(10, 10))
    options = {"variable": "x", "layout": "channels_times", "sfreq": 1}
    assert "links are not followed" in one_line(read_recordings, tmp_path / "link.mat", **options)
    assert "lies in another file" in one_line(read_recordings, tmp_path / "raw.mat", **options)
    assert "promises 8000000000000 bytes and has 0" in one_line(
        read_recordings, tmp_path / "huge.mat", **options
    )


def test_a_circle_of_references_ends(tmp_path, one_line):
    with h5py.File(tmp_path / "own.mat", "w") as file:
        cell = file.create_dataset("x", shape=(1, 1), dtype=h5py.ref_dtype)
        cell.attrs["MATLAB_class"] = np.bytes_("cell")
        cell[0, 0] = cell.ref
    message = one_line(read_recordings, tmp_path / "own.mat", layout="channels_times", sfreq=1)
    assert "nested more than 20 deep" in message


def test_without_h5py_the_extra_is_named(tmp_path, monkeypatch, one_line):
    path = save_v7_3(tmp_path / "own.mat", contents())
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert "pip install 'eegdae[mat]'" in one_line(read_recordings, path, **OPTIONS)
    assert len(read_recordings(save_v5(path, contents()), **OPTIONS)) == 3


SMALL = {"EEG": {"data": X, "srate": 250.0, "labels": contents()["EEG"]["labels"]}, "y": contents()["y"]}
READ = OPTIONS | {"ch_names": "EEG.labels", "labels_variable": "y"}


def test_random_damage(tmp_path, save):
    content = save(tmp_path / "own.mat", SMALL).read_bytes()
    read, refused = survives(tmp_path / "own.mat", content, n=200, **READ)
    assert read
    assert refused


@pytest.mark.slow
def test_much_random_damage(tmp_path, save):
    content = save(tmp_path / "own.mat", SMALL).read_bytes()
    assert sum(survives(tmp_path / "own.mat", content, n=5000, seed=1, **READ)) == 5000
