"""``head``: what judges codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eegdae.errors import EegdaeError
from eegdae.evaluation.recipe import HeadSpec
from eegdae.tasks.settings.checks import known, needed, number, whole, without_target
from eegdae.tasks.settings.training import read_optimizer
from eegdae.training import Optimizer


def read_head(config: Mapping[str, Any]) -> HeadSpec:
    """Check ``head`` and ``optimizer`` of a configuration and build the head they describe.

    Parameters
    ----------
    config : mapping
        Plain Python with both keys.

    Returns
    -------
    HeadSpec
        What judges codes.

    Raises
    ------
    EegdaeError
        Names the key, the value and what is allowed.
    """
    optimizer = read_optimizer(config)
    allowed = ("eegdae.evaluation.heads.LogisticHead", "eegdae.models.CodeClassifier")
    node = without_target("head", config, allowed)
    if config["head"]["_target_"] == allowed[0]:
        known("head.", node, ("C", "max_iter"))
        needed("head.", node, ("C", "max_iter"))
        return HeadSpec(C=_penalties(node["C"]), max_iter=whole("head.max_iter", node["max_iter"], low=1))
    known("head.", node, ("width", "dropout", "epochs", "batch_size", "lr"))
    return HeadSpec(kind="mlp", **read_network_head("head", node, optimizer))


def _penalties(value: object) -> tuple[float, ...]:
    given = value if isinstance(value, list | tuple) else [value]
    found = tuple(number("head.C", one) for one in given)
    if not found or min(found) <= 0 or max(found) == float("inf"):
        raise EegdaeError(f"head.C={value!r}: must be a number above 0, or a list of them")
    return found


def read_network_head(key: str, node: dict[str, Any], optimizer: Optimizer) -> dict[str, Any]:
    """Check the options of a head that is a network and give them, its optimiser with its own step size."""
    needed(f"{key}.", node, ("width", "dropout", "epochs", "batch_size", "lr"))
    lr = number(f"{key}.lr", node.pop("lr"))
    whole(f"{key}.epochs", node["epochs"], low=1)
    whole(f"{key}.batch_size", node["batch_size"], low=1)
    whole(f"{key}.width", node["width"], low=0)
    if not 0 <= number(f"{key}.dropout", node["dropout"]) < 1:
        raise EegdaeError(f"{key}.dropout={node['dropout']}: must be 0 or more and less than 1")
    return {**node, "optimizer": replace(optimizer, options={**optimizer.options, "lr": lr})}
