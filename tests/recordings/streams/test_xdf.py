import gzip
import sys

import numpy as np
import pytest

from eegdae.recordings import load_recordings, read_recordings
from eegdae.recordings.streams.grid import grid_by_time, regular_grid

from ..mutations import survives
from ..xdf_writer import boundary, clock, file, footer, header, of_stream, samples, stream

RNG = np.random.default_rng(0)
HEAD = header(1, "Amp", "EEG", "float32", 2, 100)
BODY = samples(1, [1.0, None], [[1, 2], [3, 4]])
CHANNELS = (("Cz", "microvolts"), ("Grüße", "g"))


def times(n=400, sfreq=100.0, start=1000.0):
    return start + np.arange(n) / sfreq


def signal(n=400, n_chans=2):
    return RNG.normal(size=(n, n_chans)).astype(np.float32)


def markers(number, stamps, words, **more):
    more = {"name": "Stim", "kind": "Markers", **more}
    return stream(number, stamps, [[w] for w in words], form="string", sfreq=0, **more)


def save(path, *chunks):
    path.write_bytes(file(*chunks))
    return path


def test_signal_names_units_and_markers(tmp_path, data_config, caplog):
    x, t = signal(), times()
    path = save(
        tmp_path / "sub-Zoë 1_run-2.xdf",
        stream(1, t, x, channels=CHANNELS),
        markers(7, [999.0, 1000.504, 1002.0, 1009.0], ["early", "go", "stop", "late"]),
    )
    config = data_config("xdf_files", path=str(path), pattern="sub-{subject}_run-{run}.xdf")
    with caplog.at_level("INFO", "eegdae"):
        (got,) = load_recordings(config)
    assert np.array_equal(got.data, x.T)
    assert (got.sfreq, got.ch_names, got.units, got.mask) == (100, ("Cz", "Grüße"), ("uV", "g"), None)
    assert [(a.start, a.stop, a.label) for a in got.annotations] == [(50, 51, "go"), (200, 201, "stop")]
    assert (got.subject, got.run) == ("Zoë 1", "2")
    assert [m for m in caplog.messages if "left out 2 markers" in m]


@pytest.mark.parametrize("form", ["float32", "double64", "int8", "int16", "int32", "int64"])
def test_every_number_format(tmp_path, form):
    x = RNG.integers(-100, 100, size=(120, 3))
    (got,) = read_recordings(save(tmp_path / "a.xdf", stream(1, times(120), x, form=form)))
    assert np.array_equal(got.data, x.T)
    assert (got.ch_names, got.unit, got.annotations) == (("ch1", "ch2", "ch3"), "a.u.", ())


def test_stamps_that_are_left_out_follow_from_the_rate(tmp_path):
    x, stamps = signal(200), list(times(200))
    stamps[1:] = [None] * 199
    (got,) = read_recordings(save(tmp_path / "a.xdf", stream(1, stamps, x)))
    assert np.array_equal(got.data, x.T)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("V", 1e6),
        ("volts", 1e6),
        ("mV", 1e3),
        ("millivolts", 1e3),
        ("µV", 1),
        ("μV", 1),
        ("uV", 1),
        ("nV", 1e-3),
    ],
)
def test_volts_of_any_size_become_microvolt(tmp_path, unit, factor):
    x = signal(100, 1) * np.float32(20 / factor)  # as large as EEG is
    (got,) = read_recordings(save(tmp_path / "a.xdf", stream(1, times(100), x, channels=[("Cz", unit)])))
    assert got.unit == "uV"
    assert np.allclose(got.data, x.T * factor)


def test_a_unit_for_channels_without_one(tmp_path):
    path = save(tmp_path / "a.xdf", stream(1, times(100), signal(100)))
    assert read_recordings(path, unit="uV")[0].unit == "uV"
    assert read_recordings(path, ch_names=["a", "b"])[0].ch_names == ("a", "b")


