"""What a run tells a logger: settings at the start, losses after each fold, figures and status at the end.

A logger repeats what is in the run folder: it is told from the files there, may be told the same again after
an interruption, and may fail: the run goes on without it.
"""

from __future__ import annotations

import hashlib
import logging
import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import pandas as pd

from eegdae.errors import EegdaeError, did_you_mean, one_line
from eegdae.run import NOT_HASHED, RunFolder, read_json
from eegdae.tasks.ranks import FollowedRun
from eegdae.tasks.run_names import run_name, sweep_of

log = logging.getLogger("eegdae")

KINDS = ("csv", "tensorboard", "mlflow", "wandb")
_KEYS = {"csv": {"kind"}, "tensorboard": {"kind"}, "mlflow": {"kind", "store", "experiment"}}
_KEYS["wandb"] = {"kind", "project"}
_WHERE = ("model", "fold", "view", "stage", "epoch")
"""Columns of ``history.csv`` that say what a row is of; all others are what it came to."""

Settings = dict[str, str | int | float | bool]
"""Dotted key -> value."""
Step = tuple[int, dict[str, float]]
"""Epoch, counted from 1 in each stage, and name -> value."""


class Backend(Protocol):
    """What a package for logging must do; each call leaves everything that it was told on disk."""

    def start(self, settings: Settings) -> None:
        """Begin, or go on with, the run of these settings."""

    def losses(self, part: str, steps: list[Step]) -> None:
        """Keep the losses of one part of a run: ``fold-0``, ``final``."""

    def end(self, status: str, figures: dict[str, float], settings: Settings) -> None:
        """Keep the last figures and the status: ``done``, ``failed`` or ``interrupted``."""


def check_logger(config: Mapping[str, Any]) -> None:
    """Refuse what the group ``logger`` cannot be, and a package that is not there.

    Parameters
    ----------
    config : mapping
        Composed configuration of a run.

    Raises
    ------
    EegdaeError
        Names the key, or says how to install the package.
    """
    options = config.get("logger") or {"kind": "csv"}
    if not isinstance(options, Mapping):
        raise EegdaeError(f"logger={options!r}: must name a choice: {', '.join(KINDS)}")
    kind = options.get("kind")
    if kind not in KINDS:
        raise EegdaeError(f"logger.kind={kind!r}: no such logger; {did_you_mean(str(kind), KINDS)}")
    for key, value in options.items():
        if key not in _KEYS[kind]:
            raise EegdaeError(f"logger.{key}: no such key; {did_you_mean(key, sorted(_KEYS[kind]))}")
        if not (isinstance(value, str) and value.strip()) and not (key == "store" and value is None):
            raise EegdaeError(f"logger.{key}={value!r}: must be a text")
    if kind != "csv":
        from eegdae.reporting.loggers import check_package

        check_package(kind)


def open_logger(run: RunFolder) -> RunLog:
    """Open the logger that a run's configuration asks for.

    Parameters
    ----------
    run : RunFolder
        Open; of a finished run, and of a process beside the first, nothing is logged.

    Returns
    -------
    RunLog
        A context manager beside that of the run.
    """
    options = dict(run.config.get("logger") or {"kind": "csv"})
    if options["kind"] == "csv" or run.is_done or isinstance(run, FollowedRun):
        return RunLog(run)
    return RunLog(run, lambda: _backend(run, **options), kind=options["kind"])


