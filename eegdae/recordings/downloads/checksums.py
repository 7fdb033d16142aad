"""Checksums of files, as a configuration or a published list has them, and which files were checked."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from eegdae.errors import EegdaeError, did_you_mean

_DIGITS = {"sha256": 64, "md5": 32}


@dataclass(frozen=True)
class Checksum:
    """What a file must hold; made by `read`.

    Parameters
    ----------
    kind : {"sha256", "md5"}
        How it is computed.
    digits : str
        The hexadecimal digits, lower case.
    """

    kind: str
    digits: str

    @classmethod
    def read(cls, text: object, *, where: str) -> Checksum:
        """Read a checksum as a configuration has it.

        Parameters
        ----------
        text : object
            64 hexadecimal digits of SHA-256, or ``md5:`` and 32 where the original publishes no other.
        where : str
            What an error calls its place.

        Returns
        -------
        Checksum

        Raises
        ------
        EegdaeError
            If it is neither.
        """
        kind, _, digits = str(text).rpartition(":")
        kind = kind or "sha256"
        if kind not in _DIGITS or not re.fullmatch(f"[0-9a-fA-F]{{{_DIGITS[kind]}}}", digits):
            raise EegdaeError(f"{where}={text!r}: must be 64 hexadecimal digits (SHA-256), or md5: and 32")
        return cls(kind, digits.lower())

    def __str__(self) -> str:
        return f"{'SHA-256' if self.kind == 'sha256' else 'MD5'} {self.digits}"

    def fits(self, file: Path) -> bool:
        """Tell whether a file holds what it must.

        Parameters
        ----------
        file : Path
            One that is there; it is read from begin to end.

        Returns
        -------
        bool
        """
        with file.open("rb") as opened:
            found = hashlib.file_digest(opened, lambda: hashlib.new(self.kind, usedforsecurity=False))
        return found.hexdigest() == self.digits


def read_sums(file: Path) -> dict[str, Checksum]:
    """Read a list of checksums, as ``sha256sum`` writes it and PhysioNet publishes it.

    Parameters
    ----------
    file : Path
        Lines of a checksum, blanks (and a ``*``), and a name.

    Returns
    -------
    dict
        Name to checksum.

    Raises
    ------
    EegdaeError
        If a line is none, or there is none: names it.
    """
    found: dict[str, Checksum] = {}
    try:
        lines = file.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise EegdaeError(f"{file}: is no list of checksums") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        match = re.fullmatch(r"([0-9a-fA-F]{32}|[0-9a-fA-F]{64})\s+\*?(?:\./)?(\S.*)", line.rstrip())
        if match is None:
            raise EegdaeError(f"{file}: line {number} is no checksum with a name: {line[:60]!r}")
        digits, name = match.groups()
        found[name] = Checksum("md5" if len(digits) == 32 else "sha256", digits.lower())
    if not found:
        raise EegdaeError(f"{file}: is no list of checksums: it is empty")
    return found


def matching(names: Iterable[str], globs: Iterable[object], *, where: str, there: str) -> list[str]:
    """Choose names by globs, as a shell would: ``*`` does not reach over a ``/``.

    Parameters
    ----------
    names : iterable of str
        ``/`` between folders.
    globs : iterable of str
        One must fit.
    where, there : str
        What an error calls the place of the globs, and that of the names.

    Returns
    -------
    list of str
        Each once, in their order.

    Raises
    ------
    EegdaeError
        If nothing fits one of the globs.
    """
    known, chosen = list(names), set()
    for glob in map(str, globs):
        parts = glob.split("/")
        fitting = [name for name in known if _fits(name.split("/"), parts)]
        if not fitting:
            raise EegdaeError(f"{where}: nothing of {there} is called {glob!r}; {did_you_mean(glob, known)}")
        chosen.update(fitting)
    return [name for name in known if name in chosen]


def _fits(name: list[str], glob: list[str]) -> bool:
    return len(name) == len(glob) and all(map(fnmatchcase, name, glob))


class Checked:
    """Which files of a folder were found to hold what they must: they are not read again while they stay so.

    Parameters
    ----------
    folder : Path
        Of a set; it keeps the hidden file ``.checked.json``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, folder / ".checked.json"
        self._known: dict[str, list[object]] = {}
        with suppress(OSError, ValueError):
            found = json.loads(self._file.read_text())
            self._known = found if isinstance(found, dict) else {}

    def holds(self, name: str, checksum: Checksum) -> bool:
        """Tell whether a file is there and holds what it must.

        Parameters
        ----------
        name : str
            Inside the folder.
        checksum : Checksum
            Of its content.

        Returns
        -------
        bool
        """
        file = self._folder / name
        if not file.is_file():
            return False
        if self._known.get(name) == [*_state(file), str(checksum)]:
            return True
        if not checksum.fits(file):
            return False
        self.keep(name, checksum)
        return True

    def keep(self, name: str, checksum: Checksum) -> None:
        """Note that a file holds what it must.

        Parameters
        ----------
        name : str
            Inside the folder.
        checksum : Checksum
            That it was found to have.
        """
        self._known[name] = [*_state(self._folder / name), str(checksum)]
        with suppress(OSError):  # a folder that cannot be written: it is read again
            self._file.write_text(json.dumps(self._known))


def _state(file: Path) -> list[object]:
    stat = file.stat()
    return [stat.st_size, stat.st_mtime_ns]
