"""At which edges do two classes differ? The unit of statistics is the subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from eegdae.errors import EegdaeError, did_you_mean
from eegdae.evaluation.components import Component, network_components
from eegdae.evaluation.metrics import MIN_GROUPS
from eegdae.evaluation.tstatistics import paired_t, t_to_p, welch_t

METHODS = ("fdr", "nbs")
_ROUNDING = 1e-4
"""Share of the largest value below which an asymmetry is rounding of float32 means."""


@dataclass(frozen=True, eq=False, kw_only=True)
class EdgeTest:
    """What a test of every edge found.

    Matrices have the shape (..., n_chans, n_chans) of the two classes without their first axis. The diagonal,
    masked edges and edges that fewer than 5 subjects have are NaN in `t` and `p`, and never significant.

    Attributes
    ----------
    difference : ndarray of float64
        Mean over subjects of the first class minus that of the second, in the unit of the measure.
    t, p : ndarray of float64
        Statistic and two-sided p of each edge alone, uncorrected.
    p_corrected : ndarray of float64
        ``fdr``: Benjamini and Hochberg's adjusted p; ``nbs``: family-wise p of the component that the edge
        belongs to, 1 outside all of them.
    significant : ndarray of bool
        ``p_corrected <= alpha``.
    components : tuple of Component
        Of ``nbs``, smallest p first, significant or not; empty for ``fdr``.
    method : str
        ``fdr`` or ``nbs``.
    paired : bool
        Whether the same subjects are in both classes.
    directed : bool
        Whether both entries of a pair of channels are edges, or one.
    n_subjects : tuple of int
        Those behind the test: ``(n,)`` where paired, else one number a class.
    n_edges : int
        Edges that were tested and corrected for together.
    alpha : float
        Level of the corrected test.
    reason : str
        Why nothing was or can be found, e.g. too few subjects; empty where the test is sound.
    """

    difference: NDArray[np.float64]
    t: NDArray[np.float64]
    p: NDArray[np.float64]
    p_corrected: NDArray[np.float64]
    significant: NDArray[np.bool_]
    components: tuple[Component, ...]
    method: str
    paired: bool
    directed: bool
    n_subjects: tuple[int, ...]
    n_edges: int
    alpha: float
    reason: str = ""

    @property
    def n_significant(self) -> NDArray[np.intp]:
        """Significant edges of each matrix, shape (...)."""
        counted = self.significant if self.directed else np.triu(self.significant)
        return np.asarray(counted.sum((-2, -1)))


def subject_means(
    c: NDArray[Any], subjects: NDArray[Any], targets: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.float64], list[str]]:
    """Average the windows of each subject and class, so that one subject has one voice.

    Parameters
    ----------
    c : ndarray, shape (n_windows, ..., n_chans, n_chans)
        Connectivity of windows; NaN entries (masked channels) do not count.
    subjects : ndarray of str, shape (n_windows,)
        Whose window it is.
    targets : ndarray of int, shape (n_windows,)
        Class number; -1 = no class, left out.

    Returns
    -------
    means : ndarray of float64, shape (n_subjects, n_classes, ..., n_chans, n_chans)
        NaN where a subject has no window of a class.
    names : list of str
        The subjects in order of appearance.

    Raises
    ------
    EegdaeError
        If the lengths disagree or no window has a class.
    """
    c, subjects, targets = np.asarray(c), np.asarray(subjects), np.asarray(targets)
    if c.ndim < 3 or c.shape[-1] != c.shape[-2]:
        raise EegdaeError(f"c: shape {c.shape}; expected (n_windows, ..., n_chans, n_chans)")
    if not len(c) == len(subjects) == len(targets):
        raise EegdaeError(
            f"c: {len(c)} windows for {len(subjects)} subjects and {len(targets)} targets; "
            "give one of each a window"
        )
    if not (targets >= 0).any():
        raise EegdaeError("targets: no window has a class; a number of 0 or more is one")
    names = [str(name) for name in dict.fromkeys(subjects[targets >= 0].tolist())]
    means = np.full((len(names), int(targets.max()) + 1, *c.shape[1:]), np.nan)
    labels = subjects.astype(str)
    for s, name in enumerate(names):
        for k in range(means.shape[1]):
            values = c[(labels == name) & (targets == k)].astype(np.float64)
            seen = np.isfinite(values)
            count = seen.sum(0)
            total = np.where(seen, values, 0.0).sum(0)
            means[s, k] = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return means, names


def edge_test(
    a: NDArray[Any],
    b: NDArray[Any],
    *,
    paired: bool,
    alpha: float = 0.05,
    method: str = "fdr",
    n_permutations: int = 5000,
    threshold: float | None = None,
    seed: int = 0,
    directed: bool = False,
) -> EdgeTest:
    r"""Test at every edge whether two classes differ, corrected for the number of edges.

    Paired, t is that of the differences ``a - b``; else Welch's, which allows unequal variances. Two-sided.
    Undirected, each pair of channels is one edge; a measure whose two directions mirror one another
    (``c_yx = -c_xy`` or ``1 - c_xy``) counts as undirected. Directed, both entries of a pair are edges.

    ``fdr`` finds single edges: of those it names, a share of `alpha` is false on average. ``nbs``, the
    network-based statistic, finds connected groups of edges, each beyond `threshold` in the same direction:
    its p is the share of permutations (signs of the differences, or class labels) whose largest group, in
    either direction, has at least as many edges. It has more power where an effect forms a network, and says
    nothing about any single edge of it.

    Parameters
    ----------
    a, b : ndarray, shape (n_subjects, ..., n_chans, n_chans)
        One matrix a subject of each class, e.g. of `subject_means`; further axes (bands) are corrected for
        together. Paired: the same subjects in the same order. NaN = missing; that subject is left out there.
    paired : bool
        Whether the rows of `a` and `b` are the same subjects.
    alpha : float
        Level of the corrected test, between 0 and 1.
    method : str
        ``fdr`` (Benjamini and Hochberg) or ``nbs``.
    n_permutations : int
        Of ``nbs``; where no more are possible all of them are tried, and the result is exact.
    threshold : float or None
        Of ``nbs``: t beyond which an edge counts; None = that of a two-sided p of .01.
    seed : int
        Of the permutations. The order of subjects changes nothing.
    directed : bool
        Whether row to column differs from column to row.

    Returns
    -------
    EdgeTest
        With fewer than 5 subjects (in a class, where unpaired) nothing is tested and `reason` says so.

    Raises
    ------
    EegdaeError
        If shapes or options are not as above, or a matrix is not symmetric and `directed` is False.

    References
    ----------
    Y. Benjamini, Y. Hochberg, Controlling the false discovery rate, J. R. Statist. Soc. B 57(1), 1995.
    A. Zalesky, A. Fornito, E. T. Bullmore, Network-based statistic: identifying differences in brain
    networks, NeuroImage 53(4), 2010.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    _check(a, b, paired, alpha, method, n_permutations, threshold)
    kind = edge_kind(np.concatenate([a, b]))
    if kind == "directed" and not directed:
        raise EegdaeError("a, b: not symmetric; give directed=True for a measure with a direction")
    n_chans = a.shape[-1]
    family = ~np.eye(n_chans, dtype=bool) if directed else np.triu(np.ones((n_chans, n_chans), dtype=bool), 1)
    x, is_a = _samples(a, b, paired)
    n_subjects = (len(x),) if paired else (int(is_a.sum()), int((~is_a).sum()))
    every = np.ones((1, len(x)))
    t, df, difference = paired_t(x, every) if paired else welch_t(x, is_a[None])
    t, df, difference = (v[0].reshape(a.shape[1:]) for v in (t, df, difference))
    tested = np.isfinite(t) & ~np.eye(n_chans, dtype=bool)
    t = np.where(tested, t, np.nan)
    p = t_to_p(t, df)
    result = EdgeTest(
        difference=difference,
        t=t,
        p=p,
        p_corrected=np.full(t.shape, np.nan),
        significant=np.zeros(t.shape, dtype=bool),
        components=(),
        method=method,
        paired=paired,
        directed=directed,
        n_subjects=n_subjects,
        n_edges=int((tested & family).sum()),
        alpha=alpha,
        reason="" if (tested & family).any() else _no_test(n_subjects, paired=paired),
    )
    if result.reason:
        return result
    if method == "fdr":
        return correct_together([result])[0]
    found, reason = network_components(
        x,
        is_a,
        t.shape,
        edges=tested & family,
        threshold=threshold,
        # which of the two directions is the positive one is an accident of the order of channels
        either_sign=kind == "antisymmetric" and not directed,
        n_permutations=n_permutations,
        seed=seed,
        alpha=alpha,
    )
    p_corrected = np.where(tested, 1.0, np.nan)
    for component in found:
        p_corrected[component.edges] = component.p
        if not directed:
            p_corrected[component.edges.swapaxes(-1, -2)] = component.p
    significant = tested & (p_corrected <= alpha)
    return replace(result, p_corrected=p_corrected, significant=significant, components=found, reason=reason)


