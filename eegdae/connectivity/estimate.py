"""From windows of signals to matrices of connectivity, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, overload

import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.connectivity.arrays import as_tensor
from eegdae.connectivity.bands import analytic_signals, check_bands
from eegdae.connectivity.measures import get_measure
from eegdae.errors import EegdaeError, did_you_mean

Estimator = Callable[..., Iterator[Tensor]]

ESTIMATORS: Mapping[str, Estimator] = {"hilbert": analytic_signals}
"""Name -> function of (x, sfreq, bands=) that gives one complex signal a band."""

# Bytes of one band's complex signal: what stays near a core is twice as fast as what does not;
# a GPU wants large blocks. Temporaries are a few times this.
_CPU_BLOCK, _GPU_BLOCK = 4 * 2**20, 64 * 2**20


@overload
def connectivity(
    x: NDArray[Any],
    *,
    sfreq: float,
    bands: Mapping[str, Sequence[float]],
    measures: Sequence[str] = ...,
    estimator: str = ...,
) -> NDArray[Any]: ...
@overload
def connectivity(
    x: Tensor,
    *,
    sfreq: float,
    bands: Mapping[str, Sequence[float]],
    measures: Sequence[str] = ...,
    estimator: str = ...,
) -> Tensor: ...
def connectivity(
    x: NDArray[Any] | Tensor,
    *,
    sfreq: float,
    bands: Mapping[str, Sequence[float]],
    measures: Sequence[str] = ("plv",),
    estimator: str = "hilbert",
) -> NDArray[Any] | Tensor:
    """Compute measures of connectivity between the channels of each window, band by band.

    Parameters
    ----------
    x : ndarray or Tensor, shape (n_windows, n_chans, n_times)
        Windows, any unit; may be memory-mapped, and is read a block at a time. A window should hold six
        cycles or more of the lowest frequency.
    sfreq : float
        Sampling rate, Hz.
    bands : mapping of str to pair of float
        Name -> (lower, upper) edge, Hz; both edges belong to the band.
    measures : sequence of str
        Of ``pearson`` (correlation of the band-limited signals), ``plv`` (phase-locking value) and ``power``
        (natural log of the band's power in unit^2, on the diagonal, 0 elsewhere).
    estimator : str
        How a band is taken out of a window: ``hilbert``, the analytic signal inside the window.

    Returns
    -------
    ndarray or Tensor, shape (n_windows, n_measures, n_bands, n_chans, n_chans)
        The kind of `x`, float64 for float64 and float32 otherwise; differentiable for tensors. Row = x,
        column = y.

    Raises
    ------
    EegdaeError
        Where a measure, estimator or band is unknown or impossible; `x` has another number of dimensions, is
        complex, or holds NaN or infinite values; there is one channel and a measure needs two.

    Notes
    -----
    None of these measures is safe at zero lag: one source seen by two channels gives a high value.
    """
    if x.ndim != 3:
        raise EegdaeError(
            f"x: shape {tuple(x.shape)}; expected three dimensions (n_windows, n_chans, n_times)"
        )
    n_windows, n_chans, n_times = x.shape
    chosen = [get_measure(name) for name in check_measures(measures, n_chans=n_chans)]
    if estimator not in ESTIMATORS:
        raise EegdaeError(
            f"estimator: unknown estimator {estimator!r}; {did_you_mean(str(estimator), ESTIMATORS)}"
        )
    edges = list(
        check_bands(bands, sfreq=sfreq, n_times=n_times, min_bins=max(m.min_bins for m in chosen)).values()
    )
    first, restore = as_tensor(x[:0], name="x")
    complex_bytes = 2 * first.element_size()
    size = max(
        1, (_CPU_BLOCK if first.device.type == "cpu" else _GPU_BLOCK) // (n_chans * n_times * complex_bytes)
    )
    blocks = [first.new_zeros((0, len(chosen), len(edges), n_chans, n_chans))]
    for start in range(0, n_windows, size):
        block, _ = as_tensor(x[start : start + size], name="x")
        _check_finite(block, start=start)
        by_band = [
            torch.stack([measure.compute(z) for measure in chosen], dim=1)
            for z in ESTIMATORS[estimator](block, float(sfreq), bands=edges)
        ]
        blocks.append(torch.stack(by_band, dim=2))
    return restore(torch.cat(blocks))


def check_measures(measures: Sequence[str], *, n_chans: int) -> tuple[str, ...]:
    """Refuse measures that do not exist or that these channels cannot have.

    Parameters
    ----------
    measures : sequence of str
        Names, each once.
    n_chans : int
        Channels of a window.

    Returns
    -------
    tuple of str
        The names.

    Raises
    ------
    EegdaeError
        Where there is none, one is unknown or stands twice, or one needs two channels and there is one.
    """
    if isinstance(measures, str):
        raise EegdaeError(f"measures: {measures!r} is one string; give a list of names: [{measures}]")
    names = tuple(measures)
    if not names:
        raise EegdaeError("measures: the list is empty; name at least one measure")
    for name in names:
        if get_measure(name).of_pairs and n_chans < 2:
            raise EegdaeError(
                f"measures: {name!r} needs two channels or more and there is {n_chans}; use power"
            )
    if len(set(names)) < len(names):
        raise EegdaeError(f"measures: {list(names)} names one twice; name each once")
    return names


def _check_finite(block: Tensor, *, start: int) -> None:
    """Name the first window and channel that is not finite; `start` is the number of the block's first."""
    # One sum of a block is cheaper than a mask of it, and not finite where an entry is not.
    if bool(torch.isfinite(block.detach().sum())):
        return
    bad = (~torch.isfinite(block.detach())).nonzero()
    if len(bad):
        window, channel, sample = bad[0].tolist()
        value = "NaN" if bool(torch.isnan(block[window, channel, sample])) else "infinite"
        raise EegdaeError(
            f"x: {value} in window {start + window}, channel {channel}, sample {sample}; "
            "allowed: finite values; leave the window out or fill the gap"
        )
