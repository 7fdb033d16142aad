"""Recordings that are one and the same signal: whole, scaled, shifted, or one a part of the other.

The times between turning points of a signal do not change with its scale, its sign, its offset or where it
begins. Each run of 24 such times is hashed; of each recording some hashes are kept, the smallest, so that two
recordings that share a stretch keep the same ones of it. A recording leaves 64 kilobytes to 512.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from eegdae.inspection.findings import Finding, some_of
from eegdae.recordings.recording import Recording

N_INTERVALS = 24
FEWEST_POINTS, MOST_POINTS = 4096, 32768
SAMPLES_A_POINT = 16
LEAST_SHARED = 8
"""Points that two recordings must share at one and the same distance in time: not by chance."""

_WHOLE_SHARE = 0.6  # points spread over so much of the stretch that two recordings share: all of it is equal


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What is kept of a recording to find it again.

    Parameters
    ----------
    digest : str
        SHA-256 of the samples.
    shape : str
        Hash of all times between turning points, whatever scale and offset; ``""`` with too few of them.
    hashes : ndarray of uint64, shape (n_points,)
        The smallest hashes of runs of times between turning points; none occurs twice.
    times : ndarray of int32, shape (n_points,)
        The sample at which each run begins.
    lengths : ndarray of int32, shape (n_points,)
        Samples that each run lasts.
    n_times : int
        Samples of the recording.
    """

    digest: str
    shape: str
    hashes: NDArray[np.uint64]
    times: NDArray[np.int32]
    lengths: NDArray[np.int32]
    n_times: int


@dataclass(frozen=True)
class Pair:
    """Two recordings that hold the same signal.

    Parameters
    ----------
    first, second : int
        Numbers of the recordings; the second is not the longer one.
    kind : {"equal", "scaled", "inside", "overlapping"}
        All samples equal; equal but for scale, offset or rounding; the second is a part of the first; they
        share a stretch.
    shift : int
        Sample of the first at which the second begins.
    n_times : int
        Samples that they share.
    """

    first: int
    second: int
    kind: str
    shift: int
    n_times: int


