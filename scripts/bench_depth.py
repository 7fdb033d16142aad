"""How far codes untangle noisy, turned digits, layer by layer: denoising against plain stack.

    python scripts/bench_depth.py [--processes 2] [--out benchmarks/depth.json] [--figure docs/depth.png]

The frozen-code experiment of Vincent et al. (JMLR 11:3371, 2010, section 6.2) in small: a linear classifier
on the pixels of ``make_noisy_digits.py`` and on the codes of layer 1, 2 and 3 of stacks that were trained
layer by layer without labels. Each seed deals out, turns and trains anew. The classifier's penalty is chosen
on the validation digits, each representation its own; errors are those of the test digits.
"""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from make_noisy_digits import Part, make_noisy_digits
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from eegdae.corruption import Masking
from eegdae.evaluation.metrics import paired_difference
from eegdae.models import StackedAutoencoder
from eegdae.reporting.style import COLOURS, MARKERS, figure_png, new_figure, panels, styled
from eegdae.run import git_commit, versions
from eegdae.training import FitSpec, Objective, Optimizer, Schedule, fit_many

SEEDS = (0, 1, 2, 3, 4)
HIDDEN = (400, 400, 400)
LEVEL = 0.25
"""Share of masked entries; Vincent et al. found 10 to 40 % useful."""

PENALTIES = (0.03, 0.3)
SCHEDULE = Schedule(pretrain="greedy", epochs=15, batch_size=128, optimizer=Optimizer("Adam", {"lr": 0.001}))
MODELS = {
    "denoising": "denoising stack",
    "plain": "plain stack (level 0)",
    "untrained": "untrained stack",
}


def fit_stack(part: Part, level: float, seed: int, *, trained: bool = True) -> StackedAutoencoder:
    """Train a stack of sigmoid layers, each to undo masked entries of its own input."""
    spec = FitSpec(
        x=torch.from_numpy(part.x),
        rows=torch.arange(len(part.x)),
        hidden=HIDDEN,
        corruption=Masking(),
        level=level,
        schedule=SCHEDULE if trained else Schedule(pretrain="none"),
        seed=seed,
        network={"activation": "sigmoid", "code_activation": "sigmoid"},
        objective=Objective(loss="bce"),
    )
    return fit_many([spec])[0].model


def errors(parts: dict[str, Part], stack: StackedAutoencoder, n_layers: int) -> float:
    """Share of wrong test digits from the codes of a layer; 0 layers are the pixels.

    Of the penalties, the one with the fewest wrong digits of the validation part is taken.
    """
    with torch.inference_mode():
        codes = {
            name: stack.encode(torch.from_numpy(part.x), n_layers=n_layers).numpy()
            for name, part in parts.items()
        }
    scaler = StandardScaler().fit(codes["train"])
    scaled = {name: scaler.transform(x) for name, x in codes.items()}
    found = []
    for penalty in PENALTIES:
        head = LogisticRegression(C=penalty, tol=1e-3, max_iter=200)
        head.fit(scaled["train"], parts["train"].y)
        wrong = [1 - float(head.score(scaled[name], parts[name].y)) for name in ("validation", "test")]
        found.append(wrong)
    return min(found)[1]


def of_seed(seed: int) -> dict[str, list[float]]:
    """Make the digits of a seed, train and judge.

    Returns
    -------
    dict of str to list of float
        Test error after 0, 1, 2, 3 layers, by model.
    """
    torch.set_num_threads(1)
    parts = make_noisy_digits(seed)
    untrained = fit_stack(parts["train"], 0.0, seed, trained=False)
    pixels = errors(parts, untrained, 0)
    found = {}
    for name in MODELS:
        level = LEVEL if name == "denoising" else 0.0
        stack = fit_stack(parts["train"], level, seed) if name != "untrained" else untrained
        found[name] = [pixels, *(errors(parts, stack, k + 1) for k in range(len(HIDDEN)))]
    print(f"seed {seed}: {found}", flush=True)
    return found


def summary(values: NDArray[np.float64]) -> list[dict[str, float]]:
    """Mean and standard deviation over seeds, a layer: (n_seeds, n_layers + 1) errors."""
    return [{"mean": float(v.mean()), "sd_over_seeds": float(v.std(ddof=1))} for v in values.T]


@styled
def depth_figure(result: dict[str, Any]) -> Figure:
    """Draw the error against the layer whose codes are classified, one line a stack."""
    figure = new_figure(6.4, 4.0)
    axes = panels(figure, 1, 1)[0, 0]
    for name, colour, marker in zip(MODELS, COLOURS, MARKERS, strict=False):
        mean, sd = (
            [100 * layer[key] for layer in result["test_error"][name]] for key in ("mean", "sd_over_seeds")
        )
        axes.errorbar(range(len(mean)), mean, sd, color=colour, marker=marker, capsize=3, label=MODELS[name])
    axes.set_xticks(
        range(len(HIDDEN) + 1), labels=["pixels", *(f"layer {k + 1}" for k in range(len(HIDDEN)))]
    )
    axes.set_xlabel("what the linear classifier sees")
    axes.set_ylabel("wrong test digits (%)")
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color="#e3e3e3", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.legend(loc="lower left")
    figure.suptitle("Noisy, turned digits: mean of five seeds, bars: sd over seeds")
    return figure


def measure(processes: int) -> dict[str, Any]:
    """Judge all seeds; return what goes into the file."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        judged = list(pool.map(of_seed, SEEDS))
    tables = {name: np.array([found[name] for found in judged]) for name in MODELS}
    return {
        "command": "python scripts/bench_depth.py",
        "seeds": list(SEEDS),
        "hidden": list(HIDDEN),
        "corruption": f"masking, level {LEVEL:g}",
        "schedule": f"greedy, {SCHEDULE.epochs} epochs a layer, batches of {SCHEDULE.batch_size}, "
        f"{SCHEDULE.optimizer.name} {dict(SCHEDULE.optimizer.options)}, binary cross-entropy",
        "penalties": list(PENALTIES),
        "cores": os.cpu_count(),
        "commit": git_commit(),
        "versions": versions(),
        "test_error": {name: summary(table) for name, table in tables.items()},
        "denoising_minus_plain": [
            paired_difference(tables["denoising"][:, k], tables["plain"][:, k])
            for k in range(1, len(HIDDEN) + 1)
        ],
        "denoising_layer_minus_layer_below": [
            paired_difference(tables["denoising"][:, k], tables["denoising"][:, k - 1])
            for k in range(1, len(HIDDEN) + 1)
        ],
        "by_seed": {name: table.tolist() for name, table in tables.items()},
    }


def main() -> None:
    """Measure, draw, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/depth.json"))
    parser.add_argument("--figure", type=Path, default=Path("docs/depth.png"))
    args = parser.parse_args()
    result = measure(args.processes)
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    args.figure.write_bytes(figure_png(depth_figure(result)))
    for name, layers in result["test_error"].items():
        print(f"{name:<10}", " ".join(f"{e['mean']:.3f} +- {e['sd_over_seeds']:.3f}" for e in layers))
    print(f"written: {args.out} {args.figure}")


if __name__ == "__main__":
    main()
