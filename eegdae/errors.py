"""The one exception that ends a command with one line, and the nearest-name hint it often carries."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST_NAMES = 40
"""Names that a hint lists; more would bury the line."""


class EegdaeError(ValueError):
    """What a user can mend: one line that names the key or file, the value, what is allowed and the mend.

    Only ``eegdae.cli`` turns it into a message and exit status 2; inside a sweep it fails the job.

    Parameters
    ----------
    message : str
        Line breaks in it, of a name in a damaged file, become blanks.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(" ".join(str(message).splitlines()))


def one_line(error: BaseException, most: int | None = 200) -> str:
    """Say what an error says in one line, of so many characters at most; its kind where it says nothing."""
    return " ".join(str(error).split())[:most] or type(error).__name__


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Say which names exist, the nearest first.

    Parameters
    ----------
    name : object
        What was asked for.
    known : iterable of str
        What there is.

    Returns
    -------
    str
        ``"did you mean 'plv'? known: pearson, plv"``, or ``"known: ..."`` where nothing is near.
    """
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=2, cutoff=0.6)
    hint = f"did you mean {' or '.join(repr(n) for n in near)}? " if near else ""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"{hint}known: {', '.join(names[:MOST_NAMES])}{more}"
