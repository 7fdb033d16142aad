"""Images that lie in one array: NumPy files, IDX files, and the digits of scikit-learn."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean, one_line
from eegdae.recordings.images.idx import read_idx
from eegdae.recordings.labels import label_text

EXTENSIONS = (".npy", "idx3-ubyte", "idx3-ubyte.gz")
"""Endings of the names of arrays of images that no other source claims, lower case."""

DIGITS = "sklearn:digits"
"""What stands for the path of scikit-learn's digits."""

_KNOWN = ("images", "label")


def digits_file() -> Path:
    """Find the file of scikit-learn's digits.

    Returns
    -------
    Path
        In the installed package.
    """
    import sklearn

    return Path(sklearn.__file__).parent / "datasets" / "data" / "digits.csv.gz"


def label_file(path: Path, options: Mapping[str, Any]) -> Path | None:
    """Name the file that holds the labels of a file of images.

    Parameters
    ----------
    path : Path
        An ``.npy`` or IDX file.
    options : mapping
        ``label_file``: a file; ``"beside"``, also where it is not given, for the one whose name has
        ``labels`` in the place of ``images`` (and ``idx1`` of ``idx3``); None = no labels.

    Returns
    -------
    Path or None
        It need not be there; None = none.

    Raises
    ------
    EegdaeError
        If ``label_file`` is something else.
    """
    named = options.get("label_file", "beside")
    if named is None or path.suffix == ".npz" or path == digits_file():
        return None
    if not isinstance(named, str | Path):
        raise EegdaeError(f"data.label_file={named!r}: must be a file, beside, or null")
    if str(named) != "beside":
        return Path(named).expanduser()
    if "images" not in path.name:
        return None
    return path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))


def read_arrays(path: Path, options: Mapping[str, Any]) -> tuple[NDArray[Any], list[str] | None]:
    """Read images and labels.

    Parameters
    ----------
    path : Path
        An ``.npy``, ``.npz`` or IDX file, or that of `digits_file`.
    options : mapping
        ``label_file``, see `label_file`; ``arrays``, which array of an ``.npz`` file is which:
        ``{images: x_train, label: y_train}``; without it the one array with 3 or 4 dimensions, and the one
        with a number or a text for each of its images.

    Returns
    -------
    images : ndarray
        As the file has them; of ``.npy`` files mapped into memory.
    labels : list of str, or None
        One an image; ``""`` = none; None = there are none.

    Raises
    ------
    EegdaeError
        If a file is missing, damaged or of another kind, or there are more or fewer labels than images.
    """
    labels: NDArray[Any] | None
    name = path.name.lower()
    if path == digits_file():
        from sklearn.datasets import load_digits

        bunch = load_digits()
        images, labels = bunch.images, bunch.target
    elif name.endswith(".npz"):
        images, labels = _npz(path, options.get("arrays"))
    else:
        beside = label_file(path, options)
        is_idx = not name.endswith(".npy")
        images = read_idx(path, n_dims=3) if is_idx else _npy(path)
        labels = None
        if beside is not None and (
            beside.exists() or is_idx or options.get("label_file", "beside") != "beside"
        ):
            if not beside.exists():
                raise EegdaeError(
                    f"{path}: the file of its labels, {beside}, is missing; put it there, or set "
                    "data.label_file=null for images without labels"
                )
            labels = _npy(beside) if beside.suffix.lower() == ".npy" else read_idx(beside, n_dims=1)
    return images, None if labels is None else _words(labels, len(images), where=str(path))


def _words(labels: NDArray[Any], n_images: int, *, where: str) -> list[str]:
    if labels.shape == (n_images, 1):
        labels = labels[:, 0]
    if labels.shape != (n_images,) or labels.dtype.kind not in "biufUS":
        raise EegdaeError(
            f"{where}: {n_images} images and labels of shape {labels.shape} ({labels.dtype}); one number or "
            "text for each image is needed"
        )
    return [label_text(value) for value in labels.tolist()]


def _npy(path: Path) -> NDArray[Any]:
    try:
        # Pickles in a data file could run code: never allowed.
        array = np.load(path, allow_pickle=False, mmap_mode="r")
        if not isinstance(array, np.memmap):
            raise ValueError("it is no array of numbers")
        expected, found = array.offset + array.nbytes, path.stat().st_size
        if expected != found:
            raise ValueError(f"its header says {expected} bytes, it has {found}")
    except Exception as error:  # a damaged header raises anything from ValueError to TokenError
        raise _unreadable(path, error) from error
    return array


def _npz(path: Path, named: object) -> tuple[NDArray[Any], NDArray[Any] | None]:
    if not zipfile.is_zipfile(path):
        raise EegdaeError(f"{path}: is not an .npz archive, or was cut off; write it anew with numpy.savez")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: np.asarray(archive[name]) for name in archive.files}
    except Exception as error:
        raise _unreadable(path, error) from error
    if named is not None:
        if not isinstance(named, Mapping) or "images" not in named or not set(named) <= set(_KNOWN):
            raise EegdaeError(f"data.arrays={named!r}: a mapping such as {{images: x, label: y}} is needed")
        for key, name in named.items():
            if name not in arrays:
                raise EegdaeError(
                    f"{path}: has no array {name!r} (data.arrays.{key}); {did_you_mean(name, arrays)}"
                )
        return arrays[named["images"]], arrays[named["label"]] if "label" in named else None
    images = [array for array in arrays.values() if array.ndim in (3, 4)]
    if len(images) == 1:
        fitting = [a for a in arrays.values() if a.shape in ((len(images[0]),), (len(images[0]), 1))]
        if len(fitting) < 2:
            return images[0], fitting[0] if fitting else None
    shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"
    raise EegdaeError(
        f"{path}: holds {shapes}; say which are images and labels, e.g. data.arrays={{images: x, label: y}}"
    )


def _unreadable(path: Path, error: Exception) -> EegdaeError:
    return EegdaeError(f"{path}: cannot be read as an array of numbers: {one_line(error)}")
