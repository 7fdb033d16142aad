"""The same damage to every kind of file: one line that names the file, or the repair that is documented.

The other cases of a kind stand in the tests of its source.
"""

import gzip

import numpy as np
import pytest
from shell import as_anyone

from eegdae.recordings import read_recordings
from eegdae.windows import make_windows

from .every_source import KINDS, N_TIMES, NAMES, signal, written
from .mutations import check_sound

SWAPPED = {"csv": b"time,Fz,Cz\n0,1,2\n1,2,3\n", "zeros": bytes(4000), "text": "Grüße\n".encode() * 300}


def parts(folder, kind):
    """The files of a recording of this kind, the one that is named first."""
    one = KINDS[kind]
    path = written(folder, kind)
    return path, [path.with_suffix(ending) for ending in one.files] or [path]


def read(path, kind, **options):
    return read_recordings(path, **{**KINDS[kind].options, **options})


@pytest.mark.parametrize("kind", KINDS)
def test_whole_in_a_folder_of_odd_letters(tmp_path, kind):
    folder = tmp_path / "été à la mer [1]"
    folder.mkdir()
    path = written(folder, kind, "où est-ce #2 ü")
    got = read(path, kind)
    check_sound(got)
    scale = 128 if kind in ("wav", "flac") else 1
    for rec in got:
        assert np.allclose(rec.data * scale, signal()[: rec.n_chans], atol=0.01)
        assert str(path) in rec.source
    assert [rec.n_times for rec in read(folder, kind)] == [N_TIMES] * len(got)


