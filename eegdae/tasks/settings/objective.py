"""``loss``: what is minimised, and the mapping that keeps neighbours near after training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from eegdae.tasks.settings.checks import known, needed, whole
from eegdae.training import LOSS_OPTIONS, Objective


def read_objective(config: Mapping[str, Any]) -> tuple[Objective, int | None]:
    """Check ``loss`` and give what is minimised, and how many dimensions codes are mapped to afterwards.

    Parameters
    ----------
    config : mapping
        Plain Python with the key.

    Returns
    -------
    objective : Objective
        What is minimised.
    lpp : int or None
        Dimensions of the locality-preserving projection of the codes; None = none is made.

    Raises
    ------
    EegdaeError
        Names the key, the value and what is allowed.
    """
    node = dict(config["loss"])
    needed("loss.", node, ("name",))
    name, lpp = node.pop("name"), node.pop("lpp", None)
    objective = Objective(name)
    others = {option for loss, options in LOSS_OPTIONS.items() if loss != name for option in options}
    options = (field.name for field in fields(Objective) if field.name not in {"loss", *others})
    known("loss.", node, ("name", "lpp", *options))
    objective = Objective(name, **node)
    return objective, None if lpp is None else whole("loss.lpp", lpp, low=1)
