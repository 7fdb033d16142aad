"""Plain names of representations, metrics and measures, the same in every table and figure."""

from __future__ import annotations

REPRESENTATIONS: dict[str, tuple[str, str]] = {
    "codes": ("denoising codes", "the trained network's codes, frozen"),
    "adapted": (
        "adapted codes, transductive",
        "the codes while their first layer goes on learning from earlier, unlabelled windows of the session",
    ),
    "finetuned": ("fine-tuned encoder", "the codes after the encoder went on learning with the classes"),
    "lpp": (
        "locality-preserving codes",
        "the codes along directions in which neighbouring windows stay near",
    ),
    "raw": ("scaled features", "the features themselves, without any reduction"),
    "pca": ("PCA", "principal components of the same dimension as the codes, view by view"),
    "pca_joint": (
        "PCA of all views",
        "principal components of all views side by side, same dimension as the codes",
    ),
    "random_encoder": ("untrained encoder", "the same network with its first random weights"),
    "autoencoder": ("plain autoencoder", "the same network trained at level 0, without corruption"),
    "msda": (
        "marginalised SDA",
        "layers that undo masking, in closed form, brought to the dimension of the codes by PCA",
    ),
    "cae": (
        "contractive autoencoder",
        "the same network at level 0 with a penalty on how fast codes change",
    ),
    "committee": (
        "committee of people",
        "a network and a head for each training person, the least alike kept, their outputs stacked",
    ),
    "supervised": (
        "supervised network",
        "the same network trained with the classes from its first random weights",
    ),
    "eigenvalue_ratio": (
        "eigenvalue ratio",
        "one number: log of smallest over largest covariance eigenvalue",
    ),
    "deviation": (
        "deviation",
        "one number: mean square of a window's scaled features, how unusual it is",
    ),
    "chance": ("chance", "a guess that knows only how often each class occurs"),
}
"""Representation -> (plain name, one line on what it is)."""

ERROR_NAMES: dict[str, str] = {
    "corrupted": "doing nothing",
    "pca": "PCA of the same dimension",
    "autoencoder": "the same network trained without noise",
    "reconstructed": "this network",
}
"""Way of bringing a corrupted row back -> plain name."""

METRICS: dict[str, str] = {
    "balanced_accuracy": "balanced accuracy",
    "roc_auc": "ROC-AUC",
}
"""Metric -> plain name."""

MEASURES: dict[str, str] = {
    "pearson": "Pearson correlation",
    "spearman": "Spearman correlation",
    "plv": "PLV",
    "ciplv": "ciPLV",
    "pli": "PLI",
    "dpli": "dPLI",
    "wpli": "wPLI",
    "debiased_wpli": "debiased wPLI",
    "ppc": "PPC",
    "phase_slope_index": "phase-slope index",
    "granger": "Granger causality",
    "dtf": "DTF",
    "pdc": "PDC",
}
"""Connectivity measure -> plain name, where it differs from the key."""


def representation_name(key: str) -> str:
    """Give a representation its plain name.

    Parameters
    ----------
    key : str
        As in ``metrics.json``.

    Returns
    -------
    str
        The plain name; for one that is not listed, its key with spaces.
    """
    return REPRESENTATIONS[key][0] if key in REPRESENTATIONS else key.replace("_", " ")


def metric_name(key: str, *, transductive: str = "") -> str:
    """Give a metric its plain name.

    Parameters
    ----------
    key : str
        As in ``metrics.json``.
    transductive : str
        What the figures owe to unlabelled test windows, said beside them; empty = none were used.

    Returns
    -------
    str
        The plain name, followed by ``", transductive"`` or the like where it applies.
    """
    return METRICS.get(key, key.replace("_", " ")) + (f", {transductive}" if transductive else "")


def measure_name(key: str) -> str:
    """Give a connectivity measure its plain name.

    Parameters
    ----------
    key : str
        As in the configuration.

    Returns
    -------
    str
    """
    return MEASURES.get(key, key.replace("_", " "))
