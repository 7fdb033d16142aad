"""By what a trial is judged: figures of a finished run that no test label went into."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.run import read_json
from eegdae.tasks.reconstructions import pooled_errors


@dataclass(frozen=True)
class Objective:
    """A figure of a run.

    Parameters
    ----------
    name : str
        In ``search.objectives``.
    direction : str
        ``maximize`` or ``minimize``.
    read : callable
        Takes the folder of a finished run, gives the figure.
    about : str
        What it is of, for the screen.
    """

    name: str
    direction: str
    read: Callable[[Path], float]
    about: str

    @property
    def sign(self) -> int:
        """1 where more is better, else -1."""
        return 1 if self.direction == "maximize" else -1


def read_objectives(names: Sequence[object]) -> tuple[Objective, ...]:
    """Look objectives up.

    Raises
    ------
    EegdaeError
        If one is not known, is of the test rows, or stands there twice.
    """
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise EegdaeError(
            f"search.objectives={names!r}: must be a list of one or more of {', '.join(OBJECTIVES)}"
        )
    for name in names:
        if name in OBJECTIVES:
            continue
        if str(name).removeprefix("metrics.").partition(".")[0] in ("test", "codes", "metrics"):
            raise EegdaeError(
                f"search.objectives={name}: is judged on test rows, and what is chosen by them cannot be "
                "judged "
                f"by them; {did_you_mean(name, OBJECTIVES)}"
            )
        raise EegdaeError(f"search.objectives={name}: no such objective; {did_you_mean(name, OBJECTIVES)}")
    if len({*names}) < len(names):
        raise EegdaeError(f"search.objectives={list(names)}: one stands there twice")
    return tuple(OBJECTIVES[str(name)] for name in names)


def _validation(metric: str) -> Callable[[Path], float]:
    def read(folder: Path) -> float:
        file = folder / "validation.json"
        value = read_json(file).get(metric) if file.exists() else None
        if value is None:
            raise EegdaeError(
                f"search.objectives=validation.{metric}: the run has no such figure: it has no labels (then "
                "search.objectives=[reconstruction]), or a fold whose training rows cannot be split again by "
                "group"
            )
        return float(value)

    return read


def _n_codes(folder: Path) -> float:
    with np.load(folder / "codes.npz") as arrays:
        return float(arrays["codes"].shape[1])


def _reconstruction(folder: Path) -> float:
    n_folds = len(fold_numbers(folder))
    if not n_folds:
        raise EegdaeError(
            f"search.objectives=reconstruction: in {folder} nothing was held out: there is one group; set "
            "split.by"
        )
    return float(np.mean([errors["reconstructed"] for errors in pooled_errors(folder, n_folds).values()]))


def fold_numbers(folder: Path) -> list[int]:
    """Return the folds of a run, as its audit of the splits lists them."""
    file = folder / "split_audit.json"
    audit: Mapping[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return list(range(len(audit.get("folds", []))))


OBJECTIVES = {
    objective.name: objective
    for objective in (
        Objective(
            "validation.roc_auc",
            "maximize",
            _validation("roc_auc"),
            "ROC-AUC of the codes' head inside the training rows, mean over folds",
        ),
        Objective(
            "validation.balanced_accuracy",
            "maximize",
            _validation("balanced_accuracy"),
            "balanced accuracy of the codes' head inside the training rows, mean over folds",
        ),
        Objective("n_codes", "minimize", _n_codes, "codes a window"),
        Objective(
            "reconstruction",
            "minimize",
            _reconstruction,
            "root mean squared error of reconstruction, scaled, mean over views, of held-out test windows "
            "(without their labels)",
        ),
    )
}
"""Name -> objective."""
