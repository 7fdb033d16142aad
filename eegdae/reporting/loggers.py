"""TensorBoard, MLflow, Weights & Biases: what a run tells of itself, in their formats, on this disk alone.

Each is told part by part, and may be told a part again by a run that was interrupted: TensorBoard gets a file
a part, MLflow keeps the same value of the same time once, the folder of Weights & Biases is written anew.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eegdae.recordings.extras import extra_package

if TYPE_CHECKING:
    from pytorch_lightning.loggers import TensorBoardLogger

_NEEDED = {
    "tensorboard": ("tensorboard",),
    "mlflow": ("mlflow", "sqlalchemy", "alembic"),
    "wandb": ("wandb",),
}
_SILENT = {
    "mlflow": {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
    "wandb": {"WANDB_ERROR_REPORTING": "false", "WANDB_MODE": "offline", "WANDB_SILENT": "true"},
}
"""Environment that must be set before a package is imported: it would report its use to its makers."""

_MLFLOW_METRICS, _MLFLOW_PARAMS = 1000, 100
"""Most of each that MLflow takes in one call."""
_PATIENCE = 60.0
"""Seconds in which the other processes that share a store must have let go of it."""


def check_package(kind: str) -> None:
    """Import what a logger needs, told first to send nothing.

    Parameters
    ----------
    kind : str
        ``tensorboard``, ``mlflow`` or ``wandb``.

    Raises
    ------
    EegdaeError
        If a package is missing or does not load: says how to install it.
    """
    os.environ.update(_SILENT.get(kind, {}))
    for module in _NEEDED[kind]:
        extra_package(module, extra=kind, needed_by=f"logger={kind}")
    if kind == "mlflow":
        extra_package("mlflow.tracking", extra=kind, needed_by="logger=mlflow")


class TensorBoard:
    """Event files below the run folder, one for each part, whole or not there at all.

    Parameters
    ----------
    write : callable
        Takes the name of a file and its bytes, as `RunFolder.write_bytes` does.
    folder : Path
        Of the event files; its name is the run's in TensorBoard.
    """

    def __init__(self, write: Callable[[str, bytes], None], folder: Path) -> None:
        self._write = write
        self._folder = folder

    def start(self, settings: Mapping[str, Any]) -> None:
        """Leave the settings as a table, and take an earlier end away."""
        for file in self._files("end"):
            file.unlink()
        if not self._files("settings"):
            rows = "\n".join(f"| {key} | {value} |" for key, value in settings.items())
            with self._part("settings") as writer:
                writer.experiment.add_text("settings", f"| key | value |\n|---|---|\n{rows}", 0)

    def losses(self, part: str, steps: list[tuple[int, dict[str, float]]]) -> None:
        """Write a part that is not there yet."""
        if not self._files(part):
            with self._part(part) as writer:
                for epoch, values in steps:
                    writer.log_metrics(values, epoch)

    def end(self, status: str, figures: dict[str, float], settings: Mapping[str, Any]) -> None:
        """Write the figures, beside the settings in the table of all runs, and the status."""
        for file in self._files("end"):
            file.unlink()
        with self._part("end") as writer:
            writer.experiment.add_text("status", status, 0)
            if figures:
                writer.log_hyperparams(dict(settings), figures, 0)

    def _files(self, part: str) -> list[Path]:
        return sorted(self._folder.glob(f"events.out.tfevents.*.{part}"))

    @contextmanager
    def _part(self, part: str) -> Iterator[TensorBoardLogger]:
        from pytorch_lightning.loggers import TensorBoardLogger

        with tempfile.TemporaryDirectory(prefix="eegdae-") as place:
            logger = TensorBoardLogger(place, name="", version="part", default_hp_metric=False)
            try:
                yield logger
            finally:
                logger.finalize("success")
            written = b"".join(file.read_bytes() for file in sorted(Path(place, "part").glob("events.*")))
        # TensorBoard reads files in the order of their names
        name = f"events.out.tfevents.{time.time_ns() // 1000}.{part}"
        self._write(f"{self._folder.parent.name}/{self._folder.name}/{name}", written)


class MLflow:
    """One run in a SQLite file that other runs, also of other processes, may share.

    Parameters
    ----------
    store : Path
        Folder of ``mlflow.db``.
    folder : Path
        Of the run; by it a resumed run is found again.
    name : str
        Of the run, for people.
    experiment : str
        Under which it is listed.
    """

    def __init__(self, store: Path, folder: Path, *, name: str, experiment: str) -> None:
        self._store = store.resolve()
        self._own = os.path.relpath(folder.resolve(), self._store)
        self._name = name
        self._experiment = experiment
        self._run, self._began = "", 0
        self._client: Any = None

    def start(self, settings: Mapping[str, Any]) -> None:
        """Find the run of this folder, or make it, and leave the settings."""
        with self._alone():
            from mlflow.entities import Param, ViewType
            from mlflow.tracking import MlflowClient

            for noisy in ("mlflow", "alembic"):
                logging.getLogger(noisy).setLevel(logging.WARNING)
            file = self._store / "mlflow.db"
            with closing(sqlite3.connect(file)) as database:
                database.execute("PRAGMA user_version")  # MLflow would try a file that is none for minutes
            # MLflow takes these two for parts of an address
            place = str(file).replace("%", "%25").replace("?", "%3F")
            client = self._client = MlflowClient(tracking_uri=f"sqlite:///{place}")
            found = client.get_experiment_by_name(self._experiment)
            where = (self._store / "mlruns").as_uri()
            number = (
                found.experiment_id
                if found
                else client.create_experiment(self._experiment, artifact_location=where)
            )
            tags = {"eegdae.folder": self._own}
            same = f"tags.`eegdae.folder` = '{self._own.replace(chr(39), chr(39) * 2)}'"
            runs = client.search_runs([number], same, run_view_type=ViewType.ALL, max_results=1)
            run = runs[0] if runs else client.create_run(number, tags=tags, run_name=self._name)
            self._run, self._began = run.info.run_id, run.info.start_time
            client.update_run(self._run, status="RUNNING")
            if not run.data.params:
                params = [Param(key, str(value)[:6000]) for key, value in settings.items()]
                for k in range(0, len(params), _MLFLOW_PARAMS):
                    client.log_batch(self._run, params=params[k : k + _MLFLOW_PARAMS])

    def losses(self, part: str, steps: list[tuple[int, dict[str, float]]]) -> None:
        """Keep values under the time at which the run began: told again, they are the same values."""
        from mlflow.entities import Metric

        metrics = [Metric(key, value, self._began, step) for step, row in steps for key, value in row.items()]
        with self._alone():
            for k in range(0, len(metrics), _MLFLOW_METRICS):
                self._client.log_batch(self._run, metrics=metrics[k : k + _MLFLOW_METRICS])

    def end(self, status: str, figures: dict[str, float], settings: Mapping[str, Any]) -> None:
        """Keep the figures and the status."""
        self.losses("end", [(0, figures)])
        with self._alone():
            known = {"done": "FINISHED", "interrupted": "KILLED"}
            self._client.set_terminated(self._run, status=known.get(status, "FAILED"))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the store: SQLite gives up after seconds where many processes write."""
        self._store.mkdir(parents=True, exist_ok=True)
        with open(self._store / ".mlflow.lock", "a+") as lock:
            until = time.monotonic() + _PATIENCE
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise
                    time.sleep(0.02)
            yield


