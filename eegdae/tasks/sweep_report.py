"""``eegdae sweep-report DIR``: the settings of a sweep side by side, as table, curve and page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from eegdae.errors import EegdaeError
from eegdae.evaluation.metrics import METRICS, MIN_GROUPS
from eegdae.evaluation.sweep import LEVEL, flat_config, level_curve, setting_table, swept_keys
from eegdae.reporting import sweep_page
from eegdae.reporting.names import metric_name
from eegdae.reporting.tables import cell, interval
from eegdae.run import FORMAT, read_config, read_json, replace_file
from eegdae.tasks.settings import read_alignment

CAUTION = (
    "The best setting was chosen on the same folds that its figure comes from: that figure is flattering."
)

# a figure may be missing; a person may be called NA or have no name
_NAN = {metric: [""] for metric in METRICS}


@dataclass(frozen=True, eq=False)
class Run:
    """One finished run of a sweep: where, its configuration, and the figures of its groups."""

    path: Path
    config: dict[str, Any]
    groups: pd.DataFrame


def sweep_report(folder: Path) -> int:
    """Compare the runs below a folder: writes ``sweep.csv``, ``noise_curve.png`` and ``sweep.html`` into it.

    Parameters
    ----------
    folder : Path
        Of a multirun; runs may lie at any depth.

    Returns
    -------
    int
        0.

    Raises
    ------
    EegdaeError
        If there is no run or none that finished, runs are of another format, or the folder cannot be written.
    """
    runs, configs, left_out = _read_runs(folder)
    flat = [flat_config(config) for config in configs]
    keys = swept_keys(flat)
    tables = {metric: setting_table(_figures(runs, keys, metric), keys) for metric in METRICS}
    first = METRICS[0]
    # one column holds the figures of all: what some owe to test windows is said of it
    told = sorted({read_alignment(run.config.get("alignment", "none")).note for run in runs} - {""})
    transductive = told[0] if len(told) == 1 else "transductive" if told else ""
    html, figures = sweep_page(
        tables[first].drop(columns=["kind", "n_groups", "p", "against"]),
        curve=level_curve(tables[first], keys),
        metric=first,
        title=f"Sweep: {len(runs)} runs, {len(tables[first])} settings",
        notes=[*_notes(tables, keys), *left_out],
        transductive=transductive,
    )
    files = {
        "sweep.csv": _csv(tables).encode(),
        **figures,
        "sweep.html": html.encode(),
    }
    for name, data in files.items():
        try:
            replace_file(folder / name, data)
        except OSError as error:
            raise EegdaeError(f"sweep-report {folder}: cannot write {name}: {error.strerror}") from error
    lines = [*_screen(tables, keys, transductive=transductive), *_notes(tables, keys), *left_out]
    if len(tables[first]) > 1:
        lines.append(CAUTION)
    print("\n".join([*lines, *(str(folder / name) for name in files)]))
    return 0


def _read_runs(folder: Path) -> tuple[list[Run], list[dict[str, Any]], list[str]]:
    """Read finished runs, the configurations of all that began, and why runs are left out."""
    if not folder.is_dir():
        raise EegdaeError(f"sweep-report {folder}: no such folder; give the folder of a multirun")
    places = {path.parent for name in ("run.json", ".hydra") for path in folder.rglob(name)}
    runs, configs, left_out = [], [], []
    for place in sorted(places, key=_natural):
        if not (place / "run.json").exists():
            left_out.append(f"Left out: {place.relative_to(folder)}: {_last_words(place)}.")
            continue
        state = read_json(place / "run.json")
        if state.get("format") != FORMAT:
            raise EegdaeError(
                f"{place / 'run.json'}: format {state.get('format')}; this version compares runs of {FORMAT}"
            )
        config = read_config(place)
        configs.append(config)
        status, error = state.get("status"), " ".join(str(state.get("error") or "").split())
        if status != "done":
            left_out.append(f"Left out: {place.relative_to(folder)}: {status}{': ' if error else ''}{error}.")
        elif not read_json(place / "metrics.json"):
            left_out.append(f"Left out: {place.relative_to(folder)}: no labels, nothing was judged.")
        else:
            runs.append(Run(place, config, _groups(place / "group_metrics.csv")))
    if not places:
        raise EegdaeError(f"sweep-report {folder}: no run in it or below it; give the folder of a multirun")
    if not runs:
        raise EegdaeError(f"sweep-report {folder}: none of its {len(places)} runs has figures; {left_out[0]}")
    return runs, configs, left_out


def _last_words(place: Path) -> str:
    """Say why a job left no run: what its log ends with."""
    logs = [log.read_text(encoding="utf-8", errors="replace").strip() for log in sorted(place.glob("*.log"))]
    lines = [text.splitlines()[-1] for text in logs if text]
    return lines[-1] if lines else "stopped before the run began"


def _groups(file: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(
            file, dtype={"representation": str, "group": str}, keep_default_na=False, na_values=_NAN
        )[["representation", "group", *METRICS]]
        table = table.astype(dict.fromkeys(METRICS, float))
    except (OSError, ValueError, KeyError) as error:
        raise EegdaeError(f"{file}: missing or damaged: {' '.join(str(error).split())}") from error
    if not {"codes", "autoencoder"} <= set(table["representation"]):
        raise EegdaeError(f"{file}: damaged: has no figures of codes and autoencoder")
    if table.duplicated(["representation", "group"]).any():
        raise EegdaeError(f"{file}: damaged: has two rows of one representation and group")
    return table


def _figures(runs: Sequence[Run], keys: Sequence[str], metric: str) -> pd.DataFrame:
    """Gather one metric of all runs: a row a run and group."""
    rows = []
    for number, run in enumerate(runs):
        config = flat_config(run.config)
        kind = str(config.get("corruption._target_", "")).rpartition(".")[2].lower()
        setting = {key: config.get(key) for key in dict.fromkeys([*keys, LEVEL])}
        wide = run.groups.pivot(index="group", columns="representation", values=metric)
        wide = wide.reindex(run.groups["group"].unique())
        for group, value, reference in zip(wide.index, wide["codes"], wide["autoencoder"], strict=True):
            figure = {"value": value, "reference": reference}
            rows.append({**setting, "kind": kind, "run": number, "group": group, **figure})
    return pd.DataFrame(rows)


def _csv(tables: Mapping[str, pd.DataFrame]) -> str:
    """Put the tables of all metrics below one another."""
    parts = []
    for metric, table in tables.items():
        part = table.copy()
        part.insert(0, "metric", metric)
        part["best"] = part["mean"] == part["mean"].max()
        parts.append(part)
    return pd.concat(parts, ignore_index=True).to_csv(index=False)


def _notes(tables: Mapping[str, pd.DataFrame], keys: Sequence[str]) -> list[str]:
    first = METRICS[0]
    table = tables[first]
    notes = [
        "Figures of a group (a person) are averaged over the runs of a setting first; intervals and tests "
        "are over groups. ROC-AUC by setting is in sweep.csv.",
    ]
    if table["n_groups"].min() < MIN_GROUPS:
        notes.append(
            f"Intervals and tests need {MIN_GROUPS} groups; where there are fewer, they are missing."
        )
    if (table["against"] == "own autoencoder").any():
        notes.append(
            "Where no run of the sweep stands at level 0, the difference is to each run's own autoencoder: "
            "the same network trained at level 0."
        )
    tested = table[table["p"].notna()]
    if len(tested):
        each = "; ".join(f"{_setting(row, keys)}: {row['p']:.3g}" for row in tested.to_dict("records"))
        notes.append(f"Wilcoxon signed-rank test of the difference to level 0, two-sided p: {each}.")
    return notes


def _setting(row: Mapping[Any, Any], keys: Sequence[str]) -> str:
    return " ".join(f"{key}={cell(row[key])}" for key in keys)


def _screen(tables: Mapping[str, pd.DataFrame], keys: Sequence[str], *, transductive: str) -> list[str]:
    """Lay the settings out as lines of text."""
    names = [metric_name(metric, transductive=transductive) for metric in tables]
    lines = [[*keys, "runs", *names, f"{names[0]} - level 0", ""]]
    first = tables[METRICS[0]]
    for number, row in enumerate(first.to_dict("records")):
        figures = [interval(_three(table.iloc[number], "mean", "low", "high")) for table in tables.values()]
        difference = interval(
            _three(first.iloc[number], "difference", "difference_low", "difference_high"), signed=True
        )
        best = "best" if row["mean"] == first["mean"].max() and len(first) > 1 else ""
        lines.append([*(cell(row[key]) for key in keys), cell(row["n_runs"]), *figures, difference, best])
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def _three(row: pd.Series[Any], *columns: str) -> dict[str, float | None]:
    numbers = [float(row[column]) for column in columns]
    return dict(zip(("mean", "low", "high"), (None if n != n else n for n in numbers), strict=True))


def _natural(path: Path) -> list[tuple[bool, int, str]]:
    """Sort key under which job 2 comes before job 10."""
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in path.parts]
