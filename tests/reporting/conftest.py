"""Real arrays for figures and reports: the packaged watch recordings, PCA standing where a network would."""

from __future__ import annotations

import importlib.resources
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import GroupKFold, cross_val_predict

from eegdae.connectivity import connectivity, mean_modulus, noise_floor
from eegdae.evaluation.class_edges import compare_classes
from eegdae.evaluation.edges import subject_means
from eegdae.reporting import (
    FeatureExample,
    FloorExample,
    MatrixExample,
    NetworkExample,
    ReportData,
    ScalpExample,
    SignalExample,
)

SIZE = 100


@pytest.fixture(scope="session")
def watch():
    """Two-second windows (n, 6, 100), labels and subjects."""
    with importlib.resources.files("eegdae").joinpath("samples/watch.npz").open("rb") as file:
        npz = dict(np.load(file))
    signal = npz["data"] * npz["scale"]
    cuts = [
        (k, i)
        for k in range(0, len(npz["label"]), 2)
        for i in range(npz["offsets"][k], npz["offsets"][k + 1] - SIZE + 1, 3 * SIZE)
    ]
    x = np.stack([signal[i : i + SIZE].T for _, i in cuts])
    recording = [k for k, _ in cuts]
    return {
        "x": x,
        "label": npz["label"][recording],
        "subject": npz["subject"][recording],
        "ch_names": [str(name) for name in npz["ch_names"]],
        "units": [str(unit) for unit in npz["units"]],
        "sfreq": float(npz["sfreq"]),
    }


@pytest.fixture(scope="session")
def report_data(watch):
    """A whole report's worth of real arrays."""
    x, n = watch["x"], len(watch["x"])
    flat = x.reshape(n, -1)
    pca = PCA(16, random_state=0).fit(flat)
    codes = pca.transform(flat)
    noisy = flat[0] + 0.5 * flat.std(axis=0) * np.random.default_rng(0).standard_normal(flat.shape[1])
    back = pca.inverse_transform(pca.transform(noisy[None]))[0]
    classes = sorted(set(watch["label"]))
    pearson = np.stack([np.corrcoef(window) for window in x])
    mean = np.stack([pearson[watch["label"] == name].mean(axis=0) for name in classes])
    power = np.log((x**2).mean(axis=2))
    rms = {"corrupted": _rms(noisy, flat[0]), "reconstructed": _rms(back, flat[0]), "pca": 0.4}
    predicted = cross_val_predict(
        LogisticRegression(max_iter=1000), codes, watch["label"], groups=watch["subject"], cv=GroupKFold(5)
    )
    figures = {"mean": 0.861, "low": 0.802, "high": 0.917}
    common = {"corruption": "gaussian", "level": 0.5, "errors": rms, "errors_unit": "training sd"}
    shape = x.shape[1:]
    return ReportData(
        name="watch",
        summary=[("data set", "watch"), ("channels", "ax <script>alert(1)</script> (g)")],
        metrics={
            "codes": {"balanced_accuracy": figures, "roc_auc": figures},
            "raw": {"balanced_accuracy": figures | {"mean": 0.85}, "roc_auc": figures | {"mean": 0.9}},
            "pca": {"balanced_accuracy": {"mean": 0.84, "low": None, "high": None}},
            "eigenvalue_ratio": {"roc_auc": {"mean": 0.73, "low": None, "high": None}},
            "my_own": {"roc_auc": {"mean": 0.5, "low": None, "high": None}},
            "chance": {"balanced_accuracy": {"mean": 1 / 7, "low": None, "high": None}},
        },
        metric_notes=["No interval: fewer than 5 groups."],
        history=history(),
        network=[("raw", "layer 1", "600 to 256", 153856)],
        dropped={"missing": 3},
        notes=["S1.edf: bad channel P7: flat; left out"],
        examples=[
            SignalExample(
                view="raw",
                clean=flat[0].reshape(shape),
                corrupted=noisy.reshape(shape),
                reconstructed=back.reshape(shape),
                pca=back.reshape(shape),
                ch_names=watch["ch_names"],
                units=watch["units"],
                sfreq=watch["sfreq"],
                **common,
            ),
            FeatureExample(
                view="power",
                clean=power[:20],
                corrupted=power[:20] + 0.1,
                reconstructed=power[:20],
                unit="training sd",
                **common,
            ),
        ],
        matrices=[
            MatrixExample(
                mean=mean,
                reconstructed=0.9 * mean,
                classes=classes,
                ch_names=watch["ch_names"],
                measure="pearson",
                band="all frequencies",
            )
        ],
        networks=[network(watch, pearson)],
        floors=[floor(x, watch["sfreq"])],
        codes2d=codes[:, :2],
        explained=(0.3, 0.1),
        code_labels=list(watch["label"]),
        code_subjects=list(watch["subject"]),
        codes_note="final model, in-sample",
        confusion=confusion_matrix(watch["label"], predicted),
        classes=classes,
        audit=pd.DataFrame({"fold": [0, 1], "test_groups": [["01"], ["02"]], "shared_groups": [0, 0]}),
        folds=pd.DataFrame({"fold": [0, 1], "n_test": [10, 12], "roc_auc": [0.9, np.nan]}),
    )


