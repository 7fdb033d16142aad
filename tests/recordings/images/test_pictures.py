"""Pictures of every kind: turned, transparent, deep, with a palette; and files that are none."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from eegdae.recordings import read_recordings
from eegdae.recordings.images.pictures import EXTENSIONS, picture_shape, read_picture
from eegdae.recordings.images.pixels import Look

from ..mutations import survives

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 5)).astype(np.uint8)
COLOUR = RNG.integers(0, 256, (6, 5, 3)).astype(np.uint8)


def read(path, **look):
    return read_picture(path, Look(**look))


def saved(folder, image, name="x.png", **options):
    image.save(folder / name, **options)
    return folder / name


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tif", ".tiff", ".gif"])
def test_formats_without_loss(tmp_path, ending):
    assert ending in EXTENSIONS
    got = read(saved(tmp_path, Image.fromarray(GREY), f"x{ending}"), grey=True)
    np.testing.assert_allclose(got[0], GREY / 255, rtol=1e-6)
    if ending != ".gif":
        got = read(saved(tmp_path, Image.fromarray(COLOUR), f"y{ending}"))
        np.testing.assert_allclose(got, COLOUR.transpose(2, 0, 1) / 255, rtol=1e-6)


def test_netpbm_written_by_hand(tmp_path):
    (tmp_path / "x.pgm").write_bytes(b"P5 5 6 255\n" + GREY.tobytes())
    (tmp_path / "x.ppm").write_bytes(b"P6 5 6 255\n" + COLOUR.tobytes())
    (tmp_path / "x.pbm").write_bytes(b"P1 3 2\n1 0 1\n0 1 0\n")
    np.testing.assert_allclose(read(tmp_path / "x.pgm")[0], GREY / 255, rtol=1e-6)
    np.testing.assert_allclose(read(tmp_path / "x.ppm"), COLOUR.transpose(2, 0, 1) / 255, rtol=1e-6)
    assert read(tmp_path / "x.pbm").tolist() == [[[0, 1, 0], [1, 0, 1]]]  # 1 is black there


@pytest.mark.parametrize("ending", [".jpg", ".webp"])
def test_formats_with_loss(tmp_path, ending):
    smooth = np.add.outer(np.arange(16), np.arange(20)).astype(np.uint8) * 5
    got = read(saved(tmp_path, Image.fromarray(smooth), f"x{ending}", quality=95), grey=True)
    np.testing.assert_allclose(got[0], smooth / 255, atol=0.03)


def test_a_photograph_is_turned_as_its_tag_says(tmp_path):
    image = Image.fromarray(GREY)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees, clockwise
    path = saved(tmp_path, image, exif=exif)
    got = read(path)
    np.testing.assert_allclose(got[0], np.rot90(GREY, -1) / 255, rtol=1e-6)
    assert picture_shape(path, Look()) == got.shape == (1, 5, 6)


def test_what_is_transparent_is_laid_on_white(tmp_path):
    layer = np.dstack([COLOUR, np.full((6, 5), 255, np.uint8)])
    layer[0, :, 3], layer[1, :, 3] = 0, 128
    got = read(saved(tmp_path, Image.fromarray(layer)))
    assert (got[:, 0] == 1).all()
    mixed = (COLOUR[1] * (128 / 255) + 255 * (127 / 255)) / 255
    np.testing.assert_allclose(got[:, 1].T, mixed, atol=1.5 / 255)
    np.testing.assert_allclose(got[:, 2:], COLOUR[2:].transpose(2, 0, 1) / 255, rtol=1e-6)
    grey = np.dstack([GREY, np.full((6, 5), 255, np.uint8)])
    np.testing.assert_allclose(read(saved(tmp_path, Image.fromarray(grey))), GREY[None] / 255, rtol=1e-6)
    grey[:, 0, 1] = 0
    assert (read(saved(tmp_path, Image.fromarray(grey)))[0, :, 0] == 1).all()


def test_a_palette_becomes_its_colours(tmp_path):
    image = Image.new("P", (5, 6))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata((GREY % 2).ravel().tolist())
    got = read(saved(tmp_path, image))
    expected = np.array([[10, 20, 30], [200, 100, 50]])[GREY % 2] / 255
    np.testing.assert_allclose(got, expected.transpose(2, 0, 1), rtol=1e-6)


def test_sixteen_bits(tmp_path):
    deep = RNG.integers(0, 65536, (6, 5)).astype(np.uint16)
    for name in ("x.png", "x.tif"):
        got = read(saved(tmp_path, Image.fromarray(deep), name))
        np.testing.assert_allclose(got[0], deep / 65535, rtol=1e-6)
    assert read(saved(tmp_path, Image.fromarray(deep)), grey=False).shape == (3, 6, 5)
    assert read(saved(tmp_path, Image.fromarray(deep)), size=(3, 2)).shape == (1, 3, 2)
    np.testing.assert_allclose(read(tmp_path / "x.png", white=4096.0)[0], deep / 4096, rtol=1e-6)


def test_numbers_with_a_point_are_taken_as_they_are(tmp_path):
    values = RNG.normal(size=(6, 5)).astype(np.float32)
    np.testing.assert_array_equal(read(saved(tmp_path, Image.fromarray(values), "x.tif"))[0], values)


def test_whole_numbers_of_32_bits_have_no_white(tmp_path, one_line):
    path = saved(tmp_path, Image.fromarray(np.arange(6, dtype=np.int32).reshape(2, 3)), "x.tif")
    assert "set data.white=255" in one_line(read, path)
    np.testing.assert_allclose(read(path, white=5.0)[0], np.arange(6).reshape(2, 3) / 5, rtol=1e-6)


@pytest.mark.parametrize(("mode", "name"), [("CMYK", "x.tif"), ("YCbCr", "x.jpg"), ("CMYK", "x.jpg")])
def test_other_colours_become_red_green_blue(tmp_path, mode, name):
    image = Image.new("RGB", (16, 16), (200, 100, 50)).convert(mode)
    got = read(saved(tmp_path, image, name))
    np.testing.assert_allclose(got[:, 8, 8] * 255, (200, 100, 50), atol=6)


def test_a_sloppy_tag_is_no_reason_to_refuse_a_photograph(tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "a description that is cut off below"
    content = saved(tmp_path, Image.fromarray(GREY), "x.jpg", exif=exif, quality=95).read_bytes()
    start = content.index(b"Exif\0\0") + 6
    order = "<" if content[start : start + 2] == b"II" else ">"
    place = content.index(struct.pack(order + "I", content.index(b"a description") - start), start)
    # the tag says that its text lies far behind the end
    changed = content[:place] + struct.pack(order + "I", 60_000) + content[place + 4 :]
    (tmp_path / "x.jpg").write_bytes(changed)
    with pytest.warns(UserWarning, match="Truncated|Corrupt"), Image.open(tmp_path / "x.jpg"):
        pass
    assert read(tmp_path / "x.jpg").shape == (1, 6, 5)


def test_animations_and_documents_are_refused(tmp_path, one_line):
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    for name in ("x.gif", "x.tif", "x.png", "x.webp"):
        path = saved(tmp_path, frames[0], name, save_all=True, append_images=frames[1:])
        assert f"{name}: holds 2 pictures" in one_line(read, path)


def test_files_that_are_no_pictures(tmp_path, one_line):
    content = saved(tmp_path, Image.fromarray(COLOUR)).read_bytes()
    for change in (content[:-30], content[:40], b"only text", content[:60] + b"\xff" + content[61:]):
        (tmp_path / "x.png").write_bytes(change)
        assert "x.png: cannot be read as a picture" in one_line(read_recordings, tmp_path / "x.png")
    (tmp_path / "x.png").write_bytes(b"")
    assert "x.png: the file is empty" in one_line(read_recordings, tmp_path / "x.png")
    jpeg = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (64, 64)).astype(np.uint8)).save(jpeg, "JPEG")
    (tmp_path / "x.jpg").write_bytes(jpeg.getvalue()[: len(jpeg.getvalue()) // 2])
    assert "x.jpg: cannot be read as a picture" in one_line(read_recordings, tmp_path / "x.jpg")


def test_a_picture_of_absurd_size_is_refused_before_it_is_unpacked(tmp_path, one_line):
    def part(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    parts = part(b"IHDR", head) + part(b"IDAT", zlib.compress(b"")) + part(b"IEND", b"")
    content = b"\x89PNG\r\n\x1a\n" + parts
    (tmp_path / "x.png").write_bytes(content)
    assert "x.png: cannot be read as a picture: Image size" in one_line(read, tmp_path / "x.png")


@pytest.mark.parametrize("n", [200, pytest.param(5000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("ending", [".png", ".bmp", ".jpg", ".tif", ".gif"])
def test_random_damage(tmp_path, ending, n):
    n = n if ending == ".png" else n // 4
    path = saved(tmp_path, Image.fromarray(COLOUR), f"x{ending}")
    read_ones, refused = survives(path, path.read_bytes(), n=n)
    assert read_ones + refused == n
    if ending == ".png":  # each part has a checksum
        assert refused > 0.9 * n
