"""Start a Hydra command: compose, check, run; one job or a sweep of them."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import main as hydra_main
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from eegdae.errors import EegdaeError, did_you_mean, one_line
from eegdae.run import read_json
from eegdae.tasks.elsewhere import Anywhere, surroundings, told_of_loss
from eegdae.tasks.launchers import unknown_setting
from eegdae.tasks.overrides import check_args, compose_command
from eegdae.tasks.prepare import plain_config
from eegdae.tasks.screen import in_files_only
from eegdae.tasks.search import asks_for_search, search
from eegdae.tasks.sweep.around import Sweep, begin_job
from eegdae.tasks.sweep.jobs import leave_failure
from eegdae.tasks.sweep.plan import plan_sweep
from eegdae.tasks.targets import check_targets
from eegdae.tasks.threads import on_threads, threads_of

log = logging.getLogger("eegdae")

_FILES = {f".{kind}": f"{kind}_files" for kind in ("arff", "mat", "npz", "ts")}
_FILES |= dict.fromkeys((".wav", ".wave", ".flac"), "sound_files")
_FILES |= dict.fromkeys((".xdf", ".xdfz", ".xdf.gz"), "xdf_files")
_FILES |= dict.fromkeys(
    (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".arrow", ".feather"), "table_files"
)
_FILES |= dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp"), "image_files")
_FILES |= dict.fromkeys((".pgm", ".ppm", ".pbm", ".npy", "idx3-ubyte", "idx3-ubyte.gz"), "image_files")
"""Ending of a file -> the choice of ``data`` that reads it; all others are MNE's."""

_OF_SIGNALS = ("data.sfreq=", "data.layout=")


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
    """Make ``${eegdae.data_dir:}`` and ``${eegdae.cache_dir:}`` known to OmegaConf."""

    def data_folder() -> str:
        from eegdae.recordings import data_dir

        return str(data_dir())

    def cache_folder() -> str:
        from eegdae.recordings import cache_dir

        return str(cache_dir())

    OmegaConf.register_new_resolver("eegdae.data_dir", data_folder, replace=True)
    OmegaConf.register_new_resolver("eegdae.cache_dir", cache_folder, replace=True)


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
    given, args = args, [word for arg in args for word in _data_path(arg, args)]
    if command == "train" and asks_for_search(args):
        return search(args, folder)
    outcome, sweep = _Outcome(), None
    # Hydra would print its own account of an error and exit 1
    os.environ["HYDRA_FULL_ERROR"] = "1"
    job = hydra_main(version_base="1.3", config_path=str(folder), config_name=command)(
        Anywhere(lambda config: _job(command, given, config, outcome))
    )
    before = sys.argv
    # a full disk must not fill the screen with logging's own tracebacks: the run's writes tell of it
    raises, logging.raiseExceptions = logging.raiseExceptions, False
    try:
        checked = check_args(command, args, folder)
        # Hydra's parser takes overrides on one side of the flags only, and --info would swallow the next word
        sys.argv = [f"eegdae {command}", *checked.texts, *checked.flags]
        plan = plan_sweep(command, checked, folder) if checked.is_sweep else None
        if plan and not checked.is_shown:
            sys.argv.insert(1 + len(checked.texts), plan.override)
            # in this order: the live line writes to the screen that is left for it
            with surroundings(plan.launcher), Sweep(plan) as sweep:
                job()
                return sweep.finish()
        job()
    except (HydraException, OmegaConfBaseException) as error:
        raise EegdaeError(hydra_message(error, command)) from error
    except OSError as error:
        key, where = f"hydra.{'sweep' if sweep else 'run'}.dir", error.filename or "the folder of the run"
        raise EegdaeError(f"{key}: {where}: cannot be written: {error.strerror}") from error
    except (ValueError, RuntimeError, ImportError) as error:
        if lost := told_of_loss(error):
            raise lost from error
        if outcome.started or isinstance(error, EegdaeError):
            raise
        # before the job begins, in this process, only what Hydra was told can be at fault
        again = f"; {sweep.how_to_go_on}" if sweep and sweep.jobs.look() else ""
        raise EegdaeError(f"{' '.join(args)}: {' '.join(str(error).split())}{again}") from error
    finally:
        sys.argv = before
        logging.raiseExceptions = raises
    if outcome.error is not None:
        raise outcome.error
    return 0


