import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from eegdae.errors import EegdaeError
from eegdae.recordings import Annotation, as_recording, load_recordings
from eegdae.recordings.reference import rereference
from eegdae.windows import make_windows

CONF = Path(__file__).parents[1] / "conf"


def rec(n_times=100, *, n_chans=2, seed=0, **changes):
    data = changes.pop("data", np.random.default_rng(seed).normal(size=(n_chans, n_times)))
    names = [f"c{k}" for k in range(len(data))]
    return as_recording(data, **{"sfreq": 10.0, "ch_names": names, "source": f"{seed}.edf"} | changes)


def said(recordings, **options):
    with pytest.raises(EegdaeError) as caught:
        make_windows(recordings, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@settings(max_examples=50, deadline=None)
@given(
    spans=st.lists(st.tuples(st.integers(0, 60), st.integers(2, 60)), max_size=4),
    size=st.integers(2, 30),
    stride=st.integers(1, 40),
)
def test_every_window_is_its_piece_of_the_recording_inside_one_trial(spans, size, stride):
    marks = [Annotation(a, min(a + n, 100), f"L{k % 2}") for k, (a, n) in enumerate(spans)]
    recording = rec(annotations=marks, subject="s", session="t", run="r")
    trials = marks or [Annotation(0, 100, "")]
    if max(t.stop - t.start for t in trials) < size:
        assert "0.edf" in said([recording], size=size / 10)
        return
    w = make_windows([recording], size=size / 10, stride=stride / 10)
    expected = [(k, i) for k, t in enumerate(trials) for i in range(t.start, t.stop - size + 1, stride)]
    rows = w.metadata
    assert list(zip(rows.trial, rows.i_start, strict=True)) == expected
    assert (rows.i_stop - rows.i_start == size).all()
    assert w.x.shape == (len(expected), 2, size) == (len(w), w.n_chans, w.n_times)
    for x, i in zip(w.x, rows.i_start, strict=True):
        assert np.array_equal(x, recording.data[:, i : i + size])
    assert list(rows.label) == [trials[k].label for k, _ in expected]
    assert [w.classes[t] if t >= 0 else "" for t in rows.target] == list(rows.label)
    assert set(zip(rows.subject, rows.session, rows.run, strict=True)) == {("s", "t", "r")}
    assert w.dropped.get("short trial", 0) == sum(t.stop - t.start < size for t in trials)


def test_no_stride_means_no_overlap_and_no_annotation_no_target():
    w = make_windows([rec(), rec(55, seed=1)], size=1.0)
    assert w.metadata.i_start.tolist() == [*range(0, 100, 10), *range(0, 50, 10)]
    assert (w.metadata.target == -1).all()
    assert (w.metadata.label == "").all()
    assert w.classes == ()
    assert w.mask is None
    assert w.dropped == {}
    assert (w.x.dtype, w.unit, w.sfreq) == (np.float32, "a.u.", 10.0)


def test_seconds_are_rounded_to_samples():
    assert make_windows([rec()], size=0.26, stride=0.2).n_times == 3
    assert make_windows([rec()], size=0.24).n_times == 2


@settings(max_examples=100, deadline=None)
@given(
    size=st.floats(0.2, 3),
    stride=st.floats(0.1, 3),
    sfreq=st.floats(9.5, 33.3),
)
def test_windows_do_not_drift_and_side_by_side_they_share_no_sample(size, stride, sfreq):
    assume(size * sfreq >= 2 and stride * sfreq >= 1)
    w = make_windows([rec(n_times=200, sfreq=sfreq)], size=size, stride=stride)
    starts = w.metadata.i_start.to_numpy()
    assert np.abs(starts - np.arange(len(starts)) * stride * sfreq).max() <= 0.5 + 1e-3
    assert abs(w.n_times - size * sfreq) < 1
    if stride >= size:
        assert (np.diff(starts) >= w.n_times).all()
    # no further window would fit
    assert round((len(starts)) * stride * sfreq) + w.n_times > 200 - 1


def events(*spans, **changes):
    return rec(annotations=[Annotation(a, b, label) for a, b, label in spans], **changes)


def test_windows_around_events():
    marked = events((0, 1, "a"), (20, 21, "b"), (25, 60, "a"), (95, 96, "b"))
    w = make_windows([marked], size=1.0, tmin=-0.2)
    assert w.metadata.i_start.tolist() == [18, 23]
    assert w.metadata.trial.tolist() == [1, 2]
    assert w.metadata.label.tolist() == ["b", "a"]
    assert np.array_equal(w.x[1], marked.data[:, 23:33])
    assert w.dropped == {"outside the recording": 2}
    assert "has no event" in said([rec()], size=1.0, tmin=0.0)
    assert "windows.stride=0.5: with windows.tmin=0" in said([marked], size=1.0, stride=0.5, tmin=0.0)
    assert "set windows.tmin" in said([events((20, 21, "b"))], size=1.0)


def test_windows_are_rejected_by_amplitude_flatness_and_annotation():
    data = np.random.default_rng(0).normal(size=(2, 100))
    data[1, 15] = 100.0
    data[0, 30:40] = 1.0
    data[0, 41:50] = np.nan
    marked = events((0, 100, "rest"), (55, 62, "blink"), data=data)
    options = {"size": 1.0, "max_missing": 0.5, "reject_labels": ["blink"]}
    w = make_windows([marked], **options, reject=50.0, flat=0.1)
    assert w.metadata.i_start.tolist() == [0, 20, 70, 80, 90]
    assert w.dropped == {"amplitude": 1, "flatness": 2, "annotation blink": 2}
    assert w.classes == ("rest",)
    assert set(w.metadata.trial) == {0}
    # a channel of which a window has one value is flat there, one of which it has none is not
    data[0, 40:50] = np.nan
    again = make_windows([events((0, 100, "rest"), data=data)], **options, flat=0.1)
    assert 40 in again.metadata.i_start.tolist()
    units = make_windows([rec(data=data, unit=["uV", "g"])], size=1.0, max_missing=0.5, reject={"uV": 50.0})
    assert units.dropped == {}
    assert "windows.reject.V: no channel of 0.edf" in said([rec(unit="uV")], size=1.0, reject={"V": 1e-4})
    assert "no windows are left; left out: amplitude (10)" in said([rec()], size=1.0, reject=0.0)


def test_classes_sorted_or_in_the_order_given():
    both = [rec(annotations=[Annotation(0, 100, name)], seed=k) for k, name in enumerate("ba")]
    assert make_windows(both, size=10).classes == ("a", "b")
    assert make_windows(both, size=10).metadata.target.tolist() == [1, 0]
    given_order = make_windows(both, size=10, classes=["b", "a"])
    assert (given_order.classes, given_order.metadata.target.tolist()) == (("b", "a"), [0, 1])
    message = said(both, size=10, classes=["b", "aa"])
    assert "1.edf: label 'a'" in message
    assert "did you mean 'aa'" in message
    assert "once" in said(both, size=10, classes=["a", "a", "b"])


def test_windows_with_too_much_missing_are_dropped_and_counted():
    data = np.ones((2, 40)) * np.arange(40)
    data[0, 0:3] = np.nan  # 3 of 20 entries of the first window
    data[:, 10:20] = np.nan  # all of the second
    data[1, 39] = np.nan  # 1 of 20 of the last
    strict = make_windows([rec(data=data)], size=1.0)
    assert strict.metadata.i_start.tolist() == [20]
    assert strict.mask is None
    assert strict.dropped == {"missing": 3}
    lenient = make_windows([rec(data=data)], size=1.0, max_missing=0.15)
    assert lenient.metadata.i_start.tolist() == [0, 20, 30]
    assert lenient.mask is not None
    assert lenient.mask.sum(axis=(1, 2)).tolist() == [17, 20, 19]
    assert not lenient.x[~lenient.mask].any()
    assert lenient.dropped == {"missing": 1}
    data[:, 5::10] = np.nan
    assert "no windows are left: all 4" in said([rec(data=data)], size=1.0)


@pytest.mark.parametrize(("value", "what"), [(3.0, "flat"), (0.0, "flat"), (np.nan, "all-NaN")])
def test_bad_channels_are_named_and_refused_or_dropped_everywhere(value, what):
    good, bad = rec(n_chans=3), rec(n_chans=3, seed=1).data.copy()
    bad[1] = value
    bad[1, :5] = np.nan
    both = [good, rec(data=bad, seed=1, ch_pos=None)]
    message = said(both, size=1.0)
    assert "1.edf" in message
    assert f"channel c1 is {what}" in message
    w = make_windows(both, size=1.0, bad_channels="drop")
    assert w.ch_names == ("c0", "c2")
    assert np.array_equal(w.x[0], good.data[[0, 2], :10])
    assert w.dropped == {f"{what} channel c1": 1}
    assert w.mask is None  # only the dropped channel had gaps


def test_no_channel_left():
    assert "leaves no channel" in said([rec(data=np.zeros((1, 50)))], size=1.0, bad_channels="drop")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": 11.0}, "0.edf: the recording lasts 10 s, shorter than a window of 11 s"),
        ({"size": 0.1}, "windows.size=0.1 s: must be 0.2 s or more, 2 samples"),
        ({"size": -1}, "windows.size=-1"),
        ({"size": float("nan")}, "windows.size=nan"),
        ({"size": "long"}, "windows.size='long'"),
        ({"size": 1, "stride": 0}, "windows.stride=0"),
        ({"size": 1, "tmin": "soon"}, "windows.tmin='soon': a number of seconds"),
        ({"size": 1, "reject": -1.0}, "windows.reject=-1.0: a peak-to-peak value of 0 or more"),
        ({"size": 1, "flat": {"uV": "x"}}, "windows.flat={'uV': 'x'}"),
        ({"size": 1, "reject_labels": "blink"}, "windows.reject_labels='blink': must be a list"),
        ({"size": 1, "max_missing": 1.0}, "windows.max_missing=1.0"),
        ({"size": 1, "bad_channels": "drp"}, "did you mean 'drop'"),
        ({"size": 1, "channels": "shard"}, "windows.channels='shard': did you mean 'shared'"),
    ],
)
def test_what_does_not_fit_names_the_key_or_file(options, words):
    assert words in said([rec()], **options)


