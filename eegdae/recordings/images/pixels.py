"""What images are made into: their size, their colours and what counts as white."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError

COLOURS = {1: ("grey",), 3: ("red", "green", "blue")}
"""Number of colours -> what the channels are called."""

_WHITE = {"bool": 1.0, "uint8": 255.0, "uint16": 65535.0}


@dataclass(frozen=True)
class Look:
    """What is made of every image.

    Parameters
    ----------
    size : (int, int) or None
        Height and width in pixels; None = as they are.
    grey : bool or None
        One colour (True), three (False), or as they are (None).
    white : float or None
        The number that becomes 1; None = the largest of 8 or 16 bits, and 1 of floating-point numbers.
    """

    size: tuple[int, int] | None = None
    grey: bool | None = None
    white: float | None = None


def read_look(options: Mapping[str, Any]) -> Look:
    """Check ``size``, ``grey`` and ``white`` of a data configuration.

    Parameters
    ----------
    options : mapping
        A data configuration.

    Returns
    -------
    Look

    Raises
    ------
    EegdaeError
        Names the key, the value and what is allowed.
    """
    size, grey, white = (options.get(key) for key in ("size", "grey", "white"))
    if size is not None and not (
        isinstance(size, Sequence)
        and not isinstance(size, str)
        and len(size) == 2
        and all(isinstance(n, int) and not isinstance(n, bool) and 1 <= n <= 10_000 for n in size)
    ):
        raise EegdaeError(
            f"data.size={size!r}: must be height and width in pixels, for example [28, 28], or null"
        )
    if grey is not None and not isinstance(grey, bool):
        raise EegdaeError(
            f"data.grey={grey!r}: must be true (one colour), false (three) or null (as they are)"
        )
    is_number = isinstance(white, int | float) and not isinstance(white, bool)
    if white is not None and not (is_number and 0 < white < float("inf")):
        raise EegdaeError(f"data.white={white!r}: must be the number that stands for white, above 0, or null")
    return Look(None if size is None else (size[0], size[1]), grey, None if white is None else float(white))


def as_light(values: NDArray[Any], white: float | None, *, where: str) -> NDArray[np.float32]:
    """Bring numbers to 0 = black, 1 = white.

    Parameters
    ----------
    values : ndarray of bool, int or float
        Of any shape.
    white : float or None
        The number that becomes 1; None = by the type, 1 for floating-point numbers; 0 = not known.
    where : str
        What an error names.

    Returns
    -------
    ndarray of float32, same shape

    Raises
    ------
    EegdaeError
        If the numbers are no real numbers, or their white is not known.
    """
    if values.dtype.kind not in "biuf":
        raise EegdaeError(f"{where}: pixels must be real numbers, not {values.dtype}")
    if white is None:
        white = 1.0 if values.dtype.kind == "f" else _WHITE.get(values.dtype.newbyteorder("=").name, 0.0)
    if not white:
        raise EegdaeError(
            f"{where}: pixels are {values.dtype} numbers, of which none is known as white; set "
            "data.white=255, or what it is"
        )
    with np.errstate(over="ignore"):
        light = values.astype(np.float32)
        light /= np.float32(white)
    return light


def images_of(values: NDArray[Any], look: Look, *, where: str) -> NDArray[np.float32]:
    """Make what is asked for of an array of images.

    Parameters
    ----------
    values : ndarray, shape (n, height, width), (n, height, width, n_colours) or (n, n_colours, height, width)
        1 or 3 colours.
    look : Look
        What is made of them.
    where : str
        What an error names.

    Returns
    -------
    ndarray of float32, shape (n, n_colours, height, width)

    Raises
    ------
    EegdaeError
        If the shape is another, or white is not known.
    """
    if values.ndim == 3:
        values = values[:, None]
    elif values.ndim == 4 and values.shape[-1] in COLOURS:
        values = np.moveaxis(values, -1, 1)
    elif values.ndim != 4 or values.shape[1] not in COLOURS:
        raise EegdaeError(
            f"{where}: has shape {values.shape}; images have (n, height, width), with 1 or 3 colours last, "
            "or before height and width"
        )
    if 0 in values.shape:
        raise EegdaeError(f"{where}: has shape {values.shape}: there is no image in it")
    light = as_light(values, look.white, where=where)
    if look.grey and light.shape[1] == 3:
        light = np.tensordot(light, np.array([0.299, 0.587, 0.114], dtype=np.float32), (1, 0))[:, None]
    if look.grey is False and light.shape[1] == 1:
        light = np.repeat(light, 3, axis=1)
    if look.size is None or look.size == light.shape[2:]:
        return np.ascontiguousarray(light, dtype=np.float32)
    from PIL import Image

    planes = light.reshape(-1, *light.shape[2:])
    resized = [
        np.asarray(Image.fromarray(plane).resize(look.size[::-1], Image.Resampling.BILINEAR))
        for plane in planes
    ]
    return np.stack(resized).astype(np.float32).reshape(*light.shape[:2], *look.size)
