"""Classes and who has them: balance, classes in one place only, or known from person, recording or time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eegdae.inspection.findings import Finding, some_of

_UNEVEN = 1.5
_LEAST_V = 0.3
_LEAST_AUC = 0.8
_LEAST_TRIALS = 4


@dataclass(frozen=True)
class Trial:
    """A labelled stretch and where it stands.

    Parameters
    ----------
    label : str
        Its class.
    recording : int
        Number of its recording.
    subject, session, run : str
        Of its recording; ``""`` where unknown.
    start, stop : int
        Samples of the recording, half open.
    seconds : float
        How long it is.
    """

    label: str
    recording: int
    subject: str
    session: str
    run: str
    start: int
    stop: int
    seconds: float


def label_findings(trials: Sequence[Trial], names: Sequence[str]) -> list[Finding]:
    """Say what the labels may give away, and what cannot be learnt or judged with them.

    Parameters
    ----------
    trials : sequence of Trial
        All labelled stretches.
    names : sequence of str
        One a recording.

    Returns
    -------
    list of Finding
        In no order of severity.
    """
    classes = list(dict.fromkeys(trial.label for trial in trials))
    if len(classes) < 2:
        text = "no labels" if not classes else f"one class only, {classes[0]}"
        mend = "set data.labels, if there are classes to tell apart; codes need none"
        return [Finding("note", text, some_of(names, of=len(names)), mend)]
    frame = pd.DataFrame([vars(trial) for trial in trials])
    found = _balance(frame, classes)
    if len(names) == 1:
        text = (
            "one recording holds everything: neighbouring windows are alike, so a random split tells nothing"
        )
        found.append(Finding("warning", text, names[0], "split by blocks of time, with a gap between them"))
    else:
        found += _in_one_place(frame, classes, names) + _by_place(frame)
    return found + _by_time(frame, classes)


def _balance(frame: pd.DataFrame, classes: list[str]) -> list[Finding]:
    seconds = frame.groupby("label")["seconds"].sum()
    found = []
    ratio = seconds.max() / seconds.min()
    if ratio >= _UNEVEN:
        text = f"classes are uneven: {seconds.idxmax()} lasts {ratio:.2g} times as long as {seconds.idxmin()}"
        where = ", ".join(f"{label} {seconds[label]:.4g} s" for label in classes)
        found.append(Finding("note", text, where, "judge by balanced accuracy (the verdict does)"))
    subjects = list(dict.fromkeys(frame["subject"]))
    table = pd.crosstab(frame["subject"].to_numpy(), frame["label"].to_numpy())
    lacking = [subject for subject in subjects if (table.loc[subject] == 0).any()]
    several = (table > 0).sum(axis=1) > 1
    if len(subjects) > 1 and lacking and several.any():
        gone = [label for label in classes if (table[label] == 0).any()]
        text = f"classes are missing: {len(lacking)} of {len(subjects)} subjects lack {some_of(gone)}"
        mend = "see that every test fold has all classes; the audit of the split says"
        found.append(Finding("note", text, f"subjects {some_of(lacking, most=8)}", mend))
    return found


def _in_one_place(frame: pd.DataFrame, classes: list[str], names: Sequence[str]) -> list[Finding]:
    found = []
    lone = [label for label in classes if frame.loc[frame["label"] == label, "recording"].nunique() == 1]
    if lone:
        places = [names[int(frame.loc[frame["label"] == label, "recording"].iloc[0])] for label in lone]
        where = some_of([f"{label} in {place}" for label, place in zip(lone, places, strict=True)])
        text = f"class in one recording only: {some_of(lone)}; no split can train and test on it"
        found.append(Finding("error", text, where, "get more recordings of it, or leave the class out"))
    few = [
        label
        for label in classes
        if label not in lone and frame.loc[frame["label"] == label, "subject"].nunique() == 1
    ]
    if few and frame["subject"].nunique() > 1:
        whose = [str(frame.loc[frame["label"] == label, "subject"].iloc[0]) for label in few]
        where = some_of([f"{label}: subject {who}" for label, who in zip(few, whose, strict=True)])
        text = f"class of one subject only: {some_of(few)}; a split by subject cannot train and test on it"
        found.append(Finding("warning", text, where, "split by session or recording, or leave the class out"))
    return found


def _by_place(frame: pd.DataFrame) -> list[Finding]:
    """Look whether the class is known where subject, session or recording is."""
    found = []
    ways: dict[str, list[str]] = {
        "subject": ["subject"],
        "session": ["subject", "session"],
        "recording": ["recording"],
    }
    settled = False
    for way, columns in ways.items():
        groups = frame.groupby(columns, sort=False).ngroup()
        if groups.nunique() < 2 or settled:
            continue
        per_group = frame.groupby(groups)["label"].nunique()
        if (per_group == 1).all():
            found.append(_function_of(way, frame, groups))
            settled = True  # then it is one of all finer groups too
        elif way != "recording":
            v = cramers_v(pd.crosstab(groups.to_numpy(), frame["label"].to_numpy()).to_numpy())
            if v >= _LEAST_V:
                text = f"classes go with the {way}: Cramér's V {v:.2f} (0: not at all, 1: entirely)"
                mend = f"split by {way}; show how well a guess from the {way} alone does"
                found.append(Finding("warning", text, f"{groups.nunique()} {way}s", mend))
    return found


def _function_of(way: str, frame: pd.DataFrame, groups: pd.Series[int]) -> Finding:
    n = groups.nunique()
    if way == "subject":
        text = "every subject has one class: what tells people apart tells classes apart"
        return Finding(
            "warning", text, f"{n} subjects", "split by subject; the subject is the unit of statistics"
        )
    text = f"every {way} has one class: drift, impedance and cleaning of a {way} may give its class away"
    pieces = frame.assign(group=groups).groupby(["subject", "label"])["group"].nunique()
    severity = "warning" if pieces.median() <= 1 else "note"
    if severity == "note":
        text += f"; a subject has {pieces.median():g} of each class, so that it need not"
    return Finding(
        severity,
        text,
        f"{n} {way}s",
        "split by subject, and show baselines that see no content (one number each)",
    )


def _by_time(frame: pd.DataFrame, classes: list[str]) -> list[Finding]:
    """Look whether a class comes early or late: in its recording, or in the runs of its subject."""
    inside = frame.groupby("recording")["label"].nunique().gt(1).any()
    if inside:
        groups, order, what = frame["recording"], ["start"], "within recordings"
    elif frame["run"].ne("").any() or frame["session"].ne("").any():
        groups, order, what = frame["subject"], ["session", "run", "start"], "in the runs of a subject"
    else:
        return []
    ordered = frame.assign(group=groups, run=frame["run"].map(_in_number_order))
    ordered["session"] = ordered["session"].map(_in_number_order)
    ordered = ordered.sort_values(["group", *order], kind="stable")
    n_before = ordered.groupby("group").cumcount().to_numpy()
    size = ordered.groupby("group")["label"].transform("size").to_numpy()
    position = (n_before + 0.5) / size  # 0 to 1
    labels = ordered["label"].to_numpy()
    told = []
    for label in classes:
        auc, p = _auc(position[labels == label], position[labels != label])
        if max(auc, 1 - auc) >= _LEAST_AUC and p < 0.01 / len(classes):
            told.append((max(auc, 1 - auc), label, "late" if auc > 0.5 else "early"))
    if not told:
        return []
    auc, label, when = max(told)
    text = f"classes go with time {what}: {label} comes {when} (ROC-AUC of its place in the order {auc:.2f})"
    mend = "drift, fatigue or learning may give the class away: show a baseline that sees time alone"
    where = f"classes {some_of([name for _, name, _ in told])}"
    return [Finding("warning", text, where, mend)]


def _in_number_order(name: str) -> str:
    return re.sub(r"\d+", lambda digits: digits.group().zfill(20), name)


def _auc(one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[float, float]:
    from scipy.stats import mannwhitneyu

    if min(len(one), len(other)) < _LEAST_TRIALS:
        return 0.5, 1.0
    test = mannwhitneyu(one, other, alternative="two-sided")
    return float(test.statistic) / (len(one) * len(other)), float(test.pvalue)


def cramers_v(counts: NDArray[np.int64]) -> float:
    """Measure how far rows tell columns: Cramér's V, corrected for the bias of small tables.

    Parameters
    ----------
    counts : ndarray of int, shape (n_groups, n_classes)
        Trials.

    Returns
    -------
    float
        0 (independent) to 1 (a function of one another).

    References
    ----------
    W. Bergsma, A bias-correction for Cramér's V and Tschuprow's T, Journal of the Korean Statistical Society
    42, 2013.
    """
    table = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0].astype(np.float64)
    n, (n_rows, n_cols) = table.sum(), table.shape
    if min(n_rows, n_cols) < 2 or n < 2:
        return 0.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / n
    phi2 = ((table - expected) ** 2 / expected).sum() / n
    phi2 = max(phi2 - (n_rows - 1) * (n_cols - 1) / (n - 1), 0.0)
    rows = n_rows - (n_rows - 1) ** 2 / (n - 1)
    cols = n_cols - (n_cols - 1) ** 2 / (n - 1)
    smaller = min(rows, cols) - 1
    return float(np.sqrt(phi2 / smaller)) if smaller > 0 else 0.0
