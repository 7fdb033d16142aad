"""Every representation of a fold's rows: what the stacks make of them, and what that is judged beside."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.evaluation.baselines import deviation, fit_pca, msda_codes, pca_codes
from eegdae.evaluation.once import Once
from eegdae.evaluation.recipe import Data, Recipe
from eegdae.evaluation.splits import Fold
from eegdae.models import ViewStacks
from eegdae.training import LocalityProjection, locality_graph

Pair = tuple[NDArray[Any], NDArray[Any]]
"""A representation of the training rows and of the test rows, each of shape (n_rows, n_inputs)."""

ENCODERS = ("codes", "autoencoder", "random_encoder", "cae")
"""Representations that are codes of a stack, in the order in which they are judged."""


def represent(
    data: Data,
    fold: Fold,
    train: Mapping[str, Tensor],
    test: Mapping[str, Tensor],
    stacks: Mapping[str, ViewStacks],
    recipe: Recipe,
    once: Once,
) -> dict[str, Pair]:
    """Represent the rows of a fold in every way that is judged.

    Parameters
    ----------
    data : Data
        All rows.
    fold : Fold
        Which to train on, which to test.
    train, test : mapping of str to Tensor, shape (n_rows, n_features of the view)
        Scaled rows, what the stacks take; whatever is fitted here is fitted on ``train`` alone.
    stacks : mapping of str to ViewStacks
        By model, fitted on the training rows.
    recipe : Recipe
        Which baselines.
    once : Once
        What other recipes of the same rows have made already: a representation that several have in common is
        one pair of arrays.

    Returns
    -------
    dict of str to (train, test)
        By representation; those of fitted dimension have as many columns as the codes.
    """
    represented: dict[str, Pair] = {
        name: once(partial(_encoded, stacks[name], train, test), "encoded", of=stacks[name].networks)
        for name in ENCODERS
        if name in stacks
    }
    wide_train, wide_test = once(
        lambda: tuple(torch.cat(list(side.values()), 1) for side in (train, test)), "wide"
    )
    if recipe.lpp:
        lpp = fit_lpp(data, fold.train, recipe, represented["codes"][0], wide_train, recipe.lpp)
        represented["lpp"] = lpp.transform(represented["codes"][0]), lpp.transform(represented["codes"][1])
    shares = stacks["codes"].shares
    represented["raw"] = once(lambda: (wide_train.numpy(), wide_test.numpy()), "raw")
    represented["pca"] = once(lambda: pca_codes(train, test, shares), "pca", *shares.items())
    if len(recipe.views) > 1:
        n_codes = stacks["codes"].n_codes
        represented["pca_joint"] = once(
            lambda: _pca_of_all(wide_train, wide_test, n_codes), "pca_joint", n_codes
        )
    if (p := recipe.baselines.get("msda")) is not None:
        n_layers = {view: len(stack.layers) for view, stack in stacks["codes"].items()}
        represented["msda"] = once(
            lambda: msda_codes(train, test, shares, n_layers=n_layers, p=p),
            *("msda", p, *shares.items(), *n_layers.items()),
        )
    if "deviation" in recipe.baselines:
        represented["deviation"] = once(lambda: (deviation(wide_train), deviation(wide_test)), "deviation")
    for name, x in data.extra.items():
        represented[name] = once(partial(_sides_of, x, fold), "extra", name)
    return represented


def _encoded(stacks: ViewStacks, train: Mapping[str, Tensor], test: Mapping[str, Tensor]) -> Pair:
    return encode(stacks, train), encode(stacks, test)


def _sides_of(x: Tensor, fold: Fold) -> Pair:
    return x[torch.from_numpy(fold.train)].numpy(), x[torch.from_numpy(fold.test)].numpy()


def _pca_of_all(train: Tensor, test: Tensor, n_components: int) -> Pair:
    pca = fit_pca(train, n_components)
    return pca.transform(train.numpy()), pca.transform(test.numpy())


def encode(stacks: ViewStacks, scaled: Mapping[str, Tensor]) -> NDArray[np.float32]:
    """Codes of scaled features of all views: float32, shape (n_rows, n_codes)."""
    with torch.inference_mode():
        return stacks.encode(scaled).numpy()


def fit_lpp(
    data: Data,
    rows: NDArray[np.int64],
    recipe: Recipe,
    codes: NDArray[np.float32],
    x: Tensor,
    n_components: int,
) -> LocalityProjection:
    """Fit the mapping that keeps neighbouring rows near in the codes.

    Parameters
    ----------
    data, rows, recipe
        As for `fit_models`.
    codes : ndarray, shape (n_rows, n_codes)
        Of ``rows``.
    x : Tensor, shape (n_rows, n_features)
        Scaled features of ``rows``, all views side by side: who is whose neighbour.
    n_components : int
        See `LocalityProjection.fit`.

    Returns
    -------
    LocalityProjection
        Fitted on ``rows`` and no other.
    """
    how = recipe.objective
    graph = locality_graph(
        x,
        data.recordings(rows),
        torch.from_numpy(rows),
        n_neighbours=how.n_neighbours,
        heat=how.heat,
    )
    return LocalityProjection.fit(codes, graph, n_components)