@pytest.mark.parametrize("kind", KINDS)
def test_cut_off_or_empty(tmp_path, kind, one_line):
    path, files = parts(tmp_path, kind)
    for file in files:
        content = file.read_bytes()
        for share in (0.003, 0.03, 0.2, 0.47, 0.731, 0.97):
            file.write_bytes(content[: int(share * len(content)) | 1])
            try:
                got = read(path, kind)
            except ValueError:
                assert file.stem in one_line(read, path, kind)
                continue
            # only where the end of a row, or of the list of markers, is as good as any
            assert not KINDS[kind].cut or file.suffix == ".vmrk"
            check_sound(got)
            for rec in got:  # the last number may be half a one, of which a warning was said
                assert np.array_equal(rec.data[:, :-1], signal()[:, : rec.n_times - 1])
        file.write_bytes(b"")
        assert f"{file}: the file is empty" in one_line(read, path, kind)
        file.write_bytes(content)
    check_sound(read(path, kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", SWAPPED)
def test_content_of_another_kind(tmp_path, kind, content, one_line):
    path, files = parts(tmp_path, kind)
    for file in files if content != "zeros" else files[:2]:  # raw numbers may be zeros
        whole = file.read_bytes()
        swapped = SWAPPED[content]
        if kind in ("csv", "tsv") and content == "csv":
            swapped = gzip.compress(swapped)
        file.write_bytes(swapped)
        if file.suffix == ".eeg":
            continue
        assert file.name.split(".")[0] in one_line(read, path, kind)
        file.write_bytes(whole)


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_that_is_overwritten(tmp_path, kind, one_line):
    path, files = parts(tmp_path, kind)
    for file in files:
        content = file.read_bytes()
        file.write_bytes(bytes(np.random.default_rng(3).integers(128, 256, 256, np.uint8)) + content[256:])
        try:
            got = read(path, kind)
        except ValueError:
            assert file.name.split(".")[0] in one_line(read, path, kind)
        else:  # MATLAB's header of 116 bytes of text and HDF5's user block say nothing of the content
            assert file.suffix == ".eeg" or kind == "mat7.3"
            check_sound(got)
        file.write_bytes(content)


@pytest.mark.parametrize("kind", [kind for kind, one in KINDS.items() if one.has_floats])
def test_nan_is_missing_and_infinity_refused(tmp_path, kind, one_line):
    data = signal()
    data[0, 7] = np.nan
    for rec in read(written(tmp_path, kind, data=data), kind):
        assert np.argwhere(~rec.mask).tolist() == [[0, 7]]
    if kind == "brainvision":  # its library writes no such file
        return
    data[0, 7] = -np.inf
    path = written(tmp_path, kind, "endless", data)
    message = one_line(read, path, kind)
    assert f"{path}" in message
    assert "is infinite or beyond float32, first at sample 7" in message


OF_MNE = ("edf", "bdf", "gdf1", "gdf2", "cnt", "eeglab", "fif")


@pytest.mark.parametrize("kind", OF_MNE)
@pytest.mark.filterwarnings("ignore:Channel names are not unique")
def test_two_channels_of_one_name_are_told_apart(tmp_path, kind):
    (rec,) = read(written(tmp_path, kind, names=("Fz", "Fz")), kind)
    assert rec.ch_names == ("Fz-0", "Fz-1")
    assert np.allclose(rec.data, signal(), atol=0.01)


@pytest.mark.parametrize("kind", ["npz", "arff", "csv", "csv.gz", "tsv", "xdf"])
def test_two_channels_of_one_name_are_refused(tmp_path, kind, one_line):
    message = one_line(read, written(tmp_path, kind, names=("Fz", "Fz")), kind)
    assert "must be distinct; more than once: Fz" in message


# the libraries of the others write no such file
WITHOUT = [
    "gdf1",
    "gdf2",
    "cnt",
    "eeglab",
    "npz",
    "telemanom",
    "mat5",
    "mat7.3",
    "arff",
    "ts",
    "csv",
    "csv.gz",
]


@pytest.mark.parametrize("kind", [*WITHOUT, "tsv", "parquet", "feather", "xdf"])
def test_no_channel(tmp_path, kind, one_line):
    path = written(tmp_path, kind, data=signal()[:0], names=())
    assert path.name in one_line(read, path, kind)


@pytest.mark.parametrize(("kind", "at", "n"), [("edf", 252, 4), ("bdf", 252, 4), ("wav", 22, 2)])
def test_a_header_that_says_no_channel(tmp_path, kind, at, n, one_line):
    path = written(tmp_path, kind)
    content = bytearray(path.read_bytes())
    content[at : at + n] = b"0   "[:n] if kind != "wav" else bytes(n)
    path.write_bytes(content)
    assert path.name in one_line(read, path, kind)


def test_brainvision_without_a_channel(tmp_path, one_line):
    path, _ = parts(tmp_path, "brainvision")
    text = path.read_text().replace("NumberOfChannels=2", "NumberOfChannels=0")
    path.write_text(text.split("Ch1=")[0])
    assert path.name in one_line(read, path, "brainvision")


@pytest.mark.parametrize("kind", KINDS)
def test_a_circle_of_links(tmp_path, kind, one_line):
    loop = tmp_path / f"loop{KINDS[kind].ending}"
    loop.symlink_to(loop)
    for place in (loop, tmp_path):
        assert f"{loop}: no such file: it is a link that leads nowhere" in one_line(read, place, kind)
    loop.unlink()
    path = written(tmp_path, kind)
    (tmp_path / "up").symlink_to(tmp_path)
    assert len(read(tmp_path, kind)) == len(read(path, kind))
    assert len(read(tmp_path / "up/up/up", kind)) == len(read(path, kind))


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_without_permission(tmp_path, kind, one_line):
    closed = tmp_path / "closed"
    closed.mkdir()
    path = written(closed, kind)
    closed.chmod(0)
    try:
        for place in (path, closed, closed / "*"):
            message = as_anyone(one_line, read, place, kind)
            assert message == f"data.path={place}: cannot be looked for: Permission denied"
    finally:
        closed.chmod(0o755)
    path.chmod(0)
    for place in (path, closed):
        assert as_anyone(one_line, read, place, kind) == f"{path}: cannot be read: Permission denied"


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_of_a_files_name(tmp_path, kind, one_line):
    path = tmp_path / f"own{KINDS[kind].ending}"
    path.mkdir()
    assert str(path) in one_line(read, path, kind)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("telemanom", "wav", "flac")])
