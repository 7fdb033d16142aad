import os
import pickle
import warnings
from collections import Counter

import numpy as np
import pytest

from eegdae.recordings import Reader, load_recordings, read_recordings
from eegdae.recordings.sources import SOURCES
from eegdae.tasks.stored import read_prepare, stored_windows
from eegdae.windows import make_windows

from .mutations import survives
from .true_sets import as_matlab_writes, write_eegdenoisenet

RNG = np.random.default_rng(0)
TRIALS = {"sfreq": 50, "layout": "trials_channels_times"}


def test_trials_with_what_lies_beside_them(tmp_path):
    x = RNG.normal(size=(3, 2, 10))
    folder = tmp_path / "Übung 1"
    folder.mkdir()
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", np.array(["a", "b", "a"]))
    np.save(folder / "who.npy", np.array([7.0, 7.0, 8.0]))
    np.save(folder / "day.npy", np.array([2]))
    named = {"label": "y.npy", "subject": "who.npy", "session": "day.npy"}
    got = read_recordings(folder / "x.npy", **TRIALS, ch_names=["a", "b"], unit=["g", "V"], arrays=named)
    assert np.array_equal([r.data for r in got], x.astype(np.float32))
    assert [[(a.start, a.stop, a.label) for a in r.annotations] for r in got] == [
        [(0, 10, label)] for label in "aba"
    ]
    assert [(r.subject, r.session, r.run) for r in got] == [("7", "2", "0"), ("7", "2", "1"), ("8", "2", "2")]
    assert (got[0].sfreq, got[0].ch_names, got[0].units) == (50, ("a", "b"), ("g", "V"))
    assert got[2].source == f"{folder / 'x.npy'} [2]"
    np.save(folder / "y.npy", np.repeat([0, 1, 2], 10))  # one a sample
    assert [r.annotations[0].label for r in read_recordings(folder / "x.npy", **TRIALS, arrays=named)] == [
        *"012"
    ]


