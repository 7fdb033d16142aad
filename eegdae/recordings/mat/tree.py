"""What is in a MATLAB file, as plain Python: versions 4, 5 and 7.3.

A struct becomes a dict, an array of structs or a cell array a list (in MATLAB's order, column by column),
text a str, several rows of text a list of str, numbers an ndarray of the shape that MATLAB shows. Version 7.3
is HDF5, which stores arrays transposed. Functions and objects are left out; nothing in a file is ever run, no
other file that it links to is opened.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError
from eegdae.recordings.mat.intact import check_mat4
from eegdae.recordings.mat.v5 import DEEPEST, DENSEST, read_v5

_HDF5 = b"\x89HDF\r\n\x1a\n"


def mat_tree(path: Path, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Read the variables of a MATLAB file.

    Parameters
    ----------
    path : Path
        The ``.mat`` file.
    names : iterable of str or None
        The variables wanted; None = all. Those that are not there are left out.

    Returns
    -------
    dict of str to object
        Variable to dict, list, str, ndarray, or None for what has no such form.

    Raises
    ------
    EegdaeError
        If the file is none, or is damaged.
    """
    wanted = None if names is None else sorted(set(names))
    with path.open("rb") as file:
        head = file.read(4096)
    try:
        if any(head[at : at + 8] == _HDF5 for at in (0, 512, 1024, 2048)):
            return _read_hdf5(path, wanted)
        if 0 in head[:4]:  # as the format tells version 4, which begins with small numbers and not with text
            return _read_v4(path, wanted)
        return read_v5(path.read_bytes(), wanted)
    except EegdaeError:
        raise
    except Exception as error:  # the libraries raise anything on a damaged file
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise EegdaeError(f"{path}: cannot be read as a MATLAB file: {reason}") from error


def _read_v4(path: Path, names: list[str] | None) -> dict[str, Any]:
    from scipy.io import loadmat

    check_mat4(path)
    found = loadmat(path, variable_names=names)
    return {
        name: _from_v4(value)
        for name, value in found.items()
        if not name.startswith("__") and (names is None or name in names)
    }


def _from_v4(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return None  # a sparse array
    if value.dtype.kind in "US":
        rows = [str(one) for one in value.ravel()]
        return rows[0] if len(rows) == 1 else rows or ""
    return value


def _read_hdf5(path: Path, names: list[str] | None) -> dict[str, Any]:
    try:
        import h5py
    except ImportError as error:
        raise EegdaeError(
            f"{path}: is a MATLAB file of version 7.3, which needs h5py: pip install 'eegdae[mat]'"
        ) from error
    with h5py.File(path, "r") as file:
        return {
            name: _from_hdf5(_child(file, name), file, 0)
            for name in file
            if not name.startswith("#") and (names is None or name in names)
        }


def _child(group: Any, name: str) -> Any:
    import h5py

    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise EegdaeError(
            f"{group.file.filename}: {name} is a link, perhaps to another file; links are not followed"
        )
    return group[name]


def _from_hdf5(node: Any, file: Any, depth: int) -> Any:
    import h5py

    _check_depth(depth)
    if isinstance(node, h5py.Group):
        children = {name: _child(node, name) for name in node}
        plain = {name: _from_hdf5(child, file, depth + 1) for name, child in children.items()}
        if children and all(_is_many(child) for child in children.values()):
            lists = list(plain.values())
            return [dict(zip(plain, each, strict=True)) for each in zip(*lists, strict=True)]
        return plain
    if not isinstance(node, h5py.Dataset) or node.shape is None:
        return None
    kind = node.attrs.get("MATLAB_class", b"")
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    if node.attrs.get("MATLAB_empty", 0):
        return "" if kind == "char" else np.zeros((0, 0))
    values = _values(node)
    if h5py.check_ref_dtype(node.dtype) is not None:
        return [_from_hdf5(file[ref], file, depth + 1) if ref else None for ref in values.ravel()]
    if kind == "char":
        rows = ["".join(map(chr, row)) for row in np.atleast_2d(values.T)]
        return rows[0] if len(rows) == 1 else rows
    return values.T if values.dtype.kind in "iufb" else None


def _is_many(node: Any) -> bool:
    """Whether a field of a struct holds one reference for each struct of an array."""
    import h5py

    is_dataset = isinstance(node, h5py.Dataset)
    return is_dataset and h5py.check_ref_dtype(node.dtype) is not None and "MATLAB_class" not in node.attrs


def _values(node: Any) -> NDArray[Any]:
    if node.external:
        raise EegdaeError(f"{node.file.filename}: {node.name} lies in another file, which is not opened")
    n_bytes, stored = node.size * node.dtype.itemsize, node.id.get_storage_size()
    if n_bytes > DENSEST * stored:
        raise EegdaeError(
            f"{node.file.filename}: {node.name} promises {n_bytes} bytes and has {stored}: the file was cut "
            "off or is damaged"
        )
    values: NDArray[Any] = node[()]
    return values


def _check_depth(depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError(f"its structs are nested more than {DEEPEST} deep")
