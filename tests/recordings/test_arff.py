import io
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.io.arff

from eegdae.errors import EegdaeError
from eegdae.recordings import load_recordings, read_recordings
from eegdae.windows import make_windows

from .mutations import survives

TABLE = """% made for a test
@RELATION 'a table'

@ATTRIBUTE "left hand" NUMERIC
@attribute right real   % in g
@attribute note string
@attribute who {anna, 'b o'}
@attribute state {rest,'to move'}

@DATA
1,2,x,anna,rest
% between
3, ? ,'it\\'s, so',anna,rest
-1e1,4,y,anna,'to move'
{0 5, 2 z, 3 'b o'}
{}
7,8,?,'b o',?
"""
CASES = """@relation cases
@attribute bag relational
 @attribute t0 numeric
 @attribute t1 numeric
 @attribute t2 numeric
@end bag
@attribute class {up,down}
@data
'1,2,3\\n4,?,6',up
'0,0,1\\n{1 5}',down
"""


def write(folder, text, name="own.arff"):
    (folder / name).write_bytes(text.encode())
    return folder / name


def marks(rec):
    return [(a.start, a.stop, a.label) for a in rec.annotations]


def test_a_table_of_samples(tmp_path):
    (only,) = read_recordings(write(tmp_path, TABLE), sfreq=10, unit="g")
    assert only.ch_names == ("left hand", "right")
    assert only.data.tolist() == [[1, 3, -10, 5, 0, 7], [2, 0, 4, 0, 0, 8]]
    assert only.mask is not None
    assert only.mask.tolist() == [[True] * 6, [True, False, *[True] * 4]]
    # where a sparse row says nothing, it means the first of the set
    assert marks(only) == [(0, 2, "rest"), (2, 3, "to move"), (3, 5, "rest")]
    assert (only.sfreq, only.unit, only.subject, only.source) == (10, "g", "", str(tmp_path / "own.arff"))


def test_who_parts_a_table_into_recordings(tmp_path, one_line):
    text = TABLE.replace("{}\n7", "{3 'b o'}\n7")
    first, second = read_recordings(write(tmp_path, text), sfreq=10, subject_attribute="who")
    assert (first.subject, second.subject) == ("anna", "b o")
    assert (first.data.tolist(), second.data.tolist()) == ([[1, 3, -10], [2, 0, 4]], [[5, 0, 7], [0, 0, 8]])
    assert (marks(first), marks(second)) == ([(0, 2, "rest"), (2, 3, "to move")], [(0, 2, "rest")])
    message = one_line(read_recordings, tmp_path / "own.arff", sfreq=10, subject_attribute="Who")
    assert "data.subject_attribute='Who'" in message
    assert "did you mean 'who'" in message


def test_options_choose_channels_labels_and_range(tmp_path):
    path = write(tmp_path, TABLE)
    (only,) = read_recordings(
        path, sfreq=10, labels_attribute="right", ch_names=["hand"], valid_range=[-5, 5]
    )
    assert only.ch_names == ("hand",)
    assert only.data.tolist() == [[1, 3, 0, 5, 0, 0]]
    assert only.mask is not None
    assert only.mask.tolist() == [[True, True, False, True, True, False]]
    assert marks(only) == [(0, 1, "2"), (2, 3, "4"), (3, 5, "0"), (5, 6, "8")]
    (other,) = read_recordings(path, sfreq=10, exclude=["right"])
    assert other.ch_names == ("left hand",)


def test_cases_of_a_relational_attribute(tmp_path):
    first, second = read_recordings(write(tmp_path, CASES), sfreq=10)
    assert first.data.tolist() == [[1, 2, 3], [4, 0, 6]]
    assert first.mask is not None
    assert second.data.tolist() == [[0, 0, 1], [0, 5, 0]]
    assert (marks(first), marks(second)) == ([(0, 3, "up")], [(0, 3, "down")])
    assert (first.run, second.run, first.ch_names) == ("0", "1", ("ch1", "ch2"))
    assert second.source == f"{tmp_path / 'own.arff'} line 10"
    first, _ = read_recordings(tmp_path / "own.arff", sfreq=10, rows="samples")
    assert first.data.tolist() == [[1, 4], [2, 0], [3, 6]]
    assert first.ch_names == ("t0", "t1", "t2")


def test_rows_that_are_cases_of_one_channel(tmp_path):
    text = "@relation r\n@attribute a real\n@attribute b real\n@attribute c {x,y}\n@data\n1,2,x\n3,4,y\n"
    first, second = read_recordings(write(tmp_path, text), sfreq=10, rows="channels")
    assert (first.data.tolist(), second.data.tolist()) == ([[1, 2]], [[3, 4]])
    assert (marks(second), second.ch_names, second.run) == ([(0, 2, "y")], ("ch1",), "1")


