"""What a recording, or each trial of it, is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings.recording import Annotation, Recording

_LABELS_FROM = ("subject", "session", "run", "annotation")


def check_labels(labels: object) -> Mapping[str, Any] | None:
    """Check ``data.labels``.

    Parameters
    ----------
    labels : object
        As configured: None, or a mapping with ``from`` and maybe ``map``.

    Returns
    -------
    mapping or None
        The same.

    Raises
    ------
    EegdaeError
        If a key or a word is not known.
    """
    if labels is None:
        return None
    if not isinstance(labels, Mapping) or "from" not in labels:
        raise EegdaeError(
            f"data.labels={labels!r}: a mapping with 'from' ({', '.join(_LABELS_FROM)}) is needed"
        )
    for key in labels:
        if key not in ("from", "map"):
            raise EegdaeError(f"data.labels.{key}: unknown key; {did_you_mean(str(key), ('from', 'map'))}")
    if not isinstance(labels.get("map") or {}, Mapping):
        raise EegdaeError(f"data.labels.map={labels['map']!r}: a mapping from old label to new is needed")
    if labels["from"] not in _LABELS_FROM:
        raise EegdaeError(
            f"data.labels.from={labels['from']}: {did_you_mean(str(labels['from']), _LABELS_FROM)}"
        )
    return labels


def labelled(rec: Recording, labels: Mapping[str, Any] | None) -> Recording:
    """Give a recording the labels that a configuration asks for.

    Parameters
    ----------
    rec : Recording
        With what its file and its name say. Of images each keeps its own annotation.
    labels : mapping or None
        Of `check_labels`: None = as it is; ``from`` a name: one annotation over the whole; ``from:
        annotation``: its own. ``map`` gives new names and keeps only the annotations that it names.

    Returns
    -------
    Recording
        The same signal.

    Raises
    ------
    EegdaeError
        If it has nothing to take a label from, or ``map`` lacks it.
    """
    if labels is None:
        return rec
    named = {str(key): str(value) for key, value in (labels.get("map") or {}).items()}
    if labels["from"] == "annotation":
        kept = tuple(
            replace(a, label=named.get(a.label, a.label))
            for a in rec.annotations
            if not named or a.label in named
        )
        if named and not kept:
            found = ", ".join(sorted({a.label for a in rec.annotations})) or "none"
            raise EegdaeError(f"{rec.source}: has none of the annotations of data.labels.map; found: {found}")
        return replace(rec, annotations=kept)
    value = str(getattr(rec, labels["from"]))
    if not value:
        raise EegdaeError(
            f"data.labels.from={labels['from']}: {rec.source} has no {labels['from']}; "
            f"set data.pattern to where it stands in the file names, for example {{{labels['from']}}}.edf"
        )
    if named and value not in named:
        hint = did_you_mean(value, named)
        raise EegdaeError(f"{rec.source}: {labels['from']} {value!r} is not in data.labels.map; {hint}")
    label = named.get(value, value)
    if rec.n_images > 1:
        return replace(rec, annotations=tuple(replace(a, label=label) for a in rec.annotations))
    return replace(rec, annotations=(Annotation(0, rec.n_times, label),))
