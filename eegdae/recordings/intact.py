"""Is a file whole, and what its name says? What MNE reads without complaint but should not be trusted."""

from __future__ import annotations

import gzip
import mmap
import struct
import zlib
from pathlib import Path

from eegdae.errors import EegdaeError
from eegdae.recordings.brainvision_intact import check_brainvision
from eegdae.recordings.mat.intact import check_mat5

_EDF_MAGIC = {".edf": b"0       ", ".bdf": b"\xffBIOSEMI"}
_GDF_BYTES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 8, 8: 8, 16: 4, 17: 8}
_SAMPLE_BYTES = {".edf": 2, ".bdf": 3}


def check_intact(path: Path) -> None:
    """Refuse a file that is missing, empty, cut off, or not what its name says.

    EDF and BDF: the header tells how many bytes must follow; MNE only warns when they do not. FIF: every tag
    must be whole, up to the one that ends the file. BrainVision: see `eegdae.recordings.brainvision_intact`.
    GDF and CNT: as EDF, with the table of events. EEGLAB: see `eegdae.recordings.mat.intact`. Other formats
    are left to their readers.

    Parameters
    ----------
    path : Path
        A file (or, for formats that are folders, a folder).

    Raises
    ------
    EegdaeError
        Names the file, and for a file that was cut off the expected and the found number of bytes.
    """
    try:
        _check(path)
    except OSError as error:
        raise EegdaeError(f"{path}: cannot be read: {error.strerror or error}") from error


def _check(path: Path) -> None:
    if not path.exists():
        leads = ": it is a link that leads nowhere" if path.is_symlink() else ""
        raise EegdaeError(f"{path}: no such file{leads}")
    if path.is_dir():
        return
    with path.open("rb") as file:  # may it be read?
        if not file.read(1):
            raise EegdaeError(f"{path}: the file is empty")
    suffix = path.suffix.lower()
    if suffix in _EDF_MAGIC:
        _check_edf(path, suffix)
    elif path.name.lower().endswith((".fif", ".fif.gz")):
        _check_fif(path)
    elif suffix == ".vhdr":
        check_brainvision(path)
    elif suffix == ".gdf":
        _check_gdf(path)
    elif suffix == ".cnt":
        _check_cnt(path)
    elif suffix in (".set", ".mat"):
        check_mat5(path)


def _check_edf(path: Path, suffix: str) -> None:
    with path.open("rb") as file:
        head = file.read(256)
        kind = suffix[1:].upper()
        if head[:8] != _EDF_MAGIC[suffix]:
            raise EegdaeError(f"{path}: is no {kind} file: it begins with {head[:8]!r}")
        try:
            # EDF specification: bytes 184, 236, 252 hold header length, number of records, number of signals.
            n_header, n_records, n_signals = int(head[184:192]), int(head[236:244]), int(head[252:256])
            file.seek(256 + 216 * n_signals)
            per_signal = [int(file.read(8)) for _ in range(n_signals)]
        except ValueError as error:
            raise EegdaeError(f"{path}: its {kind} header is damaged or cut off") from error
    if n_records < 0:  # -1: the recorder did not say, which the specification allows
        return
    expected = n_header + n_records * sum(per_signal) * _SAMPLE_BYTES[suffix]
    found = path.stat().st_size
    if found < expected:
        raise EegdaeError(
            f"{path}: was cut off: its header says {expected} bytes, the file has {found}; get it anew"
        )