class RunLog:
    """A run as a logger hears of it: ``fold(k)`` after each fold, ``done(metrics)`` at the end.

    Parameters
    ----------
    run : RunFolder
        From whose files everything is told.
    make : callable or None
        Makes the backend; None = nothing is logged.
    kind : str
        Of the logger, for the warning.
    """

    def __init__(
        self, run: RunFolder, make: Callable[[], Backend] | None = None, *, kind: str = "csv"
    ) -> None:
        self.run = run
        self.kind = kind
        self._make = make
        self._backend: Backend | None = None

    def __enter__(self) -> Self:
        if self._make is not None:
            self._attempt(self._start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if error is not None and self._backend is not None:
            status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            self._attempt(lambda backend: backend.end(status, {}, flat_settings(self.run.config)))

    def fold(self, number: int) -> None:
        """Log the losses of a fold whose folder is written; one that was logged already is not doubled."""
        file = self.run.path / f"folds/{number}/history.csv"
        self._attempt(lambda backend: _tell_losses(backend, f"fold-{number}", file))

    def done(self, metrics: Mapping[str, Any]) -> None:
        """Log the final model's losses, the metrics and the validation, before ``run.finish``."""

        def tell(backend: Backend) -> None:
            _tell_losses(backend, "final", self.run.path / "history.csv")
            validation = self.run.path / "validation.json"
            found = {"metrics": metrics, "validation": read_json(validation) if validation.exists() else {}}
            backend.end("done", _figures(found), flat_settings(self.run.config))

        self._attempt(tell)
        self._backend = None

    def _start(self, _: Backend | None) -> None:
        assert self._make is not None
        self._backend = self._make()
        self._backend.start(flat_settings(self.run.config))

    def _attempt(self, tell: Callable[[Any], None]) -> None:
        """Tell the backend something; after an error it is told nothing more, and the run goes on."""
        if self._backend is None and tell != self._start:
            return
        try:
            tell(self._backend)
        except Exception as error:
            self._backend = None
            said = one_line(error)
            log.warning(
                f"warning: logger={self.kind}: {said}; the run goes on without it, its folder has all"
            )


def flat_settings(config: Mapping[str, Any]) -> Settings:
    """Lay a configuration out as dotted keys, without what decides no result (`NOT_HASHED`).

    Parameters
    ----------
    config : mapping
        Of a run.

    Returns
    -------
    dict
        Dotted key -> number, truth value or text; a list is a text.
    """
    kept = {key: value for key, value in config.items() if key not in NOT_HASHED}
    return dict(_leaves(kept))


def _leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str | int | float | bool]]:
    for key, value in node.items():
        path = f"{prefix}{_clean(str(key))}"
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{path}.")
        else:
            yield path, value if isinstance(value, str | int | float) else str(value)


def _tell_losses(backend: Backend, part: str, file: Path) -> None:
    try:
        table = pd.read_csv(file, dtype={name: str for name in _WHERE[:-1]}, keep_default_na=True)
    except pd.errors.EmptyDataError:  # nothing was trained
        return
    if part == "final":
        table = table[table["fold"] == "final"]
    backend.losses(part, list(history_steps(table, part)))


def history_steps(table: pd.DataFrame, part: str) -> Iterator[Step]:
    """Turn rows of ``history.csv`` into what loggers take: names and values, epoch by epoch.

    Parameters
    ----------
    table : DataFrame
        Columns ``model``, ``fold``, ``view``, ``stage``, ``epoch``, and a column a loss; of one fold.
    part : str
        First word of the names: ``fold-0``, ``final``.

    Yields
    ------
    tuple
        Epoch, and ``part/view/model/stage/column`` -> value of all that had this epoch.
    """
    columns = [name for name in table.columns if name not in _WHERE]
    for epoch, rows in table.groupby("epoch", sort=True):
        values = {
            "/".join(
                _clean(str(word)) for word in (part, row["view"], row["model"], row["stage"], name)
            ): float(row[name])
            for row in rows.to_dict("records")
            for name in columns
            if math.isfinite(row[name])
        }
        yield int(str(epoch)), values


def _figures(node: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Lay figures out as ``metrics/codes/roc_auc/mean`` -> value, without those that are not known."""
    found: dict[str, float] = {}
    for key, value in node.items():
        path = f"{prefix}{_clean(str(key))}"
        if isinstance(value, Mapping):
            found |= _figures(value, f"{path}/")
        elif isinstance(value, int | float) and math.isfinite(value):
            found[path] = float(value)
    return found


def _clean(name: str) -> str:
    """Keep of a name what every logger takes."""
    return re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII)


def _backend(run: RunFolder, *, kind: str, **options: Any) -> Backend:
    from eegdae.reporting import loggers

    name, sweep = run_name(run.path), sweep_of(run.path)
    if kind == "tensorboard":
        return loggers.TensorBoard(run.write_bytes, run.path / "tensorboard" / name)
    if kind == "mlflow":
        store = Path(options["store"]).expanduser() if options.get("store") else sweep or run.path
        return loggers.MLflow(store, run.path, name=name, experiment=options["experiment"])
    started = read_json(run.path / "run.json").get("started")
    mark = hashlib.sha256(f"{run.hash} {started} {run.path.name}".encode()).hexdigest()[:12]
    group = sweep.name if sweep else None
    return loggers.WeightsAndBiases(run.path, name=name, mark=mark, group=group, project=options["project"])
