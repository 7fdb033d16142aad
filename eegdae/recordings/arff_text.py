"""The attribute-relation text (ARFF) of Weka: attributes and rows of words, not yet what they mean.

Header: ``@relation``, ``@attribute NAME numeric|real|integer|string|date|{a,b}|relational``, a relational one
up to its ``@end NAME``. After ``@data`` one row a line: ``1,?,'a word'`` or, sparse, ``{0 1.5, 3 b}``, where
what is left out is 0 or the first of the set. Lines that begin with ``%`` are comments, ``?`` is missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from eegdae.errors import EegdaeError, did_you_mean

_QUOTED = r"""'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*\""""
_WORD = re.compile(rf"\s*(?P<word>{_QUOTED}|[^,]*?)\s*(?P<end>,|$)", re.DOTALL)
_PAIR = re.compile(rf"\s*(?P<place>\d+)\s+(?P<word>{_QUOTED}|[^,]*?)\s*(?P<end>,|$)", re.DOTALL)
_ATTRIBUTE = re.compile(rf"@attribute\s+(?P<name>{_QUOTED}|[^\s{{]+)\s*(?P<kind>.*)", re.IGNORECASE)
_KINDS: dict[str, str | None] = {
    **dict.fromkeys(("numeric", "real", "integer"), "numeric"),
    **dict.fromkeys(("string", "date", "relational")),
}
Row = list[str | None]


@dataclass(frozen=True)
class Attribute:
    """A column of the relation.

    Parameters
    ----------
    name : str
        Without quotes.
    kind : str
        ``"numeric"``, ``"nominal"``, ``"string"``, ``"date"`` or ``"relational"``.
    values : tuple of str
        What a nominal one can be.
    inside : tuple of Attribute
        The columns of a relational one.
    """

    name: str
    kind: str
    values: tuple[str, ...] = ()
    inside: tuple[Attribute, ...] = ()


