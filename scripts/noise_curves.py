"""The noise curve of every corruption on four sets, five seeds: which one helps, by how much, how surely.

    python scripts/noise_curves.py [--only digits eegmat watch scp1] [--seeds 5] [--threads 2]

Each set is one command, ``eegdae train -m ... hydra/launcher=vectorized``, printed before it runs; run again,
it goes on where it stood. Needs ``EEGDAE_DATA_DIR``. Writes ``benchmarks/noise_curves.json``,
``docs/noise_curves_SET.png`` and the tables of ``docs/noise_curves.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mne.stats import permutation_t_test

from eegdae.evaluation.metrics import METRICS
from eegdae.run import read_json, versions

ROOT = Path(__file__).parents[1]
OUT, PAGE = ROOT / "benchmarks" / "noise_curves.json", ROOT / "docs" / "noise_curves.md"
MAIN = "import sys; from eegdae.cli import main; sys.exit(main())"
ENTRIES = ("gaussian", "uniform", "multiplicative", "masking", "salt_and_pepper", "sample_swap")
OF_CHANNELS = ("channel_dropout", "node_dropout", "edge_dropout", "window_noise")
# windows of scp1 are trials apart, so none has a neighbour for window_noise
OF_SIGNALS = ("channel_dropout", "time_block", "frequency_band", "band_noise", "line_noise")
SETS = {
    "digits": (["experiment=digits"], ENTRIES),
    "eegmat": (["experiment=eegmat"], (*ENTRIES, *OF_CHANNELS)),
    "watch": (["experiment=watch", "features=[power,connectivity]"], (*ENTRIES, *OF_CHANNELS)),
    "scp1": (["experiment=scp1_raw"], (*ENTRIES, *OF_SIGNALS)),
}
ABOUT = """\
Every corruption that a set's features allow, at five levels, five seeds, the folds of each experiment; made
by `python scripts/noise_curves.py`. Differences are to level 0, paired over people, whose figures are
averaged over seeds first, with their 95 % interval. Where there are no people to go by (`digits`) the unit is
the image or the trial, and the difference that of the share that is told rightly. On power and pairs of
channels `channel_dropout` and `node_dropout` do the same.

p is that of paired t tests under all exchanges of signs (10,000 of them from 14 people on), for the largest
of all settings of a set: so it is corrected for their number (max-T after Westfall and Young;
`mne.stats.permutation_t_test`). Holm's correction of Wilcoxon's test, which `eegdae sweep-report` has, can
tell nothing of 40 settings on the ten people of `watch`: its least p would be .07. *Surely* means a p below
.05, *perhaps* that the interval, which is not corrected, leaves 0 out.

The levels were not chosen on these figures, but the best level of a row is, so that it flatters itself;
*chosen in each fold* is what sweeping and then choosing by validation gives on rows that had no say in the
choice.
"""
FIGURES = (
    "mean",
    "low",
    "high",
    *(f"difference{end}" for end in ("", "_low", "_high")),
    "p_holm",
    "p_family",
)
LEVELS = "0,0.1,0.3,0.6,0.9"
"""One list for all kinds: shares end below 1, noise nearly as large as the signal."""


def main() -> None:
    """Run, read, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--folder", type=Path, default=ROOT / "multirun" / "noise_curves")
    given = parser.parse_args()
    found: dict[str, Any] = json.loads(OUT.read_text()) if OUT.exists() else {}
    for name in given.only:
        words = command_of(name, given.seeds)
        folder = given.folder / name
        print(f"eegdae {shlex.join(words)}", flush=True)
        more = ["sweep.resume=true", f"hydra.sweep.dir={folder}", "report=none"]
        more += [f"trainer.threads={given.threads}"] if given.threads else []
        code = [sys.executable, "-W", "ignore", "-c", MAIN, *words, *more]
        subprocess.run(code, check=True, env=os.environ)
        shutil.copy(folder / "noise_curve.png", ROOT / "docs" / f"noise_curves_{name}.png")
        found[name] = {
            "command": f"eegdae {shlex.join(words)}",
            "seeds": list(range(given.seeds)),
            "versions": versions(),
            "git_commits": sorted({read_json(file)["git_commit"] for file in folder.glob("*/run.json")}),
            "settings": settings_of(folder),
            "answer": answer_of(folder),
        }
        OUT.write_text(json.dumps(found, indent=1) + "\n")
    PAGE.write_text(page(found))


