import gzip

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
