"""``eegdae sweep-report DIR``: what a sweep found, as tables, figures, a page and a few lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from eegdae.errors import EegdaeError
from eegdae.evaluation.metrics import METRICS
from eegdae.evaluation.sweep import SNR, curve_key, level_curve, swept_keys
from eegdae.evaluation.sweep_errors import error_curve
from eegdae.reporting import sweep_page
from eegdae.reporting.sweep_data import SweepData
from eegdae.reporting.tables import setting_key
from eegdae.run import replace_file
from eegdae.tasks.sweep.findings import Findings, find
from eegdae.tasks.sweep.runs import Run, left_out_lines, read_runs
from eegdae.tasks.sweep.screen import answer_table, baselines_table, screen_lines
from eegdae.tasks.sweep.search import SearchRecord, read_search
from eegdae.tasks.sweep.tables import answer_csv, csv_bytes, parquet_bytes, runs_table, settings_csv


def sweep_report(folder: Path) -> int:
    """Compare the runs below a folder.

    Writes into it: ``runs.csv`` and, with pyarrow, ``runs.parquet`` (a row a run), ``sweep.csv`` (a row a
    setting and metric), ``answer.csv`` (the best, and the choice repeated in each fold) or ``errors.csv`` (of
    runs without labels, a row a setting, view and way), ``sweep.html`` and its figures.

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
        If there is no run or none that has figures, all are of another format, or the folder cannot be
        written.
    """
    runs = read_runs(folder)
    left_out = left_out_lines(runs)
    counted = [run for run in runs if not run.problem]
    if not counted:
        raise EegdaeError(f"sweep-report {folder}: none of its {len(runs)} runs has figures; {left_out[0]}")
    search = None
    try:
        search = read_search(folder)
    except EegdaeError as error:
        left_out.append(f"Left out: {error}.")
    configs = [run.config for run in runs if run.config]
    keys = swept_keys(configs)
    found = find(counted, keys, search)
    title = _title(runs, counted, found)
    page = _page(found, title, left_out, search)
    html, figures = sweep_page(page)
    runs_of = runs_table(runs, keys)
    files: dict[str, bytes] = {"runs.csv": csv_bytes(runs_of)}
    parquet = parquet_bytes(runs_of)
    if parquet is not None:
        files["runs.parquet"] = parquet
    if found.tables:
        files["sweep.csv"] = settings_csv(found.tables, found.best)
    if found.answer:
        files["answer.csv"] = answer_csv(found.answer)
    if len(found.errors):
        files["errors.csv"] = csv_bytes(found.errors)
    files |= {**figures, "sweep.html": html.encode()}
    _write(folder, files)
    lines = screen_lines(found, title=title, left_out=left_out)
    if parquet is None:
        lines.append("No runs.parquet: pyarrow is not installed; pip install 'eegdae[tables]'.")
    others = ", ".join(name for name in files if name != "sweep.html")
    print("\n".join([*lines, f"page:  {folder / 'sweep.html'}", f"files: {others}, beside it"]))
    return 0


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        try:
            replace_file(folder / name, data)
        except OSError as error:
            raise EegdaeError(f"sweep-report {folder}: cannot write {name}: {error.strerror}") from error


def _title(runs: Sequence[Run], counted: Sequence[Run], found: Findings) -> str:
    judged = found.tables.get(METRICS[0], found.errors)
    n = len(judged.drop_duplicates(found.keys))
    plural = "s" if n > 1 else ""
    text = f"Sweep: {len(counted)} run{'s' if len(counted) > 1 else ''}, {n} setting{plural} of "
    text += ", ".join(map(setting_key, found.keys))
    return text + (f"; {len(runs) - len(counted)} left out" if len(counted) < len(runs) else "")


def _page(found: Findings, title: str, left_out: Sequence[str], search: SearchRecord | None) -> SweepData:
    table = found.tables.get(METRICS[0], pd.DataFrame())
    curve = level_curve(table, found.keys) if len(table) else pd.DataFrame()
    errors = error_curve(found.errors, found.keys) if len(found.errors) else pd.DataFrame()
    axis = next((curve_key(t, found.keys) for t in (table, found.errors) if len(t)), None)
    told = []
    if search is not None:
        states = ", ".join(f"{count} {state}" for state, count in sorted(search.states.items()))
        ways = ("less is better", "more is better")
        aims = "; ".join(
            f"{n} ({ways[up]})" for n, up in zip(search.objectives, search.maximize, strict=True)
        )
        told = [f"Search {search.study}: trials: {states}. Objectives: {aims}."]
    importance = found.importance
    return SweepData(
        title=title,
        metric=METRICS[0],
        keys=found.keys,
        table=table,
        best=found.best,
        answer=answer_table(found),
        baselines=baselines_table(found),
        cautions=found.cautions,
        notes=[*_notes(table, found), *found.notes],
        left_out=left_out,
        curve=curve,
        errors=found.errors,
        error_curve=errors,
        along="snr_db" if axis == SNR else "level",
        across=found.across,
        values=found.values,
        importance=pd.DataFrame() if importance is None else importance.table,
        importance_label="" if importance is None else importance.label,
        importance_note="" if importance is None else importance.note,
        search=told,
        transductive=found.transductive,
    )


def _notes(table: pd.DataFrame, found: Findings) -> list[str]:
    """Explain how figures came about."""
    notes = []
    if len(table):
        notes.append(
            "Figures of a group (a person) are averaged over the runs of a setting first; intervals and "
            "tests are over groups. ROC-AUC by setting is in sweep.csv, every representation of every run in "
            "runs.csv."
        )
        tested = int(table["p"].notna().sum())
        if tested:
            notes.append(
                "Tests: Wilcoxon signed-rank test of the difference to level 0, two-sided; p (Holm): "
                f"corrected over the {tested} settings tested."
            )
    if len(found.errors):
        notes.append(
            "Runs without labels are judged by reconstruction: errors are averaged over the runs of a "
            "setting fold by fold, intervals are over folds. No best setting is named: an error "
            "at another level is that of another task."
        )
    return notes
