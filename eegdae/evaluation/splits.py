"""Folds by group, and the proof that nothing crosses their border."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean

GROUP_COLUMNS = ("subject", "session", "run", "trial")
N_INNER = 5
SPLITS = ("leave_one_group_out", "group_kfold", "fixed")


@dataclass(frozen=True, eq=False)
class Fold:
    """Training and test rows of one fold, ascending row numbers; and the groups that are tested."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    test_groups: tuple[str, ...]


def group_labels(metadata: pd.DataFrame, by: str) -> NDArray[Any]:
    """Name the group of every row.

    Parameters
    ----------
    metadata : DataFrame
        One row a window.
    by : str
        ``subject``, ``session``, ``run`` or ``trial``; a session is one of its subject, and so on.

    Returns
    -------
    ndarray of str, shape (n_windows,)
        ``"7"`` for a subject, ``"7/left"`` for a session of it.

    Raises
    ------
    EegdaeError
        If there is no such column.
    """
    if by not in GROUP_COLUMNS:
        raise EegdaeError(f"split.by={by!r}: no such group; {did_you_mean(str(by), GROUP_COLUMNS)}")
    columns = GROUP_COLUMNS[: GROUP_COLUMNS.index(by) + 1]
    names = metadata[columns[0]].astype(str)
    for column in columns[1:]:
        names = names + "/" + metadata[column].astype(str)
    return names.to_numpy(dtype=object)


def make_folds(
    metadata: pd.DataFrame,
    *,
    kind: str,
    by: str = "subject",
    n_folds: int | None = None,
    train: Mapping[str, str] | None = None,
    test: Mapping[str, str] | None = None,
) -> list[Fold]:
    """Split rows so that a group is either trained on or tested.

    Parameters
    ----------
    metadata : DataFrame
        One row a window: labelled rows only, or windows of which none is labelled.
    kind : str
        ``leave_one_group_out``; ``group_kfold`` (groups in their order, dealt out in turn); ``fixed``.
    by : str
        What a group is: ``subject``, ``session``, ``run`` or ``trial``.
    n_folds : int or None
        For ``group_kfold``.
    train, test : mapping of str to str or None
        For ``fixed``: column -> value that the training and the test rows have.

    Returns
    -------
    list of Fold
        In the order of the groups.

    Raises
    ------
    EegdaeError
        If there are fewer groups than folds, a side is empty, the training rows lack a class, or there is one
        class.
    """
    if kind not in SPLITS:
        raise EegdaeError(f"split.kind={kind!r}: no such split; {did_you_mean(str(kind), SPLITS)}")
    if metadata["target"].nunique() < 2 and (metadata["target"] >= 0).any():
        labels = sorted(set(metadata["label"].astype(str)))
        raise EegdaeError(f"data.labels: {labels} is a single class; a verdict needs two classes or more")
    if n_folds is not None and kind != "group_kfold":
        raise EegdaeError(f"split.n_folds={n_folds}: {kind} takes none; set split.kind=group_kfold, or null")
    groups = group_labels(metadata, by)
    names = sorted(set(groups), key=_natural)
    if kind == "fixed":
        sides = [_matching(metadata, where, key) for key, where in (("train", train), ("test", test))]
        held = tuple(sorted(set(groups[sides[1]]), key=_natural))
        folds = [Fold(np.flatnonzero(sides[0]), np.flatnonzero(sides[1]), held)]
    else:
        n = len(names) if kind == "leave_one_group_out" else n_folds
        if isinstance(n, bool) or not isinstance(n, int) or n < 2:
            wanted = "2 groups or more" if kind == "leave_one_group_out" else "a whole number, 2 or more"
            raise EegdaeError(
                f"split.n_folds={n}: {kind} by {by} needs {wanted}; there are {len(names)} groups"
            )
        if len(names) < n:
            one = len(names) == 1
            mend = "split.by=session, run or trial" if one else f"split.n_folds={len(names)} or less"
            raise EegdaeError(
                f"split.n_folds={n}: only {len(names)} group{'s' * (not one)} by {by} "
                f"({', '.join(names)}); set {mend}"
            )
        held_out = [tuple(names[k::n]) for k in range(n)]
        is_test = [np.isin(groups.astype(str), held) for held in held_out]
        folds = [
            Fold(np.flatnonzero(~t), np.flatnonzero(t), h) for t, h in zip(is_test, held_out, strict=True)
        ]
    for number, fold in enumerate(folds):
        missing = set(metadata["label"]) - set(metadata["label"].iloc[fold.train])
        if missing:
            raise EegdaeError(
                f"split: fold {number} has no training row of class {', '.join(sorted(missing))}; "
                "split by another group, or leave out what few groups have (data.labels.map)"
            )
    return folds