def test_random_tables_as_scipy_reads_them(tmp_path):
    rng = np.random.default_rng(0)
    for _ in range(20):
        n_rows, n_columns = rng.integers(2, 30), rng.integers(1, 6)
        values = rng.normal(size=(n_rows, n_columns)) * 10.0 ** rng.integers(-3, 4)
        states = rng.choice(["on", "off", "half on"], size=n_rows)
        head = "".join(f"@attribute 'c {c}' numeric\n" for c in range(n_columns))
        rows = "".join(
            ",".join([*map(repr, map(float, row)), f"'{state}'"]) + "\n"
            for row, state in zip(values, states, strict=True)
        )
        text = f"@relation r\n{head}@attribute state {{on, off, 'half on'}}\n@data\n{rows}"
        data, meta = scipy.io.arff.loadarff(io.StringIO(text))
        (got,) = read_recordings(write(tmp_path, text), sfreq=1)
        assert list(got.ch_names) == meta.names()[:-1]
        assert np.array_equal(got.data, np.array([data[name] for name in meta.names()[:-1]], np.float32))
        mine = [a.label for a in got.annotations for _ in range(a.start, a.stop)]
        assert mine == [state.decode() for state in data["state"]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,value\n1,2\n", "is not an ARFF file"),
        ("", "empty"),
        (TABLE.split("@DATA")[0], "no end, an @data line"),
        (TABLE.split("@DATA")[0] + "@data\n", "no rows after @data"),
        (TABLE.replace("real ", "reel "), "did you mean 'real'"),
        (TABLE.replace("@attribute note string\n", "note string\n"), "line 6 does not belong"),
        (TABLE.replace("1,2,x,", "1,2,"), "line 11 has 4 values, the header 5 attributes"),
        (TABLE.replace("1,2,x", "1,two,x"), "line 11: 'two' is not a number"),
        (TABLE.replace("1,2,x", "1,inf,x"), "channel right is infinite"),
        (TABLE.replace("2,x,anna", "2,x,hanna"), "line 11: who is 'hanna'; did you mean 'anna'"),
        (TABLE.replace("{0 5,", "{1 5, 0 5,"), "line 15: place 0 of a sparse row must rise"),
        (TABLE.replace("{0 5,", "{9 5,"), "line 15: place 9 of a sparse row must rise and be below 5"),
        (TABLE.replace("3 'b o'}", "3 'b o'"), "line 15: a sparse row must end with }"),
        (TABLE.replace("so',", "so,"), "line 13"),
        (TABLE.replace("'to move'}", "'to move'"), "the set of state must be {a,b,...}"),
        (TABLE.replace('"left hand"', "right"), "more than once: right"),
        (CASES.replace("'0,0,1\\n{1 5}'", "'0,0,1'"), "line 10 has 1 channels, the first case 2"),
        (CASES.replace("4,?,6", "4,?"), "line 9 row 2 has 2 values"),
        (CASES.replace("4,?,6", "4,?,x"), "line 9 row 2: 'x' is not a number"),
        (CASES.replace("'1,2,3\\n4,?,6'", "?"), "line 9: its bag is empty"),
        (CASES.replace("@end bag\n", ""), "line 7 does not belong"),
        (CASES.replace(" @attribute t1 numeric", "@attribute t1 relational"), "inside another"),
        ("@relation r\n@attribute a {x,y}\n@data\nx\ny\n", "no numeric attribute"),
    ],
)
def test_what_is_not_such_a_file_is_refused_by_line(tmp_path, text, said, one_line):
    message = one_line(read_recordings, write(tmp_path, text), sfreq=10)
    assert "own.arff" in message
    assert said in message


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sfreq": None}, "data.sfreq=None"),
        ({"sfreq": "fast"}, "data.sfreq='fast'"),
        ({"sfreq": 0}, "sfreq=0"),
        ({"rows": "sample"}, "data.rows='sample': did you mean 'samples'"),
        ({"labels_attribute": "stat"}, "data.labels_attribute='stat'"),
        ({"exclude": ["rigth"]}, "did you mean 'right'"),
        ({"valid_range": [5, -5]}, "data.valid_range=[5, -5]"),
        ({"valid_range": 5}, "data.valid_range=5"),
        ({"ch_names": ["a"]}, "1 channel names for 2 channels"),
    ],
)
def test_options_that_do_not_fit(tmp_path, options, said, one_line):
    assert said in one_line(read_recordings, write(tmp_path, TABLE), **({"sfreq": 10} | options))