def correct_together(tests: Sequence[EdgeTest]) -> list[EdgeTest]:
    """Hold the false discovery rate over the edges of several tests, e.g. of several views.

    Parameters
    ----------
    tests : sequence of EdgeTest
        Of any sizes; their own corrections are replaced.

    Returns
    -------
    list of EdgeTest
        In the same order, of method ``fdr``; ``n_edges`` counts the edges of all of them.
    """
    entries = []
    for test in tests:
        n_chans = test.p.shape[-1]
        upper = np.triu(np.ones((n_chans, n_chans), dtype=bool), 1)
        entries.append(np.isfinite(test.p) & (True if test.directed else upper))
    pooled = [test.p[at] for test, at in zip(tests, entries, strict=True)]
    n_edges = sum(len(p) for p in pooled)
    if n_edges == 0:
        return list(tests)
    adjusted = np.split(
        false_discovery_control(np.concatenate(pooled)), np.cumsum([len(p) for p in pooled])[:-1]
    )
    corrected = []
    for test, at, values in zip(tests, entries, adjusted, strict=True):
        p = np.full(test.p.shape, np.nan)
        p[at] = values
        if not test.directed:
            p = np.where(np.isnan(p), p.swapaxes(-1, -2), p)
        significant = np.isfinite(p) & (p <= test.alpha)
        corrected.append(
            replace(
                test, p_corrected=p, significant=significant, components=(), method="fdr", n_edges=n_edges
            )
        )
    return corrected


