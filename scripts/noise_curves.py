"""The noise curve of every corruption on four sets, five seeds: which one helps, by how much, how surely.

    python scripts/noise_curves.py [--only digits eegmat watch scp1] [--seeds 5]

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

import pandas as pd

from eegdae.run import git_commit, versions

ROOT = Path(__file__).parents[1]
OUT, PAGE = ROOT / "benchmarks" / "noise_curves.json", ROOT / "docs" / "noise_curves.md"
MAIN = "import sys; from eegdae.cli import main; sys.exit(main())"
ENTRIES = ("gaussian", "uniform", "multiplicative", "masking", "salt_and_pepper", "sample_swap")
OF_CHANNELS = ("channel_dropout", "node_dropout", "edge_dropout", "window_noise")
OF_SIGNALS = ("channel_dropout", "time_block", "frequency_band", "band_noise", "line_noise", "window_noise")
SETS = {
    "digits": (["experiment=digits"], ENTRIES),
    "eegmat": (["experiment=eegmat"], (*ENTRIES, *OF_CHANNELS)),
    "watch": (["experiment=watch"], (*ENTRIES, *OF_CHANNELS, "time_block", "frequency_band")),
    "scp1": (["experiment=scp1_raw"], (*ENTRIES, *OF_SIGNALS)),
}
LEVELS = "0,0.1,0.3,0.6,0.9"
"""One list for all kinds: shares end below 1, noise nearly as large as the signal."""


def main() -> None:
    """Run, read, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=ROOT / "multirun" / "noise_curves")
    given = parser.parse_args()
    found: dict[str, Any] = json.loads(OUT.read_text()) if OUT.exists() else {}
    for name in given.only:
        words = command_of(name, given.seeds)
        folder = given.folder / name
        print(f"eegdae {shlex.join(words)}", flush=True)
        more = ["sweep.resume=true", f"hydra.sweep.dir={folder}", "report=none"]
        code = [sys.executable, "-W", "ignore", "-c", MAIN, *words, *more]
        subprocess.run(code, check=True, env=os.environ)
        shutil.copy(folder / "noise_curve.png", ROOT / "docs" / f"noise_curves_{name}.png")
        found[name] = {
            "command": f"eegdae {shlex.join(words)}",
            "seeds": list(range(given.seeds)),
            "versions": versions(),
            "git_commit": git_commit(),
            "settings": settings_of(folder),
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
    found = []
    for row in table.to_dict("records"):
        own = runs[(runs["kind"] == row["kind"]) & (runs["corruption.level"] == row["corruption.level"])]
        spread = float(own[f"codes.{row['metric']}.mean"].std()) if len(own) > 1 else None
        kept = ("mean", "low", "high", "difference", "difference_low", "difference_high", "p", "p_holm")
        figures = {key: None if pd.isna(row[key]) else round(float(row[key]), 4) for key in kept}
        who = {"metric": row["metric"], "kind": row["kind"], "level": row["corruption.level"]}
        more = {"n_runs": row["n_runs"], "sd_over_seeds": spread and round(spread, 4), "best": row["best"]}
        found.append({**who, **figures, **more})
    return found


def page(found: dict[str, Any]) -> str:
    """Lay the tables out."""
    parts = [
        "# Noise curves\n",
        "Every corruption at five levels, five seeds, the folds of each experiment; made by\n"
        "`python scripts/noise_curves.py`. The unit of statistics is the person (where a set has five or\n"
        "more): figures of a person are averaged over seeds first. Differences are to level 0, paired, with\n"
        "their 95 % interval; p is Wilcoxon's, corrected by Holm over all settings of the set. Levels were\n"
        "not chosen on these figures, but which one is best is read off the same folds: the best of a row\n"
        "flatters itself.\n",
    ]
    for name, part in found.items():
        table = pd.DataFrame(part["settings"])
        parts.append(f"## {name}\n\n    {part['command']}\n\n![{name}](noise_curves_{name}.png)\n")
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