def read_text(path: Path) -> tuple[list[Attribute], list[tuple[int, Row]]]:
    """Read attributes and rows.

    Parameters
    ----------
    path : Path
        The ``.arff`` file.

    Returns
    -------
    attributes : list of Attribute
        In the order of the columns.
    rows : list of (int, list of str or None)
        Line number from 1 and one word a column, None = missing; a nominal word is one of its set.

    Raises
    ------
    EegdaeError
        If the file is not of this format or was cut off: names the line.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.split("\n")]
    attributes, first = _header(lines, path)
    rows: list[tuple[int, Row]] = []
    for number, line in enumerate(lines[first:], first + 1):
        if line and not line.startswith("%"):
            rows.append((number, words_of(line, attributes, f"{path}: line {number}")))
    if not rows:
        raise EegdaeError(f"{path}: has no rows after @data")
    if not text.endswith("\n") and not _ends_whole(attributes[-1], lines[-1], rows[-1][1][-1]):
        raise EegdaeError(f"{path}: line {rows[-1][0]} ends without a line break: the file was cut off")
    return attributes, rows


def words_of(line: str, attributes: list[Attribute] | tuple[Attribute, ...], where: str) -> Row:
    """Split a row into its words.

    Parameters
    ----------
    line : str
        Dense or sparse.
    attributes : list or tuple of Attribute
        The columns.
    where : str
        What an error calls it.

    Returns
    -------
    list of str or None
        One a column, unquoted; None = missing.

    Raises
    ------
    EegdaeError
        If their number, a place or a nominal word does not fit.
    """
    if line.startswith("{"):
        row: Row = _sparse(line, attributes, where)
    elif "'" in line or '"' in line:
        row = [_plain(found["word"]) for found in _matches(_WORD, line, where)]
    else:
        row = [None if (bare := part.strip()) == "?" else bare for part in line.split(",")]
    if len(row) != len(attributes):
        raise EegdaeError(
            f"{where} has {len(row)} values, the header {len(attributes)} attributes: the file was cut off "
            "or is damaged"
        )
    for word, attribute in zip(row, attributes, strict=True):
        if attribute.kind == "nominal" and word is not None and word not in attribute.values:
            shown = word if len(word) <= 20 else word[:20] + "..."
            hint = did_you_mean(shown, attribute.values)
            raise EegdaeError(f"{where}: {attribute.name} is {shown!r}; {hint}")
    return row


def _header(lines: list[str], path: Path) -> tuple[list[Attribute], int]:
    if not any(line.lower().startswith("@relation") for line in lines):
        raise EegdaeError(f"{path}: is not an ARFF file: it has no @relation line")
    found: list[Attribute] = []
    inside: list[Attribute] | None = None  # the columns of the relational attribute that is open
    bag = ""
    for number, line in enumerate(lines, 1):
        word = line.split(maxsplit=1)[0].lower() if line else ""
        where = f"{path}: line {number}"
        if not line or line.startswith("%") or word == "@relation":
            continue
        if word == "@attribute":
            attribute = _attribute(line, where)
            if attribute.kind == "relational":
                if inside is not None:
                    raise EegdaeError(f"{where}: a relational attribute inside another cannot be read")
                inside, bag = [], attribute.name
            else:
                (found if inside is None else inside).append(attribute)
        elif word == "@end" and inside:
            found.append(Attribute(bag, "relational", inside=tuple(inside)))
            inside = None
        elif word == "@data" and inside is None and found:
            return found, number
        else:
            raise EegdaeError(f"{where} does not belong into the header of an ARFF file: {line[:40]!r}")
    raise EegdaeError(f"{path}: its header has no end, an @data line: the file was cut off")


def _attribute(line: str, where: str) -> Attribute:
    match = _ATTRIBUTE.fullmatch(line)
    if match is None:
        raise EegdaeError(f"{where}: has no name and type of an attribute: {line[:40]!r}")
    name, kind = _plain(match["name"]) or "?", match["kind"].strip()
    if kind.startswith("{"):
        words = [_plain(each["word"]) for each in _matches(_WORD, kind[1:].removesuffix("}"), where)]
        if not kind.endswith("}") or None in words or "" in words:
            raise EegdaeError(f"{where}: the set of {name} must be {{a,b,...}}, on one line")
        return Attribute(name, "nominal", tuple(str(word) for word in words))
    first = kind.split(maxsplit=1)[0].lower() if kind else ""
    if first not in _KINDS:
        raise EegdaeError(f"{where}: type {first!r} of {name}; {did_you_mean(first, _KINDS)}, {{a,b,...}}")
    return Attribute(name, _KINDS[first] or first)


def _sparse(line: str, attributes: list[Attribute] | tuple[Attribute, ...], where: str) -> Row:
    if not line.endswith("}"):
        raise EegdaeError(f"{where}: a sparse row must end with }}: the file was cut off or is damaged")
    zero: dict[str, str | None] = {"numeric": "0", "string": "", "date": None, "relational": None}
    row: Row = [a.values[0] if a.kind == "nominal" else zero[a.kind] for a in attributes]
    inner = line[1:-1].strip()
    last = -1
    for found in _matches(_PAIR, inner, where) if inner else []:
        place = int(found["place"]) if len(found["place"]) < 10 else len(attributes)
        if not last < place < len(attributes):
            raise EegdaeError(
                f"{where}: place {found['place'][:12]} of a sparse row must rise and be below "
                f"{len(attributes)}"
            )
        row[place], last = _plain(found["word"]), place
    return row


def _matches(pattern: re.Pattern[str], text: str, where: str) -> list[re.Match[str]]:
    found: list[re.Match[str]] = []
    position, more = 0, True
    while more:
        match = pattern.match(text, position)
        if match is None:
            raise EegdaeError(f"{where}: cannot be split into values: {text[position : position + 40]!r}")
        found.append(match)
        position, more = match.end(), match["end"] == ","
    return found


def _plain(word: str) -> str | None:
    if len(word) >= 2 and word[0] in "'\"" and word[-1] == word[0]:
        letters = {"n": "\n", "t": "\t", "r": "\r"}
        return re.sub(r"\\(.)", lambda m: letters.get(m[1], m[1]), word[1:-1], flags=re.DOTALL)
    return None if word == "?" else word


def _ends_whole(last: Attribute, line: str, word: str | None) -> bool:
    """Whether the last row, without a line break, cannot have been longer."""
    if line.endswith(("}", "'", '"')) or line.startswith("%"):
        return True
    longer = any(value != word and value.startswith(word or "") for value in last.values)
    return last.kind == "nominal" and word is not None and not longer
