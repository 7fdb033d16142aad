"""A noise sweep as one program: 100 jobs under three launchers, and 1 to 1000 models.

    python scripts/bench_sweep.py [--only watch eegmat] [--parts fit command curve ...] [--seeds 5]

Needs ``EEGDAE_DATA_DIR`` for eegmat. Writes ``benchmarks/sweep.json``. Five parts for each set:

- fit: the autoencoders of all jobs (every fold, the level-0 twin, the final model), from features in memory
  to trained weights: one by one (``basic``), in two processes (``joblib``), together (``vectorized``);
- command: ``eegdae train -m`` from the shell to the sweep's report, the same overrides under each launcher;
- breakdown: the same under ``vectorized`` with a clock at each of its parts;
- methods: the same for a fifth of the jobs, as it is and with each method that makes it fast left out;
- curve: seconds and peak memory of fitting N models together.

With fewer ``--seeds`` than five the slow launchers do the jobs of so many seeds, 20 levels each, and their
time is scaled: fits by their number; of a command what it takes whatever the jobs is measured too, by a sweep
of two jobs, and counted once. The vectorised launcher does all 100 jobs.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from joblib import Parallel, delayed
from omegaconf import OmegaConf

from eegdae.evaluation.fitting import _Prepared
from eegdae.run import git_commit, versions
from eegdae.tasks.launch import conf_dir, register_resolvers
from eegdae.tasks.overrides import compose_command
from eegdae.tasks.prepare import plain_config
from eegdae.tasks.settings import read_settings
from eegdae.tasks.work import Work, make_work
from eegdae.training import FitResult, FitSpec, fit_many, fit_together

ROOT = Path(__file__).parents[1]
OUT = ROOT / "benchmarks" / "sweep.json"
SETS = {
    "watch": ["experiment=watch", "features=[plv]"],
    "eegmat": ["experiment=eegmat", "features=[plv]"],
}
COMMON = ["model.hidden=[64,16]", "report=best"]
N_LEVELS, N_SEEDS = 20, 5
LAUNCHERS = {"vectorized": [], "joblib": ["hydra.launcher.n_jobs=2"], "basic": []}
THREADS = 2
PARTS = ("fit", "command", "breakdown", "methods", "curve")
MAIN = "import sys; from eegdae.cli import main; sys.exit(main())"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, choices=range(1, N_SEEDS + 1), default=N_SEEDS)
    parser.add_argument("--curve", type=int, default=1000)
    given = parser.parse_args()
    found: dict[str, Any] = json.loads(OUT.read_text()) if OUT.exists() else {}
    found |= {"versions": versions(), "cores": os.cpu_count(), "threads": THREADS}
    torch.set_num_threads(THREADS)
    for name in given.only:
        part = found.setdefault(name, {"overrides": [*SETS[name], *COMMON]})
        measure: dict[str, Callable[[], Any]] = {
            "fit": partial(fit_times, name, given.seeds),
            "command": partial(command_times, name, given.seeds),
            "breakdown": partial(breakdown, name),
            "methods": lambda: {method: breakdown(name, 5, method) for method in ("", *METHODS)},  # noqa: B023
            "curve": partial(curve, name, given.curve),
        }
        for what in given.parts:
            part[what] = measure[what]()
            part.setdefault("git_commit", {})[what] = git_commit()
            write(found)


def write(found: dict[str, Any]) -> None:
    """Keep what was measured so far."""
    OUT.write_text(json.dumps(found, indent=1) + "\n")


def levels(n: int = N_LEVELS) -> list[float]:
    """Levels of a sweep: 0 to 1.9 in steps of 0.1."""
    return [round(0.1 * k, 1) for k in range(n)]


def work_of(name: str) -> tuple[Any, Work]:
    """Settings and rows of a set."""
    register_resolvers()
    config = compose_command("train", [*SETS[name], *COMMON], conf_dir())
    plain = plain_config(OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"]))
    settings = read_settings(plain)
    return settings, make_work(settings, plain)


def specs_of(settings: Any, work: Work, jobs: list[tuple[float, int]]) -> list[list[FitSpec]]:
    """All autoencoders of every job: of each fold with its level-0 twin, and of the final model."""
    every: list[list[FitSpec]] = [[] for _ in jobs]
    sides = [fold.train for fold in work.folds] + [np.arange(len(work.windows))]
    for number, rows in enumerate(sides):
        prepared = _Prepared.of(work.data, rows, settings.recipe)
        for specs, (level, seed) in zip(every, jobs, strict=True):
            recipe = replace(settings.recipe, level=level, seed=seed)
            compare = number < len(work.folds)
            specs += prepared.specs(work.data, recipe, fold=number + 1, compare=compare)
    return every


def fit_times(name: str, n_seeds: int) -> dict[str, Any]:
    """Seconds of fitting all jobs' autoencoders, and how far the results are apart."""
    settings, work = work_of(name)
    jobs = [(level, seed) for level in levels() for seed in range(N_SEEDS)]
    specs = specs_of(settings, work, jobs)
    # each level so many times, one seed after the other
    picked = [k * N_SEEDS + (k + one) % N_SEEDS for k in range(N_LEVELS) for one in range(n_seeds)]
    times: dict[str, float] = {}
    start = time.perf_counter()
    per_fold = _by_fold(specs)
    together: dict[tuple[int, str, str, int], FitResult] = {}
    for fold in per_fold:
        for (job, spec), result in zip(fold, fit_together([spec for _, spec in fold]), strict=True):
            assert isinstance(result, FitResult)
            together[(job, spec.name, spec.view, spec.fold)] = result
    times["vectorized"] = time.perf_counter() - start
    start = time.perf_counter()
    alone = {job: fit_many(specs[job]) for job in picked}
    times["basic"] = (time.perf_counter() - start) * len(jobs) / len(picked)
    with Parallel(n_jobs=2) as pool:
        pool(delayed(_warm)() for _ in range(2))
        # as if both were busy all the time
        seconds = pool(delayed(_fit_job)(settings, work, jobs[job]) for job in picked)
        times["joblib"] = sum(seconds) / 2 * len(jobs) / len(picked)
    torch.set_num_threads(1)
    other_threads = fit_many(specs[picked[-1]])
    torch.set_num_threads(THREADS)
    apart, n_equal, n_other_end = [], 0, 0
    for job, results in alone.items():
        for result in results:
            other = together[(job, result.spec.name, result.spec.view, result.spec.fold)]
            if result.history and len(result.history) == len(other.history):
                apart.append(_loss_apart(result, other))
                n_equal += _same_bits(result, other)
            n_other_end += len(result.history) != len(other.history)
    by_threads = [
        _loss_apart(*pair) for pair in zip(alone[picked[-1]], other_threads, strict=True) if pair[0].history
    ]
    return {
        "n_jobs": len(jobs),
        "n_fits": sum(map(len, specs)),
        "n_measured": len(picked),
        "n_features": specs[0][0].x.shape[1],
        "seconds": {key: round(value, 2) for key, value in times.items()},
        "times_faster": {key: round(times[key] / times["vectorized"], 2) for key in ("basic", "joblib")},
        "loss_apart": _spread(apart),
        "n_equal_to_the_bit": n_equal,
        "n_other_stopping_epoch": n_other_end,
        "loss_apart_of_one_and_two_threads": _spread(by_threads),
    }


