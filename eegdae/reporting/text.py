"""Signals drawn with letters, for a terminal."""

from __future__ import annotations

import numpy as np

from eegdae.inspection.facts import Example

PLOT_WIDTH = 72
PLOT_CHANNELS = 8


def text_plot(example: Example, *, plain: bool = False) -> str:
    """Draw some seconds of a recording with letters, a line a channel.

    Parameters
    ----------
    example : Example
        A glimpse of the signals.
    plain : bool
        Draw with ASCII alone.

    Returns
    -------
    str
        Eight channels at most; each from its smallest to its largest value.
    """
    levels = " .:-=+*#" if plain else "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
    seconds = example.data.shape[1] / example.sfreq
    lines = [f"{example.name}, {seconds:.3g} s from {example.start / example.sfreq:.4g} s on"]
    for name, unit, values in list(zip(example.ch_names, example.units, example.data, strict=True))[
        :PLOT_CHANNELS
    ]:
        columns = [part[np.isfinite(part)] for part in np.array_split(values, min(PLOT_WIDTH, len(values)))]
        heights = np.array([part.mean() if part.size else np.nan for part in columns])
        low, high = (np.nanmin(heights), np.nanmax(heights)) if np.isfinite(heights).any() else (0.0, 0.0)
        places = np.nan_to_num((heights - low) / ((high - low) or 1.0)) * (len(levels) - 1)
        drawn = "".join(
            levels[round(p)] if np.isfinite(h) else " " for p, h in zip(places, heights, strict=True)
        )
        lines.append(f"{name[:12]:<12} {drawn} {low:.3g} to {high:.3g} {unit}")
    if example.n_chans > PLOT_CHANNELS:
        lines.append(f"and {example.n_chans - PLOT_CHANNELS} more channels")
    return "\n".join(lines)
