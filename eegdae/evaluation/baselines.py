"""What codes have to beat: principal components, marginalised codes, and known artefacts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from torch import Tensor

from eegdae.errors import EegdaeError
from eegdae.evaluation.marginalised import MarginalisedStack
from eegdae.windows import Windows


def fit_pca(x: Tensor, n_components: int, *, key: str = "pca") -> PCA:
    """Principal components of training rows, by an exact decomposition.

    Parameters
    ----------
    x : Tensor, shape (n_rows, n_features)
        Scaled training rows.
    n_components : int
        Wanted; fewer where rows or features are fewer.
    key : str
        Named in the error.

    Returns
    -------
    PCA
        Fitted; ``transform`` and ``inverse_transform`` as in scikit-learn.

    Raises
    ------
    EegdaeError
        If there are fewer than 2 rows.
    """
    if len(x) < 2:
        raise EegdaeError(f"{key}: {len(x)} rows; principal components need 2 or more")
    # the covariance of thousands of features takes minutes where the rows are few
    solver = "covariance_eigh" if len(x) > x.shape[1] >= 64 else "full"
    return PCA(min(n_components, *x.shape), svd_solver=solver).fit(x.numpy())


def pca_codes(
    train: Mapping[str, Tensor], test: Mapping[str, Tensor], n_components: Mapping[str, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Principal components view by view, side by side, as many as the codes of each view.

    Parameters
    ----------
    train, test : mapping of str to Tensor, shape (n_rows, n_features of the view)
        Scaled rows; fitted on ``train`` alone.
    n_components : mapping of str to int
        By view.

    Returns
    -------
    train, test : ndarray of float32, shape (n_rows, sum of n_components)
        Scores.
    """
    scores: tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]] = ([], [])
    for view, x in train.items():
        pca = fit_pca(x, n_components[view], key=f"pca of view {view!r}")
        scores[0].append(pca.transform(x.numpy()))
        scores[1].append(pca.transform(test[view].numpy()))
    return np.concatenate(scores[0], 1), np.concatenate(scores[1], 1)


def msda_codes(
    train: Mapping[str, Tensor],
    test: Mapping[str, Tensor],
    n_components: Mapping[str, int],
    *,
    n_layers: Mapping[str, int],
    p: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Marginalised stacked denoising autoencoder view by view, brought to the dimension of the codes.

    A marginalised layer keeps the dimension of its input, so what is judged is the principal components of
    input and all layers side by side.

    Parameters
    ----------
    train, test, n_components
        As for `pca_codes`.
    n_layers : mapping of str to int
        By view.
    p : float
        Share of the entries that are masked, see `fit_layer`.

    Returns
    -------
    train, test : ndarray of float32, shape (n_rows, sum of n_components)
        Scores.

    References
    ----------
    Chen et al., JMLR 16:3849 (2015).
    """
    stacks = {view: MarginalisedStack.fit(x, n_layers=n_layers[view], p=p) for view, x in train.items()}
    wide = [{view: stack.transform(side[view]) for view, stack in stacks.items()} for side in (train, test)]
    return pca_codes(wide[0], wide[1], n_components)


def deviation(x: Tensor) -> NDArray[np.float32]:
    """Give every row the mean square of its scaled features: how unusual it is, whatever the direction.

    A trap, not a feature: where each subject's features are z-scored over that subject's windows and one
    class has fewer windows than another, the rare class lies farther from the subject's mean.

    Parameters
    ----------
    x : Tensor, shape (n_rows, n_features)
        Scaled features of all views.

    Returns
    -------
    ndarray of float32, shape (n_rows, 1)
        1 for a row as usual as the average training row.
    """
    return np.asarray(x.square().mean(1, keepdim=True).numpy(), np.float32)


def eigenvalue_ratio(windows: Windows) -> Tensor:
    """Give every window its recording's log of smallest over largest eigenvalue of the covariance.

    A trap, not a feature: where cleaning (ICA, interpolation) removed more from the recordings of one class,
    this number alone tells the classes apart.

    Parameters
    ----------
    windows : Windows
        All windows of each recording.

    Returns
    -------
    Tensor, shape (n_windows, 1)
        Natural logarithm, float32; eigenvalues below 1e-12 of the largest count as that.
    """
    names = windows.metadata[["subject", "session", "run"]].agg("/".join, axis=1).to_numpy()
    value = np.empty(len(windows), dtype=np.float32)
    for name in np.unique(names):
        rows = np.flatnonzero(names == name)
        x = windows.x[rows].astype(np.float64)
        x = x - x.mean(2, keepdims=True)
        covariance = np.einsum("nit,njt->ij", x, x) / (x.shape[0] * x.shape[2])
        eigenvalues = np.linalg.eigvalsh(covariance)
        top = max(eigenvalues[-1], np.finfo(np.float64).tiny)
        value[rows] = np.log(max(eigenvalues[0], 1e-12 * top) / top)
    return torch.from_numpy(value)[:, None]