@pytest.mark.parametrize("kind", ["<f8", ">f4", ">i2", "<u1", "<f2", "longdouble"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_any_size_of_number_byte_order_and_order_of_axes(tmp_path, kind, order, version):
    values = np.asarray(RNG.integers(0, 100, size=(2, 30)), dtype=kind, order=order)
    with (tmp_path / "x.npy").open("wb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that versions 2 and 3 are for long headers
        np.lib.format.write_array(file, values, version=version)
    (got,) = read_recordings(tmp_path / "x.npy", sfreq=10, layout="channels_times")
    assert np.array_equal(got.data, values.astype(np.float32))
    assert (got.ch_names, got.unit, got.run, got.annotations) == (("ch1", "ch2"), "a.u.", "", ())


def test_nan_is_not_observed(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[1.0, np.nan, 3.0]]))
    (got,) = read_recordings(tmp_path / "x.npy", sfreq=10, layout="channels_times")
    assert got.mask.tolist() == [[True, False, True]]


def test_no_more_than_a_trial_is_in_memory(tmp_path):
    """8 GB that take no room on the disk: read as a whole they would not fit here."""
    with (tmp_path / "x.npy").open("wb") as file:
        head = {"descr": "<f8", "fortran_order": False, "shape": (1000, 1, 10**6)}
        np.lib.format.write_array_header_1_0(file, head)
        file.truncate(file.tell() + 8 * 10**9)
    reader = Reader({"source": "npy", "path": str(tmp_path / "x.npy"), **TRIALS})
    first = next(iter(reader(tmp_path / "x.npy")))
    assert (first.data.shape, first.run) == ((1, 10**6), "000")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sfreq": None}, "data.sfreq=None: an .npy file does not hold its sampling rate"),
        ({"sfreq": "fast"}, "data.sfreq=fast"),
        ({"sfreq": -1}, "sfreq=-1.0 is not a sampling rate"),
        ({"layout": None}, "data.layout=None: what the axes of"),
        ({"layout": "trials_times"}, "shape 3 x 2 x 10, but data.layout=trials_times; trials_channels_times"),
        ({"ch_names": ["a"]}, "1 channel names for 2 channels"),
        ({"ch_names": ["a", "a"]}, "more than once: a"),
        ({"arrays": ["y.npy"]}, "data.arrays=['y.npy']: a mapping"),
        ({"arrays": {"lable": "y.npy"}}, "data.arrays.lable: unknown name; did you mean 'label'"),
        ({"arrays": {"label": 3}}, "data.arrays.label=3: the name of a file"),
        ({"arrays": {"label": "no.npy"}}, "no.npy: no such file (data.arrays.label)"),
        ({"arrays": {"label": "x.npy"}}, "must be text or numbers, one axis (data.arrays.label)"),
        ({"arrays": {"label": "four.npy"}}, "four.npy (data.arrays.label) holds 4 labels; one for each of 3"),
        ({"arrays": {"subject": "four.npy"}}, "four.npy: holds 4 values (data.arrays.subject); one, or one"),
        ({"arrays": {"label": "objects.npy"}}, "objects.npy: cannot be read as an array of plain numbers"),
    ],
)
def test_options_that_do_not_fit(tmp_path, options, said, one_line):
    np.save(tmp_path / "x.npy", np.ones((3, 2, 10)))
    np.save(tmp_path / "four.npy", np.arange(4))
    np.save(tmp_path / "objects.npy", np.array(["a", None, "b"], dtype=object), allow_pickle=True)
    assert said in one_line(read_recordings, tmp_path / "x.npy", **(TRIALS | options))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.ones(5), "two or three axes that is not empty; it is 5"),
        (np.array(3.0), "it is one number"),
        (np.ones((2, 2, 2, 2)), "it is 2 x 2 x 2 x 2"),
        (np.ones((0, 2, 5)), "0 x 2 x 5"),
        (np.ones((2, 2, 1)), "at least 1 channel and 2 samples"),
        (np.ones((2, 2, 5), dtype=complex), "must hold real numbers; it holds complex128"),
        (np.ones((2, 2, 5), dtype=bool), "it holds bool"),
        (np.full((2, 2, 5), "a"), "it holds <U1"),
        (np.ones(5, dtype=[("a", "f4"), ("b", "f4")]), "must hold real numbers"),
        (np.full((2, 2, 5), np.inf), "channel ch1 is infinite"),
    ],
)
def test_arrays_that_are_no_recordings(tmp_path, values, said, one_line):
    np.save(tmp_path / "x.npy", values)
    message = one_line(read_recordings, tmp_path / "x.npy", **TRIALS)
    assert "x.npy" in message
    assert said in message