@dataclass
class _Outcome:
    """What the one run left besides its folder; jobs of a sweep, maybe of other processes, leave theirs."""

    started: bool = False
    error: Exception | None = None


def _job(command: str, args: Sequence[str], config: DictConfig, outcome: _Outcome) -> Any:
    """Run one job; its error is kept: Hydra would print it, and end a sweep whose other jobs can go on."""
    outcome.started = True
    hydra = HydraConfig.get()
    in_sweep = hydra.mode == RunMode.MULTIRUN
    overrides: list[str] = OmegaConf.to_container(hydra.overrides.task, resolve=False)  # type: ignore[assignment]
    folder = Path(hydra.runtime.output_dir)
    if in_sweep:
        log.info(f"job {hydra.job.num}: {' '.join(overrides)}")
    try:
        plain = plain_config(config)
        check_targets(plain)
        if command == "train" and (plain.get("search") or {}).get("sampler", "none") != "none":
            raise EegdaeError("search: is asked for on the command line only: search=levels, with no -m")
        if in_sweep and begin_job(folder, plain):
            log.info(f"job {hydra.job.num}: done already")
            return read_json(folder / "metrics.json")
        if command == "train":
            from eegdae.tasks.ranks import train_together

            if train_together(args, folder, plain, in_sweep=in_sweep):
                return None
        is_job = in_sweep and command == "train"
        more = {"in_sweep": in_sweep} if command == "train" else {}
        n_threads = threads_of(plain, hydra.launcher if in_sweep else None)
        with on_threads(n_threads), in_files_only() if is_job else nullcontext():
            found = _task(command)(plain, folder, **more)
        if is_job:
            from eegdae.tasks.train import in_short

            log.info(f"job {hydra.job.num} done: {in_short(found)}")
        return found
    except EegdaeError as error:
        known = error
    except OSError as error:
        known = EegdaeError(f"{error.filename or hydra.runtime.output_dir}: {error.strerror or error}")
        known.__cause__ = error
    except Exception as error:
        known = unforeseen(error)
        known.__cause__ = error
    if not in_sweep:
        outcome.error = known
        return None
    log.info(f"job {hydra.job.num} failed: {known}")
    leave_failure(folder, hydra.job.num, overrides, known)
    if config.get("debug"):
        raise known
    return None


def unforeseen(error: Exception) -> EegdaeError:
    """One line for what no check caught."""
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "memory" in str(error)):
        return EegdaeError("not enough memory; make model.hidden, trainer.batch_size or the data smaller")
    return EegdaeError(
        f"unforeseen {type(error).__name__}: {one_line(error, 300)}; debug=true shows where; please report it"
    )


def _task(command: str) -> Callable[..., Any]:
    """Import a command's work only when it is due: it brings torch."""
    if command == "train":
        from eegdae.tasks.train import train

        return train
    from eegdae.tasks.use import classify, extract

    return {"extract": extract, "classify": classify}[command]


def _data_path(arg: str, args: Sequence[str] = ()) -> list[str]:
    """Let ``data=FILE`` mean ``data=files data.path=FILE``; Hydra knows ``data=NAME`` only.

    The kind of source is told by the ending, or by what a folder holds; several files stand in brackets. An
    ``.npy`` file holds images, but signals where another argument says their rate or layout. A folder of the
    name of a choice is not meant.
    """
    key, _, value = arg.partition("=")
    is_path = value.startswith(("~", ".", "/")) or any(mark in value for mark in "./*")
    if key != "data" or not (is_path or (os.path.lexists(value) and not _is_choice(value, args))):
        return [arg]
    listed = value.startswith("[") and value.endswith("]")
    files = [file.strip(" '\"") for file in (value[1:-1].split(",") if listed else [value])]
    quoted = ["'" + file.replace("'", "\\'") + "'" for file in files]
    choice = next((c for ending, c in _FILES.items() if files[0].lower().endswith(ending)), "files")
    folder = Path(files[0]).expanduser()
    if files[0].lower().endswith(".npy") and any(other.startswith(_OF_SIGNALS) for other in args):
        choice = "npy_files"
    elif folder.is_dir() and choice == "files":
        from eegdae.recordings.load import kind_of_folder

        kind = kind_of_folder(folder, [other.partition("=")[0].removeprefix("data.") for other in args])
        choice = {"images": "image_files"}.get(kind or "", f"{kind}_files")
        choice = choice if (conf_dir() / "data" / f"{choice}.yaml").exists() else "files"
    return [f"data={choice}", f"data.path=[{','.join(quoted)}]" if listed else f"data.path={quoted[0]}"]


