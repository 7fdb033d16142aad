"""Write README's tables from ``benchmarks/*.json``: nothing in them is typed by hand.

python scripts/readme_tables.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
COLUMNS = ("codes", "finetuned", "raw", "pca", "pca_joint", "random_encoder", "autoencoder", "supervised")
NOTES = {
    "eegmat": "no alignment; setting chosen in each fold among the people trained on",
    "eegmat, aligned": "transductive, each person's features z-scored over that person's unlabelled windows; "
    "setting chosen in each fold among the people trained on",
    "eegmat, as shipped": "no alignment; the setting most often chosen above, by these same people",
    "eegmat, as shipped, aligned": "transductive; the same setting",
    "scp1_raw": "official split; setting chosen by cross-validation on the training trials; third attempt",
    "scp1_raw, first attempt": "official split; linear codes of what is slower than 10 Hz",
    "scp1_raw, second attempt": "official split; setting taken by hand, not by a rule",
}


def experiments_table(results: dict[str, Any]) -> str:
    """Lay out one row an experiment and metric: the codes beside every baseline, mean over seeds."""
    head = ["experiment", "figure", *(name.replace("_", " ") for name in COLUMNS)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, result in results.items():
        for metric in ("balanced_accuracy", "roc_auc"):
            cells = [_cell(result["metrics"].get(column, {}).get(metric)) for column in COLUMNS]
            lines.append(f"| {name} | {metric.replace('_', ' ')} | " + " | ".join(cells) + " |")
    notes = [
        f"{name}: seeds {', '.join(map(str, result['seeds']))}"
        + (f"; {NOTES[name]}" if name in NOTES else "")
        for name, result in results.items()
    ]
    traps = [
        f"{name}: ROC-AUC of {trap.replace('_', ' ')}, one number: {_cell(r['metrics'][trap]['roc_auc'])}"
        for name, r in results.items()
        for trap in ("eigenvalue_ratio", "deviation")
        if trap in r["metrics"]
    ]
    equal = [
        f"{name}: deviation where each person has as many windows of rest as of arithmetic: "
        f"{r['deviation_with_equal_shares']['mean']:.3f}"
        for name, r in results.items()
        if "deviation_with_equal_shares" in r
    ]
    return "\n".join([*lines, "", *(f"- {note}." for note in [*notes, *traps, *equal])])


def training_table(result: dict[str, Any]) -> str:
    """Lay out one row a layer: time relative to a hand-written loop and to plain Lightning."""
    lines = [
        "| layer | eegdae / hand-written loop | eegdae / Lightning, default DataLoader |",
        "|---|---|---|",
    ]
    for layer in result["layers"]:
        hand, plain = layer["eegdae_over_hand"], layer["eegdae_over_lightning"]
        lines.append(f"| {layer['layer'].replace('->', '→')} | {_ratio(hand)} | {_ratio(plain)} |")
    return "\n".join(lines)


def _read(name: str) -> dict[str, Any]:
    """Read what a benchmark left; the file is written after each of its parts."""
    found: dict[str, Any] = json.loads((ROOT / f"benchmarks/{name}.json").read_text())
    return found


def fill(text: str) -> str:
    """Put both tables between their markers."""
    tables = {
        "experiments": experiments_table({**_read("eegmat"), **_read("experiments")}),
        "training": training_table(_read("training")),
    }
    for name, table in tables.items():
        before, start, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        text = f"{before}{start}{table}\n{end}{after}"
    return text


def _cell(figure: dict[str, Any] | None) -> str:
    if not figure or figure["mean"] is None:
        return ""
    sd = figure.get("sd_over_seeds")
    return f"{figure['mean']:.3f}" + (f" ± {sd:.3f}" if sd and sd >= 0.0005 else "")


def _ratio(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.2f} ({ratio['min']:.2f} to {ratio['max']:.2f})"


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(fill(readme.read_text()))
