"""The network-based statistic: connected groups of edges that differ, and how large chance makes them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import stdtrit

from eegdae.evaluation.tstatistics import paired_t, welch_t

EDGE_P = 0.01
"""Two-sided p whose t makes an edge count where no threshold is given."""

_CHUNK = 2_000_000
"""Numbers in one block of permuted statistics: 16 MB."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Component:
    """A connected group of edges that all differ in one direction.

    Attributes
    ----------
    edges : ndarray of bool, shape (..., n_chans, n_chans)
        Its edges; undirected, each once, in the upper triangle.
    channels : tuple of int
        Those that it joins.
    n_edges : int
        How many edges it has, its size.
    sign : int
        1: the first class is higher, -1: the second; 0: a signed lag, which has no higher.
    p : float
        Family-wise: how often chance makes a group as large anywhere.
    """

    edges: NDArray[np.bool_]
    channels: tuple[int, ...]
    n_edges: int
    sign: int
    p: float


def network_components(
    x: NDArray[np.float64],
    is_a: NDArray[np.bool_],
    shape: tuple[int, ...],
    *,
    edges: NDArray[np.bool_],
    threshold: float | None,
    either_sign: bool,
    n_permutations: int,
    seed: int,
    alpha: float,
) -> tuple[tuple[Component, ...], str]:
    """Find the groups of edges beyond a threshold and the family-wise p of each.

    Parameters
    ----------
    x : ndarray, shape (n_subjects, n_entries)
        Differences of subjects where all of `is_a` is True, else values of subjects of two classes.
    is_a : ndarray of bool, shape (n_subjects,)
        Who is in the first class.
    shape : tuple of int
        (..., n_chans, n_chans), n_entries in all; matrices along the first axes are never connected.
    edges : ndarray of bool, that shape
        Entries that are edges and were tested.
    threshold : float or None
        t beyond which an edge counts; None = that of a two-sided p of .01.
    either_sign : bool
        Let edges of both signs join one group.
    n_permutations, seed, alpha
        As for `edge_test`.

    Returns
    -------
    components : tuple of Component
        Smallest p first.
    reason : str
        Why none can be significant, where there are too few subjects for it; else empty.
    """
    paired = bool(is_a.all())
    if threshold is None:
        threshold = float(-stdtrit(len(x) - (1 if paired else 2), EDGE_P / 2))
    at = np.flatnonzero(edges)
    graph = _Graph.of(at, shape)
    tails = (0,) if either_sign else (1, -1)
    largest, every, is_exact = [], *_permutations(is_a, n_permutations, seed)
    step = max(_CHUNK // len(at), 1)
    for chosen in (every[start : start + step] for start in range(0, len(every), step)):
        t = (paired_t(x[:, at], np.where(chosen, 1.0, -1.0)) if paired else welch_t(x[:, at], chosen))[0]
        largest.append(np.max([graph.largest(_beyond(t, tail, threshold)) for tail in tails], axis=0))
    null = np.concatenate(largest)
    found = []
    observed = (paired_t(x[:, at], np.ones((1, len(x)))) if paired else welch_t(x[:, at], is_a[None]))[0]
    for tail in tails:
        for members in graph.groups(_beyond(observed, tail, threshold)[0]):
            mask = np.zeros(shape, dtype=bool)
            mask.flat[at[members]] = True
            found.append(
                Component(
                    edges=mask,
                    channels=tuple(np.unique(np.array(mask.nonzero())[-2:]).tolist()),
                    n_edges=len(members),
                    sign=tail,
                    p=float((null >= len(members)).mean()),
                )
            )
    # equal classes mirror one another: exchanged as a whole, they give the same largest group
    mirrored = not paired and 2 * int(is_a.sum()) == len(is_a)
    smallest = (2 if mirrored and is_exact else 1) / len(every)
    reason = ""
    if smallest > alpha:
        reason = f"{len(every)} permutations allow no p below {smallest:.3g}, above the level of {alpha:g}"
    return tuple(sorted(found, key=lambda component: (component.p, -component.n_edges))), reason


@dataclass(frozen=True, eq=False)
class _Graph:
    """Edges as pairs of nodes; channels of different matrices are different nodes."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    n_nodes: int

    @classmethod
    def of(cls, at: NDArray[np.intp], shape: tuple[int, ...]) -> _Graph:
        n_chans = shape[-1]
        matrix, entry = np.divmod(at, n_chans**2)
        row, column = np.divmod(entry, n_chans)
        n_nodes = math.prod(shape[:-2]) * n_chans
        return cls(matrix * n_chans + row, matrix * n_chans + column, n_nodes)

    def largest(self, beyond: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Edges of the largest group of each permutation: (n_permutations, n_edges) -> (n_permutations,)."""
        permutation, _, group = self._labels(beyond)
        sizes = np.bincount(group, minlength=1)
        largest = np.zeros(len(beyond), dtype=np.intp)
        np.maximum.at(largest, permutation, sizes[group])
        return largest

    def groups(self, beyond: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
        """Numbers of the edges of each group."""
        _, edge, group = self._labels(beyond[None])
        return [edge[group == label] for label in np.unique(group)]

    def _labels(
        self, beyond: NDArray[np.bool_]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Permutation, edge and group of every edge beyond: one graph holds all permutations side by side."""
        permutation, edge = beyond.nonzero()
        rows, columns = (permutation * self.n_nodes + nodes[edge] for nodes in (self.rows, self.columns))
        size = len(beyond) * self.n_nodes
        joined = coo_array((np.ones(len(edge), dtype=bool), (rows, columns)), shape=(size, size))
        _, label = connected_components(joined, directed=False)
        return permutation, edge, label[rows]


def _beyond(t: NDArray[np.float64], tail: int, threshold: float) -> NDArray[np.bool_]:
    """Edges that count; NaN never does."""
    return (np.abs(t) if tail == 0 else tail * t) > threshold


def _permutations(is_a: NDArray[np.bool_], n_permutations: int, seed: int) -> tuple[NDArray[np.bool_], bool]:
    """Give signs (True = kept) or classes, shape (n_permutations, n_subjects), and whether these are all.

    The data as they are is always one of them, so no p is 0. Where all subjects are in the first class, signs
    are flipped; flipping every sign only exchanges the two tails, so one subject keeps its sign.
    """
    n, n_a = len(is_a), int(is_a.sum())
    paired = n_a == n
    n_possible = 2 ** (n - 1) if paired else math.comb(n, n_a)
    if n_possible <= n_permutations:
        return (_all_signs(n) if paired else _all_labels(is_a)), True
    rng = np.random.default_rng(seed)
    if paired:
        chosen = rng.random((n_permutations, n)) < 0.5
    else:
        chosen = rng.permuted(np.broadcast_to(is_a, (n_permutations, n)), axis=1)
    chosen[0] = is_a
    return chosen, False


def _all_signs(n: int) -> NDArray[np.bool_]:
    return np.array([(True, *rest) for rest in product((True, False), repeat=n - 1)])


def _all_labels(is_a: NDArray[np.bool_]) -> NDArray[np.bool_]:
    sets = list(combinations(range(len(is_a)), int(is_a.sum())))
    chosen = np.zeros((len(sets), len(is_a)), dtype=bool)
    np.put_along_axis(chosen, np.array(sets), True, axis=1)
    return chosen
