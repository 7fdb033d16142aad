"""Recordings of images: a folder for each class, files in one folder, or arrays; each image is one trial.

Pixels are samples, row by row, at a formal rate of one a second; colours are channels (``grey``, or ``red``,
``green``, ``blue``), from 0 = black to 1 = white, unit ``"a.u."``. How pictures are decoded:
`eegdae.recordings.images.pictures`. Without a pattern or a table that asks for its file, ``session`` is the
folder that holds a file or the folder of its class, ``run`` the folder of the class and the file.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError
from eegdae.recordings.images import arrays as image_arrays
from eegdae.recordings.images import pictures
from eegdae.recordings.images.arrays import DIGITS, digits_file, label_file, read_arrays
from eegdae.recordings.images.pictures import picture_shape, read_picture
from eegdae.recordings.images.pixels import COLOURS, Look, images_of, read_look
from eegdae.recordings.locate import locate
from eegdae.recordings.recording import Annotation, Recording, as_recording

EXTENSIONS = (*pictures.EXTENSIONS, *image_arrays.EXTENSIONS)
"""Endings of file names, lower case, that mean images where nothing else is said."""

KEYS = ("size", "grey", "white", "arrays", "label_file")
"""Keys of a data configuration that this source takes."""

BLOCK = 2**24
"""Numbers in a recording, at most: what is in memory at a time."""

_ENDINGS = (*EXTENSIONS, ".npz")


def find_images(cfg: Mapping[str, Any], _: tuple[str, ...]) -> list[Path]:
    """Find the folders of classes and the files of images.

    Parameters
    ----------
    cfg : mapping
        ``path``: a folder with a folder for each class, a folder of files, a file, a glob,
        ``sklearn:digits``, or a list of these; and for a set that can be downloaded ``name`` and
        ``resource``.

    Returns
    -------
    list of Path
        Folders of classes and files, each in the order of ``path`` and sorted.

    Raises
    ------
    EegdaeError
        If there is none, a folder of a class holds no image, or the first images of folders, or files, differ
        in size or colours where these are to stay as they are.
    """
    look = read_look(cfg)
    if cfg.get("resource"):
        return locate(cfg, _ENDINGS)
    wanted = cfg.get("path")
    patterns = list(wanted) if isinstance(wanted, Sequence) and not isinstance(wanted, str) else [wanted]
    found: list[Path] = []
    for pattern in patterns:
        if pattern == DIGITS:
            found.append(digits_file())
            continue
        path = Path(str(pattern)).expanduser()
        places = [path] if path.exists() else sorted(Path(place) for place in glob.glob(str(path)))
        if not any(place.is_dir() for place in places):
            places = locate({"path": pattern}, _ENDINGS)
        found += [item for place in places for item in (_in_folder(place) if place.is_dir() else [place])]
    firsts = (_files(item)[0] if item.is_dir() else item for item in found)
    _check_alike([file for file in firsts if _is_picture(file)], look)
    return found


def read_images(path: Path, options: Mapping[str, Any]) -> Iterator[Recording]:
    """Read a folder of a class, or a file with one image or an array of them.

    Parameters
    ----------
    path : Path
        One of `find_images`.
    options : mapping
        ``size`` ([height, width]), ``grey``, ``white``: see `eegdae.recordings.images.pixels.Look`;
        ``arrays``, ``label_file``: see `eegdae.recordings.images.arrays.read_arrays`. With ``pattern`` or
        ``about``, which ask for a file's name, each file is a recording.

    Yields
    ------
    Recording
        With ``image_shape`` and an annotation an image, labelled with the folder of its class or by the
        labels of the array; of large sets several, of `BLOCK` numbers at most.

    Raises
    ------
    EegdaeError
        If a file cannot be read, or images of one recording differ in size or colours.
    """
    look = read_look(options)
    if path.is_dir():
        by_file = options.get("pattern") is not None or options.get("about") is not None
        yield from _of_folder(path, look, by_file=by_file)
    elif _is_picture(path):
        image = read_picture(path, look)[None]
        yield _recording(image, [""], source=str(path), session=path.absolute().parent.name, run=path.name)
    else:
        yield from _of_array(path, look, options)


def label_files(path: Path, options: Mapping[str, Any]) -> list[Path]:
    """Name the file of labels that belongs to a file of images.

    Parameters
    ----------
    path : Path
        Of `find_images`.
    options : mapping
        A data configuration.

    Returns
    -------
    list of Path
        The one, where it is there.
    """
    if path.is_dir() or _is_picture(path):
        return []
    named = label_file(path, options)
    return [named] if named is not None and named.exists() else []


def _of_folder(folder: Path, look: Look, *, by_file: bool) -> Iterator[Recording]:
    session = folder.absolute().parent.name
    held: list[NDArray[np.float32]] = []
    first: tuple[Path, tuple[int, ...]] | None = None
    n_blocks = 0
    for file in _files(folder):
        image = read_picture(file, look)
        if first is None:
            first = file, image.shape
        elif image.shape != first[1]:
            raise _differ(first[0], file, first[1], image.shape)
        if by_file:
            run = f"{folder.name}/{file.name}"
            yield _recording(image[None], [folder.name], source=str(file), session=session, run=run)
            continue
        held.append(image)
        if len(held) * image.size >= BLOCK:
            yield _block(held, folder, session, n_blocks)
            held, n_blocks = [], n_blocks + 1
    if held:
        yield _block(held, folder, session, n_blocks)


def _block(held: list[NDArray[np.float32]], folder: Path, session: str, number: int) -> Recording:
    source, run = (f"{name}{f' [{number}]' if number else ''}" for name in (folder, folder.name))
    return _recording(np.stack(held), [folder.name] * len(held), source=source, session=session, run=run)


def _of_array(path: Path, look: Look, options: Mapping[str, Any]) -> Iterator[Recording]:
    values, labels = read_arrays(path, options)
    if path == digits_file() and look.white is None:
        look = Look(look.size, look.grey, 16.0)
    if values.ndim < 3 or 0 in values.shape:
        images_of(values, look, where=str(path))  # says what is wrong
    step = max(1, BLOCK // int(np.prod(values.shape[1:])))
    if options.get("about") is not None:
        step = len(values)  # whose samples count from the start of the file
    for number, start in enumerate(range(0, len(values), step)):
        images = images_of(np.asarray(values[start : start + step]), look, where=str(path))
        some = [""] * len(images) if labels is None else labels[start : start + step]
        source, run = (
            f"{name}{f' [{number}]' if number else ''}" for name in (path, path.name.split(".")[0])
        )
        yield _recording(images, some, source=source, session="", run=run)


def _recording(
    images: NDArray[np.float32], labels: Sequence[str], *, source: str, session: str, run: str
) -> Recording:
    """Lay images, shape (n, n_colours, height, width), one after the other."""
    n, n_colours, height, width = images.shape
    n_pixels = height * width
    return as_recording(
        np.moveaxis(images, 1, 0).reshape(n_colours, n * n_pixels),
        sfreq=1.0,
        ch_names=COLOURS[n_colours],
        source=source,
        annotations=[Annotation(k * n_pixels, (k + 1) * n_pixels, label) for k, label in enumerate(labels)],
        session=session,
        run=run,
        image_shape=(height, width),
    )


def _in_folder(folder: Path) -> list[Path]:
    """Folders of classes in a folder, where there are any, else its files."""
    try:
        inside = sorted(item for item in folder.iterdir() if not item.name.startswith("."))
        classes = [item for item in inside if item.is_dir()]
        empty = [item for item in classes if not any(map(_is_picture, _files(item)))]
    except OSError as error:
        raise EegdaeError(f"{error.filename}: cannot be read: {error.strerror}") from error
    files = [item for item in inside if item.name.lower().endswith(_ENDINGS) and item.is_file()]
    if not classes and files:
        return files
    endings = ", ".join(pictures.EXTENSIONS)
    if not classes:
        raise EegdaeError(f"data.path={folder}: no images in this folder; they end in {endings}")
    if files:
        raise EegdaeError(
            f"data.path={folder}: holds folders ({classes[0].name}, ...) and images ({files[0].name}, ...); "
            "give the one or the others"
        )
    if empty:
        raise EegdaeError(
            f"{empty[0]}: the folder of this class holds no images; they end in {endings}; take it away, or "
            "give the folder above the classes"
        )
    return classes


def _files(folder: Path) -> list[Path]:
    return sorted(item for item in folder.iterdir() if _is_picture(item) and item.name[0] != ".")


def _is_picture(file: Path) -> bool:
    return file.name.lower().endswith(pictures.EXTENSIONS)


def _check_alike(files: Sequence[Path], look: Look) -> None:
    if look.size is not None and look.grey is not None:
        return
    shapes = ((file, picture_shape(file, look)) for file in files)
    readable = ((file, shape) for file, shape in shapes if shape is not None)
    first, one = next(readable, (None, None))
    for file, other in readable:
        if first is not None and one is not None and other != one:
            raise _differ(first, file, one, other)


def _differ(first: Path, file: Path, one: tuple[int, ...], other: tuple[int, ...]) -> EegdaeError:
    if one[0] != other[0]:
        colours = ["grey" if shape[0] == 1 else "in colour" for shape in (one, other)]
        return EegdaeError(
            f"{first} is {colours[0]} and {file} {colours[1]}; set data.grey=true, or false, for all of them"
        )
    sizes = [f"{shape[1]} x {shape[2]}" for shape in (one, other)]
    return EegdaeError(
        f"{first} has {sizes[0]} pixels and {file} {sizes[1]}; give all one size, e.g. "
        f"data.size=[{one[1]}, {one[2]}]"
    )
