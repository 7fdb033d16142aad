"""The report of a run as files: when the run ends, or of a finished run, from what it left."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from eegdae.coder import CodeModel
from eegdae.errors import EegdaeError
from eegdae.evaluation.recipe import Data
from eegdae.reporting import run_report
from eegdae.run import RunFolder, read_config, read_json, read_model
from eegdae.tasks.corruption import ready_corruption
from eegdae.tasks.ocular import final_correction, with_ocular_notes
from eegdae.tasks.report import report_data
from eegdae.tasks.settings import Settings, read_settings
from eegdae.tasks.work import make_work
from eegdae.windows import Windows


def keep_report(
    run: RunFolder,
    settings: Settings,
    windows: Windows,
    data: Data,
    model: CodeModel,
    metrics: Mapping[str, Any],
    history: pd.DataFrame,
) -> None:
    """Write ``report.html`` and its figures into a run folder.

    Parameters
    ----------
    run : RunFolder
        Of the run, everything else in it written.
    settings, windows, data, model, metrics, history
        As for `report_data`.
    """
    n_folds = len(read_json(run.path / "split_audit.json")["folds"])
    windows = with_ocular_notes(windows, run, n_folds)
    html, figures = run_report(
        report_data(run.config, settings, windows, data, model, metrics, history, run.path)
    )
    for name, png in figures.items():
        run.write_bytes(f"figures/{name}", png)
    run.write_text("report.html", html)


def write_report(run: RunFolder | Path) -> None:
    """Write the report of a finished run that has none; its recordings are read again.

    Parameters
    ----------
    run : RunFolder or Path
        Opened to go on with a run that is done, or its folder.

    Raises
    ------
    EegdaeError
        If the run is not done, or its recordings are no longer there.
    """
    if not isinstance(run, RunFolder):
        with RunFolder(run, read_config(run), resume=True) as opened:
            return write_report(opened)
    if not run.is_done:
        raise EegdaeError(f"{run.path}: the run is not done, so there is nothing to report yet")
    settings = read_settings(run.config)
    work = make_work(settings, run.config)
    settings = ready_corruption(settings, work.windows, work.data)
    data, windows, _ = final_correction(work.data, work.windows, settings.recipe, n_folds=len(work.folds))
    keep_report(
        run,
        settings,
        windows,
        data,
        read_model(run.path),
        read_json(run.path / "metrics.json"),
        pd.read_csv(run.path / "history.csv"),
    )
    return None
