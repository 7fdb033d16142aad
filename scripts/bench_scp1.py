"""What the training trials of scp1 hold, and how finely its test trials can tell figures apart.

    python scripts/bench_scp1.py [--out benchmarks/scp1_causes.json]

Cross-validated ROC-AUC (five folds by trial, three repetitions, mean and range) on the 268 training trials:
of all samples, of principal components, of a nonlinear classifier on them, of codes. Then the 95 % bootstrap
interval over the 293 test trials of the runs that ``bench_experiments.py --only scp1_raw`` left below
``outputs/bench``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from omegaconf import open_dict, read_write
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor

from eegdae.corruption import Gaussian
from eegdae.evaluation.baselines import fit_pca
from eegdae.evaluation.heads import LogisticHead
from eegdae.evaluation.metrics import roc_auc
from eegdae.recordings import cache_dir
from eegdae.scaling import Scaler
from eegdae.tasks.launch import conf_dir, register_resolvers
from eegdae.tasks.overrides import compose_command
from eegdae.tasks.prepare import load_windows, plain_config
from eegdae.tasks.settings import read_settings
from eegdae.training import FitSpec, Optimizer, Schedule, fit_many

Judge = Callable[[Tensor, NDArray[np.int64], Tensor, int], NDArray[np.float64]]
PENALTIES = (0.001, 0.01, 0.1, 1.0, 10.0)
N_REPETITIONS = 3


def training_trials(*overrides: str) -> tuple[Tensor, NDArray[np.int64], int]:
    """Samples of the training trials, (268, n_samples), their classes, and the number of channels."""
    register_resolvers()
    path = cache_dir() / "scp1" / "scp1_train.ts"
    config = compose_command("train", ["experiment=scp1_raw", f"data.path='{path}'", *overrides], conf_dir())
    with read_write(config), open_dict(config):
        del config["hydra"]
    settings = read_settings(plain_config(config))
    windows = load_windows(settings.data, settings.windows)
    x = torch.from_numpy(np.ascontiguousarray(windows.x)).flatten(1)
    return x, windows.metadata["target"].to_numpy(np.int64), windows.n_chans


def cross_validated(x: Tensor, y: NDArray[np.int64], n_chans: int, judge: Judge) -> dict[str, float]:
    """ROC-AUC over all held-out trials, mean and range over the repetitions."""
    found = []
    for repetition in range(N_REPETITIONS):
        score = np.empty(len(y))
        folds = StratifiedKFold(5, shuffle=True, random_state=repetition).split(y, y)
        for k, (train, test) in enumerate(folds):
            scaler = Scaler.fit(x[train], "standard", n_groups=n_chans)
            a, b = scaler.transform(x[train]), scaler.transform(x[test])
            score[test] = judge(a, y[train], b, 5 * repetition + k)
        found.append(roc_auc(y, np.stack([-score, score], 1)))
    return {"mean": float(np.mean(found)), "low": min(found), "high": max(found)}


def linear(C: float, reduce: Callable[[Tensor, Tensor, int], tuple[Any, Any]]) -> Judge:
    """Logistic regression on what ``reduce`` makes of the training and the held-out rows."""

    def judge(a: Tensor, y: NDArray[np.int64], b: Tensor, fold: int) -> NDArray[np.float64]:
        train, test = reduce(a, b, fold)
        return LogisticHead.fit(train, y, n_classes=2, C=C).predict_proba(test)[:, 1]

    return judge


def all_samples(a: Tensor, b: Tensor, fold: int) -> tuple[Any, Any]:
    """Leave everything as it is."""
    return a.numpy(), b.numpy()


def components(n: int) -> Callable[[Tensor, Tensor, int], tuple[Any, Any]]:
    """Reduce to n principal components."""

    def reduce(a: Tensor, b: Tensor, fold: int) -> tuple[Any, Any]:
        pca = fit_pca(a, n)
        return pca.transform(a.numpy()), pca.transform(b.numpy())

    return reduce


def codes(width: int, level: float) -> Callable[[Tensor, Tensor, int], tuple[Any, Any]]:
    """Reduce to 32 codes of the network that ``experiment=scp1_raw`` ships, at another width and level."""

    def reduce(a: Tensor, b: Tensor, fold: int) -> tuple[Any, Any]:
        adam = Optimizer("Adam", {"lr": 1e-3})
        schedule = Schedule(epochs=30, joint_epochs=30, batch_size=32, optimizer=adam)
        spec = FitSpec(a, torch.arange(len(a)), (width, 32), Gaussian(), level, schedule, fold=fold)
        model = fit_many([spec])[0].model
        with torch.inference_mode():
            return model.encode(a).numpy(), model.encode(b).numpy()

    return reduce


def nonlinear(a: Tensor, y: NDArray[np.int64], b: Tensor, fold: int) -> NDArray[np.float64]:
    """Support vector machine with a radial kernel on 32 principal components."""
    train, test = components(32)(a, b, fold)
    model = make_pipeline(StandardScaler(), SVC(gamma="scale")).fit(train, y)
    return np.asarray(model.decision_function(test), np.float64)


def best_linear(x: Tensor, y: NDArray[np.int64], n_chans: int, reduce: Any) -> dict[str, float]:
    """The penalty with the highest mean, so flattering each representation alike."""
    tried = {C: cross_validated(x, y, n_chans, linear(C, reduce)) for C in PENALTIES}
    C = max(tried, key=lambda C: tried[C]["mean"])
    return {**tried[C], "C": C}


def intervals_of_the_test(runs: Path, *, n_bootstrap: int = 2000) -> dict[str, Any]:
    """Bootstrap over the test trials: of raw features, and of codes minus raw, seed by seed."""
    found: dict[str, Any] = {}
    for folder in sorted(runs.glob("seed*")):
        table = pd.read_csv(folder / "folds/0/predictions.csv", keep_default_na=False)
        y, rng, draws = table["target"].to_numpy(), np.random.default_rng(0), []
        proba = {
            name: table[[f"{name}|negativity", f"{name}|positivity"]].to_numpy(float)
            for name in ("raw", "codes")
        }
        for _ in range(n_bootstrap):
            rows = rng.integers(0, len(y), len(y))
            draws.append([roc_auc(y[rows], proba[name][rows]) for name in ("raw", "codes")])
        raw, code = np.array(draws).T
        found[folder.name] = {
            "raw": np.percentile(raw, [2.5, 97.5]).tolist(),
            "codes_minus_raw": np.percentile(code - raw, [2.5, 97.5]).tolist(),
        }
    return found


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/scp1_causes.json"))
    args = parser.parse_args()
    result: dict[str, Any] = {"command": "python scripts/bench_scp1.py", "repetitions": N_REPETITIONS}
    sides = {"all samples": (), "below 10 Hz, at 32 Hz": ("+data.prepare={h_freq: 10, sfreq: 32}",)}
    for side, overrides in sides.items():
        x, y, n_chans = training_trials(*overrides)
        found = {"raw": best_linear(x, y, n_chans, all_samples)}
        for n in (8, 16, 32, 48):
            found[f"pca-{n}"] = best_linear(x, y, n_chans, components(n))
        found["svm on pca-32"] = cross_validated(x, y, n_chans, nonlinear)
        found["codes 512-32, level 2, C 10"] = cross_validated(x, y, n_chans, linear(10.0, codes(512, 2.0)))
        found["codes 256-32, level 1, C 10"] = cross_validated(x, y, n_chans, linear(10.0, codes(256, 1.0)))
        result[side] = found
        print(side, json.dumps({name: round(f["mean"], 3) for name, f in found.items()}), flush=True)
    result["test trials"] = intervals_of_the_test(Path("outputs/bench/scp1_raw"))
    args.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
