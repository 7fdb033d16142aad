"""What the shell gave, checked before Hydra may import anything: flags, overrides, the whole composition."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from eegdae.errors import EegdaeError
from eegdae.tasks.launchers import check_launcher, refuse_together, with_our_settings
from eegdae.tasks.targets import check_targets

_INSTANTIATED = ("callbacks", "launcher", "sweeper", "job_logging", "hydra_logging")
"""Parts of Hydra's own configuration from which it imports and calls names."""

_TOGETHER = ("trainer.devices", "trainer.num_nodes")
"""Keys of how many processes train a job."""


@dataclass(frozen=True)
class Checked:
    """What Hydra is started with; of a sweep, ``hydra.launcher``, which is empty for a single run."""

    args: list[str]
    launcher: dict[str, Any]


def check_args(command: str, args: Sequence[str], folder: Path) -> Checked:
    """Refuse what could run code or cannot be composed, and give the arguments to start Hydra with.

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
    Checked
        The same, overrides first; of a sweep its launcher.

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
    texts = list(parsed.overrides)
    folders = [folder]
    if parsed.config_dir is not None:
        own = Path(parsed.config_dir).resolve()
        if not own.is_dir():
            raise EegdaeError(f"--config-dir {parsed.config_dir}: no such folder")
        folders.append(own)
        quoted = str(own).replace("\\", "\\\\").replace("'", "\\'")
        # as Hydra does with this flag: behind our own folder, so it adds choices and replaces none
        texts.append(f"hydra.searchpath=['file://{quoted}']")
        overrides.append(parser.parse_override(texts[-1]))
    launcher: dict[str, Any] = {}
    for job in _compositions(overrides, folders) if parsed.multirun else [texts]:
        config = compose_command(command, job, folder)
        _check_composition(config)
        if parsed.multirun:
            refuse_together(OmegaConf.to_container(config.get("trainer") or OmegaConf.create()))  # type: ignore[arg-type]
            launcher = launcher or OmegaConf.to_container(config.hydra.launcher)  # type: ignore[assignment]
    check_launcher(launcher)
    # Hydra's parser takes overrides on one side of the flags only, and --info would swallow the next word
    return Checked([*parsed.overrides, *flags], launcher)


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
        reason = " ".join(str(error).split()) or type(error).__name__
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


def _compositions(overrides: Sequence[Override], folders: Sequence[Path]) -> Iterator[list[str]]:
    """Give the first job of a sweep, then one more for each further file or number of processes in it."""
    values = [_values(override, folders) for override in overrides]
    yield [texts[0] for texts in values]
    for number, override in enumerate(overrides):
        key = override.key_or_group
        if key in _TOGETHER or any((folder / key).is_dir() for folder in folders):
            for text in values[number][1:]:
                yield [text if k == number else texts[0] for k, texts in enumerate(values)]


def _values(override: Override, folders: Sequence[Path]) -> list[str]:
    if not override.is_sweep_override():
        return [str(override.input_line)]
    value = override.value()
    key = override.get_key_element()
    if isinstance(value, Glob):
        names = {file.stem for folder in folders for file in (folder / override.key_or_group).glob("*.yaml")}
        found = [f"{key}={name}" for name in value.filter(sorted(names))]
    else:
        found = [f"{key}={text}" for text in override.sweep_string_iterator()]
    if not found:
        raise EegdaeError(f"{override.input_line}: a sweep over nothing")
    return found


def _check_composition(config: DictConfig) -> None:
    """Look through a composition as written, and through what Hydra instantiates from as resolved."""
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
