"""Files beside a recording that say what happens in it."""

import datetime

import mne
import numpy as np
import pytest
from edfio import Edf, EdfAnnotation, EdfSignal

from eegdae.recordings import Reader, read_recordings
from eegdae.recordings.beside import beside


@pytest.fixture
def recording(tmp_path):
    """Ten seconds at 100 Hz that begin at 22:00:00, one trial of its own from 1 to 2 s."""
    folder = tmp_path / "näme [1]"
    folder.mkdir()
    signal = EdfSignal(np.sin(np.arange(1000)) * 50, 100, label="EEG Cz", physical_dimension="uV")
    edf = Edf([signal], starttime=datetime.time(22), annotations=[EdfAnnotation(1, 1, "own")])
    edf.write(folder / "a {b}[c].edf")
    return folder / "a {b}[c].edf"


def write(path, spans, *, begin=datetime.time(22)):
    told = [EdfAnnotation(*span) for span in spans]
    Edf([], annotations=told, starttime=begin).write(path)
    return path


def read(path, template="{name}_stages*"):
    (rec,) = read_recordings(path, annotations=template)
    return [(a.start, a.stop, a.label) for a in rec.annotations]


@pytest.mark.parametrize("kind", ["edf", "txt", "fif"])
def test_both_files_are_heard(recording, kind):
    other = recording.with_name(f"{recording.stem}_stages-annot.{kind}")
    spans = [(0, 0.5, "N1"), (3, 4, "N2"), (8, 10, "reaches beyond"), (20, 5, "later")]
    if kind == "edf":
        write(other, spans)
    else:
        onset, duration, description = zip(*spans, strict=True)
        mne.Annotations(onset, duration, description).save(other)
    found = [(0, 50, "N1"), (100, 200, "own"), (300, 700, "N2"), (800, 1000, "reaches beyond")]
    assert read(recording) == found


def test_times_count_from_the_begin_that_the_header_tells(recording):
    write(recording.with_name(f"{recording.stem}_stages.edf"), [(0, 2, "x")], begin=datetime.time(22, 0, 5))
    assert read(recording) == [(100, 200, "own"), (500, 700, "x")]


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{name:7}?-Hypnogram.edf", "SC4001EC-Hypnogram.edf"),
        ("{name:2}*.txt", "SC.txt"),
        ("x{name}.txt", "xSC4001E0-PSG.txt"),
    ],
)
def test_templates(tmp_path, template, name):
    for other in (name, "SD4001EC-Hypnogram.edf", "SC4001EC-Hypnogram.edf.bak", ".SC4001EC-Hypnogram.edf"):
        (tmp_path / other).touch()
    (tmp_path / "SC4001E0-PSG.edf").touch()
    found = beside(tmp_path / "SC4001E0-PSG.edf", template, where="data.annotations")
    assert found == tmp_path / name


@pytest.mark.parametrize(
    ("names", "template", "said"),
    [
        (
            [],
            "{name:3}*.txt",
            "abc1.edf: needs one file abc*.txt beside it (data.annotations={name:3}*.txt); there is none",
        ),
        (["abcx.txt", "abcy.txt"], "{name:3}*.txt", "there is 2: abcx.txt, abcy.txt"),
        ([], "{name}.edf", "there is none"),
        ([], "stages.txt", "data.annotations=stages.txt: must be the name of a file with {name}"),
        ([], "{nam}.txt", "data.annotations={nam}.txt: must be the name of a file with {name}"),
        ([], "{name:x}.txt", "must be the name of a file with {name}"),
        ([], "../{name}.txt", "must be the name of a file with {name}"),
        ([], "{name}/**/a.txt", "must be the name of a file with {name}"),
        ([], 5, "data.annotations=5: must be text"),
    ],
)
def test_what_is_not_there_or_no_template(tmp_path, one_line, names, template, said):
    Edf([EdfSignal(np.arange(100.0), 100)]).write(tmp_path / "abc1.edf")
    for name in names:
        (tmp_path / name).touch()
    assert said in one_line(read_recordings, tmp_path / "abc1.edf", annotations=template)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"RIFF" * 100, "is no EDF file"),
        ("cut", "was cut off"),
        ("silent", "holds no annotations"),
        ("damaged", "cannot be read as annotations"),
        (
            "late",
            "none of its annotations lies inside a {b}[c].edf, which lasts 10 s: the first is at 1800 s",
        ),
        ("no time", "cannot be read as annotations: "),
    ],
)
def test_a_damaged_file(recording, one_line, content, said):
    other = write(recording.with_name(f"{recording.stem}_stages.edf"), [(0, 2, "x"), (4, 2, "y")])
    if isinstance(content, bytes):
        other.write_bytes(content)
    elif content == "cut":
        other.write_bytes(other.read_bytes()[:-10])
    elif content == "silent":
        Edf([EdfSignal(np.arange(100.0), 100)], starttime=datetime.time(22)).write(other)
    elif content == "late":
        write(other, [(0, 2, "x")], begin=datetime.time(22, 30))
    elif content == "damaged":
        other.write_bytes(other.read_bytes().replace(b"x", b"\xff"))
    else:
        other.write_bytes(other.read_bytes().replace(b"22.00.00", b"22:00:xx"))
    message = one_line(read_recordings, recording, annotations="{name}_stages*")
    assert str(other) in message
    assert said in message


def test_windows_depend_on_it(recording):
    other = write(recording.with_name(f"{recording.stem}_stages.edf"), [(0, 2, "x")])
    reader = Reader({"source": "mne", "path": str(recording), "annotations": "{name}_stages.edf"})
    assert reader.beside([recording]) == [other]
    assert Reader({"source": "mne", "path": str(recording)}).beside([recording]) == []


@pytest.mark.parametrize(
    ("pattern", "about"),
    [
        ("SC4{subject:2}{session:1}{run}-PSG.edf", ("00", "1", "E0")),
        ("SC{subject:3}{session}E{run:1}-PSG.edf", ("400", "1", "0")),
    ],
)
def test_parts_of_a_name_may_have_a_length(tmp_path, pattern, about):
    Edf([EdfSignal(np.arange(100.0), 100)]).write(tmp_path / "SC4001E0-PSG.edf")
    (rec,) = read_recordings(tmp_path / "SC4001E0-PSG.edf", pattern=pattern)
    assert (rec.subject, rec.session, rec.run) == about


@pytest.mark.parametrize("width", ["", "0", "x", "-1", "2.5", "100"])
def test_a_length_that_is_none(one_line, width):
    message = one_line(Reader, {"source": "mne", "path": "a", "pattern": f"{{subject:{width}}}.edf"})
    assert f"{{subject:{width}}}: needs a number of letters, as {{subject:2}}" in message
