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
from scipy.stats import wilcoxon

from eegdae.evaluation.multiplicity import holm
from eegdae.run import git_commit, versions

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
by `python scripts/noise_curves.py`. The unit of statistics is the person: figures of a person are averaged
over seeds first. `digits` has no people; there it is the image, and the difference that of the share of
images told rightly. Differences are to level 0, paired, with their 95 % interval; p is Wilcoxon's, corrected
by Holm over all settings of the set. *Surely* means that the corrected p is below .05, *perhaps* that the
interval, which is not corrected, leaves 0 out.

The levels were not chosen on these figures, but the best level of a row is, so that it flatters itself;
*chosen in each fold* is what sweeping and then choosing by validation gives on rows that had no say in the
choice.
"""
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
            "git_commit": git_commit(),
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
    table, runs = pd.read_csv(folder / "sweep.csv"), pd.read_csv(folder / "runs.csv")
    of_images = over_images(folder) if table["n_groups"].max() == 1 else {}
    found = []
    for record in table.to_dict("records"):
        row = {str(key): value for key, value in record.items()}
        own = runs[(runs["kind"] == row["kind"]) & (runs["corruption.level"] == row["corruption.level"])]
        spread = float(own[f"codes.{row['metric']}.mean"].std()) if len(own) > 1 else None
        if row["metric"] == "balanced_accuracy" and of_images:
            row |= of_images[row["kind"], row["corruption.level"]]
        kept = ("mean", "low", "high", "difference", "difference_low", "difference_high", "p", "p_holm")
        figures = {key: None if pd.isna(row[key]) else float(f"{row[key]:.4g}") for key in kept}
        who = {"metric": row["metric"], "kind": row["kind"], "level": row["corruption.level"]}
        more = {"n_runs": row["n_runs"], "sd_over_seeds": spread and round(spread, 4), "best": row["best"]}
        found.append({**who, **figures, **more})
    return found


def answer_of(folder: Path) -> list[dict[str, Any]]:
    """What the sweep's report answers, of the balanced accuracy."""
    table = pd.read_csv(folder / "answer.csv")
    rows = table[table["metric"] == "balanced_accuracy"].to_dict("records")
    return [{str(key): None if pd.isna(value) else value for key, value in row.items()} for row in rows]


def over_images(folder: Path) -> dict[tuple[str, float], dict[str, float]]:
    """Difference to level 0 of each setting where test rows are independent: mean, interval and p.

    The unit is an image: whether it is told rightly, averaged over seeds; interval by 2000 resamples.
    """
    right: dict[tuple[str, float], list[pd.Series]] = {}
    runs = pd.read_csv(folder / "runs.csv", dtype={"folder": str})
    for run in runs.to_dict("records"):
        parts = [pd.read_csv(file) for file in (folder / run["folder"]).glob("folds/*/predictions.csv")]
        table = pd.concat(parts).set_index("row").sort_index()
        guess = table[[name for name in table if str(name).startswith("codes|")]].to_numpy().argmax(1)
        setting = str(run["kind"]), float(run["corruption.level"])
        right.setdefault(setting, []).append(pd.Series(guess == table["target"], table.index, float))
    share = {setting: pd.concat(each, axis=1).mean(axis=1).to_numpy() for setting, each in right.items()}
    rng = np.random.default_rng(0)
    found = {}
    for (kind, level), value in share.items():
        difference = value - share[kind, 0.0]
        drawn = rng.integers(len(difference), size=(2000, len(difference)))
        low, high = np.quantile(difference[drawn].mean(1), [0.025, 0.975])
        found[kind, level] = {"difference": float(difference.mean()), "difference_low": low}
        found[kind, level] |= {"difference_high": high}
        if level > 0:
            found[kind, level]["p"] = float(wilcoxon(difference).pvalue)
    tested = [figures for figures in found.values() if "p" in figures]
    for figures, p in zip(tested, holm([figures["p"] for figures in tested]), strict=True):
        figures["p_holm"] = p
    return found


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
        outside = noisy[edge > 0]
        surely = outside[outside["p_holm"] < 0.05] if outside["p_holm"].notna().any() else outside[:0]
        for how, rows in (("surely", surely), ("perhaps", outside.drop(surely.index))):
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
    if pd.notna(best["p_holm"]):
        text += f", p {best['p_holm']:.2g}"
    return text


if __name__ == "__main__":
    main()
