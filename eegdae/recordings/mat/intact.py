"""Is a MATLAB file of level 4 or 5 (also EEGLAB's .set) whole? SciPy crashes the process on some damage.

Layout: MathWorks, MAT-File Format. Level 5: 128 bytes of header, then elements of type, size and content;
matrices hold elements in turn. Level 4: matrices one after the other, each with 20 bytes of header.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from math import prod
from pathlib import Path

from eegdae.errors import EegdaeError

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8, 16: 1, 17: 2, 18: 4}
"""Type of an element of numbers -> bytes each."""
_WIDTHS_4 = {0: 8, 1: 4, 2: 4, 3: 2, 4: 2, 5: 1}
"""The same of level 4."""
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE, _NUMBERS = 1, 2, 3, 4, 5, range(6, 16)
_OPAQUE = (16, 17)  # function handles and objects, whose layout is not published
_COMPLEX = 0x0800
_MOST_DEEP = 50

_Buffer = bytes | mmap.mmap


class _Damaged(Exception):
    """Where and what; becomes an error that names the file."""


def check_mat5(path: Path) -> None:
    """Refuse a MATLAB file of level 5 whose elements do not fit into one another.

    Parameters
    ----------
    path : Path
        A file; what is of another level (4, or 7.3, which is HDF5) passes.

    Raises
    ------
    EegdaeError
        Names the file and the byte.
    """
    with path.open("rb") as file:
        head = file.read(_HEADER)
        if not head.startswith(b"MATLAB 5") or len(head) < _HEADER:
            return
        order = {b"IM": "<", b"MI": ">"}.get(head[126:128])
        if order is None:
            raise EegdaeError(f"{path}: is damaged: its header says no byte order")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                _check_file(content, order)
            except _Damaged as error:
                raise EegdaeError(f"{path}: was cut off or is damaged: {error}; get it anew") from error


def check_mat4(path: Path) -> None:
    """Refuse a MATLAB file of level 4 whose matrices do not fill it.

    Parameters
    ----------
    path : Path
        A file of level 4.

    Raises
    ------
    EegdaeError
        Names the file and the byte.
    """
    at, end = 0, path.stat().st_size
    with path.open("rb") as file:
        while at < end:
            file.seek(at)
            head = file.read(20)
            order = "<" if head[2:4] == b"\0\0" else ">"
            kind, n_rows, n_columns, is_complex, n_name = (
                struct.unpack(f"{order}5i", head) if len(head) == 20 else (-1,) * 5
            )
            width = _WIDTHS_4.get(kind // 10 % 10)
            if not 0 <= kind < 5000 or width is None or min(n_rows, n_columns, n_name) < 0:
                raise EegdaeError(f"{path}: was cut off or is damaged: byte {at}: no matrix begins there")
            size = 20 + n_name + n_rows * n_columns * width * (1 + bool(is_complex))
            if at + size > end:
                raise EegdaeError(
                    f"{path}: was cut off or is damaged: byte {at}: a matrix of {size} bytes, {end} is the "
                    "end; get it anew"
                )
            at += size


def _check_file(content: _Buffer, order: str) -> None:
    at = _HEADER
    while at < len(content):
        kind, start, size, following = _element(content, at, len(content), order)
        if kind == _COMPRESSED:
            packed_end = start + size  # without padding
            try:
                inner = zlib.decompress(content[start : start + size])
            except zlib.error as error:
                raise _Damaged(f"byte {at}: {error}") from error
            kind, start, size, _ = _element(inner, 0, len(inner), order)
            if kind != _MATRIX:
                raise _Damaged(f"byte {at}: no matrix in what is compressed")
            _check_matrix(inner, start, start + size, order, 0)
            following = packed_end
        elif kind == _MATRIX:
            _check_matrix(content, start, start + size, order, 0)
        else:
            raise _Damaged(f"byte {at}: type {kind} where a matrix should be")
        at = following


def _element(content: _Buffer, at: int, end: int, order: str) -> tuple[int, int, int, int]:
    """Read the tag at a byte: type, first byte, number of bytes, where the next one begins."""
    if at + 8 > end:
        raise _Damaged(f"byte {at}: an element is expected, {end} is the end")
    kind, size = struct.unpack_from(f"{order}II", content, at)
    if kind >> 16:  # small: size and type in one word, the content in the other
        kind, size = kind & 0xFFFF, kind >> 16
        if size > 4:
            raise _Damaged(f"byte {at}: a small element of {size} bytes")
        return kind, at + 4, size, at + 8
    start = at + 8
    if start + size > end:
        raise _Damaged(f"byte {at}: an element of {size} bytes, {end} is the end")
    return kind, start, size, start + size + (-size) % 8


def _numbers(content: _Buffer, at: int, end: int, order: str) -> tuple[tuple[int, ...], int, int]:
    """Read whole numbers of 32 bits: these, their type, the next byte."""
    kind, start, size, following = _element(content, at, end, order)
    if kind not in (5, 6) or size % 4 or size > 4 * 64:
        raise _Damaged(f"byte {at}: type {kind} of {size} bytes where whole numbers should be")
    return struct.unpack_from(f"{order}{size // 4}i", content, start), kind, following


def _check_matrix(content: _Buffer, at: int, end: int, order: str, depth: int) -> None:
    if at == end:  # an empty cell
        return
    if depth > _MOST_DEEP:
        raise _Damaged(f"byte {at}: {depth} matrices inside one another")
    flags, kind, following = _numbers(content, at, end, order)
    if kind != 6 or len(flags) != 2:
        raise _Damaged(f"byte {at}: no flags of a matrix")
    what, is_complex = flags[0] & 0xFF, bool(flags[0] & _COMPLEX)
    if what in _OPAQUE:
        return
    if what not in (_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE, *_NUMBERS):
        raise _Damaged(f"byte {at}: class {what} of a matrix, which holds no plain data")
    dims, kind, following = _numbers(content, following, end, order)
    if kind != 5 or len(dims) < 2 or min(dims) < 0:
        raise _Damaged(f"byte {at}: a matrix of shape {dims}")
    following = _check_text(content, following, end, order)
    if what in _NUMBERS or what in (_CHAR, _SPARSE):
        n_parts = 1 + is_complex + 2 * (what == _SPARSE)
        for _ in range(n_parts):
            if what == _CHAR and following >= end and not prod(dims):
                return
            kind, _, size, after = _element(content, following, end, order)
            width = _WIDTHS.get(kind)
            is_whole = width is not None and size % width == 0
            if not is_whole or (what in _NUMBERS and width and size // width != prod(dims)):
                raise _Damaged(f"byte {following}: type {kind} of {size} bytes in a matrix of shape {dims}")
            following = after
        return
    n_fields = 1
    if what == _OBJECT:
        following = _check_text(content, following, end, order)
    if what != _CELL:
        (length, *more), _, following = _numbers(content, following, end, order)
        kind, _, size, following = _element(content, following, end, order)
        if more or length < 1 or size % length or kind != 1:
            raise _Damaged(f"byte {at}: names of fields of {length} letters in {size} bytes")
        n_fields = size // length
    for _ in range(prod(dims) * n_fields):
        kind, start, size, after = _element(content, following, end, order)
        if kind != _MATRIX:
            raise _Damaged(f"byte {following}: type {kind} where a matrix should be")
        _check_matrix(content, start, start + size, order, depth + 1)
        following = after


def _check_text(content: _Buffer, at: int, end: int, order: str) -> int:
    kind, _, _, following = _element(content, at, end, order)
    if kind not in (1, 2, 16):
        raise _Damaged(f"byte {at}: type {kind} where a name should be")
    return following