@pytest.mark.parametrize("text", [TABLE.split("{0")[0], CASES])
def test_cut_off_anywhere_inside_the_last_row(tmp_path, text):
    """A row that lost its end is refused; a whole one without its line break is not."""
    whole = len(read_recordings(write(tmp_path, text), sfreq=10)[-1].annotations)
    last = text.rindex("\n", 0, -1) + 1
    for keep in range(last + 1, len(text) - 1):
        with pytest.raises(EegdaeError, match=r"own\.arff"):
            read_recordings(write(tmp_path, text[:keep]), sfreq=10)
    assert len(read_recordings(write(tmp_path, text[:-1]), sfreq=10)[-1].annotations) == whole


def test_a_number_or_a_label_that_may_be_half_a_one(tmp_path, one_line):
    text = "@relation r\n@attribute a real\n@data\n1.25\n2.5"
    assert "line 5 ends without a line break" in one_line(read_recordings, write(tmp_path, text), sfreq=1)
    text = "@relation r\n@attribute a real\n@attribute b {1,10}\n@data\n1.25,10\n2.5,1"
    assert "line 6 ends without a line break" in one_line(read_recordings, write(tmp_path, text), sfreq=1)


def test_other_content_and_a_path_with_odd_letters(tmp_path, one_line):
    folder = tmp_path / "Versuch Nº 1 µV"
    folder.mkdir()
    (only,) = read_recordings(write(folder, TABLE.replace("\n", "\r\n"), "Größe [1].arff"), sfreq=10)
    assert only.n_times == 6
    (folder / "bild.arff").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    assert "bild.arff: is not an ARFF file" in one_line(read_recordings, folder / "bild.arff", sfreq=1)


@pytest.mark.parametrize("text", [TABLE, CASES])
def test_random_damage(tmp_path, text):
    read, refused = survives(tmp_path / "own.arff", text.encode(), n=200, sfreq=10)
    assert read
    assert refused > 50


@pytest.mark.slow
@pytest.mark.parametrize("text", [TABLE, CASES])
def test_much_random_damage(tmp_path, text):
    read, refused = survives(tmp_path / "own.arff", text.encode(), n=5000, seed=1, sfreq=10)
    assert read + refused == 5000


@pytest.fixture
def data():
    folder = Path(os.environ.get("EEGDAE_DATA_DIR", "/nowhere"))
    if not (folder / "eeg-eye-state").is_dir():
        pytest.skip("EEGDAE_DATA_DIR has no eeg-eye-state")
    return folder


def test_eye_state_is_what_its_description_says(data, data_config):
    config = data_config("eye_state", data_dir=data)
    (rec,) = load_recordings(config)
    assert rec.data.shape == (14, 14980)
    assert rec.ch_names == tuple(
        ["AF3", "F7", "F3", "FC5", "T7", "P7", "O1", "O2", "P8", "T8", "FC6", "F4", "F8", "AF4"]
    )
    assert (rec.sfreq, rec.unit, rec.subject) == (128, "a.u.", "1")
    assert rec.n_times / rec.sfreq == pytest.approx(117, abs=0.05)
    rows = Counter()
    for a in rec.annotations:
        rows[a.label] += a.stop - a.start
    assert rows == {"open": 8257, "closed": 6723}
    assert len(rec.annotations) == 24  # 23 changes of state
    assert rec.mask is not None
    assert np.flatnonzero(~rec.mask.all(axis=0)).tolist() == [898, 10386, 11509, 13179]
    assert rec.data[rec.mask].max() < 5000
    windows = make_windows([rec], size=0.125, classes=config["classes"])
    assert windows.dropped == {"missing": 4}


def test_eye_state_as_pandas_reads_it(data, data_config):
    (rec,) = load_recordings(data_config("eye_state", data_dir=data, valid_range=None, labels=None))
    file = data / "eeg-eye-state/EEG_Eye_State.arff"
    skip = file.read_text().split("@DATA")[0].count("\n") + 1
    table = pd.read_csv(file, skiprows=skip, header=None)
    assert np.array_equal(rec.data, table.iloc[:, :14].to_numpy(np.float32).T)
    assert [a.label for a in rec.annotations for _ in range(a.start, a.stop)] == [
        str(v) for v in table.iloc[:, 14]
    ]


def test_the_checksum_of_eye_state_is_that_of_the_file(data, data_config):
    import hashlib

    (known,) = data_config("eye_state")["resource"]["files"].values()
    assert known == hashlib.sha256((data / "eeg-eye-state/EEG_Eye_State.arff").read_bytes()).hexdigest()
