"""The configured space of a search, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.tasks.overrides import override_text
from eegdae.tasks.search.space import TYPES, Parameter, Space, Value
from eegdae.tasks.settings.checks import flag, known, number, one_of, whole

NOT_SEARCHED = (
    "search",
    "sweep",
    "hydra",
    "paths",
    "resume",
    "debug",
    "name",
    "experiment",
    "report",
    "logger",
)
"""Keys that are no settings of a run, or that would undo the overrides of the user."""

_NUMERIC = ("key", "type", "low", "high", "step", "log", "scale_by", "scale")
_CATEGORICAL = ("key", "type", "choices")


def read_space(node: object) -> Space:
    """Check a configured space.

    Parameters
    ----------
    node : object
        Name -> its description, see ``conf/search/optuna.yaml``.

    Returns
    -------
    Space
        At least one parameter.

    Raises
    ------
    EegdaeError
        Names the key, the value and what is allowed.
    """
    if not isinstance(node, Mapping) or not node:
        raise EegdaeError(
            f"search.space={node!r}: nothing to search; give NAME: "
            f"{{key: KEY, type: float, low: 0, high: 1}}, "
            "or take a ready search such as search=levels"
        )
    parameters = tuple(_read_parameter(str(name), part) for name, part in node.items())
    by_name = {p.name: p for p in parameters}
    for p in parameters:
        if p.scale_by is None:
            continue
        where = f"search.space.{p.name}"
        categorical = [other.name for other in parameters if other.type == "categorical"]
        if p.scale_by not in categorical:
            raise EegdaeError(
                f"{where}.scale_by={p.scale_by!r}: no categorical parameter of the space; "
                f"{did_you_mean(p.scale_by, categorical)}"
            )
        choices = [str(choice) for choice in by_name[p.scale_by].choices]
        known(f"{where}.scale.", p.scale, tuple(choices))
    labels = [p.label for p in parameters]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice:
        raise EegdaeError(f"search.space: two parameters set {twice}; leave one out")
    return Space(parameters)


def _read_parameter(name: str, node: object) -> Parameter:
    where = f"search.space.{name}"
    if not isinstance(node, Mapping):
        raise EegdaeError(f"{where}={node!r}: must be a mapping, e.g. {{type: float, low: 0, high: 1}}")
    kind = one_of(f"{where}.type", node.get("type"), TYPES)
    known(f"{where}.", node, _CATEGORICAL if kind == "categorical" else _NUMERIC)
    key = str(node["key"]) if node.get("key") is not None else name
    _check_key(where, key)
    if kind == "categorical":
        choices = _read_choices(where, key, node.get("choices"))
        named = isinstance(node.get("choices"), Mapping)
        if named and node.get("key") is not None:
            raise EegdaeError(
                f"{where}.key={key!r}: not with choices that name their overrides; leave it out"
            )
        return Parameter(name, None if named else key, kind, choices=choices)
    return _read_range(name, key, kind, node)


def _check_key(where: str, key: str) -> None:
    top = key.lstrip("+~").replace("/", ".").partition(".")[0].partition("@")[0]
    if top in NOT_SEARCHED:
        raise EegdaeError(f"{where}: {key} is no setting that can be searched")


def _read_choices(where: str, key: str, node: object) -> dict[Value, tuple[str, ...]]:
    """Read a list of values of the key, or a mapping of names to lists of overrides."""
    if isinstance(node, str | bytes) or not isinstance(node, Mapping | Sequence) or not node:
        raise EegdaeError(
            f"{where}.choices={node!r}: must be a list of values, or a mapping of names to lists of overrides"
        )
    choices: dict[Value, tuple[str, ...]] = {}
    if isinstance(node, Mapping):
        for name, overrides in node.items():
            if isinstance(overrides, str) or not isinstance(overrides, Sequence):
                raise EegdaeError(
                    f"{where}.choices.{name}={overrides!r}: must be a list of overrides, e.g. "
                    "[corruption.level=1]"
                )
            for text in overrides:
                _check_key(f"{where}.choices.{name}", str(text).partition("=")[0])
            choices[str(name)] = tuple(map(str, overrides))
        return choices
    for value in node:
        text = override_text(value)
        drawn = value if value is None or isinstance(value, bool | int | float) else text
        # True == 1 == 1.0 for a dict
        if text in (override_text(other) for other in choices) or drawn in choices:
            raise EegdaeError(f"{where}.choices: {text} stands there twice")
        choices[drawn] = (f"{key}={text}",)
    return choices


def _read_range(name: str, key: str, kind: str, node: Mapping[str, Any]) -> Parameter:
    where = f"search.space.{name}"
    for end in ("low", "high"):
        if node.get(end) is None:
            raise EegdaeError(f"{where}.{end}: is missing; a {kind} needs low and high")
    log = flag(f"{where}.log", node.get("log", False))
    if kind == "int":
        low, high = (float(whole(f"{where}.{end}", node[end], low=-(2**53))) for end in ("low", "high"))
    else:
        low, high = (number(f"{where}.{end}", node[end]) for end in ("low", "high"))
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise EegdaeError(f"{where}: low={low:g} must be below high={high:g}, both of them numbers")
    step = node.get("step")
    if step is not None:
        step = whole(f"{where}.step", step, low=1) if kind == "int" else number(f"{where}.step", step)
        if not 0 < step <= high - low:
            raise EegdaeError(
                f"{where}.step={step:g}: must be above 0, and high - low={high - low:g} at most"
            )
    elif kind == "int" and not log:
        step = 1
    if log and (low <= 0 or step is not None):
        raise EegdaeError(f"{where}.log=true: needs low above 0 (low={low:g}) and no step")
    by, scale = node.get("scale_by"), node.get("scale") or {}
    if (by is None) != (not scale) or not isinstance(scale, Mapping) or (by is not None and kind == "int"):
        raise EegdaeError(
            f"{where}.scale: a mapping of the choices of another parameter, which scale_by names, to factors "
            "of "
            "a float"
        )
    factors = {str(choice): number(f"{where}.scale.{choice}", factor) for choice, factor in scale.items()}
    return Parameter(name, key, kind, low, high, step, log, {}, None if by is None else str(by), factors)
