"""A composed configuration as checked Python objects: each key is known, of its type and in its range."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eegdae.corruption import Corruption
from eegdae.errors import EegdaeError, did_you_mean
from eegdae.evaluation.judge import FinetuneSpec, HeadSpec, Recipe
from eegdae.features import FROM_WINDOWS, View
from eegdae.scaling import ALIGNMENTS, SCALERS
from eegdae.tasks.targets import check_targets, resolve
from eegdae.training import Optimizer, Schedule

_SECTIONS = (
    *("data", "windows", "features", "corruption", "model", "loss", "optimizer", "pretrain"),
    *("finetune", "head", "split", "trainer"),
)
_TOP = ("name", "seed", "scaler", "alignment", "baselines", "resume", "debug", *_SECTIONS, "paths")
MAX_THREADS = 1024
BASELINES = ("eigenvalue_ratio", "deviation")


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
    _known("", config, _TOP)
    _needed("", config, _TOP)
    for key in ("resume", "debug"):
        _flag(key, config[key])
    for key in _SECTIONS:
        if not isinstance(config[key], Mapping):
            raise EegdaeError(
                f"{key}={config[key]!r}: must be a mapping; see eegdae train --help for the choices"
            )
    model = _without_target("model", config, ("eegdae.models.StackedAutoencoder",))
    _known("model.", model, ("hidden", "raw_view_hidden", "activation", "code_activation"))
    _needed("model.", model, ("hidden",))
    hidden = _widths("model.hidden", model.pop("hidden"))
    model.pop("raw_view_hidden", None)  # features.raw.hidden has it, by interpolation
    trainer = dict(config["trainer"])
    _known("trainer.", trainer, ("batch_size", "threads", "checkpoint_seconds"))
    _needed("trainer.", trainer, ("batch_size", "threads", "checkpoint_seconds"))
    if trainer["threads"] is not None and _whole("trainer.threads", trainer["threads"], low=1) > MAX_THREADS:
        raise EegdaeError(f"trainer.threads={trainer['threads']}: must be {MAX_THREADS} or less")
    pretrain = dict(config["pretrain"])
    _known("pretrain.", pretrain, ("name", "epochs", "joint_epochs"))
    _needed("pretrain.", pretrain, ("name", "epochs", "joint_epochs"))
    _known("loss.", config["loss"], ("name",))
    _needed("loss.", config["loss"], ("name",))
    corruption, level = _corruption(config)
    scaler = _one_of("scaler", config["scaler"], SCALERS)
    optimizer = _optimizer(config)
    windows = dict(config["windows"])
    _known("windows.", windows, ("size", "stride", "max_missing", "bad_channels", "channels"))
    _needed("windows.", windows, ("size",))
    for key in ("size", "stride", "max_missing"):
        if windows.get(key) is not None:
            _number(f"windows.{key}", windows[key])
    split = dict(config["split"])
    _known("split.", split, ("kind", "by", "n_folds", "train", "test"))
    _needed("split.", split, ("kind",))
    data = dict(config["data"])
    views = _views(config["features"])
    return Settings(
        name=str(config["name"]),
        data=data,
        windows=windows,
        split=split,
        threads=trainer["threads"],
        recipe=Recipe(
            views=views,
            hidden=hidden,
            scaler=scaler,
            corruption=corruption,
            level=level,
            schedule=Schedule(
                pretrain=pretrain["name"],
                epochs=pretrain["epochs"],
                joint_epochs=pretrain["joint_epochs"],
                batch_size=trainer["batch_size"],
                loss=config["loss"]["name"],
                optimizer=optimizer,
                checkpoint_seconds=_number("trainer.checkpoint_seconds", trainer["checkpoint_seconds"]),
            ),
            network=model,
            head=read_head(config),
            finetune=_finetune(config, optimizer),
            seed=_whole("seed", config["seed"], low=0),
            alignment=_one_of("alignment", config["alignment"], ALIGNMENTS),
            baselines=_baselines(config["baselines"], views),
        ),
    )


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
    return _head(config, _optimizer(config))


def _corruption(config: Mapping[str, Any]) -> tuple[Corruption, float]:
    node = dict(config["corruption"])
    kind = resolve(node.pop("_target_", None), where="corruption._target_")
    if not (isinstance(kind, type) and issubclass(kind, Corruption)):
        raise EegdaeError(f"corruption._target_={config['corruption']['_target_']!r}: is no corruption")
    level = _number("corruption.level", node.pop("level", None))
    options = {f.name: f for f in dataclasses.fields(kind) if f.name in ("clip", "per_feature")}
    _known("corruption.", node, (*options, "level"))
    for key, value in node.items():
        _flag(f"corruption.{key}", value)
    corruption = kind(**node)
    corruption.check_level(level)
    return corruption, level


def _optimizer(config: Mapping[str, Any]) -> Optimizer:
    node = dict(config["optimizer"])
    target = node.pop("_target_", None)
    resolve(target, where="optimizer._target_")
    if not str(target).startswith("torch.optim."):
        raise EegdaeError(f"optimizer._target_={target!r}: is no optimizer of torch.optim")
    return Optimizer(str(target).rpartition(".")[2], node)


def _head(config: Mapping[str, Any], optimizer: Optimizer) -> HeadSpec:
    allowed = ("eegdae.evaluation.heads.LogisticHead", "eegdae.models.CodeClassifier")
    node = _without_target("head", config, allowed)
    if config["head"]["_target_"] == allowed[0]:
        _known("head.", node, ("C", "max_iter"))
        _needed("head.", node, ("C", "max_iter"))
        return HeadSpec(C=_penalties(node["C"]), max_iter=_whole("head.max_iter", node["max_iter"], low=1))
    _known("head.", node, ("width", "dropout", "epochs", "batch_size", "lr"))
    return HeadSpec(kind="mlp", **_network_head("head", node, optimizer))


def _baselines(value: object, views: tuple[View, ...]) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise EegdaeError(f"baselines={value!r}: must be a list of {', '.join(BASELINES)}; [] for none")
    named = tuple(_one_of("baselines", name, BASELINES) for name in value)
    # how a recording was cleaned shows in its covariance, and may tell its class
    of_covariances = any(view.is_tangent or view.measure == "covariance" for view in views)
    return ("eigenvalue_ratio", *named) if of_covariances and "eigenvalue_ratio" not in named else named


def _penalties(value: object) -> tuple[float, ...]:
    given = value if isinstance(value, list | tuple) else [value]
    found = tuple(_number("head.C", one) for one in given)
    if not found or min(found) <= 0 or max(found) == float("inf"):
        raise EegdaeError(f"head.C={value!r}: must be a number above 0, or a list of them")
    return found


def _finetune(config: Mapping[str, Any], optimizer: Optimizer) -> FinetuneSpec | None:
    node = dict(config["finetune"])
    if not _flag("finetune.enabled", node.pop("enabled", False)):
        return None
    _known("finetune.", node, ("enabled", "epochs", "batch_size", "level", "width", "dropout", "lr"))
    level = _number("finetune.level", node.pop("level", None))
    return FinetuneSpec(level=level, **_network_head("finetune", node, optimizer))


def _network_head(key: str, node: dict[str, Any], optimizer: Optimizer) -> dict[str, Any]:
    _needed(f"{key}.", node, ("width", "dropout", "epochs", "batch_size", "lr"))
    lr = _number(f"{key}.lr", node.pop("lr"))
    _whole(f"{key}.epochs", node["epochs"], low=1)
    _whole(f"{key}.batch_size", node["batch_size"], low=1)
    _whole(f"{key}.width", node["width"], low=0)
    if not 0 <= _number(f"{key}.dropout", node["dropout"]) < 1:
        raise EegdaeError(f"{key}.dropout={node['dropout']}: must be 0 or more and less than 1")
    return {**node, "optimizer": Optimizer(optimizer.name, {**optimizer.options, "lr": lr})}


def _views(node: Mapping[str, Any]) -> tuple[View, ...]:
    views = []
    for name, given in node.items():
        if not isinstance(given, Mapping):
            raise EegdaeError(f"features.{name}={given!r}: must be a mapping with a measure")
        options = dict(given)
        if name in FROM_WINDOWS and "measure" not in options:
            # what an experiment says of a view that was not chosen: eegdae train 'features=[power]'
            continue
        hidden = options.pop("hidden", None)
        widths = None if hidden is None else _widths(f"features.{name}.hidden", hidden)
        bands = options.pop("bands", None)
        if bands is not None and not isinstance(bands, Mapping):
            raise EegdaeError(
                f"features.{name}.bands={bands!r}: must be a mapping, for example {{alpha: [8, 13]}}"
            )
        if bands is not None:
            bands = {str(band): edges for band, edges in dict(bands).items()}
        # what is left are options of the measure, which the view checks
        views.append(View(str(name), options.pop("measure", ""), bands, widths, options))
    if not views:
        raise EegdaeError("features: no view; choose one or more of raw, power, connectivity")
    return tuple(views)


def _without_target(key: str, config: Mapping[str, Any], allowed: tuple[str, ...]) -> dict[str, Any]:
    node = dict(config[key])
    target = node.pop("_target_", None)
    if target not in allowed:
        raise EegdaeError(f"{key}._target_={target!r}: refused here; allowed: {', '.join(allowed)}")
    return node


def _known(prefix: str, node: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in node:
        if key not in known:
            raise EegdaeError(f"{prefix}{key}: unknown key; {did_you_mean(str(key), known)}")


def _needed(prefix: str, node: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    for key in keys:
        if key not in node:
            raise EegdaeError(
                f"{prefix}{key}: is missing; an override took it away (~{prefix}{key}, or [] for a choice)"
            )


def _one_of(key: str, value: object, known: tuple[str, ...]) -> str:
    if value not in known:
        raise EegdaeError(f"{key}={value!r}: not known; {did_you_mean(str(value), known)}")
    return str(value)


def _flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise EegdaeError(f"{key}={value!r}: must be true or false")
    return value


def _number(key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise EegdaeError(f"{key}={value!r}: must be a number")
    return float(value)


def _whole(key: str, value: object, *, low: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise EegdaeError(f"{key}={value!r}: must be a whole number, {low} or more")
    return value


def _widths(key: str, value: object) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise EegdaeError(f"{key}={value!r}: must be a list of one or more widths, for example [256, 64]")
    return tuple(_whole(key, width, low=1) for width in value)
