"""The run folder: layout, version, lock, atomic writes, reading back. Nobody else writes into it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import platform
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
import yaml
from numpy.typing import NDArray

import eegdae
from eegdae.coder import CodeModel
from eegdae.errors import EegdaeError, one_line
from eegdae.folder_lock import lock_folder

FORMAT = 2
"""Version of the layout and of checkpoints; raised when either changes."""

NOT_HASHED = ("resume", "debug", "report", "paths", "prepare", "hydra", "logger", "search", "sweep")
_PACKAGES = ("torch", "pytorch-lightning", "hydra-core", "mne", "numpy", "scipy", "scikit-learn", "pandas")
# written in C where there is a compiler's work: ten times faster on a thousand configurations
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class RunFolder:
    """One run's folder, held by one process: a context manager that leaves ``run.json`` true.

    Parameters
    ----------
    path : Path
        The folder; made where it does not exist.
    config : mapping
        Of the run, plain Python.
    resume : bool
        Go on with the run that is there.

    Raises
    ------
    EegdaeError
        If the folder cannot be written, is held by another process, or holds another run.
    """

    def __init__(self, path: Path, config: Mapping[str, Any], *, resume: bool = False) -> None:
        self.path = Path(path)
        self.config = config
        self.hash = config_hash(config)
        self._started = time.monotonic()
        self._lock = lock_folder(self.path, "hydra.run.dir", busy="another process is running in this folder")
        try:
            self._take_over(resume)
        except BaseException:
            self._lock.close()
            raise

    def _take_over(self, resume: bool) -> None:
        self.before: dict[str, Any] = (
            read_json(self.path / "run.json") if (self.path / "run.json").exists() else {}
        )
        if self.before and not resume:
            raise EegdaeError(
                f"hydra.run.dir={self.path}: holds a run already (status {self.before.get('status')}); "
                "choose another folder, or add resume=true to go on with it"
            )
        if self.before:
            if self.before.get("format") != FORMAT:
                raise EegdaeError(
                    f"{self.path / 'run.json'}: of another version of eegdae (format "
                    f"{self.before.get('format')}, not {FORMAT}); choose another folder"
                )
            if self.before.get("config_hash") != self.hash:
                key = _first_difference(read_config(self.path), self.config)
                raise EegdaeError(
                    f"resume=true: the run in {self.path} was another ({key}); give the same overrides"
                )
        for left_over in self.path.rglob(".tmp-*"):
            left_over.unlink(missing_ok=True)

    @property
    def is_done(self) -> bool:
        """Whether the run that is there had finished."""
        return self.before.get("status") == "done"

    def __enter__(self) -> Self:
        if not self.is_done:
            self.write_text(
                "config.yaml", yaml.safe_dump(dict(self.config), sort_keys=False, allow_unicode=True)
            )
            self._write_status("running")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is not None and not self.is_done:
                interrupted = isinstance(error, KeyboardInterrupt)
                self._write_status(
                    "failed", error="interrupted" if interrupted else str(error) or type(error).__name__
                )
        except EegdaeError:
            pass  # the folder cannot be written: the first error says why
        finally:
            self._lock.close()

    def leave(self, seconds: float) -> None:
        """Leave the run unfinished, to be gone on with; it took so many seconds, others in the same time."""
        self._write_status("running", seconds=seconds)

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Write the last file, ``run.json`` with status ``done``, and drop the checkpoints."""
        shutil.rmtree(self.path / "checkpoints", ignore_errors=True)
        self._write_status("done", metrics=metrics)

    def _write_status(self, status: str, seconds: float | None = None, **more: Any) -> None:
        now = time.monotonic() - self._started if seconds is None else seconds
        wall = self.before.get("wall_s", 0.0) + now
        self.write_json(
            "run.json",
            {
                "format": FORMAT,
                "status": status,
                "config_hash": self.hash,
                "seed": self.config.get("seed"),
                "name": self.config.get("name"),
                "versions": versions(),
                "threads": torch.get_num_threads(),
                "git_commit": git_commit(),
                "started": self.before.get("started") or time.strftime("%Y-%m-%dT%H:%M:%S%z"),
                "wall_s": round(wall, 1),
                **more,
            },
        )

    def exists(self, name: str) -> bool:
        """Whether a file is there; as every write is a rename, it is whole."""
        return (self.path / name).exists()

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write a file under a temporary name and rename it.

        Raises
        ------
        EegdaeError
            If the disk is full or the folder cannot be written.
        """
        target = self.path / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            replace_file(target, data)
        except OSError as error:
            raise EegdaeError(f"hydra.run.dir={self.path}: cannot write {name}: {error.strerror}") from error

    def write_text(self, name: str, text: str) -> None:
        """Write text as UTF-8."""
        self.write_bytes(name, text.encode())

    def write_json(self, name: str, data: Any) -> None:
        """Write plain data as JSON; NaN becomes null."""
        self.write_text(name, json.dumps(_without_nan(data), indent=1) + "\n")

    def write_csv(self, name: str, table: pd.DataFrame) -> None:
        """Write a table, floats in full."""
        # the same text: as objects pandas writes their repr, which is half the work
        floats = dict.fromkeys(table.select_dtypes("float64"), object)
        self.write_text(name, table.astype(floats).to_csv(index=False))

    def write_npz(self, name: str, **arrays: NDArray[Any]) -> None:
        """Write arrays; the same arrays give the same bytes."""
        self.write_bytes(name, npz_bytes(**arrays))

    def write_tensors(self, name: str, state: Mapping[str, Any]) -> None:
        """Write plain data and tensors for `read_tensors`; the same state gives the same bytes."""
        buffer = io.BytesIO()
        torch.save({"format": FORMAT, "eegdae": eegdae.__version__, **state}, buffer)
        self.write_bytes(name, buffer.getvalue())

    # the two methods of a CheckpointStore (eegdae.training.stage)

    def save(self, key: str, state: dict[str, Any]) -> None:
        """Keep the state of an unfinished fit."""
        self.write_tensors(f"checkpoints/{key}.ckpt", {"state": state})

    def load(self, key: str) -> dict[str, Any] | None:
        """Return the state of an unfinished fit, or None."""
        path = self.path / "checkpoints" / f"{key}.ckpt"
        return read_tensors(path)["state"] if path.exists() else None


def replace_file(path: Path, data: bytes) -> None:
    """Write a file under a temporary name beside it and rename it: whole or not at all.

    Parameters
    ----------
    path : Path
        In a folder that exists.
    data : bytes
        All of it.

    Raises
    ------
    OSError
        If the disk is full or the folder cannot be written; nothing is left then.
    """
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def npz_bytes(**arrays: NDArray[Any]) -> bytes:
    """Put arrays into the bytes of an ``.npz`` file; the same arrays give the same bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def config_hash(config: Mapping[str, Any]) -> str:
    """Hash what decides the result: the configuration without resume, debug, paths, hydra and logger."""
    kept = {key: value for key, value in config.items() if key not in NOT_HASHED}
    text = json.dumps(_without_folder(kept, config.get("paths") or {}), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def versions() -> dict[str, str]:
    """Versions of this package, Python and what the numbers depend on."""
    found = {"eegdae": eegdae.__version__, "python": platform.python_version()}
    return {**found, **{name: metadata.version(name) for name in _PACKAGES}}


@cache
def git_commit() -> str | None:
    """Commit of the checkout that this package runs from, None where it is installed without one."""
    root = Path(eegdae.__file__).parents[1]
    if not (root / "pyproject.toml").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def read_json(path: Path, called: str | None = None) -> dict[str, Any]:
    """Read a JSON object.

    Parameters
    ----------
    path : Path
    called : str, optional
        The file in errors; null: the whole path.

    Raises
    ------
    EegdaeError
        If it cannot be read or is no object.
    """
    return _read(Path(path), called, json.loads, "JSON", "an object")


def read_config(path: Path, called: str | None = None) -> dict[str, Any]:
    """Read ``config.yaml`` of a run folder as data; it is never instantiated from.

    Parameters
    ----------
    path : Path
        Of the folder.
    called : str, optional
        The file in errors; null: the whole path.

    Raises
    ------
    EegdaeError
        If it cannot be read or is no mapping.
    """
    return _read(Path(path) / "config.yaml", called, partial(yaml.load, Loader=_Loader), "YAML", "a mapping")


def _read(
    file: Path, called: str | None, parse: Callable[[bytes], Any], language: str, due: str
) -> dict[str, Any]:
    called = called or str(file)
    try:
        data = parse(file.read_bytes())
    except (OSError, ValueError, yaml.YAMLError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or one_line(error)
        raise EegdaeError(f"{called}: cannot be read as {language}: {why}") from error
    if not isinstance(data, dict):
        raise EegdaeError(f"{called}: holds {type(data).__name__}, not {due}")
    return data


def read_tensors(path: Path) -> dict[str, Any]:
    """Read a file of plain data and tensors, and nothing else: no code in it is ever run.

    Raises
    ------
    EegdaeError
        If it is missing, truncated, of another version, or holds anything else.
    """
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise EegdaeError(f"{path}: no such file") from error
    except pickle.UnpicklingError as error:
        if zipfile.is_zipfile(path):
            raise EegdaeError(
                f"{path}: holds more than tensors and plain data; refused, nothing was run"
            ) from error
        raise EegdaeError(f"{path}: not a checkpoint of eegdae, or truncated") from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise EegdaeError(f"{path}: truncated or damaged; train again or copy the file anew") from error
    if not isinstance(data, dict) or "format" not in data:
        raise EegdaeError(f"{path}: not a checkpoint of eegdae: no format number inside")
    if data["format"] != FORMAT:
        raise EegdaeError(
            f"{path}: format {data['format']} of eegdae {data.get('eegdae')}; this version reads {FORMAT}"
        )
    return data


def read_model(path: str | os.PathLike[str]) -> CodeModel:
    """Load the final model of a finished run.

    Parameters
    ----------
    path : str or path
        The run folder.

    Returns
    -------
    CodeModel
        ``transform``, ``reconstruct``, ``predict``, ``predict_proba`` of `Windows`.

    Raises
    ------
    EegdaeError
        If there is no finished run, or its checkpoint is damaged, of another version or unsafe.
    """
    folder = Path(path)
    if not (folder / "run.json").exists():
        raise EegdaeError(
            f"run={folder}: no run there (run.json is missing); give the folder of a finished run"
        )
    status = read_json(folder / "run.json").get("status")
    if status != "done":
        raise EegdaeError(
            f"run={folder}: status is {status!r}, not 'done'; finish it: resume=true hydra.run.dir={folder}"
        )
    state = read_tensors(folder / "model.ckpt")
    try:
        return CodeModel.from_state(state["model"])
    except (KeyError, TypeError, ValueError, RuntimeError, IndexError, AttributeError) as error:
        raise EegdaeError(
            f"{folder / 'model.ckpt'}: a part is missing or does not fit: {one_line(error)}"
        ) from error


def _without_nan(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {str(key): _without_nan(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_without_nan(value) for value in data]
    if isinstance(data, np.generic):
        data = data.item()
    return None if isinstance(data, float) and not np.isfinite(data) else data


def _without_folder(data: Any, paths: Mapping[str, Any]) -> Any:
    """Take the machine's folders out of every string, so that a moved data set hashes alike."""
    if isinstance(data, Mapping):
        return {key: _without_folder(value, paths) for key, value in data.items()}
    if isinstance(data, list):
        return [_without_folder(value, paths) for value in data]
    if isinstance(data, str):
        for name, folder in paths.items():
            data = data.replace(str(folder), f"<{name}>") if folder else data
    return data


def _first_difference(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> str:
    for key in [*old, *(k for k in new if k not in old)]:
        if not prefix and key in NOT_HASHED:
            continue
        a, b = old.get(key), new.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            inner = _first_difference(a, b, f"{prefix}{key}.")
            if inner:
                return inner
        elif a != b:
            return f"{prefix}{key} was {a!r}, is {b!r}"
    return ""
