"""``eegdae train search=...``: Optuna draws settings, each trial is a whole run, validation judges it.

One module a part: what may be drawn (`space`, `space_settings`), how to search (`options`), by what
(`objectives`), when a trial is given up (`pruning`), the folder (`shared_folder`) and the study (`study`,
`storage`) that processes share, what the arguments ask for (`plan`), the run of a trial (`trial`), all of
them (`command`) and the end (`ending`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eegdae.errors import EegdaeError


def asks_for_search(args: Sequence[str]) -> bool:
    """Say whether the arguments of ``eegdae train`` ask for a search to be run.

    Parameters
    ----------
    args : sequence of str
        As the shell gave them.
    """
    is_shown = any(arg.partition("=")[0] in ("--cfg", "-c", "--info", "-i", "--resolve") for arg in args)
    choices = [arg.partition("=")[2] for arg in args if arg.startswith("search=")]
    return bool(choices) and choices[-1] not in ("none", "") and not is_shown


def search(args: Sequence[str], folder: Path) -> int:
    """Search: run trials until there are enough, and say which was best.

    Parameters
    ----------
    args : sequence of str
        Of ``eegdae train``.
    folder : Path
        Of the configuration.

    Returns
    -------
    int
        0, or 2 if trials failed.

    Raises
    ------
    EegdaeError
        What the user can mend; Optuna missing is one.
    """
    try:
        import optuna  # noqa: F401
        import sqlalchemy  # noqa: F401
    except ImportError as error:
        raise EegdaeError(
            f"search: needs optuna, which is not installed ({error}); pip install 'eegdae[search]'"
        ) from error
    from eegdae.tasks.search.command import run_search

    return run_search(args, folder)
