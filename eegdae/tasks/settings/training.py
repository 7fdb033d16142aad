"""``optimizer``, ``pretrain`` and ``trainer``: how long and how is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eegdae.errors import EegdaeError
from eegdae.tasks.settings.checks import known, needed, number, whole
from eegdae.tasks.targets import resolve
from eegdae.training import Optimizer, Schedule

MAX_THREADS = 1024


def read_optimizer(config: Mapping[str, Any]) -> Optimizer:
    """Check ``optimizer`` and give what it describes."""
    node = dict(config["optimizer"])
    target = node.pop("_target_", None)
    resolve(target, where="optimizer._target_")
    if not str(target).startswith("torch.optim."):
        raise EegdaeError(f"optimizer._target_={target!r}: is no optimizer of torch.optim")
    return Optimizer(str(target).rpartition(".")[2], node)


def read_schedule(config: Mapping[str, Any], optimizer: Optimizer) -> tuple[Schedule, int | None]:
    """Check ``pretrain`` and ``trainer`` and give how long and how is trained, and on how many threads."""
    trainer = dict(config["trainer"])
    known("trainer.", trainer, ("batch_size", "threads", "checkpoint_seconds"))
    needed("trainer.", trainer, ("batch_size", "threads", "checkpoint_seconds"))
    if trainer["threads"] is not None and whole("trainer.threads", trainer["threads"], low=1) > MAX_THREADS:
        raise EegdaeError(f"trainer.threads={trainer['threads']}: must be {MAX_THREADS} or less")
    pretrain = dict(config["pretrain"])
    known("pretrain.", pretrain, ("name", "epochs", "joint_epochs"))
    needed("pretrain.", pretrain, ("name", "epochs", "joint_epochs"))
    schedule = Schedule(
        pretrain=pretrain["name"],
        epochs=pretrain["epochs"],
        joint_epochs=pretrain["joint_epochs"],
        batch_size=trainer["batch_size"],
        optimizer=optimizer,
        checkpoint_seconds=number("trainer.checkpoint_seconds", trainer["checkpoint_seconds"]),
    )
    return schedule, trainer["threads"]
