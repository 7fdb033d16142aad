"""What a careful colleague would tell you: one finding each, and how many signs become one finding."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

SEVERITIES = ("error", "warning", "note")
"""Worst first. Error: a figure would be wrong, or nothing can be made of it; note: good to know."""


@dataclass(frozen=True)
class Finding:
    """One thing to know about a set of recordings.

    Parameters
    ----------
    severity : {"error", "warning", "note"}
        How much it matters.
    what : str
        One sentence, with the numbers.
    where : str
        The recordings, channels, classes or subjects.
    mend : str
        What to do about it.
    """

    severity: str
    what: str
    where: str
    mend: str


@dataclass(frozen=True)
class Sign:
    """One thing out of the ordinary in one recording; `collate` makes findings of many.

    Parameters
    ----------
    kind : str
        Signs of one kind become one finding.
    size : float
        The larger, the worse; the finding quotes the worst.
    said : str
        The sentence, with the numbers of this recording.
    channels : tuple of str
        The channels it is seen in; empty = the recording as a whole.
    """

    kind: str
    size: float
    said: str
    channels: tuple[str, ...] = ()


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Sort findings, the worst first.

    Parameters
    ----------
    findings : iterable of Finding

    Returns
    -------
    list of Finding
        Those of one severity in the order they came.
    """
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def collate(
    signs: Sequence[Sequence[Sign]], names: Sequence[str], kinds: Mapping[str, tuple[str, str]]
) -> list[Finding]:
    """Make one finding of all signs of a kind.

    Parameters
    ----------
    signs : sequence of sequence of Sign, length n_recordings
        What was seen in each recording.
    names : sequence of str, length n_recordings
        What the recordings are called.
    kinds : mapping of str to (str, str)
        Kind -> severity and mend, in the order of the findings.

    Returns
    -------
    list of Finding
        One a kind that was seen; it quotes the worst sign.
    """
    found = []
    for kind, (severity, mend) in kinds.items():
        seen = [(k, sign) for k, of_one in enumerate(signs) for sign in of_one if sign.kind == kind]
        if not seen:
            continue
        worst, sign = max(seen, key=lambda pair: pair[1].size)
        channels = list(dict.fromkeys(name for _, s in seen for name in s.channels))
        where = some_of([names[k] for k in dict.fromkeys(k for k, _ in seen)], of=len(names))
        if channels:
            where += f"; channels {some_of(channels, most=6)}"
        at = "" if len(seen) == 1 else f" (worst: {names[worst]})"
        found.append(Finding(severity, f"{sign.said}{at}", where, mend))
    return found


def some_of(names: Sequence[str], *, of: int | None = None, most: int = 3) -> str:
    """Name a few of many.

    Parameters
    ----------
    names : sequence of str
        What there is.
    of : int or None
        Number of all recordings, which is then said too.
    most : int
        Names that are written out.

    Returns
    -------
    str
        ``"a, b, c and 5 more"``, with `of` ``"8 of 10 recordings: a, b, c and 5 more"``.
    """
    shown = ", ".join(names[:most])
    more = f" and {len(names) - most} more" if len(names) > most else ""
    if of is None:
        return shown + more
    if len(names) == of and of > 1:
        return f"all {of} recordings"
    return f"{len(names)} of {of} recordings: {shown}{more}" if of > 1 else shown


def short_names(sources: Sequence[str]) -> list[str]:
    """Leave out of file names the folder that all have in common.

    Parameters
    ----------
    sources : sequence of str
        Where recordings come from, as their errors name it.

    Returns
    -------
    list of str
        In the same order; a lone one keeps its last part.
    """
    folders = {os.path.dirname(source) for source in sources}
    try:
        shared = os.path.commonpath(folders) if len(folders) > 1 else next(iter(folders), "")
    except ValueError:  # some absolute and some not
        return list(sources)
    return [source[len(shared) :].lstrip("/") if shared else source for source in sources]
