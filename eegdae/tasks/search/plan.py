"""What the arguments of a search ask for, all of it checked before a folder is made."""

from __future__ import annotations

import copy
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from eegdae.errors import EegdaeError
from eegdae.run import config_hash
from eegdae.tasks.launch import hydra_message
from eegdae.tasks.overrides import check_args, check_composition, compose_command
from eegdae.tasks.prepare import plain_config
from eegdae.tasks.search.options import SearchOptions, read_search
from eegdae.tasks.settings import read_settings

_OF_THE_SEARCH = ("search", "sweep", "resume", "hydra.sweep")


class SearchPlan:
    """What the arguments ask for, all of it checked before a folder is made.

    Parameters
    ----------
    args : sequence of str
        Of ``eegdae train``.
    folder : Path
        Of the configuration.

    Raises
    ------
    EegdaeError
        Names the flag, or the key and the value.
    """

    def __init__(self, args: Sequence[str], folder: Path) -> None:
        given = check_args("train", args, folder)
        if given.is_sweep:
            choice = next(arg for arg in args if arg.startswith("search="))
            raise EegdaeError(
                f"-m: not together with {choice}, which starts its runs by itself; leave -m out"
            )
        self.folder = folder
        self.own = [str(override.input_line) for override in given.overrides[len(given.texts) :]]
        config = compose_command("train", [*given.texts, *self.own], folder)
        plain = _plain(config)
        self.options: SearchOptions = read_search(plain)
        self.texts = [text for text in given.texts if not _is_of_search(text)]
        self.resume = bool(plain["resume"] or plain["sweep"]["resume"])
        self.hash, self.report = config_hash(plain), plain["report"]
        self.path = Path(str(config.hydra.sweep.dir)).absolute()
        self.command = ["eegdae", "train", *map(shlex.quote, [*given.flags, *self.texts])]
        self._check(config, plain, given.texts)

    def _check(self, config: DictConfig, plain: Mapping[str, Any], overrides: Sequence[str]) -> None:
        named = any(text.startswith("hydra.sweep.dir=") for text in overrides)
        if any(text.startswith(("hydra.run.dir=", "hydra.sweep.subdir=")) for text in overrides):
            raise EegdaeError(
                "hydra.run.dir: not with a search, which is a folder of runs; hydra.sweep.dir=DIR"
            )
        if self.resume and not named:
            raise EegdaeError("sweep.resume=true: name the folder of the search: hydra.sweep.dir=DIR")
        launcher = config.hydra.runtime.choices.get("hydra/launcher")
        if launcher != "basic":
            raise EegdaeError(
                f"hydra/launcher={launcher}: not with a search; start the same command several times "
                "instead, with "
                "the same hydra.sweep.dir=DIR, and search.storage=URL for several machines"
            )
        devices = read_settings(plain).recipe.schedule.hardware
        if devices.n_processes > 1:
            raise EegdaeError(
                f"trainer.devices={devices.devices}: not with a search, whose trials are runs of one "
                "process; start the same command several times instead"
            )
        keys = [text.lstrip("+~").partition("=")[0] for text in self.texts]
        for parameter in self.options.space.parameters:
            if parameter.key and parameter.key.lstrip("+~") in keys:
                raise EegdaeError(
                    f"search.space.{parameter.name}: {parameter.key} is given on the command line too; leave "
                    "one out"
                )
        for drawn in self.options.space.probes():
            try:
                config = self.compose(self.options.space.overrides(drawn))
                check_composition(config)
                read_settings(_plain(config))
            except (HydraException, OmegaConfBaseException) as error:
                raise EegdaeError(f"search.space: {hydra_message(error)}") from error
            except EegdaeError as error:
                raise EegdaeError(f"search.space: {error}") from error

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """Compose a run of the search."""
        return compose_command("train", [*self.texts, *overrides, *self.own], self.folder)


def _is_of_search(text: str) -> bool:
    key = text.lstrip("+~").partition("=")[0]
    return any(key == part or key.startswith(f"{part}.") for part in _OF_THE_SEARCH)


def _plain(config: DictConfig) -> dict[str, Any]:
    own = copy.deepcopy(config)
    with read_write(own), open_dict(own):
        del own["hydra"]
    return plain_config(own)