class Bomb:
    """A pickle that shows, by a file, that it was run."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_is_refused_and_never_run(tmp_path, one_line):
    trace = tmp_path / "trace"
    np.save(tmp_path / "objects.npy", np.array([[Bomb(trace)] * 2], dtype=object), allow_pickle=True)
    (tmp_path / "bare.npy").write_bytes(pickle.dumps(Bomb(trace)))
    for name in ("objects.npy", "bare.npy"):
        said = one_line(read_recordings, tmp_path / name, **TRIALS)
        assert f"{name}: cannot be read as an array of plain numbers" in said
    assert not trace.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda whole: b"", "the file is empty"),
        (lambda whole: whole[:7], "cannot be read"),
        (lambda whole: whole[:60], "cannot be read"),
        (lambda whole: whole[:-1], "cannot be read"),
        (lambda whole: whole + b"1", "says 608 bytes (3 x 2 x 10), the file has 609; write it anew"),
        (lambda whole: whole.replace(b"(3, 2, 10)", b"(3, 2, -1)"), "cannot be read"),
        (lambda whole: whole.replace(b"(3, 2, 10)", b"(3, 2, 99)"), "cannot be read"),
        (lambda whole: whole.replace(b"'<f8'", b"'<q8'"), "cannot be read"),
        (lambda whole: b"time,a\n0,1\n", "cannot be read"),
    ],
)
def test_damaged_files(tmp_path, change, said, one_line):
    np.save(tmp_path / "x.npy", np.ones((3, 2, 10)))
    (tmp_path / "x.npy").write_bytes(change((tmp_path / "x.npy").read_bytes()))
    message = one_line(read_recordings, tmp_path / "x.npy", **TRIALS)
    assert "x.npy" in message
    assert said in message


def test_an_archive_under_this_name(tmp_path, one_line):
    np.savez(tmp_path / "x.npz", a=np.eye(3))
    os.rename(tmp_path / "x.npz", tmp_path / "x.npy")
    assert "x.npy: is an .npz archive" in one_line(read_recordings, tmp_path / "x.npy", **TRIALS)


def test_random_damage(tmp_path):
    np.save(tmp_path / "x.npy", RNG.normal(size=(3, 2, 10)))
    content = (tmp_path / "x.npy").read_bytes()
    read, refused = survives(tmp_path / "x.npy", content, n=200, **TRIALS)
    assert refused > 100
    assert read


@pytest.mark.slow
@pytest.mark.parametrize("order", ["C", "F"])
def test_much_random_damage(tmp_path, order):
    np.save(tmp_path / "x.npy", np.asarray(RNG.normal(size=(3, 2, 10)), order=order))
    content = (tmp_path / "x.npy").read_bytes()
    assert sum(survives(tmp_path / "x.npy", content, n=5000, seed=1, **TRIALS)) == 5000


def test_windows_in_the_store_are_built_anew_where_labels_change(tmp_path):
    np.save(tmp_path / "x.npy", RNG.normal(size=(4, 1, 100)))
    cfg = {"source": "npy", "path": str(tmp_path / "x.npy"), **TRIALS, "arrays": {"label": "y.npy"}}
    reader, options = Reader(cfg), read_prepare({"store": str(tmp_path / "store")})
    for labels in (["a", "b", "a", "b"], ["b", "b", "a", "a"]):
        np.save(tmp_path / "y.npy", np.array(labels))
        windows, _ = stored_windows(reader, reader.files(), {"size": 2.0}, options)
        assert windows.metadata["label"].tolist() == labels
    assert SOURCES["npy"].beside(tmp_path / "x.npy", cfg) == [tmp_path / "y.npy"]


@pytest.fixture
def denoise(tmp_path):
    write_eegdenoisenet(tmp_path / "eegdenoisenet")
    return tmp_path


def test_eegdenoisenet_in_its_true_form(denoise, data_config):
    whole = denoise / "eegdenoisenet/EEG_all_epochs.npy"
    assert np.load(whole).flags.f_contiguous
    config = data_config("eegdenoisenet", data_dir=denoise)
    recordings = load_recordings(config)
    assert {(r.data.shape, r.sfreq, r.ch_names) for r in recordings} == {((1, 512), 256, ("signal",))}
    assert Counter(r.annotations[0].label for r in recordings) == {"eeg": 9, "eog": 7, "emg": 11}
    assert np.array_equal([r.data[0] for r in recordings[:9]], np.load(whole).astype(np.float32))
    windows = make_windows(recordings, size=2.0, classes=config["classes"])
    assert windows.x.shape == (27, 1, 512)
    # an epoch is a group of its own
    assert len(windows.metadata[["subject", "session", "run"]].drop_duplicates()) == 27
    (clean,) = {r.session for r in load_recordings(config | {"path": str(whole)})}
    assert clean == "EEG"


def test_the_size_of_the_published_files(tmp_path):
    """What the annex of the authors' repository says of its files, in bytes: the form above is theirs."""
    for shape, n_bytes in (((4514, 512), 18489424), ((3400, 512), 13926480), ((5598, 512), 22929488)):
        assert len(as_matlab_writes(np.zeros(shape))) == n_bytes
    for shape, n_bytes in (((4514, 1024), 36978768), ((5598, 1024), 45858896)):
        assert len(as_matlab_writes(np.zeros(shape))) == n_bytes
