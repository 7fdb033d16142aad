import numpy as np
import pytest

from eegdae.recordings import as_recording, load_recordings
from eegdae.recordings.prepare import check_prepare, prepare
from eegdae.recordings.prepare.bad_channels import BadChannels, find_bad_channels, robust_z

NAMES = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2")
RATE, N_TIMES = 250.0, 250 * 40


def signals(seed=0):
    """Ten channels with much in common and a little of their own, as EEG has."""
    rng = np.random.default_rng(seed)
    common = np.cumsum(rng.normal(size=(2, N_TIMES)), axis=1)
    mixed = rng.normal(size=(len(NAMES), 2)) * 0.2 + 1
    return mixed @ common + rng.normal(size=(len(NAMES), N_TIMES)) * rng.uniform(0.5, 1, size=(len(NAMES), 1))


def rec(data, **changes):
    about = {"sfreq": RATE, "ch_names": NAMES, "unit": "uV", "source": "a.edf"}
    return as_recording(data, **about | changes)


def broken(which):
    data = signals()
    rng = np.random.default_rng(1)
    if which == "flat":
        data[3] = 5.0
    elif which == "never":
        data[3] = np.nan
    elif which == "loud":
        data[3] *= 30
    elif which == "faint":
        data[3] /= 30
    elif which == "noise":
        fast = rng.normal(size=N_TIMES)
        data[3] += 8 * (fast - np.convolve(fast, np.ones(5) / 5, "same"))
    elif which == "alone":
        own = np.cumsum(rng.normal(size=N_TIMES))
        data[3] = own * np.std(np.diff(data[2])) / np.std(np.diff(own))
    return data


def test_nothing_is_bad_where_nothing_is():
    assert find_bad_channels(rec(signals()), BadChannels(find=True)) == {}
    got = prepare(rec(signals()), bad_channels="find")
    assert got.notes == ()
    assert got.mask is None
    assert np.array_equal(got.data, rec(signals()).data)


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ("flat", "flat"),
        ("never", "never observed"),
        ("loud", "deviation (robust z "),
        ("faint", "deviation (robust z -"),
        ("noise", "noise above 50 Hz (robust z "),
        ("alone", "correlation below 0.4 in "),
    ],
)
def test_each_rule_finds_what_it_is_for(which, said):
    found = find_bad_channels(rec(broken(which)), BadChannels(find=True))
    assert list(found) == ["F4"]
    assert found["F4"].startswith(said)


@pytest.mark.parametrize("which", ["loud", "faint", "noise", "alone"])
def test_the_size_of_all_and_the_offset_of_each_change_nothing(which):
    data = broken(which)
    offsets = np.random.default_rng(2).normal(scale=1000, size=(len(NAMES), 1))
    one, other = (find_bad_channels(rec(x), BadChannels(find=True)) for x in (data, data * 8 + offsets))
    assert list(one) == list(other)


def test_thresholds_are_the_users():
    data = broken("loud")
    assert find_bad_channels(rec(data), BadChannels(find=True, deviation=1000)) == {}
    assert len(find_bad_channels(rec(signals()), BadChannels(find=True, correlation=1))) > 5
    assert find_bad_channels(rec(broken("alone")), BadChannels(find=True, share=1)) == {}


def test_gaps_take_no_part():
    data = broken("alone")
    data[:, 2000:4000] = np.nan
    data[6, 5000:9500] = np.nan
    assert list(find_bad_channels(rec(data), BadChannels(find=True))) == ["F4"]


def test_a_robust_score_is_of_median_and_quartiles():
    values = np.random.default_rng(0).normal(3, 2, size=100_000)
    assert robust_z(values) == pytest.approx((values - 3) / 2, abs=0.05)
    assert robust_z(np.ones(5)).tolist() == [0] * 5


@pytest.mark.parametrize("find", [False, True])
def test_bad_channels_are_marked_dropped_or_interpolated(find):
    data = broken("loud")
    how = {"find": True} if find else {"names": ["F4"]}
    marked = prepare(rec(data), bad_channels=how)
    assert np.flatnonzero(~marked.mask.any(axis=1)).tolist() == [3]
    assert not marked.data[3].any()
    assert np.array_equal(np.delete(marked.data, 3, 0), np.delete(rec(data).data, 3, 0))
    dropped = prepare(rec(data), bad_channels={**how, "do": "drop"})
    assert dropped.ch_names == tuple(name for name in NAMES if name != "F4")
    computed = prepare(rec(data), montage="standard_1005", bad_channels={**how, "do": "interpolate"})
    assert computed.interpolated == ("F4",)
    assert computed.data[3].std() < data[3].std() / 10
    why = "deviation (robust z " if find else "named"
    for got, done in ((marked, "unobserved"), (dropped, "left out"), (computed, "interpolated")):
        (note,) = got.notes
        assert note.startswith(f"bad channel F4: {why}")
        assert note.endswith(done)


def test_a_marked_channel_takes_no_part_in_the_reference():
    data = broken("loud")
    got = prepare(rec(data), bad_channels=["F4"], reference="average")
    rest = np.delete(data, 3, 0)
    assert np.abs(np.delete(got.data, 3, 0) - (rest - rest.mean(axis=0))).max() < 1e-3


def test_the_rules_work_on_real_eeg(eegmat, data_config):
    """One second in fifteen has T5 of person 05 going with no other channel; the figure is from the file."""
    config = data_config("eegmat", path=str(eegmat / "Subject05_2.edf"), prepare={"bad_channels": "find"})
    (got,) = load_recordings(config)
    assert [note.split(":")[0] for note in got.notes] == ["bad channel P7"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("F4", "data.prepare.bad_channels='F4': must be find, a list of names, or a mapping"),
        (3, "data.prepare.bad_channels=3: must be find"),
        ({"finds": True}, "data.prepare.bad_channels.finds: unknown key; did you mean 'find'"),
        ({"find": "yes"}, "data.prepare.bad_channels.find='yes': must be true or false"),
        ({"names": "F4"}, "data.prepare.bad_channels.names='F4': must be a list of names"),
        ({"do": "repair"}, "data.prepare.bad_channels.do='repair': known: drop, interpolate, mark"),
        ({"find": True, "noise": -1}, "data.prepare.bad_channels.noise=-1: a number, 0 or more"),
        ({"find": True, "share": "much"}, "data.prepare.bad_channels.share='much'"),
        ({"flat": float("nan")}, "data.prepare.bad_channels.flat=nan"),
    ],
)
def test_what_is_no_rule_is_refused(value, said, one_line):
    assert said in one_line(check_prepare, {"bad_channels": value})


def test_what_does_not_fit_the_recording_is_refused(one_line):
    assert "a.edf: data.prepare.bad_channels: 'F9' is not a channel" in one_line(
        prepare, rec(signals()), bad_channels=["F9"]
    )
    assert "no channel is good (Fp1: named;" in one_line(prepare, rec(signals()), bad_channels=list(NAMES))
    assert "needs 4 of EEG, there are 3; name the bad ones" in one_line(
        prepare, rec(signals()), pick=["C3", "C4", "O1"], bad_channels="find"
    )
