"""Run the experiments that README's table shows, with their seeds, and write ``benchmarks/experiments.json``.

    python scripts/bench_experiments.py [--only scp1_raw] [--out benchmarks/experiments.json]

Run folders go below ``outputs/bench``; one that is done is not run again, one that was interrupted goes on.
``scp1_raw`` is chosen by cross-validation on its training trials and then tested once a seed. ``eegmat`` is
judged by nested cross-validation in a script of its own, ``bench_eegmat.py``; here stands the setting that is
shipped, which that one chose most often.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eegdae.cli import main as eegdae
from eegdae.recordings import cache_dir, data_dir

RUNS = Path("outputs/bench")


@dataclass(frozen=True)
class Experiment:
    """One row of the table: what is run, how often, and what it is called."""

    name: str
    overrides: tuple[str, ...]
    seeds: tuple[int, ...]


EXPERIMENTS = (
    Experiment("eegmat, as shipped", ("experiment=eegmat",), (0, 1, 2, 3, 4)),
    Experiment("eegmat, as shipped, aligned", ("experiment=eegmat", "alignment=zscore"), (0, 1, 2, 3, 4)),
    Experiment("eegmat_aligned, as shipped", ("experiment=eegmat_aligned",), (0, 1, 2, 3, 4)),
    Experiment(
        "scp1_raw, first attempt",
        (
            *("experiment=scp1_raw", "+data.prepare={h_freq: 10, sfreq: 32}", "model.hidden=[32]"),
            *("model.code_activation=linear", "corruption.level=1.0"),
            *("finetune=encoder", "finetune.level=1.0", "finetune.epochs=40"),
        ),
        (0, 1, 2, 3, 4),
    ),
    Experiment(
        "scp1_raw, second attempt",
        ("experiment=scp1_raw", "model.hidden=[256,32]", "corruption.level=1.0"),
        (0, 1, 2, 3, 4),
    ),
    Experiment("scp1_raw", ("experiment=scp1_raw",), (0, 1, 2, 3, 4)),
    Experiment("watch_raw", ("experiment=watch_raw",), (0, 1, 2)),
    Experiment("watch", ("experiment=watch",), (0, 1, 2)),
    Experiment("watch, fine-tuned", ("experiment=watch", "finetune=encoder"), (0, 1, 2)),
)
SCP1_GRID = {
    "corruption.level": ("1.0", "2.0"),
    "model.hidden": ("[256,32]", "[512,32]"),
}


def run(name: str, overrides: Sequence[str]) -> dict[str, Any]:
    """Do one run, or take up the one that is there; return its ``run.json``."""
    folder = RUNS / re.sub(r"[^\w/.]+", "_", name)
    state = json.loads((folder / "run.json").read_text()) if (folder / "run.json").exists() else {}
    if state.get("status") != "done":
        status = eegdae(["train", *overrides, f"hydra.run.dir={folder}", *["resume=true"] * bool(state)])
        if status != 0:
            raise SystemExit(f"{name}: failed")
    found: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return found


def choose_scp1() -> tuple[list[str], list[dict[str, Any]]]:
    """Cross-validate the grid on the training trials; return the best overrides and every score."""
    eegdae(["data", "get", "scp1"])
    places = [folder / "scp1" / "scp1_train.ts" for folder in (data_dir(), cache_dir())]
    train = next(place for place in places if place.exists())
    scores = []
    for values in itertools.product(*SCP1_GRID.values()):
        overrides = [f"{key}={value}" for key, value in zip(SCP1_GRID, values, strict=True)]
        # 268 trials dealt into five folds; the test trials are not even read
        cv = ["experiment=scp1_raw", f"data.path={train}", "split=run_kfold", "split.n_folds=5", *overrides]
        metrics = run(f"scp1_cv/{'_'.join(values)}", cv)["metrics"]
        scores.append({"overrides": overrides, "roc_auc": metrics["codes"]["roc_auc"]["mean"]})
    best = max(scores, key=lambda score: score["roc_auc"])
    return list(best["overrides"]), scores


def over_seeds(metrics: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation over seeds of every figure, and the interval of the first seed."""
    first = metrics[0]
    table: dict[str, Any] = {}
    for name, metric in ((n, m) for n in first for m in first[n]):
        values = np.array([m[name][metric]["mean"] for m in metrics])
        table.setdefault(name, {})[metric] = {
            "mean": float(values.mean()),
            "sd_over_seeds": float(values.std(ddof=1)) if len(values) > 1 else None,
            "low": first[name][metric]["low"],
            "high": first[name][metric]["high"],
        }
    return table


def main() -> None:
    """Run what is asked for and write after every experiment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/experiments.json"))
    args = parser.parse_args()
    results: dict[str, Any] = json.loads(args.out.read_text()) if args.out.exists() else {}
    for experiment in EXPERIMENTS:
        if args.only not in experiment.name:
            continue
        overrides, extra = list(experiment.overrides), {}
        if experiment.name == "scp1_raw":
            chosen, scores = choose_scp1()
            overrides += chosen
            extra = {"chosen_by_cross_validation": chosen, "cross_validation": scores}
        runs = [run(f"{experiment.name}/seed{s}", [*overrides, f"seed={s}"]) for s in experiment.seeds]
        results[experiment.name] = {
            "command": "eegdae train " + " ".join(overrides) + " seed=S",
            "seeds": list(experiment.seeds),
            "seconds": [r["wall_s"] for r in runs],
            "cores": os.cpu_count(),
            "commit": runs[0]["git_commit"],
            "versions": runs[0]["versions"],
            "metrics": over_seeds([r["metrics"] for r in runs]),
            **extra,
        }
        args.out.parent.mkdir(exist_ok=True)
        args.out.write_text(json.dumps(results, indent=1) + "\n")
        print(f"written: {args.out} ({experiment.name})", flush=True)


if __name__ == "__main__":
    main()
