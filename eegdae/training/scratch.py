"""Large intermediate arrays: computed block by block, in memory or, above a budget, in a mapped file."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from eegdae.connectivity.memory import release
from eegdae.errors import EegdaeError

BLOCK_BYTES = 2**24
"""Bytes of a block; only a wider row is larger."""


def by_blocks(rows: Callable[[slice], Tensor], n_rows: int, *, row_bytes: int, memory_gb: float) -> Tensor:
    """Compute rows block by block and put them into one tensor.

    Parameters
    ----------
    rows : callable
        ``rows(block)`` computes the rows of one block: Tensor, shape (n_rows of the block, ...).
    n_rows : int
        How many there are.
    row_bytes : int
        Bytes of the largest row that is read or made; decides the size of a block.
    memory_gb : float
        A result of more gigabytes lies in a file without a name in the folder for temporary files
        (``TMPDIR``), which is gone with the last use of the tensor, also after a crash.

    Returns
    -------
    Tensor, shape (n_rows, ...)
        The same numbers wherever they lie.

    Raises
    ------
    EegdaeError
        If the disk has no room.
    """
    step = max(64, BLOCK_BYTES // max(1, row_bytes))
    first = rows(slice(0, min(step, n_rows)))
    n_bytes = n_rows * math.prod(first.shape[1:]) * first.element_size()
    is_mapped = n_bytes > memory_gb * 1e9
    if len(first) == n_rows and not is_mapped:
        return first
    shape = (n_rows, *first.shape[1:])
    array = _mapped(n_bytes) if is_mapped else None
    whole = (
        torch.empty(shape, dtype=first.dtype)
        if array is None
        else torch.from_numpy(array).view(first.dtype).reshape(shape)
    )
    whole[: len(first)] = first
    for start in range(len(first), n_rows, step):
        block = slice(start, min(start + step, n_rows))
        whole[block] = rows(block)
        if array is not None:
            release(array)
    return whole


def _mapped(n_bytes: int) -> np.memmap[tuple[int], np.dtype[np.uint8]]:
    folder = tempfile.gettempdir()
    try:
        # it never has a name, or loses it before it is used: nothing can be left behind
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, n_bytes)
            return np.memmap(file, dtype=np.uint8, mode="r+", shape=(n_bytes,))
    except OSError as error:
        raise EegdaeError(
            f"{folder}: no room for {n_bytes / 1e9:.1f} GB of intermediate results ({error.strerror}); set "
            "the environment variable TMPDIR to a folder on a larger disk, or raise trainer.memory_gb"
        ) from error
