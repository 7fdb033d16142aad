"""Codes while the first layers go on learning in each session: of a fold, and of new recordings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.alignment import rows_of
from eegdae.coder import CodeModel, observed_features
from eegdae.corruption import Corruption, Gaussian
from eegdae.evaluation.fitting import corruption_of
from eegdae.evaluation.recipe import Data, Recipe
from eegdae.evaluation.splits import Fold, group_labels
from eegdae.models import ViewStacks
from eegdae.training import AdaptationSpec, Noise, Objective, adapt_session, adapted_codes
from eegdae.windows import Windows


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
        layout = view.layout(x, n_chans=data.n_chans, sfreq=data.sfreq, image_shape=data.image_shape)
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


def adapt(
    model: CodeModel,
    windows: Windows,
    spec: AdaptationSpec | None = None,
    *,
    corruption: Corruption | None = None,
    level: float = 0.0,
    objective: Objective | None = None,
    seed: int = 0,
) -> NDArray[np.float32]:
    """Encode new recordings with a finished model whose first layers go on learning in each session.

    Parameters
    ----------
    model : CodeModel
        Never changed.
    windows : Windows
        As for `CodeModel.transform`; sessions by the columns ``subject`` and ``session``, each in time.
    spec : AdaptationSpec or None
        How; None = as by default.
    corruption, level, objective
        What is to be undone, and how that is measured: those of the run; None = Gaussian noise and squared
        error. Statistics of a corruption are those of a session's first batch.
    seed : int
        Of the noise.

    Returns
    -------
    ndarray of float32, shape (n_windows, n_codes)
        See `adapted_codes`; ``CodeModel.transform`` where the step size is 0.

    Raises
    ------
    EegdaeError
        If the windows do not fit the model, or the loss stops being a number.
    """
    spec, corruption = spec or AdaptationSpec(), corruption or Gaussian()
    corruption.check_level(level)
    windows = model.fit_channels(windows)
    views, seen = model.scaled(windows), observed_features(windows)
    observed = {} if seen is None else {view.name: seen for view in model.views if view.is_raw}
    with torch.no_grad():
        codes = model.stacks.encode(views)
    rows = torch.arange(len(windows))
    for at in rows_of(group_labels(windows.metadata, "session")).values() if spec.lr else ():
        early = torch.from_numpy(at[: spec.batch_size])
        # windows of a session stand in the order of time
        own = corruption.for_rows(early, torch.zeros_like(early))
        fitted = {}
        for view in model.views:
            layout = view.layout(
                views[view.name],
                n_chans=model.n_chans,
                sfreq=windows.sfreq,
                image_shape=windows.image_shape,
            )
            seen_early = observed[view.name][early] if view.name in observed else None
            fitted[view.name] = own.for_layout(layout).fitted(
                views[view.name][early], seen_early, layout=layout
            )
        noise = Noise(fitted, level, objective or Objective(), (seed,))
        adapt_session(codes, torch.from_numpy(at), model.stacks, views, spec, noise, rows, observed)
    return codes.numpy()
