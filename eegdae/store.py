"""Windows on disk: written recording by recording, mapped into memory when they are read."""

from __future__ import annotations

import csv
import fcntl
import json
import math
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eegdae.cutting import COLUMNS, TEXT, Cutting, Plan, plan, take
from eegdae.errors import EegdaeError
from eegdae.recordings import Recording
from eegdae.recordings.caps import Common, common_channels, digest, on_common
from eegdae.windows import About, Windows, class_order, none_left, with_targets
from eegdae.workers import Workers

SCHEMA = 1
"""Version of the files; part of every key."""

BLOCK_BYTES = 2**24
"""Windows are copied in blocks of about this size."""

_PLAIN = (
    "sfreq",
    "ch_names",
    "units",
    "classes",
    "dropped",
    "interpolated",
    "reference",
    "laplacian",
    "notes",
    "image_shape",
)


class Unwritable(EegdaeError):
    """The folder of a store cannot be written, or its disk is full."""


def build(
    folder: Path,
    items: Sequence[Any],
    load: Callable[[Any], Iterable[Recording]],
    cutting: Cutting,
    *,
    classes: Sequence[str] | None = None,
    shared: bool = False,
    drop: bool = False,
    about: Mapping[str, Any] | None = None,
    workers: Workers | None = None,
) -> None:
    """Cut recordings into windows and write them; of the recordings only one is in memory at a time.

    Everything is written into a folder beside it under another name, which is renamed at the end: a build
    that was killed leaves nothing that looks whole. What lies in ``folder`` already is left as it is.

    Parameters
    ----------
    folder : Path
        Of the store: ``x.npy``, ``mask.npy`` where an entry was not observed, ``metadata.csv``,
        ``store.json``.
    items : sequence
        What recordings are in, such as files.
    load : callable
        ``load(item)`` gives the recordings of one of them, one after the other; it is called twice where
        ``shared`` or ``drop``.
    cutting : Cutting
        How they are cut.
    classes : sequence of str or None
        See `eegdae.windows.make_windows`.
    shared, drop : bool
        See `eegdae.recordings.caps.common_channels`.
    about : mapping or None
        What else ``store.json`` holds.
    workers : Workers or None
        Who reads and cuts the items; None = this process.

    Raises
    ------
    Unwritable
        If the folder cannot be written, or its disk is full.
    EegdaeError
        If there is no recording, one does not fit the others, or no window is left.
    """
    workers = workers or Workers()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _Build(folder) as part:
            common = Common()
            if shared or drop:
                found = (one for each in workers.map(_Digests(load), items) for one in each)
                common = common_channels(found, shared=shared, drop=drop)
            cut = _Cut(load, cutting, common, None if workers.n_jobs == 1 else part.path)
            _write(part, workers.map(cut, items), cutting, classes, common, drop, dict(about or {}))
    except OSError as error:
        raise Unwritable(
            f"{folder.parent}: windows cannot be written: {error.strerror or error}; nothing is left of "
            "them; make room, or set prepare.store to another folder, or to null to keep windows in memory"
        ) from error


def read(folder: Path) -> Windows:
    """Open stored windows; signal and mask stay on disk until they are used.

    Parameters
    ----------
    folder : Path
        That `build` has written.

    Returns
    -------
    Windows
        ``x`` and ``mask`` are mapped into memory, copy on write: the files never change.

    Raises
    ------
    EegdaeError
        If a file is missing, damaged, or does not fit the others.
    """
    try:
        about = json.loads((folder / "store.json").read_text())
        if about["schema"] != SCHEMA:
            raise ValueError(f"its schema is {about['schema']}, not {SCHEMA}")
        x = np.load(folder / "x.npy", mmap_mode="c")
        mask = np.load(folder / "mask.npy", mmap_mode="c") if about["is_masked"] else None
        metadata = pd.read_csv(
            folder / "metadata.csv", dtype=dict.fromkeys(TEXT, "str"), keep_default_na=False
        )
        shape = tuple(about["shape"])
        if x.shape != shape or (mask is not None and mask.shape != shape) or len(metadata) != shape[0]:
            raise ValueError("its arrays do not fit together")
        fields = {key: _tuples(about[key]) for key in _PLAIN}
        positions = about["ch_pos"]
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise EegdaeError(
            f"{folder}: cannot be read as stored windows: {' '.join(str(error).split())}; remove the "
            "folder, and it will be built again"
        ) from error
    order = {label: k for k, label in enumerate(fields["classes"])}
    ch_pos = None if positions is None else np.array(positions, dtype=np.float64)
    return Windows(x=x, mask=mask, metadata=with_targets(metadata, order), ch_pos=ch_pos, **fields)


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True)
class _Digests:
    """Read an item and keep of its recordings what is compared."""

    load: Callable[[Any], Iterable[Recording]]

    def __call__(self, item: Any) -> Iterator[Recording]:
        return map(digest, self.load(item))


@dataclass(frozen=True)
class _Cut:
    """Read an item, and cut it; into files where another process reads them."""

    load: Callable[[Any], Iterable[Recording]]
    cutting: Cutting
    common: Common
    folder: Path | None

    def __call__(self, item: Any) -> Iterator[tuple[Recording, Plan, Path | None]]:
        for recording in self.load(item):
            fitting = on_common(recording, self.common)
            found = plan(fitting, self.cutting)
            if self.folder is None:
                yield fitting, found, None
                continue
            piece = Path(tempfile.mkdtemp(dir=self.folder, prefix="piece-"))
            with (piece / "x").open("wb") as x, (piece / "mask").open("wb") as seen:
                for block, mask in _blocks(fitting, found, is_masked=found.is_masked):
                    x.write(block.data)
                    if mask is not None:
                        seen.write(mask.data)
            yield digest(fitting), found, piece


