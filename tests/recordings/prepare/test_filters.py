import mne
import numpy as np
import pytest

from eegdae.recordings import Annotation, as_recording, load_recordings
from eegdae.recordings.prepare import prepare
from eegdae.recordings.prepare.filters import _filter_seconds

RATE = 250.0
TIMES = np.arange(int(40 * RATE)) / RATE


def rec(data, **changes):
    data = np.atleast_2d(data)
    names = [f"c{k}" for k in range(len(data))]
    return as_recording(data, **{"sfreq": RATE, "ch_names": names, "unit": "uV", "source": "a.edf"} | changes)


def test_a_tone_in_the_band_stays_and_one_outside_goes():
    inside, outside = np.sin(2 * np.pi * 10 * TIMES), np.sin(2 * np.pi * 60 * TIMES)
    got = prepare(rec([inside + outside + 50.0]), l_freq=0.5, h_freq=40, sfreq=125)
    assert got.sfreq == 125
    assert got.n_times == round(len(TIMES) / 2)
    middle = slice(1000, -1000)
    assert np.abs(got.data[0] - inside[::2])[middle].max() < 0.02


def test_same_as_mne_on_a_raw_object(eegmat, data_config):
    config = data_config("eegmat", path=str(eegmat / "Subject03_2.edf"))
    (got,) = load_recordings(config)
    raw = mne.io.read_raw_edf(eegmat / "Subject03_2.edf", preload=True, verbose="error")
    raw.drop_channels(["EEG A2-A1", "ECG ECG"])
    raw.filter(0.5, 45, verbose="error").resample(128, method="polyphase", verbose="error")
    # Ours filters float32 microvolt: the difference is that rounding.
    assert np.abs(got.data - raw.get_data() * 1e6).max() < 1e-3
    assert got.annotations[0].stop == got.n_times


@pytest.mark.parametrize(
    ("old", "new", "n_times"), [(500, 128, 31001), (250, 100, 9999), (249.98, 128, 10_000), (50, 64, 501)]
)
def test_resampling_keeps_sample_k_at_time_k_over_sfreq(old, new, n_times):
    def tone(rate, n):
        return np.sin(2 * np.pi * 20 * np.arange(n) / rate) + np.sin(2 * np.pi * 3 * np.arange(n) / rate + 1)

    got = prepare(rec([tone(old, n_times)], sfreq=old), sfreq=new)
    assert got.n_times == round(n_times * new / old)
    edge = int(new)
    assert np.abs(got.data[0] - tone(new, got.n_times))[edge:-edge].max() < 5e-3


@pytest.mark.parametrize(
    ("old", "new"), [(1 / 60, 1 / 120), (1 / 3600, 1 / 7200), (1e-5, 3e-5), (1.0, 1 / 60)]
)
@pytest.mark.parametrize("causal", [False, True])
def test_samples_that_are_hours_apart(old, new, causal):
    n_times = 3000
    slow = np.sin(np.arange(n_times) / 200) if old < 1 else np.ones(n_times)
    got = prepare(rec([slow], sfreq=old, unit="degC"), sfreq=new, causal=causal)
    assert got.sfreq == new
    assert abs(got.n_times - n_times * new / old) <= (1 if causal else 0.5) + (new > old)
    if not causal and old < 1:
        expected = np.sin(np.arange(got.n_times) * old / new / 200)
        assert np.abs(got.data[0] - expected)[50:-50].max() < 5e-3


def test_annotations_and_mask_follow_the_rate():
    data = np.random.default_rng(0).normal(size=(1, len(TIMES)))
    data[0, 2500:5000] = np.nan
    marks = [Annotation(0, 2500, "a"), Annotation(5001, len(TIMES), "b")]
    got = prepare(rec(data, annotations=marks), sfreq=100)
    assert [(a.start, a.stop, a.label) for a in got.annotations] == [(0, 1000, "a"), (2000, 4000, "b")]
    assert got.mask is not None
    assert np.flatnonzero(~got.mask[0]).tolist() == list(range(1000, 2000))
    assert not got.data[~got.mask].any()


def test_a_gap_does_not_ring():
    """Bridged by a line, not by zeros: a slow wave on a large offset comes out as without the gap."""
    wave = 500 + np.sin(2 * np.pi * 2 * TIMES)
    gap = wave.copy()
    gap[5000:5010] = np.nan
    whole, holed = (prepare(rec([x]), l_freq=0.5, h_freq=40) for x in (wave, gap))
    seen = holed.mask[0]
    assert np.abs(whole.data[0] - holed.data[0])[seen].max() < 0.05


@pytest.mark.parametrize(
    ("options", "level"), [({"l_freq": 1.0}, 0), ({"h_freq": 30.0}, 7), ({"sfreq": 100}, 7)]
)
def test_a_flat_channel_stays_flat(options, level):
    data = np.vstack([np.full(len(TIMES), 7.0), np.random.default_rng(0).normal(size=len(TIMES))])
    data[:, 100:200] = np.nan
    got = prepare(rec(data), **options)
    assert np.unique(got.data[0][got.mask[0]]).tolist() == [level]
    assert got.data[1].std() > 0.1


def test_the_reference_comes_before_the_filter_and_its_gaps_stay(one_line):
    data = np.random.default_rng(0).normal(size=(3, len(TIMES)))
    data[2, 1000:1200] = np.nan
    got = prepare(rec(data), l_freq=1, h_freq=40, reference="average")
    assert got.reference == "average"
    assert not got.mask[:, 1000:1200].any()
    assert np.abs(got.data.sum(axis=0)).max() < 1e-5
    one = prepare(rec(data[:2]), l_freq=1, reference=["c1"])
    assert not one.data[1].any()
    assert one.data[0].std() > 1
    assert "'c9' is not a channel" in one_line(prepare, rec(data), reference=["c9"])


@pytest.mark.parametrize(
    ("l_freq", "h_freq", "sfreq"),
    [
        (0.5, 45, 500),
        (1, None, 250),
        (None, 40, 128),
        (0.1, 30, 100),
        (8, 20, 200),
        (30, 49, 100),
        (3, 124, 250),
    ],
)
def test_the_length_of_the_filter_is_known_before_it_is_designed(l_freq, h_freq, sfreq):
    """A high-pass at a ten-millionth of a hertz would be designed for hours and then refused."""
    taps = mne.filter.create_filter(None, sfreq, l_freq, h_freq, verbose="error")
    assert _filter_seconds(l_freq, h_freq, sfreq) == len(taps) / sfreq


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"l_freq": 1e-7}, "a.edf: lasts 40 s, but the filter for data.prepare.l_freq=1e-07"),
        ({"h_freq": 125}, "h_freq=125 must be below half the sampling rate, 125 Hz"),
        ({"l_freq": 200}, "l_freq=200"),
        ({"l_freq": 20, "h_freq": 10}, "l_freq=20 must lie below h_freq=10"),
        ({"h_freq": 45, "sfreq": 80}, "sfreq=80 must be at least twice h_freq=45"),
        ({"l_freq": -1}, "l_freq=-1"),
        ({"sfreq": "fast"}, "sfreq='fast'"),
        ({"l_freq": 0.01}, "a.edf: lasts 40 s"),
    ],
)
def test_frequencies_that_do_not_fit_are_refused(options, said, one_line):
    assert said in one_line(prepare, rec([np.sin(TIMES)]), **options)
