"""``eegdae extract`` and ``eegdae classify``: what a finished run makes of other recordings."""

from __future__ import annotations

import json
import logging
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hydra.core.hydra_config import HydraConfig
from numpy.typing import NDArray

from eegdae.alignment import AlignmentSpec
from eegdae.coder import CodeModel, head_proba
from eegdae.corruption import Gaussian
from eegdae.errors import EegdaeError, did_you_mean
from eegdae.evaluation.adaptation import adapt
from eegdae.evaluation.fit_head import fit_head
from eegdae.evaluation.metrics import group_metrics, summarize
from eegdae.evaluation.recipe import Data, Recipe
from eegdae.evaluation.splits import GROUP_COLUMNS, group_labels
from eegdae.run import npz_bytes, read_config, read_json, read_model
from eegdae.tasks.corruption import load_artefacts
from eegdae.tasks.out import writable, write
from eegdae.tasks.prepare import load_windows
from eegdae.tasks.settings import read_adaptation, read_corruption, read_head, read_objective
from eegdae.tasks.targets import check_targets
from eegdae.training import Schedule
from eegdae.windows import HOW_TO_CUT, Windows

log = logging.getLogger("eegdae")

_RECORDING = ["subject", "session", "run"]
_KEYS = ("run", "data", "windows", "prepare", "adaptation", "out", "head", "optimizer", "paths", "debug")


def extract(config: Mapping[str, Any], folder: Path) -> Path:
    """Write the codes that a finished run gives other recordings.

    Parameters
    ----------
    config : mapping
        Of ``conf/extract.yaml``, plain Python: ``run``, ``data``, ``windows``, ``out``.
    folder : Path
        Of Hydra's output; nothing is written there.

    Returns
    -------
    Path
        The ``.npz`` file: ``codes`` float32, shape (n_windows, n_codes), and ``in_sample`` bool, shape
        (n_windows,), True where the final model was trained on the recording. Beside it, with the ending
        ``.csv``, the metadata of the windows.

    Raises
    ------
    EegdaeError
        If the run is not finished, the recordings do not fit it, or ``out`` cannot be written.
    """
    out = writable(config["out"], ".npz")
    model, windows, in_sample = _open(config)
    codes = _codes_of(config, model, windows)
    write(out, npz_bytes(codes=codes, in_sample=in_sample))
    write(out.with_suffix(".csv"), windows.metadata.to_csv(index=False).encode())
    log.info(f"codes:    {out} ({codes.shape[0]} windows x {codes.shape[1]} codes, {_share(in_sample)})")
    log.info(f"metadata: {out.with_suffix('.csv')}")
    return out


def classify(config: Mapping[str, Any], folder: Path) -> Path:
    """Write the classes that a finished run gives other recordings and, where they have labels, its figures.

    The head is the run's own. Where ``head=`` stands on the command line and names another one, that one is
    fitted on the codes that the run left of its own windows.

    Parameters
    ----------
    config : mapping
        Of ``conf/classify.yaml``, plain Python: as for `extract`, and ``head`` and ``optimizer``.
    folder : Path
        Of Hydra's output; nothing is written there.

    Returns
    -------
    Path
        The ``.csv`` file: metadata, ``in_sample``, ``probability|LABEL`` of every class, ``predicted``.
        Beside it, with the ending ``.json`` and for labelled windows only, figures as in ``metrics.json``;
        recordings that the run was trained on are judged apart, as ``codes (in-sample)``. Where the first
        layers go on learning in each session, ``adapted`` stands for ``codes``.

    Raises
    ------
    EegdaeError
        If the run is not finished or knows no classes, the recordings or their labels do not fit it, or
        ``out`` cannot be written.
    """
    out = writable(config["out"], ".csv")
    model, windows, in_sample = _open(config)
    unknown = sorted({label for label in windows.metadata["label"] if label} - set(model.classes))
    if unknown and model.classes:
        hint = did_you_mean(unknown[0], model.classes)
        raise EegdaeError(f"data: labels that the run does not know: {', '.join(unknown)}; {hint}")
    proba = _proba(config, model, windows)
    name = "adapted" if read_adaptation(config) else "codes"
    table = windows.metadata.assign(in_sample=in_sample)
    for k, label in enumerate(model.classes):
        table[f"probability|{label}"] = proba[:, k]
    table["predicted"] = np.asarray(model.classes)[proba.argmax(1)]
    write(out, table.to_csv(index=False).encode())
    metrics = _metrics(windows, proba, in_sample, model.alignment, name)
    if metrics:
        write(out.with_suffix(".json"), (json.dumps(metrics, indent=1) + "\n").encode())
        # brings matplotlib with it, which predictions alone do not need
        from eegdae.tasks.train import metrics_lines

        for line in metrics_lines(metrics, transductive=model.alignment.note):
            log.info(line)
        if in_sample.any():
            log.info("in-sample: the run was trained on these recordings, so the figure is no verdict")
    else:
        out.with_suffix(".json").unlink(missing_ok=True)
        log.info("no labels: windows were classified, nothing was judged")
    log.info(f"predictions: {out} ({len(table)} windows, {_share(in_sample)})")
    if metrics:
        log.info(f"figures:     {out.with_suffix('.json')}")
    return out


