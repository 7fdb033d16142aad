"""``hydra/launcher=vectorized``: the jobs of a sweep, their models trained as one program.

Jobs that differ only in what can be a batch dimension (noise level, seed, rates, weights of losses) are
trained together; then each runs as under any other launcher and finds its models trained: same command, same
folders, same files. Hydra looks for plugins in this package only, and imports it with every command: so
nothing heavy is imported at the top.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, configure_log, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

log = logging.getLogger(__name__)


ConfigStore.instance().store(
    group="hydra/launcher",
    name="vectorized",
    node={"_target_": "hydra_plugins.eegdae_vectorized_launcher.VectorizedLauncher"},
    provider="eegdae",
)


ConfigStore.instance().store(
    group="hydra/sweeper",
    name="checked",
    node={
        "_target_": "hydra_plugins.eegdae_vectorized_launcher.CheckedSweeper",
        "max_batch_size": None,
        "params": None,
    },
    provider="eegdae",
)


class CheckedSweeper(BasicSweeper):
    """Hydra's own sweeper for commands that have looked through all jobs already.

    The basic one composes every job once more before the launcher does, to find what cannot be composed.
    """

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Do nothing: `eegdae.tasks.sweep.plan.plan_sweep` has looked."""


class VectorizedLauncher(Launcher):
    """Runs the jobs of a multirun one by one in this process, their models trained together before."""

    def __init__(self) -> None:
        self.config: DictConfig | None = None
        self.task_function: TaskFunction | None = None
        self.hydra_context: HydraContext | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra gives every launcher."""
        self.config, self.task_function, self.hydra_context = config, task_function, hydra_context

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs.

        Parameters
        ----------
        job_overrides : sequence of sequence of str
            Of each job.
        initial_job_idx : int
            Number of the first.

        Returns
        -------
        sequence of JobReturn
            In the order of the jobs.
        """
        setup_globals()
        assert self.config is not None
        assert self.task_function is not None
        assert self.hydra_context is not None
        hydra = self.config.hydra
        configure_log(hydra.hydra_logging, hydra.verbose)
        Path(str(hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        log.info(f"Launching {len(job_overrides)} jobs, models of one shape as one program")
        configs = self._configs(job_overrides, initial_job_idx)
        found: dict[int, JobReturn] = {}
        for number in self._order(configs):
            found[number] = run_job(
                hydra_context=self.hydra_context,
                task_function=self.task_function,
                config=configs[number],
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
            )
            configure_log(hydra.hydra_logging, hydra.verbose)
        return [found[number] for number in range(len(configs))]

    def _configs(self, job_overrides: Sequence[Sequence[str]], first: int) -> list[DictConfig]:
        """Compose all jobs."""
        from eegdae.tasks.launch import conf_dir
        from eegdae.tasks.sweep.configs import JobConfigs

        assert self.config is not None
        assert self.hydra_context is not None
        load, whole = self.hydra_context.config_loader.load_sweep_config, self.config
        own = [Path(source.path) for source in whole.hydra.runtime.config_sources if source.schema == "file"]
        config_of = JobConfigs(lambda overrides: load(whole, overrides), [conf_dir(), *own])
        configs = []
        for number, overrides in enumerate(job_overrides, first):
            config = config_of(overrides)
            with open_dict(config):
                config.hydra.job.id = str(number)
                config.hydra.job.num = number
            configs.append(config)
        return configs

    def _order(self, configs: Sequence[DictConfig]) -> Any:
        """Give the jobs in the order in which their models are trained; each is to run when it comes."""
        assert self.config is not None
        if str(self.config.hydra.job.name) != "train":
            yield from range(len(configs))
            return
        from eegdae.tasks.together import train_ahead

        jobs = []
        for config in configs:
            folder = os.path.join(str(config.hydra.sweep.dir), str(config.hydra.sweep.subdir))
            with open_dict(config):
                hydra = config.pop("hydra")
                plain = OmegaConf.to_container(config, resolve=True)
                config.hydra = hydra
            jobs.append((plain, Path(folder)))
        for numbers in train_ahead(jobs):  # type: ignore[arg-type]
            yield from numbers
