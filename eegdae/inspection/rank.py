"""Rank and eigenvalues of the covariance by class: one number that cleaning may have tied to the classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eegdae.inspection.findings import Finding, some_of
from eegdae.recordings.recording import Annotation, Recording, bad_channels_of

SECONDS = 4.0
MOST_SECONDS = 60.0
TOLERANCE = 1e-6
"""An eigenvalue counts for the rank from this share of the largest one on."""

_LEAST_AUC = 0.65
_LEAST_P = 0.05
_LEAST_SUBJECTS = 6


@dataclass(frozen=True)
class Eigenvalues:
    """What is kept of the covariance of one class in one recording.

    Parameters
    ----------
    label : str
        The class; ``""`` for a recording without classes.
    ratio : float
        Natural logarithm of smallest over largest eigenvalue, at least log(1e-12).
    rank : int
        Eigenvalues above 1e-6 of the largest.
    n_chans : int
        Channels that went into it: flat ones do not.
    """

    label: str
    ratio: float
    rank: int
    n_chans: int


def eigenvalues_of(recording: Recording) -> list[Eigenvalues]:
    """Take the eigenvalues of the covariance of each class of a recording.

    The covariance is the mean over stretches of at most 4 s, each with its mean taken off, without samples
    that were not observed. Of each class the first 60 s count: length shall not tell the class.

    Parameters
    ----------
    recording : Recording
        As it is prepared for training.

    Returns
    -------
    list of Eigenvalues
        One a class; empty where channels have different units or fewer than two carry a signal: then the
        ratio means nothing.
    """
    bad = bad_channels_of(recording)
    keep = [chan for chan in range(recording.n_chans) if chan not in bad]
    if len(keep) < 2 or len(set(recording.units)) > 1:
        return []
    stretches = recording.annotations or (Annotation(0, recording.n_times, ""),)
    found = []
    for label in dict.fromkeys(a.label for a in stretches):
        covariance = _covariance(recording, keep, [a for a in stretches if a.label == label])
        if covariance is not None:
            values = np.linalg.eigvalsh(covariance)
            top = max(float(values[-1]), np.finfo(np.float64).tiny)
            ratio = float(np.log(max(float(values[0]), 1e-12 * top) / top))
            found.append(Eigenvalues(label, ratio, int((values > TOLERANCE * top).sum()), len(keep)))
    return found


def rank_findings(
    kept: Sequence[Sequence[Eigenvalues]], names: Sequence[str], subjects: Sequence[str]
) -> list[Finding]:
    """Say where the rank is lower than the channels, and whether the ratio tells the classes apart.

    Parameters
    ----------
    kept : sequence of sequence of Eigenvalues
        As `eigenvalues_of` gives them, one sequence a recording.
    names, subjects : sequence of str
        One a recording.

    Returns
    -------
    list of Finding
        A note on the rank; a warning where one class has another ratio than the rest: ROC-AUC over recordings
        0.65 or more, and p < .05 over the number of classes.
    """
    found = []
    low = [k for k, of_one in enumerate(kept) if any(e.rank < e.n_chans for e in of_one)]
    if low:
        ranks = sorted({e.rank for k in low for e in kept[k]})
        n_chans = max(e.n_chans for k in low for e in kept[k])
        span = f"{ranks[0]}" if len(ranks) == 1 else f"{ranks[0]} to {ranks[-1]}"
        found.append(
            Finding(
                "note",
                f"rank: the covariance of {n_chans} channels has rank {span}: a reference, ICA or "
                "interpolation took dimensions away",
                some_of([names[k] for k in low], of=len(names)),
                "covariances need a subspace of fewer dimensions (features=covariance_tangent takes one)",
            )
        )
    separations = auc_by_class(kept, subjects)
    told = [
        (label, auc)
        for label, (auc, p) in separations.items()
        if max(auc, 1 - auc) >= _LEAST_AUC and p < _LEAST_P / max(len(separations), 1)
    ]
    if told:
        label, auc = max(told, key=lambda pair: abs(pair[1] - 0.5))
        found.append(
            Finding(
                "warning",
                f"eigenvalues: smallest over largest eigenvalue of the covariance, one number a recording, "
                f"tells class {label} from others with ROC-AUC {max(auc, 1 - auc):.2f}: cleaning may have "
                "taken more from one class",
                f"classes {some_of([label for label, _ in told])}",
                "show it as a baseline (baselines=[eigenvalue_ratio]) and fit covariances in a subspace",
            )
        )
    return found


def auc_by_class(
    kept: Sequence[Sequence[Eigenvalues]], subjects: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Measure how well the ratio of eigenvalues alone tells each class from the rest.

    Parameters
    ----------
    kept : sequence of sequence of Eigenvalues
        As `eigenvalues_of` gives them, one sequence a recording.
    subjects : sequence of str
        One a recording.

    Returns
    -------
    dict of str to (float, float)
        Class -> ROC-AUC (above .5: its ratios are the larger ones) and p of Wilcoxon's signed-rank test over
        the subjects who have it and another, of the Mann-Whitney test over recordings where these are fewer
        than six. Of two classes only the first. Empty with fewer than two classes, or three values in one.
    """
    from scipy.stats import mannwhitneyu, wilcoxon

    values: dict[str, dict[str, list[float]]] = {}  # class -> subject -> ratios
    for of_one, subject in zip(kept, subjects, strict=True):
        for e in of_one:
            if e.label:
                values.setdefault(e.label, {}).setdefault(subject, []).append(e.ratio)
    if len(values) < 2 or min(sum(map(len, of_class.values())) for of_class in values.values()) < 3:
        return {}
    found = {}
    for label in list(values)[: 1 if len(values) == 2 else None]:
        rest: dict[str, list[float]] = {}
        for other, of_class in values.items():
            for subject, ratios in of_class.items() if other != label else ():
                rest.setdefault(subject, []).extend(ratios)
        one, others = ([v for ratios in side.values() for v in ratios] for side in (values[label], rest))
        test = mannwhitneyu(one, others, alternative="two-sided")
        p = float(test.pvalue)
        differences = [np.mean(values[label][s]) - np.mean(rest[s]) for s in values[label] if s in rest]
        if len(differences) >= _LEAST_SUBJECTS and any(differences):
            p = float(wilcoxon(differences).pvalue)
        found[label] = (float(test.statistic) / (len(one) * len(others)), p)
    return found


def _covariance(
    recording: Recording, keep: list[int], stretches: Sequence[Annotation]
) -> NDArray[np.float64] | None:
    longest = max(round(SECONDS * recording.sfreq), 2)
    left = max(round(MOST_SECONDS * recording.sfreq), 2)
    total, n_samples = np.zeros((len(keep), len(keep))), 0
    parts = (
        (start, min(start + longest, a.stop)) for a in stretches for start in range(a.start, a.stop, longest)
    )
    for start, stop in parts:
        x = recording.data[keep, start : min(stop, start + left)].astype(np.float64)
        left -= x.shape[1]
        if recording.mask is not None:
            x = x[:, recording.mask[keep, start : start + x.shape[1]].all(axis=0)]
        if x.shape[1] >= 2:
            x = x - x.mean(axis=1, keepdims=True)
            total += x @ x.T
            n_samples += x.shape[1]
        if left <= 0:
            break
    return total / n_samples if n_samples > len(keep) else None
