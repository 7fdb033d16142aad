"""Convolution of windows with wavelets of many lengths, several wavelets at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from scipy.fft import next_fast_len
from torch import Tensor
from torch.nn.functional import pad

# Bytes of complex spectra that are transformed at a time: what stays near a core is faster. A GPU has no
# such place and wants much at once.
_CPU_BLOCK, _GPU_BLOCK = 2**20, 64 * 2**20


@dataclass(frozen=True)
class Run:
    """Neighbours in a list of wavelets that share the length of their Fourier transform."""

    start: int
    """Number of the first in the list."""

    transfer: Tensor
    """Their transforms, shape (n_wavelets, [n_tapers,] 1, n_fft), complex."""


def plan_convolution(
    wavelets: Sequence[Tensor], *, n_times: int, dtype: torch.dtype, device: torch.device
) -> tuple[Run, ...]:
    """Transform wavelets once, for all windows of a length.

    Parameters
    ----------
    wavelets : sequence of Tensor, shape ([n_tapers,] n_samples)
        complex128, each no longer than the window.
    n_times : int
        Samples in a window.
    dtype, device : torch.dtype, torch.device
        Of the windows.

    Returns
    -------
    tuple of Run
        In the order of `wavelets`.
    """
    runs: list[tuple[int, list[Tensor]]] = []
    for k, wavelet in enumerate(wavelets):
        # Half a wavelet of zeros is enough: what wraps around the end falls on the half that is cut off.
        transfer = transfer_function(wavelet, fast_length(n_times + wavelet.shape[-1] // 2))
        if not runs or runs[-1][1][0].shape != transfer.shape:
            runs.append((k, []))
        runs[-1][1].append(transfer)
    kind = dtype.to_complex()
    return tuple(Run(start, torch.stack(some).unsqueeze(-2).to(device, kind)) for start, some in runs)


def convolve(x: Tensor, runs: Sequence[Run]) -> Iterator[tuple[slice, Tensor]]:
    """Convolve each channel with each wavelet, and keep the middle (mode "same").

    One wavelet at a time for many windows, several for few: a Fourier transform is fast where the memory
    is near. Measured against matrix products with banded or band-limited wavelets, which are at best equal.

    Parameters
    ----------
    x : Tensor, shape (..., n_chans, n_times)
        Real, of the length, type and device that the runs are for.
    runs : sequence of Run
        The wavelets.

    Yields
    ------
    rows : slice
        Which wavelets; every one once, in order.
    z : Tensor, shape (..., n_rows, [n_tapers,] n_chans, n_times)
        Complex. The last axis is contiguous, and the others may have gaps.
    """
    n_times = x.shape[-1]
    block = _CPU_BLOCK if x.device.type == "cpu" else _GPU_BLOCK
    spectrum = None
    for run in runs:
        transfer = run.transfer
        n_fft = transfer.shape[-1]
        if x.numel() == 0:  # which a Fourier transform refuses
            shape = (*x.shape[:-2], *transfer.shape[:-2], *x.shape[-2:])
            yield slice(run.start, run.start + len(transfer)), transfer.new_zeros(shape)
            continue
        if spectrum is None or spectrum.shape[-1] != n_fft:
            spectrum = torch.fft.fft(x, n=n_fft)
        extended = spectrum[(..., *[None] * (transfer.ndim - 2), slice(None), slice(None))]
        n_bytes = spectrum.numel() * spectrum.element_size() * (transfer[0].numel() // n_fft)
        size = max(1, block // n_bytes)
        for first in range(0, len(transfer), size):
            some = transfer[first : first + size]
            start = run.start + first
            yield slice(start, start + len(some)), torch.fft.ifft(extended * some)[..., :n_times]


def transfer_function(wavelet: Tensor, n_fft: int) -> Tensor:
    """Transform a wavelet, its middle at time 0.

    Parameters
    ----------
    wavelet : Tensor, shape (..., n_samples)
        Complex.
    n_fft : int
        Length of the transform, n_samples or more.

    Returns
    -------
    Tensor, shape (..., n_fft)
        Complex.
    """
    n_samples = wavelet.shape[-1]
    centred = pad(wavelet, (0, n_fft - n_samples)).roll(-((n_samples - 1) // 2), dims=-1)
    transfer: Tensor = torch.fft.fft(centred)
    return transfer


def fast_length(n: int) -> int:
    """Find a length of a fast Fourier transform: four times a product of 2, 3 and 5.

    Parameters
    ----------
    n : int
        The least length.

    Returns
    -------
    int
        `n` or a little more. Odd lengths, and multiples of 7 or 11, take up to twice as long a sample.
    """
    return 4 * int(next_fast_len(-(-n // 4), real=True))
