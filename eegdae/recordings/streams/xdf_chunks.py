"""Is an XDF file whole, and which streams does it hold? pyxdf passes over what it cannot read.

A file is ``XDF:`` and chunks: length, kind, content. Every chunk is walked to its last byte here, so what
pyxdf then reads is what was written.
"""

from __future__ import annotations

import gzip
import mmap
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from eegdae.errors import EegdaeError

_BYTES = {"int8": 1, "int16": 2, "int32": 4, "int64": 8, "float32": 4, "double64": 8}
_BOUNDARY = bytes.fromhex("43a546dccbf5410fb30ed5467383cbe4")
_FILE_HEADER, _HEADER, _SAMPLES, _CLOCK, _BORDER, _FOOTER = range(1, 7)


@dataclass
class Stream:
    """What an XDF file says of one of its streams.

    Parameters
    ----------
    number : int
        Its number in the file.
    name, kind, form : str
        Name, content type (``"EEG"``, ``"Markers"``, ...) and format of its samples (``"float32"``,
        ``"string"``, ...).
    n_chans : int
        Number of channels.
    sfreq : float
        Nominal rate in hertz; 0 = irregular.
    desc : Element or None
        Its description.
    n_samples : int
        Samples in the file.
    promised : int or None
        Samples that its footer tells; None = it has none.
    """

    number: int
    name: str
    kind: str
    form: str
    n_chans: int
    sfreq: float
    desc: ElementTree.Element | None = None
    n_samples: int = 0
    promised: int | None = None

    @property
    def is_text(self) -> bool:
        """Whether it holds strings: markers."""
        return self.form == "string"


class _Cut(Exception):
    """The content ends before it should."""


def read_chunks(path: Path) -> list[Stream]:
    """Walk an XDF file and tell its streams.

    Parameters
    ----------
    path : Path
        The file; with ``.xdfz`` or ``.xdf.gz`` compressed.

    Returns
    -------
    list of Stream
        In the order of the file.

    Raises
    ------
    EegdaeError
        If it is no XDF file, was cut off, or is damaged: names the byte.

    References
    ----------
    C. Kothe, C. Brunner et al., XDF specification 1.0, https://github.com/sccn/xdf/wiki/Specifications
    """
    content = _content(path)
    if content[:4] != b"XDF:":
        raise EegdaeError(f"{path}: is not an XDF file: it begins with {bytes(content[:4])!r}")
    streams: dict[int, Stream] = {}
    position = 4
    while position < len(content):
        started = position
        try:
            length, position = _number(content, position)
            if position + length > len(content):
                raise EegdaeError(
                    f"{path}: was cut off: a chunk ends at byte {position + length}, the file has "
                    f"{len(content)}; get it anew"
                )
            _chunk(content[position : position + length], streams)
        except _Cut as error:
            raise EegdaeError(f"{path}: was cut off or is damaged in the chunk at byte {started}") from error
        except (ValueError, LookupError, ElementTree.ParseError) as error:
            if isinstance(error, EegdaeError):
                raise
            reason = " ".join(str(error).split())
            raise EegdaeError(f"{path}: is damaged in the chunk at byte {started}: {reason[:150]}") from error
        position += length
    for stream in streams.values():
        if stream.promised is not None and stream.n_samples < stream.promised:
            raise EegdaeError(
                f"{path}: is damaged: stream {stream.name} has {stream.n_samples} samples, its footer says "
                f"{stream.promised}"
            )
    return list(streams.values())


def is_compressed(path: Path) -> bool:
    """Tell by its name whether a file is compressed.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    bool
        True for ``.xdfz`` and ``.xdf.gz``.
    """
    return path.name.lower().endswith((".xdfz", ".xdf.gz"))


def _content(path: Path) -> bytes | mmap.mmap:
    try:
        if is_compressed(path):
            return gzip.decompress(path.read_bytes())
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (EOFError, OSError, zlib.error) as error:
        raise EegdaeError(f"{path}: was cut off or is damaged: {error}") from error


def _number(content: bytes | mmap.mmap, position: int) -> tuple[int, int]:
    """Read a length: how many bytes it has (1, 4 or 8), then itself; and give where it ends."""
    if position >= len(content):
        raise _Cut
    width = content[position]
    if width not in (1, 4, 8):
        raise ValueError(f"a length has 1, 4 or 8 bytes, not {width}")
    end = position + 1 + width
    if end > len(content):
        raise _Cut
    return int.from_bytes(content[position + 1 : end], "little"), end


def _chunk(chunk: bytes, streams: dict[int, Stream]) -> None:
    if len(chunk) < 2:
        raise _Cut
    kind, rest = int.from_bytes(chunk[:2], "little"), chunk[2:]
    if kind == _FILE_HEADER:
        ElementTree.fromstring(rest)
    elif kind == _BORDER:
        if rest != _BOUNDARY:
            raise ValueError("a boundary that is none")
    elif kind in (_HEADER, _SAMPLES, _CLOCK, _FOOTER):
        if len(rest) < 4:
            raise _Cut
        number, rest = int.from_bytes(rest[:4], "little"), rest[4:]
        if kind == _HEADER:
            if number in streams:
                raise ValueError(f"a second header of stream {number}")
            streams[number] = _header(number, rest)
            return
        if number not in streams:
            raise ValueError(f"stream {number} has no header")
        if kind == _SAMPLES:
            streams[number].n_samples += _count(rest, streams[number])
        elif kind == _FOOTER:
            streams[number].promised = _promised(rest)
        elif len(rest) != 16 or not all(abs(v) < 1e300 for v in struct.unpack("<2d", rest)):
            raise ValueError("a clock offset that is none")
    else:
        raise ValueError(f"a chunk of kind {kind}, not 1 to 6")


def _promised(footer: bytes) -> int | None:
    """Read how many samples a footer tells; there are recorders whose footers are no XML."""
    try:
        told = ElementTree.fromstring(footer).findtext("sample_count")
    except ElementTree.ParseError:
        return None
    return None if told is None else int(told)


def _header(number: int, text: bytes) -> Stream:
    info = ElementTree.fromstring(text.decode("utf-8", "replace"))
    form, n_chans = info.findtext("channel_format", ""), int(info.findtext("channel_count", ""))
    sfreq = float(info.findtext("nominal_srate", ""))
    if form not in _BYTES and form != "string":
        raise ValueError(f"channel_format {form!r}")
    if n_chans < 1 or not 0 <= sfreq < 1e9:
        raise ValueError(f"{n_chans} channels, {sfreq} Hz")
    return Stream(
        number=number,
        name=info.findtext("name") or "",
        kind=info.findtext("type") or "",
        form=form,
        n_chans=n_chans,
        sfreq=sfreq,
        desc=info.find("desc"),
    )


def _count(samples: bytes, stream: Stream) -> int:
    """Count the samples of a chunk; each is its time stamp (8 and 8 bytes, or 0) and one value a channel."""
    count, position = _number(samples, 0)
    size, end = _BYTES.get(stream.form, 0) * stream.n_chans, len(samples)
    if count > end:
        raise _Cut
    for _ in range(count):
        if position >= end:
            raise _Cut
        flag = samples[position]
        if flag not in (0, 8):
            raise ValueError(f"a time stamp has 0 or 8 bytes, not {flag}")
        position += 1 + flag + size
        if stream.is_text:
            for _ in range(stream.n_chans):
                length, position = _number(samples, position)
                position += length
    if position > end:
        raise _Cut
    if position < end:
        raise ValueError(f"{end - position} bytes behind the last sample")
    return count
