"""What a careful colleague would tell you of images: how many of what, copies, two labels for one, blanks."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError
from eegdae.inspection.findings import Finding, in_order, short_names, some_of
from eegdae.recordings.prepare import prepare
from eegdae.recordings.recording import Recording, image_words

MOST_CLASSES = 10
MOST_OF_A_CLASS = 4
_UNEVEN = 1.5
_FULL = (None,) * MOST_OF_A_CLASS


@dataclass(frozen=True, eq=False)
class Sheet:
    """Some images to look at.

    Parameters
    ----------
    name : str
        What they are of.
    images : ndarray of float32, shape (n, n_colours, height, width)
        Of the first ten classes up to four each; NaN where not observed.
    labels : tuple of str, length n
        ``""`` = none.
    """

    name: str
    images: NDArray[np.float32]
    labels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ImageInspection:
    """What was found out about images.

    Parameters
    ----------
    facts : tuple of (str, str)
        What is there, line by line.
    findings : tuple of Finding
        The worst first.
    sheet : Sheet
        A glimpse of the images.
    classes : dict of str to dict of str to int
        Images by subject and class.
    """

    facts: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    sheet: Sheet
    classes: dict[str, dict[str, int]]


def check_images(pairs: Iterable[tuple[Recording, Mapping[str, Any] | None]]) -> ImageInspection | None:
    """Look at all images once; recordings are taken one at a time and let go.

    Parameters
    ----------
    pairs : iterable of (Recording, mapping or None)
        Recordings of images and the arguments of `eegdae.recordings.prepare.prepare`.

    Returns
    -------
    ImageInspection or None
        None where there are no recordings.
    """
    seen = _Seen()
    for recording, options in pairs:
        seen.add(recording, options)
    return seen.inspection() if seen.kinds else None


class _Seen:
    """What is kept of images that were looked at."""

    def __init__(self) -> None:
        self.kinds: dict[str, list[str]] = {}  # size and colours -> sources
        self.unprepared = ""
        self._name = ""
        self._n_recordings = 0
        self._subjects: set[str] = set()
        self._counts: dict[str, Counter[str]] = {}  # subject -> class -> images
        self._range = (np.inf, -np.inf)
        self._n_missing = self._n_values = 0
        self._blank: list[str] = []
        self._first: dict[bytes, tuple[str, str]] = {}  # hash -> where, label
        self._copies: list[str] = []
        self._mislabelled: list[str] = []
        self._shown: dict[str, list[NDArray[np.float32]]] = {}

    def add(self, recording: Recording, options: Mapping[str, Any] | None) -> None:
        """Look at the images of a recording."""
        colours = ", ".join(recording.ch_names)
        kind = f"{image_words(recording.image_shape)} ({colours})"
        self.kinds.setdefault(kind, []).append(recording.source)
        self._name = self._name or short_names([recording.source])[0]
        self._n_recordings += 1
        self._subjects.add(recording.subject)
        if options and not self.unprepared:
            try:
                prepare(recording, **options)
            except EegdaeError as error:
                self.unprepared = str(error)
        if recording.image_shape is None:
            return
        height, width = recording.image_shape
        n_pixels = height * width
        labels = {a.start // n_pixels: a.label for a in recording.annotations}
        counts = self._counts.setdefault(recording.subject, Counter())
        for k in range(recording.n_images):
            span = slice(k * n_pixels, (k + 1) * n_pixels)
            mask = None if recording.mask is None else recording.mask[:, span]
            label, pixels = labels.get(k, ""), recording.data[:, span]
            counts[label] += 1
            where = recording.source if recording.n_images == 1 else f"{recording.source} image {k}"
            self._look(pixels, mask, label, where)
            if len(self._shown) < MOST_CLASSES:
                self._shown.setdefault(label, [])
            if len(self._shown.get(label, _FULL)) < MOST_OF_A_CLASS:
                image = pixels if mask is None else np.where(mask, pixels, np.float32(np.nan))
                self._shown[label].append(image.reshape(-1, height, width).copy())

    def _look(
        self, pixels: NDArray[np.float32], mask: NDArray[np.bool_] | None, label: str, where: str
    ) -> None:
        self._n_values += pixels.size
        if mask is not None:
            self._n_missing += int((~mask).sum())
        observed = pixels if mask is None else pixels[mask]
        if not observed.size:
            self._blank.append(where)
            return
        low, high = float(observed.min()), float(observed.max())
        self._range = (min(self._range[0], low), max(self._range[1], high))
        if low == high:
            self._blank.append(where)
            return
        digest = hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16).digest()
        if digest not in self._first:
            self._first[digest] = where, label
            return
        other, its_label = self._first[digest]
        self._copies.append(f"{where} is {other}")
        if its_label != label:
            one, another = (name or "no label" for name in (label, its_label))
            self._mislabelled.append(f"{where} ({one}) is {other} ({another})")

    def inspection(self) -> ImageInspection:
        """Say what was found."""
        return ImageInspection(
            facts=tuple(self._facts()),
            findings=tuple(in_order(self._findings())),
            sheet=self._sheet(),
            classes={subject: dict(counts) for subject, counts in sorted(self._counts.items())},
        )

    @property
    def _totals(self) -> Counter[str]:
        return sum(self._counts.values(), Counter())

    def _facts(self) -> list[tuple[str, str]]:
        known = {subject for subject in self._subjects if subject}
        totals = self._totals
        facts = [
            ("images", f"{sum(totals.values())}"),
            ("recordings", str(self._n_recordings)),
            ("subjects", str(len(known)) if known else "not known"),
            ("kind", some_of(list(self.kinds))),
            ("values", f"{self._range[0]:.4g} to {self._range[1]:.4g} (0 = black, 1 = white)"),
            ("observed", f"{100 * (1 - self._n_missing / max(self._n_values, 1)):.4g} %"),
        ]
        told = [f"{label} ({n})" for label, n in sorted(totals.items()) if label]
        return [*facts, ("classes", f"{len(told)}: {some_of(told, most=12)}")] if told else facts

    def _findings(self) -> list[Finding]:
        found = []
        if len(self.kinds) > 1:
            usual = max(self.kinds, key=lambda kind: len(self.kinds[kind]))
            odd = [source for kind, sources in self.kinds.items() if kind != usual for source in sources]
            text = f"recordings differ: {len(self.kinds)} kinds; most are {usual}"
            mend = "give images one size with data.size, one number of colours with data.grey"
            found.append(Finding("error", text, some_of(odd, of=self._n_recordings), mend))
        if self.unprepared:
            found.append(
                Finding("error", f"cannot be prepared: {self.unprepared}", "all", "change data.prepare")
            )
        low, high = self._range
        if low < -1e-6 or high > 1 + 1e-6:
            text = f"values go from {low:.4g} to {high:.4g}, beyond black (0) and white (1)"
            mend = f"set data.white to what white is, e.g. {255 if high > 1.5 else f'{high:.4g}'}"
            found.append(Finding("warning", text, "all", mend))
        for severity, places, text, mend in (
            (
                "error",
                self._mislabelled,
                "the same image stands under two labels",
                "take the wrong ones out: no model can tell them apart",
            ),
            (
                "warning",
                self._copies,
                "images are copies of others, so a split by image may train on what it tests",
                "take the copies out, or split by something that keeps them together",
            ),
            ("warning", self._blank, "images are of one value, or were never observed", "take them out"),
        ):
            if places:
                found.append(Finding(severity, f"{len(places)} times: {text}", some_of(places), mend))
        return found + self._about_classes()

    def _about_classes(self) -> list[Finding]:
        found = []
        totals = Counter({label: n for label, n in self._totals.items() if label})
        if len(totals) < 2:
            text = "no labels" if not totals else f"one class only, {next(iter(totals))}"
            mend = "put each class into a folder of its own, or set data.labels; codes need no labels"
            found.append(Finding("note", text, "all", mend))
        elif max(totals.values()) >= _UNEVEN * min(totals.values()):
            (most, n_most), (least, n_least) = totals.most_common()[0], totals.most_common()[-1]
            text = f"classes are uneven: {most} has {n_most} images, {least} {n_least}"
            mend = "judge by balanced accuracy (the verdict does)"
            where = some_of([f"{label} {n}" for label, n in totals.items()], most=8)
            found.append(Finding("note", text, where, mend))
        if "" in self._subjects:
            text = "nobody knows whose images these are: they can be split by image only"
            mend = "set data.pattern to where people, cameras or days stand in the file names, if they do"
            found.append(Finding("note", text, "all", mend))
        return found

    def _sheet(self) -> Sheet:
        pairs = [(image, label) for label, images in sorted(self._shown.items()) for image in images]
        first = pairs[0][0].shape if pairs else (1, 1, 1)
        alike = [(image, label) for image, label in pairs if image.shape == first]
        images = np.stack([image for image, _ in alike]) if alike else np.zeros((0, *first), np.float32)
        return Sheet(self._name, images, tuple(label for _, label in alike))
