"""``eegdae train``: recordings -> windows -> features -> folds -> codes -> verdict -> report."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from eegdae.evaluation.fitting import Fitted, fit_models
from eegdae.evaluation.judge import judge_fold, reconstruct
from eegdae.evaluation.metrics import METRICS, group_metrics, paired_table, summarize
from eegdae.run import RunFolder, read_json
from eegdae.tasks.corruption import ready_corruption
from eegdae.tasks.final import keep_final_model
from eegdae.tasks.folds import has_fold, keep_fold
from eegdae.tasks.logger import check_logger, open_logger
from eegdae.tasks.ocular import final_correction, keep_ocular
from eegdae.tasks.ranks import open_run
from eegdae.tasks.reconstructions import keep_reconstructions, reconstruction_lines
from eegdae.tasks.report_file import keep_report, write_report
from eegdae.tasks.settings import read_settings
from eegdae.tasks.work import AHEAD, make_work
from eegdae.training.hardware import rank
from eegdae.windows import Windows

log = logging.getLogger("eegdae")


def train(
    config: Mapping[str, Any],
    folder: Path,
    *,
    in_sweep: bool = False,
    open_run: Callable[..., RunFolder] = open_run,
) -> dict[str, Any]:
    """Do a whole training run in its folder.

    Parameters
    ----------
    config : mapping
        Composed configuration, plain Python.
    folder : Path
        Where everything goes.
    in_sweep : bool
        Whether it is one job of several: then ``report=best`` waits for the best of them.
    open_run : callable
        ``open_run(folder, config, hardware, resume=)`` gives the run folder.

    Returns
    -------
    dict
        What ``metrics.json`` holds.

    Raises
    ------
    EegdaeError
        What the user can mend; ``run.json`` then says ``failed``.
    """
    settings = read_settings(config)
    check_logger(config)
    hardware = settings.recipe.schedule.hardware
    ahead = AHEAD.pop(folder.resolve(), None)
    goes_on = bool(config["resume"]) or bool(ahead and ahead.has_begun)
    with (
        open_run(folder, config, hardware, resume=goes_on) as run,
        open_logger(run) as logger,
    ):
        if run.is_done:
            log.info(f"{folder}: done already, nothing to go on with")
            if settings.report == "all" and not run.exists("report.html"):
                write_report(run)
                log.info(f"report: {folder / 'report.html'}")
            return read_json(folder / "metrics.json")
        if ahead and ahead.error:
            raise ahead.error
        if settings.threads or hardware.devices > 1:
            torch.set_num_threads(settings.threads or max(1, (os.cpu_count() or 1) // hardware.devices))
        work = ahead.work if ahead and ahead.work else make_work(settings, config)
        work.keep_audit(run)
        settings = ready_corruption(settings, work.windows, work.data)
        recipe, folds = settings.recipe, work.folds
        for number, fold in enumerate(folds):
            if not has_fold(run, number):
                keep_fold(
                    run, work, settings, number, judge_fold(work.data, fold, number, recipe, checkpoints=run)
                )
            logger.fold(number)
        data, windows, ocular = final_correction(work.data, work.windows, recipe, n_folds=len(folds))
        keep_ocular(run, ".", ocular)
        rows = np.arange(len(windows))
        fitted = fit_models(data, rows, recipe, fold=len(folds), compare=False, checkpoints=run)
        model = keep_final_model(run, data, work.recorded, settings, fitted, fold=len(folds), ocular=ocular)
        if rank(hardware):
            return {}  # what is left to do is the first process's
        if not folds:
            keep_reconstructions(run, ".", reconstruct(data, rows, rows, fitted, recipe, fold=0))
        history = _gather_history(run, len(folds), fitted)
        table = _judge(run, windows, len(folds) if data.n_classes else 0)
        metrics = summarize(table) if len(table) else {}
        if metrics:
            run.write_json("validation.json", _validation(run.path, len(folds)))
        run.write_json("metrics.json", metrics)
        has_report = settings.report == "all" or (settings.report == "best" and not in_sweep)
        if has_report:
            keep_report(run, settings, windows, data, model, metrics, history)
        if metrics:
            lines = metrics_lines(metrics, transductive=settings.recipe.alignment.note)
        else:
            lines = reconstruction_lines(run.path, [view.name for view in settings.recipe.views], len(folds))
        for line in lines:
            log.info(line)
        logger.done(metrics)
        run.finish(metrics)
        log.info(f"run:    {folder}")
        if has_report:
            log.info(f"report: {folder / 'report.html'}")
    return metrics


def metrics_lines(metrics: Mapping[str, Any], *, transductive: str = "") -> list[str]:
    """Lay the table of representations out as lines of text, the best figure first.

    Parameters
    ----------
    metrics : mapping
        As in ``metrics.json``.
    transductive : str
        What all figures owe to unlabelled test windows; empty = nothing.

    Returns
    -------
    list of str
        A header and a line a representation; those that alone are transductive say so.
    """
    if not metrics:
        return ["no labels: codes were trained, nothing was judged"]
    note = f" ({transductive})" if transductive else ""
    names = {name: f"{name} (transductive)" if name.startswith("adapted") else name for name in metrics}
    first, wide = max(18, *(len(name) + 1 for name in names.values())), max(36, len(note) + 19)
    lines = [
        f"{'representation':<{first}}"
        + "".join(f"{metric.replace('_', ' ') + note:>{wide}}" for metric in METRICS)
    ]
    for name, figures in sorted(metrics.items(), key=lambda item: -(item[1][METRICS[0]]["mean"] or 0)):
        cells = [_cell(figures[metric]) for metric in METRICS]
        lines.append(f"{names[name]:<{first}}" + "".join(f"{cell:>{wide}}" for cell in cells))
    return lines


def in_short(metrics: Mapping[str, Any]) -> str:
    """Say how well the codes of a run did, in a few words.

    Parameters
    ----------
    metrics : mapping
        As in ``metrics.json``.

    Returns
    -------
    str
        Of every metric mean and interval.
    """
    if not metrics:
        return "no labels, judged by reconstruction"
    return ", ".join(f"{metric.replace('_', ' ')} {_cell(metrics['codes'][metric])}" for metric in METRICS)


def _cell(figure: Mapping[str, float | None]) -> str:
    if figure["mean"] is None:
        return "-"
    if figure["low"] is None or figure["high"] is None:
        return f"{figure['mean']:.3f}"
    return f"{figure['mean']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _validation(folder: Path, n_folds: int) -> dict[str, float | None]:
    """Mean over the folds of what the codes reached inside their training rows; None if one has none."""
    folds = [read_json(folder / f"folds/{k}/heads.json")["validation"] for k in range(n_folds)]
    each = {metric: [fold[metric] for fold in folds] for metric in METRICS}
    return {metric: None if None in values else float(np.mean(values)) for metric, values in each.items()}


def _gather_history(run: RunFolder, n_folds: int, fitted: Fitted) -> pd.DataFrame:
    """Put the folds' and the final model's losses into one table and keep it."""
    parts = [pd.read_csv(run.path / f"folds/{k}/history.csv") for k in range(n_folds)]
    final = pd.DataFrame(fitted.history)
    final["fold"] = "final"
    history = pd.concat([*parts, final], ignore_index=True)
    run.write_csv("history.csv", history)
    return history


def _predictions(place: Path) -> pd.DataFrame:
    """Read a fold's predictions; a person may have no name, or be called NA."""
    return pd.read_csv(place, dtype={"group": str}, keep_default_na=False)


def _judge(run: RunFolder, windows: Windows, n_folds: int) -> pd.DataFrame:
    """Figures of every group from what the folds left, and nothing else."""
    if n_folds == 0:
        return pd.DataFrame()
    places = [run.path / f"folds/{k}/predictions.csv" for k in range(n_folds)]
    table = pd.concat([_predictions(place) for place in places], ignore_index=True)
    columns = [column for column in table.columns if "|" in column]
    names = dict.fromkeys(column.partition("|")[0] for column in columns)
    proba = {name: table[[f"{name}|{label}" for label in windows.classes]].to_numpy() for name in names}
    groups = group_metrics(table["target"].to_numpy(np.int64), proba, table["group"].to_numpy(dtype=object))
    run.write_csv("group_metrics.csv", groups)
    run.write_csv("paired.csv", paired_table(groups))
    return groups
