"""What a training run hands to its report, gathered from the run folder and the final model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import confusion_matrix

from eegdae.alignment import AlignmentSpec
from eegdae.coder import CodeModel
from eegdae.evaluation.metrics import MIN_GROUPS
from eegdae.evaluation.recipe import Data
from eegdae.features import View
from eegdae.models.table import layer_table
from eegdae.ocular import OcularSpec
from eegdae.recentring import UNIT
from eegdae.recordings.recording import image_words
from eegdae.reporting import (
    FeatureExample,
    ImageExample,
    MatrixExample,
    ReportData,
    ScalpExample,
    SignalExample,
)
from eegdae.scaling import Scaler
from eegdae.tasks.prepare import counted
from eegdae.tasks.reconstructions import places, pooled_errors
from eegdae.tasks.report_floors import floor_examples
from eegdae.tasks.report_networks import network_examples
from eegdae.tasks.settings import Settings
from eegdae.training import AdaptationSpec
from eegdae.windows import Windows

MAX_MATRIX_BANDS = 2


def report_data(
    config: Mapping[str, Any],
    settings: Settings,
    windows: Windows,
    data: Data,
    model: CodeModel,
    metrics: Mapping[str, Any],
    history: pd.DataFrame,
    folder: Path,
) -> ReportData:
    """Gather everything that the report shows.

    Parameters
    ----------
    config, settings
        Of the run.
    windows, data
        All rows.
    model : CodeModel
        The final model.
    metrics, history
        What ``metrics.json`` and ``history.csv`` hold.
    folder : Path
        Of the run: folds' predictions and reconstructions are read from it.

    Returns
    -------
    ReportData
        For `run_report`.
    """
    audit = json.loads((folder / "split_audit.json").read_text())["folds"]
    codes = np.load(folder / "codes.npz")["codes"]
    # a stack whose units are all dead gives every window one code, and that has no plane
    drawable = codes.shape[1] > 1 and len(codes) > 2 and bool((codes != codes[0]).any())
    plane = PCA(2, svd_solver="full").fit(codes) if drawable else None
    labels = windows.metadata["label"].astype(str).tolist() if windows.classes else []
    final = history[(history["fold"].astype(str) == "final") & (history["view"] != "all")]
    alignment = settings.recipe.alignment
    return ReportData(
        name=settings.name,
        summary=_summary(config, settings, windows, model),
        metrics=metrics,
        metric_notes=metric_notes(windows, len(audit)),
        paired=pd.read_csv(folder / "paired.csv") if (folder / "paired.csv").exists() else None,
        transductive=alignment.note,
        history=final,
        network=layer_table(model.stacks),
        dropped=windows.dropped,
        notes=windows.notes,
        examples=_examples(settings, windows, model, folder, n_folds=len(audit)),
        matrices=_matrices(windows, data, model),
        networks=[
            example
            for view in settings.recipe.views
            for example in network_examples(view, windows, data.features[view.name])
        ],
        floors=floor_examples(settings.recipe.views, windows, seed=int(config["seed"])),
        scalp=_scalp(settings, windows),
        codes2d=plane.transform(codes) if plane else None,
        explained=tuple(plane.explained_variance_ratio_) if plane else (0.0, 0.0),
        code_labels=labels,
        code_subjects=windows.metadata["subject"].astype(str).tolist(),
        codes_note="final model, in-sample: it was trained on these windows, without their labels",
        confusion=_confusion(windows, folder, len(audit)),
        classes=windows.classes,
        audit=pd.DataFrame(audit) if audit else None,
    )


def metric_notes(windows: Windows, n_folds: int) -> list[str]:
    """Say what must be said beside the figures: the unit of statistics, or why an interval is missing."""
    n = windows.metadata["subject"].nunique()
    if n_folds == 0 or not windows.classes:
        return ["The recordings carry no labels, so nothing was classified; see Reconstructions."]
    if n < MIN_GROUPS:
        people = "1 person is" if n == 1 else f"{n} people are"
        notes = [f"No intervals: {people} fewer than the {MIN_GROUPS} that a bootstrap over people needs."]
    else:
        notes = [f"Each of the {n} people is judged alone; intervals: 95 % bootstrap over people."]
    return notes


def _summary(
    config: Mapping[str, Any], settings: Settings, windows: Windows, model: CodeModel
) -> list[tuple[str, str]]:
    recipe, meta = settings.recipe, windows.metadata
    schedule = recipe.schedule
    n_recordings = len(meta[["subject", "session", "run"]].drop_duplicates())
    counts = (f"{name} {int((meta['label'] == name).sum())}" for name in windows.classes)
    sizes = ((v.name, model.stacks[v.name]) for v in recipe.views)
    joint = model.stacks.joint
    how = schedule.optimizer
    optimizer = ", ".join(
        f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in how.options.items()
    )
    each = schedule.epochs if isinstance(schedule.epochs, tuple) else None
    epochs = f"{', '.join(map(str, each))} epochs" if each else counted(int(schedule.epochs), "epoch")  # type: ignore[arg-type]
    rate = "" if how.schedule.is_constant else f", {how.schedule.name} learning rate"
    clips = {"norm": how.clip_norm, "value": how.clip_value}
    clip = "".join(f", gradients clipped at {kind} {v:g}" for kind, v in clips.items() if v is not None)
    rows = [
        ("data", str(settings.data.get("name", settings.data.get("path", "")))),
        ("source", str(settings.data.get("citation") or "")),
        ("people, recordings", f"{meta['subject'].nunique()}, {n_recordings}"),
        ("windows", _windows(windows)),
        ("channels", f"{windows.n_chans}: {', '.join(windows.ch_names)} ({windows.unit})"),
        ("classes", ", ".join(counts) or "none"),
        ("views", ", ".join(f"{name}: {s.n_features} features to {s.n_codes} codes" for name, s in sizes)),
        ("joint layer", f"{joint.n_features} codes to {joint.n_codes}" if joint else ""),
        (
            "dimensions of covariances",
            "; ".join(_subspaces(view, model) for view in model.views if view.is_tangent),
        ),
        ("ocular artefacts", _ocular(recipe.ocular)),
        ("scaler, alignment", f"{recipe.scaler}, {_alignment(recipe.alignment)}"),
        ("adaptation", _adaptation(recipe.adaptation)),
        ("corruption", recipe.corruption.describe(recipe.level)),
        ("level over the epochs of a stage", recipe.level_schedule.describe(recipe.level)),
        (
            "training",
            f"{schedule.pretrain.replace('_', ' ')}, {epochs} a layer, "
            f"{schedule.joint_epochs} joint, batches of {schedule.batch_size}, "
            f"{schedule.optimizer.name} ({optimizer}){rate}{clip}, loss {recipe.objective}",
        ),
        (
            "early stopping",
            f"after {counted(stop.patience, 'epoch')} without a new best on {stop.share:.0%} of the training "
            f"rows' groups (by {stop.by})"
            if (stop := schedule.early_stopping)
            else "",
        ),
        ("head", recipe.head.kind),
        ("split", f"{settings.split['kind'].replace('_', ' ')} by {settings.split.get('by', 'subject')}"),
        ("seed", str(config["seed"])),
    ]
    return [(key, value) for key, value in rows if value]


def _windows(windows: Windows) -> str:
    if windows.image_shape is not None:
        return f"{len(windows)} {image_words(windows.image_shape)}"
    seconds = windows.n_times / windows.sfreq
    return f"{len(windows)} of {seconds:g} s ({windows.n_times} samples at {windows.sfreq:g} Hz)"


def _ocular(how: OcularSpec | None) -> str:
    if how is None:
        return ""
    of = "independent components that follow" if how.kind == "ica" else "regression on"
    seen = "" if how.keep else ", which no view sees"
    told = "fitted inside the fold; all that is drawn was corrected by the final model"
    return f"{of} {', '.join(how.channels)}{seen}, {told}"


def _alignment(how: AlignmentSpec) -> str:
    if how.kind == "none":
        return "none"
    by = "all windows" if how.n_windows is None else f"the first {counted(how.n_windows, 'window')}"
    what = ", of the signals: all that is drawn is of re-centred ones" if how.is_of_signals else ""
    return f"{how.kind} by {how.by}, from {by}{what}"


def _adaptation(how: AdaptationSpec | None) -> str:
    if how is None:
        return ""
    return (
        f"first layers, lr {how.lr:g}, {counted(how.steps, 'step')} every {counted(how.batch_size, 'window')}"
    )


def _subspaces(view: View, model: CodeModel) -> str:
    """Say how many dimensions the final model reduced covariances to, and their rank."""
    space = model.projections[view.name]
    parts = [
        f"{entry} {n} of {space.n_chans} (rank {rank})"
        for entry, n, rank in zip(view.entries, space.n_components, space.ranks, strict=True)
    ]
    return f"{view.name}: {', '.join(parts)}"


def _examples(
    settings: Settings, windows: Windows, model: CodeModel, folder: Path, *, n_folds: int
) -> list[SignalExample | ImageExample | FeatureExample]:
    """Show rows of the first fold, that its model had not seen, and the error over all folds' test rows."""
    errors = pooled_errors(folder, n_folds)
    arrays = np.load(places(folder, n_folds)[0] / "reconstruction.npz")
    over = (
        f"the held-out windows of {counted(n_folds, 'fold')}"
        if n_folds
        else f"{len(windows)} windows, in-sample"
    )
    examples: list[SignalExample | ImageExample | FeatureExample] = []
    for view in settings.recipe.views:
        rows: dict[str, Any] = {
            w: arrays[f"{view.name}|{w}"] for w in ("clean", "corrupted", "reconstructed", "pca")
        }
        layout = view.layout(torch.from_numpy(rows["clean"]), n_chans=windows.n_chans, sfreq=windows.sfreq)
        common: dict[str, Any] = {
            "view": view.name,
            "corruption": type(settings.recipe.corruption.for_layout(layout)).__name__,
            "level": settings.recipe.level,
            "errors": errors[view.name],
            "errors_over": over,
            "errors_unit": "training sd" if settings.recipe.scaler == "standard" else "scaled units",
        }
        if view.is_raw and windows.image_shape is not None:
            examples.append(ImageExample(**_images(rows, windows, model.scalers[view.name]), **common))
        elif view.is_raw:
            # an aligned window is in units of its person's spread, channel by channel
            units = windows.units if settings.recipe.alignment.kind == "none" else (UNIT,) * windows.n_chans
            scaler = model.scalers[view.name]
            back: dict[str, Any] = {
                w: scaler.inverse_transform(torch.from_numpy(x[len(x) // 2]))
                .numpy()
                .reshape(windows.n_chans, -1)
                for w, x in rows.items()
            }
            examples.append(
                SignalExample(**back, **common, ch_names=windows.ch_names, units=units, sfreq=windows.sfreq)
            )
        else:
            examples.append(FeatureExample(**rows, **common, unit=common["errors_unit"]))
    return examples


def _images(rows: Mapping[str, Any], windows: Windows, scaler: Scaler) -> dict[str, Any]:
    """Scaled rows as images, shape (n, n_colours, height, width)."""
    shape = (-1, windows.n_chans, *(windows.image_shape or ()))
    return {w: scaler.inverse_transform(torch.from_numpy(x)).numpy().reshape(shape) for w, x in rows.items()}


def _matrices(windows: Windows, data: Data, model: CodeModel) -> list[MatrixExample]:
    """Mean matrices of the classes in the bands that differ most between them, and their reconstructions."""
    views = [view for view in model.views if not (view.is_raw or view.measure == "power")]
    if not views or not windows.classes:
        return []
    # a joint layer reconstructs all views at once
    needed = model.views if model.stacks.joint else views
    features = {view.name: data.features[view.name] for view in needed}
    back = model.reconstruct_features(features, data.groups[model.alignment.by], observed=data.observed)
    return [m for v in views for m in _view_matrices(v, features[v.name], back[v.name], windows, data)]


def _view_matrices(
    view: View, features: torch.Tensor, back: torch.Tensor, windows: Windows, data: Data
) -> list[MatrixExample]:
    rows = [torch.from_numpy(data.target == k) for k in range(data.n_classes)]
    means, found = (
        np.stack([view.matrices(values[at], windows.n_chans).mean(0) for at in rows])
        for values in (features, back)
    )
    spread = means.std(0).mean((1, 2))
    if view.is_tangent:
        # covariances have the unit of their band's power, and the slowest band the most of it
        spread = spread / np.abs(means).mean((0, 2, 3))
    return [
        MatrixExample(
            mean=means[:, b],
            reconstructed=found[:, b],
            classes=windows.classes,
            ch_names=windows.ch_names,
            measure=view.matrix_measure,
            band=view.entry_names[b],
        )
        for b in sorted(np.argsort(-spread)[:MAX_MATRIX_BANDS].tolist())
    ]


def _scalp(settings: Settings, windows: Windows) -> ScalpExample | None:
    """Mean log power of each class and band, where electrodes have positions; in its unit, never aligned."""
    views = [view for view in settings.recipe.views if view.measure == "power"]
    if windows.ch_pos is None or not views or not windows.classes:
        return None
    power = views[0].features(windows).numpy().reshape(len(windows), -1, windows.n_chans)
    target = windows.metadata["target"].to_numpy()
    return ScalpExample(
        values=np.stack([power[target == k].mean(0) for k in range(len(windows.classes))]),
        ch_pos=windows.ch_pos,
        ch_names=windows.ch_names,
        classes=windows.classes,
        bands=views[0].entry_names,
        unit=f"log {windows.unit}²",
    )


def _confusion(windows: Windows, folder: Path, n_folds: int) -> np.ndarray[Any, np.dtype[np.int64]] | None:
    if n_folds == 0 or not windows.classes:
        return None
    tables = [pd.read_csv(folder / f"folds/{k}/predictions.csv") for k in range(n_folds)]
    table = pd.concat(tables, ignore_index=True)
    guess = table[[f"codes|{label}" for label in windows.classes]].to_numpy().argmax(1)
    return np.asarray(confusion_matrix(table["target"], guess, labels=range(len(windows.classes))))
