"""IDX files, written here byte by byte from the description of the format."""

import gzip
import struct

import numpy as np
import pytest

from eegdae.recordings import read_recordings
from eegdae.recordings.images.idx import read_idx

from ..mutations import survives

CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}
IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def idx(array, *, compressed=False):
    """Two zeros, the type, the number of dimensions, the sizes, the numbers; all big endian."""
    head = struct.pack(">BBBB", 0, 0, CODES[array.dtype.name], array.ndim)
    sizes = b"".join(struct.pack(">I", n) for n in array.shape)
    content = head + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()
    return gzip.compress(content, mtime=0) if compressed else content


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("compressed", [False, True])
def test_what_is_written_is_read(tmp_path, dtype, compressed):
    array = (IMAGES.astype(dtype) * 3) - (0 if dtype == "uint8" else 20)
    (tmp_path / "x").write_bytes(idx(array, compressed=compressed))
    got = read_idx(tmp_path / "x", n_dims=3)
    assert got.dtype == array.dtype
    assert np.array_equal(got, array)


def test_the_first_bytes_of_mnist(tmp_path):
    """As its authors print them: 0x00000803, the number of images, rows and columns."""
    content = idx(np.zeros((3, 28, 28), np.uint8))
    assert content[:16] == bytes.fromhex("00000803 00000003 0000001c 0000001c")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: b"\0\1" + c[2:], "is not an IDX file"),
        (lambda c: c[:2] + b"\x07" + c[3:], "is not an IDX file"),
        (lambda c: c[:3] + b"\2" + c[4:], "holds 2 dimensions; IDX files of images have 3"),
        (lambda c: c[:10], "was cut off inside its header"),
        (lambda c: c[:-1], "was cut off: its header says 40 bytes (2 x 3 x 4), it has 39"),
        (lambda c: c + b"\0", "is damaged: its header says 40 bytes"),
        (lambda c: c[:4] + b"\0\0\0\3" + c[8:], "was cut off: its header says 52 bytes (3 x 3 x 4)"),
        (lambda c: c[:4] + b"\xff\xff\xff\xff" + c[8:], "was cut off"),
        (lambda c: b"some text", "is not an IDX file"),
        (lambda c: gzip.compress(c)[:-4], "was cut off or is damaged"),
        (lambda c: b"\x1f\x8b" + c, "was cut off or is damaged"),
    ],
)
def test_damaged_files(tmp_path, change, said, one_line):
    file = tmp_path / "x-idx3-ubyte"
    file.write_bytes(change(idx(IMAGES)))
    message = one_line(read_recordings, file, label_file=None)
    assert said in message
    assert "x-idx3-ubyte" in message


def test_labels_for_images(tmp_path, one_line):
    (tmp_path / "x-images-idx3-ubyte").write_bytes(idx(np.array([1, 2], np.uint8)))
    (tmp_path / "x-labels-idx1-ubyte").write_bytes(idx(IMAGES))
    message = one_line(read_recordings, tmp_path / "x-images-idx3-ubyte")
    assert "x-images-idx3-ubyte: holds 1 dimensions; IDX files of images have 3" in message


@pytest.mark.parametrize("n", [200, pytest.param(5000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("compressed", [False, True])
def test_random_damage(tmp_path, compressed, n):
    file = tmp_path / "x-idx3-ubyte"
    read, refused = survives(file, idx(IMAGES, compressed=compressed), n=n, label_file=None)
    assert read + refused == n
    assert refused > n // 2
