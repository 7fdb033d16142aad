import numpy as np
import pytest

from eegdae.recordings import as_recording
from eegdae.recordings.caps import common_channels, on_common, pick


def rec(names, seed=0, **changes):
    data = np.random.default_rng(seed).normal(size=(len(names), 20))
    return as_recording(
        data, **{"sfreq": 10.0, "ch_names": names, "unit": "uV", "source": f"{seed}.edf"} | changes
    )


def cut_to_shared(recordings):
    # an iterator: no recording has to stay in memory
    common = common_channels(iter(recordings), shared=True, drop=False)
    return [on_common(recording, common) for recording in recordings], common.dropped


def test_caps_meet_on_their_electrodes_whatever_order_and_name():
    caps = [
        rec(["EEG FP1-Ref", "T3", "Cz", "O1"], 0),
        rec(["O1", "Fp1", "X", "T7"], 1),
        rec(["T7", "Fp1", "O1"], 2),
    ]
    got, dropped = cut_to_shared(caps)
    assert [r.ch_names for r in got] == [("Fp1", "T7", "O1")] * 3
    assert np.array_equal(got[0].data, caps[0].data[[0, 1, 3]])
    assert np.array_equal(got[1].data, caps[1].data[[1, 3, 0]])
    assert np.array_equal(got[2].data, caps[2].data[[1, 0, 2]])
    assert dropped == {"unshared channel Cz": 1, "unshared channel X": 1}


def test_an_interpolated_channel_is_not_shared():
    caps = [
        rec(["Fz", "Cz", "Pz"], 0),
        rec(["Fz", "CZ", "Pz"], 1, interpolated=["Cz"]),
        rec(["Fz", "Cz", "Pz"], 2, interpolated=["cz"]),
    ]
    got, dropped = cut_to_shared(caps)
    assert {r.ch_names for r in got} == {("Fz", "Pz")}
    assert all(r.interpolated == () for r in got)
    assert dropped == {"interpolated channel Cz": 2}


def test_what_is_known_of_a_channel_goes_with_it():
    data = np.arange(60.0).reshape(3, 20)
    data[2, 4:9] = np.nan
    whole = rec(["a", "b", "c"], interpolated=["b"])
    gaps = as_recording(data, sfreq=10, ch_names=["a", "b", "c"], unit=["uV", "g", "a.u."], ch_pos=np.eye(3))
    got = pick(gaps, [2, 0])
    assert (got.ch_names, got.units) == (("c", "a"), ("a.u.", "uV"))
    assert np.array_equal(got.ch_pos, np.eye(3)[[2, 0]])
    assert np.array_equal(got.mask, gaps.mask[[2, 0]])
    assert pick(gaps, [0, 1]).mask is None
    assert pick(whole, [1]).interpolated == ("b",)
    assert pick(whole, [0]).interpolated == ()


@pytest.mark.parametrize("second", [rec(["Oz"], 1), rec(["Fz", "Oz"], 1, interpolated=["Fz"])])
def test_caps_that_share_nothing(second, one_line):
    message = one_line(cut_to_shared, [rec(["Fz", "Cz"]), second])
    assert "windows.channels=shared: 0.edf and the others share no channel" in message
    assert "Fz, Cz" in message


def test_two_names_of_one_electrode(one_line):
    message = one_line(cut_to_shared, [rec(["Fz", "T3"]), rec(["T3", "Fz", "T7"], 1)])
    assert message.startswith("1.edf: T3 and T7 are two names of one electrode")


def test_bad_channels_go_from_every_recording_and_are_counted_where_they_are():
    flat = rec(["Fz", "Cz", "Pz"], 1)
    flat.data[1] = 2.0
    common = common_channels([rec(["Fz", "Cz", "Pz"]), flat, flat], shared=False, drop=True)
    assert common.ch_names == ("Fz", "Pz")
    assert common.dropped == {"flat channel Cz": 2}
    # one that is not shared is not counted as flat as well
    common = common_channels([rec(["Fz", "Pz"]), flat], shared=True, drop=True)
    assert common.ch_names == ("Fz", "Pz")
    assert common.dropped == {"unshared channel Cz": 1}


def test_recordings_that_are_not_cut_must_be_alike(one_line):
    def common(recordings):
        return common_channels(recordings, shared=False, drop=True)

    message = one_line(common, [rec(["Fz", "Cz"]), rec(["Fz", "Oz"], 1)])
    assert message.startswith("0.edf and 1.edf have different channels")
