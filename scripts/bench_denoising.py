"""What a denoising autoencoder promises, measured on digits and people that it has not seen.

    python scripts/bench_denoising.py [--only digits] [--processes 2] [--out benchmarks/denoising.json]

Three sets: scikit-learn's digits, raw windows of ``watch``, band power of ``eegmat``, the last two in folds
by person; three seeds; one network a kind and level of noise:

- ``own_level``: RMSE to the clean input of what the network of that kind and level makes of corrupted rows,
  beside the corrupted rows themselves and principal components of the same dimension;
- ``over_complete``: whether a stack wider than its input becomes the identity, at level 0 and above;
- ``grid``: every network, PCA and the features themselves against every kind and level of noise, those of its
  training and others: RMSE, and balanced accuracy of logistic regression that saw clean codes only.

Networks of ``watch`` and ``eegmat`` were chosen on the training people of a first fold, split once more by
person (``docs/experiments.md``): linear layers, for relu learns the few people of the training by heart.
Figures go to ``docs/denoising_SET.png``.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from omegaconf import open_dict, read_write
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold
from torch import Tensor

from eegdae.corruption import Corruption, Gaussian, Masking, SaltAndPepper
from eegdae.evaluation.baselines import fit_pca
from eegdae.evaluation.heads import LogisticHead
from eegdae.evaluation.metrics import balanced_accuracy, interval, paired_difference
from eegdae.evaluation.splits import make_folds
from eegdae.features import compute_views
from eegdae.models import StackedAutoencoder
from eegdae.randomness import Keys, Stream
from eegdae.reporting.style import MAGNITUDE, figure_png, frame, new_figure, panels, styled
from eegdae.run import git_commit, versions
from eegdae.scaling import Scaler
from eegdae.tasks.launch import conf_dir, register_resolvers
from eegdae.tasks.overrides import compose_command
from eegdae.tasks.prepare import load_windows, plain_config
from eegdae.tasks.settings import read_settings
from eegdae.training import FitSpec, Optimizer, Schedule, fit_many

SEEDS = (0, 1, 2)
KINDS: dict[str, tuple[Corruption, tuple[float, ...]]] = {
    "gaussian": (Gaussian(), (0.5, 1.0, 2.0)),
    "masking": (Masking(), (0.1, 0.25, 0.5)),
    "salt and pepper": (SaltAndPepper(), (0.1, 0.25, 0.5)),
}
NOISES = [("clean", 0.0), *((kind, level) for kind, (_, levels) in KINDS.items() for level in levels)]
WAYS = ("features", "pca")
"""What is judged beside the networks: the rows themselves, and principal components."""

OVER_COMPLETE_LEVELS = (0.0, 1.0)


@dataclass(frozen=True)
class DataSet:
    """Which rows, and how wide the network over them is.

    Parameters
    ----------
    name : str
        ``digits``, ``watch``, ``eegmat``.
    hidden : tuple of int
        Widths; the last is also the number of principal components.
    activation : str
        Of all layers but the last, whose codes are linear.
    n_folds : int
        Of the cross-validation.
    pretrain, epochs, joint_epochs
        See `Schedule`; batches of 64, Adam.
    overrides : tuple of str
        Of ``eegdae train``; none for the digits.
    """

    name: str
    hidden: tuple[int, ...]
    activation: str
    n_folds: int
    pretrain: str
    epochs: int
    joint_epochs: int = 0
    overrides: tuple[str, ...] = ()

    @property
    def schedule(self) -> Schedule:
        """How every network of the set is trained."""
        return Schedule(
            pretrain=self.pretrain,
            epochs=self.epochs,
            joint_epochs=self.joint_epochs,
            batch_size=64,
            optimizer=Optimizer("Adam", {"lr": 0.002}),
        )


WATCH = ("experiment=watch_raw", "windows.size=1.0", "windows.stride=1.0")
"""Windows that do not overlap; half as long as the experiment's, for the sake of time."""

SETS = (
    DataSet("digits", (256, 32), "relu", 3, "greedy_then_joint", 10, 50),
    DataSet("watch", (64,), "linear", 3, "greedy", 60, overrides=WATCH),
    DataSet("eegmat", (64,), "linear", 8, "greedy", 150, overrides=("experiment=eegmat", "features=[power]")),
)


@dataclass(frozen=True, eq=False)
class Rows:
    """All rows of a set: features, classes, blocks that are scaled as one, folds, and whose row it is."""

    x: Tensor
    y: NDArray[np.int64]
    n_groups: int | None
    folds: list[tuple[NDArray[np.int64], NDArray[np.int64]]]
    who: NDArray[Any]


