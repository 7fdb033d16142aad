"""``corruption``: what is to be undone, and how much of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eegdae.corruption import Corruption, LevelSchedule
from eegdae.errors import EegdaeError
from eegdae.tasks.settings.checks import flag, known, number
from eegdae.tasks.targets import resolve


def read_corruption(config: Mapping[str, Any]) -> tuple[Corruption, float, LevelSchedule]:
    """Check ``corruption`` and give the kind, its level, and how the level changes during training."""
    node = dict(config["corruption"])
    kind = resolve(node.pop("_target_", None), where="corruption._target_")
    if not (isinstance(kind, type) and issubclass(kind, Corruption)):
        raise EegdaeError(f"corruption._target_={config['corruption']['_target_']!r}: is no corruption")
    level = number("corruption.level", node.pop("level", None))
    options = kind.options()
    known("corruption.", node, (*options, "level"))
    for key, value in node.items():
        flag(f"corruption.{key}", value)
    corruption = kind(**node)
    corruption.check_level(level)
    return corruption, level, LevelSchedule()
