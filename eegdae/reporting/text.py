"""Signals and images drawn with letters, for a terminal."""

from __future__ import annotations

import numpy as np

from eegdae.inspection.facts import Example
from eegdae.inspection.images import Sheet

PLOT_WIDTH = 72
PLOT_CHANNELS = 8
PLOT_ROWS = 14
"""Lines of an image; a larger one is drawn smaller."""


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


def text_images(sheet: Sheet, *, plain: bool = False) -> str:
    """Draw images with letters side by side, as many as a line has room for, one of a class before others.

    Parameters
    ----------
    sheet : Sheet
        A glimpse of the images.
    plain : bool
        Draw with ASCII alone.

    Returns
    -------
    str
        The label above each; the darkest letter is white, the mean of all colours.
    """
    shades = " .:*#" if plain else " \u2591\u2592\u2593\u2588"
    seen = np.nan_to_num(sheet.images.mean(axis=1)) if len(sheet.images) else np.zeros((0, 1, 1))
    height, width = seen.shape[1:]
    step = max(1, -(-height // PLOT_ROWS), -(-2 * width // PLOT_WIDTH))
    each = 2 * -(-width // step)
    order = sorted(range(len(seen)), key=lambda k: sheet.labels[:k].count(sheet.labels[k]))
    shown = order[: max(1, (PLOT_WIDTH + 2) // (each + 2))]
    columns = []
    for k in shown:
        rows = [range(top, min(top + step, height)) for top in range(0, height, step)]
        places = [range(left, min(left + step, width)) for left in range(0, width, step)]
        light = [[float(seen[k][np.ix_(row, place)].mean()) for place in places] for row in rows]
        which = (np.clip(light, 0.0, 1.0) * (len(shades) - 1)).round().astype(int)
        drawn = ["".join(2 * shades[n] for n in row) for row in which]
        columns.append([f"{sheet.labels[k][:each]:<{each}}", *drawn])
    lines = ["  ".join(parts).rstrip() for parts in zip(*columns, strict=True)]
    return "\n".join([f"{sheet.name}, {len(shown)} of its images", *lines])
