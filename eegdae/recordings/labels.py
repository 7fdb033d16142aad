"""From labels as arrays hold them, one a recording or one a sample, to annotations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from eegdae.errors import EegdaeError
from eegdae.recordings.recording import Annotation


def label_text(value: Any) -> str:
    """Write a label as text.

    Parameters
    ----------
    value : str, bytes, number or None
        As an array or a table holds it.

    Returns
    -------
    str
        Whole numbers without a point, ``""`` for None and NaN.
    """
    if value is None or value != value:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace").strip()
    if not isinstance(value, str) and hasattr(value, "is_integer") and value.is_integer():
        return str(int(value))
    return str(value).strip()


def runs_of(labels: Iterable[str]) -> tuple[Annotation, ...]:
    """Find the stretches of samples that have the same label.

    Parameters
    ----------
    labels : iterable of str, length n_times
        One a sample; ``""`` = none.

    Returns
    -------
    tuple of Annotation
        One a run, in the order of time; none where there is no label.
    """
    found: list[Annotation] = []
    start = 0
    for label, group in groupby(labels):
        stop = start + sum(1 for _ in group)
        if label:
            found.append(Annotation(start, stop, label))
        start = stop
    return tuple(found)


def annotate(labels: Sequence[Any], lengths: Sequence[int], *, where: str) -> list[tuple[Annotation, ...]]:
    """Turn labels into the annotations of each recording.

    Parameters
    ----------
    labels : sequence
        One a recording, or one a sample of all recordings, one after the other.
    lengths : sequence of int
        Samples of each recording, 2 or more.
    where : str
        What an error calls the labels.

    Returns
    -------
    list of tuple of Annotation
        One a recording: over the whole of it, or one a run of samples with the same label.

    Raises
    ------
    EegdaeError
        If there are neither as many labels as recordings nor as many as samples.
    """
    words = [label_text(value) for value in labels]
    if len(words) == len(lengths):
        return [(Annotation(0, n, word),) if word else () for n, word in zip(lengths, words, strict=True)]
    if len(words) != sum(lengths):
        raise EegdaeError(
            f"{where} holds {len(words)} labels; one for each of {len(lengths)} recordings, or for each of "
            f"{sum(lengths)} samples, is needed"
        )
    found, start = [], 0
    for n in lengths:
        found.append(runs_of(words[start : start + n]))
        start += n
    return found