def edge_kind(c: NDArray[Any]) -> str:
    """Tell from the values which way the edges of matrices go.

    Parameters
    ----------
    c : ndarray, shape (..., n_chans, n_chans)
        Row = x, column = y; NaN and the diagonal do not count.

    Returns
    -------
    str
        ``undirected`` (symmetric), ``antisymmetric`` (``c_xy + c_yx`` is the same everywhere: signed lags),
        or ``directed``.
    """
    c = np.asarray(c, dtype=np.float64)
    off = ~np.eye(c.shape[-1], dtype=bool)
    there, back = c[..., off], c.swapaxes(-1, -2)[..., off]
    seen = np.isfinite(there) & np.isfinite(back)
    there, back = there[seen], back[seen]
    if not len(there):
        return "undirected"
    allowed = _ROUNDING * float(np.abs(there).max())
    if np.abs(there - back).max() <= allowed:
        return "undirected"
    return "antisymmetric" if np.ptp(there + back) <= 2 * allowed else "directed"


def _check(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    paired: bool,
    alpha: float,
    method: str,
    n_permutations: int,
    threshold: float | None,
) -> None:
    if a.ndim < 3 or a.shape[-1] != a.shape[-2] or a.shape[1:] != b.shape[1:]:
        raise EegdaeError(
            f"a, b: shapes {a.shape} and {b.shape}; expected (n_subjects, ..., n_chans, n_chans)"
        )
    if paired and len(a) != len(b):
        raise EegdaeError(f"a, b: {len(a)} and {len(b)} subjects; paired=True needs the same ones in both")
    if not 0 < alpha < 1:
        raise EegdaeError(f"alpha={alpha}: a level lies between 0 and 1, e.g. 0.05")
    if method not in METHODS:
        raise EegdaeError(f"method={method!r}: no such method; {did_you_mean(method, METHODS)}")
    if n_permutations < 1:
        raise EegdaeError(f"n_permutations={n_permutations}: give 1 or more, e.g. 5000")
    if threshold is not None and not threshold > 0:
        raise EegdaeError(f"threshold={threshold}: give a t above 0, e.g. 3.0, or None")


def _samples(
    a: NDArray[np.float64], b: NDArray[np.float64], paired: bool
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Rows of subjects (differences where paired) and whose class they are, in an order of their own."""
    if paired:
        x, is_a = (a - b).reshape(len(a), -1), np.ones(len(a), dtype=bool)
    else:
        x, is_a = np.concatenate([a, b]).reshape(len(a) + len(b), -1), np.arange(len(a) + len(b)) < len(a)
    present = np.isfinite(x).any(1)
    x, is_a = x[present], is_a[present]
    # sorted by their values, so that neither a sum nor a permutation knows how subjects were listed
    order = np.lexsort((*x.T[::-1], is_a))
    return x[order], is_a[order]


def _no_test(n_subjects: tuple[int, ...], *, paired: bool) -> str:
    fewest = min(n_subjects)
    if fewest >= MIN_GROUPS:
        return f"no edge varies in {MIN_GROUPS} subjects or more"
    who = f"{fewest} subject{'s' * (fewest != 1)}"
    where = "with both classes" if paired else "in one of the classes"
    return f"{who} {where}, fewer than the {MIN_GROUPS} that a test needs"
