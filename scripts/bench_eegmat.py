"""Rest against arithmetic on people whom no setting was chosen on: nested cross-validation by person.

    python scripts/bench_eegmat.py [--alignment zscore] [--views 3] [--dimensions 12]

In each of eight outer folds the setting of the stacks is chosen among ``GRID``, and the penalty of every
representation's head with it, by four inner folds over the people trained on, whose networks never saw those
they are judged on; then all is judged on the two people held out, with five seeds. Every representation has
the same choice: the level-0 network takes its own setting, raw features and PCA their own penalty. What the
choices were goes into the file with the figures. ``--dimensions`` first projects the signals of a fold to
that many principal components of its training people, so that what cleaning took out of the directions of
least variance is no input. With ``--alignment zscore`` it also measures what the
alignment itself gives away: how far the deviation baseline gets with all windows, and with as many windows of
rest as of arithmetic.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from bench_experiments import over_seeds
from numpy.typing import NDArray
from omegaconf import open_dict, read_write

from eegdae.alignment import Alignment
from eegdae.corruption import Chain, Gaussian, Part, WindowNoise
from eegdae.evaluation.baselines import deviation
from eegdae.evaluation.fitting import fit_models
from eegdae.evaluation.heads import LogisticHead
from eegdae.evaluation.judge import judge_fold
from eegdae.evaluation.metrics import group_metrics, paired_table, roc_auc, summarize
from eegdae.evaluation.once import Once
from eegdae.evaluation.recipe import Data, Recipe
from eegdae.evaluation.representations import Pair, represent
from eegdae.evaluation.splits import Fold, make_folds
from eegdae.features import compute_views
from eegdae.run import git_commit, versions
from eegdae.tasks.launch import conf_dir, register_resolvers
from eegdae.tasks.overrides import compose_command
from eegdae.tasks.prepare import load_windows, make_data, plain_config
from eegdae.tasks.settings import Settings, read_settings
from eegdae.windows import Windows

NETWORKS: dict[str, dict[str, Any]] = {
    "relu, greedy": {"activation": "relu", "code_activation": "relu", "pretrain": "greedy", "level": 1.0},
    "elu, linear codes, joint": {
        "activation": "elu",
        "code_activation": "linear",
        "pretrain": "greedy_then_joint",
        "level": 0.3,
    },
}
"""Name -> activations, schedule, and the level of its Gaussian noise."""

NOISES = ("gaussian", "gaussian and windows")
"""Gaussian noise alone, or differences of neighbouring windows (level 1) beside it."""

GRID = tuple(itertools.product(NETWORKS, NOISES))
SEEDS = (0, 1, 2, 3, 4)
INNER_SEEDS = (0, 1)
N_INNER = 4
PENALTIES = (0.01, 0.1, 1.0)
"""C of the logistic regression, chosen for each representation."""

VIEWS: dict[int, tuple[str, ...]] = {
    2: (),
    3: (
        "features=[power,connectivity]",
        "features.plv.hidden=[256,16]",
        "features.pearson.hidden=[256,16]",
    ),
}
"""Number of views -> overrides beside ``experiment=eegmat``; 64 codes in all."""

Scores = dict[str, dict[float, float]]
"""Representation -> C -> ROC-AUC, mean over people."""


def settings_of(alignment: str, n_views: int = 2) -> Settings:
    """Compose and check ``experiment=eegmat``."""
    register_resolvers()
    overrides = ["experiment=eegmat", f"alignment={alignment}", *VIEWS[n_views]]
    config = compose_command("train", overrides, conf_dir())
    with read_write(config), open_dict(config):
        del config["hydra"]
    return read_settings(plain_config(config))


def with_setting(recipe: Recipe, setting: tuple[str, str], seed: int = 0) -> Recipe:
    """Put one setting of the grid into the recipe."""
    network, noise = dict(NETWORKS[setting[0]]), setting[1]
    schedule = replace(recipe.schedule, pretrain=network.pop("pretrain"))
    level, corruption = network.pop("level"), Gaussian()
    if noise == "gaussian":
        return replace(
            recipe, network=network, schedule=schedule, corruption=corruption, level=level, seed=seed
        )
    parts = (Part("noise", corruption, level), Part("windows", WindowNoise(), 1.0))
    return replace(
        recipe, network=network, schedule=schedule, corruption=Chain(parts=parts), level=1.0, seed=seed
    )


def represented(data: Data, fold: Fold, recipe: Recipe, number: int) -> dict[str, Pair]:
    """Every representation of a fold's rows, all fitted on its training rows."""
    fitted = fit_models(data, fold.train, recipe, fold=number)
    train, test = (fitted.inputs(data, side, recipe.views) for side in (fold.train, fold.test))
    return represent(data, fold, train, test, fitted.stacks, recipe, Once())


