import mne
import numpy as np
import pytest

from eegdae.recordings import as_recording
from eegdae.recordings.prepare import check_prepare, prepare
from eegdae.recordings.prepare.choosing import kind_of

NAMES = ("Fp1", "T3", "EOG left", "ECG ECG", "Status", "acc_x")


def rec(names=NAMES, **changes):
    data = np.random.default_rng(0).normal(scale=10, size=(len(names), 500))
    units = ["g" if name == "acc_x" else "uV" for name in names]
    about = {"sfreq": 100.0, "ch_names": names, "unit": units, "source": "a.edf"}
    return as_recording(data, **about | changes)


@pytest.mark.parametrize(
    ("name", "unit", "kind"),
    [
        *(("Fp1", "uV", "eeg"), ("EEG FP1-Ref", "a.u.", "eeg"), ("t3", "a.u.", "eeg"), ("X7", "mV", "eeg")),
        *(("HEOG", "uV", "eog"), ("EKG", "uV", "ecg"), ("EMG chin", "uV", "emg"), ("STI 014", "uV", "stim")),
        *(("acc_x", "g", "misc"), ("X7", "a.u.", "misc"), ("temperature", "a.u.", "misc")),
    ],
)
def test_a_channel_is_of_the_kind_that_its_name_or_else_its_unit_says(name, unit, kind):
    assert kind_of(name, unit) == kind


def test_mne_calls_them_the_same():
    """MNE's own guess from names, where it has one."""
    raw = mne.io.RawArray(
        np.zeros((3, 10)), mne.create_info(["EEG 1", "EOG 1", "ECG 1"], 100), verbose="error"
    )
    with pytest.warns(RuntimeWarning, match="unit"):
        raw.set_channel_types({name: name[:3].lower() for name in raw.ch_names})
    assert [kind_of(name, "uV") for name in raw.ch_names] == raw.get_channel_types()


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({"pick": "eeg"}, "Fp1 T3"),
        ({"pick": ["T7", "Fp1"]}, "T3 Fp1"),
        ({"pick": ["misc", "eeg"]}, "acc_x Fp1 T3"),
        ({"drop": ["ECG ECG", "eog", "stim"]}, "Fp1 T3 acc_x"),
        ({"drop": "T3"}, "Fp1 EOG left ECG ECG Status acc_x"),
        ({"pick": "eeg", "drop": "Fp1"}, "T3"),
        ({"pick": "eeg", "rename": {"T3": "T7", "Oz": "O1"}}, "Fp1 T7"),
    ],
)
def test_channels_are_picked_then_dropped_then_renamed(options, left):
    original = rec()
    got = prepare(original, **options)
    assert " ".join(got.ch_names) == left
    back = {"T7": "T3"} if "rename" in options else {}
    for name, values, unit in zip(got.ch_names, got.data, got.units, strict=True):
        place = NAMES.index(back.get(name, name))
        assert np.array_equal(values, original.data[place])
        assert unit == original.units[place]


def test_a_montage_gives_positions_and_replaces_the_files(one_line):
    got = prepare(rec(("Fp1", "T3", "Cz"), ch_pos=np.ones((3, 3))), montage="standard_1005")
    info = mne.create_info(["Fp1", "T7", "Cz"], 100, "eeg").set_montage("colin27_1005")
    assert np.allclose(got.ch_pos, [chan["loc"][:3] for chan in info["chs"]])
    said = one_line(prepare, rec(), montage="standard_1005")
    assert "a.edf: standard_1005 has no place for channel EOG left, ECG ECG, Status, acc_x" in said
    assert "data.prepare.montage=null" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pick": "Oz"}, "a.edf: data.prepare.pick: 'Oz' is not a channel"),
        ({"pick": "eegs"}, "or a kind: all, eeg, eog"),
        ({"pick": "emg"}, "a.edf: data.prepare.pick='emg' leaves none of the channels Fp1"),
        ({"drop": ["all"]}, "a.edf: data.prepare.drop=['all'] leaves no channel"),
        ({"rename": {"T3": "Fp1"}}, "a.edf: data.prepare.rename gives Fp1 to two channels"),
    ],
)
def test_what_does_not_fit_the_recording_is_refused(options, said, one_line):
    assert said in one_line(prepare, rec(), **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pick": 3}, "data.prepare.pick=3: must be a name or a list of names"),
        ({"drop": []}, "data.prepare.drop=[]: must be a name or a list of names"),
        ({"drop": {"a": 1}}, "data.prepare.drop={'a': 1}"),
        ({"interpolate_to": [None]}, "data.prepare.interpolate_to=[None]"),
        ({"rename": ["T3"]}, "data.prepare.rename=['T3']: must be a mapping"),
        ({"montage": "standard_1006"}, "data.prepare.montage='standard_1006': did you mean 'standard_1005'"),
        ({"montage": 7}, "data.prepare.montage=7"),
        ({"causal": "yes"}, "data.prepare.causal='yes': must be true or false"),
        ({"bad_chanels": "find"}, "data.prepare.bad_chanels: unknown key; did you mean 'bad_channels'"),
        ([1], "data.prepare=[1]: a mapping with pick, drop"),
    ],
)
def test_what_fits_no_recording_is_refused_before_one_is_read(options, said, one_line):
    assert said in one_line(check_prepare, options)
