"""How differently classifiers err (Yule's Q), and which of them to keep."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def q_statistic(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Yule's Q of two classifiers: how far they are right, and wrong, about the same rows.

    With ``N11`` rows that both get right, ``N00`` that both get wrong and ``N10``, ``N01`` that one does ::

        Q = (N11 N00 - N01 N10) / (N11 N00 + N01 N10)

    Parameters
    ----------
    a, b : ndarray of bool, shape (n_rows,)
        Which rows each of them gets right.

    Returns
    -------
    float
        1: they err together; 0: independently; -1: where one errs the other does not. Where the fraction is
        0 / 0: 1 if they never differ, else 0, which is what says least.

    References
    ----------
    Kuncheva and Whitaker, Measures of diversity in classifier ensembles, Machine Learning 51:181 (2003).
    """
    both, neither = int((a & b).sum()), int((~a & ~b).sum())
    only_a, only_b = int((a & ~b).sum()), int((~a & b).sum())
    same, different = both * neither, only_a * only_b
    if same + different == 0:
        return 0.0 if only_a + only_b else 1.0
    return (same - different) / (same + different)


def pairwise_q(right: NDArray[np.bool_], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Q of every pair of classifiers, over the rows that count for both.

    Parameters
    ----------
    right : ndarray of bool, shape (n_members, n_rows)
        Which rows each member gets right.
    counted : ndarray of bool, shape (n_members, n_rows)
        Rows that say something of a member: it was not trained on them.

    Returns
    -------
    ndarray, shape (n_members, n_members)
        Symmetric; 1 on the diagonal.
    """
    n = len(right)
    q = np.ones((n, n))
    for i in range(n):
        for j in range(i):
            rows = counted[i] & counted[j]
            q[i, j] = q[j, i] = q_statistic(right[i, rows], right[j, rows])
    return q


def choose_members(
    q: NDArray[np.float64], accuracy: NDArray[np.float64], *, n_members: int, chance: float
) -> list[int]:
    """Choose members that are right and err differently, one after the other.

    The most accurate is the first. Then, of those above chance, always the one whose Q with the members
    chosen so far is least on average; of equals the more accurate. A member at or below chance is left out
    however different it is: one that is always wrong where the others are right has the least Q of all.

    Parameters
    ----------
    q : ndarray, shape (n_members, n_members)
        Of `pairwise_q`.
    accuracy : ndarray, shape (n_members,)
        Balanced accuracy on rows that the member was not trained on.
    n_members : int
        How many to choose, 1 or more; fewer where fewer are above chance.
    chance : float
        Accuracy of guessing.

    Returns
    -------
    list of int
        In the order of choice; the most accurate even where no member is above chance.
    """
    chosen = [int(np.argmax(accuracy))]
    left = [k for k in range(len(accuracy)) if accuracy[k] > chance and k != chosen[0]]
    while left and len(chosen) < n_members:
        best = min(left, key=lambda k: (q[k, chosen].mean(), -accuracy[k], k))
        chosen.append(best)
        left.remove(best)
    return chosen