def command_of(name: str, n_seeds: int) -> list[str]:
    """Words of the command of a set."""
    overrides, kinds = SETS[name]
    swept = [f"corruption={','.join(kinds)}", f"corruption.level={LEVELS}", f"seed=range(0,{n_seeds})"]
    return ["train", "-m", *overrides, *swept, "hydra/launcher=vectorized"]


def settings_of(folder: Path) -> list[dict[str, Any]]:
    """Figures of every setting of both metrics, with the spread over seeds."""
    table, runs = pd.read_csv(folder / "sweep.csv"), pd.read_csv(folder / "runs.csv", dtype={"folder": str})
    of_people = table["n_groups"].max() > 1
    units = {metric: units_of(folder, runs, metric) for metric in METRICS} if of_people else {}
    units = units or {"balanced_accuracy": units_of(folder, runs, None)}
    tested = {metric: compared(table) for metric, table in units.items()}
    found = []
    for record in table.to_dict("records"):
        row = {str(key): value for key, value in record.items()}
        setting, metric = (row["kind"], row["corruption.level"]), row["metric"]
        own = runs[(runs["kind"] == setting[0]) & (runs["corruption.level"] == setting[1])]
        spread = float(own[f"codes.{metric}.mean"].std()) if len(own) > 1 else None
        # of people the intervals are those of the sweep's report
        told = {"p_family": None} | tested.get(metric, {}).get(setting, {})
        row |= {key: value for key, value in told.items() if key == "p_family" or not of_people}
        figures = {key: None if pd.isna(row[key]) else float(f"{row[key]:.4g}") for key in FIGURES}
        who = {"metric": metric, "kind": setting[0], "level": setting[1]}
        more = {"n_runs": row["n_runs"], "sd_over_seeds": spread and round(spread, 4), "best": row["best"]}
        found.append({**who, **figures, **more})
    return found


def units_of(folder: Path, runs: pd.DataFrame, metric: str | None) -> pd.DataFrame:
    """Figures of each unit (row) under each setting (column), averaged over seeds.

    A unit is a person; without a metric it is a test row, and the figure whether it was told rightly.
    """
    figures: dict[tuple[str, float], list[pd.Series]] = {}
    for run in runs.to_dict("records"):
        place = folder / run["folder"]
        if metric:
            groups = pd.read_csv(place / "group_metrics.csv", dtype={"group": str}, keep_default_na=False)
            one = groups[groups["representation"] == "codes"].set_index("group")[metric].astype(float)
        else:
            table = pd.concat([pd.read_csv(file) for file in place.glob("folds/*/predictions.csv")])
            table = table.set_index("row").sort_index()
            own = table[[name for name in table if str(name).startswith("codes|")]]
            one = pd.Series(own.to_numpy().argmax(1) == table["target"], table.index, float)
        figures.setdefault((str(run["kind"]), float(run["corruption.level"])), []).append(one)
    return pd.DataFrame({setting: pd.concat(each, axis=1).mean(axis=1) for setting, each in figures.items()})