def test_the_stream_by_name_or_type(tmp_path, one_line):
    x, y = signal(), signal(100, 3)
    path = save(
        tmp_path / "a.xdf",
        stream(1, times(), x),
        stream(2, times(100, 25), y, name="Watch", kind="ACC", sfreq=25),
        markers(3, [1001.0], ["one"]),
        markers(4, [1002.0], ["two"], name="Keys"),
    )
    for wanted in ("Watch", "ACC", "acc"):
        (got,) = read_recordings(path, stream=wanted)
        assert np.array_equal(got.data, y.T)
        assert [a.label for a in got.annotations] == ["one", "two"]
    for wanted, labels in [("Keys", ["two"]), (["Keys", "Stim"], ["one", "two"]), ([], [])]:
        (got,) = read_recordings(path, stream="Amp", markers=wanted)
        assert [a.label for a in got.annotations] == labels
    assert "2 streams are meant; it holds Amp (EEG, 2 x float32, 100 Hz), Watch" in one_line(
        read_recordings, path
    )
    assert "did you mean 'Watch'" in one_line(read_recordings, path, stream="Wach")
    assert "data.markers=Kees: no such stream" in one_line(
        read_recordings, path, stream="Amp", markers="Kees"
    )
    assert "holds text" in one_line(read_recordings, path, stream="Keys")
    assert "stream of the signal itself" in one_line(read_recordings, path, stream="Amp", markers="Amp")
    assert "data.markers=5" in one_line(read_recordings, path, stream="Amp", markers=5)
    assert "data.rate='efective'" in one_line(read_recordings, path, stream="Amp", rate="efective")


def test_markers_that_are_numbers(tmp_path):
    path = save(
        tmp_path / "a.xdf",
        stream(1, times(), signal()),
        stream(2, [1001.0, 1002.0], [[3], [4]], name="Codes", kind="Markers", form="int32", sfreq=0),
    )
    (got,) = read_recordings(path, stream="Amp", markers="Codes")
    assert [(a.start, a.label) for a in got.annotations] == [(100, "3"), (200, "4")]


def test_clocks_are_brought_to_one(tmp_path):
    """The amplifier's clock is 500 s behind that of the recorder and of the markers."""
    x, t = signal(3000), times(3000)
    path = save(
        tmp_path / "a.xdf",
        stream(1, t - 500, x),
        *(clock(1, at - 500, 500.0) for at in np.arange(1000, 1030, 5.0)),
        markers(2, [1001.0, 1025.0], ["a", "b"]),
    )
    (got,) = read_recordings(path)
    assert np.array_equal(got.data, x.T)
    assert [a.start for a in got.annotations] == [100, 2500]


def test_jitter_does_not_move_samples(tmp_path):
    x = signal(1000)
    jitter = RNG.uniform(-0.03, 0.03, size=1000)  # three samples and more, also backwards
    (got,) = read_recordings(save(tmp_path / "a.xdf", stream(1, times(1000) + jitter, x)))
    assert np.array_equal(got.data, x.T)
    assert (got.mask, got.sfreq) == (None, 100)


def test_a_gap_is_not_observed(tmp_path):
    x, t = signal(), times()
    t[250:] += 2.5
    path = save(tmp_path / "a.xdf", stream(1, t, x), markers(2, [t[249] + 1.0, t[300]], ["in", "after"]))
    (got,) = read_recordings(path)
    assert got.n_times == 650
    assert got.mask is not None
    assert np.array_equal(
        got.mask.all(axis=0), np.r_[np.ones(250, bool), np.zeros(250, bool), np.ones(150, bool)]
    )
    assert np.array_equal(got.data[:, :250], x[:250].T)
    assert np.array_equal(got.data[:, 500:], x[250:].T)
    assert [a.start for a in got.annotations] == [349, 550]


def test_a_gap_of_a_slow_stream(tmp_path):
    """pyxdf bridges up to 500 samples by itself: 50 s at 10 Hz."""
    x, t = signal(), times(sfreq=10)
    t[200:] += 20
    (got,) = read_recordings(save(tmp_path / "a.xdf", stream(1, t, x, sfreq=10)))
    assert got.n_times == 600
    assert np.array_equal(got.data[:, 400:], x[200:].T)


def test_effective_against_nominal_rate(tmp_path, one_line):
    x = signal(2000)
    near = save(tmp_path / "near.xdf", stream(1, times(2000, 100.5), x))
    assert read_recordings(near)[0].sfreq == 100
    assert read_recordings(near, rate="effective")[0].sfreq == pytest.approx(100.5, abs=1e-6)
    far = save(tmp_path / "far.xdf", stream(1, times(2000, 125), x))
    assert "claims 100 Hz, its time stamps say 125 Hz; set data.rate=effective" in one_line(
        read_recordings, far
    )
    (got,) = read_recordings(far, rate="effective")
    assert got.sfreq == pytest.approx(125, abs=1e-6)
    assert np.array_equal(got.data, x.T)


