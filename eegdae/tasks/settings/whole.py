"""All groups together: the whole configuration as checked Python objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eegdae.errors import EegdaeError
from eegdae.evaluation.recipe import Recipe
from eegdae.scaling import SCALERS
from eegdae.tasks.settings.alignment import read_adaptation, read_alignment
from eegdae.tasks.settings.baselines import read_baselines
from eegdae.tasks.settings.checks import flag, known, needed, number, one_of, whole
from eegdae.tasks.settings.committee import read_committee
from eegdae.tasks.settings.corruption import read_corruption
from eegdae.tasks.settings.features import read_views
from eegdae.tasks.settings.finetune import read_finetune
from eegdae.tasks.settings.heads import read_head
from eegdae.tasks.settings.network import read_network
from eegdae.tasks.settings.objective import read_objective
from eegdae.tasks.settings.ocular import read_ocular
from eegdae.tasks.settings.training import read_optimizer, read_schedule
from eegdae.tasks.targets import check_targets
from eegdae.windows import HOW_TO_CUT

_SECTIONS = (
    *("data", "windows", "features", "corruption", "model", "loss", "optimizer", "lr_schedule", "pretrain"),
    *("finetune", "adaptation", "head", "committee", "split", "trainer", "ocular"),
)
REPORTS = ("none", "best", "all")

_TOP = ("name", "seed", "scaler", "alignment", "baselines", "resume", "debug", *_SECTIONS, "prepare", "paths")


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
    report : str
        Which runs get a report: ``none``, ``best`` (a single run, and the best of a sweep) or ``all``.
    """

    name: str
    data: dict[str, Any]
    windows: dict[str, Any]
    split: dict[str, Any]
    threads: int | None
    recipe: Recipe
    report: str = "best"


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
    known("", config, (*_TOP, "report", "logger", "search", "sweep"))
    needed("", config, _TOP)
    for key in ("resume", "debug"):
        flag(key, config[key])
    sweep = config.get("sweep", {})
    if not isinstance(sweep, Mapping):
        raise EegdaeError(f"sweep={sweep!r}: must be a mapping; give sweep.resume=true or false")
    known("sweep.", sweep, ("resume",))
    flag("sweep.resume", sweep.get("resume", False))
    for key in _SECTIONS:
        if not isinstance(config[key], Mapping):
            raise EegdaeError(
                f"{key}={config[key]!r}: must be a mapping; see eegdae train --help for the choices"
            )
    views = read_views(config["features"])
    hidden, network, joint_layer = read_network(config, views)
    optimizer = read_optimizer(config)
    schedule, threads = read_schedule(config, optimizer)
    objective, lpp = read_objective(config)
    corruption, level, level_schedule = read_corruption(config)
    scaler = one_of("scaler", config["scaler"], SCALERS)
    windows = dict(config["windows"])
    known("windows.", windows, HOW_TO_CUT)
    needed("windows.", windows, ("size",))
    for key in ("size", "stride", "tmin", "max_missing"):
        if windows.get(key) is not None:
            number(f"windows.{key}", windows[key])
    split = dict(config["split"])
    known("split.", split, ("kind", "by", "n_folds", "train", "test"))
    needed("split.", split, ("kind",))
    data = dict(config["data"])
    if "convolution" not in network:
        for view in views:
            # a list of epochs must have one for each layer
            schedule.stage_names(len(view.hidden or hidden))
    return Settings(
        name=str(config["name"]),
        data=data,
        windows=windows,
        split=split,
        threads=threads,
        report=one_of("report", config.get("report", "best"), REPORTS),
        recipe=Recipe(
            views=views,
            hidden=hidden,
            scaler=scaler,
            corruption=corruption,
            level=level,
            schedule=schedule,
            objective=objective,
            lpp=lpp,
            level_schedule=level_schedule,
            network=network,
            joint_layer=joint_layer,
            head=read_head(config),
            finetune=read_finetune(config, optimizer),
            committee=read_committee(config),
            seed=whole("seed", config["seed"], low=0),
            ocular=read_ocular(config["ocular"]),
            alignment=read_alignment(config["alignment"]),
            adaptation=read_adaptation(config),
            baselines=read_baselines(config["baselines"], views, corruption=corruption, level=level),
        ),
    )
