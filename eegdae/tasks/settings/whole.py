"""All groups together: the whole configuration as checked Python objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eegdae.errors import EegdaeError
from eegdae.evaluation.judge import Recipe
from eegdae.scaling import ALIGNMENTS, SCALERS
from eegdae.tasks.settings.checks import flag, known, needed, number, one_of, whole
from eegdae.tasks.settings.corruption import read_corruption
from eegdae.tasks.settings.features import read_views
from eegdae.tasks.settings.heads import read_baselines, read_finetune, read_head
from eegdae.tasks.settings.network import read_network
from eegdae.tasks.settings.training import read_objective, read_optimizer, read_schedule
from eegdae.tasks.targets import check_targets

_SECTIONS = (
    *("data", "windows", "features", "corruption", "model", "loss", "optimizer", "lr_schedule", "pretrain"),
    *("finetune", "head", "split", "trainer"),
)
_TOP = ("name", "seed", "scaler", "alignment", "baselines", "resume", "debug", *_SECTIONS, "paths")


@dataclass(frozen=True)
class Settings:
    """What a training run is told.

    Parameters
    ----------
    name : str
        Of the run.
    data, windows, split : dict
        Keyword arguments of `load_recordings`, `make_windows` and `make_folds`.
    threads : int or None
        Threads of torch; None = as many as cores.
    recipe : Recipe
        Everything from features to verdict.
    """

    name: str
    data: dict[str, Any]
    windows: dict[str, Any]
    split: dict[str, Any]
    threads: int | None
    recipe: Recipe


def read_settings(config: Mapping[str, Any]) -> Settings:
    """Check a composed configuration and build what it describes.

    Parameters
    ----------
    config : mapping
        Plain Python, interpolations resolved.

    Returns
    -------
    Settings
        Checked.

    Raises
    ------
    EegdaeError
        Names the key, the value and what is allowed.
    """
    check_targets(config)
    known("", config, _TOP)
    needed("", config, _TOP)
    for key in ("resume", "debug"):
        flag(key, config[key])
    for key in _SECTIONS:
        if not isinstance(config[key], Mapping):
            raise EegdaeError(
                f"{key}={config[key]!r}: must be a mapping; see eegdae train --help for the choices"
            )
    hidden, network = read_network(config)
    optimizer = read_optimizer(config)
    schedule, threads = read_schedule(config, optimizer)
    objective = read_objective(config)
    corruption, level, level_schedule = read_corruption(config)
    scaler = one_of("scaler", config["scaler"], SCALERS)
    windows = dict(config["windows"])
    known("windows.", windows, ("size", "stride", "max_missing", "bad_channels", "channels"))
    needed("windows.", windows, ("size",))
    for key in ("size", "stride", "max_missing"):
        if windows.get(key) is not None:
            number(f"windows.{key}", windows[key])
    split = dict(config["split"])
    known("split.", split, ("kind", "by", "n_folds", "train", "test"))
    needed("split.", split, ("kind",))
    data = dict(config["data"])
    views = read_views(config["features"])
    for view in views:
        schedule.stage_names(len(view.hidden or hidden))
    return Settings(
        name=str(config["name"]),
        data=data,
        windows=windows,
        split=split,
        threads=threads,
        recipe=Recipe(
            views=views,
            hidden=hidden,
            scaler=scaler,
            corruption=corruption,
            level=level,
            schedule=schedule,
            objective=objective,
            level_schedule=level_schedule,
            network=network,
            head=read_head(config),
            finetune=read_finetune(config, optimizer),
            seed=whole("seed", config["seed"], low=0),
            alignment=one_of("alignment", config["alignment"], ALIGNMENTS),
            baselines=read_baselines(config["baselines"], views),
        ),
    )