def test_a_drifting_clock_keeps_markers_at_their_samples(tmp_path):
    """At 100.05 Hz, by the nominal rate, the marker would be 20 samples off after 390 s."""
    n = 40000
    t = times(n, 100.05)
    path = save(tmp_path / "a.xdf", stream(1, t, signal(n, 1)), markers(2, [t[39000]], ["x"]))
    assert read_recordings(path)[0].annotations[0].start == 39000


def test_a_stream_without_a_rate_is_laid_on_one(tmp_path, one_line):
    stamps = [5.0, 5.1, 5.32, 5.34, 5.9]
    path = save(tmp_path / "a.xdf", stream(1, stamps, [[k] for k in range(5)], kind="Gaze", sfreq=0))
    (got,) = read_recordings(path, sfreq=10)
    assert got.data.tolist() == [[0, 1, 0, 3, 0, 0, 0, 0, 0, 4]]
    assert got.mask is not None
    assert np.flatnonzero(got.mask[0]).tolist() == [0, 1, 3, 9]
    for rate in (None, 0, True, "fast"):
        assert f"data.sfreq={rate!r}" in one_line(read_recordings, path, sfreq=rate)
    back = save(tmp_path / "b.xdf", stream(1, [5.0, 4.0], [[0], [1]], kind="Gaze", sfreq=0))
    assert "goes back in time by 1 s after sample 0" in one_line(read_recordings, back, sfreq=10)


def test_time_that_goes_back(tmp_path, one_line):
    t = times()
    t[200:] -= 30
    message = one_line(read_recordings, save(tmp_path / "a.xdf", stream(1, t, signal())))
    assert "goes back in time by 30 s after sample 199" in message


def test_nothing_but_gaps(tmp_path, one_line):
    t = times()
    t[200:] += 1e9
    assert "would be gaps" in one_line(read_recordings, save(tmp_path / "a.xdf", stream(1, t, signal())))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_stamps_and_values_that_are_no_numbers(tmp_path, value, one_line):
    t, x = times(), signal()
    t[3] = value
    message = one_line(read_recordings, save(tmp_path / "a.xdf", stream(1, t, x)))
    assert "a.xdf" in message
    x[5, 1] = value
    path = save(tmp_path / "b.xdf", stream(1, times(), x))
    if np.isnan(value):
        assert np.argwhere(~read_recordings(path)[0].mask).tolist() == [[1, 5]]
    else:
        assert "channel ch2 is infinite" in one_line(read_recordings, path)
    lost = save(tmp_path / "c.xdf", stream(1, times(), signal()), markers(2, [value], ["x"]))
    assert "c.xdf" in one_line(read_recordings, lost)


@pytest.mark.parametrize("name", ["a.b.xdfz", "a.b.xdf.gz", "A.XDFZ"])
def test_compressed(tmp_path, name, one_line):
    x = signal()
    (tmp_path / name).write_bytes(gzip.compress(file(stream(1, times(), x))))
    assert np.array_equal(read_recordings(tmp_path / name)[0].data, x.T)
    (tmp_path / name).write_bytes(gzip.compress(file(stream(1, times(), x)))[:-20])
    assert name in one_line(read_recordings, tmp_path / name)


def test_cut_off_anywhere(tmp_path, one_line):
    """But between two chunks, where the next test says what happens."""
    parts = [HEAD, samples(1, list(times(60)), signal(60)), boundary(), footer(1, 60)]
    content = file(*parts)
    between = len(file()) + np.cumsum([len(part) for part in parts])
    path = tmp_path / "a cut.xdf"
    for keep in sorted({*range(1, len(content), 7), *(between - 1), *(between[:-1] + 1)} - {*between}):
        path.write_bytes(content[:keep])
        assert str(path) in one_line(read_recordings, path)


