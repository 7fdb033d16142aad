"""``baselines``: what codes are judged beside."""

from __future__ import annotations

from collections.abc import Mapping

from eegdae.corruption import Corruption
from eegdae.errors import EegdaeError
from eegdae.features import View
from eegdae.tasks.settings.checks import number, one_of

BASELINES = ("eigenvalue_ratio", "deviation", "msda", "cae")

MSDA_SHARE = 0.5
"""Share of entries that ``msda`` masks where the corruption has none of its own."""

CAE_WEIGHT = 0.1
"""Weight of the contractive penalty of ``cae``."""


def read_baselines(
    value: object, views: tuple[View, ...], *, corruption: Corruption, level: float
) -> dict[str, float | None]:
    """Check ``baselines`` and give what to judge besides, with the number that each takes.

    Parameters
    ----------
    value : object
        A list; an entry is a name, or a mapping of a name to its number, as in ``[deviation, {msda: 0.3}]``.
    views : tuple of View
        The eigenvalue ratio is added where one is of covariances.
    corruption, level : Corruption, float
        Of the run: without a number ``msda`` masks the same share of entries, 0.5 where the level is 0 or no
        share.

    Returns
    -------
    dict of str to float or None
        For `Recipe`.

    Raises
    ------
    EegdaeError
        Names the entry and what is allowed.
    """
    if not isinstance(value, list | tuple):
        raise EegdaeError(f"baselines={value!r}: must be a list of {', '.join(BASELINES)}; [] for none")
    # how a recording was cleaned shows in its covariance, and may tell its class
    of_covariances = any(view.is_tangent or view.measure == "covariance" for view in views)
    found: dict[str, float | None] = {"eigenvalue_ratio": None} if of_covariances else {}
    given: set[str] = set()
    for entry in value:
        for key, what in entry.items() if isinstance(entry, Mapping) else [(entry, None)]:
            name = one_of("baselines", key, BASELINES)
            if name in given:
                raise EegdaeError(f"baselines={list(value)}: names {name} twice")
            given.add(name)
            found[name] = _number(name, what)
    if "msda" in found and found["msda"] is None:
        is_share = corruption.is_share and level > 0
        found["msda"] = level if is_share else MSDA_SHARE
    return found


def _number(name: str, value: object) -> float | None:
    """Check the number of a baseline; that of ``msda`` may be left to the corruption."""
    if name not in ("msda", "cae"):
        if value is not None:
            raise EegdaeError(f"baselines: {{{name}: {value}}}: takes no number; write {name}")
        return None
    if value is None:
        return CAE_WEIGHT if name == "cae" else None
    found = number(f"baselines.{name}", value)
    if name == "msda" and not 0 < found < 1:
        raise EegdaeError(f"baselines.msda={value}: a share of entries, must be more than 0 and less than 1")
    if name == "cae" and not 0 < found < float("inf"):
        raise EegdaeError(f"baselines.cae={value}: the weight of a penalty, must be a number above 0")
    return found
