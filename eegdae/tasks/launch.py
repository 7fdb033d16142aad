"""Start a Hydra command: compose, check, run; one job or a sweep of them."""

from __future__ import annotations

import logging
import os
import re
import sys
from argparse import ArgumentError
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra import main as hydra_main
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.tasks.prepare import plain_config
from eegdae.tasks.targets import check_targets

log = logging.getLogger("eegdae")


def conf_dir() -> Path:
    """Folder of the configuration: inside the package when installed, beside our own ``pyproject.toml`` else.

    Raises
    ------
    EegdaeError
        If neither is there.
    """
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent
    if (package / "conf").is_dir():
        return package / "conf"
    if (checkout / "pyproject.toml").is_file() and (checkout / "conf").is_dir():
        return checkout / "conf"
    raise EegdaeError(f"{package}: the configuration folder conf is missing; install eegdae again")


def register_resolvers() -> None:
    """Make ``${eegdae.data_dir:}`` known to OmegaConf."""

    def data_folder() -> str:
        from eegdae.recordings import data_dir

        return str(data_dir())

    OmegaConf.register_new_resolver("eegdae.data_dir", data_folder, replace=True)


def launch(command: str, args: Sequence[str]) -> int:
    """Run a Hydra command as the shell gave it.

    Parameters
    ----------
    command : str
        ``train``, ``extract`` or ``classify``.
    args : sequence of str
        Overrides and Hydra's own flags.

    Returns
    -------
    int
        0, or 2 if jobs of a sweep failed.

    Raises
    ------
    EegdaeError
        What the user can mend; Hydra's own errors come out as one too.
    """
    register_resolvers()
    folder = conf_dir()
    if "--help" in args or "-h" in args:
        print(help_text(command, folder))
        return 0
    args = [word for arg in args for word in _data_path(arg)]
    failed: list[str] = []
    # Hydra would print its own account of an error and exit 1
    os.environ["HYDRA_FULL_ERROR"] = "1"
    job = hydra_main(version_base="1.3", config_path=str(folder), config_name=command)(
        lambda config: _job(command, config, failed)
    )
    before = sys.argv
    sys.argv = [f"eegdae {command}", *args]
    try:
        _check(command, args, folder)
        job()
    except HydraException as error:
        raise EegdaeError(hydra_message(error)) from error
    except OmegaConfBaseException as error:
        raise EegdaeError(hydra_message(error)) from error
    except OSError as error:
        raise EegdaeError(f"hydra.run.dir={error.filename}: cannot be written: {error.strerror}") from error
    finally:
        sys.argv = before
    for line in failed:
        print(f"eegdae: failed: {line}", file=sys.stderr)
    return 2 if failed else 0


def _job(command: str, config: DictConfig, failed: list[str]) -> Any:
    """Run one job; in a sweep its error is kept and the others go on."""
    task = _task(command)
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    plain = plain_config(config)
    if hydra.mode != RunMode.MULTIRUN:
        return task(plain, folder)
    overrides = " ".join(hydra.overrides.task)
    log.info(f"job {hydra.job.num}: {overrides}")
    try:
        return task(plain, folder)
    except EegdaeError as error:
        if plain.get("debug"):
            raise
        failed.append(f"job {hydra.job.num} ({overrides}): {' '.join(str(error).split())}")
        log.info(f"job {hydra.job.num} failed: {error}")
        return None


def _task(command: str) -> Callable[[dict[str, Any], Path], Any]:
    """Import a command's work only when it is due: it brings torch."""
    if command == "train":
        from eegdae.tasks.train import train

        return train
    from eegdae.tasks.use import classify, extract

    return {"extract": extract, "classify": classify}[command]


def _data_path(arg: str) -> list[str]:
    """Let ``data=FILE`` mean ``data=files data.path=FILE``; Hydra knows ``data=NAME`` only."""
    key, _, value = arg.partition("=")
    is_path = value.startswith(("~", ".", "/")) or any(mark in value for mark in "./*")
    if key != "data" or not is_path or value.startswith("["):
        return [arg]
    quoted = value.strip("'\"").replace("'", "\\'")
    return ["data=files", f"data.path='{quoted}'"]