def _same_bits(one: FitResult, other: FitResult) -> bool:
    """Whether the weights of two models are the same numbers."""
    weights = [each.model.state_dict() for each in (one, other)]
    return all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def _loss_apart(one: FitResult, other: FitResult) -> float:
    """Largest relative difference of the losses of two models, over all epochs."""
    losses = [np.array([row["loss"] for row in each.history]) for each in (one, other)]
    return float(np.max(np.abs(losses[0] / losses[1] - 1)))


def _spread(apart: list[float]) -> dict[str, float]:
    share = sum(value > 1e-4 for value in apart) / len(apart)
    return {"median": median(apart), "largest": max(apart), "share_above_1e-4": share, "n_models": len(apart)}


def _by_fold(specs: list[list[FitSpec]]) -> list[list[tuple[int, FitSpec]]]:
    """Specs of all jobs, fold by fold, as the launcher fits them."""
    folds: dict[int, list[tuple[int, FitSpec]]] = {}
    for job, own in enumerate(specs):
        for spec in own:
            folds.setdefault(spec.fold, []).append((job, spec))
    return list(folds.values())


def _warm() -> None:
    torch.set_num_threads(1)


def _fit_job(settings: Any, work: Work, job: tuple[float, int]) -> float:
    torch.set_num_threads(1)
    specs = specs_of(settings, work, [job])[0]
    start = time.perf_counter()
    fit_many(specs)
    return time.perf_counter() - start


