"""Who does the jobs of a sweep: ``hydra.launcher`` is checked before one starts."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import warnings
from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.workers import BACKENDS

_OF_JOBLIB, _OF_SUBMITIT = "hydra_plugins.hydra_joblib_launcher", "hydra_plugins.hydra_submitit_launcher"

PLUGINS = {
    "joblib": (f"{_OF_JOBLIB}.joblib_launcher.JoblibLauncher", "joblib", "JobLibLauncherConf"),
    "submitit_local": (f"{_OF_SUBMITIT}.submitit_launcher.LocalLauncher", "slurm", "LocalQueueConf"),
    "submitit_slurm": (f"{_OF_SUBMITIT}.submitit_launcher.SlurmLauncher", "slurm", "SlurmQueueConf"),
}
"""Choice of ``hydra/launcher`` -> (class, extra that brings it, dataclass of its settings)."""


def check_launcher(launcher: Mapping[str, Any]) -> None:
    """Refuse a launcher that is not installed, or whose settings it would stumble over.

    Parameters
    ----------
    launcher : mapping
        ``hydra.launcher`` of a sweep, plain Python.

    Raises
    ------
    EegdaeError
        Names the key, the value and the mend.
    """
    target = launcher.get("_target_")
    choice = next((name for name, (known, _, _) in PLUGINS.items() if known == target), None)
    if choice is None:
        return
    _, extra, settings = PLUGINS[choice]
    plugin = str(target).rsplit(".", 2)[0]
    if not (_is_there(plugin) and _is_there("joblib" if choice == "joblib" else "submitit")):
        raise EegdaeError(
            f"hydra/launcher={choice}: {plugin.rpartition('.')[2].replace('_', '-')} is not installed; "
            f"pip install 'eegdae[{extra}]'"
        )
    known = OmegaConf.structured(getattr(importlib.import_module(f"{plugin}.config"), settings))
    for key, value in launcher.items():
        if key not in known:
            raise EegdaeError(f"hydra.launcher.{key}: unknown key; {did_you_mean(key, map(str, known))}")
        try:
            OmegaConf.update(known, str(key), value)
        except OmegaConfBaseException as error:
            reason = str(error).splitlines()[0]
            raise EegdaeError(f"hydra.launcher.{key}={value!r}: {reason}") from error
    if choice == "joblib":
        _check_joblib(launcher)
    else:
        _check_submitit(choice, launcher)


def with_our_settings() -> None:
    """Let ``conf/hydra/launcher/X.yaml`` stand for the plugin's settings of that name without a warning.

    Hydra 1.3 checks such a file against the plugin's dataclass, which is wanted, and warns that a later
    version will not.
    """
    warnings.filterwarnings("ignore", message=r"\s*'hydra/launcher/\w+' is validated", category=UserWarning)


def unknown_setting(key: str, said: str) -> str:
    """Say which settings a launcher has beside one that it has not.

    Parameters
    ----------
    key : str
        That was given, such as ``hydra.launcher.partition``.
    said : str
        By Hydra, which names the dataclass of the launcher.
    """
    for target, _, settings in PLUGINS.values():
        if f"'{settings}'" in said:
            config = importlib.import_module(f"{target.rsplit('.', 2)[0]}.config")
            known = [name for name in OmegaConf.structured(getattr(config, settings)) if name != "_target_"]
            return f"unknown key of this launcher; {did_you_mean(key.rpartition('.')[2], known)}"
    return "unknown key of this launcher; add --cfg hydra to see what it has"


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of the package around it
        return False


def _check_joblib(launcher: Mapping[str, Any]) -> None:
    if launcher.get("n_jobs") in (0, None):
        raise EegdaeError(
            f"hydra.launcher.n_jobs={launcher.get('n_jobs')}: must be how many jobs run at a time, 1 or "
            "more, or -1 for one a core"
        )
    backend = launcher.get("backend")
    if backend not in (None, *BACKENDS):
        raise EegdaeError(f"hydra.launcher.backend={backend!r}: {did_you_mean(backend, BACKENDS)}")
    for key, only in (("prefer", "processes"), ("require", None)):
        if launcher.get(key, only) != only:
            raise EegdaeError(
                f"hydra.launcher.{key}={launcher[key]!r}: jobs need a process each; leave it at "
                f"{only or 'null'}"
            )


def _check_submitit(choice: str, launcher: Mapping[str, Any]) -> None:
    for key in ("timeout_min", "cpus_per_task", "mem_gb", "array_parallelism"):
        value = launcher.get(key)
        if value is not None and int(value) < 1:
            raise EegdaeError(f"hydra.launcher.{key}={value}: must be 1 or more")
    for key in ("nodes", "tasks_per_node"):
        if launcher.get(key, 1) != 1:
            raise EegdaeError(f"hydra.launcher.{key}={launcher[key]}: a job is one process; leave it at 1")
    if choice == "submitit_slurm":
        missing = [name for name in ("sbatch", "srun") if shutil.which(name) is None]
        if missing:
            raise EegdaeError(
                f"hydra/launcher=submitit_slurm: {' and '.join(missing)} not found: this machine is of no "
                "SLURM cluster; start the command where jobs are submitted, or take hydra/launcher=joblib or "
                "submitit_local"
            )


def refuse_together(trainer: Mapping[str, Any]) -> None:
    """Refuse a job of a sweep that would be trained by several processes.

    Parameters
    ----------
    trainer : mapping
        Of the job's configuration, plain Python.

    Raises
    ------
    EegdaeError
        Says what to do instead.
    """
    for key in ("devices", "num_nodes"):
        value = trainer.get(key, 1)
        if isinstance(value, int) and not isinstance(value, bool) and value > 1:
            raise EegdaeError(
                f"trainer.{key}={value}: not inside a sweep (-m), whose jobs are one process each; set "
                f"trainer.{key}=1 and let jobs run side by side (hydra/launcher=submitit_slurm "
                "hydra.launcher.gpus_per_node=1), or start such runs one at a time without -m"
            )