def _check(command: str, args: Sequence[str], folder: Path) -> None:
    """Refuse what could run code, before anything is imported: flags, overrides, then the whole composition."""
    parsed = _parse_flags(args)
    if parsed.experimental_rerun is not None:
        raise EegdaeError("--experimental-rerun: refused, it unpickles a file; use resume=true and hydra.run.dir=DIR")
    if parsed.config_path is not None or parsed.config_name is not None:
        raise EegdaeError("--config-path, --config-name: not here; add a folder of your own by --config-dir DIR")
    overrides = []
    for text in parsed.overrides:
        override = OverridesParser.create().parse_override(text)
        if "_target_" in text:
            value = override.value()
            path = override.key_or_group
            check_targets({path: value} if not path.endswith("_target_") else _nested(path, value))
        overrides.append(_first_of_sweep(override) if parsed.multirun else text)
    if parsed.config_dir is not None:
        if not Path(parsed.config_dir).is_dir():
            raise EegdaeError(f"--config-dir {parsed.config_dir}: no such folder")
        overrides.append(f"hydra.searchpath=[file://{Path(parsed.config_dir).resolve()}]")
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(folder), version_base="1.3"):
            config = compose(command, overrides=overrides, return_hydra_config=True)
        check_targets(OmegaConf.to_container(config, resolve=False))
    finally:
        GlobalHydra.instance().clear()


def _parse_flags(args: Sequence[str]) -> Any:
    parser = get_args_parser()
    parser.exit_on_error = False
    try:
        return parser.parse_args(list(args))
    except (ArgumentError, SystemExit) as error:
        raise EegdaeError(f"{' '.join(args)}: flags that Hydra does not know; see eegdae COMMAND --help") from error


def _nested(path: str, value: Any) -> dict[str, Any]:
    for key in reversed(path.replace("/", ".").split(".")):
        value = {key: value}
    return dict(value)


def _first_of_sweep(override: Any) -> str:
    """Give one override of a sweep the first of its values, so that it can be composed."""
    if not override.is_sweep_override():
        return str(override.input_line)
    first = next(iter(override.sweep_string_iterator()))
    return f"{override.get_key_element()}={first}"


def hydra_message(error: Exception) -> str:
    """Make one line of an error of Hydra or OmegaConf: the key, the nearest names, what there is."""
    text = str(error)
    missing = re.search(r"Could not find '([^']+)/([^'/]+)'", text)
    if missing:
        group, name = missing.groups()
        options = re.findall(r"^\t(\S+)", text, flags=re.MULTILINE) or _options(conf_dir() / group)
        return f"{group}={name}: no such choice; {did_you_mean(name, options)}"
    group_missing = re.search(r"Could not override '([^']+)'", text)
    if group_missing:
        return f"{group_missing.group(1)}: {_unknown_key(group_missing.group(1))}"
    line = text.strip().splitlines()[0] if text.strip() else type(error).__name__
    return f"{key}: {line}" if (key := getattr(error, "full_key", None)) else line


def _unknown_key(path: str) -> str:
    """Say which keys there are beside one that is not."""
    GlobalHydra.instance().clear()
    folder = conf_dir()
    try:
        with initialize_config_dir(str(folder), version_base="1.3"):
            node: Any = OmegaConf.to_container(compose("train"), resolve=False)
    finally:
        GlobalHydra.instance().clear()
    *parents, name = path.split(".")
    for parent in parents:
        if not isinstance(node, dict) or parent not in node:
            break
        node = node[parent]
    groups = [p.name for p in folder.iterdir() if p.is_dir()] if not parents else []
    known = [str(key) for key in node if key != "_target_"] if isinstance(node, dict) else []
    return f"unknown key; {did_you_mean(name, {*known, *groups})}"


def _options(group: Path) -> list[str]:
    return sorted(file.stem for file in group.glob("*.yaml"))


def help_text(command: str, folder: Path) -> str:
    """Say what a command takes: its entry file with its comments, then every group with its choices."""
    entry = (folder / f"{command}.yaml").read_text()
    groups = sorted(path for path in folder.iterdir() if path.is_dir())
    used = [path for path in groups if re.search(rf"^\s*- (override /)?{path.name}:", entry, flags=re.MULTILINE)]
    width = max((len(path.name) for path in used), default=0)
    choices = [f"  {path.name:<{width}}  {' | '.join(_options(path))}" for path in used]
    return (
        f"usage: eegdae {command} [-m] [group=choice] [key=value ...]\n\n"
        f"groups:\n" + "\n".join(choices) + f"\n\nconfiguration ({command}.yaml; each choice is a file too):\n\n{entry}\n"
        "eegdae " + command + " --cfg job [overrides] prints the composed configuration.\n"
        "-m sweeps over lists: key=1,2,3 or 'key=range(0,5)'. --config-dir DIR adds choices of your own."
    )
