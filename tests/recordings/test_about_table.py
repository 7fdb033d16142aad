import numpy as np
import pandas as pd
import pytest

from eegdae.recordings import load_recordings, read_recordings

from .mutations import survives


def save(path, n=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.random.default_rng(0).normal(size=(n, 2))
    np.savez(path, data=data, offsets=[0, n], sfreq=10.0, ch_names=["a", "b"], subject=["from the file"])


@pytest.fixture
def three(tmp_path, monkeypatch):
    for name in ("p1/a.npz", "p1/b.npz", "p2/a.npz"):
        save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table(path, text):
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_one_row_a_file(three):
    rows = "file,age,subject,session,run,label\np1/a.npz,30,1,x,,up\np1/b.npz,,1,,2,down\n./p2/a.npz,,,x,1,\n"
    paths = [three / name for name in ("p1/a.npz", "p1/b.npz", "p2/a.npz")]
    got = read_recordings(paths, about=table(three / "who.csv", "\ufeff" + rows))
    assert [(r.subject, r.session, r.run) for r in got] == [
        ("1", "x", ""),
        ("1", "", "2"),
        ("from the file", "x", "1"),
    ]
    assert [[(a.start, a.stop, a.label) for a in r.annotations] for r in got] == [
        [(0, 100, "up")],
        [(0, 100, "down")],
        [],
    ]
    pd.read_csv(three / "who.csv", dtype=str).to_csv(three / "who.tsv", sep="\t", index=False)
    again = read_recordings(paths, about=three / "who.tsv")
    assert [(r.subject, r.annotations[:1] != ()) for r in again] == [
        ("1", True),
        ("1", True),
        ("from the file", False),
    ]


def test_one_row_a_trial_in_samples_of_the_file(three):
    rows = "person,name,onset,end,what\np1,a,0,40,left\np1,a,50,100,right\np1,b,7,,beep\n"
    about = {
        "path": table(three / "trials.csv", rows),
        "columns": {"file": "{person}/{name}.npz", "subject": "person", "start": "onset", "stop": "end"},
    }
    first, second = read_recordings(
        [three / "p1/a.npz", three / "p1/b.npz"],
        about=about | {"columns": {**about["columns"], "label": "what"}},
        labels={"from": "annotation", "map": {"left": "L", "right": "R", "beep": "beep"}},
        prepare={"sfreq": 5.0},
    )
    assert [(a.start, a.stop, a.label) for a in first.annotations] == [(0, 20, "L"), (25, 50, "R")]
    assert [(a.stop - a.start, a.label) for a in second.annotations] == [(1, "beep")]
    assert first.subject == "p1"


@pytest.mark.parametrize(
    ("about", "said"),
    [
        (5, "data.about=5: must be a CSV file"),
        ({"path": "t.csv", "column": {}}, "data.about.column: unknown key; did you mean 'columns'"),
        ({"path": "t.csv", "columns": ["file"]}, "must be a CSV file, or {path: FILE"),
        (
            {"path": "t.csv", "columns": {"sbject": "x"}},
            "data.about.columns.sbject: unknown; did you mean 'subject'",
        ),
        (
            {"path": "t.csv", "columns": {"label": "clas"}},
            "has no column 'clas' for label; did you mean 'class'",
        ),
        ({"path": "t.csv", "columns": {"file": "{nme}.npz"}}, "has no column 'nme' for file"),
        ("gone.csv", "data.about=gone.csv: no such file"),
    ],
)
def test_what_does_not_fit_names_the_key(three, about, said, one_line):
    table(three / "t.csv", "file,class\np1/a.npz,x\n")
    message = one_line(read_recordings, three / "p1/a.npz", about=about)
    assert said in message


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("", "cannot be read as a table"),
        ("file\n", "has no rows"),
        ("name,subject\na.npz,1\n", "has no column 'file'"),
        ("file,subject\n,1\n", "line 2 names no file"),
        ("file,subject\np3/a.npz,1\n", "has no row for"),
        ("file,subject\na.npz,1\na.npz,1\n", "has 2 rows for"),
        ("file,subject\na.npz,1\na.npz,2\n", "differ in subject: 1, 2"),
        ("file,stop\na.npz,1\n", "has a column stop but no start"),
        (
            "file,start,stop\na.npz,1,5\na.npz,7,101\n",
            "line 3: a trial from sample 7 to 101 does not lie inside",
        ),
        ("file,start,stop\na.npz,5,5\n", "line 2: a trial from sample 5 to 5"),
        ("file,start,stop\na.npz,-1,5\n", "line 2: start='-1' is no number of a sample"),
        ("file,start,stop\na.npz,1.5,5\n", "line 2: start='1.5' is no number of a sample"),
        ("file,start\na.npz,100\n", "line 2: a trial from sample 100 to 101"),
        ('file,subject\n"a.npz,1\n', "data.about="),
    ],
)
def test_tables_that_do_not_fit_name_the_line(three, rows, said, one_line):
    message = one_line(read_recordings, three / "p1/a.npz", about=table(three / "who.csv", rows))
    assert "who.csv" in message
    assert said in message


def test_a_table_that_is_no_text(three, one_line):
    (three / "who.csv").write_bytes(bytes(range(256)) * 4)
    assert "who.csv: cannot be read" in one_line(read_recordings, three / "p1/a.npz", about="who.csv")


def test_a_name_that_ends_like_another_is_another(three):
    save(three / "p1/xa.npz")
    about = table(three / "who.csv", "file,subject\na.npz,1\nxa.npz,2\n")
    got = load_recordings({"source": "npz", "path": [three / "p1/xa.npz"], "about": about})
    assert got[0].subject == "2"


@pytest.mark.parametrize(
    "rows", ["file,subject,label\na.npz,1,x\n", "file,start,stop\np1/a.npz,1,50\na.npz,60,\n"]
)
def test_random_damage(three, rows):
    table = three / "who.csv"
    read, refused = survives(table, rows.encode(), n=200, reading=three / "p1/a.npz", about="who.csv")
    assert read
    assert refused
