"""What a sweep is going to do, known before it begins: its folder, its jobs, and which of them cannot run."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, product
from math import prod
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override
from omegaconf import DictConfig, OmegaConf

from eegdae.errors import EegdaeError, one_line
from eegdae.tasks.launchers import check_launcher, refuse_together
from eegdae.tasks.overrides import Arguments, check_composition, compose_command
from eegdae.tasks.prepare import plain_config

MOST_REASONS = 3
"""Reasons that a refusal gives; more would bury the line."""


@dataclass(frozen=True)
class SweepPlan:
    """A sweep before it begins.

    Parameters
    ----------
    command : str
        Of the jobs: ``train``, ``extract`` or ``classify``.
    given : tuple of str
        Overrides as the shell gave them.
    folder : Path
        Of the sweep, the same for all its jobs.
    is_named : bool
        Whether ``hydra.sweep.dir`` was given.
    resume : bool
        Go on with the sweep that is there.
    keys : tuple of str
        What is swept over.
    n_jobs : int
        How many there are.
    launcher : mapping
        ``hydra.launcher``: who will run them.
    report : str
        Which runs get a report: ``best`` gets it when all have ended.
    """

    command: str
    given: tuple[str, ...]
    folder: Path
    is_named: bool
    resume: bool
    keys: tuple[str, ...]
    n_jobs: int
    launcher: Mapping[str, Any] = field(default_factory=dict)
    report: str = "none"

    @property
    def override(self) -> str:
        """Tell Hydra the folder: its name may be made of the time, and of what differs between jobs."""
        quoted = str(self.folder).replace("\\", "\\\\").replace("'", "\\'")
        return f"hydra.sweep.dir='{quoted}'"


@dataclass(frozen=True)
class _Values:
    """All values of one override: as Hydra is told them, and as Python objects."""

    key: str
    is_group: bool
    texts: tuple[str, ...]
    values: tuple[Any, ...]


def plan_sweep(command: str, args: Arguments, folder: Path) -> SweepPlan:
    """Look through all jobs of a sweep.

    Parameters
    ----------
    command : str
        Entry file.
    args : Arguments
        Of `check_args`.
    folder : Path
        Of the configuration.

    Returns
    -------
    SweepPlan
        With at least one job.

    Raises
    ------
    EegdaeError
        If there is no job, if two are the same, or if one cannot run whatever the data.
    """
    fixed = [str(each.input_line) for each in args.overrides if not each.is_sweep_override()]
    primary = compose_command(command, fixed, folder)
    launcher: Any = OmegaConf.to_container(primary.hydra.launcher)
    check_launcher(launcher)
    params: Mapping[str, Any] = primary.hydra.sweeper.get("params") or {}
    parser = OverridesParser.create()
    every: dict[str, _Values] = {}
    for given in (
        parser.parse_overrides([f"{key}={value}" for key, value in params.items()]),
        args.overrides,
    ):
        found = [_values(each, args.folders) for each in given]
        for number, each in enumerate(found):
            if any(each.key == other.key and len(other.texts) > 1 for other in found[:number]):
                raise EegdaeError(f"{each.key}: given twice; in a sweep, give all its values in one list")
        every |= {each.key: each for each in found}
    _refuse_same(list(every.values()))
    impossible = _impossible(command, list(every.values()), _referenced(primary), folder)
    n_jobs = prod(len(each.texts) for each in every.values())
    if impossible:
        raise EegdaeError(_told(impossible, n_jobs))
    subdir = OmegaConf.to_yaml(primary.hydra.sweep).partition("subdir:")[2].strip()
    if n_jobs > 1 and "${" not in subdir:
        raise EegdaeError(
            f"hydra.sweep.subdir={subdir!r}: the same folder for all jobs; leave it out, or "
            "make it of ${hydra.job.num}"
        )
    sweep: Any = primary.get("sweep") or {}
    if not str(primary.hydra.sweep._get_node("dir")).strip():
        raise EegdaeError("hydra.sweep.dir: is empty; name a folder, or leave it out")
    return SweepPlan(
        command=command,
        given=args.texts,
        folder=_folder(primary),
        is_named=any(each.key_or_group == "hydra.sweep.dir" for each in args.overrides),
        resume=bool(sweep.get("resume", False) or primary.get("resume", False)),
        keys=tuple(each.key for each in every.values() if len(each.texts) > 1),
        n_jobs=n_jobs,
        launcher=launcher,
        report=str(primary.get("report", "none")),
    )


def _folder(primary: DictConfig) -> Path:
    """Resolve the folder of a sweep as Hydra would."""
    before = HydraConfig.instance().cfg
    try:
        HydraConfig.instance().set_config(primary)
        return Path(str(primary.hydra.sweep.dir))
    finally:
        HydraConfig.instance().cfg = before


def _values(override: Override, folders: Sequence[Path]) -> _Values:
    name = override.get_key_element()
    key = name.lstrip("+")
    is_group = any((folder / override.key_or_group).is_dir() for folder in folders)
    if not override.is_sweep_override():
        return _Values(key, is_group, (str(override.input_line),), (override.value(),))
    if override.is_hydra_override():
        raise EegdaeError(f"{override.input_line}: Hydra's own keys cannot be swept over")
    if not override.is_discrete_sweep():
        raise EegdaeError(f"{override.input_line}: a sweep needs a list or a range")
    value = override.value()
    if isinstance(value, Glob):
        names = {file.stem for folder in folders for file in (folder / override.key_or_group).glob("*.yaml")}
        values: list[Any] = value.filter(sorted(names))
        texts = [f"{name}={value}" for value in values]
    else:
        if getattr(value, "shuffle", False):
            raise EegdaeError(
                f"{override.input_line}: not shuffled, please; when a sweep goes on, "
                "each job must have the number that it had"
            )
        try:
            texts = [f"{name}={text}" for text in override.sweep_string_iterator()]
            values = [Override._convert_value(value) for value in override.sweep_iterator()]
        except ValueError as error:
            raise EegdaeError(f"{override.input_line}: {one_line(error)}") from error
    if not texts:
        raise EegdaeError(f"{override.input_line}: a sweep over nothing")
    return _Values(key, is_group, tuple(texts), tuple(values))


def _refuse_same(every: Sequence[_Values]) -> None:
    """Refuse two jobs of the same overrides: as jobs are all combinations, one key has a value twice then."""
    for number, each in enumerate(every):
        step = prod(len(later.texts) for later in every[number + 1 :])
        first: dict[Any, int] = {}
        for place, value in enumerate(each.values):
            same = first.setdefault(str(value) if each.is_group else _canonical(value), place)
            if same != place:
                texts = " and ".join(dict.fromkeys((each.texts[same], each.texts[place])))
                raise EegdaeError(
                    f"{texts}: jobs {same * step} and {place * step} would be the same; give each value once"
                )


def _canonical(value: Any) -> Any:
    """Make 0.5, .5 and 5e-1 alike, but not 1 and true."""
    if isinstance(value, Mapping):
        return ("mapping", *sorted((str(key), _canonical(inner)) for key, inner in value.items()))
    if isinstance(value, list):
        return ("list", *(_canonical(inner) for inner in value))
    return (bool if isinstance(value, bool) else float if isinstance(value, int | float) else str, value)


def _referenced(config: DictConfig) -> set[str]:
    """Keys that other keys are made of."""
    text = OmegaConf.to_yaml(OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"]))
    return {
        name for inner in re.findall(r"\$\{([^}]*)", text) for name in re.findall(r"[A-Za-z_][\w.]*", inner)
    }


def _is_plain(each: _Values, referenced: set[str]) -> bool:
    """Whether values of a key can be put into a composition: nothing else follows from them."""
    if each.is_group or not re.fullmatch(r"\w+(\.\w+)*", each.key) or each.texts[0].startswith(("+", "~")):
        return False
    if any(name == each.key or f"{name}.".startswith(f"{each.key}.") for name in referenced):
        return False
    return not any(isinstance(value, Mapping) or "${" in str(value) for value in each.values)


def _impossible(
    command: str, every: Sequence[_Values], referenced: set[str], folder: Path
) -> dict[int, tuple[tuple[str, ...], str]]:
    """Find the jobs whose settings are refused: number, what they differ in, reason.

    Every combination of choices is composed; values of other keys are put in, a hundred times faster.
    """
    from eegdae.tasks.settings import read_settings

    plain = [_is_plain(each, referenced) for each in every]
    composed: dict[tuple[int, ...], dict[str, Any] | EegdaeError] = {}
    found: dict[int, tuple[tuple[str, ...], str]] = {}
    for number, places in enumerate(product(*(range(len(each.texts)) for each in every))):
        base = tuple(0 if is_plain else place for is_plain, place in zip(plain, places, strict=True))
        if base not in composed:
            texts = [each.texts[place] for each, place in zip(every, base, strict=True)]
            composed[base] = _composed(compose_command(command, texts, folder))
        config = composed[base]
        try:
            if isinstance(config, EegdaeError):
                raise config
            if command == "train":
                values = {
                    each.key: each.values[k] for each, k, b in zip(every, places, base, strict=True) if k != b
                }
                with warnings.catch_warnings():
                    # the jobs themselves will warn
                    warnings.simplefilter("ignore")
                    changed = _changed(config, values)
                    refuse_together(changed["trainer"])
                    read_settings(changed)
        except EegdaeError as error:
            told = zip(every, places, strict=True)
            found[number] = tuple(each.texts[k] for each, k in told if len(each.texts) > 1), str(error)
    return found


def _composed(config: DictConfig) -> dict[str, Any] | EegdaeError:
    check_composition(config)
    try:
        return plain_config(OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"]))
    except EegdaeError as error:
        return error


def _changed(config: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a configuration with values of dotted keys put in."""
    changed: dict[str, Any] = copy.deepcopy(dict(config))
    for key, value in values.items():
        node = changed
        *parents, last = key.split(".")
        for parent in parents:
            node = node[parent]
        node[last] = value
    return changed


