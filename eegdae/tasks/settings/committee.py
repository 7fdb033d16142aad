"""``committee``: one stack a training person, and how many of them vote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eegdae.errors import EegdaeError
from eegdae.evaluation.recipe import CommitteeSpec
from eegdae.tasks.settings.checks import flag, known, needed, number, whole


def read_committee(config: Mapping[str, Any]) -> CommitteeSpec | None:
    """Check ``committee`` and give who is kept and how they are stacked; None: no committee.

    Raises
    ------
    EegdaeError
        Names the key, the value and what is allowed.
    """
    node = dict(config["committee"])
    if not flag("committee.enabled", node.pop("enabled", False)):
        return None
    known("committee.", node, ("n_members", "head"))
    needed("committee.", node, ("n_members", "head"))
    head = node["head"]
    if not isinstance(head, Mapping):
        raise EegdaeError(
            f"committee.head={head!r}: must be a mapping, for example {{C: 1.0, max_iter: 100}}"
        )
    known("committee.head.", head, ("C", "max_iter"))
    needed("committee.head.", head, ("C", "max_iter"))
    C = number("committee.head.C", head["C"])
    if not 0 < C < float("inf"):
        raise EegdaeError(f"committee.head.C={head['C']!r}: must be a number above 0")
    return CommitteeSpec(
        n_members=whole("committee.n_members", node["n_members"], low=1),
        C=C,
        max_iter=whole("committee.head.max_iter", head["max_iter"], low=1),
    )