def proba_of(data: Data, fold: Fold, pair: Pair, C: float) -> NDArray[np.float64]:
    """Class probabilities of a fold's test rows by logistic regression on its training rows."""
    head = LogisticHead.fit(pair[0], data.target[fold.train], n_classes=data.n_classes, C=C)
    return head.predict_proba(pair[1])


def inner_scores(data: Data, windows: Windows, rows: NDArray[np.int64], recipe: Recipe, fold: int) -> Scores:
    """ROC-AUC of every representation and penalty, mean over people whom the networks never saw."""
    metadata = windows.metadata.iloc[rows].reset_index(drop=True)
    found: dict[tuple[str, float], list[float]] = {}
    for k, inner in enumerate(make_folds(metadata, kind="group_kfold", by="subject", n_folds=N_INNER)):
        side = Fold(rows[inner.train], rows[inner.test], inner.test_groups)
        who, y = data.groups["subject"][side.test], data.target[side.test]
        # a number of its own for each inner fold, so that no two fits share their draws
        for name, pair in represented(data, side, recipe, 100 + N_INNER * fold + k).items():
            for C in PENALTIES:
                proba = proba_of(data, side, pair, C)
                people = [roc_auc(y[who == s], proba[who == s]) for s in sorted(set(who))]
                found.setdefault((name, C), []).extend(people)
    names = dict.fromkeys(name for name, _ in found)
    return {name: {C: float(np.mean(found[name, C])) for C in PENALTIES} for name in names}


def choose(scores: dict[tuple[str, str], Scores], name: str) -> tuple[tuple[str, str], float]:
    """Setting and penalty with the best inner score of a representation."""
    best = max(scores, key=lambda setting: max(scores[setting][name].values()))
    return best, max(scores[best][name], key=lambda C: scores[best][name][C])


def equal_shares(windows: Windows, settings: Settings, *, n_draws: int = 20) -> dict[str, Any]:
    """ROC-AUC of the deviation baseline where each person has as many windows of rest as of arithmetic."""
    rng, found = np.random.default_rng(0), []
    for _ in range(n_draws):
        part = only(windows, equal_share_rows(windows, rng))
        who, y = part.metadata["subject"].to_numpy(), part.metadata["target"].to_numpy()
        features = aligned(compute_views(part, settings.recipe.views), who, settings.recipe.alignment.kind)
        score = deviation(torch.cat([features[view.name] for view in settings.recipe.views], 1))[:, 0]
        proba = np.stack([-score, score], 1)
        found.append([roc_auc(y[who == s], proba[who == s]) for s in sorted(set(who))])
    means = np.mean(found, 1)
    return {
        "mean": float(means.mean()),
        "low": float(means.min()),
        "high": float(means.max()),
        "draws": n_draws,
    }


