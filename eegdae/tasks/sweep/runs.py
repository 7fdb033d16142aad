"""The runs below a folder, read in milliseconds each; what cannot be read is left out with its reason."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eegdae.errors import EegdaeError
from eegdae.evaluation.sweep import flat_config
from eegdae.run import FORMAT, read_config, read_json
from eegdae.tasks.sweep.files import (
    Figures,
    Groups,
    read_errors,
    read_groups,
    read_validation,
)

_NOT_SEARCHED = ("folds", "figures", "checkpoints", "__pycache__")


@dataclass(eq=False)
class Run:
    """One job of a sweep, as far as it got.

    Parameters
    ----------
    path : Path
        Its folder.
    name : str
        The folder, relative to the sweep's.
    state : dict
        ``run.json``; empty where the job began no run.
    config : dict of str to value
        By dotted key, see `flat_config`; empty where there is none to read.
    problem : str
        Why its figures do not count; empty = they do.
    metrics : dict
        ``metrics.json``; empty where nothing was labelled.
    groups : dict of str to dict of str to tuple of float
        Representation (codes, autoencoder) -> group -> its `METRICS`.
    validation : list of dict
        By fold: metric -> figure inside the training rows, NaN where there is none.
    errors : list of dict
        By fold: view -> way -> error of reconstruction; of runs without labels.
    split : tuple
        By fold: test groups, numbers of training and of test rows. Empty where nothing was held out.
    """

    path: Path
    name: str
    state: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Hashable] = field(default_factory=dict)
    alignment: object = "none"
    problem: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    groups: Groups = field(default_factory=dict)
    validation: list[Figures] = field(default_factory=list)
    errors: list[dict[str, Figures]] = field(default_factory=list)
    split: tuple[Any, ...] = ()

    @property
    def status(self) -> str:
        """``done``, ``failed``, ``running``, or ``no run`` where the job left none."""
        return str(self.state.get("status", "no run"))

    @property
    def kind(self) -> str:
        """Name of the corruption as ``corruption=`` takes it, made from that of its class."""
        name = str(self.config.get("corruption._target_", "")).rpartition(".")[2]
        return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()

    def validation_of(self, metric: str) -> float:
        """Mean figure of validation over the folds.

        Parameters
        ----------
        metric : str

        Returns
        -------
        float
            NaN where a fold has none.
        """
        figures = [fold[metric] for fold in self.validation]
        return sum(figures) / len(figures) if figures else math.nan


def read_runs(folder: Path) -> list[Run]:
    """Read every job below a folder.

    Parameters
    ----------
    folder : Path
        Of a multirun; runs may lie at any depth.

    Returns
    -------
    list of Run
        In the order of their names, job 2 before job 10.

    Raises
    ------
    EegdaeError
        If there is none, or all are of another format.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "no such folder"
        raise EegdaeError(f"sweep-report {folder}: {what}; give the folder of a multirun")
    places = sorted(_places(folder), key=_natural)
    if not places:
        raise EegdaeError(f"sweep-report {folder}: no run in it or below it; give the folder of a multirun")
    runs = [_read(place, str(place.relative_to(folder))) for place in places]
    others = {run.state["format"] for run in runs if run.state.get("format", FORMAT) != FORMAT}
    if others and all(run.state.get("format") in others for run in runs):
        raise EegdaeError(
            f"{runs[0].path / 'run.json'}: format {runs[0].state['format']}, and no run here is of another "
            f"that this version reads, which is {FORMAT}; compare them with the version that made them"
        )
    _leave_out_copies(runs)
    return runs


def left_out_lines(runs: Iterable[Run]) -> list[str]:
    """Tell what is left out and why, jobs of one reason in one line.

    Parameters
    ----------
    runs : iterable of Run

    Returns
    -------
    list of str
    """
    reasons: dict[str, list[str]] = {}
    for run in runs:
        if run.problem:
            reasons.setdefault(run.problem, []).append(run.name)
    lines = []
    for reason, names in reasons.items():
        more = f" and {len(names) - 6} more" if len(names) > 6 else ""
        count = f"{len(names)} runs (" if len(names) > 1 else ""
        lines.append(f"Left out: {count}{', '.join(names[:6])}{more}{')' if count else ''}: {reason}.")
    return lines


def _places(folder: Path) -> Iterable[Path]:
    for here, folders, files in os.walk(folder):
        is_run = "run.json" in files or ".hydra" in folders
        if is_run:
            yield Path(here)
        # a run holds no others; the folder itself may have been a run's, too
        folders[:] = [
            name
            for name in folders
            if not (is_run and Path(here) != folder) and name not in _NOT_SEARCHED and name[0] != "."
        ]


def _read(place: Path, name: str) -> Run:
    run = Run(place, name)
    if not (place / "run.json").exists():
        run.problem = _last_words(place)
        return run
    try:
        run.state = read_json(place / "run.json", "run.json")
        if run.state.get("format") != FORMAT:
            run.problem = (
                f"format {run.state.get('format')}, another version; this one compares runs of {FORMAT}"
            )
            return run
        config = read_config(place, "config.yaml")
        run.config, run.alignment = flat_config(config), config.get("alignment", "none")
        error = " ".join(str(run.state.get("error") or "").split())
        if run.status == "running":
            run.problem = "running, or killed while it ran"
        elif run.status != "done":
            run.problem = f"{run.status}{': ' if error else ''}{error}"
        else:
            _read_figures(run)
    except EegdaeError as error:
        run.problem = f"damaged: {error}"
    return run


def _read_figures(run: Run) -> None:
    run.metrics = read_json(run.path / "metrics.json", "metrics.json")
    audit_file = run.path / "split_audit.json"
    audit = read_json(audit_file, audit_file.name) if audit_file.exists() else {}
    try:
        run.split = tuple(
            (fold["test_groups"], fold["n_train"], fold["n_test"]) for fold in audit.get("folds", ())
        )
    except (KeyError, TypeError) as error:
        raise EegdaeError(f"split_audit.json: a fold lacks {error}") from error
    folds = [run.path / "folds" / str(number) for number in range(len(run.split))]
    if not run.metrics:
        places = [place / "reconstruction.json" for place in folds or [run.path]]
        if places[0].exists():
            run.errors = [read_errors(place) for place in places]
        if not any(run.errors):
            run.problem = "no labels, nothing was judged"
        return
    run.groups = read_groups(run.path / "group_metrics.csv")
    run.validation = [read_validation(place / "heads.json") for place in folds]


def _last_words(place: Path) -> str:
    """Say why a job left no run: what its log ends with."""
    logs = [log.read_text(encoding="utf-8", errors="replace").strip() for log in sorted(place.glob("*.log"))]
    lines = [text.splitlines()[-1] for text in logs if text]
    return lines[-1].rstrip(".") if lines else "stopped before the run began"


def _leave_out_copies(runs: Iterable[Run]) -> None:
    """Count a run once that was done twice, or copied."""
    first: dict[str, str] = {}
    for run in runs:
        made = run.state.get("config_hash")
        if made and not run.problem:
            if made in first:
                run.problem = f"the same configuration and seed as {first[made]}"
            first.setdefault(made, run.name)


def _natural(path: Path) -> list[tuple[bool, int, str]]:
    """Sort key under which job 2 comes before job 10."""
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in path.parts]
