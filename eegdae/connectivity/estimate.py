"""From windows of signals to matrices of connectivity, block by block."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from eegdae.connectivity.arrays import as_tensor
from eegdae.connectivity.autoregressive import fit_var
from eegdae.connectivity.bands import band_bins
from eegdae.connectivity.floors import SURROGATES, NoiseFloor, noise_floor, subtract_floor
from eegdae.connectivity.memory import memory_budget, release
from eegdae.connectivity.output import opened
from eegdae.connectivity.recording import FilteredRecording
from eegdae.connectivity.settings import Settings, check_settings
from eegdae.connectivity.short_windows import check_cycles
from eegdae.connectivity.spectra import spectra_of
from eegdae.errors import EegdaeError, did_you_mean

Signals = TypeVar("Signals", NDArray[Any], Tensor)

# Bytes of one frequency's complex signals: what stays near a core is twice as fast as what does not;
# a GPU wants large blocks.
_CPU_BLOCK, _GPU_BLOCK = 4 * 2**20, 64 * 2**20
_OF_SPECTRA = ("signals", "cross", "locking", "lags")
# How many times that is held at once, temporaries included (measured: 5 to 7).
_COPIES = 8


def connectivity(
    x: Signals,
    *,
    sfreq: float,
    measures: Sequence[str] = ("plv",),
    bands: Mapping[str, Sequence[float]] | None = None,
    estimator: str = "hilbert",
    freqs: Sequence[float] | NDArray[Any] | None = None,
    n_cycles: float | Sequence[float] | None = None,
    time_bandwidth: float | Sequence[float] | None = None,
    mt_bandwidth: float | None = None,
    n_per_segment: int | None = None,
    order: int | None = None,
    max_lag: int | None = None,
    covariance_estimator: str = "oas",
    mask: NDArray[np.bool_] | Tensor | None = None,
    starts: Sequence[int] | NDArray[Any] | None = None,
    n_times: int | None = None,
    floor: str | NoiseFloor | None = None,
    max_memory: int | float | str | None = None,
    out: str | Path | NDArray[Any] | None = None,
) -> Signals:
    r"""Compute measures of connectivity between the channels of each window, band by band.

    Parameters
    ----------
    x : ndarray or Tensor, shape (n_windows, n_chans, n_times)
        Windows, any unit; may be memory-mapped, and is read a block at a time. A window should hold six
        cycles or more of the lowest frequency. With ``filter_hilbert``: (n_chans, n_samples), a recording.
    sfreq : float
        Sampling rate, Hz.
    measures : sequence of str
        Names of `eegdae.connectivity.MEASURES`; see Notes.
    bands : mapping of str to pair of float, or None
        Name -> (lower, upper) edge, Hz; both edges belong to the band. None: one entry a frequency of `freqs`
        (``morlet``, ``multitaper``) or of the segments (``welch``: k sfreq / n_per_segment, k = 1, 2, ...).
    estimator : str
        How a band or frequency is taken out of a window. ``hilbert``: the analytic signal of the band inside
        the window. ``filter_hilbert``: of the recording, filtered before it is cut. ``morlet``: wavelets.
        ``multitaper``: tapered oscillations. ``welch``: overlapping segments. The value of a band is that of
        its signal for the first two and the mean over its frequencies, lo <= f <= hi, for the others.
    freqs : sequence of float, optional
        Hz, for ``morlet`` and ``multitaper``. Default: every whole Hz of the bands.
    n_cycles : float or sequence of float, optional
        Cycles in a wavelet or taper, one number or one a frequency. Default: 7.
    time_bandwidth : float or sequence of float, optional
        For ``multitaper``: length of a taper, s, times the full width of its band, Hz, one number or one a
        frequency. Default: 4.
    mt_bandwidth : float, optional
        For ``multitaper``, in place of `time_bandwidth`: the full width, Hz, at every frequency.
    n_per_segment : int, optional
        For ``welch``: samples of a segment; neighbours overlap by half. Default: a quarter of the window.
    order : int, optional
        For ``granger``, ``dtf`` and ``pdc``: samples of the past in the autoregressive model.
    max_lag : int, optional
        For ``cross_correlation``: largest lag, samples. Default: .1 s.
    covariance_estimator : str
        For ``covariance`` and ``partial_correlation``: ``oas``, ``ledoit_wolf`` or ``empirical``.
    mask : ndarray or Tensor of bool, shape of `x`, optional
        True = observed. A channel with an unobserved sample has NaN with every other (and itself) in that
        window; the others are computed as if it were not there (only ``partial_correlation``, ``dtf`` and
        ``pdc`` are of all channels together, and change).
    starts, n_times : sequence of int, int
        For ``filter_hilbert``: first sample of each window in the recording and samples of a window.
    floor : str or NoiseFloor, optional
        Take off what channels without coupling give (`subtract_floor`), as estimated from surrogates of these
        windows (``phase`` or ``shift``) or by formula (``closed_form``), see `noise_floor`; or a floor that
        was made before. Measures without bias, and diagonals, stay as they are.
    max_memory : int, float, str or None
        Bytes that may be taken beyond `x` and the result, or text such as ``"2 GiB"``. None: a quarter of
        what is free. Windows are computed in blocks that keep to it (of one window at least).
    out : str, Path or ndarray, optional
        Where to write: the path of an ``.npy`` file, which is made (under another name until it is complete),
        or an array of the shape and type of the result. Shows a progress bar on a terminal. A path's memory
        does not grow with the number of windows.

    Returns
    -------
    ndarray or Tensor, shape (n_windows, n_measures, n_bands or n_freqs, n_chans, n_chans)
        The kind of `x`, float64 for float64 and float32 otherwise; differentiable for tensors. Row = x,
        column = y of S_xy. With `out`, that array, or the file as a read-only memory map.

    Raises
    ------
    EegdaeError
        Where a measure, estimator, band or option is unknown, impossible, or none of this estimator; `x` has
        another number of dimensions, is complex, or holds NaN or infinite values outside the mask; there is
        one channel and a measure needs two.

    Notes
    -----
    ====================================  =====================  ========  =======================
    measure                               range                  diagonal  c[y, x] from c[x, y]
    ====================================  =====================  ========  =======================
    pearson spearman partial_correlation  [-1, 1]                1         the same
    cross_correlation                     [-1, 1]                1         the same
    cross_correlation_lag                 samples                0         minus; > 0: y follows x
    covariance                            unit of `x` squared              the same
    envelope_correlation                  [0, 1]                 0         the same
    plain_envelope_correlation            [-1, 1]                1         the same
    coherence, plv                        [0, 1]                 1         the same
    spectral_correlation                  [-1, 1]                1         the same
    imaginary_coherence                   [-1, 1]                0         minus; > 0: x is ahead
    phase_slope_index                     unbounded              0         minus; > 0: x is ahead
    lagged_coherence ciplv pli wpli       [0, 1]                 0         the same
    dpli                                  [0, 1]                 .5        1 minus; > .5: x is ahead
    debiased_wpli                         [-1, 1]                0         the same
    ppc                                   [-1 / (n - 1), 1]      1         the same
    granger dtf pdc                       [0, inf) [0, 1] [0, 1] 0         another: x acts on y
    power                                 ln unit^2              power     0 off the diagonal
    ====================================  =====================  ========  =======================

    Safe at zero lag (not created by instantaneous mixing of independent sources): ``imaginary_coherence``,
    ``lagged_coherence``, ``ciplv``, ``pli``, ``dpli``, ``wpli``, ``debiased_wpli``, ``envelope_correlation``
    (orthogonalised, see `eegdae.connectivity.envelope_correlation`), ``phase_slope_index``. Temporal measures
    take the band-limited signal, so they come from ``hilbert`` and ``filter_hilbert``; ``debiased_wpli`` and
    ``ppc`` are of segments, so they come from ``welch``. ``dtf`` and ``pdc`` are the generalised ones. The
    formula of each stands in the function of its name.
    """
    if not isinstance(x, np.ndarray | Tensor):
        raise EegdaeError(f"x: a {type(x).__name__}; give an ndarray or a tensor")
    source: FilteredRecording | None = None
    if estimator == "filter_hilbert":
        source = FilteredRecording(x, starts=starts, n_times=n_times)
        shape = source.shape
    elif x.ndim != 3:
        raise EegdaeError(
            f"x: shape {tuple(x.shape)}; expected three dimensions (n_windows, n_chans, n_times)"
        )
    else:
        shape = (int(x.shape[0]), int(x.shape[1]), int(x.shape[2]))
        if starts is not None or n_times is not None:
            raise EegdaeError(
                "starts, n_times: of windows in a recording, for estimator='filter_hilbert' alone"
            )
    n_windows, n_chans, length = shape
    settings = check_settings(
        n_chans=n_chans,
        n_times=length,
        sfreq=sfreq,
        measures=measures,
        bands=bands,
        estimator=estimator,
        freqs=freqs,
        n_cycles=n_cycles,
        time_bandwidth=time_bandwidth,
        mt_bandwidth=mt_bandwidth,
        n_per_segment=n_per_segment,
        order=order,
        max_lag=max_lag,
        covariance_estimator=covariance_estimator,
    )
    observed = _check_mask(mask, shape=shape, source=source)
    check_cycles(
        settings.bands,
        sfreq=settings.sfreq,
        n_times=length,
        measures=tuple(settings.measures),
        freqs=settings.freqs if settings.bands is None else None,
        estimator=estimator,
    )
    first, restore = as_tensor(x[:0], name="x")
    result_shape = (n_windows, len(settings.measures), len(settings.entries), n_chans, n_chans)
    budget = memory_budget(max_memory)
    if source is not None:
        source.prepare(settings, budget=budget)
    bias = _floor(floor, x, settings, n_times=length, source=source)
    size = _block_size(first, settings, n_chans=n_chans, n_times=length, budget=budget)
    blocks: list[Tensor] = []
    shown = out is not None and sys.stderr.isatty()
    with (
        opened(out, shape=result_shape, dtype=_numpy_dtype(first)) as write,
        tqdm(total=n_windows, unit="window", desc="connectivity", disable=not shown) as bar,
    ):
        for start in range(0, n_windows, size):
            stop = min(start + size, n_windows)
            block, _ = as_tensor(x[start:stop] if source is None else source.windows(start, stop), name="x")
            seen = None if observed is None else torch.as_tensor(observed[start:stop], device=block.device)
            values = _matrices(block, settings, start=start, observed=seen, source=source)
            if bias is not None:
                values = subtract_floor(values, bias)
            if write is None:
                blocks.append(values)
            else:
                write(start, values.detach().cpu().numpy())
                release(x)
            bar.update(stop - start)
    if out is not None:
        return cast(Signals, np.load(out, mmap_mode="r") if isinstance(out, str | Path) else out)
    return cast(Signals, restore(torch.cat(blocks) if blocks else first.new_zeros(result_shape)))


def _matrices(
    x: Tensor,
    settings: Settings,
    *,
    start: int,
    observed: Tensor | None,
    source: FilteredRecording | None,
) -> Tensor:
    """Every measure of a block of windows, (n_windows, n_measures, n_entries, n_chans, n_chans)."""
    lost = None
    if observed is not None:
        lost = ~observed.all(dim=-1)  # (n_windows, n_chans)
        x = x.masked_fill(lost[..., None], 0.0)
    _check_finite(x, start=start)
    n_windows, n_chans, _ = x.shape
    members = settings.members
    kinds = list(settings.measures.values())
    out = x.new_zeros((n_windows, len(kinds), len(members), n_chans, n_chans))
    sloped = any(kind.needs == "slope" for kind in kinds)
    cross: dict[int, Tensor] = {}
    if sloped or any(kind.needs in _OF_SPECTRA for kind in kinds):
        signals = spectra_of(x, settings) if source is None else source.spectra(start, start + n_windows)
        for numbers, spectra in signals:
            place = {number: k for k, number in enumerate(numbers)}
            inside = [[place[number] for number in member if number in place] for member in members]
            for k, kind in enumerate(kinds):
                if kind.needs not in _OF_SPECTRA:
                    continue
                values = kind.compute(spectra, settings)  # (n_windows, n_freqs, n_chans, n_chans)
                for entry, places in enumerate(inside):
                    if places:
                        # A slice where it can be one: it is not copied.
                        part = (
                            values[:, places[0] : places[-1] + 1] if _in_a_row(places) else values[:, places]
                        )
                        out[:, k, entry] += part.sum(dim=1) / len(members[entry])
            if sloped:
                cross.update({number: spectra.cross[:, k] for number, k in place.items()})
    for k, kind in enumerate(kinds):
        for entry, member in enumerate(members):
            if kind.needs == "slope":
                out[:, k, entry] = kind.compute(torch.stack([cross[number] for number in member], dim=1))
            elif kind.needs == "window":
                out[:, k, entry] = kind.compute(
                    x, settings.sfreq, list((settings.bands or {}).values())[entry]
                )
    _add_directed(out, x, settings)
    if lost is not None:
        gone = lost[:, None, None, :, None] | lost[:, None, None, None, :]
        out = out.masked_fill(gone, math.nan)
    return out


def _add_directed(out: Tensor, x: Tensor, settings: Settings) -> None:
    """Fill in the measures of an autoregressive model, computed once at every frequency of every band."""
    kinds = [(k, kind) for k, kind in enumerate(settings.measures.values()) if kind.needs == "model"]
    if not kinds:
        return
    hertz, members = settings.freqs, settings.members
    if not hertz:  # bands that are taken out whole: the bins of the window's Fourier transform inside them
        n_times, sfreq = x.shape[-1], settings.sfreq
        bins = [band_bins(band, sfreq=sfreq, n_times=n_times) for band in (settings.bands or {}).values()]
        used = sorted({number for inside in bins for number in inside})
        hertz = tuple(number * sfreq / n_times for number in used)
        members = tuple(tuple(used.index(number) for number in inside) for inside in bins)
    fit = cache(partial(fit_var, x, order=settings.order or 1))  # one for all that need it
    for k, kind in kinds:
        values = kind.compute(x, hertz, settings, fit)
        for entry, member in enumerate(members):
            out[:, k, entry] = values[:, list(member)].mean(dim=1)


def _in_a_row(places: list[int]) -> bool:
    return places[-1] - places[0] + 1 == len(places)


def _block_size(x: Tensor, settings: Settings, *, n_chans: int, n_times: int, budget: int) -> int:
    """Windows in a block: what stays near a core, and within the budget."""
    item = x.element_size()
    signals = 2 * item * n_chans * n_times
    if settings.wavelets is not None and settings.wavelets.time_bandwidths:
        signals *= max(1, math.floor(max(settings.wavelets.time_bandwidths) - 1))
    if settings.estimator == "welch":
        signals *= 2
    pairs = item * n_chans * n_chans
    matrices = pairs * len(settings.measures) * len(settings.members)
    if settings.estimator == "welch":  # segments times pairs of every frequency, for what is debiased
        matrices += 2 * pairs * len(settings.freqs) * 2 * n_times // settings.n_per_segment
    if any(kind.needs in ("slope", "model") for kind in settings.measures.values()):
        matrices += 2 * pairs * max(len(settings.freqs), n_times // 2)
    near = (_CPU_BLOCK if x.device.type == "cpu" else _GPU_BLOCK) // signals
    if settings.wavelets is not None and all(kind.needs != "signals" for kind in settings.measures.values()):
        near //= 2  # the matrices of all frequencies are what must stay near
    allowed = budget // (_COPIES * signals + 3 * matrices)
    return int(max(1, min(near, allowed)))


def _floor(
    floor: str | NoiseFloor | None,
    x: NDArray[Any] | Tensor,
    settings: Settings,
    *,
    n_times: int,
    source: FilteredRecording | None,
) -> NoiseFloor | None:
    """The floor of these windows, estimated if it is not given."""
    if floor is None or isinstance(floor, NoiseFloor):
        return floor
    if floor not in (*SURROGATES, "closed_form"):
        raise EegdaeError(
            f"floor: unknown way {floor!r}; {did_you_mean(str(floor), [*SURROGATES, 'closed_form'])}"
        )
    if source is not None:
        raise EegdaeError(
            f"floor: {floor!r}; surrogates are made of windows, and these are cut after the filter; "
            "give a NoiseFloor of the hilbert estimator, or use that"
        )
    return noise_floor(
        None if floor == "closed_form" else x,
        method=floor,
        n_times=n_times if floor == "closed_form" else None,
        **settings.as_options(),
    )


def _check_mask(
    mask: NDArray[np.bool_] | Tensor | None, *, shape: tuple[int, int, int], source: FilteredRecording | None
) -> NDArray[np.bool_] | Tensor | None:
    if mask is None:
        return None
    if source is not None:
        raise EegdaeError(
            "mask: a recording with gaps cannot be filtered; bridge them first, and give no mask"
        )
    if tuple(mask.shape) != shape or mask.dtype not in (np.dtype(bool), torch.bool):
        raise EegdaeError(
            f"mask: shape {tuple(mask.shape)} of {mask.dtype}; expected {shape} of bool, True = observed"
        )
    return mask


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
            "allowed: finite values; leave the window out, fill the gap or give mask="
        )


def _numpy_dtype(x: Tensor) -> np.dtype[Any]:
    return np.dtype(np.float64 if x.dtype == torch.float64 else np.float32)
