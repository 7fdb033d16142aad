"""Epochs of MNE as windows: the numbers are MNE's own, in microvolt."""

import mne
import numpy as np
import pandas as pd
import pytest

import eegdae
from eegdae.errors import EegdaeError

CODES = {"left": 1, "right": 2}


def a_raw(seed=0, n_times=3000):
    data = np.random.default_rng(seed).normal(size=(4, n_times)) * 1e-5
    data[3] = 0
    info = mne.create_info(["Fz", "Cz", "Pz", "STI"], 100.0, ["eeg", "eeg", "eeg", "stim"])
    info["subject_info"] = {"his_id": "P1"}
    raw = mne.io.RawArray(data, info, verbose="error")
    raw.set_montage("standard_1020", verbose="error")
    raw._data[0, 1000:1010] = 1e-2  # no EEG: the third event's epoch
    return raw


def make_epochs(raw, *, metadata=None, reject=True, **options):
    events = np.array([[200 + 400 * k, 0, 1 + k % 2] for k in range(7)])
    return mne.Epochs(
        raw,
        events,
        CODES,
        tmin=-0.2,
        tmax=0.5,
        baseline=None,
        metadata=metadata,
        reject={"eeg": 1e-3} if reject else None,
        preload=False,
        verbose="error",
        **options,
    )


def test_the_numbers_and_rows_of_mne():
    epochs = make_epochs(a_raw())
    windows = eegdae.windows_from_epochs(epochs, session="s")
    kept = epochs.copy().drop_bad(verbose="error")
    assert len(windows) == len(kept) == 6
    assert np.allclose(windows.x, kept.get_data(picks="eeg", verbose="error") * 1e6, rtol=1e-6)
    assert (windows.ch_names, windows.unit, windows.sfreq) == (("Fz", "Cz", "Pz"), "uV", 100.0)
    assert windows.mask is None
    assert windows.ch_pos.shape == (3, 3)
    rows = windows.metadata
    assert list(rows) == ["subject", "session", "run", "trial", "i_start", "i_stop", "target", "label"]
    assert rows["trial"].tolist() == [0, 1, 3, 4, 5, 6]
    assert rows["i_start"].tolist() == [180 + 400 * k for k in (0, 1, 3, 4, 5, 6)]
    assert (rows["i_stop"] - rows["i_start"] == windows.n_times).all()
    assert rows["label"].tolist() == ["left", "right", "right", "left", "right", "left"]
    assert (rows["subject"] == "P1").all()
    assert windows.classes == ("left", "right")
    assert [windows.classes[k] for k in rows["target"]] == rows["label"].tolist()
    assert windows.dropped == {"epoch Fz": 1}
    assert not epochs._bad_dropped  # those given are as they were


def test_annotations_that_drop_epochs_are_counted_by_their_name():
    raw = a_raw()
    raw.set_annotations(mne.Annotations([5.9, 9.9], [0.3, 0.2], ["BAD_blink"] * 2))
    windows = eegdae.windows_from_epochs(make_epochs(raw, reject=False))
    assert windows.dropped == {"epoch BAD_blink": 2}
    assert windows.metadata["trial"].tolist() == [0, 3, 4, 5, 6]


def test_metadata_says_who_and_what():
    table = pd.DataFrame(
        {"subject": list("aabbccd"), "answer": ["yes", "no", "no", "yes", None, "yes", "no"]}
    )
    windows = eegdae.windows_from_epochs(make_epochs(a_raw(), metadata=table), label="answer")
    rows = windows.metadata
    assert rows["subject"].tolist() == list("aabccd")
    assert rows["label"].tolist() == ["yes", "no", "yes", "", "yes", "no"]
    assert (windows.classes, rows["target"].tolist()) == (("no", "yes"), [1, 0, 1, -1, 1, 0])


def test_samples_follow_a_new_rate():
    """Overlap is told by samples, so they must be those of the rate that the windows have."""
    windows = eegdae.windows_from_epochs(make_epochs(a_raw(), reject=False, decim=2))
    assert windows.sfreq == 50.0
    assert windows.metadata["i_start"].tolist() == [90 + 200 * k for k in range(7)]
    again = eegdae.windows_from_epochs(make_epochs(a_raw(), reject=False).load_data().resample(50.0))
    assert again.metadata["i_start"].tolist() == windows.metadata["i_start"].tolist()


def test_several_and_channels_that_are_bad(tmp_path):
    epochs = [make_epochs(a_raw(seed)) for seed in (0, 1)]
    for one in epochs:
        one.info["bads"] = ["Cz"]
    windows = eegdae.windows_from_epochs(epochs, subject="7")
    assert windows.ch_names == ("Fz", "Pz")
    assert windows.metadata["run"].tolist() == ["0"] * 6 + ["1"] * 6
    assert set(windows.metadata["subject"]) == {"7"}
    assert windows.dropped == {"epoch Fz": 2}
    assert eegdae.windows_from_epochs(epochs, bads="keep").ch_names == ("Fz", "Cz", "Pz")
    epochs[0].save(tmp_path / "a-epo.fif", verbose="error")
    read = mne.read_epochs(tmp_path / "a-epo.fif", verbose="error")
    saved = eegdae.windows_from_epochs(read)
    assert np.allclose(saved.x, windows.x[:6], rtol=1e-5)


def test_what_is_not_known_is_missing():
    data = np.random.default_rng(0).normal(size=(3, 2, 50)) * 1e-5
    data[1, 0, 10:20] = np.nan
    info = mne.create_info(["a", "b"], 100.0, "eeg")
    windows = eegdae.windows_from_epochs(mne.EpochsArray(data, info, verbose="error"))
    assert (~windows.mask).sum() == 10
    assert not windows.mask[1, 0, 10:20].any()
    assert not windows.x[1, 0, 10:20].any()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bads": "hide"}, "bads='hide'"),
        ({"label": "answer"}, "label='answer' is no column of its metadata"),
        ({"classes": ["left"]}, "label 'right' is not among the classes"),
        ({"montage": "standard_1006"}, "did you mean 'standard_1005'"),
    ],
)
def test_what_does_not_fit(change, said):
    with pytest.raises(EegdaeError, match=r"^[^\n]*$") as caught:
        eegdae.windows_from_epochs(make_epochs(a_raw()), **change)
    assert said in str(caught.value)


def test_epochs_that_do_not_fit_together():
    first = make_epochs(a_raw()).load_data()
    for other, said in (
        (make_epochs(a_raw(), decim=2), "different sampling rates"),
        (first.copy().crop(0, 0.3, verbose="error"), "different lengths"),
        (first.copy().drop_channels(["Cz"]), "different channels"),
        (a_raw(), "RawArray is no Epochs object"),
    ):
        with pytest.raises(EegdaeError) as caught:
            eegdae.windows_from_epochs([first, other])
        assert said in str(caught.value)
    with pytest.raises(EegdaeError, match="an empty list"):
        eegdae.windows_from_epochs([])
    hopeless = make_epochs(a_raw(), reject=False).load_data()
    hopeless.drop(range(7), reason="BLINK", verbose="error")
    with pytest.raises(EegdaeError, match=r"no epoch is left: epoch BLINK \(7\)"):
        eegdae.windows_from_epochs(hopeless)
    with pytest.raises(EegdaeError, match="windows_from_epochs"):
        eegdae.read_recordings(first)