def equal_share_rows(windows: Windows, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of arithmetic and as many of rest, person by person; the rest is one stretch at random."""
    who, y = windows.metadata["subject"].to_numpy(), windows.metadata["target"].to_numpy()
    kept = []
    for subject in sorted(set(who)):
        rest, task = (np.flatnonzero((who == subject) & (y == k)) for k in (0, 1))
        first = rng.integers(0, len(rest) - len(task) + 1)
        kept += [rest[first : first + len(task)], task]
    return np.concatenate(kept)


def only(windows: Windows, rows: NDArray[np.int64]) -> Windows:
    """Some of the windows."""
    return replace(windows, x=windows.x[rows], metadata=windows.metadata.iloc[rows].reset_index(drop=True))


def projected(windows: Windows, rows: NDArray[np.int64], n: int) -> Windows:
    """Project all signals to the ``n`` first principal components of the channels in ``rows``."""
    x = windows.x[rows].astype(np.float64)
    x -= x.mean(2, keepdims=True)
    basis = np.linalg.eigh(np.einsum("wct,wdt->cd", x, x))[1][:, : -n - 1 : -1]
    return replace(
        windows,
        x=np.einsum("wct,ck->wkt", windows.x, basis.astype(np.float32)),
        ch_names=tuple(f"component {k + 1}" for k in range(n)),
        units=windows.units[:n],
        ch_pos=None,
    )


def pooled(y: NDArray[np.int64], proba: Sequence[dict[str, NDArray[np.float64]]]) -> dict[str, Any]:
    """ROC-AUC of all people's scores in one, mean over seeds; the figures of REFERENCES are of this kind."""
    found = {name: [roc_auc(y, one[name]) for one in proba] for name in proba[0]}
    return {
        name: {"mean": float(np.mean(each)), "sd_over_seeds": float(np.std(each, ddof=1))}
        for name, each in found.items()
    }


def judged_with_equal_shares(*, n_draws: int = 5) -> dict[str, Any]:
    """ROC-AUC of every representation, aligned, with as many windows of rest as of arithmetic a person.

    Relu codes, greedy, Gaussian noise and differences of windows, which is what the nested choice is about;
    C = 1, a new draw of the windows and a new seed each time.
    """
    settings = settings_of("zscore")
    windows = load_windows(settings.data, settings.windows)
    rng, metrics = np.random.default_rng(0), []
    for draw in range(n_draws):
        part = only(windows, equal_share_rows(windows, rng))
        data, parts = make_data(part, settings), []
        recipe = with_setting(settings.recipe, GRID[1], draw)
        for number, fold in enumerate(make_folds(part.metadata, **settings.split)):
            verdict = judge_fold(data, fold, number, recipe)
            parts.append(
                group_metrics(data.target[fold.test], verdict.proba, data.groups["subject"][fold.test])
            )
        metrics.append(summarize(pd.concat(parts, ignore_index=True)))
    return {
        "command": "python scripts/bench_eegmat.py --equal-shares",
        "draws": n_draws,
        "setting": list(GRID[1]),
        "metrics": over_seeds(metrics),
    }


def aligned(features: dict[str, torch.Tensor], who: NDArray[Any], kind: str) -> dict[str, torch.Tensor]:
    """Align the features of every view by person."""
    return {name: Alignment.fit(x, who, kind).transform(x, who) for name, x in features.items()}


def causes(settings: Settings) -> dict[str, Any]:
    """Measure what stands behind the figures, a number a view; all people, no fold, no test.

    ``between_people``: share of the variance between the means of people. ``class_in_32``: share of the mean
    difference of the classes within people that lies in the first 32 principal components. ``deviation``:
    ROC-AUC of the mean square of a window's z-scored features.
    """
    windows = load_windows(settings.data, settings.windows)
    who, y = windows.metadata["subject"].to_numpy(), windows.metadata["target"].to_numpy()
    people = sorted(set(who))
    plain = compute_views(windows, settings.recipe.views)
    z = aligned(plain, who, "zscore")
    found: dict[str, Any] = {"command": "python scripts/bench_eegmat.py --causes"}
    for name, features in plain.items():
        x = features.double().numpy()
        x = (x - x.mean(0)) / x.std(0)
        means = np.stack([x[who == s].mean(0) for s in people])
        weights = np.array([(who == s).mean() for s in people])
        step = np.mean(
            [x[(who == s) & (y == 1)].mean(0) - x[(who == s) & (y == 0)].mean(0) for s in people], 0
        )
        first = np.linalg.svd(x, full_matrices=False)[2][:32]
        score = deviation(z[name])[:, 0]
        proba = np.stack([-score, score], 1)
        found[name] = {
            "between_people": float((weights @ means**2).mean()),
            "class_in_32": float(np.sum((first @ step) ** 2) / np.sum(step**2)),
            "deviation": float(np.mean([roc_auc(y[who == s], proba[who == s]) for s in people])),
        }
    return found


def mean_scores(
    data: Data, windows: Windows, fold: Fold, recipe: Recipe, setting: tuple[str, str], number: int
) -> Scores:
    """Inner scores of a setting, mean over seeds: one seed's differ by .02."""
    each = [
        inner_scores(data, windows, fold.train, with_setting(recipe, setting, seed), number)
        for seed in INNER_SEEDS
    ]
    return {name: {C: float(np.mean([one[name][C] for one in each])) for C in PENALTIES} for name in each[0]}


def measure(
    alignment: str, n_views: int, dimensions: int | None, seeds: Sequence[int] = SEEDS
) -> dict[str, Any]:
    """Choose and judge in every outer fold; return what goes into the file."""
    settings = settings_of(alignment, n_views)
    windows = load_windows(settings.data, settings.windows)
    data = None if dimensions else make_data(windows, settings)
    chosen, inner, order = [], [], []
    parts: dict[int, list[pd.DataFrame]] = {seed: [] for seed in seeds}
    scored: dict[int, list[dict[str, NDArray[np.float64]]]] = {seed: [] for seed in seeds}
    for number, fold in enumerate(make_folds(windows.metadata, **settings.split)):
        if dimensions:
            data = make_data(projected(windows, fold.train, dimensions), settings)
        assert data is not None
        scores = {
            setting: mean_scores(data, windows, fold, settings.recipe, setting, number) for setting in GRID
        }
        choice = {name: choose(scores, name) for name in scores[GRID[0]]}
        chosen.append(choice["codes"])
        inner.append({", ".join(setting): found["codes"] for setting, found in scores.items()})
        print(f"{alignment} fold {number}: {choice['codes']} {inner[-1]}", flush=True)
        order.append(fold.test)
        for seed in seeds:
            proba = judged(data, fold, settings.recipe, choice, seed, number)
            scored[seed].append(proba)
            parts[seed].append(
                group_metrics(data.target[fold.test], proba, data.groups["subject"][fold.test])
            )
    assert data is not None
    tables = {seed: pd.concat(part, ignore_index=True) for seed, part in parts.items()}
    of_people = (
        pd.concat(tables.values()).groupby(["representation", "group"], sort=False).mean().reset_index()
    )
    y = data.target[np.concatenate(order)]
    together = [
        {name: np.concatenate([p[name] for p in each]) for name in each[0]} for each in scored.values()
    ]
    result = {
        "command": command_of(alignment, n_views, dimensions),
        "seeds": list(seeds),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "commit": git_commit(),
        "versions": versions(),
        "grid": list(GRID),
        "penalties": list(PENALTIES),
        "chosen": [{"setting": s, "C": C, "folds": n} for (s, C), n in Counter(chosen).most_common()],
        "inner_roc_auc": inner,
        "metrics": over_seeds([summarize(table) for table in tables.values()]),
        "pooled_roc_auc": pooled(y, together),
        "paired_over_people_mean_of_seeds": paired_table(of_people).to_dict("records"),
    }
    if alignment == "zscore" and n_views == 2 and not dimensions:
        result["deviation_with_equal_shares"] = equal_shares(windows, settings)
    return result


def judged(
    data: Data,
    fold: Fold,
    recipe: Recipe,
    choice: dict[str, tuple[tuple[str, str], float]],
    seed: int,
    number: int,
) -> dict[str, NDArray[np.float64]]:
    """Class probabilities of a fold's test rows by every representation as it was chosen."""
    needed = dict.fromkeys(setting for setting, _ in choice.values())
    pairs = {s: represented(data, fold, with_setting(recipe, s, seed), number) for s in needed}
    proba = {name: proba_of(data, fold, pairs[s][name], C) for name, (s, C) in choice.items()}
    proba["chance"] = np.full((len(fold.test), data.n_classes), 1.0 / data.n_classes)
    return proba


def either(held: dict[str, Any], seeds: Sequence[int] = SEEDS) -> dict[str, Any]:
    """Judge, aligned, two views or three, as the inner folds of each outer fold prefer.

    No person who is judged decides. The inner scores are those that the runs with two and with three views
    have left in the file. Raw features and PCA get, in every fold, whichever views and penalty serve them
    best on the people judged, which is more than the codes get.
    """
    inner = {n: held[name_of("zscore", n, None)]["inner_roc_auc"] for n in VIEWS}
    settings = {n: settings_of("zscore", n) for n in VIEWS}
    windows = load_windows(settings[2].data, settings[2].windows)
    data = {n: make_data(windows, settings[n]) for n in VIEWS}
    chosen, parts = [], {seed: [] for seed in seeds}  # type: ignore[var-annotated]
    for number, fold in enumerate(make_folds(windows.metadata, **settings[2].split)):
        scores = {
            (n, setting, C): inner[n][number][", ".join(setting)][str(C)]
            for n in VIEWS
            for setting in GRID
            for C in PENALTIES
        }
        n, setting, C = max(scores, key=lambda key: scores[key])
        chosen.append(n)
        who, y = data[n].groups["subject"][fold.test], data[n].target[fold.test]
        for seed in seeds:
            pairs = {
                v: represented(data[v], fold, with_setting(settings[v].recipe, setting, seed), number)
                for v in VIEWS
            }
            proba = {"codes": proba_of(data[n], fold, pairs[n]["codes"], C)}
            proba["autoencoder"] = proba_of(data[n], fold, pairs[n]["autoencoder"], C)
            for name in ("raw", "pca", "pca_joint"):
                each = [proba_of(data[v], fold, pairs[v][name], C) for v in VIEWS for C in PENALTIES]
                proba[name] = max(
                    each, key=lambda p: np.mean([roc_auc(y[who == s], p[who == s]) for s in set(who)])
                )
            parts[seed].append(group_metrics(y, proba, who))
        print(f"fold {number}: {n} views, {setting}, C={C}", flush=True)
    tables = [pd.concat(part, ignore_index=True) for part in parts.values()]
    of_people = pd.concat(tables).groupby(["representation", "group"], sort=False).mean().reset_index()
    return {
        "command": "python scripts/bench_eegmat.py --either",
        "seeds": list(seeds),
        "commit": git_commit(),
        "versions": versions(),
        "views": chosen,
        "metrics": over_seeds([summarize(table) for table in tables]),
        "paired_over_people_mean_of_seeds": paired_table(of_people).to_dict("records"),
    }


def command_of(alignment: str, n_views: int, dimensions: int | None) -> str:
    """Say how a result is made."""
    more = (f" --views {n_views}" if n_views != 2 else "") + (
        f" --dimensions {dimensions}" if dimensions else ""
    )
    return f"python scripts/bench_eegmat.py --alignment {alignment}{more}"


def name_of(alignment: str, n_views: int, dimensions: int | None) -> str:
    """Name a result in the file and the tables."""
    parts = ["eegmat"] + ["aligned"] * (alignment == "zscore") + ["three views"] * (n_views == 3)
    return ", ".join(parts + ([f"{dimensions} dimensions"] if dimensions else []))


def main() -> None:
    """Measure what is asked for and put it beside what the file holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alignment", choices=("none", "zscore"), default="none")
    parser.add_argument(
        "--views", type=int, choices=tuple(VIEWS), default=2, help="3: Pearson correlation too"
    )
    parser.add_argument("--dimensions", type=int, help="project the signals to that many components")
    parser.add_argument("--causes", action="store_true", help="only measure what stands behind the figures")
    parser.add_argument("--equal-shares", action="store_true", help="only judge with equal shares of classes")
    parser.add_argument("--either", action="store_true", help="two or three views, as the inner folds prefer")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/eegmat.json"))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.equal_shares:
        found = judged_with_equal_shares()
        (args.out.parent / "eegmat_equal_shares.json").write_text(json.dumps(found, indent=1) + "\n")
        print(json.dumps({k: v["roc_auc"]["mean"] for k, v in found["metrics"].items()}, indent=1))
        return
    if args.causes:
        (args.out.parent / "eegmat_causes.json").write_text(
            json.dumps(causes(settings_of("none")), indent=1) + "\n"
        )
        return
    held = json.loads(args.out.read_text()) if args.out.exists() else {}
    asked = args.alignment, args.views, args.dimensions
    name = "eegmat, aligned, two or three views" if args.either else name_of(*asked)
    result = either(held) if args.either else measure(*asked)
    held = json.loads(args.out.read_text()) if args.out.exists() else {}
    held[name] = result
    args.out.write_text(json.dumps(held, indent=1) + "\n")
    print(json.dumps({k: v["roc_auc"]["mean"] for k, v in result["metrics"].items()}, indent=1))


if __name__ == "__main__":
    main()
