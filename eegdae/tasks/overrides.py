"""What the shell gave, checked before Hydra may import anything: flags, overrides, the whole composition."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from eegdae.errors import EegdaeError, one_line
from eegdae.tasks.launchers import with_our_settings
from eegdae.tasks.targets import check_targets

_INSTANTIATED = ("callbacks", "launcher", "sweeper", "job_logging", "hydra_logging")
"""Parts of Hydra's own configuration from which it imports and calls names."""


@dataclass(frozen=True)
class Arguments:
    """What the shell gave, taken apart.

    Parameters
    ----------
    texts : tuple of str
        Overrides as given.
    overrides : tuple of Override
        The same, parsed; one more where a folder of the user's is searched.
    flags : tuple of str
        All else, for Hydra.
    folders : tuple of Path
        Of the configuration: ours, then the user's.
    is_sweep : bool
        Whether there are to be jobs, not one run.
    is_shown : bool
        Whether something is shown (``--cfg``) and nothing started.
    """

    texts: tuple[str, ...]
    overrides: tuple[Override, ...]
    flags: tuple[str, ...]
    folders: tuple[Path, ...]
    is_sweep: bool
    is_shown: bool


def check_args(command: str, args: Sequence[str], folder: Path) -> Arguments:
    """Refuse what could run code or cannot be composed; what a sweep is made of, `plan_sweep` looks through.

    Parameters
    ----------
    command : str
        Entry file.
    args : sequence of str
        As the shell gave them.
    folder : Path
        Of the configuration.

    Returns
    -------
    Arguments
        The same, parsed.

    Raises
    ------
    EegdaeError
        Names the flag, or the key and the value.
    """
    parsed = _parse_flags(args)
    if parsed.experimental_rerun is not None:
        raise EegdaeError(
            "--experimental-rerun: refused, it unpickles a file; use resume=true and hydra.run.dir=DIR"
        )
    if parsed.config_path is not None or parsed.config_name is not None:
        raise EegdaeError(
            "--config-path, --config-name: not here; add a folder of your own by --config-dir DIR"
        )
    parser = OverridesParser.create()
    overrides, entry = [], (folder / f"{command}.yaml").read_text()
    for text in parsed.overrides:
        try:
            overrides.append(parser.parse_override(text))
        except HydraException as error:
            reason = str(error).strip().splitlines()[0]
            raise EegdaeError(
                f"{text!r}: is no override, key=value; a value with spaces, brackets or letters beyond a-z "
                f"needs quotes inside those of the shell, \"key='value'\": {reason}"
            ) from error
        _check_override(overrides[-1])
        group = overrides[-1].key_or_group
        is_group = re.search(rf"^\s*- {re.escape(group)}:", entry, flags=re.MULTILINE)
        if is_group and not overrides[-1].is_delete() and overrides[-1].value() in (None, ""):
            choices = ", ".join(sorted(file.stem for file in (folder / group).glob("*.yaml")))
            raise EegdaeError(f"{text}: must name a choice: {choices}")
    flags = list(args)
    for text in parsed.overrides:
        flags.remove(text)
    folders = [folder]
    if parsed.config_dir is not None:
        own = Path(parsed.config_dir).resolve()
        if not own.is_dir():
            raise EegdaeError(f"--config-dir {parsed.config_dir}: no such folder")
        folders.append(own)
        quoted = str(own).replace("\\", "\\\\").replace("'", "\\'")
        # as Hydra does with this flag: behind our own folder, so it adds choices and replaces none
        overrides.append(parser.parse_override(f"hydra.searchpath=['file://{quoted}']"))
    is_sweep = bool(parsed.multirun)
    if not is_sweep:
        config = compose_command(command, [str(each.input_line) for each in overrides], folder)
        check_composition(config)
        is_sweep = config.hydra.mode == RunMode.MULTIRUN
    return Arguments(
        texts=tuple(parsed.overrides),
        overrides=tuple(overrides),
        flags=tuple(flags),
        folders=tuple(folders),
        is_sweep=is_sweep,
        is_shown=bool(parsed.cfg or parsed.info or parsed.hydra_help or parsed.shell_completion),
    )


def override_text(value: object) -> str:
    """Write a value as it stands behind the ``=`` of an override.

    Parameters
    ----------
    value : object
        Plain Python. Text that is a value of Hydra's grammar, such as ``[power,plv]``, stays as it is;
        other text is quoted.
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}: {override_text(part)}" for key, part in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(map(override_text, value)) + "]"
    text = str(value)
    try:
        override = OverridesParser.create().parse_override(f"key={text}")
        if text and not override.is_sweep_override():
            return text
    except HydraException:
        pass
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def compose_command(command: str, overrides: Sequence[str], folder: Path) -> DictConfig:
    """Compose a command's configuration, Hydra's own part with it; nothing is instantiated.

    Raises
    ------
    HydraException, OmegaConfBaseException, EegdaeError
        If it cannot be composed.
    """
    GlobalHydra.instance().clear()
    with_our_settings()
    try:
        with initialize_config_dir(str(folder), version_base="1.3"):
            return compose(command, overrides=list(overrides), return_hydra_config=True)
    except (HydraException, OmegaConfBaseException):
        raise
    except Exception as error:  # Hydra lets a ValueError, an AttributeError or one of the YAML reader's out
        reason = one_line(error, 1000)
        raise EegdaeError(f"configuration of {command}: cannot be composed: {reason}") from error
    finally:
        GlobalHydra.instance().clear()


def _parse_flags(args: Sequence[str]) -> Any:
    class Parser(ArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise EegdaeError(f"{message}; see eegdae COMMAND --help")

    parser = get_args_parser()
    # argparse would print the usage and leave
    parser.__class__ = type("Parser", (Parser, type(parser)), {})
    return parser.parse_intermixed_args(list(args))


def _check_override(override: Override) -> None:
    path = override.key_or_group
    if path == "hydra.searchpath":
        raise EegdaeError("hydra.searchpath: not here; add a folder of your own by --config-dir DIR")
    value = override.value()
    # a choice inside a sweep is as the parser left it, quotes and all
    choices = [Override._convert_value(v) for v in value.list] if isinstance(value, ChoiceSweep) else [value]
    for node in choices:
        for key in reversed(path.replace("/", ".").split(".")):
            node = {key: node}
        check_targets(node)


def check_composition(config: DictConfig) -> None:
    """Look through a composition as written, and through what Hydra instantiates from as resolved.

    Raises
    ------
    EegdaeError
        If it names what is not in the table of targets.
    """
    check_targets(OmegaConf.to_container(config, resolve=False))
    with read_write(config), open_dict(config), read_write(config.hydra), open_dict(config.hydra):
        # what Hydra fills in when a job starts; its log file's name is made of these
        config.hydra.runtime.output_dir = "."
        config.hydra.job.update({"num": 0, "id": "0"})
    for part in _INSTANTIATED:
        node = config.hydra.get(part)
        if isinstance(node, DictConfig):
            resolved: Mapping[Any, Any] = OmegaConf.to_container(node, resolve=True)  # type: ignore[assignment]
            check_targets(resolved, where=f"hydra.{part}")
