import inspect
import logging
from pathlib import Path

import mne
import numpy as np
import pytest
import yaml

from eegdae.errors import EegdaeError
from eegdae.recordings import as_recording, load_recordings, read_recordings
from eegdae.recordings.prepare import check_prepare, prepare
from eegdae.recordings.prepare.options import KEYS
from eegdae.tasks.prepare import load_windows
from eegdae.windows import make_windows

CONF = Path(__file__).parents[3] / "conf" / "data"


def test_all_steps_at_once_are_the_same_by_hand_with_mne(eegmat):
    path = eegmat / "Subject05_2.edf"
    how = {
        "pick": "eeg",
        "drop": ["O2"],
        "rename": {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"},
        "montage": "standard_1005",
        "notch": {"line": 50, "harmonics": 2},
        "bad_channels": {"find": True, "do": "interpolate"},
        "interpolate_to": ["Fp1", "Fz", "Cz", "Pz", "O1", "Oz", "P7"],
        "reference": "average",
        "l_freq": 1,
        "h_freq": 40,
        "sfreq": 128,
    }
    (got,) = read_recordings(path, strip="EEG ", exclude=["A2-A1"], prepare=how)
    raw = mne.io.read_raw_edf(path, preload=True, verbose="error")
    raw.drop_channels(["EEG A2-A1", "ECG ECG", "EEG O2"])
    raw.rename_channels(lambda name: how["rename"].get(name[4:], name[4:])).set_montage("colin27_1005")
    raw.notch_filter([50, 100], verbose="error")
    raw.info["bads"] = ["P7"]
    raw.interpolate_bads(verbose="error")
    oz = mne.io.RawArray(np.zeros((1, raw.n_times)), mne.create_info(["Oz"], 500, "eeg"), verbose="error")
    oz.set_montage("colin27_1005")
    measured = [name for name in raw.ch_names if name != "P7"]
    small = raw.copy().pick(measured).add_channels([oz], force_update_info=True)
    small.set_montage("colin27_1005").info["bads"] = ["Oz"]
    raw.add_channels([small.interpolate_bads(verbose="error").pick(["Oz"])], force_update_info=True)
    raw.pick(how["interpolate_to"]).set_eeg_reference("average", verbose="error")
    raw.filter(1, 40, verbose="error").resample(128, method="polyphase", verbose="error")
    assert got.ch_names == tuple(raw.ch_names)
    assert got.interpolated == ("Oz", "P7")
    assert np.abs(got.data - raw.get_data() * 1e6).max() < 1e-3
    assert np.corrcoef(got.data.ravel(), raw.get_data().ravel())[0, 1] > 0.999999
    assert [note.split(":")[0] for note in got.notes] == ["bad channel P7", "interpolate_to"]


@pytest.mark.parametrize(
    "options",
    [
        {"bad_channels": "find"},
        {"bad_channels": {"find": True, "do": "interpolate"}, "montage": "standard_1005"},
        {"annotate": {"muscle": 4, "flat": 0.1, "amplitude": 5}},
        {"notch": {"line": 50}},
        {"interpolate_to": ["Cz"], "reference": "average"},
        {"causal": True, "sfreq": 64, "l_freq": 1, "notch": 50},
    ],
    ids=lambda options: "-".join(options),
)
@pytest.mark.filterwarnings("error")
def test_recordings_with_next_to_nothing_are_prepared_or_refused(options):
    names = ("Fp1", "Fp2", "C3", "C4", "O1", "O2")
    for n_times in (2, 600):
        for sfreq in (4.0, 128.0):
            whole = np.random.default_rng(0).normal(scale=10, size=(6, n_times))
            half, one = whole.copy(), np.zeros_like(whole)
            half[:, : n_times // 2] = np.nan
            one[0] = whole[0]
            for data in (whole, half, one, np.full_like(whole, np.nan), np.full_like(whole, 3.0)):
                recording = as_recording(data, sfreq=sfreq, ch_names=names, unit="uV", source="a.edf")
                try:
                    got = prepare(recording, **options)
                except EegdaeError:
                    continue
                assert np.isfinite(got.data).all()
                assert got.mask is None or not got.data[~got.mask].any()


def test_the_keys_stand_in_the_order_of_the_steps():
    assert tuple(inspect.signature(prepare).parameters)[1:] == KEYS
    assert tuple(yaml.safe_load((CONF / "files.yaml").read_text())["prepare"]) == KEYS


@pytest.mark.parametrize("path", sorted(CONF.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_configuration_has_what_is_prepared(path):
    check_prepare(yaml.safe_load(path.read_text())["prepare"])


def test_nothing_asked_for_is_nothing_done(eegmat, data_config):
    path = str(eegmat / "Subject00_2.edf")
    config = data_config("files", path=path)
    (got,) = load_recordings(config)
    (bare,) = load_recordings({**config, "prepare": None})
    assert np.array_equal(got.data, bare.data)
    assert (got.mask, got.notes, got.interpolated) == (None, (), ())


def test_what_was_found_is_told(eegmat, data_config, caplog):
    path = str(eegmat / "Subject05_2.edf")
    config = data_config("eegmat", path=path, prepare={"bad_channels": {"find": True, "do": "drop"}})
    with caplog.at_level(logging.INFO, logger="eegdae"):
        windows = load_windows(config, {"size": 4.0})
    (note,) = windows.notes
    assert note.startswith(f"{path}: bad channel P7: correlation below 0.4 in ")
    assert f"prepared: {note}" in [record.message for record in caplog.records]


def test_channels_that_were_interpolated_stay_so_with_those_that_are_declared(eegmat, data_config):
    how = {"bad_channels": {"names": ["Cz"], "do": "interpolate"}}
    config = data_config("eegmat", path=str(eegmat / "Subject05_2.edf"), prepare=how, interpolated=["Fp1"])
    recordings = load_recordings(config)
    assert recordings[0].interpolated == ("Fp1", "Cz")
    assert make_windows(recordings, size=4.0).interpolated == ("Fp1", "Cz")
