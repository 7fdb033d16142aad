"""XDF files byte by byte, from specification 1.0 (https://github.com/sccn/xdf/wiki/Specifications)."""

from __future__ import annotations

import struct
from xml.sax.saxutils import escape

import numpy as np

TYPES = {"float32": "<f4", "double64": "<f8", "int8": "<i1", "int16": "<i2", "int32": "<i4", "int64": "<i8"}
BOUNDARY = bytes.fromhex("43a546dccbf5410fb30ed5467383cbe4")


def varlen(number):
    """[NumLengthBytes] [Length]: in the fewest of 1, 4 or 8 bytes."""
    for width, form in ((1, "<B"), (4, "<I"), (8, "<Q")):
        if number < 256**width:
            return bytes([width]) + struct.pack(form, number)
    raise ValueError(number)


def chunk(tag, content):
    """[NumLengthBytes] [Length] [Tag] [Content]; the length counts tag and content."""
    return varlen(2 + len(content)) + struct.pack("<H", tag) + content


def of_stream(tag, number, content):
    return chunk(tag, struct.pack("<I", number) + content)


def header(number, name, kind, form, n_chans, sfreq, channels=(), more=""):
    """Chunk 2; channels: (label, unit) pairs."""
    inner = "".join(
        f"<channel><label>{escape(label)}</label><unit>{escape(unit)}</unit></channel>"
        for label, unit in channels
    )
    desc = f"<desc>{f'<channels>{inner}</channels>' if inner else ''}{more}</desc>"
    xml = (
        f'<?xml version="1.0"?><info><name>{escape(name)}</name><type>{kind}</type>'
        f"<channel_count>{n_chans}</channel_count><nominal_srate>{sfreq}</nominal_srate>"
        f"<channel_format>{form}</channel_format><created_at>1.0</created_at>{desc}</info>"
    )
    return of_stream(2, number, xml.encode())


def samples(number, stamps, values, form="float32"):
    """Chunk 3: [NumSamples], then for each [8] [time stamp] or [0], and its values; None = no stamp."""
    parts = [varlen(len(stamps))]
    for stamp, row in zip(stamps, values, strict=True):
        parts.append(b"\x00" if stamp is None else b"\x08" + struct.pack("<d", stamp))
        if form == "string":
            parts += [varlen(len(text.encode())) + text.encode() for text in row]
        else:
            parts.append(np.asarray(row).astype(TYPES[form]).tobytes())
    return of_stream(3, number, b"".join(parts))


def clock(number, time, offset):
    """Chunk 4: when it was measured, on the clock of the recorder, and what to add to the stream's stamps."""
    return of_stream(4, number, struct.pack("<dd", time, offset))


def footer(number, count, first=0.0, last=0.0):
    xml = (
        f"<info><first_timestamp>{first}</first_timestamp><last_timestamp>{last}</last_timestamp>"
        f"<sample_count>{count}</sample_count></info>"
    )
    return of_stream(6, number, xml.encode())


def file(*chunks):
    """The magic, chunk 1 and what follows."""
    first = chunk(1, b'<?xml version="1.0"?><info><version>1.0</version></info>')
    return b"XDF:" + first + b"".join(chunks)


def boundary():
    return chunk(5, BOUNDARY)


def stream(number, stamps, values, *, name="Amp", kind="EEG", form="float32", sfreq=100, **more):
    """A whole stream: header, samples in chunks of 50, footer."""
    parts = [header(number, name, kind, form, len(values[0]), sfreq, **more)]
    for start in range(0, len(stamps), 50):
        part = slice(start, start + 50)
        parts += [samples(number, list(stamps[part]), values[part], form), boundary()]
    return b"".join([*parts, footer(number, len(stamps))])
