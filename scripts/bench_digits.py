"""Digits from 16 and 32 codes: how accurate, and at which level of noise.

    python scripts/bench_digits.py [--processes 2] [--out benchmarks/digits.json] [--figure docs/digits.png]

scikit-learn's digits, ``StratifiedKFold(5, shuffle=True)`` with seeds 0 to 4; each representation is
standardised and judged by logistic regression, C = 1, everything fitted inside the fold. The input's pixels
are scaled as one, so that those at the edge, which hardly ever vary, do not weigh as much as the strokes; for
comparison also each for itself. Every level is judged. The level of ``chosen`` is taken anew in each fold:
the one with the highest accuracy on a quarter of the training digits after training on the others. Network
and schedule were chosen by hand on the training digits of the first fold of seed 0, by folds among them.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import t as student
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from eegdae.corruption import Corruption, Gaussian, Masking
from eegdae.evaluation.baselines import fit_pca
from eegdae.evaluation.metrics import paired_difference
from eegdae.reporting.style import COLOURS, GREY, MARKERS, figure_png, new_figure, panels, styled
from eegdae.run import git_commit, versions
from eegdae.scaling import Scaler
from eegdae.training import FitSpec, Optimizer, Schedule, fit_many

SEEDS, N_FOLDS = (0, 1, 2, 3, 4), 5
HIDDEN = (256, 128)
N_CODES = (16, 32)
NETWORK = {"activation": "relu", "code_activation": "linear"}
SCHEDULE = Schedule(
    pretrain="greedy_then_joint",
    epochs=20,
    joint_epochs=100,
    batch_size=128,
    optimizer=Optimizer("Adam", {"lr": 0.004}),
)
LEVELS: dict[str, dict[str, tuple[float, ...]]] = {
    "16": {"gaussian": (0.0, 0.25, 0.5, 1.0, 1.5, 2.0), "masking": (0.25, 0.5)},
    "32": {"gaussian": (0.0, 1.0, 1.5)},
}
"""Number of codes -> kind -> levels judged; level 0 of one kind is level 0 of the other."""

KINDS: dict[str, Corruption] = {"gaussian": Gaussian(), "masking": Masking()}

UNITS = {"gaussian": "sd of the noise / sd of the input", "masking": "share of entries set to 0"}
CANDIDATES = (1.0, 1.5)
"""Gaussian levels that are chosen from in each fold."""


def accuracy(
    train: NDArray[Any], y_train: NDArray[np.int64], test: NDArray[Any], y_test: NDArray[np.int64]
) -> float:
    """Share of test rows that logistic regression on the standardised training rows gets right."""
    head = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=2000))
    return float(head.fit(train, y_train).score(test, y_test))


class Fold:
    """Digits to train on and to judge, pixels scaled by the former.

    Parameters
    ----------
    train, test : ndarray of int
        Row numbers.
    seed, number : int
        What the random draws depend on.
    together : bool
        One scale for all pixels, or one each.
    """

    def __init__(
        self,
        train: NDArray[np.int64],
        test: NDArray[np.int64],
        *,
        seed: int,
        number: int,
        together: bool = True,
    ) -> None:
        pixels, y = load_digits(return_X_y=True)
        x = torch.from_numpy(pixels).float()
        scaler = Scaler.fit(x[train], "standard", n_groups=1 if together else None)
        self.rows, self.seed, self.number = torch.from_numpy(train), seed, number
        self.x_train, self.x_test = scaler.transform(x[train]), scaler.transform(x[test])
        self.y_train, self.y_test = y[train], y[test]

    def judged(self, encode: Callable[[torch.Tensor], NDArray[Any]]) -> float:
        """Accuracy on the test digits of what ``encode`` makes of them."""
        return accuracy(encode(self.x_train), self.y_train, encode(self.x_test), self.y_test)

    def pca(self, n_codes: int) -> float:
        """Accuracy of principal components."""
        pca = fit_pca(self.x_train, n_codes)
        return self.judged(lambda x: np.asarray(pca.transform(x.numpy())))

    def codes(self, n_codes: int, corruption: Corruption, level: float, *, trained: bool = True) -> float:
        """Accuracy of the codes of a network trained at a level, or left as drawn."""
        spec = FitSpec(
            x=self.x_train,
            rows=self.rows,
            hidden=(*HIDDEN, n_codes),
            corruption=corruption,
            level=level,
            schedule=SCHEDULE if trained else Schedule(pretrain="none"),
            seed=self.seed,
            fold=self.number,
            network=NETWORK,
        )
        (result,) = fit_many([spec])
        with torch.inference_mode():
            return self.judged(lambda x: result.model.encode(x).numpy())


def of_fold(seed: int, number: int) -> tuple[dict[str, float], dict[str, float]]:
    """Judge everything in one fold.

    Returns
    -------
    accuracy : dict of str to float
        By representation.
    chosen : dict of str to float
        Level chosen inside the training digits, by number of codes.
    """
    torch.set_num_threads(1)
    y = load_digits(return_X_y=True)[1]
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
    train, test = list(folds.split(y, y))[number]
    fit, held = train_test_split(train, test_size=0.25, stratify=y[train], random_state=seed)
    outer = Fold(train, test, seed=seed, number=number)
    # a number of its own, so that no two fits share their draws
    inner = Fold(fit, held, seed=seed, number=100 + number)
    found = {"raw": outer.judged(lambda x: x.numpy())}
    chosen = {}
    for n in N_CODES:
        found[f"{n} pca"] = outer.pca(n)
        found[f"{n} untrained"] = outer.codes(n, Gaussian(), 0.0, trained=False)
        for kind, levels in LEVELS[str(n)].items():
            found |= {f"{n} {kind} {level:g}": outer.codes(n, KINDS[kind], level) for level in levels}
        # of equals the first, which is the least noise
        best = max(CANDIDATES, key=functools.cache(lambda level, n=n: inner.codes(n, Gaussian(), level)))
        found[f"{n} chosen"], chosen[str(n)] = found[f"{n} gaussian {best:g}"], best
    n = N_CODES[0]
    each = Fold(train, test, seed=seed, number=number, together=False)
    found[f"{n} pca, each pixel scaled"] = each.pca(n)
    found[f"{n} gaussian 1, each pixel scaled"] = each.codes(n, Gaussian(), 1.0)
    print(f"seed {seed} fold {number}: {chosen} {found}", flush=True)
    return found, chosen


def summary(values: NDArray[np.float64]) -> dict[str, float]:
    """Mean over seeds and folds of (n_seeds, n_folds) figures, and the standard deviation over seeds."""
    return {"mean": float(values.mean()), "sd_over_seeds": float(values.mean(1).std(ddof=1))}


def difference(a: NDArray[np.float64], b: NDArray[np.float64]) -> dict[str, Any]:
    """Paired difference of (n_seeds, n_folds) figures with two 95 % intervals.

    ``low high`` is the bootstrap over seeds and folds. ``corrected_low corrected_high`` is Student's interval
    with the variance of repeated cross-validation, whose training rows overlap:
    s^2 (1 / n + 1 / (folds - 1)).

    References
    ----------
    Nadeau and Bengio, Machine Learning 52:239 (2003).
    """
    d = (a - b).ravel()
    half = student.ppf(0.975, len(d) - 1) * d.std(ddof=1) * np.sqrt(1 / len(d) + 1 / (N_FOLDS - 1))
    corrected = {"corrected_low": float(d.mean() - half), "corrected_high": float(d.mean() + half)}
    return {**paired_difference(a.ravel(), b.ravel()), **corrected}


@styled
def level_figure(result: dict[str, Any]) -> Figure:
    """Draw accuracy against level: one panel a kind of noise, one line a number of codes."""
    figure = new_figure(8.4, 3.6)
    accuracies = result["accuracy"]
    for axes, kind in zip(panels(figure, 1, 2, sharey=True)[0], KINDS, strict=True):
        for n, colour, marker in zip(N_CODES, COLOURS, MARKERS, strict=False):
            if kind not in LEVELS[str(n)]:
                continue
            at = sorted({0.0, *LEVELS[str(n)][kind]})
            entries = [accuracies[f"{n} {kind if level else 'gaussian'} {level:g}"] for level in at]
            mean, sd = ([e[key] for e in entries] for key in ("mean", "sd_over_seeds"))
            axes.errorbar(at, mean, sd, color=colour, marker=marker, capsize=2.5, label=f"{n} codes")
            axes.axhline(accuracies[f"{n} pca"]["mean"], color=colour, linestyle=":", label=f"PCA {n}")
        axes.axhline(accuracies["raw"]["mean"], color=GREY, linestyle="--", label="64 pixels")
        axes.set_title(kind)
        axes.set_xlabel(UNITS[kind])
        axes.grid(axis="y", color="#e3e3e3", linewidth=0.7)
    # the first panel has every line of the second
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right center")
    figure.axes[0].set_ylabel("accuracy (share, 0 to 1)")
    figure.suptitle("Digits from codes: mean over folds, bars: sd over five seeds")
    return figure


def measure(processes: int) -> dict[str, Any]:
    """Judge all folds of all seeds; return what goes into the file."""
    units = [(seed, number) for seed in SEEDS for number in range(N_FOLDS)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(of_fold, *zip(*units, strict=True)))
    columns: dict[str, list[float]] = defaultdict(list)
    for found, _ in parts:
        for name, value in found.items():
            columns[name].append(value)
    tables = {name: np.reshape(values, (len(SEEDS), N_FOLDS)) for name, values in columns.items()}
    return {
        "command": "python scripts/bench_digits.py",
        "seeds": list(SEEDS),
        "folds": N_FOLDS,
        "hidden": list(HIDDEN),
        "network": NETWORK,
        "schedule": f"{SCHEDULE.pretrain}, {SCHEDULE.epochs} + {SCHEDULE.joint_epochs} epochs, batches of "
        f"{SCHEDULE.batch_size}, {SCHEDULE.optimizer.name} {dict(SCHEDULE.optimizer.options)}",
        "cores": os.cpu_count(),
        "commit": git_commit(),
        "versions": versions(),
        "accuracy": {name: summary(table) for name, table in tables.items()},
        "chosen_levels": {
            str(n): [{"level": level, "folds": count} for level, count in Counter(of).most_common()]
            for n in N_CODES
            if (of := [chosen[str(n)] for _, chosen in parts])
        },
        "minus_level_0": {
            name: difference(table, tables[f"{name.split()[0]} gaussian 0"])
            for name, table in tables.items()
            if name.split()[0].isdigit() and "pixel" not in name and not name.endswith("gaussian 0")
        },
        "first_fold_of_seed_0": {name: float(table[0, 0]) for name, table in tables.items()},
    }


def main() -> None:
    """Measure, draw, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/digits.json"))
    parser.add_argument("--figure", type=Path, default=Path("docs/digits.png"))
    args = parser.parse_args()
    result = measure(args.processes)
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    args.figure.write_bytes(figure_png(level_figure(result)))
    for name, entry in result["accuracy"].items():
        print(f"{name:<36} {entry['mean']:.4f} +- {entry['sd_over_seeds']:.4f}")
    print(f"written: {args.out} {args.figure}")


if __name__ == "__main__":
    main()
