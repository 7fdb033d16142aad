"""``eegdae train``: recordings -> windows -> features -> folds -> codes -> verdict -> report."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from eegdae.coder import CodeModel
from eegdae.evaluation.fitting import Fitted, fit_models
from eegdae.evaluation.judge import fit_head, judge_fold, reconstruct
from eegdae.evaluation.metrics import METRICS, group_metrics, paired_table, summarize
from eegdae.evaluation.recipe import Data
from eegdae.evaluation.representations import encode, fit_lpp
from eegdae.evaluation.splits import Fold, audit_folds, group_labels, make_folds
from eegdae.ocular import OcularFilter
from eegdae.run import RunFolder, read_json
from eegdae.tangent_space import TangentSpace
from eegdae.tasks.corruption import ready_corruption
from eegdae.tasks.logger import check_logger, open_logger
from eegdae.tasks.ocular import final_correction, keep_ocular
from eegdae.tasks.prepare import before_folds, counted, load_windows, make_data
from eegdae.tasks.ranks import open_run
from eegdae.tasks.reconstructions import keep_reconstructions, reconstruction_lines
from eegdae.tasks.report_file import keep_report, write_report
from eegdae.tasks.settings import Settings, read_settings
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
    with (
        open_run(folder, config, hardware, resume=bool(config["resume"])) as run,
        open_logger(run) as logger,
    ):
        if run.is_done:
            log.info(f"{folder}: done already, nothing to go on with")
            if settings.report == "all" and not run.exists("report.html"):
                write_report(run)
                log.info(f"report: {folder / 'report.html'}")
            return read_json(folder / "metrics.json")
        if settings.threads or hardware.devices > 1:
            torch.set_num_threads(settings.threads or max(1, (os.cpu_count() or 1) // hardware.devices))
        recorded = load_windows(settings.data, settings.windows, config.get("prepare"))
        windows = before_folds(recorded, settings.recipe)
        data = make_data(windows, settings, recorded=recorded)
        settings = ready_corruption(settings, windows, data)
        folds = _folds(windows, settings, run)
        for number, fold in enumerate(folds):
            _do_fold(run, data, windows, fold, number, len(folds), settings)
            logger.fold(number)
        data, windows, ocular = final_correction(run, data, windows, settings.recipe, n_folds=len(folds))
        model, fitted = _final_model(run, data, recorded, settings, fold=len(folds), ocular=ocular)
        if rank(hardware):
            return {}  # what is left to do is the first process's
        if not folds:
            rows = np.arange(len(windows))
            keep_reconstructions(run, ".", reconstruct(data, rows, rows, fitted, settings.recipe, fold=0))
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


def _cell(figure: Mapping[str, float | None]) -> str:
    if figure["mean"] is None:
        return "-"
    if figure["low"] is None or figure["high"] is None:
        return f"{figure['mean']:.3f}"
    return f"{figure['mean']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _folds(windows: Windows, settings: Settings, run: RunFolder) -> list[Fold]:
    """Make the folds and leave their audit; no folds where nothing is labelled and there is one group."""
    by = settings.split.get("by", "subject")
    labelled = windows.metadata["target"].to_numpy() >= 0
    if not labelled.any():
        if len(set(group_labels(windows.metadata, by))) < 2:
            run.write_json("split_audit.json", {"by": by, "folds": []})
            log.info(f"split: one group by {by}, so nothing is held out")
            return []
        labelled[:] = True  # no classes: what is judged is reconstruction, of all rows
    folds = make_folds(windows.metadata[labelled], **settings.split)
    rows = np.flatnonzero(labelled)
    # windows that a calibration used are trained on, and never judged
    how = settings.recipe.alignment
    used = np.flatnonzero(how.calibration(how.groups(windows.metadata)))
    folds = [Fold(rows[fold.train], np.setdiff1d(rows[fold.test], used), fold.test_groups) for fold in folds]
    audit = audit_folds(windows.metadata, folds, by=by)
    run.write_json("split_audit.json", {"by": by, "folds": audit})
    log.info(f"split: {counted(len(folds), 'fold')} by {by}, nothing shared")
    return folds


def _do_fold(
    run: RunFolder, data: Data, windows: Windows, fold: Fold, number: int, n_folds: int, settings: Settings
) -> None:
    name = f"folds/{number}"
    if run.exists(f"{name}/predictions.csv"):
        return
    verdict = judge_fold(data, fold, number, settings.recipe, checkpoints=run)
    table = windows.metadata.iloc[fold.test].reset_index(drop=True)
    table.insert(0, "row", fold.test)
    table.insert(1, "group", unit_of(windows.metadata)[fold.test])
    names = [f"{representation}|{label}" for representation in verdict.proba for label in windows.classes]
    proba = pd.DataFrame(np.hstack([np.empty((len(table), 0)), *verdict.proba.values()]), columns=names)
    table = pd.concat([table, proba], axis=1)
    run.write_npz(f"{name}/codes.npz", codes=verdict.codes, rows=fold.test, train_rows=fold.train)
    run.write_csv(f"{name}/history.csv", pd.DataFrame(verdict.history))
    run.write_json(f"{name}/heads.json", {"C": verdict.penalties, "validation": verdict.validation})
    keep_ocular(run, name, verdict.ocular)
    if verdict.committee:
        run.write_json(f"{name}/committee.json", verdict.committee.summary())
    keep_subspaces(run, name, verdict.projections, settings)
    keep_reconstructions(run, name, verdict.reconstructions)
    run.write_csv(f"{name}/predictions.csv", table)
    tested = [re.sub("/+", "/", group).strip("/") or "all" for group in fold.test_groups]
    groups = ", ".join(tested[:4]) + (" ..." if len(tested) > 4 else "")
    if data.n_classes:
        right = float(np.mean(verdict.proba["codes"].argmax(1) == data.target[fold.test]))
        said = f"{right:.3f} of {len(fold.test)} windows right"
    else:
        said = f"{len(fold.test)} windows brought back"
    log.info(f"fold {number + 1}/{n_folds}: tested {groups}: {said}")


def keep_subspaces(
    run: RunFolder, name: str, projections: Mapping[str, TangentSpace], settings: Settings
) -> dict[str, dict[str, dict[str, int]]]:
    """Write rank and dimensions of every view that is projected, band by band, into a folder of the run."""
    found = {
        view.name: {
            entry: {"rank": rank, "n_components": n}
            for entry, rank, n in zip(
                view.entries, projections[view.name].ranks, projections[view.name].n_components, strict=True
            )
        }
        for view in settings.recipe.views
        if view.name in projections
    }
    if found:
        run.write_json(f"{name}/subspaces.json", found)
    return found


def unit_of(metadata: pd.DataFrame) -> np.ndarray[Any, np.dtype[Any]]:
    """Name the unit of statistics of every row: the subject, else, for one subject, the whole set."""
    return group_labels(metadata, "subject")


def _final_model(
    run: RunFolder,
    data: Data,
    windows: Windows,
    settings: Settings,
    *,
    fold: int,
    ocular: OcularFilter | None = None,
) -> tuple[CodeModel, Fitted]:
    """Fit the model that the run leaves, on all rows, and its head on all labelled ones."""
    recipe = settings.recipe
    rows = np.arange(len(windows))
    fitted = fit_models(data, rows, recipe, fold=fold, compare=False, checkpoints=run)
    model = CodeModel(
        views=recipe.views,
        scalers=fitted.scalers,
        stacks=fitted.stacks["codes"],
        sfreq=windows.sfreq,
        n_times=windows.n_times,
        ch_names=windows.ch_names,
        units=windows.units,
        reference=windows.reference,
        laplacian=windows.laplacian,
        image_shape=windows.image_shape,
        classes=windows.classes,
        alignment=recipe.alignment,
        corruption=type(recipe.corruption).__name__,
        projections=fitted.projections,
        ocular=ocular,
    )
    for view, bands in keep_subspaces(run, ".", fitted.projections, settings).items():
        told = ", ".join(f"{band} {n['n_components']} (rank {n['rank']})" for band, n in bands.items())
        log.info(f"{view}: dimensions kept of {model.n_chans}: {told}")
    scaled = model.scaled(windows)
    codes = encode(model.stacks, scaled)
    labelled = np.flatnonzero(data.target >= 0)
    if len(labelled):
        head, losses, _ = fit_head(
            codes[labelled], data, labelled, recipe, fold=fold, name="codes", checkpoints=run
        )
        model = CodeModel(**{**vars(model), "head": head})
        fitted.history.extend(losses)
    if recipe.lpp:
        lpp = fit_lpp(data, rows, recipe, codes, torch.cat(list(scaled.values()), 1), recipe.lpp)
        run.write_npz("lpp.npz", **vars(lpp), codes=lpp.transform(codes), in_sample=np.array(True))
    run.write_npz("codes.npz", codes=codes, rows=rows, in_sample=np.array(True))
    run.write_csv("metadata.csv", windows.metadata)
    run.write_tensors("model.ckpt", {"model": model.state()})
    return model, fitted


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
