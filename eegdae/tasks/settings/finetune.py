"""``finetune``: how encoders are trained on with labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from eegdae.errors import EegdaeError
from eegdae.evaluation.recipe import FinetuneSpec
from eegdae.tasks.settings.checks import flag, known, number
from eegdae.tasks.settings.heads import read_network_head
from eegdae.training import Optimizer

_KEYS = ("enabled", "epochs", "batch_size", "level", "reconstruction", "width", "dropout", "lr")


def read_finetune(config: Mapping[str, Any], optimizer: Optimizer) -> FinetuneSpec | None:
    """Check ``finetune`` and give how encoders are trained on with labels; None: not at all.

    Parameters
    ----------
    config : mapping
        Plain Python with the key.
    optimizer : Optimizer
        Of the run; here it has a step size of its own.

    Returns
    -------
    FinetuneSpec or None
        Checked.

    Raises
    ------
    EegdaeError
        Names the key, the value and what is allowed.
    """
    node = dict(config["finetune"])
    if not flag("finetune.enabled", node.pop("enabled", False)):
        return None
    known("finetune.", node, _KEYS)
    level = number("finetune.level", node.pop("level", None))
    weight = number("finetune.reconstruction", node.pop("reconstruction", 0.0))
    if not 0 <= weight < math.inf:
        raise EegdaeError(f"finetune.reconstruction={weight:g}: must be a number, 0 or more")
    head = read_network_head("finetune", node, optimizer)
    return FinetuneSpec(level=level, reconstruction=weight, **head)
