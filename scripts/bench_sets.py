"""Train on real sets with nothing but ``data=NAME`` given, three seeds each: ``benchmarks/sets.json``.

    python scripts/bench_sets.py [--only skab] [--out benchmarks/sets.json]

The sets lie below ``EEGDAE_DATA_DIR``; run folders go below ``outputs/bench``, and one that is done is not
run again. Nothing here was chosen by these figures: the network and its noise are those of the default
experiment, and windows and split are what each set's YAML says.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bench_experiments import RUNS, over_seeds, run

from eegdae.tasks.reconstructions import pooled_errors

SETS = ("eegmat", "ssvep_exo", "muse_p300", "watch", "utd_mhad", "skab", "ett")
SEEDS = (0, 1, 2)


def errors_over_seeds(runs: Sequence[Path]) -> dict[str, dict[str, dict[str, float]]]:
    """Mean and standard deviation over seeds of every view's errors of reconstruction on held-out windows."""
    n_folds = len(json.loads((runs[0] / "split_audit.json").read_text())["folds"])
    found = [pooled_errors(folder, n_folds) for folder in runs]
    return {
        view: {
            way: {
                "mean": float(np.mean([errors[view][way] for errors in found])),
                "sd_over_seeds": float(np.std([errors[view][way] for errors in found], ddof=1)),
            }
            for way in found[0][view]
        }
        for view in found[0]
    }


def about(folder: Path) -> dict[str, Any]:
    """What was trained on: windows, groups, and what they were kept apart by."""
    metadata = pd.read_csv(folder / "metadata.csv", dtype=str, keep_default_na=False)
    audit = json.loads((folder / "split_audit.json").read_text())
    return {
        "windows": len(metadata),
        "recordings": len(metadata[["subject", "session", "run"]].drop_duplicates()),
        "people": metadata["subject"].nunique(),
        "classes": int((metadata["target"] != "-1").any() and metadata["target"].nunique()),
        "split_by": audit["by"],
        "folds": len(audit["folds"]),
    }


def main() -> None:
    """Run what is asked for and write after every set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/sets.json"))
    args = parser.parse_args()
    results: dict[str, Any] = json.loads(args.out.read_text()) if args.out.exists() else {}
    for name in SETS:
        if args.only not in name:
            continue
        runs = [run(f"sets/{name}/seed{seed}", [f"data={name}", f"seed={seed}"]) for seed in SEEDS]
        folders = [RUNS / f"sets/{name}/seed{seed}" for seed in SEEDS]
        results[name] = {
            "command": f"eegdae train data={name} seed=S",
            "seeds": list(SEEDS),
            **about(folders[0]),
            "seconds": [r["wall_s"] for r in runs],
            "cores": os.cpu_count(),
            "commit": runs[0]["git_commit"],
            "versions": runs[0]["versions"],
            "metrics": over_seeds([r["metrics"] for r in runs]),
            "reconstruction": errors_over_seeds(folders),
        }
        results = {key: results[key] for key in SETS if key in results}
        args.out.write_text(json.dumps(results, indent=1) + "\n")
        print(f"written: {args.out} ({name})", flush=True)


if __name__ == "__main__":
    main()