@pytest.fixture(scope="session")
def scalp():
    """Log power of a real EEG recording, two stretches of it standing as classes."""
    folder = Path(os.environ.get("EEGDAE_DATA_DIR", "nowhere")) / "eegmat"
    if not folder.is_dir():
        pytest.skip("EEGDAE_DATA_DIR has no eegmat")
    import mne

    raw = mne.io.read_raw_edf(folder / "Subject00_1.edf", preload=True, verbose="error")
    raw.drop_channels([name for name in raw.ch_names if "A2" in name or "ECG" in name])
    new = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}
    raw.rename_channels({name: new.get(name[4:], name[4:]) for name in raw.ch_names})
    known = mne.channels.get_builtin_montages()
    raw.set_montage("colin27_1005" if "colin27_1005" in known else "standard_1005")
    positions = raw.get_montage().get_positions()["ch_pos"]
    halves = np.array_split(raw.get_data() * 1e6, 2, axis=1)
    return ScalpExample(
        values=np.stack([[np.log(half.var(axis=1)), np.log(np.diff(half).var(axis=1))] for half in halves]),
        ch_pos=np.array([positions[name] for name in raw.ch_names]),
        ch_names=raw.ch_names,
        classes=["first half", "second half"],
        bands=["all (0 to 250 Hz)", "fast"],
        unit="log uV^2",
    )


def floor(x, sfreq):
    """PLV and wPLI of two bands beside their floor."""
    options = {"sfreq": sfreq, "bands": {"slow": (1, 6), "fast": (6, 20)}, "measures": ("plv", "wpli")}
    return FloorExample(
        mean=mean_modulus(connectivity(x, **options), measures=options["measures"]),
        floor=noise_floor(x, n_surrogates=20, **options),
        bands=options["bands"],
    )


def network(watch, c) -> NetworkExample:
    """The first two classes of the watch set, people as the unit."""
    classes = sorted(set(watch["label"]))
    target = np.array([classes.index(name) for name in watch["label"]])
    means, _ = subject_means(c, watch["subject"], np.where(target < 2, target, -1))
    test = compare_classes(means)[0, 1]
    return NetworkExample(
        values=np.nanmean(means, 0),
        names=(classes[0], classes[1]),
        difference=test.difference,
        significant=test.significant,
        test=f"Paired t tests: {test.n_significant} of 15 edges differ.",
        ch_names=watch["ch_names"],
        measure="pearson",
        band="all frequencies",
    )


def history() -> pd.DataFrame:
    """Losses of two models, two views, two stages."""
    rows = [
        (model, view, stage, epoch, scale / (1 + epoch))
        for model in ("fold 0", "final")
        for view, scale in (("raw", 1.0), ("power", 0.2))
        for stage in ("layer 1", "joint")
        for epoch in range(6)
    ]
    return pd.DataFrame(rows, columns=["model", "view", "stage", "epoch", "loss"])


def _rms(a, b):
    return float(np.sqrt(((a - b) ** 2).mean()))
