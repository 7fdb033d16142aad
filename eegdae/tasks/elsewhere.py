"""A job that a launcher may do in another process: what that process needs travels with it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig


@dataclass(frozen=True)
class Anywhere:
    """A job as Hydra's launchers pass it on; unpickled in another process, it makes that one like this.

    The folder that relative paths start from, resolvers of configurations, how warnings and errors are told:
    what this process has and a fresh one has not.

    Parameters
    ----------
    job : callable
        ``job(config)``; cloudpickle can take it.
    """

    job: Callable[[DictConfig], Any]
    folder: str = field(default_factory=os.getcwd)

    def __call__(self, config: DictConfig) -> Any:
        """Do the job."""
        return self.job(config)

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, (self.job, self.folder)


def _arrive(job: Callable[[DictConfig], Any], folder: str) -> Anywhere:
    from eegdae.cli import tell_warnings
    from eegdae.tasks.launch import register_resolvers
    from eegdae.tasks.launchers import with_our_settings

    os.chdir(folder)
    register_resolvers()
    with_our_settings()
    tell_warnings()
    os.environ["HYDRA_FULL_ERROR"] = "1"
    logging.raiseExceptions = False
    return Anywhere(job, folder)
