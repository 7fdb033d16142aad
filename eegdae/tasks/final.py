"""The final model of a run: fitted on all rows, with its head, as `eegdae.load` gives it back."""

from __future__ import annotations

import logging

import numpy as np
import torch

from eegdae.coder import CodeModel
from eegdae.evaluation.fit_head import fit_head
from eegdae.evaluation.fitting import Fitted
from eegdae.evaluation.recipe import Data
from eegdae.evaluation.representations import encode, fit_lpp
from eegdae.models import FUSION
from eegdae.ocular import OcularFilter
from eegdae.run import RunFolder
from eegdae.tasks.folds import keep_subspaces
from eegdae.tasks.settings import Settings
from eegdae.windows import Windows

log = logging.getLogger("eegdae")


def keep_final_model(
    run: RunFolder,
    data: Data,
    windows: Windows,
    settings: Settings,
    fitted: Fitted,
    *,
    fold: int,
    ocular: OcularFilter | None = None,
) -> CodeModel:
    """Put the final model together, fit its head on all labelled rows, and write all of it.

    Parameters
    ----------
    run : RunFolder
        Of the run.
    data : Data
        All rows.
    windows : Windows
        As they were recorded.
    settings : Settings
        Of the run.
    fitted : Fitted
        On all rows; the losses of a head that is a network are added to its history.
    fold : int
        What random draws depend on: the number after the last fold's.
    ocular : OcularFilter or None
        What the signals were corrected by.

    Returns
    -------
    CodeModel
    """
    recipe = settings.recipe
    rows = np.arange(len(windows))
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
    scaled = fitted.inputs(data, rows, recipe.views)
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
    return model


def save_fits(run: RunFolder, settings: Settings, fitted: Fitted, *, fold: int) -> None:
    """Leave finished fits as an interrupted run would: who goes on with it does not fit them again.

    Parameters
    ----------
    run : RunFolder
        Of the run.
    settings : Settings
        Of the run.
    fitted : Fitted
        On all rows.
    fold : int
        As for `keep_final_model`.
    """
    codes = fitted.stacks["codes"]
    networks = {**codes, **({FUSION: codes.joint} if codes.joint else {})}
    for view, stack in networks.items():
        history = [row for row in fitted.history if row["view"] == view]
        n_stages = len(settings.recipe.schedule.stage_names(len(stack.layers)))
        state = {"stage": n_stages, "stack": stack.state_dict(), "history": history, "fit": None}
        run.save(f"fold-{fold}.{view}.codes", state)
