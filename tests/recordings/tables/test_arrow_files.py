import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, ipc, parquet

from eegdae.recordings import read_recordings
from eegdae.recordings.tables.arrow_files import read_arrow


def own():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "when": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(20) / 50, unit="s"),
            "a": rng.normal(size=20).astype(np.float32),
            "b": np.arange(20),
            "c": pd.array([None, *range(19)], dtype="Int64"),
            "what": pd.Categorical(["walk"] * 8 + [None] * 4 + ["run"] * 8),
        }
    )


def write_stream(table, path):
    arrow = pa.Table.from_pandas(table)
    with ipc.new_stream(str(path), arrow.schema) as sink:
        sink.write_table(arrow)


WRITERS = {
    "own.parquet": lambda table, path: table.to_parquet(path),
    "plain.parquet": lambda table, path: parquet.write_table(
        pa.Table.from_pandas(table), path, compression="gzip", row_group_size=7
    ),
    "own.feather": lambda table, path: table.to_feather(path),
    "own.arrow": lambda table, path: feather.write_feather(table, path, compression="lz4"),
    "stream.arrow": write_stream,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_recording(tmp_path, name):
    table = own()
    WRITERS[name](table, tmp_path / name)
    (rec,) = read_recordings(tmp_path / name, time="when", label="what")
    assert rec.ch_names == ("a", "b", "c")
    assert rec.sfreq == 50
    assert np.array_equal(rec.data[:2], table[["a", "b"]].to_numpy(dtype=np.float32).T)
    assert rec.mask is not None
    assert (~rec.mask).sum() == 1
    assert not rec.mask[2, 0]
    assert [(a.start, a.stop, a.label) for a in rec.annotations] == [(0, 8, "walk"), (12, 20, "run")]


def test_an_index_of_pandas_is_a_column_if_it_has_a_name(tmp_path):
    own().set_index("when").to_parquet(tmp_path / "own.parquet")
    assert "when" in read_arrow(tmp_path / "own.parquet").columns
    own().set_index(np.arange(20) * 3).to_parquet(tmp_path / "own.parquet")
    assert list(read_arrow(tmp_path / "own.parquet").columns) == ["when", "a", "b", "c", "what"]


@pytest.mark.parametrize("name", ["own.parquet", "own.feather", "stream.arrow"])
def test_cut_off_empty_or_of_another_kind(tmp_path, name, one_line):
    path = tmp_path / name
    WRITERS[name](own(), path)
    whole = path.read_bytes()
    for content in (
        whole[: len(whole) // 2],
        whole[:40],
        whole[40:],
        b"when,a\n1,2\n",
        b"\x1f\x8b" + bytes(99),
    ):
        path.write_bytes(content)
        message = one_line(read_recordings, path, time="when")
        assert message.startswith(f"{path}: cannot be read as {name.split('.')[1]}: ")
    path.write_bytes(b"")
    assert "the file is empty" in one_line(read_recordings, path, time="when")


def test_columns_of_one_name(tmp_path, one_line):
    twice = pa.table([pa.array([1.0, 2]), pa.array([1.0, 2])], names=["a", "a"])
    parquet.write_table(twice, tmp_path / "own.parquet")
    assert "more than once: a" in one_line(read_recordings, tmp_path / "own.parquet", sfreq=1)


def test_pyarrow_is_asked_for_where_it_is_missing(tmp_path, monkeypatch, one_line):
    own().to_parquet(tmp_path / "own.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pip install 'eegdae[tables]'" in one_line(read_recordings, tmp_path / "own.parquet", time="when")
