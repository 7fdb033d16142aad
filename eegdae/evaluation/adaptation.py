"""The test rows of a fold while the first layers go on learning in each test session."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.evaluation.fitting import corruption_of
from eegdae.evaluation.recipe import Data, Recipe
from eegdae.evaluation.splits import Fold
from eegdae.models import ViewStacks
from eegdae.training import AdaptationSpec, Noise, adapted_codes


def adapt_fold(
    data: Data,
    fold: Fold,
    train: Mapping[str, Tensor],
    test: Mapping[str, Tensor],
    stacks: ViewStacks,
    recipe: Recipe,
    *,
    number: int,
) -> NDArray[np.float32]:
    """Encode the test rows of a fold by the run's adaptation; noise is that of the training.

    Parameters
    ----------
    data : Data
        All rows.
    fold : Fold
        Which were trained on, which are tested.
    train, test : mapping of str to Tensor, shape (n_rows, n_features of the view)
        Scaled rows; statistics of the noise come from ``train`` alone.
    stacks : ViewStacks
        Fitted on the training rows.
    recipe : Recipe
        How.
    number : int
        Of the fold.

    Returns
    -------
    ndarray of float32, shape (n_rows, n_codes)
        See `adapted_codes`; without an adaptation the plain codes.
    """
    corruption, corruptions = corruption_of(data, fold.train, recipe), {}
    for view in recipe.views:
        x = train[view.name]
        layout = view.layout(x, n_chans=data.n_chans, sfreq=data.sfreq)
        corruptions[view.name] = corruption.for_layout(layout).fitted(
            x, data.observed_of(view, fold.train), layout=layout
        )
    level = recipe.level_schedule.at(recipe.level, 1.0)
    observed = {view.name: data.observed_of(view, fold.test) for view in recipe.views}
    return adapted_codes(
        stacks,
        test,
        data.groups["session"][fold.test],
        recipe.adaptation or AdaptationSpec(lr=0.0),
        Noise(corruptions, level, recipe.objective, (recipe.seed, number)),
        rows=torch.from_numpy(fold.test),
        observed={view: mask for view, mask in observed.items() if mask is not None},
    )
