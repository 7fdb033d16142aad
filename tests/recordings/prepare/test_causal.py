import mne
import numpy as np
import pytest

from eegdae.recordings import Annotation, as_recording
from eegdae.recordings.prepare import prepare
from eegdae.recordings.prepare.causal import resampled

RATE = 250.0
NAMES = ("Fp1", "Fp2", "C3", "C4", "O1", "O2")


def rec(data, **changes):
    about = {"sfreq": RATE, "ch_names": NAMES[: len(data)], "unit": "uV", "source": "a.edf"}
    return as_recording(data, **about | changes)


def noise(n_times=5000, n_chans=6, seed=0):
    return np.random.default_rng(seed).normal(scale=10, size=(n_chans, n_times)) + 300


OPTIONS = [
    {"l_freq": 0.5},
    {"h_freq": 40},
    {"l_freq": 0.5, "h_freq": 40},
    {"notch": {"line": 50}},
    {"sfreq": 128},
    {"sfreq": 100},
    {"sfreq": 500},
    {"l_freq": 1, "h_freq": 40, "sfreq": 128, "notch": 50, "reference": "average"},
    {"montage": "standard_1005", "bad_channels": {"names": ["C3"], "do": "interpolate"}, "reference": ["O1"]},
    {"montage": "standard_1005", "interpolate_to": [*NAMES, "Cz"], "laplacian": True, "h_freq": 30},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("cut", [1, 777, 2500, 4990])
def test_what_comes_later_changes_nothing_before_it(options, cut):
    before = noise()
    before[1, 400:450] = np.nan
    before[2, :30] = np.nan
    after = before.copy()
    after[:, cut + 1 :] = 1e3 * noise(seed=1)[:, cut + 1 :] - 5e4
    after[4, cut + 5 : cut + 9] = np.nan
    unit = {} if "laplacian" in options else {"unit": "arbitrary"}
    one, other = (prepare(rec(x, unit="a.u."), causal=True, **unit, **options) for x in (before, after))
    n = int(cut * one.sfreq / RATE) + 1  # samples at times up to that of sample `cut`
    assert np.array_equal(one.data[:, :n], other.data[:, :n])
    seen = [np.ones(got.data.shape, dtype=bool) if got.mask is None else got.mask for got in (one, other)]
    assert np.array_equal(seen[0][:, :n], seen[1][:, :n])
    later = np.abs(one.data[:, n:] - other.data[:, n:])
    assert later.max() > 100 or n > one.n_times - 10


def test_the_usual_preparation_is_not_causal():
    before, after = noise(), noise()
    after[:, 2500:] += 100
    one, other = (prepare(rec(x), l_freq=1, h_freq=40) for x in (before, after))
    assert np.abs(one.data - other.data)[:, :2500].max() > 0.1


@pytest.mark.parametrize(("l_freq", "h_freq"), [(1, None), (None, 40), (1, 40)])
def test_filters_are_those_of_mne(l_freq, h_freq):
    x = noise()
    got = prepare(rec(x), l_freq=l_freq, h_freq=h_freq, causal=True)
    first = x[:, :1]
    by_hand = mne.filter.filter_data(
        x - first, RATE, l_freq, h_freq, method="iir", phase="forward", verbose="error"
    )
    assert np.abs(got.data - (by_hand if l_freq else by_hand + first)).max() < 1e-4


def test_notches_are_those_of_mne():
    x = noise()
    got = prepare(rec(x), notch=[50, 100], causal=True)
    by_hand = x - x[:, :1]
    for f in (50, 100):
        by_hand = mne.filter.notch_filter(by_hand, RATE, f, method="iir", phase="forward", verbose="error")
    assert np.abs(got.data - by_hand - x[:, :1]).max() < 1e-4


@pytest.mark.parametrize(("old", "new"), [(250, 125), (250, 128), (500, 128), (50, 64), (249.5, 128)])
def test_a_causal_rate_passes_what_the_usual_one_passes_a_little_later(old, new):
    n_times = int(10 * old)
    times = np.arange(n_times) / old
    low = min(old, new)
    for f in (0.04 * low, 0.3 * low):
        got = resampled(np.sin(2 * np.pi * f * times)[None], old, new)[0]
        at = np.arange(len(got)) / new
        assert len(got) == int((n_times - 1) * new / old + 1e-9) + 1
        middle = slice(int(2 * new), -int(new))
        wave = np.stack([np.sin(2 * np.pi * f * at), np.cos(2 * np.pi * f * at)])[:, middle]
        fitted, *_ = np.linalg.lstsq(wave.T, got[middle], rcond=None)
        assert np.hypot(*fitted) == pytest.approx(1, abs=0.02)
        assert np.abs(got[middle] - fitted @ wave).max() < 0.02  # no aliases
        delay = (-np.arctan2(fitted[1], fitted[0]) % (2 * np.pi)) / (2 * np.pi * f)
        assert 0 < delay * low < 6  # in samples of the lower rate
    if new < old:
        f = 0.7 * new  # would fold
        aliased = resampled(np.sin(2 * np.pi * f * times)[None], old, new)[0]
        assert np.abs(aliased[int(2 * new) : -int(new)]).max() < 0.02


def test_a_constant_stays_itself_and_an_offset_does_not_ring():
    data = noise()
    data[0] = 7.0
    got = prepare(rec(data), sfreq=128, h_freq=40, notch=50, causal=True)
    assert np.unique(got.data[0]).tolist() == [7]
    high = prepare(rec(data), sfreq=128, l_freq=1, causal=True)
    assert np.unique(high.data[0]).tolist() == [0]
    assert np.abs(high.data[1]).max() < 100  # and not the 300 of the offset


def test_mask_and_annotations_follow():
    data = noise()
    data[:, 1000:2000] = np.nan
    got = prepare(rec(data, annotations=[Annotation(0, 1000, "a")]), sfreq=125, h_freq=40, causal=True)
    assert np.flatnonzero(~got.mask[0]).tolist() == list(range(500, 1000))
    assert [(a.start, a.stop) for a in got.annotations] == [(0, 500)]
    assert not got.data[~got.mask].any()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"bad_channels": "find"},
            "a.edf: data.prepare.causal=true: bad_channels=find needs the whole recording",
        ),
        ({"annotate": {"flat": 1}}, "a.edf: data.prepare.causal=true: annotate needs the whole recording"),
        ({"reference": "average"}, "data.prepare.causal=true: channel Fp1 is flat, which only the whole"),
        ({"l_freq": 1e-9}, "data.prepare.l_freq=1e-09 h_freq=None: no"),
    ],
)
def test_what_only_the_whole_recording_tells_is_refused(options, said, one_line):
    data = noise()
    data[0] = 7.0
    assert said in one_line(prepare, rec(data), causal=True, **options)
