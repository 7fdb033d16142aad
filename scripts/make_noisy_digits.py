"""Make digits that a linear classifier finds hard: turned by any angle, on a background of noise.

    python scripts/make_noisy_digits.py [--seed 0] [--out noisy_digits.npz]

scikit-learn's 1797 digits of 8 x 8 pixels, in the manner of the sets ``rot`` and ``bg-rand`` of Larochelle et
al. (ICML 2007), which Vincent et al. (JMLR 11:3371, 2010) judge stacked denoising autoencoders on. Digits are
dealt into training, validation and test part before any copy is made: no digit has copies in two parts.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SIDE = 16
PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Part:
    """Some of the made digits.

    Parameters
    ----------
    x : ndarray of float32, shape (n_rows, SIDE * SIDE)
        Pixels in [0, 1], row after row.
    y : ndarray of int, shape (n_rows,)
        Which digit it is, 0 to 9.
    original : ndarray of int, shape (n_rows,)
        Number of the digit in scikit-learn's set that it was made from.
    """

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    original: NDArray[np.int64]


def turned(image: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """Enlarge an image and turn it about its middle.

    Parameters
    ----------
    image : ndarray, shape (n, n)
        Pixels.
    angle : float
        In radians, counter-clockwise.

    Returns
    -------
    ndarray, shape (SIDE, SIDE)
        Linear interpolation; 0 outside the image.
    """
    n = len(image)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    # from a pixel of the result to where it lies in the image, middle to middle
    matrix = rotation * (n / SIDE)
    offset = (n - 1) / 2 - matrix @ np.full(2, (SIDE - 1) / 2)
    return np.asarray(affine_transform(image, matrix, offset, (SIDE, SIDE), order=1))


def noisy_copies(
    images: NDArray[np.float64], rng: np.random.Generator, *, largest_angle: float, background: float
) -> NDArray[np.float32]:
    """Make one copy of each image: turned by an angle of its own, noise where it is darker than the noise.

    Parameters
    ----------
    images : ndarray, shape (n_images, n, n)
        Pixels in [0, 1].
    rng : Generator
        Of angles and backgrounds.
    largest_angle : float
        In degrees; angles are uniform between it and its negative.
    background : float
        Brightest noise, 0 to 1; each background pixel is uniform between 0 and it.

    Returns
    -------
    ndarray of float32, shape (n_images, SIDE * SIDE)
        Pixels in [0, 1].
    """
    angles = np.deg2rad(rng.uniform(-largest_angle, largest_angle, len(images)))
    noise = rng.uniform(0, background, (len(images), SIDE, SIDE))
    digits = np.stack([turned(image, angle) for image, angle in zip(images, angles, strict=True)])
    copies = np.maximum(digits, noise).clip(0, 1)
    return copies.reshape(len(images), -1).astype(np.float32)


def make_noisy_digits(
    seed: int, *, n_copies: int = 6, largest_angle: float = 180.0, background: float = 0.5
) -> dict[str, Part]:
    """Make the three parts: of three fifths, one fifth and one fifth of the digits.

    Parameters
    ----------
    seed : int
        Of the dealing out, the angles and the backgrounds.
    n_copies : int
        Of each digit, in every part.
    largest_angle, background : float
        See `noisy_copies`.

    Returns
    -------
    dict of str to Part
        ``train``, ``validation``, ``test``.
    """
    images, y = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8) / 16
    rest, test = train_test_split(np.arange(len(y)), test_size=0.2, stratify=y, random_state=seed)
    train, validation = train_test_split(rest, test_size=0.25, stratify=y[rest], random_state=seed)
    parts = {}
    for number, (name, rows) in enumerate(zip(PARTS, (train, validation, test), strict=True)):
        rng = np.random.default_rng((seed, number))
        original = np.tile(np.sort(rows), n_copies)
        x = noisy_copies(images[original], rng, largest_angle=largest_angle, background=background)
        parts[name] = Part(x, y[original].astype(np.int64), original.astype(np.int64))
    return parts


def main() -> None:
    """Make the parts and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("noisy_digits.npz"))
    args = parser.parse_args()
    parts = make_noisy_digits(args.seed)
    arrays = {f"{name}_{key}": value for name, part in parts.items() for key, value in vars(part).items()}
    np.savez_compressed(args.out, **arrays)
    print(f"written: {args.out} ({', '.join(f'{name} {len(part.y)}' for name, part in parts.items())})")


if __name__ == "__main__":
    main()
