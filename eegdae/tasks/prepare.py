"""From a configuration to windows and features: what training, extraction and classification share."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from eegdae.alignment import AlignmentSpec, first_rows
from eegdae.coder import observed_features
from eegdae.errors import EegdaeError
from eegdae.evaluation.baselines import eigenvalue_ratio
from eegdae.evaluation.recipe import Data, Recipe
from eegdae.evaluation.splits import GROUP_COLUMNS, group_labels
from eegdae.features import compute_views
from eegdae.recentring import Recentring
from eegdae.recordings import Reader, check_interpolated
from eegdae.recordings.recording import image_words
from eegdae.store import Unwritable
from eegdae.tasks.settings import Settings
from eegdae.tasks.stored import may_do_without, read_prepare, stored_windows
from eegdae.windows import Windows, make_windows

log = logging.getLogger("eegdae")


def load_windows(
    data: Mapping[str, Any], windows: Mapping[str, Any], how: Mapping[str, Any] | None = None
) -> Windows:
    """Read recordings and cut them, or take the windows that the same recordings gave before.

    Parameters
    ----------
    data : mapping
        Of `eegdae.recordings.load.Reader`.
    windows : mapping
        Keyword arguments of `make_windows`.
    how : mapping or None
        The group ``prepare``: ``store`` (folder of all stored windows; None = in memory), ``n_jobs``,
        ``backend``, ``address`` of `Workers`. None = in memory, in this process.

    Returns
    -------
    Windows
        All of them; from the store they are mapped into memory.
    """
    reader, options = Reader(data), read_prepare(how or {})
    files = reader.files()
    cut: Windows | None = None
    if options.store is not None:
        try:
            cut, n_recordings = stored_windows(reader, files, windows, options)
        except Unwritable as error:
            if not may_do_without(files, windows, options):
                raise
            log.warning(f"warning: {str(error).split('; ')[0]}; windows are kept in memory")
    if cut is None:
        recordings = [recording for file in files for recording in reader(file)]
        check_interpolated(data, [name for recording in recordings for name in recording.ch_names])
        cut, n_recordings = make_windows(recordings, classes=data.get("classes"), **windows), len(recordings)
    else:
        was_there = (name.rpartition("interpolated channel ")[2] for name in cut.dropped)
        check_interpolated(data, [*cut.ch_names, *was_there])
    n_subjects = cut.metadata["subject"].nunique()
    name, there = data.get("name", "data"), counted(n_recordings, "recording")
    if cut.image_shape is not None:
        log.info(f"{name}: {there}, {len(cut)} {image_words(cut.image_shape)} ({', '.join(cut.ch_names)})")
    else:
        log.info(
            f"{name}: {there} of {counted(n_subjects, 'person', 'people')}, {counted(len(cut), 'window')} of "
            f"{cut.n_chans} channels x {cut.n_times} samples at {cut.sfreq:g} Hz"
        )
    for reason, count in cut.dropped.items():
        log.info(f"left out: {reason} ({count})")
    for note in cut.notes:
        log.info(f"prepared: {note}")
    return cut


def counted(n: int, one: str, many: str = "") -> str:
    """Say how many there are: ``1 fold``, ``2 folds``."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def check_alignment(windows: Windows, how: AlignmentSpec) -> None:
    """Refuse images, and groups with too few windows, before features are computed for minutes."""
    if how.is_of_signals and windows.image_shape is not None:
        raise EegdaeError(
            f"alignment={how.kind}: mixes the channels of signals, and these are images; use none"
        )
    if how.kind != "none":
        first_rows(how.groups(windows.metadata), how.n_windows)


