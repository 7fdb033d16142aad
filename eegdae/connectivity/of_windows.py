"""From windows to matrices that know what they are: reference, connectivity, masks and rank in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from eegdae.connectivity.covariance import covariance, estimate_rank
from eegdae.connectivity.estimate import connectivity
from eegdae.connectivity.matrices import Matrices, measured
from eegdae.connectivity.montage import mask_interpolated
from eegdae.connectivity.settings import Settings, check_settings
from eegdae.errors import EegdaeError
from eegdae.recordings.reference import ALREADY, montage_operator, recorded, shares_of

if TYPE_CHECKING:
    from eegdae.connectivity.floors import NoiseFloor
    from eegdae.windows import Windows

# Windows whose covariances are held at once.
_BLOCK = 64
# Options that matrices have fields for.
_FIELDS = ("sfreq", "measures", "bands", "estimator")


def connectivity_of(
    windows: Windows,
    *,
    reference: str | Sequence[str] | None = None,
    laplacian: bool = False,
    bands: Mapping[str, Sequence[float]] | None = None,
    measures: Sequence[str] = ("plv",),
    floor: str | NoiseFloor | None = None,
    max_memory: int | float | str | None = None,
    **options: Any,
) -> Matrices:
    """Compute connectivity between the channels of windows, and keep with it what it was made of.

    Parameters
    ----------
    windows : Windows
        Of `eegdae.make_windows`. Where they have a mask, a channel with a gap in a window has no edge in it.
    reference : str, sequence of str or None
        Taken off the windows first: ``"average"`` or names of channels; None = as they are. See
        `eegdae.recordings.reference.reference_operator`. It is that of these channels: an average over the
        few that caps share is another one than over all of a cap, which ``data.prepare.reference`` takes.
    laplacian : bool
        Whether to take the surface Laplacian, after the reference. Needs ``windows.ch_pos``.
    bands, measures, floor, max_memory
        As in `eegdae.connectivity`.
    **options
        Others of `eegdae.connectivity`: ``estimator``, ``freqs``, ``n_cycles``, ``order``, ...

    Returns
    -------
    Matrices
        float32 as the windows are. Masked: edges of interpolated channels, of channels with a gap in the
        window, and of the one channel that is the reference. The rank is that of the mean covariance after
        reference and Laplacian, of windows without gaps; None where there is none. The options are complete:
        what was left out has its default.

    Raises
    ------
    EegdaeError
        As `eegdae.connectivity` and `eegdae.recordings.reference.montage_operator`; where the windows are
        surface Laplacians already and another reference is asked for; for ``filter_hilbert``, which takes a
        recording.
    """
    if options.get("estimator") == "filter_hilbert":
        raise EegdaeError(
            "estimator: 'filter_hilbert' takes a whole recording, and these are windows; choose hilbert, or "
            "call eegdae.connectivity with starts"
        )
    settings = check_settings(
        n_chans=windows.n_chans,
        n_times=windows.n_times,
        sfreq=windows.sfreq,
        bands=bands,
        measures=measures,
        **options,
    )
    operator = montage_operator(
        windows.ch_names,
        units=windows.units,
        ch_pos=windows.ch_pos,
        reference=reference,
        laplacian=laplacian,
    )
    changed = reference is not None or laplacian
    if changed and windows.laplacian:
        raise EegdaeError(ALREADY)
    x, mask = _applied(operator, windows.x, windows.mask) if changed else (windows.x, windows.mask)
    values = connectivity(
        x,
        sfreq=windows.sfreq,
        bands=bands,
        measures=measures,
        mask=mask,
        floor=floor,
        max_memory=max_memory,
        **options,
    )
    observed = np.ones(x.shape[:2], dtype=bool)  # (n_windows, n_chans)
    if mask is not None:
        observed = np.asarray(mask.all(axis=-1))
    there = np.asarray(observed & operator.any(axis=1))  # a channel that is its own reference is zero
    resolved = settings.as_options()
    resolved["floor"] = getattr(floor, "method", floor)
    m = Matrices(
        values=values,
        mask=_edges(there, settings),
        measures=tuple(settings.measures),
        ch_names=windows.ch_names,
        bands=settings.bands,
        freqs=None if settings.bands is not None else settings.freqs,
        ch_pos=windows.ch_pos,
        sfreq=windows.sfreq,
        n_times=windows.n_times,
        estimator=settings.estimator,
        reference=recorded(reference, windows.reference),
        laplacian=laplacian or windows.laplacian,
        rank=_rank(x, np.asarray(observed.all(axis=1))),
        options={k: v for k, v in resolved.items() if k not in _FIELDS and v is not None},
    )
    return mask_interpolated(m, windows.interpolated)


def _applied(
    operator: NDArray[np.float64], x: NDArray[np.float32], mask: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """Windows after an operator, one at a time in float64, and where all that went into them was observed."""
    out = np.empty(x.shape, dtype=np.float32)
    for k, window in enumerate(x):
        out[k] = operator @ window.astype(np.float64)
    if mask is not None:
        mask = mask & mask[:, shares_of(operator)].all(axis=1, keepdims=True)
        out[~mask] = 0.0
    return out, mask


def _edges(there: NDArray[np.bool_], settings: Settings) -> NDArray[np.bool_]:
    """Entries that are measured: (n_windows, n_measures, 1, n_chans, n_chans), fewer where all are alike."""
    kinds = np.stack([measured(name, there.shape[1]) for name in settings.measures])[:, None]
    if there.all():
        return kinds
    return kinds & (there[:, :, None] & there[:, None, :])[:, None, None]


def _rank(x: NDArray[np.float32], whole: NDArray[np.bool_]) -> int | None:
    """Rank of the mean covariance of the windows without gaps."""
    numbers = np.flatnonzero(whole)
    if not len(numbers):
        return None
    total = torch.zeros((x.shape[1], x.shape[1]), dtype=torch.float64)
    for start in range(0, len(numbers), _BLOCK):
        block = torch.from_numpy(np.array(x[numbers[start : start + _BLOCK]]))
        total += covariance(block).double().sum(dim=0)
    mean = (total / len(numbers)).to(block.dtype)  # the tolerance is that of the signals' precision
    return int(estimate_rank(mean))
