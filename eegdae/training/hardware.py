"""On what a stage is trained: device, precision, number of processes, and how much may lie in memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch
from pytorch_lightning.plugins.environments import SLURMEnvironment  # type: ignore[attr-defined]

from eegdae.errors import EegdaeError, did_you_mean

ACCELERATORS = ("auto", "cpu", "gpu")
PRECISIONS = ("32", "bf16-mixed", "16-mixed")
STRATEGIES = ("auto", "ddp")


@dataclass(frozen=True)
class Hardware:
    """What Lightning is told, and the budget of memory.

    Parameters
    ----------
    accelerator : str
        ``auto`` (a GPU where there is one), ``cpu``, ``gpu``.
    devices : int
        Processes a node, one device each.
    num_nodes : int
        Machines.
    strategy : str
        ``ddp``: every process takes its share of each batch; ``auto``: that, where there are several.
    precision : str
        ``32``; ``bf16-mixed``, ``16-mixed``: matrix products in 16 bits, weights and steps in 32.
    memory_gb : float
        Scaled rows and codes that take more gigabytes than this lie in a file that is mapped into memory.

    Raises
    ------
    EegdaeError
        If an option does not exist, or not on this machine.

    References
    ----------
    Mixed precision: Micikevicius et al., ICLR (2018), arXiv:1710.03740. Data-parallel training: Li et al.,
    PVLDB 13:3005 (2020).
    """

    accelerator: str = "auto"
    devices: int = 1
    num_nodes: int = 1
    strategy: str = "auto"
    precision: str = "32"
    memory_gb: float = 4.0

    def __post_init__(self) -> None:
        for key, allowed in (
            ("accelerator", ACCELERATORS),
            ("strategy", STRATEGIES),
            ("precision", PRECISIONS),
        ):
            value = getattr(self, key)
            if value not in allowed:
                raise EegdaeError(f"trainer.{key}={value!r}: not known; {did_you_mean(str(value), allowed)}")
        for key in ("devices", "num_nodes"):
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise EegdaeError(f"trainer.{key}={value!r}: must be a whole number, 1 or more")
        if not self.memory_gb >= 0:
            raise EegdaeError(f"trainer.memory_gb={self.memory_gb}: must be gigabytes, 0 or more")
        n_gpus = torch.cuda.device_count()
        if self.accelerator == "gpu" and n_gpus == 0:
            raise EegdaeError(
                "trainer.accelerator=gpu: torch finds no GPU on this machine; set trainer.accelerator=cpu, "
                "or install a torch with CUDA"
            )
        if self.on_gpu and self.devices > n_gpus:
            raise EegdaeError(
                f"trainer.devices={self.devices}: torch finds {n_gpus} GPU(s) on this machine; set "
                f"trainer.devices={n_gpus} or trainer.accelerator=cpu"
            )
        if self.precision == "16-mixed" and not self.on_gpu:
            raise EegdaeError(
                "trainer.precision=16-mixed: float16 is for GPUs; on a CPU set trainer.precision=32 or "
                "bf16-mixed"
            )

    @property
    def on_gpu(self) -> bool:
        """Whether a GPU does the work."""
        return self.accelerator == "gpu" or (self.accelerator == "auto" and torch.cuda.device_count() > 0)

    @property
    def n_processes(self) -> int:
        """How many processes train together."""
        return self.devices * self.num_nodes

    def trainer_options(self) -> dict[str, Any]:
        """Give the keyword arguments of Lightning's Trainer.

        Returns
        -------
        dict
            One device, unless several processes train together and this is one of them.
        """
        options = {"accelerator": self.accelerator, "precision": self.precision}
        if self.n_processes == 1:
            return {**options, "devices": 1}
        if not is_rank():
            raise EegdaeError(
                f"trainer.devices={self.devices}, trainer.num_nodes={self.num_nodes}: only the command "
                "eegdae train starts several processes; here set both to 1"
            )
        return {**options, "devices": self.devices, "num_nodes": self.num_nodes, "strategy": "ddp"}


def is_rank() -> bool:
    """Whether this process was started as one of several: by `eegdae.tasks.ranks`, torchrun or SLURM."""
    return "LOCAL_RANK" in os.environ or bool(SLURMEnvironment.detect())


def rank(hardware: Hardware) -> int:
    """Give the number of this process among those that train together, 0 where it is alone."""
    if hardware.n_processes == 1 or not is_rank():
        return 0
    return next(
        int(os.environ[name]) for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK") if name in os.environ
    )
