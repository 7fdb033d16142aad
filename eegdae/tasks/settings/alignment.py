"""``alignment`` and ``adaptation``: what is made of unlabelled windows of new people and sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eegdae.alignment import AlignmentSpec
from eegdae.errors import EegdaeError
from eegdae.tasks.settings.checks import flag, known, needed
from eegdae.training import AdaptationSpec

_ALIGNMENT = ("kind", "by", "n_windows")
_ADAPTATION = ("lr", "batch_size", "steps")


def read_alignment(value: object) -> AlignmentSpec:
    """Check ``alignment`` and give how people or sessions are aligned.

    Parameters
    ----------
    value : mapping or str
        What the key holds; a kind alone has the defaults of the others.

    Returns
    -------
    AlignmentSpec
        Checked.

    Raises
    ------
    EegdaeError
        Names the key, the value and what is allowed.
    """
    if isinstance(value, str):
        return AlignmentSpec(value)
    if not isinstance(value, Mapping):
        raise EegdaeError(
            f"alignment={value!r}: must be a mapping, or one of none, zscore, euclidean, riemann"
        )
    known("alignment.", value, _ALIGNMENT)
    needed("alignment.", value, ("kind",))
    return AlignmentSpec(**{str(key): option for key, option in value.items()})


def read_adaptation(config: Mapping[str, Any]) -> AdaptationSpec | None:
    """Check ``adaptation`` and give how first layers go on learning in new sessions; None: not at all.

    Parameters
    ----------
    config : mapping
        Plain Python with the key.

    Returns
    -------
    AdaptationSpec or None
        Checked.

    Raises
    ------
    EegdaeError
        Names the key, the value and what is allowed.
    """
    node = dict(config["adaptation"])
    if not flag("adaptation.enabled", node.pop("enabled", False)):
        return None
    known("adaptation.", node, _ADAPTATION)
    needed("adaptation.", node, _ADAPTATION)
    return AdaptationSpec(**node)
