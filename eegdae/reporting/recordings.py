"""The page of ``eegdae data check``: what is there, what was found, and what it looks like."""

from __future__ import annotations

from collections.abc import Sequence

from eegdae.inspection.findings import SEVERITIES
from eegdae.inspection.images import ImageInspection
from eegdae.inspection.whole import Inspection
from eegdae.recordings.recording import join_units
from eegdae.reporting.figures_images import image_sheet
from eegdae.reporting.figures_recordings import eigenvalue_ratios, signal, spectra
from eegdae.reporting.html import Block, FigureBlock, Section, Severity, Table, Text, render
from eegdae.reporting.style import DASH

MOST_ROWS = 300
MOST_SUBJECTS = 60


def recordings_page(inspection: Inspection | ImageInspection, *, title: str) -> str:
    """Write the page of a check.

    Parameters
    ----------
    inspection : Inspection or ImageInspection
        What was found out.
    title : str
        What was checked.

    Returns
    -------
    str
        One HTML document that asks for nothing outside itself.
    """
    sections = [
        Section("What is there", [Table(header=(), rows=[list(fact) for fact in inspection.facts])]),
        Section("Findings", _findings(inspection)),
    ]
    if isinstance(inspection, ImageInspection):
        sections.append(Section("Images", _images(inspection)))
        return render(f"eegdae data check: {title}", sections)
    sections += [
        Section("Classes", _classes(inspection)),
        Section("Signals", _signals(inspection)),
        Section("Spectra", _spectra(inspection)),
        Section("Covariances", _covariances(inspection)),
        Section("Recordings", _recordings(inspection)),
    ]
    return render(f"eegdae data check: {title}", sections)


def count_words(inspection: Inspection | ImageInspection) -> str:
    """Count the findings.

    Parameters
    ----------
    inspection : Inspection or ImageInspection

    Returns
    -------
    str
        ``"1 error, 3 warnings, 2 notes"``.
    """
    counts = [sum(f.severity == severity for f in inspection.findings) for severity in SEVERITIES]
    return ", ".join(f"{n} {name}{'' if n == 1 else 's'}" for n, name in zip(counts, SEVERITIES, strict=True))


def _images(inspection: ImageInspection) -> list[Block]:
    sheet = inspection.sheet
    classes = sorted({label for counts in inspection.classes.values() for label in counts})
    rows = [
        [subject or "not known", *(str(counts.get(label, DASH)) for label in classes)]
        for subject, counts in inspection.classes.items()
    ]
    return [
        Table(
            header=("subject", *(label or "no label" for label in classes)),
            rows=rows[:MOST_SUBJECTS],
            caption="Images of each class by subject",
            notes=[f"The first {MOST_SUBJECTS} of {len(rows)} subjects."]
            if len(rows) > MOST_SUBJECTS
            else [],
        ),
        FigureBlock(
            figure=image_sheet(sheet.images, sheet.labels, title=sheet.name),
            name="images",
            caption="Some images of each class, of the first ten classes.",
            alt=f"{len(sheet.images)} images, each below its label",
        ),
    ]


def _findings(inspection: Inspection | ImageInspection) -> list[Block]:
    rows = [[Severity(f.severity), f.what, f.where, f.mend] for f in inspection.findings]
    if not rows:
        return [Text("Nothing was found.")]
    return [Table(header=("severity", "what", "where", "mend"), rows=rows, caption=count_words(inspection))]


def _classes(inspection: Inspection) -> list[Block]:
    classes = sorted({trial.label for trial in inspection.trials})
    if not classes:
        return []
    seconds: dict[str, dict[str, float]] = {}
    for trial in inspection.trials:
        of_one = seconds.setdefault(trial.subject, {})
        of_one[trial.label] = of_one.get(trial.label, 0.0) + trial.seconds
    rows = [
        [subject or "not known", *(f"{of_one[c]:.4g}" if c in of_one else DASH for c in classes)]
        for subject, of_one in sorted(seconds.items())
    ]
    notes = [f"The first {MOST_SUBJECTS} of {len(rows)} subjects."] if len(rows) > MOST_SUBJECTS else []
    return [
        Table(
            header=("subject", *classes),
            rows=rows[:MOST_SUBJECTS],
            caption="Seconds of each class by subject",
            notes=notes,
        )
    ]


def _signals(inspection: Inspection) -> list[Block]:
    return [
        FigureBlock(
            figure=signal(inspection.example),
            name="signal",
            caption="Some seconds from the middle of the first recording, as it was recorded, each channel "
            "about its median.",
            alt=f"signals of {len(inspection.example.ch_names)} channels against time",
        )
    ]


def _spectra(inspection: Inspection) -> list[Block]:
    summaries = inspection.summaries
    labels = [{a.label for a in s.annotations if a.label} for s in summaries]
    groups = [of_one.pop() if len(of_one) == 1 else "" for of_one in labels]
    return [
        FigureBlock(
            figure=spectra(
                [s.freqs for s in summaries],
                [s.power for s in summaries],
                groups,
                unit=join_units([unit for s in summaries for unit in s.units]),
            ),
            name="spectra",
            caption="Welch's method, the median over segments of 4 s (256 samples at least) and over "
            "channels, as recorded; a recording of several classes is grey, and all are where there are more "
            "than seven classes. Dotted: the mains.",
            alt="power against frequency, one line a recording",
        )
    ]


def _covariances(inspection: Inspection) -> list[Block]:
    values: dict[str, list[float]] = {}
    ranks: dict[str, list[int]] = {}
    for summary in inspection.summaries:
        for e in summary.eigenvalues:
            values.setdefault(e.label or "all", []).append(e.ratio)
            ranks.setdefault(e.label or "all", []).append(e.rank)
    if not values:
        return []
    rows = [[label, str(len(of_one)), _span(of_one)] for label, of_one in sorted(ranks.items())]
    return [
        Table(
            header=("class", "recordings", "rank"), rows=rows, caption="Rank of the covariance, as prepared"
        ),
        FigureBlock(
            figure=eigenvalue_ratios(dict(sorted(values.items()))),
            name="eigenvalues",
            caption="One number a recording, from the first 60 s of each class. Where it tells the classes "
            "apart, cleaning (ICA, interpolation) may have taken more from one of them.",
            alt="ratio of smallest to largest eigenvalue by class, a dot a recording",
        ),
    ]


def _span(values: Sequence[int]) -> str:
    return str(min(values)) if min(values) == max(values) else f"{min(values)} to {max(values)}"


def _recordings(inspection: Inspection) -> list[Block]:
    rows = []
    for name, s in list(zip(inspection.names, inspection.summaries, strict=True))[:MOST_ROWS]:
        labels = list(dict.fromkeys(a.label for a in s.annotations if a.label))
        signs = list(dict.fromkeys(sign.kind for sign in s.signs))
        rows.append(
            [
                name,
                *(text or DASH for text in (s.subject, s.session, s.run)),
                f"{s.seconds:.4g}",
                f"{s.sfreq:g}",
                str(len(s.ch_names)),
                f"{100 * s.observed:.4g}",
                ", ".join(labels[:5]) or DASH,
                ", ".join(signs) or DASH,
            ]
        )
    n = len(inspection.names)
    return [
        Table(
            header=(
                "recording",
                "subject",
                "session",
                "run",
                "s",
                "Hz",
                "channels",
                "observed (%)",
                "classes",
                "signs",
            ),
            rows=rows,
            caption="The recordings",
            notes=[f"The first {MOST_ROWS} of {n}."] if n > MOST_ROWS else [],
        )
    ]
