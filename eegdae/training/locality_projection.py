"""The mapping layer after training: the directions of the codes along which neighbours stay near."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

from eegdae.training.locality import LocalityGraph

RANK_TOLERANCE = 1e-8
"""Directions whose variance is below this share of the largest are left out: rows are alike along them."""


@dataclass(frozen=True, eq=False)
class LocalityProjection:
    r"""Locality-preserving projection of codes.

    .. math:: H L H^T p = \lambda H D H^T p

    with H the centred codes, one row of the data a column, W the symmetric part of the graph's weights, D the
    diagonal matrix of its row sums and L = D - W. Kept are the directions p with the smallest
    :math:`\lambda`: those along which neighbours differ least beside all rows. Scores have variance 1, each
    row counted by its degree.

    Parameters
    ----------
    mean : ndarray of float64, shape (n_codes,)
        What is subtracted from codes.
    components : ndarray of float64, shape (n_codes, n_components)
        p, by ascending :math:`\lambda`; the entry that is largest in size is positive.
    eigenvalues : ndarray of float64, shape (n_components,)
        :math:`\lambda`, 0 to 2.

    References
    ----------
    He and Niyogi, Locality preserving projections, NIPS (2003); on codes: Yang et al., Comput Biol Med
    109:159 (2019).
    """

    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    eigenvalues: NDArray[np.float64]

    @classmethod
    def fit(cls, codes: NDArray[Any], graph: LocalityGraph, n_components: int) -> LocalityProjection:
        """Fit the projection.

        Parameters
        ----------
        codes : ndarray, shape (n_rows, n_codes)
            Of the rows of the graph.
        graph : LocalityGraph
            Which rows are near.
        n_components : int
            Wanted; fewer where the codes have fewer dimensions in which rows differ, and 1 at least.

        Returns
        -------
        LocalityProjection
            Fitted.
        """
        n_rows = len(codes)
        rows = np.repeat(np.arange(n_rows), graph.neighbours.shape[1])
        weights = graph.weights.double().numpy().ravel()
        directed = coo_array((weights, (rows, graph.neighbours.numpy().ravel())), (n_rows, n_rows)).tocsr()
        w = (directed + directed.T) / 2
        degree = np.asarray(w.sum(axis=1)).ravel()
        h = codes.astype(np.float64)
        mean = degree @ h / degree.sum()
        h = h - mean
        spread = h.T @ (degree[:, None] * h) / degree.sum()
        apart = spread - h.T @ (w @ h) / degree.sum()
        variance, axes = np.linalg.eigh(spread)
        rounding = float(np.square(codes, dtype=np.float64).max()) * np.finfo(np.float32).eps ** 2
        kept = variance > max(RANK_TOLERANCE * variance[-1], rounding)
        if not kept.any():
            return cls(mean, np.zeros((codes.shape[1], 1)), np.zeros(1))
        whitening = axes[:, kept] / np.sqrt(variance[kept])
        eigenvalues, vectors = np.linalg.eigh(whitening.T @ apart @ whitening)
        components = whitening @ vectors[:, :n_components]
        largest = components[np.abs(components).argmax(0), np.arange(components.shape[1])]
        return cls(mean, components * np.sign(largest), eigenvalues[:n_components])

    def transform(self, codes: NDArray[Any]) -> NDArray[np.float32]:
        """Project codes: (n_rows, n_codes) -> float32 (n_rows, n_components)."""
        return np.asarray((codes.astype(np.float64) - self.mean) @ self.components, np.float32)
