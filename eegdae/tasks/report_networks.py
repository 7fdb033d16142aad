"""Where the connectivity of two classes differs: what the report draws and says of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from eegdae.evaluation.class_edges import compare_classes, largest_difference
from eegdae.evaluation.edges import EdgeTest, edge_kind, subject_means
from eegdae.features import View
from eegdae.reporting import NetworkExample
from eegdae.windows import Windows

MOST_BANDS = 2


def network_examples(view: View, windows: Windows, features: Tensor) -> list[NetworkExample]:
    """Compare the classes edge by edge and choose the bands that are drawn.

    Every edge of every band and pair of classes is tested and corrected for; drawn are, of the two classes
    that differ most, the bands with significant edges, two at most, else the band with the largest t.

    Parameters
    ----------
    view : View
        One without matrices, or without two classes to compare, has no example.
    windows : Windows
        All of them.
    features : Tensor, shape (n_windows, n_features)
        Of `View.features`.

    Returns
    -------
    list of NetworkExample
        In the order of the bands.
    """
    if view.is_raw or view.measure == "power" or len(windows.classes) < 2:
        return []
    target = windows.metadata["target"].to_numpy(np.int64)
    if len(np.unique(target[target >= 0])) < 2:
        return []
    c = view.matrices(features, windows.n_chans)
    means, _ = subject_means(c, windows.metadata["subject"].to_numpy(), target)
    tests = compare_classes(means, directed=edge_kind(means) == "directed")
    pair = largest_difference(tests)
    test = tests[pair]
    n_bands = means.shape[2]
    counts = test.n_significant.tolist()
    ranks = [(counts[b], float(np.nanmax(np.abs(test.t[b]), initial=0.0))) for b in range(n_bands)]
    best = sorted(range(n_bands), key=lambda b: ranks[b], reverse=True)[:MOST_BANDS]
    shown = sorted(b for b in best if counts[b]) or best[:1]
    has_first, has_second = (np.isfinite(means[:, k]).any(axis=(1, 2, 3)) for k in pair)
    has_both = has_first & has_second
    rows = (has_both, has_both) if test.paired and has_both.any() else (has_first, has_second)
    return [
        NetworkExample(
            values=np.stack([_mean(means[at, k, b]) for at, k in zip(rows, pair, strict=True)]),
            names=(windows.classes[pair[0]], windows.classes[pair[1]]),
            difference=test.difference[b],
            significant=None if test.reason else test.significant[b],
            test=test_sentence(test, b, n_pairs=len(tests)),
            ch_names=windows.ch_names,
            ch_pos=windows.ch_pos,
            measure=view.matrix_measure,
            band=view.entry_names[b],
        )
        for b in shown
    ]


def test_sentence(test: EdgeTest, band: int, *, n_pairs: int) -> str:
    """Say how the edges were tested and how many differ, or why there is no test.

    Parameters
    ----------
    test : EdgeTest
        Matrices of shape (n_bands, n_chans, n_chans).
    band : int
        Which of them is drawn.
    n_pairs : int
        Pairs of classes that were corrected for together.

    Returns
    -------
    str
        One sentence.
    """
    chosen = f" Drawn are the two classes that differ most, of {n_pairs} pairs." if n_pairs > 1 else ""
    if test.reason:
        return f"No test: {test.reason}.{chosen}"
    n_bands, n_chans = test.t.shape[:2]
    n_there = n_chans * (n_chans - 1) // (1 if test.directed else 2)
    who = (
        f"Paired t tests over {test.n_subjects[0]} subjects"
        if test.paired
        else f"Welch t tests of {test.n_subjects[0]} against {test.n_subjects[1]} subjects"
    )
    family = [f"{n_bands} bands"] * (n_bands > 1) + [f"{n_pairs} pairs of classes"] * (n_pairs > 1)
    over = f"{test.n_edges} edges" + (f" of {' and '.join(family)}" if family else "")
    n = int(test.n_significant[band])
    verb = "differs" if n == 1 else "differ"
    found = f"{n} of {n_there} edges {verb}" if n else "no edge differs"
    here = " in this band" if n_bands > 1 and n else " in any band" if n_bands > 1 else ""
    return f"{who}, false discovery rate below {test.alpha:g} over {over}: {found}{here}.{chosen}"


def _mean(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over subjects of what each of them has."""
    mean: NDArray[np.float64] = np.ma.masked_invalid(matrices).mean(0).filled(np.nan)
    return mean
