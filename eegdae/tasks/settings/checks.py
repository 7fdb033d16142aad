"""Checks that the readers of all groups share; each names the key, the value and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eegdae.errors import EegdaeError, did_you_mean


def known(prefix: str, node: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    """Refuse a key that the section does not have."""
    for key in node:
        if key not in keys:
            raise EegdaeError(f"{prefix}{key}: unknown key; {did_you_mean(str(key), keys)}")


def needed(prefix: str, node: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    """Refuse a section without a key."""
    for key in keys:
        if key not in node:
            raise EegdaeError(
                f"{prefix}{key}: is missing; an override took it away (~{prefix}{key}, or [] for a choice)"
            )


def one_of(key: str, value: object, names: tuple[str, ...]) -> str:
    """Give a value that must be one of some names."""
    if value not in names:
        raise EegdaeError(f"{key}={value!r}: not known; {did_you_mean(str(value), names)}")
    return str(value)


def flag(key: str, value: object) -> bool:
    """Give a value that must be true or false."""
    if not isinstance(value, bool):
        raise EegdaeError(f"{key}={value!r}: must be true or false")
    return value


def number(key: str, value: object) -> float:
    """Give a value that must be a number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise EegdaeError(f"{key}={value!r}: must be a number")
    return float(value)


def whole(key: str, value: object, *, low: int) -> int:
    """Give a value that must be a whole number, ``low`` or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise EegdaeError(f"{key}={value!r}: must be a whole number, {low} or more")
    return value


def widths(key: str, value: object) -> tuple[int, ...]:
    """Give a value that must be a list of widths."""
    if not isinstance(value, list | tuple) or not value:
        raise EegdaeError(f"{key}={value!r}: must be a list of one or more widths, for example [256, 64]")
    return tuple(whole(key, width, low=1) for width in value)


def without_target(key: str, config: Mapping[str, Any], allowed: tuple[str, ...]) -> dict[str, Any]:
    """Give a section without its ``_target_``, which must be one of some names."""
    node = dict(config[key])
    target = node.pop("_target_", None)
    if target not in allowed:
        raise EegdaeError(f"{key}._target_={target!r}: refused here; allowed: {', '.join(allowed)}")
    return node