@functools.cache
def rows_of(data: DataSet) -> Rows:
    """Read a set."""
    if not data.overrides:
        pixels, y = load_digits(return_X_y=True)
        folds = list(StratifiedKFold(data.n_folds, shuffle=True, random_state=0).split(pixels, y))
        # no people here: the unit is the fold
        who = np.empty(len(y), dtype=object)
        for number, (_, test) in enumerate(folds):
            who[test] = f"fold {number}"
        return Rows(torch.from_numpy(pixels).float(), y.astype(np.int64), 1, folds, who)
    register_resolvers()
    config = compose_command("train", list(data.overrides), conf_dir())
    with read_write(config), open_dict(config):
        del config["hydra"]
    settings = read_settings(plain_config(config))
    windows = load_windows(settings.data, settings.windows)
    (view,) = settings.recipe.views
    parts = make_folds(windows.metadata, kind="group_kfold", by="subject", n_folds=data.n_folds)
    return Rows(
        compute_views(windows, [view])[view.name],
        windows.metadata["target"].to_numpy(np.int64),
        view.n_groups(windows.n_chans),
        [(fold.train, fold.test) for fold in parts],
        windows.metadata["subject"].to_numpy(),
    )


def fit(
    data: DataSet,
    x: Tensor,
    at: Tensor,
    hidden: Sequence[int],
    noise: tuple[str, float],
    key: tuple[int, int, str],
) -> StackedAutoencoder:
    """Train a stack against one kind and level of noise."""
    kind, level = noise
    spec = FitSpec(
        x=x,
        rows=at,
        hidden=tuple(hidden),
        corruption=Gaussian() if kind == "clean" else KINDS[kind][0],
        level=level,
        schedule=data.schedule,
        seed=key[0],
        fold=key[1],
        view=key[2],
        network={"activation": data.activation, "code_activation": "linear"},
    )
    return fit_many([spec])[0].model


def rmse(a: Tensor, b: Tensor) -> float:
    """Root mean squared difference."""
    return float((a.double() - b.double()).square().mean().sqrt())


def noise_name(noise: tuple[str, float]) -> str:
    """Name a kind and level: ``gaussian 0.5``, ``clean``."""
    return f"{noise[0]} {noise[1]:g}" if noise[1] else "clean"


Found = dict[tuple[str, str, str, str], float]
"""(what, trained on, tested on, whose rows) -> figure."""


def of_fold(data: DataSet, seed: int, number: int) -> Found:
    """Train all networks of one fold and judge them on its test rows."""
    torch.set_num_threads(1)
    rows = rows_of(data)
    train, test = rows.folds[number]
    scaler = Scaler.fit(rows.x[train], "standard", n_groups=rows.n_groups)
    x, clean = scaler.transform(rows.x[train]), scaler.transform(rows.x[test])
    key = (seed, number, data.name)
    noisy = {}
    for kind, level in NOISES:
        corruption = (Gaussian() if kind == "clean" else KINDS[kind][0]).fitted(x)
        keys = Keys(Stream(*key, "test"), torch.from_numpy(test))
        noisy[noise_name((kind, level))] = corruption.corrupt(clean, level=level, keys=keys)[0]
    found: Found = {}
    pca = fit_pca(x, data.hidden[-1])

    def judge(name: str, encode: Callable[[Tensor], Any], decode: Callable[[Any], Any]) -> None:
        head = LogisticHead.fit(np.asarray(encode(x)), rows.y[train], n_classes=int(rows.y.max()) + 1)
        for noise, corrupted in noisy.items():
            codes = encode(corrupted)
            back, proba = torch.as_tensor(decode(codes)), head.predict_proba(np.asarray(codes))
            for who in dict.fromkeys(rows.who[test].tolist()):
                at = np.flatnonzero(rows.who[test] == who)
                found["rmse", name, noise, str(who)] = rmse(back[at], clean[at])
                found["balanced_accuracy", name, noise, str(who)] = balanced_accuracy(
                    rows.y[test][at], proba[at]
                )

    with torch.inference_mode():
        judge("features", lambda z: z, lambda z: z)
        judge("pca", lambda z: pca.transform(z.numpy()), pca.inverse_transform)
    for noise in NOISES:
        stack = fit(data, x, torch.from_numpy(train), data.hidden, noise, key)
        with torch.inference_mode():
            judge(noise_name(noise), stack.encode, stack.decode)
    for level in OVER_COMPLETE_LEVELS:
        noise = ("gaussian", level) if level else ("clean", 0.0)
        wide = fit(data, x, torch.from_numpy(train), [2 * x.shape[1]] * len(data.hidden), noise, key)
        with torch.inference_mode():
            corrupted = noisy["gaussian 1"]
            answer = wide(corrupted) - wide(clean)
            for name, value in (
                ("clean_error", rmse(wide(clean), clean) / rmse(clean, 0 * clean)),
                ("noise_passed_on", float(answer.norm() / (corrupted - clean).norm())),
                ("rmse_of_noisy", rmse(wide(corrupted), clean)),
            ):
                found[name, noise_name(noise), "gaussian 1", f"fold {number}"] = value
    print(f"{data.name} seed {seed} fold {number}: done", flush=True)
    return found


def gathered(parts: Sequence[Found]) -> dict[tuple[str, str, str], NDArray[np.float64]]:
    """Mean over seeds: (what, trained on, tested on) -> ndarray, one figure for each of those in ``who``."""
    lists: dict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for part in parts:
        for (what, trained, tested, who), value in part.items():
            lists[what, trained, tested][who].append(value)
    return {key: np.array([np.mean(v) for v in by_who.values()]) for key, by_who in lists.items()}


