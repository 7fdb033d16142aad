"""The words of ``eegdae data show`` and ``check``: names, paths and keys become data configurations."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import yaml

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.recordings import as_config
from eegdae.tasks.data import is_open, read_set, set_files


def split_words(args: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Tell ``key=value`` from names and paths.

    Parameters
    ----------
    args : sequence of str
        As the shell gave them; ``data.`` before a key may stand or not, as errors show it.

    Returns
    -------
    targets : list of str
    overrides : dict
        Values read as YAML; text where they are none.
    """
    targets: list[str] = []
    overrides: dict[str, Any] = {}
    for arg in args:
        key, is_pair, text = arg.partition("=")
        if not is_pair or os.path.exists(arg) or not key.replace(".", "").replace("_", "").isalnum():
            targets.append(arg)
            continue
        *parents, last = key.removeprefix("data.").split(".")
        node = overrides
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise EegdaeError(f"{arg}: {parent} was given a value already")
        node[last] = _value(text)
    overrides.pop("debug", None)  # the command line's own
    return targets, overrides


def configuration(target: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Make the data configuration that a word of the command line stands for.

    Parameters
    ----------
    target : str
        A name of a set, a file, a glob or a folder.
    overrides : mapping
        Keys that replace those of the set.

    Returns
    -------
    dict
        Of a path: what ``conf/data`` has for recordings of that kind, and the files.

    Raises
    ------
    EegdaeError
        If there is neither such a set nor such a file.
    """
    known = {file.stem: file for file in set_files()}
    if target in known:
        config = _merged(read_set(known[target]), overrides)
        if is_open(config):
            raise EegdaeError(
                f"data {target}: stands for recordings of your own; give the file or folder itself"
            )
    else:
        if not any(mark in target for mark in "./*~") and not os.path.exists(target):
            raise EegdaeError(f"data {target}: no such set and no such file; {did_you_mean(target, known)}")
        of_files = as_config(target, **overrides)
        # to read all sets takes longer than to read a recording
        line = re.compile(rf"^source: *{re.escape(str(of_files.get('source')))}\s*$", re.MULTILINE)
        kinds = [read_set(file) for file in known.values() if line.search(file.read_text("utf-8"))]
        of_kind = [c for c in kinds if is_open(c) and c.get("source") == of_files.get("source")]
        config = {
            **_merged(of_kind[0] if of_kind else {}, overrides),
            **{k: of_files[k] for k in ("source", "path")},
        }
    return {key: value for key, value in config.items() if value != "???"}


def _merged(config: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(config)
    for key, value in overrides.items():
        old = merged.get(key)
        merged[key] = (
            _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
        )
    return merged


def _value(text: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):  # a pattern that begins with a brace, an odd date
        return text
    return text if isinstance(value, date) else value
