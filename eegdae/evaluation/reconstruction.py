"""How near a network brings corrupted rows to the clean ones, beside doing nothing and PCA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.corruption import Corruption
from eegdae.evaluation.baselines import fit_pca
from eegdae.evaluation.once import Once
from eegdae.layout import Layout
from eegdae.models import StackedAutoencoder
from eegdae.randomness import Keys, Stream

WAYS = ("corrupted", "reconstructed", "pca", "autoencoder")


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """One view's rows, clean, corrupted and brought back.

    Parameters
    ----------
    errors : dict of str to float
        Root mean squared error against the clean rows, in scaled units, of ``corrupted`` (doing nothing),
        ``reconstructed`` (the network), ``pca`` (the same dimension) and ``autoencoder`` (level 0).
    rows : ndarray of int, shape (n_shown,)
        Row numbers of those kept below.
    clean, corrupted, reconstructed, pca : ndarray of float32, shape (n_shown, n_features)
        Scaled.
    """

    errors: dict[str, float]
    rows: NDArray[np.int64]
    clean: NDArray[np.float32]
    corrupted: NDArray[np.float32]
    reconstructed: NDArray[np.float32]
    pca: NDArray[np.float32]


def compare_reconstructions(
    train: Tensor,
    test: Tensor,
    *,
    rows: NDArray[np.int64],
    stacks: Mapping[str, StackedAutoencoder],
    corruption: Corruption,
    level: float,
    key: tuple[int | str, ...],
    observed_train: Tensor | None = None,
    observed: Tensor | None = None,
    layout: Layout | None = None,
    n_shown: int = 24,
    once: Once | None = None,
) -> Reconstruction:
    """Corrupt test rows once and bring them back by network and by PCA.

    Parameters
    ----------
    train, test : Tensor, shape (n_rows, n_features)
        Scaled; statistics of the corruption and PCA come from ``train`` alone.
    rows : ndarray of int
        Row numbers of ``test``: what its noise depends on.
    stacks : mapping of str to StackedAutoencoder
        ``codes``, and ``autoencoder`` where it was fitted.
    corruption, level
        What the network was trained to undo.
    key : tuple
        (seed, fold, view).
    observed_train, observed : Tensor of bool or None, shape of ``train`` and of ``test``
        Entries that count.
    layout : Layout or None
        What the features stand for.
    n_shown : int
        Rows to keep, spread evenly.
    once : Once or None
        What other recipes have made of the same rows.

    Returns
    -------
    Reconstruction
        Errors over all test rows.
    """
    keys = Keys(Stream(*key, "test"), torch.from_numpy(rows))
    once = once or Once()
    kind = corruption.for_layout(layout)
    fit = partial(kind.fitted, train, observed_train, layout=layout)
    # two of the same options that know nothing of rows know the same of these
    of_all = (train, observed_train)
    fitted = once(fit, "fitted corruption", repr(kind), of=of_all) if kind.is_bare else fit()
    corrupted, _ = fitted.corrupt(test, level=level, keys=keys, observed=observed)
    n_codes = next(iter(stacks.values())).n_codes
    pca = once(lambda: fit_pca(train, n_codes), "pca of a view", n_codes, of=(train,))
    with torch.inference_mode():
        back = {
            "corrupted": corrupted,
            "pca": torch.from_numpy(pca.inverse_transform(pca.transform(corrupted.numpy()))).float(),
            **{
                name: stacks[model](corrupted)
                for name, model in (("reconstructed", "codes"), ("autoencoder", "autoencoder"))
                if model in stacks
            },
        }
    errors = {name: _rmse(back[name], test, observed) for name in WAYS if name in back}
    at = np.unique(np.linspace(0, len(rows) - 1, min(n_shown, len(rows))).round().astype(int))
    shown = {name: back[name].numpy()[at] for name in ("corrupted", "reconstructed", "pca")}
    return Reconstruction(errors, rows[at], test.numpy()[at], **shown)


def _rmse(a: Tensor, b: Tensor, observed: Tensor | None) -> float:
    squared = (a.double() - b.double()) ** 2
    if observed is None:
        return float(squared.mean().sqrt())
    return float((squared * observed).sum().div(observed.sum().clamp(min=1)).sqrt())
