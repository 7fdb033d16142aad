"""``optimizer``, ``pretrain`` and ``trainer``: how long and how is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eegdae.errors import EegdaeError
from eegdae.evaluation.splits import GROUP_COLUMNS
from eegdae.tasks.settings.checks import known, needed, number, one_of, whole
from eegdae.tasks.targets import resolve
from eegdae.training import EarlyStopping, Hardware, LearningRate, Optimizer, Schedule

MAX_THREADS = 1024

_TRAINER = (
    *("batch_size", "threads", "checkpoint_seconds", "clip_norm", "clip_value", "accelerator", "devices"),
    *("num_nodes", "strategy", "precision", "memory_gb"),
)
_PRETRAIN = ("name", "epochs", "joint_epochs", "joint_lr", "early_stopping")


def read_optimizer(config: Mapping[str, Any]) -> Optimizer:
    """Check ``optimizer``, and where they are there ``lr_schedule`` and the clipping of ``trainer``.

    Parameters
    ----------
    config : mapping
        Plain Python; a command on a finished run has the first key only.

    Returns
    -------
    Optimizer
        How gradients become steps.

    Raises
    ------
    EegdaeError
        Names the key, the value and what is allowed.
    """
    node = dict(config["optimizer"])
    target = node.pop("_target_", None)
    resolve(target, where="optimizer._target_")
    if not str(target).startswith("torch.optim."):
        raise EegdaeError(f"optimizer._target_={target!r}: is no optimizer of torch.optim")
    trainer = config.get("trainer") or {}
    clips = {key: trainer.get(key) for key in ("clip_norm", "clip_value")}
    return Optimizer(
        str(target).rpartition(".")[2],
        node,
        schedule=_learning_rate(config.get("lr_schedule") or {}),
        **{k: None if value is None else number(f"trainer.{k}", value) for k, value in clips.items()},
    )


def _learning_rate(node: Mapping[str, Any]) -> LearningRate:
    known("lr_schedule.", node, ("name", "warmup", "final", "gamma", "every"))
    options = dict(node)
    for key in ("warmup", "final", "gamma"):
        if key in options:
            options[key] = number(f"lr_schedule.{key}", options[key])
    return LearningRate(**options)


def read_schedule(config: Mapping[str, Any], optimizer: Optimizer) -> tuple[Schedule, int | None]:
    """Check ``pretrain`` and ``trainer`` and give how long and how is trained, and on how many threads."""
    trainer = dict(config["trainer"])
    known("trainer.", trainer, _TRAINER)
    needed("trainer.", trainer, ("batch_size", "threads", "checkpoint_seconds"))
    if trainer["threads"] is not None and whole("trainer.threads", trainer["threads"], low=1) > MAX_THREADS:
        raise EegdaeError(f"trainer.threads={trainer['threads']}: must be {MAX_THREADS} or less")
    pretrain = dict(config["pretrain"])
    known("pretrain.", pretrain, _PRETRAIN)
    needed("pretrain.", pretrain, ("name", "epochs", "joint_epochs"))
    epochs, joint_lr = pretrain["epochs"], pretrain.get("joint_lr")
    schedule = Schedule(
        pretrain=pretrain["name"],
        epochs=tuple(epochs) if isinstance(epochs, list | tuple) else epochs,
        joint_epochs=pretrain["joint_epochs"],
        batch_size=trainer["batch_size"],
        optimizer=optimizer,
        checkpoint_seconds=number("trainer.checkpoint_seconds", trainer["checkpoint_seconds"]),
        joint_lr=None if joint_lr is None else number("pretrain.joint_lr", joint_lr),
        early_stopping=_early_stopping(pretrain.get("early_stopping")),
        hardware=_hardware(trainer),
    )
    return schedule, trainer["threads"]


def _early_stopping(node: object) -> EarlyStopping | None:
    if node is None:
        return None
    if not isinstance(node, Mapping):
        raise EegdaeError(
            f"pretrain.early_stopping={node!r}: must be null, or for example "
            "'{patience: 10, share: 0.2, by: subject}'"
        )
    known("pretrain.early_stopping.", node, ("patience", "share", "by"))
    options = dict(node)
    if "share" in options:
        options["share"] = number("pretrain.early_stopping.share", options["share"])
    if "by" in options:
        one_of("pretrain.early_stopping.by", options["by"], GROUP_COLUMNS)
    return EarlyStopping(**options)


def _hardware(trainer: Mapping[str, Any]) -> Hardware:
    keys = ("accelerator", "devices", "num_nodes", "strategy", "precision", "memory_gb")
    options = {key: trainer[key] for key in keys if key in trainer}
    if "precision" in options:
        options["precision"] = str(options["precision"])  # YAML reads 32 as a number
    if "memory_gb" in options:
        options["memory_gb"] = number("trainer.memory_gb", options["memory_gb"])
    return Hardware(**options)