@pytest.mark.parametrize("end", [b"", of_stream(6, 1, b"<info><sample_count>400<")])
def test_cut_off_between_chunks_is_said(tmp_path, caplog, end):
    """Then footers are missing, or are no XML, which pyxdf knows of real files."""
    x = signal()
    save(tmp_path / "a.xdf", HEAD, samples(1, list(times()), x), end)
    with caplog.at_level("INFO", "eegdae"):
        (got,) = read_recordings(tmp_path / "a.xdf")
    assert got.n_times == 400
    assert "has streams without a footer" in caplog.text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"time,a,b\n", "is not an XDF file: it begins with b'time'"),
        (file(), "no stream is a signal"),
        (file(HEAD, footer(1, 0)), "holds no samples"),
        (file(HEAD, HEAD), "a second header of stream 1"),
        (file(BODY), "stream 1 has no header"),
        (file(HEAD, BODY, footer(1, 3)), "has 2 samples, its footer says 3"),
        (file(header(1, "Amp", "EEG", "float16", 2, 100)), "channel_format 'float16'"),
        (file(header(1, "Amp", "EEG", "float32", 0, 100)), "0 channels"),
        (file(header(1, "Amp", "EEG", "float32", 2, -1)), "-1.0 Hz"),
        (file(header(1, "Amp", "EEG", "float32", 2, "x")), "could not convert string to float"),
        (file(HEAD, samples(1, [1.0], [[1, 2, 3]])), "4 bytes behind the last sample"),
        (file(HEAD, b"\x01\x02\x07\x00"), "a chunk of kind 7"),
        (file(HEAD, b"\x02\x02\x07\x00"), "a length has 1, 4 or 8 bytes, not 2"),
        (file(HEAD, boundary()[:-1] + b"!"), "a boundary that is none"),
        (file(HEAD, clock(1, 1.0, np.nan)), "a clock offset that is none"),
        (file(HEAD, BODY, b"\x08" + b"\xff" * 8), "was cut off"),
        (
            file(header(1, "Amp", "EEG", "float32", 2, 100, channels=[("a", ""), ("a", "")]), BODY),
            "more than once: a",
        ),
    ],
)
def test_what_is_not_right_is_named(tmp_path, content, said, one_line):
    (tmp_path / "a.xdf").write_bytes(content)
    message = one_line(read_recordings, tmp_path / "a.xdf")
    assert "a.xdf" in message
    assert said in message


def test_without_pyxdf(tmp_path, monkeypatch, one_line):
    path = save(tmp_path / "a.xdf", stream(1, times(), signal()))
    monkeypatch.setitem(sys.modules, "pyxdf", None)
    assert "pip install 'eegdae[xdf]'" in one_line(read_recordings, path)


def test_grids():
    grid = regular_grid(np.array([0.0, 0.1, 0.2, 5.2, 5.3]), 10.0, where="x")
    assert grid.index.tolist() == [0, 1, 2, 52, 53]
    assert grid.measured == pytest.approx(10)
    assert grid.nearest(np.array([-0.2, -0.05, 0.14, 2.7, 5.35, 5.5])).tolist() == [-1, 0, 1, 27, 53, -1]
    assert grid.lay(np.arange(5.0)[:, None])[0, [0, 1, 2, 52, 53]].tolist() == [0, 1, 2, 3, 4]
    assert np.isnan(grid.lay(np.arange(5.0)[:, None])).sum() == 49
    slow = regular_grid(np.arange(5) * 60.0, 1 / 60, where="x")  # a sample a minute is no gap
    assert slow.index.tolist() == [0, 1, 2, 3, 4]
    assert regular_grid(np.array([3.0]), 10.0, where="x").n_times == 1
    assert grid_by_time(np.array([0.0, 0.26]), 10.0, where="x").index.tolist() == [0, 3]


@pytest.mark.parametrize(("n", "seed"), [(200, 1), pytest.param(5000, 2, marks=pytest.mark.slow)])
def test_random_damage(tmp_path, n, seed):
    """With and without a footer; damage is often in the numbers, which nothing can tell from others."""
    content = file(
        header(1, "Amp", "EEG", "float32", 2, 100, channels=CHANNELS),
        header(2, "Stim", "Markers", "string", 1, 0),
        clock(1, 1000.0, 0.5),
        samples(1, list(times(20)), signal(20)),
        samples(2, [1000.7], [["go"]], "string"),
        clock(1, 1005.0, 0.5),
        footer(1, 20),
        footer(2, 1),
    )
    assert sum(survives(tmp_path / "own.xdf", content, n=n, seed=seed)) == n
