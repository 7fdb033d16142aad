"""``eegdae data check`` and ``show``: what recordings hold, and what to know before training on them."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from eegdae.errors import EegdaeError
from eegdae.inspection import Finding, Inspection
from eegdae.inspection.facts import Example, example_of, facts_of
from eegdae.inspection.findings import in_order, some_of
from eegdae.inspection.images import ImageInspection, Sheet, check_images
from eegdae.inspection.summary import About, about
from eegdae.inspection.whole import check_pairs
from eegdae.recordings import Recording, describe, iter_recordings
from eegdae.recordings.prepare import check_prepare
from eegdae.tasks.data_words import configuration, split_words
from eegdae.tasks.out import writable, write

WIDTH = 100


def check(args: Sequence[str]) -> int:
    """Do ``eegdae data check PATH|NAME ... [key=value ...] [out=FILE.html]``.

    Parameters
    ----------
    args : sequence of str
        Names of sets, files, globs or folders, checked together; keys of a data configuration; ``out``.

    Returns
    -------
    int
        0, whatever is found.

    Raises
    ------
    EegdaeError
        If nothing can be read, a key does not fit, or ``out`` cannot be written.
    """
    targets, overrides = split_words(args)
    if not targets:
        raise EegdaeError("data check: give a name of eegdae data list, a file, a glob or a folder")
    out = overrides.pop("out", None)
    path = None if out is None else writable(out, ".html")
    inspection = inspect(targets, overrides)
    print(_table(inspection.facts), end="\n\n")
    for finding in inspection.findings:
        print(_told(finding))
    from eegdae.reporting.recordings import count_words, recordings_page

    counted = count_words(inspection)
    if path is None:
        print(f"{counted}; out=check.html writes a page with figures")
    else:
        write(path, recordings_page(inspection, title=some_of(targets)).encode())
        print(f"{counted}; page: {path}")
    return 0


def show(args: Sequence[str]) -> int:
    """Do ``eegdae data show NAME|PATH [key=value ...] [out=FILE.png]``.

    Parameters
    ----------
    args : sequence of str
        One name of a set, a file, a glob or a folder; keys of a data configuration; ``out``.

    Returns
    -------
    int
        0.

    Raises
    ------
    EegdaeError
        If nothing can be read, a key does not fit, or ``out`` cannot be written.
    """
    targets, overrides = split_words(args)
    if len(targets) != 1:
        raise EegdaeError("data show: give one name of eegdae data list, a file, a glob or a folder")
    out = overrides.pop("out", None)
    path = None if out is None else writable(out, ".png")
    described = [line.split(": ", 1) for line in describe(configuration(targets[0], overrides)).splitlines()]
    facts, example = glimpse(targets[0], overrides)
    print(_table([*((key, value) for key, value in described if key != "path"), *facts]), end="\n\n")
    from eegdae.reporting.text import text_images, text_plot

    draw: Callable[..., str] = text_images if isinstance(example, Sheet) else text_plot
    print(draw(example, plain=not _speaks_unicode()))
    if path is not None:
        from eegdae.reporting import figure_png
        from eegdae.reporting.figures_images import image_sheet
        from eegdae.reporting.figures_recordings import signal

        if isinstance(example, Sheet):
            figure = image_sheet(example.images, example.labels, title=example.name)
        else:
            figure = signal(example)
        write(path, figure_png(figure))
        print(f"plot: {path}")
    return 0


def inspect(targets: Sequence[str], overrides: Mapping[str, Any]) -> Inspection | ImageInspection:
    """Check all recordings of names and paths together.

    Parameters
    ----------
    targets : sequence of str
        Names of sets, files, globs, folders.
    overrides : mapping
        Keys of a data configuration, for all of them.

    Returns
    -------
    Inspection or ImageInspection
        A file that cannot be read is a finding, as long as another can.

    Raises
    ------
    EegdaeError
        If nothing can be read, or a key does not fit.
    """
    unreadable: list[EegdaeError] = []
    inspection = check_pairs(_recordings(targets, overrides, unreadable))
    if inspection is None:
        raise _nothing(targets, unreadable)
    if not unreadable:
        return inspection
    what = f"{len(unreadable)} {'file' if len(unreadable) == 1 else 'files'} cannot be read: {unreadable[0]}"
    where = some_of([str(error).split(": ")[0] for error in unreadable])
    finding = Finding("error", what, where, "get the files anew, or leave them out")
    return replace(inspection, findings=tuple(in_order([finding, *inspection.findings])))


def glimpse(target: str, overrides: Mapping[str, Any]) -> tuple[list[tuple[str, str]], Example | Sheet]:
    """Say what recordings are, and keep some seconds of the first, or some images.

    Parameters
    ----------
    target : str
        A name of a set, a file, a glob or a folder.
    overrides : mapping
        Keys of a data configuration.

    Returns
    -------
    facts : list of (str, str)
    example : Example or Sheet

    Raises
    ------
    EegdaeError
        If a file cannot be read, or a key does not fit.
    """
    pairs = _recordings([target], overrides, None)
    first = next(pairs, None)
    if first is None:
        raise _nothing([target], [])
    is_images, pairs = first[0].image_shape is not None, chain(iter([first]), pairs)
    del first  # it would be held until the last
    if is_images and (found := check_images(pairs)):
        return list(found.facts), found.sheet
    abouts: list[About] = []
    example: Example | None = None
    for recording, _ in pairs:
        example = example or example_of(recording)
        abouts.append(about(recording))
    assert example is not None
    return facts_of(abouts), example


def _recordings(
    targets: Sequence[str], overrides: Mapping[str, Any], unreadable: list[EegdaeError] | None
) -> Iterator[tuple[Recording, Mapping[str, Any]]]:
    """Read recordings as they were recorded, one at a time, each with how it is to be prepared."""
    for config in [configuration(target, overrides) for target in targets]:
        options = check_prepare(config.get("prepare"))
        on_error = None if unreadable is None else unreadable.append
        found = iter_recordings(config, on_error=on_error, is_prepared=False)
        yield from ((recording, options) for recording in found)


def _nothing(targets: Sequence[str], unreadable: Sequence[EegdaeError]) -> EegdaeError:
    return unreadable[0] if unreadable else EegdaeError(f"{' '.join(targets)}: holds no recordings")


def _table(rows: Sequence[Sequence[str]]) -> str:
    width = max(len(row[0]) for row in rows)
    return "\n".join(_wrapped(value, f"{key:<{width}}  ") for key, value in rows)


def _told(finding: Finding) -> str:
    lines = [_wrapped(finding.what, f"{finding.severity:<9}")]
    lines += [
        _wrapped(text, f"{'':<9}{name:<7}")
        for name, text in (("where", finding.where), ("mend", finding.mend))
    ]
    return "\n".join(lines) + "\n"


def _wrapped(text: str, head: str) -> str:
    lines = textwrap.wrap(text, WIDTH - len(head), break_long_words=False, break_on_hyphens=False) or [""]
    return head + ("\n" + " " * len(head)).join(lines)


def _speaks_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().startswith("utf")
