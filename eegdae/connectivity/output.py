"""Where a result larger than memory goes: an array of the caller, or a file that is whole or not there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError

Write = Callable[[int, NDArray[Any]], None]


@contextmanager
def opened(
    out: str | Path | NDArray[Any] | None, *, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Iterator[Write | None]:
    """Open a place for rows that come in order.

    A file is written row after row and not through a memory map, whose pages would count as memory of this
    process until the system takes them back. It has its name only when all of it is there.

    Parameters
    ----------
    out : str, Path, ndarray or None
        Path of an ``.npy`` file, an array of that shape and type, or nothing.
    shape : tuple of int
        Of the whole.
    dtype : dtype
        Of the whole.

    Yields
    ------
    callable or None
        ``write(start, rows)``; None where `out` is.

    Raises
    ------
    EegdaeError
        Where the array is another, the path is none of an ``.npy`` file or cannot be written.
    """
    if out is None:
        yield None
        return
    if isinstance(out, np.ndarray):
        if out.shape != shape or out.dtype != dtype:
            raise EegdaeError(f"out: shape {out.shape} of {out.dtype}; this result needs {shape} of {dtype}")
        array = out

        def into_array(start: int, rows: NDArray[Any]) -> None:
            array[start : start + len(rows)] = rows

        yield into_array
        return
    path = Path(out)
    if path.suffix != ".npy":
        raise EegdaeError(f"out: {str(path)!r}; the name of a .npy file is needed")
    if not path.parent.is_dir():
        raise EegdaeError(f"out: {str(path)!r}; there is no folder {str(path.parent)!r}; make it first")
    part = path.with_name(f"{path.stem}.part.npy")
    try:
        with part.open("wb") as file:
            header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            begin = file.tell()
            row = math.prod(shape[1:]) * dtype.itemsize

            def into_file(start: int, rows: NDArray[Any]) -> None:
                file.seek(begin + start * row)
                file.flush()  # tofile goes past the file object's own buffer
                np.ascontiguousarray(rows, dtype=dtype).tofile(file)

            yield into_file
        part.replace(path)
    except OSError as error:
        raise EegdaeError(f"out: {str(path)!r} cannot be written ({error})") from error
    finally:
        part.unlink(missing_ok=True)
