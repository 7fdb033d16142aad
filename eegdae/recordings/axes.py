"""Arrays whose axes stand in any order: one signal of (n_chans, n_times) a trial."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eegdae.errors import EegdaeError, did_you_mean

LAYOUTS = (
    *("_".join(axes) for axes in permutations(("channels", "times"))),
    *("_".join(axes) for axes in permutations(("trials", "channels", "times"))),
    *("_".join(axes) for axes in permutations(("trials", "times"))),
)
"""What the axes of an array can be, in its order."""


def signals_of(values: NDArray[Any], layout: object, *, where: str) -> list[NDArray[Any]]:
    """Part an array into signals.

    Parameters
    ----------
    values : ndarray
        Two or three axes. Where there is no axis of channels, there is one channel.
    layout : object
        One of `LAYOUTS`.
    where : str
        What an error calls the array.

    Returns
    -------
    list of ndarray, shape (n_chans, n_times)
        Views, one a trial; one where there is no axis of trials.

    Raises
    ------
    EegdaeError
        If the layout is unknown or does not fit the array.
    """
    shape = " x ".join(map(str, values.shape))
    if layout not in LAYOUTS:
        raise EegdaeError(f"data.layout={layout!r}: what the axes of {where} ({shape}) are; {_hint(layout)}")
    axes = str(layout).split("_")
    if values.ndim != len(axes):
        fit = [known for known in LAYOUTS if known.count("_") + 1 == values.ndim]
        mend = f"{', '.join(fit)} would fit" if fit else "two or three axes are needed"
        raise EegdaeError(f"{where} has shape {shape}, but data.layout={layout}; {mend}")
    if "channels" not in axes:
        return list((values if axes[0] == "trials" else values.T)[:, None])
    if "trials" not in axes:
        return [values if axes[0] == "channels" else values.T]
    order = [axes.index(axis) for axis in ("trials", "channels", "times")]
    return list(np.transpose(values, order))


def _hint(layout: object) -> str:
    return f"one of {', '.join(LAYOUTS)}" if layout is None else did_you_mean(layout, LAYOUTS)