def _told(impossible: Mapping[int, tuple[tuple[str, ...], str]], n_jobs: int) -> str:
    """Say which jobs cannot run and why, in one line."""
    by_reason: dict[str, list[int]] = {}
    for number, (_, reason) in impossible.items():
        by_reason.setdefault(reason, []).append(number)
    if len(by_reason) == 1 and len(impossible) == n_jobs:
        return next(iter(by_reason))
    parts = []
    for reason, numbers in list(by_reason.items())[:MOST_REASONS]:
        told = [set(impossible[number][0]) for number in numbers]
        shared = [text for text in impossible[numbers[0]][0] if all(text in each for each in told)]
        like = f" ({' '.join(shared)})" if shared else ""
        parts.append(f"{_numbers(numbers)}{like}: {reason}")
    if len(by_reason) > MOST_REASONS:
        parts.append(f"and {len(by_reason) - MOST_REASONS} more reasons")
    return f"{len(impossible)} of {n_jobs} jobs cannot run, so none was started: {'; '.join(parts)}"


def _numbers(numbers: Sequence[int]) -> str:
    """Lay numbers of jobs out: ``jobs 0 to 3, 7``."""
    parts = []
    for _, stretch in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        found = [number for _, number in stretch]
        parts.append(f"{found[0]} to {found[-1]}" if len(found) > 2 else ", ".join(map(str, found)))
    return f"{'job' if len(numbers) == 1 else 'jobs'} {', '.join(parts)}"
