"""All recordings together: what is there, and everything that there is to find."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from eegdae.inspection.duplicates import duplicate_findings, find_pairs
from eegdae.inspection.facts import Example, example_of, facts_of
from eegdae.inspection.findings import Finding, collate, in_order, short_names, some_of
from eegdae.inspection.images import ImageInspection, check_images
from eegdae.inspection.labels import Trial, label_findings
from eegdae.inspection.rank import rank_findings
from eegdae.inspection.signals import KINDS
from eegdae.inspection.spectra import join_strengths
from eegdae.inspection.summary import Summary, summarise
from eegdae.recordings.channels import canonical_name
from eegdae.recordings.recording import Recording, join_units


@dataclass(frozen=True, eq=False)
class Inspection:
    """What was found out about recordings.

    Parameters
    ----------
    facts : tuple of (str, str)
        What is there, line by line.
    findings : tuple of Finding
        The worst first.
    summaries : tuple of Summary
        One a recording.
    names : tuple of str
        What the findings call the recordings.
    trials : tuple of Trial
        All labelled stretches.
    example : Example
        A glimpse of the signals.
    """

    facts: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    summaries: tuple[Summary, ...]
    names: tuple[str, ...]
    trials: tuple[Trial, ...]
    example: Example


def check_recordings(
    recordings: Iterable[Recording], options: Mapping[str, Any] | None = None
) -> Inspection | ImageInspection | None:
    """Tell what a careful colleague would tell you about recordings before you train on them.

    Recordings are taken one at a time and let go: of an iterator, the one before is the last in memory.

    Parameters
    ----------
    recordings : iterable of Recording
        As they were recorded, with their labels: filters hide clipping and hum.
    options : mapping or None
        Arguments of `eegdae.recordings.prepare.prepare`: covariances are looked at as prepared.

    Returns
    -------
    Inspection, ImageInspection or None
        None where there are no recordings.
    """
    return check_pairs((recording, options) for recording in recordings)


def check_pairs(
    pairs: Iterable[tuple[Recording, Mapping[str, Any] | None]],
) -> Inspection | ImageInspection | None:
    """Do the work of `check_recordings` where recordings are prepared in several ways.

    Parameters
    ----------
    pairs : iterable of (Recording, mapping or None)
        Recordings and the arguments of `eegdae.recordings.prepare.prepare`.

    Returns
    -------
    Inspection, ImageInspection or None
        None where there are no recordings; of images where the first recording is of these.
    """
    pairs = iter(pairs)
    first = next(pairs, None)
    if first is None:
        return None
    is_images, pairs = first[0].image_shape is not None, chain(iter([first]), pairs)
    del first  # it would be held until the last
    if is_images:
        return check_images(pairs)
    summaries: list[Summary] = []
    example: Example | None = None
    for recording, options in pairs:
        example = example or example_of(recording)
        summaries.append(summarise(recording, options))
    assert example is not None
    names = short_names([summary.source for summary in summaries])
    trials = [
        Trial(a.label, k, s.subject, s.session, s.run, a.start, a.stop, (a.stop - a.start) / s.sfreq)
        for k, s in enumerate(summaries)
        for a in s.annotations
        if a.label
    ]
    subjects = [summary.subject for summary in summaries]
    copies = find_pairs([summary.fingerprint for summary in summaries])
    findings = [
        *_alike(summaries, names),
        *_people(summaries, names),
        *collate(join_strengths([summary.signs for summary in summaries]), names, KINDS),
        *duplicate_findings(copies, names, subjects, [summary.sfreq for summary in summaries]),
        *label_findings(trials, names),
        *rank_findings([summary.eigenvalues for summary in summaries], names, subjects),
    ]
    return Inspection(
        facts=tuple(facts_of(summaries)),
        findings=tuple(in_order(findings)),
        summaries=tuple(summaries),
        names=tuple(names),
        trials=tuple(trials),
        example=example,
    )


def _alike(summaries: Sequence[Summary], names: Sequence[str]) -> list[Finding]:
    """Say where recordings cannot stand in one array."""
    found = []
    ways: dict[str, tuple[list[str], str]] = {
        "sampling rates": (
            [f"{s.sfreq:g} Hz" for s in summaries],
            "set data.prepare.sfreq to the lowest of them",
        ),
        "channels": (
            [", ".join(s.ch_names) for s in summaries],
            "windows.channels=shared cuts them to the electrodes that they share; data.rename gives names",
        ),
        "units": ([join_units(s.units) for s in summaries], "bring them to one unit before they are read"),
    }
    for what, (values, mend) in ways.items():
        (usual, _), *others = Counter(values).most_common()
        if others:
            odd = [name for name, value in zip(names, values, strict=True) if value != usual]
            shown = usual if len(usual) <= 60 else usual[:57] + "..."
            text = f"recordings differ: {len(others) + 1} sets of {what}; most have {shown}"
            found.append(Finding("error", text, some_of(odd, of=len(names)), mend))
    unready = [k for k, s in enumerate(summaries) if s.unprepared]
    if unready:
        text = f"cannot be prepared: {summaries[unready[0]].unprepared}"
        mend = "change data.prepare, or leave the recordings out"
        found.append(Finding("error", text, some_of([names[k] for k in unready], of=len(names)), mend))
    return found


def _people(summaries: Sequence[Summary], names: Sequence[str]) -> list[Finding]:
    found = []
    nobody = [name for name, s in zip(names, summaries, strict=True) if not s.subject]
    if nobody and len(names) > 1:
        text = "nobody knows whose recordings these are: they cannot be split by subject"
        mend = "set data.pattern to where the subject stands in the file names, or data.subject"
        found.append(Finding("warning", text, some_of(nobody, of=len(names)), mend))
    bare = [
        name
        for name, s in zip(names, summaries, strict=True)
        if not s.has_positions and any(_is_electrode(ch_name) for ch_name in s.ch_names)
    ]
    if bare:
        text = "electrodes have no positions: no maps of the head, no Laplacian"
        mend = "set data.montage=standard_1005, if the names are of the 10-20 system"
        found.append(Finding("note", text, some_of(bare, of=len(names)), mend))
    return found


def _is_electrode(name: str) -> bool:
    """Tell a name of the 10-5 system: only for these, upper and lower case mean one and the same."""
    return name.upper() != name.lower() and canonical_name(name.upper()) == canonical_name(name.lower())