def recentre(windows: Windows, how: AlignmentSpec) -> Windows:
    """Re-centre the signals of each subject or session, where the alignment is of signals.

    Parameters
    ----------
    windows : Windows
        All of them.
    how : AlignmentSpec
        Of the run.

    Returns
    -------
    Windows
        The same, or without a unit: see `Recentring`.

    Raises
    ------
    EegdaeError
        If a group has fewer windows than it is to be aligned by, or cannot be re-centred.
    """
    check_alignment(windows, how)
    recentring = Recentring.fit(windows, how)
    if recentring.ranks:
        low, high = min(recentring.ranks.values()), max(recentring.ranks.values())
        rank = f"{low}" if low == high else f"{low} to {high}"
        log.info(
            f"alignment: {counted(len(recentring.ranks), how.by)} re-centred ({how.kind}) in {rank} of "
            f"{windows.n_chans} dimensions"
        )
    return recentring.transform(windows)


def before_folds(recorded: Windows, recipe: Recipe) -> Windows:
    """Do to windows what is the same in every fold.

    Parameters
    ----------
    recorded : Windows
        All of them.
    recipe : Recipe
        Of the run.

    Returns
    -------
    Windows
        Re-centred as `recentre` does it; where each fold corrects ocular artefacts first, as they were
        recorded, without the channels that no view sees.

    Raises
    ------
    EegdaeError
        As `recentre` does, and if an ocular channel is not there or samples are missing.
    """
    if recipe.ocular is None:
        return recentre(recorded, recipe.alignment)
    windows = recipe.ocular.without_eyes(recorded)
    check_alignment(windows, recipe.alignment)
    return windows


def make_data(windows: Windows, settings: Settings, *, recorded: Windows | None = None) -> Data:
    """Compute the views of windows and what else is judged beside them.

    Where ocular artefacts are corrected each fold computes the views of its own, and only the first two
    windows are looked at, to see that the views are possible.

    Parameters
    ----------
    windows : Windows
        All of them, re-centred where that is asked for; without the channels that no view sees.
    settings : Settings
        Which views and baselines.
    recorded : Windows or None
        The same as they were recorded: what cleaning left in them is told by these, and ocular artefacts are
        corrected in these; None = ``windows``.

    Returns
    -------
    Data
        As computed: whatever is fitted is fitted inside the folds.
    """
    views = settings.recipe.views
    # features may take minutes: what does not fit the channels is said before
    settings.recipe.objective.for_channels(windows.ch_names)
    in_folds = settings.recipe.ocular is not None
    features = compute_views(first_windows(windows) if in_folds else windows, views)
    extra = {}
    if "eigenvalue_ratio" in settings.recipe.baselines:
        extra["eigenvalue_ratio"] = eigenvalue_ratio(windows if recorded is None else recorded)
    sizes = ", ".join(f"{view.name} {features[view.name].shape[1]}" for view in views)
    log.info(f"features: {sizes}")
    return Data(
        features={} if in_folds else features,
        target=windows.metadata["target"].to_numpy(np.int64),
        n_classes=len(windows.classes),
        n_chans=windows.n_chans,
        observed=observed_features(windows),
        groups={by: group_labels(windows.metadata, by) for by in GROUP_COLUMNS},
        sfreq=windows.sfreq,
        extra=extra,
        ch_names=windows.ch_names,
        image_shape=windows.image_shape,
        recorded=(windows if recorded is None else recorded) if in_folds else None,
    )


def first_windows(windows: Windows, n: int = 2) -> Windows:
    """Take the first windows, enough to see whether a view is possible, and how wide it is."""
    mask = None if windows.mask is None else windows.mask[:n]
    return replace(windows, x=windows.x[:n], metadata=windows.metadata[:n], mask=mask)


def plain_config(config: Any) -> dict[str, Any]:
    """Resolve a composed Hydra configuration into plain Python.

    Raises
    ------
    EegdaeError
        If a mandatory value is missing or an interpolation does not resolve.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

    try:
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        first = str(error).splitlines()[0]
        key = getattr(error, "full_key", None) or ""
        if isinstance(error, MissingMandatoryValue):
            raise EegdaeError(f"{key}: is needed; give {key}=...") from error
        raise EegdaeError(f"{key}: {first}") from error
    return {str(key): value for key, value in plain.items()}  # type: ignore[union-attr]