def test_trials_shorter_than_a_window_are_named_with_the_file():
    short = rec(annotations=[Annotation(0, 5, "a"), Annotation(10, 18, "b")], seed=3)
    assert "3.edf: the longest trial lasts 0.8 s" in said([rec(), short], size=1.0)


def test_recordings_that_differ_and_none_at_all():
    assert "0.edf and 1.edf have different sampling rates" in said([rec(), rec(seed=1, sfreq=20.0)], size=1.0)
    assert "no recordings" in said([], size=1.0)


def test_positions_are_kept_where_all_agree():
    here, there = np.eye(2, 3), 2 * np.eye(2, 3)
    assert np.array_equal(make_windows([rec(ch_pos=here), rec(ch_pos=here)], size=1).ch_pos, here)
    assert make_windows([rec(ch_pos=here), rec(ch_pos=there)], size=1).ch_pos is None
    assert make_windows([rec(ch_pos=here), rec()], size=1).ch_pos is None


def test_recordings_of_different_caps_meet_where_they_were_measured():
    first = rec(n_chans=4, ch_names=["T3", "Cz", "O1", "A1"], ch_pos=np.eye(4, 3))
    other = rec(n_chans=3, seed=1, ch_names=["o1", "T7", "CZ"], ch_pos=np.eye(4, 3)[[2, 0, 1]])
    message = said([first, other], size=1.0)
    assert "0.edf and 1.edf have different channels" in message
    assert "windows.channels=shared cuts them" in message
    w = make_windows([first, other], size=1.0, channels="shared")
    assert w.ch_names == ("T7", "Cz", "O1")
    assert np.array_equal(w.x[0], first.data[:3, :10])
    assert np.array_equal(w.x[10], other.data[[1, 2, 0], :10])
    assert np.array_equal(w.ch_pos, np.eye(3))
    assert w.dropped == {"unshared channel A1": 1}
    strange = rec(n_chans=3, seed=1, ch_names=["x", "y", "z"])
    assert "channels=shared" not in said([first, strange], size=1.0)
    assert "share no channel" in said([first, strange], size=1.0, channels="shared")