def _open(config: Mapping[str, Any]) -> tuple[CodeModel, Windows, NDArray[np.bool_]]:
    """Load the run and the recordings, cut as the run's were; and say which windows it was trained on."""
    for key in config:
        if key not in _KEYS:
            raise EegdaeError(f"{key}: unknown key; {did_you_mean(str(key), _KEYS)}")
    run = _run_folder(config)
    model, trained = read_model(run), read_config(run)
    check_targets(trained)
    windows = model.fit_channels(
        load_windows(config["data"], _how_to_cut(config, trained), config.get("prepare"))
    )
    # targets are numbers into the run's classes, whatever else these recordings are labelled with
    target = windows.metadata["label"].map({name: k for k, name in enumerate(model.classes)}).fillna(-1)
    windows.metadata["target"] = target.astype(np.int64)
    known = set(map(tuple, _metadata(run)[_RECORDING].to_numpy()))
    same_set = (trained.get("data") or {}).get("name") == config["data"].get("name")
    rows = map(tuple, windows.metadata[_RECORDING].astype(str).to_numpy())
    return model, windows, np.array([same_set and row in known for row in rows], dtype=bool)


def _run_folder(config: Mapping[str, Any]) -> Path:
    return Path(str(config["run"])).expanduser()


def _how_to_cut(config: Mapping[str, Any], trained: Mapping[str, Any]) -> dict[str, Any]:
    """Take the run's way of cutting windows, with what was given in its place."""
    given, own = config.get("windows") or {}, trained.get("windows") or {}
    if not isinstance(given, Mapping):
        raise EegdaeError(
            f"windows={given!r}: must be a mapping, for example 'windows={{size: 2.0, stride: 1.0}}'"
        )
    for key in given:
        if key not in HOW_TO_CUT:
            raise EegdaeError(f"windows.{key}: unknown key; {did_you_mean(str(key), HOW_TO_CUT)}")
    cut = {key: value for key, value in {**own, **given}.items() if key in HOW_TO_CUT}
    if "size" not in cut:
        raise EegdaeError(
            f"run={_run_folder(config)}: its config.yaml has no windows.size; give windows='{{size: ...}}'"
        )
    return cut


def _metadata(run: Path) -> pd.DataFrame:
    """Read who and what the run's windows were."""
    file = run / "metadata.csv"
    try:
        return pd.read_csv(file, dtype={name: str for name in [*_RECORDING, "label"]}, keep_default_na=False)[
            [*_RECORDING, "trial", "target"]
        ]
    except (OSError, ValueError, KeyError) as error:
        raise EegdaeError(
            f"{file}: cannot be read as the metadata of a run: {' '.join(str(error).split())}"
        ) from error