def fingerprint(recording: Recording) -> Fingerprint:
    """Keep of a recording what finds it again.

    Parameters
    ----------
    recording : Recording
        Any recording.

    Returns
    -------
    Fingerprint
        One point for 16 samples of the recording, but 4096 at least and 32768 at most (if it has so many
        turning points).
    """
    digest = hashlib.sha256(str(recording.data.shape).encode())
    shape = hashlib.sha256()
    most = min(max(recording.n_times // SAMPLES_A_POINT, FEWEST_POINTS), MOST_POINTS)
    n_turns = 0
    parts = []
    for values in recording.data:
        digest.update(np.ascontiguousarray(values).data)
        turns = _turning_points(values)
        n_turns += len(turns)
        shape.update(turns.tobytes() + b"|")
        parts.append(_points(turns, 2 * most))
    points = np.concatenate(parts, axis=1)  # (3, n_points): hash, sample, length
    # What comes again, as in a sine or a clock, says nothing of the place; copied channels count once.
    points = points[:, np.lexsort((points[1], points[0]))]
    new = np.ones(points.shape[1], dtype=bool)
    new[1:] = (points[:2, 1:] != points[:2, :-1]).any(axis=0)
    points = points[:, new]
    _, first, counts = np.unique(points[0], return_index=True, return_counts=True)
    keep = first[counts == 1][:most]
    return Fingerprint(
        digest=digest.hexdigest(),
        shape=shape.hexdigest() if n_turns >= N_INTERVALS else "",
        hashes=points[0, keep],
        times=points[1, keep].astype(np.int32),
        lengths=points[2, keep].astype(np.int32),
        n_times=recording.n_times,
    )


def find_pairs(prints: Sequence[Fingerprint]) -> list[Pair]:
    """Find the recordings that hold the same signal.

    Of three or more that are equal, each is paired with the next.

    Parameters
    ----------
    prints : sequence of Fingerprint
        One a recording.

    Returns
    -------
    list of Pair
        In the order of the recordings.
    """
    found: dict[tuple[int, int], Pair] = {}
    for key, kind in (("digest", "equal"), ("shape", "scaled")):
        groups: dict[tuple[str, int], list[int]] = {}
        for k, one in enumerate(prints):
            if getattr(one, key) and one.shape:  # a flat recording is no copy of another
                groups.setdefault((getattr(one, key), one.n_times), []).append(k)
        for group in groups.values():
            for i, j in pairwise(group):
                found.setdefault((i, j), Pair(i, j, kind, 0, prints[i].n_times))
    known = _linked(found.keys(), len(prints))
    for (i, j), shift, span in _shared_points(prints):
        if known[i] == known[j]:
            continue
        a, b = (i, j) if prints[i].n_times >= prints[j].n_times else (j, i)
        by = shift if a == i else -shift
        overlap = min(prints[a].n_times, by + prints[b].n_times) - max(by, 0)
        if span < _WHOLE_SHARE * overlap:
            found[i, j] = Pair(a, b, "overlapping", by, span)
        elif overlap < prints[b].n_times:
            found[i, j] = Pair(a, b, "overlapping", by, overlap)
        else:
            kind = "inside" if prints[a].n_times > prints[b].n_times else "scaled"
            found[i, j] = Pair(a, b, kind, by, overlap)
    return [found[key] for key in sorted(found)]


def duplicate_findings(
    pairs: Sequence[Pair], names: Sequence[str], subjects: Sequence[str], sfreqs: Sequence[float]
) -> list[Finding]:
    """Say which recordings are one signal, and which of them stand under two subjects.

    Parameters
    ----------
    pairs : sequence of Pair
        As `find_pairs` gives them.
    names, subjects : sequence of str
        One a recording.
    sfreqs : sequence of float
        One a recording, hertz.

    Returns
    -------
    list of Finding
        One a kind of pair and whether it crosses subjects; the latter are errors.
    """
    found = []
    for kind in ("equal", "scaled", "inside", "overlapping"):
        for across in (True, False):
            some = [
                pair
                for pair in pairs
                if pair.kind == kind and (subjects[pair.first] != subjects[pair.second]) == across
            ]
            if some:
                found.append(_finding(kind, across, some, names, subjects, sfreqs))
    return found


_SAID = {
    "equal": "duplicated recordings: {n} hold the same samples",
    "scaled": "duplicated recordings: {n} hold the same signal but for scale, offset or rounding",
    "inside": "duplicated recordings: {n} hold a signal of which the one is a part of the other",
    "overlapping": "duplicated recordings: {n} share a stretch of signal",
}


def _finding(
    kind: str,
    across: bool,
    pairs: Sequence[Pair],
    names: Sequence[str],
    subjects: Sequence[str],
    sfreqs: Sequence[float],
) -> Finding:
    n = "1 pair" if len(pairs) == 1 else f"{len(pairs)} pairs"
    what = (
        _SAID[kind]
        .format(n=n)
        .replace("1 pair hold", "1 pair holds")
        .replace("1 pair share", "1 pair shares")
    )
    if across:
        what += ", under different subjects"
    told = []
    for pair in pairs:
        text = f"{names[pair.first]} and {names[pair.second]}"
        if across:
            text += f" (subjects {subjects[pair.first] or '?'} and {subjects[pair.second] or '?'})"
        if kind in ("inside", "overlapping"):
            sfreq = sfreqs[pair.first]
            text += f" ({pair.n_times / sfreq:.3g} s from {max(pair.shift, 0) / sfreq:.3g} s on)"
        told.append(text)
    mend = "leave one of each pair out, or keep both on one side of every split"
    if across:
        mend = "find out whose it is and leave the other out: a split by subject would train and test on it"
    severity = "error" if across or kind in ("equal", "scaled") else "warning"
    return Finding(severity, what, some_of(told), mend)


def _turning_points(values: NDArray[np.float32]) -> NDArray[np.int64]:
    steps = np.diff(values)
    moved = np.flatnonzero(steps)
    signs = steps[moved] > 0
    turns: NDArray[np.int64] = moved[1:][signs[1:] != signs[:-1]].astype(np.int64)
    return turns


def _points(turns: NDArray[np.int64], most: int) -> NDArray[np.uint64]:
    """Hash every run of times between turning points; give those of the smallest hashes, shape (3, n)."""
    intervals = np.diff(turns).astype(np.uint64)
    n = len(intervals) - N_INTERVALS + 1
    if n < 1:
        return np.empty((3, 0), np.uint64)
    hashes = np.zeros(n, dtype=np.uint64)  # a polynomial of the times, modulo 2 to the 64
    for k in range(N_INTERVALS):
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + intervals[k : k + n]
    # MurmurHash3's finaliser spreads every bit over all of them
    hashes = (hashes ^ (hashes >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    hashes = (hashes ^ (hashes >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    hashes ^= hashes >> np.uint64(33)
    keep = np.argpartition(hashes, most)[:most] if n > most else np.arange(n)
    runs = intervals[keep[:, None] + np.arange(N_INTERVALS)]
    keep = keep[np.ptp(runs, axis=1) >= 2]  # a sine has two lengths at most, one more than the other
    lengths = turns[keep + N_INTERVALS] - turns[keep]
    return np.stack([hashes[keep], turns[keep].astype(np.uint64), lengths.astype(np.uint64)])


def _linked(pairs: Iterable[tuple[int, int]], n: int) -> list[int]:
    """Number the groups that pairs connect."""
    group = list(range(n))
    for i, j in sorted(pairs):
        group[j] = group[i]
    return group


def _shared_points(prints: Sequence[Fingerprint]) -> list[tuple[tuple[int, int], int, int]]:
    """Give the pairs with points in common at one distance in time: recordings, shift, span, in samples."""
    if not prints:
        return []
    owners = np.repeat(np.arange(len(prints)), [len(one.hashes) for one in prints])
    hashes = np.concatenate([one.hashes for one in prints])
    times = np.concatenate([one.times for one in prints]).astype(np.int64)
    ends = times + np.concatenate([one.lengths for one in prints])
    order = np.lexsort((owners, hashes))
    hashes, owners, times, ends = hashes[order], owners[order], times[order], ends[order]
    same = np.flatnonzero(hashes[1:] == hashes[:-1])
    rows = np.stack([owners[same], owners[same + 1], times[same] - times[same + 1]], axis=1)
    rows, which, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    first = np.full(len(rows), np.iinfo(np.int64).max)
    last = np.zeros(len(rows), dtype=np.int64)
    np.minimum.at(first, which.reshape(-1), times[same])
    np.maximum.at(last, which.reshape(-1), ends[same])
    best: dict[tuple[int, int], tuple[int, int, int]] = {}
    for k in np.flatnonzero(counts >= LEAST_SHARED):
        i, j, shift = (int(v) for v in rows[k])
        best[i, j] = max(best.get((i, j), (0, 0, 0)), (int(counts[k]), shift, int(last[k] - first[k])))
    return [(pair, shift, span) for pair, (_, shift, span) in best.items()]
