import mne
import numpy as np
import pytest

from eegdae.recordings import as_recording
from eegdae.recordings.prepare import check_prepare, prepare
from eegdae.recordings.prepare.filters import notch_frequencies

RATE = 250.0
TIMES = np.arange(int(20 * RATE)) / RATE
NOISE = np.random.default_rng(0).normal(scale=10, size=(2, len(TIMES)))


def rec(data, **changes):
    names = [f"c{k}" for k in range(len(data))]
    return as_recording(data, **{"sfreq": RATE, "ch_names": names, "unit": "uV", "source": "a.edf"} | changes)


def test_same_as_mne():
    got = prepare(rec(NOISE), notch={"line": 50})
    raw = mne.io.RawArray(NOISE * 1e-6, mne.create_info(2, RATE, "eeg"), verbose="error")
    by_hand = raw.notch_filter([50, 100], verbose="error").get_data() * 1e6
    assert np.abs(got.data - by_hand).max() < 1e-4


def test_the_mains_go_and_the_rest_stays():
    mains = 30 * np.sin(2 * np.pi * 50 * TIMES) + 20 * np.sin(2 * np.pi * 100 * TIMES)
    wave = 10 * np.sin(2 * np.pi * 10 * TIMES)
    got = prepare(rec([wave + mains]), notch=[50, 100.0])
    assert np.abs(got.data[0] - wave)[1000:-1000].max() < 0.1
    one = prepare(rec([wave + mains]), notch=50)
    assert np.abs(one.data[0] - wave)[1000:-1000].max() > 19


def test_gaps_are_bridged_and_flat_channels_stay_flat():
    wave = 5000 + 10 * np.sin(2 * np.pi * 2 * TIMES)
    gap = wave.copy()
    gap[2000:2010] = np.nan
    got = prepare(rec([gap, np.full(len(TIMES), 7.0), wave]), notch=50)
    assert np.flatnonzero(~got.mask[0]).tolist() == list(range(2000, 2010))
    assert not got.data[~got.mask].any()
    assert np.abs(got.data[0] - wave)[got.mask[0]].max() < 0.5
    assert np.unique(got.data[1]).tolist() == [7]


@pytest.mark.parametrize(
    ("value", "sfreq", "freqs"),
    [
        (None, 100, []),
        (50, 128, [50]),
        ([60.0, 50], 250, [50, 60]),
        ({"line": 50}, 128, [50]),
        ({"line": 50}, 500, [50, 100, 150, 200]),
        ({"line": 60, "harmonics": None}, 250, [60, 120]),
        ({"line": 60}, 100, []),
        ({"line": 50, "harmonics": 2}, 500, [50, 100]),
    ],
)
def test_harmonics_go_as_far_as_the_rate_or_as_asked(value, sfreq, freqs):
    assert notch_frequencies(value, sfreq, source="a.edf") == freqs
    if freqs:
        long = np.random.default_rng(0).normal(scale=10, size=(1, 10 * sfreq))
        assert prepare(rec(long, sfreq=sfreq), notch=value).n_times == 10 * sfreq


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("50", "data.prepare.notch='50': frequencies in Hz are needed"),
        ([50, "x"], "data.prepare.notch=[50, 'x']: frequencies in Hz"),
        (-50, "data.prepare.notch=-50: frequencies in Hz"),
        (True, "data.prepare.notch=True"),
        (float("nan"), "data.prepare.notch=nan"),
        ({"lines": 50}, "data.prepare.notch.lines: unknown key; did you mean 'line'"),
        ({"harmonics": 2}, "data.prepare.notch.line=None: the frequency of the mains"),
        ({"line": 50, "harmonics": 0}, "data.prepare.notch.harmonics=0: must be a whole number"),
        ({"line": 50, "harmonics": 1.5}, "data.prepare.notch.harmonics=1.5"),
    ],
)
def test_what_is_no_notch_is_refused(value, said, one_line):
    assert said in one_line(check_prepare, {"notch": value})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (125, "a.edf: data.prepare.notch: 125 Hz must lie between 1 Hz and half the sampling rate"),
        ({"line": 50, "harmonics": 3}, "a.edf: data.prepare.notch: 150 Hz must lie"),
        (0.5, "0.5 Hz must lie between 1 Hz"),
        ([50, 50.5], "data.prepare.notch=[50.0, 50.5]: "),
    ],
)
def test_a_notch_that_does_not_fit_the_recording_is_refused(value, said, one_line):
    assert said in one_line(prepare, rec(NOISE), notch=value)


def test_a_recording_shorter_than_the_filter_is_refused(one_line):
    said = one_line(prepare, rec(NOISE[:, :1000]), notch=50)
    assert "a.edf: lasts 4 s, but the filter for data.prepare.notch=[50.0] needs 6.6 s" in said
