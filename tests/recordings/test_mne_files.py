from itertools import chain

import mne
import numpy as np
import pytest

from eegdae.recordings import load_recordings, read_recordings

LEFT, RIGHT = (
    ["Fp1", "F3", "F7", "T7", "C3", "P7", "P3", "O1"],
    ["Fp2", "F4", "F8", "T8", "C4", "P8", "P4", "O2"],
)


@pytest.fixture
def raw(tmp_path):
    """A FIF file with two EEG channels, a trigger and a temperature, that starts 2 s into its own clock."""
    rng = np.random.default_rng(0)
    info = mne.create_info(["Fz", "Cz", "STI", "temp"], 100.0, ["eeg", "eeg", "stim", "misc"])
    data = rng.normal(size=(4, 1200)) * np.array([[1e-5], [1e-5], [0], [1]])
    made = mne.io.RawArray(data, info, verbose="error")
    made.set_meas_date(0)
    made.set_annotations(
        mne.Annotations([3, 5, 8, 6.5], [1, 2, 0, 0.5], ["a", "b", "instant", "BAD_jump"], 0)
    )
    made.crop(tmin=2.0)
    made.save(tmp_path / "own_raw.fif", verbose="error")
    return made


def test_eegmat_as_its_documentation_says(eegmat, data_config):
    config = data_config("eegmat", path=str(eegmat / "Subject*.edf"))
    recordings = load_recordings(config)
    assert len(recordings) == 32
    assert {r.ch_names for r in recordings} == {
        tuple([*chain.from_iterable(zip(LEFT, RIGHT, strict=True)), "Fz", "Cz", "Pz"])
    }
    assert {(r.sfreq, r.unit, r.n_chans) for r in recordings} == {(128.0, "uV", 19)}
    assert sorted({r.subject for r in recordings}) == [f"{k:02d}" for k in range(16)]
    seconds = {(r.subject, r.run): r.n_times / 128 for r in recordings}
    assert {seconds[s, "1"] for s in ("00", "04", "10")} == {182, 170, 188}
    assert {seconds[f"{k:02d}", "2"] for k in range(16)} == {62}
    assert all(r.annotations[0].label == {"1": "rest", "2": "arithmetic"}[r.run] for r in recordings)
    # Microvolt, not volt: scalp EEG has a standard deviation of some microvolt.
    assert all(1 < np.median(r.data.std(axis=1)) < 50 for r in recordings)


def test_microvolt_once_and_the_channels_asked_for(eegmat):
    options = {
        "strip": "EEG ",
        "exclude": ["A2-A1", "ECG ECG", "EEG Fp2"],
        "rename": {"T3": "T7", "Q1": "Q2"},
    }
    (got,) = read_recordings(eegmat / "Subject00_2.edf", **options)
    volts = mne.io.read_raw_edf(eegmat / "Subject00_2.edf", verbose="error").get_data(picks=["EEG T3"])[0]
    assert "Fp2" not in got.ch_names
    assert got.n_chans == 18
    assert np.allclose(got.data[got.ch_names.index("T7")], volts * 1e6, rtol=1e-6)
    assert (got.sfreq, got.ch_pos, got.annotations) == (500.0, None, ())


def test_montage_gives_positions_in_metre(eegmat, data_config, one_line):
    config = data_config("eegmat", path=str(eegmat / "Subject00_2.edf"), prepare=None)
    (got,) = load_recordings(config)
    where = dict(zip(got.ch_names, got.ch_pos, strict=True))
    assert all(0.06 < np.linalg.norm(p) < 0.15 for p in where.values())
    assert where["T7"][0] < -0.05 < 0.05 < where["T8"][0]  # left, right
    assert where["Fz"][1] > where["Cz"][1] > where["Pz"][1]  # front to back
    assert where["Cz"][2] == max(p[2] for p in where.values())
    message = one_line(load_recordings, config | {"montage": "standard_1006"})
    assert "data.montage='standard_1006'" in message
    assert "did you mean 'standard_1005'" in message
    message = one_line(load_recordings, config | {"exclude": ["A2-A1"]})
    assert "no place for channel ECG ECG" in message


def test_an_excluded_channel_must_exist(eegmat, one_line):
    message = one_line(read_recordings, eegmat / "Subject00_2.edf", strip="EEG ", exclude=["Fp9"])
    assert "did you mean 'Fp2' or 'Fp1'" in message
    assert "Subject00_2.edf" in message
    everything = mne.io.read_raw_edf(eegmat / "Subject00_2.edf", verbose="error").ch_names
    assert "no channel is left" in one_line(read_recordings, eegmat / "Subject00_2.edf", exclude=everything)


def test_annotations_count_from_the_first_sample(raw, tmp_path):
    (got,) = read_recordings(tmp_path / "own_raw.fif")
    assert got.ch_names == ("Fz", "Cz", "temp")
    assert got.units == ("uV", "uV", "a.u.")
    assert [(a.start, a.stop, a.label) for a in got.annotations] == [(100, 200, "a"), (300, 500, "b")]
    assert got.mask is not None
    assert np.flatnonzero(~got.mask[0]).tolist() == list(range(450, 500))
    expected = raw.get_data(picks=["Fz"])[0] * 1e6
    assert np.allclose(got.data[0][got.mask[0]], expected[got.mask[0]], rtol=1e-6)


def test_labels_from_annotations_keep_those_named(raw, tmp_path, one_line):
    labels = {"from": "annotation", "map": {"b": "down"}}
    (got,) = read_recordings(tmp_path / "own_raw.fif", labels=labels)
    assert [(a.start, a.stop, a.label) for a in got.annotations] == [(300, 500, "down")]
    labels = {"from": "annotation", "map": {"c": "up"}}
    assert "found: a, b" in one_line(read_recordings, tmp_path / "own_raw.fif", labels=labels)


def test_positions_inside_the_file_are_taken(raw, tmp_path):
    chosen = raw.copy().pick(["Fz", "Cz"])
    chosen.set_montage("biosemi64", verbose="error").save(tmp_path / "placed_raw.fif", verbose="error")
    (got,) = read_recordings(tmp_path / "placed_raw.fif")
    assert np.allclose(got.ch_pos, [c["loc"][:3] for c in chosen.info["chs"]], atol=1e-6)


def test_a_name_with_brackets(ssvep):
    path = sorted((ssvep / "subject01").glob("*_raw.fif"))[0]
    assert "[" in path.name
    (got,) = read_recordings(str(path), prepare={"unit": "arbitrary"})
    assert (got.n_chans, got.n_times, got.sfreq, got.unit) == (8, 57024, 256.0, "a.u.")


def test_a_text_file_with_an_ending_that_mne_does_not_know(tmp_path, one_line):
    (tmp_path / "notes.txt").write_text("hello")
    assert "notes.txt" in one_line(read_recordings, tmp_path / "notes.txt")


def test_the_configuration_for_own_files_reads_them_as_they_are(eegmat, data_config):
    (got,) = load_recordings(data_config("files", path=str(eegmat / "Subject00_2.edf")))
    assert (got.sfreq, got.n_times, got.n_chans, got.annotations) == (500.0, 31000, 21, ())
    assert "T7" in got.ch_names


def test_an_ending_that_mne_does_not_know_is_told_with_those_it_does(tmp_path, one_line):
    (tmp_path / "a.dat").write_text("x,y\n1,2\n")
    message = one_line(read_recordings, tmp_path / "a.dat")
    assert "a.dat: cannot be read by MNE" in message
    assert "known endings: .edf, .bdf" in message
