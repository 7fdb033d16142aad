"""What the corruption of a run needs of its windows: recordings of artefacts, and views that it fits."""

from __future__ import annotations

import logging
import re
from dataclasses import replace

import torch

from eegdae.corruption import Artefacts, Chain, Corruption
from eegdae.errors import EegdaeError
from eegdae.evaluation.recipe import Data
from eegdae.features import compute_views
from eegdae.recordings import read_recordings
from eegdae.tasks.prepare import first_windows
from eegdae.tasks.settings import Settings
from eegdae.windows import Windows

log = logging.getLogger("eegdae")


def ready_corruption(settings: Settings, windows: Windows, data: Data) -> Settings:
    """Read what the corruption needs, and check that it fits the views before anything is trained.

    A kind that needs channels, samples or pairs is replaced, in the views that have none, by its relative
    that needs nothing: masking or Gaussian noise. The screen says so.

    Parameters
    ----------
    settings : Settings
        Of the run.
    windows, data
        All rows.

    Returns
    -------
    Settings
        With a corruption that is ready to be fitted.

    Raises
    ------
    EegdaeError
        If recordings of artefacts cannot be read, an option does not fit the windows, or no view has what the
        corruption needs.
    """
    recipe = settings.recipe
    corruption = load_artefacts(recipe.corruption, windows)
    # two rows are enough to see whether it fits
    features = data.features or compute_views(first_windows(windows), recipe.views)
    for kind in _kinds(corruption):
        lacking = {}
        for view in recipe.views:
            x = features[view.name][:2].to(torch.float32)
            layout = view.layout(x, n_chans=data.n_chans, sfreq=data.sfreq, image_shape=data.image_shape)
            why = kind.unusable(layout)
            if why:
                lacking[view.name] = why
            elif not kind.needs_neighbours:
                kind.fitted(x, layout=layout)
        relative = kind.for_codes().name
        if len(lacking) == len(recipe.views):
            told = "; ".join(f"features of view {name!r} {why}" for name, why in lacking.items())
            raise EegdaeError(f"corruption={kind.name}: {told}; use {relative}")
        for name, why in lacking.items():
            log.info(f"corruption: features of view {name!r} {why}, so {relative} stands for {kind.name}")
    return replace(settings, recipe=replace(recipe, corruption=corruption))


def _kinds(corruption: Corruption) -> list[Corruption]:
    """Give the corruption itself, or all parts of a chain."""
    if isinstance(corruption, Chain):
        return [kind for part in corruption.parts for kind in _kinds(part.corruption)]
    return [corruption]


def load_artefacts(corruption: Corruption, windows: Windows) -> Corruption:
    """Give artefacts their recordings, at the rate of the windows; the other kinds need none.

    Parameters
    ----------
    corruption : Corruption
        As a configuration describes it; of a chain every part is looked at.
    windows : Windows
        What will be corrupted.

    Returns
    -------
    Corruption
        Ready to be fitted.

    Raises
    ------
    EegdaeError
        If the recordings cannot be read, or an option does not fit the windows.
    """
    if isinstance(corruption, Chain):
        parts = (
            replace(part, corruption=load_artefacts(part.corruption, windows)) for part in corruption.parts
        )
        return replace(corruption, parts=tuple(parts))
    if not isinstance(corruption, Artefacts):
        return corruption
    how = {"l_freq": corruption.l_freq, "h_freq": corruption.h_freq, "sfreq": windows.sfreq}
    path, top = corruption.path, windows.sfreq / 2
    if corruption.h_freq is not None and corruption.h_freq > top:
        raise EegdaeError(
            f"corruption.h_freq={corruption.h_freq:g}: must be {top:g} or less, half the rate of the "
            "windows, or null"
        )
    reading = {str(key): value for key, value in (corruption.reading or {}).items()}
    if "prepare" in reading:
        raise EegdaeError("corruption.reading.prepare: the filter is corruption.l_freq and corruption.h_freq")
    try:
        recordings = read_recordings(path if isinstance(path, str) else list(path), **reading, prepare=how)
    except EegdaeError as error:
        told = str(error).replace("data.prepare.", "corruption.").replace("data.path", "corruption.path")
        of_reading = "|".join((*reading, "sfreq", "layout"))
        told = re.sub(rf"(?<![\w/.])data\.(?=({of_reading})\b)", "corruption.reading.", told)
        raise EegdaeError(told) from error
    ready = corruption.with_recordings(recordings, sfreq=windows.sfreq, ch_names=windows.ch_names)
    log.info(f"artefacts: {ready.told(windows.ch_names)}")
    return ready
