"""Files that MNE reads, or refuses in its own way, but that are not what a recording is."""

import mne
import numpy as np
import pytest

from eegdae.recordings import read_recordings

from . import true_formats


def save(path, data, names=("Fz", "Cz"), *, sfreq=100.0):
    raw = mne.io.RawArray(data, mne.create_info(list(names), sfreq, "eeg"), verbose="error")
    raw.save(path, fmt="double", verbose="error")
    return path


def test_nan_is_missing_and_infinity_refused(tmp_path, one_line):
    data = np.random.default_rng(0).normal(size=(2, 500)) * 1e-5
    data[0, 100:110] = np.nan
    (got,) = read_recordings(save(tmp_path / "gap_raw.fif", data))
    assert np.flatnonzero(~got.mask[0]).tolist() == list(range(100, 110))
    assert got.mask[1].all()
    data[1, 7] = np.inf
    message = one_line(read_recordings, save(tmp_path / "endless_raw.fif", data))
    assert "endless_raw.fif: channel Cz is infinite or beyond float32, first at sample 7" in message


def test_two_channels_of_one_name_are_told_apart(tmp_path):
    import edfio

    rng = np.random.default_rng(0)
    signals = [
        edfio.EdfSignal(rng.normal(size=300) * 10, 100, label=name, physical_dimension="uV")
        for name in ("Fz", "Cz", "Fz")
    ]
    edfio.Edf(signals).write(tmp_path / "twice.edf")
    (got,) = read_recordings(tmp_path / "twice.edf")
    assert got.ch_names == ("Fz-0", "Cz", "Fz-1")
    assert np.allclose(got.data[2], signals[2].data, atol=1e-2)


def test_no_channel(tmp_path, one_line):
    data = np.zeros((2, 256), dtype=np.int16)
    content = bytearray(true_formats.gdf2(data, sfreq=128, names=["a", "b"], events=[(1, 2, 3)]))
    content[252:254] = bytes(2)
    (tmp_path / "none.gdf").write_bytes(content)
    assert "none.gdf: its GDF header is damaged" in one_line(read_recordings, tmp_path / "none.gdf")
    raw = mne.io.RawArray(np.zeros((1, 300)), mne.create_info(["STI"], 100.0, "stim"), verbose="error")
    raw.save(tmp_path / "triggers_raw.fif", verbose="error")
    assert "triggers_raw.fif: no channel is left of STI" in one_line(
        read_recordings, tmp_path / "triggers_raw.fif"
    )


@pytest.mark.parametrize("name", ["a.gdf", "a.set", "a.cnt", "a.edf", "a.bdf", "a.vhdr", "a_raw.fif"])
@pytest.mark.parametrize(
    "content", [b"time,a,b\n0,1,2\n" * 40, bytes(5000), b"\xef\xbb\xbf", b"MATLAB 5.0 MAT-file"]
)
def test_swapped_endings(tmp_path, name, content, one_line):
    (tmp_path / name).write_bytes(content)
    assert name in one_line(read_recordings, tmp_path / name)


def test_a_gdf_file_that_was_cut_off(tmp_path, one_line):
    data = np.random.default_rng(0).integers(-99, 99, size=(2, 256)).astype(np.int16)
    for make in (true_formats.gdf1, true_formats.gdf2):
        content = make(data, sfreq=128, names=["a", "b"], events=[(1, 2, 3)])
        (tmp_path / "cut.gdf").write_bytes(content[: 768 + 900])
        assert "was cut off: its header says 1792 bytes, the file has 1668" in one_line(
            read_recordings, tmp_path / "cut.gdf"
        )


def test_a_loop_of_links_and_an_event_past_the_end(tmp_path, one_line):
    (tmp_path / "loop.edf").symlink_to(tmp_path / "loop.edf")
    assert "loop.edf: no such file" in one_line(read_recordings, tmp_path / "loop.edf")
    data = np.random.default_rng(0).integers(-99, 99, size=(2, 256)).astype(np.int16)
    events = [(100, 1, 10_000), (9000, 2, 5), (50, 3, 10)]
    path = tmp_path / "late.gdf"
    path.write_bytes(true_formats.gdf2(data, sfreq=128, names=["a", "b"], events=events))
    (got,) = read_recordings(path)
    assert sorted((a.start, a.stop, a.label) for a in got.annotations) == [(50, 60, "3"), (100, 256, "1")]