def test_mixed_rates(tmp_path, kind, one_line):
    first = written(tmp_path, kind, "a")
    second = written(tmp_path, kind, "b", data=signal()[:, :100], sfreq=50)
    options = {**KINDS[kind].options}
    if options.get("sfreq") == 100:  # the format has no rate
        return
    both = read_recordings([first, second], **options)
    message = one_line(make_windows, both, size=0.5)
    assert "have different sampling rates: 100 Hz and 50 Hz; resample both" in message
    assert first.name in message
    assert second.name in message


@pytest.mark.parametrize("kind", ["edf", "bdf"])
def test_mixed_rates_and_units_in_one_file(tmp_path, kind):
    path = written(tmp_path, kind, sfreq=(50, 100))
    (rec,) = read(path, kind)
    assert (rec.sfreq, rec.notes) == (100, ("brought to 100 Hz: Fz from 50 Hz",))
    assert np.allclose(rec.data[1], signal()[1], atol=0.01)
    assert read(path, kind, exclude=["Fz"])[0].notes == ()
    path = written(tmp_path, kind, "units", units=("uV", "degC"))
    assert read(path, kind)[0].units == ("uV", "a.u.")


EVENTS = [(20, 30, "1"), (190, 50, "2"), (500, 10, "3")]


@pytest.mark.parametrize("kind", OF_MNE)
@pytest.mark.filterwarnings("ignore:.*outside.*data range")
def test_an_event_past_the_end(tmp_path, kind):
    path = written(tmp_path, kind, events=EVENTS)
    (rec,) = read(path, kind, events="all")
    found = [(a.start, a.label) for a in rec.annotations]
    assert [label for _, label in found] == ["1", "2"]
    assert max(a.stop for a in rec.annotations) <= N_TIMES
    if kind != "fif":  # MNE writes no such file
        assert rec.notes[0] == "1 event left out: outside the recording"


def test_a_marker_past_the_end(tmp_path, one_line):
    path, (_, markers, _) = parts(tmp_path, "brainvision")
    markers.write_text(markers.read_text() + "\nMk2=Comment,late,500,1,0\n")
    assert "and a marker at sample 500; get it anew" in one_line(read, path, "brainvision")


def test_a_brainvision_header_that_was_cut_off_anywhere(tmp_path, one_line):
    path, _ = parts(tmp_path, "brainvision")
    content = path.read_bytes()
    whole = content.index(b"\n\n[Comment]")
    for n in range(whole - 60, whole):
        path.write_bytes(content[:n])
        assert path.name in one_line(read, path, "brainvision")
    path.write_bytes(content[:whole])
    assert np.array_equal(read(path, "brainvision")[0].data, signal())


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "tsv", "parquet", "feather"])
def test_time_that_goes_back(tmp_path, kind, one_line):
    times = np.arange(N_TIMES) / 100
    times[100] = times[90]
    path = written(tmp_path, kind, times=times)
    assert f"{path}: row 101 lies before row 100" in one_line(read, path, kind)
    times[100] = np.nan
    path = written(tmp_path, kind, times=times)
    assert f"{path}: row 101 has no time" in one_line(read, path, kind)


@pytest.mark.parametrize("kind", [kind for kind, one in KINDS.items() if one.has_names])
def test_files_of_different_channels(tmp_path, kind, one_line):
    first = written(tmp_path, kind, "a")
    second = written(tmp_path, kind, "b", names=(NAMES[0], "Pz"))
    message = one_line(make_windows, read_recordings([first, second], **KINDS[kind].options), size=0.5)
    assert "have different channels: only in the first: Cz; only in the second: Pz" in message