def compared(units: pd.DataFrame) -> dict[tuple[str, float], dict[str, float]]:
    """Difference to level 0 of each setting: mean, interval by 2000 resamples, p of the largest of all."""
    settings: list[tuple[str, float]] = list(units)  # type: ignore[arg-type]
    noisy = [setting for setting in settings if setting[1] > 0]
    clean = [(kind, 0.0) for kind, _ in noisy]
    difference = units[noisy].to_numpy() - units[clean].to_numpy()
    difference = difference[~np.isnan(difference).any(axis=1)]
    drawn = np.random.default_rng(0).integers(len(difference), size=(2000, len(difference)))
    low, high = np.quantile([difference[rows].mean(0) for rows in drawn], [0.025, 0.975], axis=0)
    n_flips: Any = "all" if len(difference) < 14 else 10_000
    p = permutation_t_test(difference, n_permutations=n_flips, rng=0, verbose="error")[1]
    names = ("difference", "difference_low", "difference_high", "p_family")
    each = zip(noisy, difference.mean(0), low, high, p, strict=True)
    return {setting: dict(zip(names, map(float, row), strict=True)) for setting, *row in each}


def answer_of(folder: Path) -> list[dict[str, Any]]:
    """What the sweep's report answers, of the balanced accuracy."""
    table = pd.read_csv(folder / "answer.csv")
    rows = table[table["metric"] == "balanced_accuracy"].to_dict("records")
    return [{str(key): None if pd.isna(value) else value for key, value in row.items()} for row in rows]


def page(found: dict[str, Any]) -> str:
    """Lay the tables out."""
    parts = [f"# Noise curves\n\n{ABOUT}"]
    for name, part in found.items():
        table = pd.DataFrame(part["settings"])
        parts.append(f"## {name}\n\n    {part['command']}\n\n![{name}](noise_curves_{name}.png)\n")
        parts.append("\n".join(_answer(part, table[table["metric"] == "balanced_accuracy"])) + "\n")
        for metric in ("balanced_accuracy", "roc_auc"):
            own = table[table["metric"] == metric]
            levels = sorted(own["level"].unique())
            header = [metric.replace("_", " "), *(f"{level:g}" for level in levels), "best against level 0"]
            lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
            for kind in own["kind"].unique():
                rows = own[own["kind"] == kind].set_index("level")
                cells = [f"{rows.loc[level, 'mean']:.3f}" for level in levels]
                lines.append("| " + " | ".join([kind, *cells, _against(rows)]) + " |")
            parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _answer(part: dict[str, Any], table: pd.DataFrame) -> list[str]:
    """Say which corruptions help, which hurt, and what choosing gives."""
    noisy = table[table["level"] > 0]
    said = []
    for word, sign in (("Better", 1), ("Worse", -1)):
        edge = noisy["difference_low"] if sign > 0 else -noisy["difference_high"]
        is_sure = (noisy["p_family"] < 0.05) & (sign * noisy["difference"] > 0)
        for how, rows in (("surely", noisy[is_sure]), ("perhaps", noisy[~is_sure & (edge > 0)])):
            names = "; ".join(
                f"{kind} {', '.join(f'{level:g}' for level in own['level'])}"
                for kind, own in rows.groupby("kind", sort=False)
            )
            said.append(f"- {word} than level 0, {how}: {names or 'none'}.")
    spread = table["sd_over_seeds"].median()
    said.append(f"- One seed for another moves a figure by {spread:.3f} (sd, median over settings).")
    for row in part["answer"]:
        if row["what"] == "choice repeated in each fold":
            text = f"- Chosen in each fold: {row['mean']:.3f}"
            if row["difference"] is not None:
                text += f", {row['difference']:+.3f} to level 0"
                if row["difference_low"] is not None:
                    text += f" [{row['difference_low']:+.3f}, {row['difference_high']:+.3f}]"
                if row["p_holm"] is not None:
                    text += f", p {row['p_holm']:.2g}"
            said.append(text + ".")
    return said


def _against(rows: pd.DataFrame) -> str:
    """Say how the best level of a kind stands to level 0."""
    noisy = rows[rows.index > 0]
    best = noisy.iloc[int(noisy["mean"].argmax())]
    text = f"{best['difference']:+.3f} at {best.name:g}"
    if pd.notna(best["difference_low"]):
        text += f" [{best['difference_low']:+.3f}, {best['difference_high']:+.3f}]"
    if pd.notna(best["p_family"]):
        text += f", p {best['p_family']:.2g}"
    return text


if __name__ == "__main__":
    main()
