import mne
import numpy as np
import pytest

from eegdae.recordings import as_recording
from eegdae.recordings.prepare import check_prepare, prepare

RATE, N_TIMES = 500.0, 500 * 30
NAMES = ("Fp1", "C3", "C4", "O1")


def signals():
    rng = np.random.default_rng(0)
    return np.cumsum(rng.normal(size=(len(NAMES), N_TIMES)), axis=1) + rng.normal(size=(len(NAMES), N_TIMES))


def rec(data, **changes):
    about = {"sfreq": RATE, "ch_names": NAMES, "unit": "uV", "source": "a.edf"}
    return as_recording(data, **about | changes)


def raw_of(data):
    return mne.io.RawArray(data * 1e-6, mne.create_info(list(NAMES), RATE, "eeg"), verbose="error")


def gone(raw, found):
    return np.isnan(raw.set_annotations(found, verbose="error").get_data(reject_by_annotation="NaN")[0])


def test_muscle_as_mne_has_it():
    data = signals()
    data[:, 5000:6000] += np.random.default_rng(1).normal(scale=30, size=(len(NAMES), 1000))
    got = prepare(rec(data), annotate={"muscle": 4})
    raw = raw_of(data)
    found, _ = mne.preprocessing.annotate_muscle_zscore(raw, threshold=4, ch_type="eeg", verbose="error")
    expected = gone(raw, found)
    assert np.array_equal(~got.mask, np.broadcast_to(expected, got.mask.shape))
    assert expected[5200:5800].all()
    assert expected.mean() < 0.1
    assert not got.data[~got.mask].any()
    assert got.notes == (f"annotate: muscle in {expected.mean():.2%} of the time; unobserved",)


def test_steps_and_flat_stretches_as_mne_has_them():
    data = signals()
    data[1, 3000:3020] += 1000 * (np.arange(20) % 2)
    data[2, 9000:9200] = data[2, 9000]
    got = prepare(rec(data), annotate={"amplitude": 200, "flat": 1e-6, "min_duration": 0.02})
    raw = raw_of(data)
    found, bads = mne.preprocessing.annotate_amplitude(
        raw, peak=200e-6, flat=1e-12, min_duration=0.02, verbose="error"
    )
    assert not bads
    expected = gone(raw, found)
    assert np.array_equal(~got.mask, np.broadcast_to(expected, got.mask.shape))
    assert expected[3002:3018].all()
    assert expected[9000:9199].all()
    assert expected.sum() < 250


def test_a_channel_with_much_of_it_is_unobserved_alone():
    data = signals()
    data[2, 9000:12000] = data[2, 9000]
    got = prepare(rec(data), annotate={"flat": 1e-6, "min_duration": 1})
    assert np.flatnonzero(~got.mask.all(axis=1)).tolist() == [2]
    assert not got.mask[2].any()
    assert got.notes == ("annotate: channel C4: more than 5 % is beyond the amplitude or flat; unobserved",)


def test_gaps_and_flat_channels_are_no_artefacts():
    data = signals()
    data[1, 3000:6000] = np.nan
    data[3] = 7.0
    got = prepare(rec(data), annotate={"flat": 0.1, "min_duration": 1, "muscle": 50})
    assert np.array_equal(got.mask, rec(data).mask)
    assert got.notes == ()


def test_artefacts_are_bridged_by_the_filter():
    data = signals() * 0.1
    data[:, 5000:5010] += 1e5 * (np.arange(10) % 2)
    clean = prepare(rec(signals() * 0.1), l_freq=1, h_freq=40)
    got = prepare(rec(data), l_freq=1, h_freq=40, annotate={"amplitude": 1000})
    assert 8 <= np.flatnonzero(~got.mask[0]).size <= 12
    assert np.abs(got.data - clean.data)[got.mask].max() < 2


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (4, "data.prepare.annotate=4: must be a mapping with muscle, muscle_band, amplitude"),
        ({"muscles": 4}, "data.prepare.annotate.muscles: unknown key; did you mean 'muscle'"),
        ({"muscle": "4"}, "data.prepare.annotate.muscle='4': a number, 0 or more"),
        ({"amplitude": -1}, "data.prepare.annotate.amplitude=-1"),
        ({"flat": True}, "data.prepare.annotate.flat=True"),
        ({"min_duration": None}, "data.prepare.annotate.min_duration=None"),
        ({"bad_percent": 101}, "data.prepare.annotate.bad_percent=101: must be 100 or less"),
        ({"muscle_band": 110}, "data.prepare.annotate.muscle_band=110: must be two frequencies"),
        ({"muscle_band": [140, 110]}, "data.prepare.annotate.muscle_band=[140, 110]"),
        ({"muscle_band": ["a", "b"]}, "data.prepare.annotate.muscle_band=['a', 'b']"),
    ],
)
def test_what_is_no_artefact_is_refused(value, said, one_line):
    assert said in one_line(check_prepare, {"annotate": value})


def test_what_does_not_fit_the_recording_is_refused(one_line):
    slow = rec(signals(), sfreq=128.0)
    said = one_line(prepare, slow, annotate={"muscle": 4})
    assert "a.edf: data.prepare.annotate.muscle needs a rate above 280 Hz" in said
    assert "it is 128 Hz" in said
    assert prepare(slow, annotate={"muscle": 50, "muscle_band": [30, 60]}).mask is None
    assert "there is no EEG channel" in one_line(
        prepare, rec(signals(), unit="g", ch_names=list("abcd")), annotate={"flat": 1}
    )
    assert "lasts 30 s, shorter than" in one_line(
        prepare, rec(signals()), annotate={"flat": 1, "min_duration": 30}
    )
