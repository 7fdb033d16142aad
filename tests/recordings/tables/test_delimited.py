import gzip

import numpy as np
import pandas as pd
import pytest

from eegdae.recordings.tables.delimited import read_delimited


def write(folder, text, name="own.csv", encoding="utf-8"):
    content = text.encode(encoding)
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return folder / name


PLAIN = "t,a,b\n0,1.5,-2\n1,,3e2\n2,NaN,4\n"
EXPECTED = {"t": [0, 1, 2], "a": [1.5, np.nan, np.nan], "b": [-2, 300, 4]}


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        (PLAIN, "own.csv", {}),
        (PLAIN, "own.csv.gz", {}),
        (PLAIN.replace(",", "\t"), "own.tsv", {}),
        (PLAIN.replace(",", ";"), "own.csv", {}),
        (PLAIN.replace(",", "|"), "own.csv", {"delimiter": "|"}),
        (PLAIN.replace(",", ", "), "own.csv", {}),
        (PLAIN.replace(",,", ",nan,").replace(",", "  "), "own.txt", {}),
        (PLAIN.replace(",,", ",nan,").replace(",", " "), "own.txt", {"delimiter": " "}),
        (PLAIN.replace("\n", "\r\n"), "own.csv", {}),
        (PLAIN.replace("\n", "\r"), "own.csv", {}),
        (PLAIN.replace("\n", "\n\n"), "own.csv", {}),
        ("\ufeff" + PLAIN, "own.csv", {}),
        (PLAIN, "own.csv", {"encoding": "utf-16"}),
        (PLAIN.replace(",", ";").replace(".", ","), "own.csv", {"decimal": ","}),
        ("made by me\non a day, in May\n" + PLAIN, "own.csv", {"skip_rows": 2}),
        ("% a, b, c, d\n" + PLAIN.replace("\n", " % x,y\n"), "own.csv", {"comment": "%"}),
        (PLAIN.removeprefix("t,a,b\n"), "own.csv", {"columns": ["t", "a", "b"]}),
        ("head\n" + PLAIN.removeprefix("t,a,b\n"), "own.csv", {"columns": ["t", "a", "b"], "skip_rows": 1}),
        (PLAIN.replace("t,a,b", '"t","a","b"').replace("1.5", '"1.5"'), "own.csv", {}),
        (PLAIN.replace("\n", ",9\n").replace("b,9", "b,"), "own.csv", {}),
    ],
)
def test_every_dialect_gives_the_same_table(tmp_path, text, name, options):
    path = write(tmp_path, text, name, options.get("encoding", "utf-8"))
    table = read_delimited(path, options)
    assert list(table.columns) == ["t", "a", "b"]
    assert list(table.index) == [1, 2, 3]
    for key, values in EXPECTED.items():
        assert np.array_equal(table[key].to_numpy(dtype=float), values, equal_nan=True)


def test_as_pandas_reads_it(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(50, 4)) * 10.0 ** rng.integers(-9, 9, 4), columns=list("abcd"))
    table.to_csv(tmp_path / "own.csv", index=False)
    assert np.array_equal(read_delimited(tmp_path / "own.csv", {}), pd.read_csv(tmp_path / "own.csv"))


def test_columns_that_stay_text(tmp_path):
    table = read_delimited(write(tmp_path, "who,a\n01,1\n,2\n"), {}, as_text={"who", "gone"})
    assert table["who"].iloc[0] == "01"
    assert pd.isna(table["who"].iloc[1])
    assert table["a"].tolist() == [1, 2]


def test_quoted_fields_may_hold_delimiters_and_line_breaks(tmp_path):
    table = read_delimited(write(tmp_path, 'note,a\n"x, y",1\n"two\nlines, here",2\n'), {})
    assert table["a"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("a,b\n1,2\n3\n4,5\n", {}, "line 3 has 1 fields parted by ',', the table has 2 columns"),
        ("a,b\n1,2\n3,4,5\n", {}, "line 3 has 3 fields parted by ',', the table has 2 columns"),
        ("a,b\n1,2,3\n1,2,3\n", {}, "line 2 has 3 fields"),
        (
            "a,b\n1,2\n3",
            {},
            "line 3 has 1 fields parted by ',', the table has 2 columns: the file was cut off",
        ),
        ("a b\n1 2\n3\n", {}, "line 3 has 1 fields"),
        ("a,a\n1,2\n", {}, "more than once: a"),
        ("a,b\n1,2\n", {"columns": ["x", "x"]}, "more than once: x"),
        ("a,b\n1,2\n", {"columns": ["x"]}, "line 1 has 2 fields parted by ',', the table has 1 columns"),
        ("a,b\n1,\0\n", {}, "line 2 holds a zero byte"),
        ('a,b\n1,"2\n3,4\n', {}, "a quoted field never ends"),
        ("\n \n\n", {}, "holds no table"),
        ("a\n1\n", {"skip_rows": 5}, "holds no table"),
        ("a,b\n1,2\n", {"skip_rows": -1}, "data.skip_rows=-1"),
        ("a,b\n1,2\n", {"skip_rows": True}, "data.skip_rows=True"),
        ("a,b\n1,2\n", {"delimiter": ",,"}, "data.delimiter=',,': must be one character"),
        ("a,b\n1,2\n", {"comment": ""}, "data.comment=''"),
        ("a,b\n1,2\n", {"decimal": 3}, "data.decimal=3"),
        ("a,b\n1,2\n", {"decimal": ",", "delimiter": ","}, "data.decimal=','"),
        ("a,b\n1,2\n", {"encoding": "utf-9"}, "data.encoding='utf-9'"),
        ("a,b\n1,2\n", {"encoding": "hex"}, "data.encoding='hex'"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, text, options, said, one_line):
    assert said in one_line(read_delimited, write(tmp_path, text), options)


def test_other_content_and_other_letters(tmp_path, one_line):
    path = write(tmp_path, "größe,b\n1,2\n", encoding="latin-1")
    assert "set data.encoding" in one_line(read_delimited, path, {})
    assert list(read_delimited(path, {"encoding": "latin-1"}).columns) == ["größe", "b"]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    assert "own.csv" in one_line(read_delimited, path, {})
    whole = gzip.compress(PLAIN.encode() * 100)
    for content in (whole[:-20], PLAIN.encode(), whole[:40] + b"\xff\xff" + whole[42:]):
        (tmp_path / "own.csv.gz").write_bytes(content)
        assert "own.csv.gz" in one_line(read_delimited, tmp_path / "own.csv.gz", {})
    write(tmp_path, PLAIN, "own.gz").rename(path)
    assert "own.csv: is not utf-8" in one_line(read_delimited, path, {})


def test_cut_off_inside_a_line_but_the_last_field(tmp_path, one_line, caplog):
    text = "a,b,c\n1.25,2.25,3.25\n4.25,5.25,6.25\n"
    last = text.index("4.25")
    for keep in range(last + 1, text.index(",6.25")):
        message = one_line(read_delimited, write(tmp_path, text[:keep]), {})
        assert "line 3" in message
        assert "cut off" in message
    assert len(read_delimited(write(tmp_path, text[:-1]), {})) == 2
    assert "line 3 ends without a line break" in caplog.text