def audit_folds(metadata: pd.DataFrame, folds: Sequence[Fold], *, by: str) -> list[dict[str, Any]]:
    """Prove for each fold that nothing is on both sides, or refuse.

    Parameters
    ----------
    metadata : DataFrame
        One row a window.
    folds : sequence of Fold
        As `make_folds` gives them, or made by hand.
    by : str
        What a group is.

    Returns
    -------
    list of dict
        A row a fold: ``fold n_train n_test test_groups shared_rows shared_groups shared_trials
        overlapping_windows``, the last four 0.

    Raises
    ------
    EegdaeError
        If rows, groups or samples are shared; names the two row numbers.
    """
    groups = group_labels(metadata, by)
    trials = group_labels(metadata, "trial")
    rows = []
    for number, fold in enumerate(folds):
        shared = np.intersect1d(fold.train, fold.test)
        if len(shared):
            raise EegdaeError(f"split: fold {number}: row {shared[0]} is both trained on and tested")
        if len(fold.train) == 0 or len(fold.test) == 0:
            raise EegdaeError(
                f"split: fold {number} has {len(fold.train)} training and {len(fold.test)} test rows"
            )
        for what, names in (("group", groups), ("trial", trials)):
            pair = _shared_name(names, fold)
            if pair:
                name = names[pair[0]]
                raise EegdaeError(
                    f"split: fold {number}: rows {pair[0]} (train) and {pair[1]} (test) "
                    f"share the {what} {name!r}"
                )
        pair = _overlap(metadata, fold)
        if pair:
            raise EegdaeError(
                f"split: fold {number}: rows {pair[0]} (train) and {pair[1]} (test) overlap in time; "
                "set windows.stride to windows.size or split by a larger group"
            )
        rows.append(
            {
                "fold": number,
                "n_train": len(fold.train),
                "n_test": len(fold.test),
                "test_groups": " ".join(fold.test_groups),
                "shared_rows": 0,
                "shared_groups": 0,
                "shared_trials": 0,
                "overlapping_windows": 0,
            }
        )
    return rows


def inner_folds(groups: Mapping[str, NDArray[Any]], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Deal training rows into folds of their own, by the largest group of which there are enough.

    Parameters
    ----------
    groups : mapping of str to ndarray of str, shape (n_windows,)
        Of `group_labels`, by ``subject``, ``session``, ``run`` and ``trial``.
    rows : ndarray of int
        Training rows.

    Returns
    -------
    ndarray of int, shape (n_rows,)
        0 to 4: by subject where there are 5 or more subjects, else by session, else by run, else by trial.

    Raises
    ------
    EegdaeError
        If there are fewer than 5 trials.
    """
    for by in GROUP_COLUMNS:
        labels = groups[by][rows]
        names = sorted(set(labels.tolist()), key=_natural)
        if len(names) >= N_INNER:
            number = {name: k % N_INNER for k, name in enumerate(names)}
            return np.array([number[label] for label in labels.tolist()], dtype=np.int64)
    raise EegdaeError(
        f"head.C: a list is chosen from by {N_INNER} folds inside the training rows, which hold {len(names)} "
        "trials; give one number"
    )


def _natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key under which 2 comes before 10."""
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in str(name).split("/"))


def _matching(metadata: pd.DataFrame, where: Mapping[str, str] | None, key: str) -> NDArray[np.bool_]:
    if not where or not isinstance(where, Mapping):
        raise EegdaeError(
            f"split.{key}={where!r}: a fixed split needs a mapping, for example {{session: {key}}}"
        )
    match = np.ones(len(metadata), dtype=bool)
    for column, value in where.items():
        if column not in (*GROUP_COLUMNS, "label"):
            raise EegdaeError(f"split.{key}.{column}: no such column; {did_you_mean(column, GROUP_COLUMNS)}")
        match &= (metadata[column].astype(str) == str(value)).to_numpy()
    if not match.any():
        values = sorted(set(metadata[next(iter(where))].astype(str)))
        raise EegdaeError(f"split.{key}={dict(where)}: no row matches; there are {', '.join(values[:10])}")
    return match


def _shared_name(names: NDArray[Any], fold: Fold) -> tuple[int, int] | None:
    trained = {name: row for row, name in zip(fold.train.tolist(), names[fold.train], strict=True)}
    for row in fold.test.tolist():
        if names[row] in trained:
            return trained[names[row]], row
    return None


def _overlap(metadata: pd.DataFrame, fold: Fold) -> tuple[int, int] | None:
    """Find a training and a test window of one recording that share a sample."""
    recording = group_labels(metadata, "run")
    start, stop = metadata["i_start"].to_numpy(), metadata["i_stop"].to_numpy()
    is_test = np.zeros(len(metadata), dtype=bool)
    is_test[fold.test] = True
    used = np.concatenate([fold.train, fold.test])
    for name in sorted(set(recording[fold.train]) & set(recording[fold.test])):
        rows = used[recording[used] == name]
        rows = rows[np.argsort(start[rows], kind="stable")]
        # in order of start: of each side, the window so far that ends last is the one that could reach over
        last: dict[bool, int] = {}
        for row in rows.tolist():
            side = bool(is_test[row])
            other = last.get(not side)
            if other is not None and stop[other] > start[row]:
                return (other, row) if side else (row, other)
            if side not in last or stop[row] > stop[last[side]]:
                last[side] = row
    return None