def _is_choice(name: str, args: Sequence[str]) -> bool:
    """Whether there is a data configuration of this name, ours or in a folder of the user's."""
    text = " ".join(args)
    own = re.findall(r"(?:--config-dir|-cd)[ =](\S+)", text)
    return any((Path(folder) / "data" / f"{name}.yaml").exists() for folder in (conf_dir(), *own))


def hydra_message(error: Exception, command: str = "train", *, lists: str = "a sweep needs -m") -> str:
    """Make one line of an error of Hydra or OmegaConf: the key, the nearest names, what there is.

    ``lists`` says how several values of one key are to be given.
    """
    text = str(error)
    if "Ambiguous value for argument" in text:
        return f"{text.partition('Ambiguous value for argument')[2].split(chr(10))[0].strip()}: {lists}"
    missing = re.search(r"Could not (?:find|load) '([^']+)/([^'/]*)'", text)
    if missing:
        group, name = missing.groups()
        listed = text.partition("Config search path")[0]
        options = re.findall(r"^\t(\S+)", listed, flags=re.MULTILINE) or _options(conf_dir() / group)
        return f"{group}={name}: no such choice; {did_you_mean(name, options)}"
    group_missing = re.search(r"Could not override '([^']+)'", text)
    if group_missing and group_missing.group(1).startswith("hydra.launcher."):
        return f"{group_missing.group(1)}: {unknown_setting(group_missing.group(1), str(error.__cause__))}"
    if group_missing:
        return f"{group_missing.group(1)}: {_unknown_key(group_missing.group(1), command)}"
    merged = re.match(r"Error merging override (.*)", text)
    if merged and error.__cause__ is not None:
        return f"{merged.group(1)}: {str(error.__cause__).strip().splitlines()[0]}"
    line = text.strip().splitlines()[0] if text.strip() else type(error).__name__
    return f"{key}: {line}" if (key := getattr(error, "full_key", None)) else line


def _unknown_key(path: str, command: str) -> str:
    """Say which keys there are beside one that is not."""
    folder = conf_dir()
    node: Any = OmegaConf.to_container(compose_command(command, [], folder), resolve=False)
    node.pop("hydra")
    *parents, name = path.split(".")
    for parent in parents:
        if not isinstance(node, dict) or parent not in node:
            parents, name = parents[: parents.index(parent)], parent  # this is where it went wrong
            break
        node = node[parent]
    if node is None:
        return f"{'.'.join(parents)} is null here; give it whole: {'.'.join(parents)}='{{{name}: ...}}'"
    groups = [p.name for p in folder.iterdir() if p.is_dir()] if not parents else []
    known = [str(key) for key in node if key != "_target_"] if isinstance(node, dict) else []
    return f"unknown key; {did_you_mean(name, {*known, *groups})}"


def _options(group: Path) -> list[str]:
    return sorted(file.stem for file in group.glob("*.yaml"))


def help_text(command: str, folder: Path) -> str:
    """Say what a command takes: its entry file with its comments, then every group with its choices."""
    entry = (folder / f"{command}.yaml").read_text()
    groups = sorted(path for path in folder.iterdir() if path.is_dir())
    used = [
        path for path in groups if re.search(rf"^\s*- (override /)?{path.name}:", entry, flags=re.MULTILINE)
    ]
    named = {path.name: _options(path) for path in used}
    if command == "train":
        # two of these are not files
        named["hydra/launcher"] = sorted(["basic", "vectorized", *_options(folder / "hydra" / "launcher")])
    width = max(map(len, named), default=0)
    choices = [f"  {name:<{width}}  {' | '.join(options)}" for name, options in named.items()]
    return (
        f"usage: eegdae {command} [-m] [group=choice] [key=value ...]\n\n"
        f"groups:\n"
        + "\n".join(choices)
        + f"\n\nconfiguration ({command}.yaml; each choice is a file too):\n\n{entry}\n"
        "eegdae " + command + " --cfg job [overrides] prints the composed configuration.\n"
        "-m sweeps over lists: key=1,2,3 or 'key=range(0,5)'. --config-dir DIR adds choices of your own."
    )
