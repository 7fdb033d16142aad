"""Tables in the columnar formats of Apache Arrow: Parquet, Feather and Arrow IPC files and streams."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from eegdae.errors import EegdaeError, one_line

ENDINGS = (".parquet", ".arrow", ".feather")


def read_arrow(path: Path) -> pd.DataFrame:
    """Read a table with pyarrow.

    Parameters
    ----------
    path : Path
        Its ending says which format it is.

    Returns
    -------
    DataFrame
        Every column that has a name, pandas' own named indices too; the index counts rows from 1.

    Raises
    ------
    EegdaeError
        If pyarrow is not installed, or the file is damaged or of another format.
    """
    try:
        import pyarrow as pa
        from pyarrow import feather, parquet
    except ImportError as error:
        raise EegdaeError(
            f"{path}: reading {path.suffix} needs pyarrow: pip install 'eegdae[tables]'"
        ) from error
    try:
        if path.suffix.lower() == ".parquet":
            found = parquet.ParquetFile(path, page_checksum_verification=True).read()
        elif (
            path.read_bytes()[:4] == b"\xff\xff\xff\xff"
        ):  # a stream of messages, without the magic of a file
            found = pa.ipc.open_stream(path).read_all()
        else:
            found = feather.read_table(path, memory_map=False)
        found.validate(full=True)
        twice = sorted({n for n in found.column_names if found.column_names.count(n) > 1})
        table = pd.DataFrame() if twice else found.to_pandas(ignore_metadata=True)
    except Exception as error:  # the readers raise anything from ArrowInvalid to MemoryError
        reason = one_line(error, 300)
        raise EegdaeError(f"{path}: cannot be read as {path.suffix[1:]}: {reason}") from error
    if twice:
        raise EegdaeError(f"{path}: column names must be distinct; more than once: {', '.join(twice)}")
    table.columns = pd.Index([str(name) for name in table.columns])
    table.index = pd.RangeIndex(1, len(table) + 1)
    return table.loc[:, [not re.match(r"(__index_level_\d+__)?$", name) for name in table.columns]]
