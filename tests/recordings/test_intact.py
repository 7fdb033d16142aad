import gzip

import numpy as np
import pytest

from eegdae.recordings import read_recordings
from eegdae.recordings.intact import check_intact


@pytest.fixture
def edf(eegmat):
    return eegmat / "Subject00_2.edf"


@pytest.fixture
def fif(ssvep):
    return sorted((ssvep / "subject01").glob("*_raw.fif"))[0]


def test_whole_files_pass(edf, fif, tmp_path):
    check_intact(edf)
    check_intact(fif)
    (tmp_path / "a_raw.fif.gz").write_bytes(gzip.compress(fif.read_bytes(), 1))
    check_intact(tmp_path / "a_raw.fif.gz")


def test_missing_and_empty(tmp_path, one_line):
    assert "no such file" in one_line(check_intact, tmp_path / "gone.edf")
    (tmp_path / "empty.edf").touch()
    assert "empty" in one_line(check_intact, tmp_path / "empty.edf")


@pytest.mark.parametrize("cut", [1, 2, 100_000, 1_000_000])
def test_edf_cut_off_names_expected_and_found_bytes(edf, tmp_path, cut, one_line):
    content = edf.read_bytes()
    (tmp_path / "cut.edf").write_bytes(content[:-cut])
    message = one_line(read_recordings, tmp_path / "cut.edf")
    assert "cut.edf" in message
    assert str(len(content)) in message
    assert str(len(content) - cut) in message


@pytest.mark.parametrize("keep", [10, 200, 300, 4000])
def test_edf_cut_off_in_its_header(edf, tmp_path, keep, one_line):
    (tmp_path / "cut.edf").write_bytes(edf.read_bytes()[:keep])
    assert "cut.edf" in one_line(read_recordings, tmp_path / "cut.edf")


def test_edf_of_unknown_length_passes(edf, tmp_path):
    content = bytearray(edf.read_bytes())
    content[236:244] = b"-1      "
    (tmp_path / "open.edf").write_bytes(content)
    check_intact(tmp_path / "open.edf")


@pytest.mark.parametrize("name", ["picture.edf", "picture.bdf", "picture.fif"])
def test_not_what_its_name_says(tmp_path, name, one_line):
    (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)
    message = one_line(read_recordings, tmp_path / name)
    assert name in message
    assert "PNG" in message


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.999])
def test_fif_cut_off(fif, tmp_path, keep, one_line):
    content = fif.read_bytes()
    (tmp_path / "cut_raw.fif").write_bytes(content[: int(len(content) * keep)])
    assert "was cut off" in one_line(read_recordings, tmp_path / "cut_raw.fif")
    squeezed = gzip.compress(content, 1)
    (tmp_path / "cut_raw.fif.gz").write_bytes(squeezed[: int(len(squeezed) * keep)])
    assert "was cut off" in one_line(read_recordings, tmp_path / "cut_raw.fif.gz")


def test_fif_cut_off_at_the_border_of_a_tag(fif, tmp_path, one_line):
    # The last tag is 16 bytes long: without it every other tag is whole.
    (tmp_path / "cut_raw.fif").write_bytes(fif.read_bytes()[:-16])
    assert "was cut off" in one_line(read_recordings, tmp_path / "cut_raw.fif")


def test_a_damaged_file_of_a_format_left_to_mne(tmp_path, one_line):
    (tmp_path / "broken.set").write_bytes(b"nothing of the kind" * 50)
    assert "broken.set: cannot be read by MNE" in one_line(read_recordings, tmp_path / "broken.set")


def test_fif_whose_last_tag_promises_more_than_there_is(fif, tmp_path, one_line):
    content = bytearray(fif.read_bytes())
    content[-8:-4] = (100).to_bytes(4, "big")
    (tmp_path / "cut_raw.fif").write_bytes(content)
    assert "was cut off" in one_line(read_recordings, tmp_path / "cut_raw.fif")


@pytest.fixture
def brainvision(tmp_path):
    """A BrainVision recording of two channels and 400 samples, with markers at 1 and 301, byte by byte."""
    data = (np.random.default_rng(0).normal(size=(400, 2)) * 100).astype("<i2")
    (tmp_path / "rec.eeg").write_bytes(data.tobytes())
    (tmp_path / "rec.vhdr").write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n\n[Common Infos]\nDataFile=rec.eeg\n"
        "MarkerFile=rec.vmrk\nDataFormat=BINARY\nDataOrientation=MULTIPLEXED\nNumberOfChannels=2\n"
        "SamplingInterval=10000\n\n[Binary Infos]\nBinaryFormat=INT_16\n\n[Channel Infos]\n"
        "Ch1=Fz,,0.1,µV\nCh2=Cz,,0.1,µV\n",
        encoding="utf-8",
    )
    (tmp_path / "rec.vmrk").write_text(
        "Brain Vision Data Exchange Marker File, Version 1.0\n\n[Common Infos]\nDataFile=rec.eeg\n\n"
        "[Marker Infos]\nMk1=Stimulus,S  1,1,100,0\nMk2=Stimulus,S  2,301,100,0\n"
    )
    return tmp_path / "rec.vhdr"


def test_brainvision_whole(brainvision):
    (got,) = read_recordings(brainvision)
    assert (got.n_chans, got.n_times, got.sfreq) == (2, 400, 100.0)
    assert [(a.start, a.stop) for a in got.annotations] == [(0, 100), (300, 400)]


@pytest.mark.parametrize("n_bytes", [800, 1599])  # behind the second marker's start, inside a sample
def test_brainvision_cut_off(brainvision, n_bytes, one_line):
    file = brainvision.with_suffix(".eeg")
    file.write_bytes(file.read_bytes()[:n_bytes])
    message = one_line(read_recordings, brainvision)
    assert f"rec.eeg: was cut off: {n_bytes} bytes" in message
    assert "marker at sample 301" in message


@pytest.mark.parametrize("ending", [".eeg", ".vmrk"])
def test_brainvision_without_its_other_files(brainvision, ending, one_line):
    brainvision.with_suffix(ending).unlink()
    assert "is missing; put it into the same folder" in one_line(read_recordings, brainvision)
