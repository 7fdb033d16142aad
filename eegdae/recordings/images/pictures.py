"""One picture from a file, as Pillow decodes it: colours by rows by columns, 0 = black and 1 = white."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError
from eegdae.recordings.images.pixels import Look, as_light

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp", ".pgm", ".ppm", ".pbm")
"""Endings of the names of pictures, lower case."""

_GREY = ("1", "L", "LA", "La")
_DEEP = ("I", "F")


def read_picture(path: Path, look: Look) -> NDArray[np.float32]:
    """Decode a picture.

    It is turned as its EXIF tag says. Palettes become their colours; what is transparent is laid on white;
    CMYK, YCbCr and the like become red, green and blue by Pillow's formula, without colour profiles. 8 bits
    are divided by 255 and 16 bits by 65535; colours of 16 bits are first brought to 8 by Pillow. Grey of
    colours is 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601). Another size is made by bilinear
    interpolation over the whole area of a new pixel, which stretches a picture of other proportions.

    Parameters
    ----------
    path : Path
        The file.
    look : Look
        What is made of it.

    Returns
    -------
    ndarray of float32, shape (n_colours, height, width)
        One colour where the picture is grey, else red, green, blue.

    Raises
    ------
    EegdaeError
        If it is no picture, is cut off or damaged, or holds several pictures (frames, pages).
    """
    from PIL import Image

    try:
        with warnings.catch_warnings(action="ignore"):  # of tags that say nothing of the pixels
            warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
            return _decoded(path, look)
    except EegdaeError:
        raise
    except Exception as error:  # OSError, SyntaxError, struct.error, ..., by the format and what is damaged
        reason = " ".join(str(error).replace(str(path), "the file").split()) or type(error).__name__
        raise EegdaeError(f"{path}: cannot be read as a picture: {reason[:200]}") from error


def picture_shape(path: Path, look: Look) -> tuple[int, int, int] | None:
    """Tell from the head of a file what `read_picture` would give.

    Parameters
    ----------
    path : Path
        The file.
    look : Look
        What is made of it.

    Returns
    -------
    (int, int, int) or None
        Number of colours, height and width; None where it cannot be read, which `read_picture` will say.
    """
    from PIL import ExifTags, Image

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            width, height = image.size
            if image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8):  # lies on its side
                height, width = width, height
            is_grey = image.mode in _GREY or image.mode in _DEEP or image.mode.startswith("I;")
    except Exception:
        return None
    height, width = look.size or (height, width)
    return (1 if (is_grey if look.grey is None else look.grey) else 3), height, width


def _decoded(path: Path, look: Look) -> NDArray[np.float32]:
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        if image.format == "PNG":
            image.verify()  # the checksums of its parts, which decoding does not look at
    with Image.open(path) as image:
        n_frames = getattr(image, "n_frames", 1)
        if n_frames > 1 and image.format != "MPO":  # whose others are previews
            raise EegdaeError(
                f"{path}: holds {n_frames} pictures, as animations and documents do; save each as a "
                "file of its own"
            )
        turned = ImageOps.exif_transpose(image)
        turned.load()
        plain = _plain(turned, grey=look.grey)
        if look.size is not None and plain.size != look.size[::-1]:
            plain = plain.resize(look.size[::-1], Image.Resampling.BILINEAR)
        values = np.asarray(plain)
        # of deep pictures the numbers, which have lost the type that tells white
        white = _deep_white(turned.mode) if plain.mode == "F" else None
    light = as_light(values, look.white if look.white is not None else white, where=str(path))
    light = light[None] if light.ndim == 2 else np.moveaxis(light, -1, 0)
    return np.repeat(light, 3, axis=0) if look.grey is False and len(light) == 1 else light


def _plain(image: Any, *, grey: bool | None) -> Any:
    """Bring a picture to one of the modes L, RGB and F (numbers as they are)."""
    from PIL import Image

    if image.mode in _DEEP or image.mode.startswith("I;"):
        return Image.fromarray(np.asarray(image).astype(np.float32))
    wanted = "L" if grey or (grey is None and image.mode in _GREY) else "RGB"
    if image.has_transparency_data:
        ground = Image.new("RGBA", image.size, "white")
        ground.alpha_composite(image.convert("RGBA"))
        return ground.convert("RGB").convert(wanted)
    if image.mode not in _GREY and wanted == "L":
        image = image.convert("RGB")  # not every mode knows the way to grey
    return image.convert(wanted)


def _deep_white(mode: str) -> float | None:
    if mode.startswith("I;16"):
        return 65535.0
    return 1.0 if mode == "F" else 0.0