def command_times(name: str, n_seeds: int) -> dict[str, Any]:
    """Seconds from the shell to the sweep's report under each launcher."""
    seconds: dict[str, float] = {}
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for launcher in LAUNCHERS:
            n = N_SEEDS if launcher == "vectorized" else n_seeds
            counts[launcher] = N_LEVELS * n
            took = _command(name, launcher, levels(), n, Path(scratch) / launcher)
            if n < N_SEEDS:
                # what a sweep takes besides its jobs is not scaled
                few = _command(name, launcher, [0.5, 1.0], 1, Path(scratch) / f"{launcher}_few")
                each = (took - few) / (counts[launcher] - 2)
                took = few - 2 * each + N_LEVELS * N_SEEDS * each
            seconds[launcher] = took
        apart = _figures_apart(Path(scratch) / "vectorized", Path(scratch) / "basic")
    return {
        "seconds": {key: round(value, 1) for key, value in seconds.items()},
        "n_jobs_measured": counts,
        "times_faster": {key: round(seconds[key] / seconds["vectorized"], 2) for key in ("joblib", "basic")},
        "figures_apart": apart,
    }


def _command(name: str, launcher: str, swept: list[float], n_seeds: int, folder: Path) -> float:
    """Seconds of one sweep, from the shell to its report."""
    words = [
        *("train", "-m", *SETS[name], *COMMON, f"hydra/launcher={launcher}", *LAUNCHERS[launcher]),
        *(f"corruption.level={','.join(map(str, swept))}", f"seed=range(0,{n_seeds})"),
        f"hydra.sweep.dir={folder}",
    ]
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MAIN, *words], check=True, capture_output=True, env=os.environ
    )
    seconds = time.perf_counter() - start
    print(f"{name} {launcher}: {len(swept) * n_seeds} jobs in {seconds:.1f} s", flush=True)
    return seconds


def _figures_apart(one: Path, other: Path) -> dict[str, float]:
    """How far the metrics of the same jobs are apart, and how many labels differ."""
    mine = {_setting(path): path.parent for path in one.rglob("metrics.json")}
    metrics, labels, unsure, n_rows = [], 0, 0, 0
    for path in other.rglob("metrics.json"):
        twin = mine[_setting(path)]
        a, b = (json.loads((folder / "metrics.json").read_text()) for folder in (path.parent, twin))
        metrics += [abs(a[r][m]["mean"] - b[r][m]["mean"]) for r in a for m in a[r]]
        for fold in (path.parent / "folds").iterdir():
            tables = [
                pd.read_csv(folder / "folds" / fold.name / "predictions.csv")
                for folder in (path.parent, twin)
            ]
            columns = [name for name in map(str, tables[0]) if name.startswith("codes|")]
            proba = [table[columns].to_numpy() for table in tables]
            differ = proba[0].argmax(1) != proba[1].argmax(1)
            # the two classes that are most probable, in the run on its own
            second, first = np.sort(proba[0], 1)[:, -2:].T
            labels += int(differ.sum())
            unsure += int((differ & (first - second <= 1e-3)).sum())
            n_rows += len(differ)
    return {
        "metric_largest": max(metrics),
        "labels_that_differ": labels,
        "of_these_within_1e-3_of_the_boundary": unsure,
        "n_labels": n_rows,
    }


def _setting(path: Path) -> tuple[float, int]:
    config = yaml.safe_load((path.parent / "config.yaml").read_text())
    return config["corruption"]["level"], config["seed"]


TIMED = {
    "looking through and composing": (
        ("eegdae.tasks.launch", "plan_sweep"),
        ("eegdae.tasks.launch", "check_args"),
        ("eegdae.tasks.sweep.configs", "JobConfigs.__call__"),
    ),
    "windows and features": (("eegdae.tasks.together", "make_work"),),
    "fit": (("eegdae.evaluation.fitting", "fit_together"),),
    "heads": (("eegdae.evaluation.judge", "_judged"),),
    "folders of folds": (("eegdae.tasks.together", "keep_fold"),),
    "jobs' own runs": (("eegdae.tasks.train", "train"),),
    "sweep report": (("eegdae.tasks.sweep.report", "sweep_report"),),
    "report of the best run": (("eegdae.tasks.report_file", "write_report"),),
}
"""What the vectorised command does -> the functions whose time is taken; none calls another."""


def _autograd() -> None:
    importlib.import_module("eegdae.training.together_stage").chain_of = lambda config, layer: None  # type: ignore[attr-defined]


