import pickle

import numpy as np
import pytest

from eegdae.recordings import load_recordings, read_recordings

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
        ({"label": np.array(["x"])}, "label has shape (1,); (2,)"),
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
