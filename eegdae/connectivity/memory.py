"""How much memory a computation may take, and how large a block of windows that allows."""

from __future__ import annotations

import mmap
import os
import re
from pathlib import Path

from eegdae.errors import EegdaeError

_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_FALLBACK = 2**30


def memory_budget(max_memory: int | float | str | None) -> int:
    """Give the bytes that a computation may take beyond its input and its result.

    Parameters
    ----------
    max_memory : int, float, str or None
        Bytes; or text such as ``"500 MB"`` (powers of 1000) or ``"2 GiB"`` (powers of 1024); None: a quarter
        of what is free.

    Returns
    -------
    int
        Bytes.

    Raises
    ------
    EegdaeError
        Where it is no amount of memory above 0.
    """
    if max_memory is None:
        return free_memory() // 4
    value = 0.0
    if isinstance(max_memory, str):
        match = re.fullmatch(r"\s*([0-9.]+)\s*([kmgt]?)(i?)b?\s*", max_memory.lower())
        if match:
            number, unit, binary = match.groups()
            try:
                value = float(number) * (1024 if binary else 1000) ** _UNITS[unit]
            except ValueError:
                value = 0.0
    elif not isinstance(max_memory, bool):
        value = float(max_memory)
    if not 1 <= value < float("inf"):
        raise EegdaeError(
            f"max_memory: {max_memory!r}; give bytes above 0, or text such as '2 GiB' or '500 MB', or None"
        )
    return int(value)


def free_memory() -> int:
    """Give the bytes of main memory that are free (1 GiB where the system does not say)."""
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        found = re.search(r"MemAvailable:\s+(\d+) kB", meminfo.read_text())
        if found:
            return int(found.group(1)) * 1024
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return _FALLBACK


def release(x: object) -> None:
    """Let go of the pages of a memory map that were read: they count as memory of this process until then.

    Nothing is lost: of a map that is shared with its file (modes ``r`` and ``r+``) they can be read again. A
    copy on write is left alone.

    Parameters
    ----------
    x : object
        A memory-mapped array or a view of one; anything else is left alone.
    """
    mode = None
    while x is not None and not isinstance(x, mmap.mmap):
        mode = getattr(x, "mode", mode)
        x = getattr(x, "base", None)
    if isinstance(x, mmap.mmap) and mode in ("r", "r+") and hasattr(mmap, "MADV_DONTNEED"):
        x.madvise(mmap.MADV_DONTNEED)