def _blocks(
    recording: Recording, found: Plan, *, is_masked: bool
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_] | None]]:
    """Give the windows of a recording, some at a time, shape (n_block, n_chans, n_times)."""
    shape = (recording.n_chans, found.n_times)
    step = max(1, BLOCK_BYTES // (4 * shape[0] * shape[1]))
    for first in range(0, len(found.starts), step):
        x = np.empty((min(step, len(found.starts) - first), *shape), dtype=np.float32)
        mask = np.empty(x.shape, dtype=bool) if is_masked else None
        take(recording, found, x, mask, first)
        yield x, mask


def _write(
    part: _Build,
    pieces: Iterable[Iterable[tuple[Recording, Plan, Path | None]]],
    cutting: Cutting,
    classes: Sequence[str] | None,
    common: Common,
    drop: bool,
    more: dict[str, Any],
) -> None:
    about, dropped, n_recordings = About(), Counter(common.dropped), 0
    for each in pieces:
        for recording, found, piece in each:
            about.take(recording, drop=drop)
            dropped.update(found.dropped)
            part.append(recording, found, piece)
            n_recordings += 1
    if not n_recordings:
        raise EegdaeError("no recordings to cut into windows")
    if not part.n_windows:
        raise none_left(dropped, cutting)
    order = class_order(about.labels, classes, cutting)
    empty = np.empty((0, 0, 0), dtype=np.float32)
    whole = about.windows(empty, None, pd.DataFrame(), classes=tuple(order), dropped=dict(dropped))
    part.finish(
        {
            **more,
            **{key: getattr(whole, key) for key in _PLAIN},
            "ch_pos": None if whole.ch_pos is None else whole.ch_pos.tolist(),
            "n_recordings": n_recordings,
        }
    )


class _Build:
    """The files of a store while they are written.

    Parameters
    ----------
    folder : Path
        What it will be called.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".tmp-{folder.name[:16]}-"))
        # whoever prunes sees by this that somebody is at work
        self._lock: IO[str] = (self.path / ".lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._x = _Rows(self.path / "x.npy", np.dtype(np.float32))
        self._mask: _Rows | None = None
        self.n_windows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for rows in (self._x, self._mask):
            with suppress(OSError):  # on a full disk what is left to write fails again
                if rows is not None:
                    rows.close()
        self._lock.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def append(self, recording: Recording, found: Plan, piece: Path | None) -> None:
        """Write the windows of a recording, or take over those that another process has written."""
        shape = (recording.n_chans, found.n_times)
        if found.is_masked and self._mask is None:
            self._mask = _Rows(self.path / "mask.npy", np.dtype(bool))
            self._mask.fill(self.n_windows, shape)
        if piece is None:
            for x, mask in _blocks(recording, found, is_masked=self._mask is not None):
                self._x.append(x)
                if self._mask is not None and mask is not None:
                    self._mask.append(mask)
        else:
            self._x.take_over(piece / "x", (len(found.starts), *shape))
            if self._mask is not None and found.is_masked:
                self._mask.take_over(piece / "mask", (len(found.starts), *shape))
            elif self._mask is not None:
                self._mask.fill(len(found.starts), shape)
            shutil.rmtree(piece)
        with (self.path / "metadata.csv").open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if file.tell() == 0:
                writer.writerow(COLUMNS)
            writer.writerows(found.rows())
        self.n_windows += len(found.starts)

    def finish(self, about: Mapping[str, Any]) -> None:
        """Complete the files, bring them to the disk and give the folder its name."""
        self._x.close()
        if self._mask is not None:
            self._mask.close()
        whole = {"schema": SCHEMA, "shape": self._x.shape, "is_masked": self._mask is not None, **about}
        for left in self.path.glob("piece-*"):  # of a process that was killed, whose work another has done
            shutil.rmtree(left)
        (self.path / "store.json").write_text(json.dumps(whole, indent=1) + "\n")
        for file in self.path.iterdir():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
        (self.path / ".lock").unlink()
        try:
            self.path.rename(self._folder)
        except OSError:
            # another process has built the same in the meantime
            if not (self._folder / "store.json").exists():
                raise


class _Rows:
    """An ``.npy`` file that grows along its first axis."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self._file = path.open("wb")
        self._dtype = dtype
        self.shape: tuple[int, ...] = ()

    def append(self, rows: NDArray[Any]) -> None:
        """Write rows, shape (n_rows, ...)."""
        self._grow(rows.shape)
        self._file.write(rows.data)

    def take_over(self, file: Path, shape: tuple[int, ...]) -> None:
        """Write rows that lie in a file as bare numbers."""
        self._grow(shape)
        with file.open("rb") as rows:
            shutil.copyfileobj(rows, self._file, BLOCK_BYTES)

    def fill(self, n_rows: int, shape: tuple[int, ...]) -> None:
        """Write rows of ones, ``shape`` each."""
        step = max(1, BLOCK_BYTES // math.prod(shape))
        for first in range(0, n_rows, step):
            self.append(np.ones((min(step, n_rows - first), *shape), dtype=self._dtype))

    def _grow(self, shape: tuple[int, ...]) -> None:
        if not self.shape:
            self.shape = (0, *shape[1:])
            self._header()
        self.shape = (self.shape[0] + shape[0], *self.shape[1:])

    def close(self) -> None:
        """Write the number of rows into the header, which has room for it."""
        if self._file.closed:
            return
        try:
            if self.shape:
                self._file.seek(0)
                self._header()
        finally:
            self._file.close()

    def _header(self) -> None:
        about = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False}
        np.lib.format.write_array_header_1_0(self._file, {**about, "shape": self.shape})
