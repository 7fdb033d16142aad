"""``corruption``: what is to be undone, how much of it, and how that changes during training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eegdae.corruption import Chain, Corruption, LevelSchedule, Part, level_of_snr
from eegdae.corruption.kind import MOST_DECIBEL
from eegdae.errors import EegdaeError
from eegdae.tasks.settings.checks import flag, known, number
from eegdae.tasks.targets import resolve

_SCHEDULE = ("schedule", "end_level", "n_cycles")
_DEFAULTS = LevelSchedule()


def read_corruption(config: Mapping[str, Any]) -> tuple[Corruption, float, LevelSchedule]:
    """Check ``corruption`` and give the kind, its level, and how the level changes during training."""
    node = dict(config["corruption"])
    schedule = LevelSchedule(
        node.pop("schedule", _DEFAULTS.kind),
        node.pop("end_level", _DEFAULTS.end_level),
        node.pop("n_cycles", _DEFAULTS.n_cycles),
    )
    corruption, level = _read_kind("corruption.", node, more=_SCHEDULE)
    if schedule.end_level is not None:
        corruption.check_level(schedule.end_level, "corruption.end_level")
    return corruption, level, schedule


def _read_kind(prefix: str, node: dict[str, Any], *, more: tuple[str, ...] = ()) -> tuple[Corruption, float]:
    """Check one corruption, the whole or a part of a chain; ``more``: keys that were taken off before."""
    target = node.pop("_target_", None)
    kind = resolve(target, where=f"{prefix}_target_")
    if not (isinstance(kind, type) and issubclass(kind, Corruption)):
        raise EegdaeError(f"{prefix}_target_={target!r}: is no corruption")
    has_snr = kind.takes_snr()
    options = kind.options()
    known(prefix, node, (*options, "level", *(("snr_db",) if has_snr else ()), *more))
    level, snr_db = node.pop("level", None), node.pop("snr_db", None)
    if level is None and snr_db is None and has_snr:
        raise EegdaeError(f"{prefix}level=None: must be a number, or null beside a {prefix}snr_db")
    level = _read_level(prefix, level, snr_db)
    for key, value in node.items():
        if isinstance(options[key], bool):
            flag(f"{prefix}{key}", value)
    if kind is Chain:
        node["parts"] = _read_parts(f"{prefix}parts", node.get("parts"))
    try:
        corruption: Corruption = kind(**node)
    except EegdaeError as error:
        raise EegdaeError(str(error).replace("corruption.", prefix, 1)) from error
    corruption.check_level(level, f"{prefix}level")
    return corruption, level


def _read_level(prefix: str, level: object, snr_db: object) -> float:
    """Give the level, said itself or as a signal-to-noise ratio."""
    if snr_db is None:
        return number(f"{prefix}level", level)
    if level is not None:
        raise EegdaeError(
            f"{prefix}snr_db={snr_db}: {prefix}level={level} says how much already; add {prefix}level=null"
        )
    ratio = number(f"{prefix}snr_db", snr_db)
    if abs(ratio) > MOST_DECIBEL:
        raise EegdaeError(f"{prefix}snr_db={ratio:g}: must be -{MOST_DECIBEL:g} to {MOST_DECIBEL:g} decibel")
    return level_of_snr(ratio)


def _read_parts(key: str, node: object) -> tuple[Part, ...]:
    if not isinstance(node, Mapping) or not node:
        raise EegdaeError(f"{key}={node!r}: must be a mapping of names to corruptions; see corruption=chain")
    parts = []
    for name, own in node.items():
        if own is None:
            continue  # an override took this part out
        if not isinstance(own, Mapping):
            raise EegdaeError(
                f"{key}.{name}={own!r}: must be a corruption with a _target_ and a level, or null"
            )
        parts.append(Part(str(name), *_read_kind(f"{key}.{name}.", dict(own))))
    return tuple(parts)
