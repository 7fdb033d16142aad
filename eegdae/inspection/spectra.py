"""Spectra of whole recordings, and the hum of the mains in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from eegdae.inspection.findings import Sign
from eegdae.recordings.recording import Recording

SECONDS = 4.0
MOST_SEGMENTS = 128
MAINS = (50.0, 60.0)
_PEAK = 0.75  # hertz on either side that count as the peak
_NEAR, _FAR = 2.0, 6.0  # hertz on either side between which its neighbourhood lies
_LEAST_DB = 10.0
_STRONG_SHARE = 0.05


def spectrum(recording: Recording) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Estimate the power spectral density of every channel.

    Welch's method with the median over segments, which single artefacts do not move: Hann windows of 4 s
    (256 samples at least), half overlapping, of a long recording 128 of them evenly spread. Segments with a
    sample that was not observed are left out.

    Parameters
    ----------
    recording : Recording
        Any recording.

    Returns
    -------
    freqs : ndarray of float64, shape (n_freqs,)
        Hertz.
    power : ndarray of float64, shape (n_chans, n_freqs)
        Unit squared per hertz; NaN for a channel without a whole segment.

    References
    ----------
    P. D. Welch, The use of fast Fourier transform for the estimation of power spectra, IEEE Transactions on
    Audio and Electroacoustics 15, 1967.
    """
    n_times, sfreq = recording.n_times, recording.sfreq
    length = min(max(round(SECONDS * sfreq), 256), n_times)
    starts = np.arange(0, n_times - length + 1, max(length // 2, 1))
    if len(starts) > MOST_SEGMENTS:
        starts = starts[np.linspace(0, len(starts) - 1, MOST_SEGMENTS).astype(int)]
    taper = np.hanning(length + 1)[:-1]
    freqs: NDArray[np.float64] = np.fft.rfftfreq(length, 1 / sfreq).astype(np.float64)
    power: NDArray[np.float64] = np.full((recording.n_chans, len(freqs)), np.nan)
    for chan, values in enumerate(recording.data):
        seen = None if recording.mask is None else recording.mask[chan]
        whole = [s for s in starts if seen is None or seen[s : s + length].all()]
        if whole:
            parts = np.stack([values[s : s + length] for s in whole]).astype(np.float64)
            parts -= parts.mean(axis=1, keepdims=True)
            density = np.abs(np.fft.rfft(parts * taper)) ** 2 * (2 / (sfreq * np.sum(taper**2)))
            power[chan] = np.median(density, axis=0)
    return freqs, power


def line_noise(freqs: NDArray[np.float64], power: NDArray[np.float64], names: tuple[str, ...]) -> list[Sign]:
    """Look for a peak at 50 or 60 Hz that stands out of its neighbourhood by 10 decibels or more.

    Parameters
    ----------
    freqs : ndarray of float64, shape (n_freqs,)
        Hertz.
    power : ndarray of float64, shape (n_chans, n_freqs)
        As `spectrum` gives it.
    names : tuple of str, length n_chans
        The channels.

    Returns
    -------
    list of Sign
        ``"50 Hz, strong"`` where the peak holds 5 % of the power above 0.5 Hz or more in some channel, else
        ``"50 Hz, weak"``; likewise 60 Hz.
    """
    found = []
    for mains in MAINS:
        off = np.abs(freqs - mains)
        near, around = off <= _PEAK, (off >= _NEAR) & (off <= _FAR)
        if not near.any() or not around[freqs < mains].any() or freqs[-1] < mains + 2 * _NEAR:
            continue
        floor = np.median(power[:, around], axis=1)
        peak = power[:, near].max(axis=1)
        total = power[:, freqs >= 0.5].sum(axis=1)
        share = (power[:, near] - floor[:, None]).sum(axis=1) / np.where(total > 0, total, np.inf)
        decibel = 10 * np.log10(np.divide(peak, floor, out=np.ones_like(peak), where=floor > 0))
        loud = (decibel >= _LEAST_DB) & (share >= 1e-3)  # NaN compares False
        if loud.any():
            worst = int(np.where(loud, share, -1).argmax())
            strength = "strong" if share[worst] >= _STRONG_SHARE else "weak"
            said = (
                f"line noise: {mains:g} Hz stands {decibel[worst]:.0f} dB above its neighbourhood in "
                f"{names[worst]} and holds {100 * share[worst]:.2g} % of the power there"
            )
            channels = tuple(names[chan] for chan in np.flatnonzero(loud))
            found.append(Sign(f"{mains:g} Hz, {strength}", float(share[worst]), said, channels))
    return found


def join_strengths(signs: Sequence[Sequence[Sign]]) -> list[list[Sign]]:
    """Count weak hum as strong where it is strong in another recording, so that it is one finding.

    Parameters
    ----------
    signs : sequence of sequence of Sign, length n_recordings
        Of any kind.

    Returns
    -------
    list of list of Sign
        The same, of ``"50 Hz, weak"`` and ``"60 Hz, weak"`` perhaps other kinds.
    """
    kinds = {sign.kind for of_one in signs for sign in of_one}
    joined = {f"{mains:g} Hz, weak": f"{mains:g} Hz, strong" for mains in MAINS}
    known = {weak: strong for weak, strong in joined.items() if strong in kinds}
    return [[replace(sign, kind=known.get(sign.kind, sign.kind)) for sign in of_one] for of_one in signs]