class WeightsAndBiases:
    """The offline folder of one run; ``wandb sync`` can send it, and nothing else does.

    Parameters
    ----------
    folder : Path
        Of the run.
    name : str
        Of the run, for people.
    mark : str
        Of the run, for the package: the same after an interruption.
    group : str or None
        Of all jobs of one sweep.
    project : str
        To which it belongs.
    """

    def __init__(self, folder: Path, *, name: str, mark: str, group: str | None, project: str) -> None:
        self._folder = folder
        self._init: dict[str, Any] = {"name": name, "id": mark, "group": group, "project": project}
        self._run: Any = None

    def start(self, settings: Mapping[str, Any]) -> None:
        """Begin anew: an interrupted run is told from its start again."""
        wandb = import_module("wandb")
        logging.getLogger("wandb").setLevel(logging.WARNING)
        shutil.rmtree(self._folder / "wandb", ignore_errors=True)
        silent = {"silent": True, "console": "off", "disable_git": True, "disable_code": True}
        silent |= {f"x_disable_{what}": True for what in ("stats", "meta", "viewer", "machine_info")}
        self._run = wandb.init(
            **self._init,
            dir=str(self._folder),
            mode="offline",
            reinit="create_new",
            config=dict(settings),
            settings=wandb.Settings(**silent, x_save_requirements=False, init_timeout=30),
        )
        self._run.define_metric("epoch")
        self._run.define_metric("*", step_metric="epoch")

    def losses(self, part: str, steps: list[tuple[int, dict[str, float]]]) -> None:
        """Append a row an epoch."""
        for epoch, values in steps:
            self._run.log({**values, "epoch": epoch})

    def end(self, status: str, figures: dict[str, float], settings: Mapping[str, Any]) -> None:
        """Put figures and status into the summary and close."""
        self._run.summary.update({**figures, "status": status})
        self._run.finish(exit_code=0 if status == "done" else 1)