def _one_problem_at_a_time() -> None:
    heads = importlib.import_module("eegdae.evaluation.heads")
    solve = heads.solve_logistic

    def solved(x: Any, y: Any, used: Any, C: Any, **options: Any) -> Any:
        parts = [solve(x, y, used[k : k + 1], C[k : k + 1], **options) for k in range(len(used))]
        names = ("mean", "scale", "coef", "intercept")
        return type(parts[0])(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    heads.solve_logistic = solved  # type: ignore[attr-defined]


def _each_for_itself() -> None:
    importlib.import_module("eegdae.training.together")._identity = lambda spec: None  # type: ignore[attr-defined]
    once = importlib.import_module("eegdae.evaluation.once").Once
    once.__call__ = lambda self, make, *key, of=(): make()


METHODS = {
    "slopes written out": _autograd,
    "heads of inner folds solved together": _one_problem_at_a_time,
    "done once what jobs share": _each_for_itself,
}
"""What makes the vectorised command fast -> what leaves it out."""


def breakdown(name: str, every: int = 1, without: str = "") -> dict[str, float]:
    """Seconds of the parts of the vectorised command, in a process of its own; of every so manieth level."""
    with tempfile.TemporaryDirectory() as scratch:
        text = f"import bench_sweep; bench_sweep.one_breakdown({name!r}, {scratch!r}, {every}, {without!r})"
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", text],
            check=True,
            capture_output=True,
            text=True,
            cwd=Path(__file__).parent,
        )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(name, f"without {without}" if without else "", found, flush=True)
    return found


def one_breakdown(name: str, scratch: str, every: int, without: str) -> None:
    """Run the vectorised command with a clock at each part, and print what each took."""
    start = time.perf_counter()
    cli = importlib.import_module("eegdae.cli")
    for module in ("eegdae.tasks.launch", "eegdae.tasks.train", "eegdae.tasks.together"):
        importlib.import_module(module)
    found = {"imports": time.perf_counter() - start}
    if without:
        METHODS[without]()
    for part, functions in TIMED.items():
        found[part] = 0.0
        for module, function in functions:
            _clocked(importlib.import_module(module), function, part, found)
    start = time.perf_counter()
    swept = [f"corruption.level={','.join(map(str, levels()[::every]))}", f"seed=range(0,{N_SEEDS})"]
    more = ["hydra/launcher=vectorized", f"hydra.sweep.dir={scratch}/sweep"]
    cli.main(["train", "-m", *SETS[name], *COMMON, *swept, *more])
    whole = found["imports"] + time.perf_counter() - start
    found["all else"] = whole - sum(found.values())
    print(json.dumps({"whole": round(whole, 1), **{part: round(value, 1) for part, value in found.items()}}))


def _clocked(module: Any, function: str, part: str, found: dict[str, float]) -> None:
    """Put a clock around a function, or a method."""
    *owner, name = function.split(".")
    holder = getattr(module, owner[0]) if owner else module
    inner = getattr(holder, name)

    def timed(*args: Any, **options: Any) -> Any:
        start = time.perf_counter()
        try:
            return inner(*args, **options)
        finally:
            found[part] += time.perf_counter() - start

    setattr(holder, name, timed)


def curve(name: str, most: int) -> list[dict[str, float]]:
    """Seconds and peak memory of fitting N models of one fold together, each in a process of its own."""
    found = []
    for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000):
        if n > most:
            break
        text = f"import bench_sweep; bench_sweep.one_point({name!r}, {n})"
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", text],
            check=True,
            capture_output=True,
            text=True,
            cwd=Path(__file__).parent,
        )
        found.append(json.loads(done.stdout.splitlines()[-1]))
        print(name, found[-1], flush=True)
    return found


def one_point(name: str, n_models: int) -> None:
    """Fit models of one fold together, and print what it took."""
    torch.set_num_threads(THREADS)
    settings, work = work_of(name)
    n_seeds = min(N_SEEDS, n_models)
    jobs = [(round(0.05 + 2.0 * k / n_models, 4), k % n_seeds) for k in range(n_models)]
    specs = [job[0] for job in specs_of(settings, work, jobs)]
    before = _peak_mb(forget=True)
    start = time.perf_counter()
    fit_together(specs)
    seconds = time.perf_counter() - start
    peak = _peak_mb()
    start = time.perf_counter()
    fit_many(specs[:1])
    alone = time.perf_counter() - start
    print(
        json.dumps(
            {
                "n_models": n_models,
                "seconds": round(seconds, 3),
                "seconds_a_model": round(seconds / n_models, 4),
                "seconds_alone": round(alone, 3),
                "peak_mb_beyond_the_data": round(peak - before, 1),
            }
        )
    )


def _peak_mb(*, forget: bool = False) -> float:
    """Most memory that this process held since it was last told to forget, in MB (Linux)."""
    if forget:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
