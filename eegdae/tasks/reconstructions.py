"""How near a run's models bring corrupted windows to the clean ones: kept by fold, read as one figure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from eegdae.evaluation.reconstruction import Reconstruction
from eegdae.run import RunFolder

_NAMES = {
    "corrupted": "doing nothing",
    "pca": "PCA",
    "autoencoder": "level 0",
    "reconstructed": "this network",
}


def keep_reconstructions(run: RunFolder, name: str, found: Mapping[str, Reconstruction]) -> None:
    """Write errors and the shown rows of every view into a fold's folder.

    Parameters
    ----------
    run : RunFolder
        Of the run.
    name : str
        Folder inside it.
    found : mapping of str to Reconstruction
        By view.
    """
    run.write_json(f"{name}/reconstruction.json", {view: part.errors for view, part in found.items()})
    arrays = {
        f"{view}|{what}": getattr(part, what)
        for view, part in found.items()
        for what in ("rows", "clean", "corrupted", "reconstructed", "pca")
    }
    run.write_npz(f"{name}/reconstruction.npz", **arrays)


def places(folder: Path, n_folds: int) -> list[Path]:
    """Where reconstructions were kept: each fold's folder, or, without folds, that of the run."""
    return [folder / "folds" / str(k) for k in range(n_folds)] or [folder]


def pooled_errors(folder: Path, n_folds: int) -> dict[str, dict[str, float]]:
    """Root mean squared errors over the folds, each fold counting as one.

    Parameters
    ----------
    folder : Path
        Of the run.
    n_folds : int
        0: in-sample, of the final model.

    Returns
    -------
    dict of str to dict of str to float
        View -> way -> error, as of `Reconstruction`.
    """
    found = [json.loads((place / "reconstruction.json").read_text()) for place in places(folder, n_folds)]
    return {
        view: {way: float(np.sqrt(np.mean([part[view][way] ** 2 for part in found]))) for way in errors}
        for view, errors in found[0].items()
    }


def reconstruction_lines(folder: Path, views: Sequence[str], n_folds: int) -> list[str]:
    """Lay the errors of a run without labels out as lines of text.

    Parameters
    ----------
    folder : Path
        Of the run.
    views : sequence of str
        In the order of the lines.
    n_folds : int
        Of the run.

    Returns
    -------
    list of str
        What is told, a header and a line a view.
    """
    errors = pooled_errors(folder, n_folds)
    over = "held-out windows" if n_folds else "in-sample, nothing was held out"
    ways = [way for way in _NAMES if way in next(iter(errors.values()))]
    first = max(18, *(len(view) + 1 for view in views))
    lines = [
        f"no labels: nothing was classified; root mean squared error of reconstruction, scaled ({over})",
        f"{'view':<{first}}" + "".join(f"{_NAMES[way]:>15}" for way in ways),
    ]
    for view in views:
        lines.append(f"{view:<{first}}" + "".join(f"{errors[view][way]:>15.3f}" for way in ways))
    return lines
