"""MATLAB files of version 5, read element by element.

SciPy's reader crashes the interpreter on some damaged files; here every element is checked to lie inside the
one around it. Each begins with a tag, type and number of bytes, and is padded to 8 bytes. A variable is an
element of type matrix (or one packed by zlib): flags, shape, name, then numbers, text, or further matrices.

References: MathWorks, MAT-File Format, version 5.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

DENSEST = 1100
"""Bytes that zlib packs into one: 1032 at best."""

DEEPEST = 20
"""Structs inside structs, more than anyone has."""

_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {1: "latin-1", 2: "utf-8", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_MATRIX, _PACKED = 14, 15
_CELL, _STRUCT, _CHAR = 1, 2, 4
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_COMPLEX = 0x0800


def read_v5(content: bytes, names: list[str] | None) -> dict[str, Any]:
    """Read the variables of a file.

    Parameters
    ----------
    content : bytes
        The whole file.
    names : list of str or None
        The variables wanted; None = all.

    Returns
    -------
    dict of str to object
        As `eegdae.recordings.mat.tree.mat_tree` has them.

    Raises
    ------
    ValueError
        If the file is damaged or was cut off.
    """
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None:
        raise ValueError("its header of 128 bytes is damaged")
    found: dict[str, Any] = {}
    for kind, body in _elements(memoryview(content)[128:], order):
        if kind == _PACKED:
            kind, body = next(_elements(memoryview(_unpacked(body, order)), order))
        if kind != _MATRIX:
            raise ValueError(f"type {kind} stands where a variable is expected")
        name = _text(list(_first(body, order, 3))[2], order)
        if names is None or name in names:
            if name in found:
                raise ValueError(f"it holds {name!r} twice")
            found[name] = _matrix(body, order, 0)
    return found


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    position = 0
    while position < len(data):
        if position + 8 > len(data):
            raise ValueError(f"an element is cut off at byte {position} of {len(data)}")
        kind, size = struct.unpack_from(f"{order}II", data, position)
        start = position + 8
        if kind >> 16:  # a small element: both numbers in one word, up to 4 bytes in the other
            kind, size, start = kind & 0xFFFF, kind >> 16, position + 4
            if size > 4:
                raise ValueError(f"a small element of {size} bytes")
        if start + size > len(data):
            raise ValueError(f"an element of {size} bytes is cut off at byte {position} of {len(data)}")
        yield kind, data[start : start + size]
        position = start + size if kind == _PACKED else start + size + -(start + size - position) % 8


def _first(data: memoryview, order: str, n: int) -> Iterator[tuple[int, memoryview]]:
    elements = _elements(data, order)
    for _ in range(n):
        element = next(elements, None)
        if element is None:
            raise ValueError("a matrix lacks its flags, shape or name")
        yield element


def _unpacked(data: memoryview, order: str) -> bytes:
    stream = zlib.decompressobj()
    tag = stream.decompress(data, 8)
    if len(tag) < 8:
        raise ValueError("a packed element is cut off")
    size = struct.unpack(f"{order}II", tag)[1]
    if size > DENSEST * len(data):
        raise ValueError(f"a packed element promises {size} bytes and has {len(data)}")
    body = stream.decompress(stream.unconsumed_tail, size) if size else b""
    rest = stream.decompress(stream.unconsumed_tail, 16)
    if len(body) != size or rest or not stream.eof:  # the checksum stands at the end
        raise ValueError("a packed element is cut off or damaged")
    return tag + body


def _matrix(data: memoryview, order: str, depth: int) -> Any:
    if depth > DEEPEST:
        raise ValueError(f"its structs are nested more than {DEEPEST} deep")
    if not len(data):
        return np.zeros((0, 0))
    elements = _elements(data, order)
    flags = _numbers(next(elements, None), order)
    shape = [int(n) for n in _numbers(next(elements, None), order)]
    next(elements, None)  # the name
    if len(flags) < 1 or len(shape) < 2 or min(shape) < 0:
        raise ValueError(f"a matrix has shape {shape}")
    kind, n = int(flags[0]) & 0xFF, math.prod(shape)
    if kind == _CELL:
        return [_inner(elements, order, depth) for _ in range(_fits(n, data))]
    if kind == _STRUCT:
        (width,) = (int(w) for w in _numbers(next(elements, None), order))
        raw = bytes(next(elements)[1])
        if width < 1 or len(raw) % width:
            raise ValueError("a struct has damaged names of fields")
        fields = [raw[k : k + width].split(b"\0")[0].decode("latin-1") for k in range(0, len(raw), width)]
        structs = [{field: _inner(elements, order, depth) for field in fields} for _ in range(_fits(n, data))]
        return structs[0] if n == 1 else structs
    if kind == _CHAR:
        letters = _text(next(elements, None), order) if n else ""
        if len(letters) != n or len(shape) != 2:
            raise ValueError(f"text of shape {shape} has {len(letters)} letters")
        rows = ["".join(letters[k :: shape[0]]) for k in range(shape[0])]
        return rows[0] if len(rows) == 1 else rows or ""
    if kind not in _CLASSES or int(flags[0]) & _COMPLEX:
        return None  # sparse, a function, an object, complex
    values = _numbers(next(elements, None), order)
    if len(values) != n:
        raise ValueError(f"a matrix of shape {shape} has {len(values)} numbers")
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(_CLASSES[kind]).reshape(shape, order="F")


def _inner(elements: Iterator[tuple[int, memoryview]], order: str, depth: int) -> Any:
    kind, body = next(elements, (0, memoryview(b"")))
    if kind != _MATRIX:
        raise ValueError(f"type {kind} stands where a matrix is expected")
    return _matrix(body, order, depth + 1)


def _fits(n: int, data: memoryview) -> int:
    if n * 8 > len(data):
        raise ValueError(f"{n} matrices are said to lie in {len(data)} bytes")
    return n


def _numbers(element: tuple[int, memoryview] | None, order: str) -> NDArray[Any]:
    if element is None or element[0] not in _NUMBERS:
        raise ValueError("numbers are missing")
    dtype = np.dtype(order + _NUMBERS[element[0]])
    if len(element[1]) % dtype.itemsize:
        raise ValueError("a number is cut off")
    return np.frombuffer(element[1], dtype=dtype)


def _text(element: tuple[int, memoryview] | None, order: str) -> str:
    if element is None or element[0] not in _TEXTS:
        raise ValueError("text is missing")
    encoding = _TEXTS[element[0]]
    wide = encoding in ("utf-16", "utf-32")
    return bytes(element[1]).decode(encoding + ("-le" if order == "<" else "-be") if wide else encoding)
