"""Recordings from WAV and FLAC files: every channel in [-1, 1], 1 = full scale, unit ``"a.u."``.

The soundfile package reads both (``pip install 'eegdae[sound]'``); without it SciPy reads WAV. libsndfile
reads over what is missing or damaged, so whether a file is whole is checked here: the sizes that a WAV header
tells, the number of samples and the MD5 checksum that a FLAC file holds of itself.
"""

from __future__ import annotations

import hashlib
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError
from eegdae.recordings.extras import extra_package
from eegdae.recordings.recording import Recording, as_recording

EXTENSIONS = (".wav", ".wave", ".flac")
_UNKNOWN = 0xFFFFFFFF
"""The length that programs write when they do not know it yet."""


def read_sound(path: Path, options: Mapping[str, Any]) -> list[Recording]:
    """Read a WAV or FLAC file.

    Parameters
    ----------
    path : Path
        The file.
    options : mapping
        ``ch_names`` (else ``ch1``, ``ch2``, ...: what a channel of a file holds is not told).

    Returns
    -------
    list of Recording
        The one recording. Integers of b bits are divided by 2^(b-1), unsigned ones (8 bit) centred before;
        floats stay as they are.

    Raises
    ------
    EegdaeError
        If the file is no such file, was cut off or is damaged, or its package is missing.

    References
    ----------
    Multimedia Programming Interface and Data Specifications 1.0 (IBM, Microsoft 1991), WAVE; RFC 9639, FLAC.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == b"fLaC":
        data, sfreq = _flac(path)
    elif magic in (b"RIFF", b"RIFX", b"RF64"):
        _check_wave(path)
        data, sfreq = _wave(path)
    else:
        raise EegdaeError(f"{path}: is neither a WAV nor a FLAC file: it begins with {magic!r}")
    return [
        as_recording(
            data.T,
            sfreq=sfreq,
            ch_names=options.get("ch_names") or [f"ch{c + 1}" for c in range(data.shape[1])],
            source=str(path),
        )
    ]


def _wave(path: Path) -> tuple[NDArray[np.float64], float]:
    try:
        soundfile = extra_package("soundfile", extra="sound", needed_by=path)
    except EegdaeError:
        return _wave_by_scipy(path)
    try:
        data, sfreq = soundfile.read(path, dtype="float64", always_2d=True)
    except Exception as error:
        raise _unreadable(path, error) from error
    return data, float(sfreq)  # (n_times, n_chans)


def _wave_by_scipy(path: Path) -> tuple[NDArray[np.float64], float]:
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # of chunks that are no sound
            sfreq, raw = wavfile.read(path)
    except Exception as error:  # struct.error, ValueError, MemoryError, ... by what is damaged
        raise _unreadable(path, error) from error
    data = raw.reshape(len(raw), -1).astype(np.float64)
    if raw.dtype.kind == "u":
        data = data / 128.0 - 1.0
    elif raw.dtype.kind == "i":
        data /= 2.0 ** (8 * raw.dtype.itemsize - 1)  # 24 bit come as the upper bits of 32
    return data, float(sfreq)


def _flac(path: Path) -> tuple[NDArray[np.float64], float]:
    soundfile = extra_package("soundfile", extra="sound", needed_by=path)
    # RFC 9639, 8.2: the first block is the stream information, 34 bytes
    with path.open("rb") as file:
        head = file.read(42)
    if len(head) < 42 or head[4] & 0x7F != 0 or head[5:8] != b"\x00\x00\x22":
        raise EegdaeError(f"{path}: its FLAC header is damaged or cut off")
    packed = int.from_bytes(head[18:26], "big")
    n_bits, n_times = (packed >> 36 & 0x1F) + 1, packed & 0xFFFFFFFFF
    try:
        with soundfile.SoundFile(path) as sound:
            sfreq = float(sound.samplerate)
            blocks = list(sound.blocks(1 << 16, dtype="int32", always_2d=True))  # n_bits in the upper bits
    except Exception as error:
        raise _unreadable(path, error) from error
    data = np.concatenate(blocks) if blocks else np.zeros((0, 1), np.int32)
    if n_times and len(data) != n_times:
        raise EegdaeError(
            f"{path}: was cut off or is damaged: its header says {n_times} samples, {len(data)} can be read; "
            "get it anew"
        )
    if any(head[26:42]) and _md5(data, n_bits) != head[26:42]:
        raise EegdaeError(f"{path}: is damaged: its samples do not have the MD5 checksum of its header")
    return data / 2.0**31, sfreq


def _md5(data: NDArray[np.int32], n_bits: int) -> bytes:
    """Hash samples as RFC 9639, 8.2 asks: interleaved, little endian, in the fewest bytes that hold them."""
    samples = np.ascontiguousarray(data >> (32 - n_bits), dtype="<i4")
    width = (n_bits + 7) // 8
    return hashlib.md5(samples.view(np.uint8).reshape(-1, 4)[:, :width].tobytes()).digest()


def _check_wave(path: Path) -> None:
    """Walk the chunks of a WAV file up to the samples; refuse what is not whole."""
    found = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        order = ">" if head[:4] == b"RIFX" else "<"
        if head[8:] != b"WAVE":
            raise EegdaeError(f"{path}: is not a WAV file: its form is {head[8:]!r}, not b'WAVE'")
        frame, position = 0, 12
        while position + 8 <= found:
            file.seek(position)
            name, size = struct.unpack(f"{order}4sI", file.read(8))
            position += 8
            if name == b"fmt " and size >= 16 and position + 16 <= found:
                kind, n_chans, sfreq, _, frame, _ = struct.unpack(f"{order}HHIIHH", file.read(16))
                if not n_chans or not sfreq or not frame:
                    raise EegdaeError(
                        f"{path}: is damaged: its header says {n_chans} channels, {sfreq} Hz, {frame} bytes "
                        "for a sample of each"
                    )
                frame = frame if kind in (1, 3, 0xFFFE) else 1  # compressed: samples have no size
            elif name == b"data":
                if not frame:
                    raise EegdaeError(f"{path}: its header is damaged: the samples come before their format")
                _check_samples(path, size, found - position, frame)
                return
            position += size + size % 2
    raise EegdaeError(f"{path}: was cut off: its header is there, its samples are not; get it anew")


def _check_samples(path: Path, size: int, there: int, frame: int) -> None:
    if size == _UNKNOWN:
        return
    if size > there:
        raise EegdaeError(
            f"{path}: was cut off: its header says {size} bytes of samples, the file has {there}; get it anew"
        )
    if size % frame:
        raise EegdaeError(f"{path}: is damaged: {size} bytes of samples are no multiple of {frame}")


def _unreadable(path: Path, error: Exception) -> EegdaeError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return EegdaeError(f"{path}: cannot be read as sound: {reason[:200]}")