def _check_gdf(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(256)
        if head[:4] != b"GDF ":
            raise EegdaeError(f"{path}: is no GDF file: it begins with {head[:8]!r}")
        if len(head) < 256:
            raise EegdaeError(f"{path}: its GDF header is damaged or cut off")
        is_old = head[4:5] == b"1"
        # GDF 1: 64-bit header length at 184, 32-bit number of signals at 252; GDF 2: 16 bits each, in blocks.
        n_header = struct.unpack_from("<q" if is_old else "<H", head, 184)[0] * (1 if is_old else 256)
        (n_records,) = struct.unpack_from("<q", head, 236)
        (n_signals,) = struct.unpack_from("<I" if is_old else "<H", head, 252)
        found = path.stat().st_size
        if not 0 < n_signals <= found // 256 or n_header < 256 * (1 + n_signals) or n_records < 0:
            raise EegdaeError(f"{path}: its GDF header is damaged or cut off")
        file.seek(256 + 216 * n_signals)
        words = file.read(8 * n_signals)
    if len(words) < 8 * n_signals:
        raise EegdaeError(f"{path}: its GDF header is damaged or cut off")
    per_signal = struct.unpack(f"<{n_signals}I", words[: 4 * n_signals])
    kinds = struct.unpack(f"<{n_signals}I", words[4 * n_signals :])
    width = sum(n * _GDF_BYTES.get(kind, 1) for n, kind in zip(per_signal, kinds, strict=True))
    expected = n_header + n_records * width
    if expected + 8 <= found:  # the table of events: mode, and its number of rows in 32 or in 24 bits
        with path.open("rb") as file:
            file.seek(expected)
            mode, *table = file.read(8)
        n_events = int.from_bytes(table[3:] if is_old else table[:3], "little")
        expected += 8 + n_events * {1: 6, 3: 12}[mode] if mode in (1, 3) else 0
    if found < expected:
        raise EegdaeError(
            f"{path}: was cut off: its header says {expected} bytes, the file has {found}; get it anew"
        )


def _check_cnt(path: Path) -> None:
    found = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(900)
        if head[:4] in (b"RIFF", b"RF64"):
            return  # of ANT, which MNE reads by another package
        # MNE looks at no more of it than what follows; P. Bourke, EEG file formats: the setup has 900 bytes
        if head[:9] != b"Version 3":
            raise EegdaeError(f"{path}: is no CNT file: it begins with {head[:9]!r}")
        n_signals = int.from_bytes(head[370:372], "little")
        if len(head) < 900 or not 0 < n_signals <= found // 75:
            raise EegdaeError(f"{path}: its CNT header is damaged or cut off")
        (position,) = struct.unpack_from("<i", head, 886)  # of the table of events; it wraps at 2 GB
        if position <= 0 or found >= 2**31:
            return
        file.seek(position)
        table = file.read(9)
    expected = position + 9 + (struct.unpack_from("<i", table, 1)[0] if len(table) == 9 else 0)
    if found < expected:
        raise EegdaeError(
            f"{path}: was cut off: its header says {expected} bytes, the file has {found}; get it anew"
        )


def _check_fif(path: Path) -> None:
    try:
        content: bytes | mmap.mmap
        if path.suffix.lower() == ".gz":
            content = gzip.decompress(path.read_bytes())
        else:
            with path.open("rb") as file:
                content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (EOFError, OSError, zlib.error) as error:
        raise EegdaeError(f"{path}: was cut off or is damaged: {error}") from error
    # A FIF file is a chain of tags (kind, type, size, next), big endian; kind 100 (file id) comes first, and
    # next is 0 (the tag that follows), a position, or -1 (the end).
    position, n_bytes, seen = 0, len(content), 0
    while True:
        if position + 16 > n_bytes:
            raise EegdaeError(
                f"{path}: was cut off: a tag is expected at byte {position}, the file has {n_bytes}"
            )
        kind, _, size, following = struct.unpack_from(">iIii", content, position)
        if seen == 0 and kind != 100:
            raise EegdaeError(f"{path}: is no FIF file: it begins with {content[:8]!r}")
        end = position + 16 + size
        if size < 0 or end > n_bytes:
            raise EegdaeError(
                f"{path}: was cut off: a tag ends at byte {end}, the file has {n_bytes}; get it anew"
            )
        if following == -1:
            return
        if following < 0 or 0 < following <= position:
            raise EegdaeError(f"{path}: is damaged: its tags do not follow one another at byte {position}")
        position, seen = (following or end), seen + 1