def measure(data: DataSet, pool: ProcessPoolExecutor) -> dict[str, Any]:
    """Judge all folds of all seeds of a set; return what goes into the file."""
    units = [(data, seed, number) for seed in SEEDS for number in range(data.n_folds)]
    parts = list(pool.map(of_fold, *zip(*units, strict=True)))
    means = gathered(parts)
    rows = rows_of(data)
    names = [noise_name(noise) for noise in NOISES]
    # each seed and fold is a unit of its own where there are no people
    units_of = gathered(
        [{(*k[:3], f"{i}/{k[3]}"): v for k, v in part.items()} for i, part in enumerate(parts)]
    )
    paired = means if data.overrides else units_of
    own = {}
    for name in names[1:]:
        ours = paired["rmse", name, name]
        own[name] = {
            "network": interval(ours),
            **{way: interval(paired["rmse", way, name]) for way in WAYS},
            "level_0": interval(paired["rmse", "clean", name]),
            **{f"minus_{way}": paired_difference(ours, paired["rmse", way, name]) for way in WAYS},
            "nearer_in_share_of_units": {
                way: float(np.mean(ours < paired["rmse", way, name])) for way in WAYS
            },
        }
    return {
        "command": f"python scripts/bench_denoising.py --only {data.name}",
        "seeds": list(SEEDS),
        "folds": data.n_folds,
        "unit": "person, mean over seeds" if data.overrides else "seed and fold",
        "data": list(data.overrides) or "scikit-learn's digits, pixels scaled as one",
        "rows": len(rows.y),
        "features": rows.x.shape[1],
        "hidden": list(data.hidden),
        "activation": data.activation,
        "schedule": f"{data.pretrain}, {data.epochs} + {data.joint_epochs} epochs, batches of 64, Adam, "
        "lr 0.002",
        "cores": os.cpu_count(),
        "commit": git_commit(),
        "versions": versions(),
        "own_level": own,
        "over_complete": {
            noise_name(("gaussian", level) if level else ("clean", 0.0)): {
                what: {"mean": float(v.mean()), "low": float(v.min()), "high": float(v.max())}
                for what in ("clean_error", "noise_passed_on", "rmse_of_noisy")
                for v in [units_of[what, noise_name(("gaussian", level)), "gaussian 1"]]
            }
            for level in OVER_COMPLETE_LEVELS
        },
        "grid": {
            what: {
                trained: {tested: float(means[what, trained, tested].mean()) for tested in names}
                for trained in (*WAYS, *names)
            }
            for what in ("rmse", "balanced_accuracy")
        },
    }


@styled
def grid_figure(name: str, result: dict[str, Any]) -> Figure:
    """Draw both grids as heat maps with their values: what was trained on down, what was tested on across."""
    figure = new_figure(13.5, 5.6)
    titles = {"rmse": "RMSE to the clean input (sd of the input)", "balanced_accuracy": "balanced accuracy"}
    labels = {"features": "none: the features", "pca": "none: PCA", "clean": "clean (level 0)"}
    for axes, (what, title) in zip(panels(figure, 1, 2)[0], titles.items(), strict=True):
        grid = result["grid"][what]
        values = np.array([list(row.values()) for row in grid.values()])
        # a few large errors would leave all others in one colour
        low, high = (0.0, 1.0) if what == "rmse" else (values.min(), values.max())
        image = axes.imshow(values, cmap=MAGNITUDE, vmin=low, vmax=high, aspect="auto")
        frame(axes)
        for (row, column), value in np.ndenumerate(values):
            dark = (value - low) / (high - low) < 0.6
            axes.text(
                column,
                row,
                f"{value:.2f}",
                ha="center",
                va="center",
                fontsize=7.5,
                color="white" if dark else "black",
            )
        tested = list(next(iter(grid.values())))
        axes.set_xticks(range(len(tested)), labels=tested, rotation=45, ha="right")
        axes.set_yticks(range(len(grid)), labels=[labels.get(trained, trained) for trained in grid])
        axes.set_xlabel("noise on the tested rows")
        axes.set_ylabel("noise trained on")
        axes.set_title(title)
        figure.colorbar(image, ax=axes, extend="max" if what == "rmse" else "neither")
    figure.suptitle(f"{name}: noise of training against noise of test, held-out rows")
    return figure


def main() -> None:
    """Measure what is asked for and put it beside what the file holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=[data.name for data in SETS])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/denoising.json"))
    parser.add_argument("--figures", type=Path, default=Path("docs"))
    args = parser.parse_args()
    results: dict[str, Any] = json.loads(args.out.read_text()) if args.out.exists() else {}
    with ProcessPoolExecutor(args.processes, mp_context=get_context("spawn")) as pool:
        for data in SETS:
            if args.only in (None, data.name):
                results[data.name] = measure(data, pool)
                args.out.write_text(json.dumps(results, indent=1) + "\n")
                figure = figure_png(grid_figure(data.name, results[data.name]))
                (args.figures / f"denoising_{data.name}.png").write_bytes(figure)
                print(f"written: {args.out} ({data.name})", flush=True)


if __name__ == "__main__":
    main()
