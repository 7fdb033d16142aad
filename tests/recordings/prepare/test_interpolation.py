import mne
import numpy as np
import pytest

from eegdae.recordings import as_recording, load_recordings
from eegdae.recordings.prepare import prepare

NAMES = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2", "T3", "T4")
RATE = 100.0


def signals(n_chans=12, n_times=1000):
    return np.random.default_rng(0).normal(scale=10, size=(n_chans, n_times))


def rec(data, names=NAMES, **changes):
    about = {"sfreq": RATE, "ch_names": names, "unit": "uV", "source": "a.edf"}
    return as_recording(data, **about | changes)


def raw_of(data, names=NAMES):
    raw = mne.io.RawArray(data * 1e-6, mne.create_info(list(names), RATE, "eeg"), verbose="error")
    return raw.set_montage("colin27_1005", verbose="error")


def test_same_as_mne():
    data = signals()
    how = {"names": ["F3", "T7"], "do": "interpolate"}
    got = prepare(rec(data), montage="standard_1005", bad_channels=how)
    raw = raw_of(data)
    raw.info["bads"] = ["F3", "T3"]
    by_hand = raw.interpolate_bads(verbose="error").get_data() * 1e6
    assert np.abs(got.data - by_hand).max() < 1e-4
    assert got.interpolated == ("F3", "T3")
    assert got.mask is None
    assert got.notes == ("bad channel F3: named; interpolated", "bad channel T3: named; interpolated")


def test_same_as_mne_on_a_real_recording(eegmat, data_config):
    path = eegmat / "Subject03_2.edf"
    how = {
        "bad_channels": {"names": ["Cz"], "do": "interpolate"},
        "reference": "average",
        "l_freq": 1,
        "sfreq": 128,
    }
    (got,) = load_recordings(data_config("eegmat", path=str(path), prepare=how))
    raw = mne.io.read_raw_edf(path, preload=True, verbose="error")
    raw.drop_channels(["EEG A2-A1", "ECG ECG"]).rename_channels(lambda name: name.removeprefix("EEG "))
    raw.rename_channels({"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}).set_montage("colin27_1005")
    raw.info["bads"] = ["Cz"]
    raw.interpolate_bads(verbose="error").set_eeg_reference("average", verbose="error")
    raw.filter(1, None, verbose="error").resample(128, method="polyphase", verbose="error")
    assert np.abs(got.data - raw.get_data() * 1e6).max() < 1e-3
    assert got.interpolated == ("Cz",)


def test_a_cap_gets_the_channels_that_it_lacks_and_keeps_those_it_measured():
    data = signals()
    target = ["Cz", "T7", "Fp1", "Oz", "O2"]
    got = prepare(rec(data), interpolate_to=target)
    assert got.ch_names == tuple(target)
    assert got.interpolated == ("Cz", "Oz")
    assert np.array_equal(got.data[[1, 2, 4]], rec(data).data[[10, 0, 9]])
    raw = raw_of(np.vstack([data, np.zeros((2, 1000))]), (*NAMES, "Cz", "Oz"))
    raw.info["bads"] = ["Cz", "Oz"]
    by_hand = raw.interpolate_bads(verbose="error").get_data(["Cz", "Oz"]) * 1e6
    assert np.abs(got.data[[0, 3]] - by_hand).max() < 1e-4
    assert np.allclose(got.ch_pos[0], raw.info["chs"][-2]["loc"][:3])
    assert got.notes == ("interpolate_to: Cz, Oz computed from the others",)


def test_different_caps_become_alike():
    one = prepare(rec(signals()), interpolate_to="biosemi16")
    other = prepare(rec(signals(8), NAMES[2:10]), interpolate_to="biosemi16")
    assert one.ch_names == other.ch_names
    assert one.n_chans == 16
    assert np.allclose(one.ch_pos, other.ch_pos)
    assert set(one.interpolated) < set(other.interpolated)


def test_a_montage_that_names_an_electrode_twice_has_it_once():
    got = prepare(rec(signals()), interpolate_to="standard_1020")
    assert "T7" in got.ch_names
    assert "T3" not in got.ch_names
    assert "T7" not in got.interpolated


def test_what_is_computed_from_a_gap_is_unobserved_and_silent_channels_give_nothing():
    data = signals()
    data[0, 100:200] = np.nan
    data[1] = 7.0  # flat
    how = {"names": ["C3"], "do": "interpolate"}
    got = prepare(rec(data), montage="standard_1005", bad_channels=how)
    assert np.flatnonzero(~got.mask[4]).tolist() == list(range(100, 200))
    left = [c for c in range(len(NAMES)) if c != 1]
    without = prepare(rec(data[left], [NAMES[c] for c in left]), montage="standard_1005", bad_channels=how)
    # The sphere is fitted to all electrodes that give or get: the flat one has no part in it either.
    assert np.allclose(got.data[4], without.data[3], atol=1e-4)


@pytest.mark.parametrize(
    ("names", "options", "said"),
    [
        (
            NAMES,
            {"bad_channels": {"names": ["C3"], "do": "interpolate"}},
            "needs the position of every channel",
        ),
        (
            NAMES[:4],
            {"montage": "standard_1005", "bad_channels": {"names": ["F3"], "do": "interpolate"}},
            "3 chan",
        ),
        (NAMES, {"interpolate_to": "biosemi65"}, "data.prepare.interpolate_to='biosemi65': did you mean"),
        (NAMES, {"interpolate_to": ["Cz", "Xz"]}, "standard_1005 has no place for channel Xz"),
        (NAMES, {"interpolate_to": ["T3", "T7"]}, "T3 and T7 are two names of one electrode"),
        (
            ("ch1", *NAMES[1:]),
            {"interpolate_to": ["Cz"]},
            "a.edf: standard_1005 has no place for channel ch1",
        ),
    ],
)
def test_what_cannot_be_interpolated_is_refused(names, options, said, one_line):
    assert said in one_line(prepare, rec(signals(len(names)), names), **options)


def test_positions_on_no_head_are_refused(one_line):
    places = np.random.default_rng(0).normal(size=(len(NAMES), 3))
    how = {"names": ["C3"], "do": "interpolate"}
    said = one_line(prepare, rec(signals(), ch_pos=places), bad_channels=how)
    assert "a.edf: data.prepare.bad_channels.do=interpolate: cannot be computed from the positions" in said