def test_interpolated_channels_are_named_and_not_shared():
    names = ["Fz", "Cz", "Pz"]
    both = [rec(n_chans=3, ch_names=names), rec(n_chans=3, seed=1, ch_names=names, interpolated=["CZ"])]
    assert make_windows(both, size=1.0).interpolated == ("Cz",)
    w = make_windows(both, size=1.0, channels="shared")
    assert (w.ch_names, w.interpolated) == (("Fz", "Pz"), ())
    assert w.dropped == {"interpolated channel Cz": 1}


def test_bad_channels_of_different_caps_are_counted_too():
    flat = rec(n_chans=3, seed=1).data.copy()
    flat[0] = 1.0
    both = [rec(n_chans=2, ch_names=["Fz", "Cz"]), rec(data=flat, ch_names=["Cz", "Fz", "Oz"], seed=1)]
    w = make_windows(both, size=1.0, channels="shared", bad_channels="drop")
    assert w.ch_names == ("Fz",)
    assert w.dropped == {"unshared channel Oz": 1, "flat channel Cz": 1}


def test_references_are_recorded_and_must_agree():
    plain = rec(n_chans=3)
    average = rereference(plain, reference="average")
    w = make_windows([average, average], size=1.0)
    assert (w.reference, w.laplacian) == ("average", False)
    assert make_windows([plain], size=1.0).reference is None
    message = said([plain, average], size=1.0)
    assert "have different references: as recorded and average; give both" in message


