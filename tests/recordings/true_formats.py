"""Small files of formats for which no library of Python writes one, byte by byte from their descriptions."""

import numpy as np

STEP = 0.1
"""Microvolt that one step of the stored 16-bit numbers is worth."""


def text(value, length):
    return str(value).encode("ascii").ljust(length, b"\0")


def gdf1(data, *, sfreq, names, events):
    """GDF 1.25: A. Schloegl, GDF - A general dataformat for biosignals, arXiv cs/0608052, its section on 1.x.

    ``data`` int16 (n_chans, n_times); ``events`` (sample from 0, code, duration); one record a second.
    """
    n_chans, n_times = data.shape
    n_header = 256 * (1 + n_chans)
    head = text("GDF 1.25", 8) + text("P07 X", 80) + text("test", 80) + text("2020010112000000", 16)
    head += np.array([n_header, 0, 0, 0], "<i8").tobytes() + bytes(20)
    head += np.array([n_times // sfreq], "<i8").tobytes() + np.array([1, 1, n_chans], "<u4").tobytes()
    head += b"".join(text(name, 16) for name in names) + bytes(80 * n_chans)
    head += text("uV", 8) * n_chans
    for value, kind in ((-32768 * STEP, "<f8"), (32767 * STEP, "<f8"), (-32768, "<i8"), (32767, "<i8")):
        head += np.full(n_chans, value, kind).tobytes()
    head += bytes(80 * n_chans) + np.full(n_chans, sfreq, "<u4").tobytes()
    head += np.full(n_chans, 3, "<u4").tobytes() + bytes(32 * n_chans)  # type 3: int16
    assert len(head) == n_header
    table = bytes([3]) + int(sfreq).to_bytes(3, "little") + np.array([len(events)], "<u4").tobytes()
    return head + in_records(data, sfreq) + table + event_columns(events)


def gdf2(data, *, sfreq, names, events):
    """GDF 2.20: the same paper, its sections on 2.x."""
    n_chans, n_times = data.shape
    n_header = 256 * (1 + n_chans)
    head = text("GDF 2.20", 8) + text("P07 X", 66) + bytes(14) + text("test", 64) + bytes(16 + 8 + 8)
    head += np.array([n_header // 256], "<u2").tobytes() + bytes(6 + 8 + 6 + 6 + 12 + 12)
    head += np.array([n_times // sfreq], "<i8").tobytes() + np.array([1, 1], "<u4").tobytes()
    head += np.array([n_chans, 0], "<u2").tobytes()
    head += b"".join(text(name, 16) for name in names) + bytes(86 * n_chans)
    head += np.full(n_chans, 4275, "<u2").tobytes()  # microvolt
    for value in (-32768 * STEP, 32767 * STEP, -32768, 32767):
        head += np.full(n_chans, value, "<f8").tobytes()
    head += bytes((68 + 12) * n_chans) + np.full(n_chans, sfreq, "<u4").tobytes()
    head += np.full(n_chans, 3, "<u4").tobytes() + bytes(32 * n_chans)
    assert len(head) == n_header
    table = bytes([3]) + len(events).to_bytes(3, "little") + np.array([sfreq], "<f4").tobytes()
    return head + in_records(data, sfreq) + table + event_columns(events)


def in_records(data, sfreq):
    n_chans, n_times = data.shape
    return data.reshape(n_chans, n_times // sfreq, sfreq).transpose(1, 0, 2).astype("<i2").tobytes()


def event_columns(events):
    starts, codes, durations = (np.array(column) for column in zip(*events, strict=True))
    columns = [(starts + 1, "<u4"), (codes, "<u2"), (0 * codes, "<u2"), (durations, "<u4")]
    return b"".join(column.astype(kind).tobytes() for column, kind in columns)


def cnt(data, *, sfreq, names, events):
    """Neuroscan CNT with 16-bit numbers: P. Bourke, EEG file formats, http://paulbourke.net/dataformats/eeg/.

    ``data`` int16 (n_chans, n_times); ``events`` (sample from 0, code, ...).
    """
    n_chans, n_times = data.shape
    setup, electrodes = bytearray(900), b""

    def put(block, offset, value, kind):
        packed = np.array([value], kind).tobytes()
        block[offset : offset + len(packed)] = packed

    setup[:20] = text("Version 3.0", 20)
    setup[225:247] = text("01/01/20", 10) + text("12:00:00", 12)
    first = 900 + 75 * n_chans
    for offset, value, kind in (
        (370, n_chans, "<u2"),
        (376, sfreq, "<u2"),
        (864, n_times, "<i4"),
        (886, first + 2 * n_chans * n_times, "<i4"),
        (890, n_times / sfreq, "<f4"),
    ):
        put(setup, offset, value, kind)
    for k, name in enumerate(names):
        one = bytearray(75)
        one[:10] = text(name, 10)
        angle = 2 * np.pi * k / n_chans
        for offset, value in ((19, np.cos(angle)), (23, np.sin(angle)), (59, 1.0), (71, 204.8 * STEP)):
            put(one, offset, value, "<f4")  # place; microvolt = number * sensitivity * calibration / 204.8
        electrodes += bytes(one)
    table = np.array([1], "u1").tobytes() + np.array([8 * len(events), 0], "<i4").tobytes()
    for start, code, *_ in events:
        table += np.array([code, 0], "<u2").tobytes()
        table += np.array([first + 2 * n_chans * start], "<i4").tobytes()
    return bytes(setup) + electrodes + data.T.astype("<i2").tobytes() + table
