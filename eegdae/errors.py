"""The one exception that ends a command with one line, and the nearest-name hint it often carries."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EegdaeError(ValueError):
    """What a user can mend: one line that names the key or file, the value, what is allowed and the mend.

    Only ``eegdae.cli`` turns it into a message and exit status 2; inside a sweep it fails the job.
    """


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Say which names exist, the nearest first.

    Parameters
    ----------
    name : str
        What was asked for.
    known : iterable of str
        What there is.

    Returns
    -------
    str
        ``"did you mean 'plv'? known: pearson, plv"``, or ``"known: ..."`` where nothing is near.
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=2, cutoff=0.6)
    hint = f"did you mean {' or '.join(repr(n) for n in near)}? " if near else ""
    return f"{hint}known: {', '.join(names)}"