def _proba(config: Mapping[str, Any], model: CodeModel, windows: Windows) -> NDArray[np.float64]:
    """Class probabilities from the run's own head, or from the one that was asked for."""
    run = _run_folder(config)
    if model.head is None:
        return model.predict_proba(windows)
    mine = _codes_of(config, model, windows)
    if not _asks_for_a_head():
        return head_proba(model.head, mine)
    own = read_config(run)
    asked = {key: config[key] for key in ("head", "optimizer")}
    uses_optimizer = str(asked["head"].get("_target_")).endswith("CodeClassifier")
    if asked["head"] == own.get("head") and not (
        uses_optimizer and asked["optimizer"] != own.get("optimizer")
    ):
        return head_proba(model.head, mine)
    codes, meta = _codes(run), _metadata(run)
    if codes.shape != (len(meta), model.n_codes):
        raise EegdaeError(
            f"{run / 'codes.npz'}: {codes.shape} codes for {len(meta)} rows of metadata.csv; train again"
        )
    data = Data(
        features={},
        target=meta["target"].to_numpy(np.int64),
        n_classes=len(model.classes),
        n_chans=len(model.ch_names),
        groups={by: group_labels(meta, by) for by in GROUP_COLUMNS},
    )
    # only the head and the seed are looked at: nothing but the head is fitted
    recipe = Recipe(
        views=model.views,
        hidden=(),
        scaler="none",
        corruption=Gaussian(),
        level=0.0,
        schedule=Schedule(),
        network={},
        head=read_head(asked),
        seed=int(own.get("seed") or 0),
    )
    rows = np.flatnonzero(data.target >= 0)
    # the final model draws after the last fold, and so does a head that takes its head's place
    n_folds = len(read_json(run / "split_audit.json").get("folds", ()))
    head, _, _ = fit_head(codes[rows], data, rows, recipe, fold=n_folds, name="codes")
    log.info(f"head: fitted on the {len(rows)} labelled windows of {run}")
    return head_proba(head, mine)


def _codes_of(config: Mapping[str, Any], model: CodeModel, windows: Windows) -> NDArray[np.float32]:
    """Codes of windows, from the network as the run left it or while it goes on learning."""
    how = read_adaptation(config)
    if how is None:
        return model.transform(windows)
    own = read_config(_run_folder(config))
    corruption, level, schedule = read_corruption(own)
    return adapt(
        model,
        windows,
        how,
        corruption=load_artefacts(corruption, model.corrected(windows)),
        level=schedule.at(level, 1.0),
        objective=read_objective(own)[0],
        seed=int(own.get("seed") or 0),
    )


def _asks_for_a_head() -> bool:
    """Tell whether the command line names a head: the configuration always holds one."""
    if not HydraConfig.initialized():
        return False
    return any(re.match(r"\+*head[=.]", text) for text in HydraConfig.get().overrides.task)


def _codes(run: Path) -> NDArray[np.float32]:
    file = run / "codes.npz"
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return np.asarray(arrays["codes"], dtype=np.float32)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise EegdaeError(f"{file}: missing or damaged; train again or copy the file anew") from error


def _metrics(
    windows: Windows,
    proba: NDArray[np.float64],
    in_sample: NDArray[np.bool_],
    alignment: AlignmentSpec,
    codes: str,
) -> dict[str, Any]:
    """Judge labelled windows, those of recordings that were trained on apart from the others."""
    y = windows.metadata["target"].to_numpy(np.int64)
    if (y >= 0).any():
        # what a calibration used is not judged
        y = np.where(alignment.calibration(alignment.groups(windows.metadata)), -1, y)
    subjects = group_labels(windows.metadata, "subject")
    chance = np.full_like(proba, 1.0 / proba.shape[1])
    parts = []
    for name, which in ((codes, ~in_sample), (f"{codes} (in-sample)", in_sample)):
        at = which & (y >= 0)
        if at.any():
            parts.append(group_metrics(y[at], {name: proba[at]}, subjects[at]))
    if not parts:
        return {}
    parts.append(group_metrics(y[y >= 0], {"chance": chance[y >= 0]}, subjects[y >= 0]))
    return summarize(pd.concat(parts, ignore_index=True))


def _share(in_sample: NDArray[np.bool_]) -> str:
    if not in_sample.any():
        return "of recordings that the run was not trained on"
    which = "all" if in_sample.all() else str(int(in_sample.sum()))
    return f"{which} in-sample: of recordings that the run was trained on"