@pytest.mark.parametrize("path", sorted((CONF / "windows").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_windows_configuration_cuts(path):
    whole = OmegaConf.create({"windows": OmegaConf.load(path)})
    options = OmegaConf.to_container(whole, resolve=True)["windows"]
    assert f"windows={path.stem}" in path.read_text()
    assert len(make_windows([events((10, 60, "a"))], **options)) >= 1


def test_default_windows_are_what_the_set_says():
    whole = {"windows": OmegaConf.load(CONF / "windows/default.yaml"), "data": {"windows": {"size": 4.0}}}
    asked = OmegaConf.to_container(OmegaConf.create(whole), resolve=True)["windows"]
    assert (asked["size"], asked["stride"], asked["max_missing"]) == (4.0, None, 0.0)


def test_watch_in_two_second_windows():
    config = yaml.safe_load((CONF / "data/watch.yaml").read_text())
    recordings = load_recordings(config)
    w = make_windows(recordings, size=2.0, stride=1.0, classes=config["classes"])
    assert w.x.shape == (sum((r.n_times - 100) // 50 + 1 for r in recordings), 6, 100)
    assert w.classes == tuple(config["classes"])
    assert w.metadata.groupby("subject").target.nunique().tolist() == [7] * 10
    assert w.unit == "g, rad/s"


def test_a_flat_channel_of_a_real_file_is_found_after_filtering(tmp_path):
    folder = Path(os.environ.get("EEGDAE_DATA_DIR", "nowhere")) / "eegmat"
    if not folder.is_dir():
        pytest.skip("EEGDAE_DATA_DIR has no eegmat")
    text = (CONF / "data/eegmat.yaml").read_text()
    config = yaml.safe_load(text) | {"path": str(tmp_path / "Subject00_2.edf")}
    content = bytearray((folder / "Subject00_2.edf").read_bytes())
    header = int(content[184:192])
    n_signals = int(content[252:256])
    per_signal = [int(content[256 + 216 * n_signals + 8 * k :][:8]) for k in range(n_signals)]
    samples = np.frombuffer(content, dtype="<i2", offset=header).reshape(-1, sum(per_signal))
    samples[:, : per_signal[0]] = 12  # the first signal, in every record
    (tmp_path / "Subject00_2.edf").write_bytes(content)
    (recording,) = load_recordings(config)
    assert "channel Fp1 is flat" in said([recording], size=4.0)
    w = make_windows([recording], size=4.0, bad_channels="drop")
    assert w.n_chans == 18
    assert w.dropped == {"flat channel Fp1": 1}
