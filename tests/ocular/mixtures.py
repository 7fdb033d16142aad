"""Signals with eyes in them: what the brain does, what the eyes do, and how much of it each channel has."""

from __future__ import annotations

import numpy as np
import pandas as pd

from eegdae.windows import Windows

NAMES = ("Fp1", "F3", "C3", "P3", "O1", "Fz", "Cz", "Pz", "F4", "C4", "P4", "O2", "EOG")
REACH = np.array([0.8, 0.5, 0.25, 0.1, 0.05, 0.5, 0.3, 0.12, 0.45, 0.2, 0.1, 0.04, 1.0])
"""How much of the EOG each channel has: known, so that it can be recovered."""
SFREQ = 100.0


def blinks(n, rng, *, height=150.0):
    """Pulses of 0.3 s at random, about one every two seconds: shape (n,), in microvolt."""
    at = np.zeros(n)
    at[rng.choice(n, n // 200, replace=False)] = height
    return np.convolve(at, np.hanning(30), "same")


def brain(n, rng):
    """Eleven sources, mixed into 12 EEG channels and not into the EOG: shape (13, n)."""
    sources = rng.laplace(size=(11, n))
    sources = np.apply_along_axis(np.convolve, 1, sources, np.ones(3) / 3, "same")
    mixing = np.eye(12, 11) + 0.3 * rng.normal(size=(12, 11))
    return np.vstack([10 * mixing @ sources, np.zeros(n)])


def mixture(n_windows=60, n_times=200, seed=0):
    """Windows (n_windows, 13, n_times) of brain and eyes, and those of the brain alone."""
    rng = np.random.default_rng(seed)
    n = n_windows * n_times
    clean = brain(n, rng) + rng.normal(size=(13, 1)) * 20
    x = clean + REACH[:, None] * blinks(n, rng)
    return tuple(part.reshape(13, n_windows, n_times).transpose(1, 0, 2) for part in (x, clean))


def windows(x, ch_names=NAMES, **changes):
    """Windows of three people in turn, two classes."""
    n = len(x)
    who = [str(3 * k // n) for k in range(n)]
    metadata = pd.DataFrame({"subject": who, "session": "s", "run": "r", "trial": range(n)})
    options = {"sfreq": SFREQ, "ch_names": tuple(ch_names), "units": ("uV",) * len(ch_names)}
    return Windows(x.astype(np.float32), metadata, **{**options, **changes})
