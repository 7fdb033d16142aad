"""Every representation of a fold's rows: what the stacks make of them, and what that is judged beside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.evaluation.baselines import deviation, fit_pca, msda_codes, pca_codes
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

    Returns
    -------
    dict of str to (train, test)
        By representation; those of fitted dimension have as many columns as the codes.
    """
    represented: dict[str, Pair] = {
        name: (encode(stacks[name], train), encode(stacks[name], test)) for name in ENCODERS if name in stacks
    }
    wide_train, wide_test = (torch.cat(list(side.values()), 1) for side in (train, test))
    if recipe.lpp:
        lpp = fit_lpp(data, fold.train, recipe, represented["codes"][0], wide_train, recipe.lpp)
        represented["lpp"] = lpp.transform(represented["codes"][0]), lpp.transform(represented["codes"][1])
    represented["raw"] = wide_train.numpy(), wide_test.numpy()
    represented["pca"] = pca_codes(train, test, stacks["codes"].shares)
    if len(recipe.views) > 1:
        joint = fit_pca(wide_train, stacks["codes"].n_codes)
        represented["pca_joint"] = joint.transform(wide_train.numpy()), joint.transform(wide_test.numpy())
    if (p := recipe.baselines.get("msda")) is not None:
        n_layers = {view: len(stack.layers) for view, stack in stacks["codes"].items()}
        represented["msda"] = msda_codes(train, test, stacks["codes"].shares, n_layers=n_layers, p=p)
    if "deviation" in recipe.baselines:
        represented["deviation"] = deviation(wide_train), deviation(wide_test)
    for name, x in data.extra.items():
        represented[name] = x[torch.from_numpy(fold.train)].numpy(), x[torch.from_numpy(fold.test)].numpy()
    return represented


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
