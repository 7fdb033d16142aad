"""A page that is one file: sections of text, tables and figures, everything inline, nothing loaded."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape

from matplotlib.figure import Figure

from eegdae.reporting.style import DASH, MINUS, figure_png


class Strong(str):
    """A table cell that stands out, such as the best value of a column."""


class Severity(str):
    """A cell that says how bad something is: ``error``, ``warning`` or ``note``; it has colour and sign."""


SIGNS = {
    "error": "\N{HEAVY MULTIPLICATION X}",
    "warning": "\N{BLACK UP-POINTING TRIANGLE}",
    "note": "\N{BULLET}",
}
"""What stands before the word, so that colour alone tells nothing."""


class Text:
    """Paragraphs.

    Parameters
    ----------
    *paragraphs : str
        Plain text; markup in it is shown, not obeyed.
    """

    def __init__(self, *paragraphs: str) -> None:
        self.paragraphs = paragraphs

    def html(self) -> str:
        """Write the paragraphs.

        Returns
        -------
        str
        """
        return "\n".join(f"<p>{escape(p)}</p>" for p in self.paragraphs)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with a caption above and notes below.

    Parameters
    ----------
    header : sequence of str
        One name a column; empty for a table of facts whose first column names the row.
    rows : sequence of sequence of str
        Cells; a `Strong` one is bold, a `Severity` coloured.
    caption : str
    notes : sequence of str
        One paragraph each.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    notes: Sequence[str] = ()

    def html(self) -> str:
        """Write the table; columns of numbers are set flush right.

        Returns
        -------
        str
        """
        n_cols = max([len(self.header), *(len(row) for row in self.rows)], default=0)
        numeric = [_is_numeric([row[c] for row in self.rows if c < len(row)]) for c in range(n_cols)]
        css = [' class="num"' if is_number else "" for is_number in numeric]
        label = escape(self.caption or "table")
        parts = [f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table>']
        if self.caption:
            parts.append(f"<caption>{escape(self.caption)}</caption>")
        if self.header:
            cells = (f'<th scope="col"{css[c]}>{escape(name)}</th>' for c, name in enumerate(self.header))
            parts.append(f"<thead><tr>{''.join(cells)}</tr></thead>")
        parts.append("<tbody>")
        for row in self.rows:
            cells = (_cell(text, css[c], is_name=c == 0) for c, text in enumerate(row))
            parts.append(f"<tr>{''.join(cells)}</tr>")
        parts.append("</tbody></table></div>")
        parts += [f'<p class="note">{escape(note)}</p>' for note in self.notes]
        return "\n".join(parts)


@dataclass(frozen=True, kw_only=True)
class FigureBlock:
    """A figure with its caption.

    Parameters
    ----------
    figure : Figure
    name : str
        File name without ending under which the run folder keeps the figure too.
    caption : str
        How to read it.
    alt : str
        What it shows, for those who cannot see it.
    """

    figure: Figure
    name: str
    caption: str
    alt: str

    @cached_property
    def png(self) -> bytes:
        """The figure's PNG bytes, drawn once."""
        return figure_png(self.figure)

    def html(self) -> str:
        """Write the figure with its image inside.

        Returns
        -------
        str
        """
        width, height = (round(96 * inches) for inches in self.figure.get_size_inches())
        data = base64.b64encode(self.png).decode("ascii")
        alt = escape(self.alt)
        return (
            f'<figure><div class="scroll" tabindex="0" role="region" aria-label="{alt}">'
            f'<img src="data:image/png;base64,{data}" alt="{alt}" width="{width}" height="{height}"></div>'
            f"<figcaption>{escape(self.caption)}</figcaption></figure>"
        )


Block = Text | Table | FigureBlock


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it.

    Parameters
    ----------
    title : str
    blocks : sequence of Text, Table or FigureBlock
    """

    title: str
    blocks: Sequence[Block]


def figures_of(sections: Sequence[Section]) -> dict[str, bytes]:
    """Collect the figures of a page.

    Parameters
    ----------
    sections : sequence of Section

    Returns
    -------
    dict of str to bytes
        File name -> PNG, in the order of the page.
    """
    blocks = (block for section in sections for block in section.blocks)
    return {f"{block.name}.png": block.png for block in blocks if isinstance(block, FigureBlock)}


def render(title: str, sections: Sequence[Section]) -> str:
    """Write the page.

    Parameters
    ----------
    title : str
    sections : sequence of Section
        Those without blocks are left out.

    Returns
    -------
    str
        One HTML document that asks for nothing outside itself; its content policy forbids it to.
    """
    shown = [section for section in sections if section.blocks]
    contents = "".join(
        f'<li><a href="#s{i}">{escape(s.title)}</a></li>' for i, s in enumerate(shown, start=1)
    )
    body = "\n".join(
        f'<section id="s{i}"><h2>{escape(s.title)}</h2>\n'
        + "\n".join(block.html() for block in s.blocks)
        + "</section>"
        for i, s in enumerate(shown, start=1)
    )
    return _PAGE.format(title=escape(title), style=_STYLE, contents=contents, body=body)


def _cell(text: str, css: str, *, is_name: bool) -> str:
    shown = f"<strong>{escape(text)}</strong>" if isinstance(text, Strong) else escape(text)
    if isinstance(text, Severity):
        sign = f'<span aria-hidden="true">{SIGNS[text]}</span>'
        shown = f'<span class="severity {text}">{sign} {text}</span>'
    return f'<th scope="row"{css}>{shown}</th>' if is_name else f"<td{css}>{shown}</td>"


def _is_numeric(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell not in ("", DASH)]
    return bool(filled) and all(
        re.match(rf"[+{MINUS}-]?\d[\d .]*(e[+-]\d+)?( ?\[.*\])?$", cell) for cell in filled
    )


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<header><h1>{title}</h1></header>
<nav aria-label="Contents"><ol>{contents}</ol></nav>
<main>
{body}
</main>
</body>
</html>
"""

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; background: #fff; color: #1b1b1b;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .75rem; padding-top: .75rem; border-top: 1px solid #d5d5d5; }
p { max-width: 46rem; margin: .6rem 0; }
a { color: #005a8c; }
nav { background: #f4f6f8; border-radius: 6px; padding: .6rem 1rem; }
nav ol { margin: 0; padding-left: 1.4rem; columns: 16rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: .75rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; white-space: nowrap; padding-bottom: .35rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0;
  border-bottom: 1px solid #e3e3e3; }
thead th { border-bottom: 2px solid #555; }
tbody th { font-weight: 500; }
.num { text-align: right; white-space: nowrap; }
.severity { border-left: 4px solid; border-radius: 3px; padding: .05rem .5rem; white-space: nowrap;
  font-weight: 600; }
.severity.error { background: #fbe5da; border-color: #d55e00; color: #7a2f00; }
.severity.warning { background: #fdf1d6; border-color: #e69f00; color: #5e4200; }
.severity.note { background: #e0eef7; border-color: #0072b2; color: #004a75; }
p.note, figcaption { font-size: .9rem; color: #4a4a4a; max-width: 46rem; }
figure { margin: 1.25rem 0; }
img { display: block; max-width: 100%; height: auto; }
@media (max-width: 640px) {
  body { font-size: 15px; padding: 1rem .75rem 3rem; }
  img { max-width: 40rem; }
  td:last-child { min-width: 12rem; }
  td.num:last-child { min-width: 0; }
}
@media print { nav { display: none; } figure, table { break-inside: avoid; } }
"""
