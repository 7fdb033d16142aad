"""Arrays from IDX files, the format of MNIST and its kin, plain or compressed by gzip."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Path, *, n_dims: int) -> NDArray[Any]:
    """Read an IDX file.

    Parameters
    ----------
    path : Path
        The file; compressed where it begins as gzip files do.
    n_dims : int
        What it must have: 3 for images, 1 for labels.

    Returns
    -------
    ndarray, n_dims dimensions
        Of the type that the file says, in the byte order of this machine.

    Raises
    ------
    EegdaeError
        If it is no such file, has other dimensions, or its length is not what its header says.

    References
    ----------
    LeCun Y, Cortes C, Burges CJC. The MNIST database of handwritten digits, "File formats": two bytes of 0,
    one for the type, one for the number of dimensions, the sizes in 4 bytes each, then the data, all big
    endian.
    """
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise EegdaeError(f"{path}: was cut off or is damaged: {reason}") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES:
        raise EegdaeError(f"{path}: is not an IDX file: it begins with {content[:4]!r}")
    if content[3] != n_dims:
        kind = {3: "images", 1: "labels"}[n_dims]
        raise EegdaeError(f"{path}: holds {content[3]} dimensions; IDX files of {kind} have {n_dims}")
    start = 4 + 4 * n_dims
    if len(content) < start:
        raise EegdaeError(f"{path}: was cut off inside its header; get it anew")
    shape = struct.unpack_from(f">{n_dims}I", content, 4)
    dtype = np.dtype(_TYPES[content[2]])
    expected = start + dtype.itemsize * math.prod(shape)
    if len(content) != expected:
        what = "was cut off" if len(content) < expected else "is damaged"
        raise EegdaeError(
            f"{path}: {what}: its header says {expected} bytes ({' x '.join(map(str, shape))}), it has "
            f"{len(content)}; get it anew"
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))
