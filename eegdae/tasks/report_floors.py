"""How far the connectivity of a run lies above what its windows would give without any coupling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from eegdae.connectivity import MEASURES, connectivity, mean_modulus, noise_floor
from eegdae.errors import EegdaeError
from eegdae.features import View
from eegdae.reporting import FloorExample
from eegdae.windows import Windows

# Windows that the means are of: enough for two digits, and a second or two of a report.
MOST_WINDOWS = 500


def floor_examples(views: Sequence[View], windows: Windows, *, seed: int) -> list[FloorExample]:
    """Compare the measures of all views with their noise floors.

    Parameters
    ----------
    views : sequence of View
        Those without pairs of channels or without bands have no example.
    windows : Windows
        Of the run; evenly spaced ones are taken where there are many.
    seed : int
        Of the surrogates.

    Returns
    -------
    list of FloorExample
        One for all views with the same bands.
    """
    x = windows.x[:: max(1, -(-len(windows) // MOST_WINDOWS))]
    found: dict[tuple[tuple[str, tuple[float, float]], ...], dict[str, FloorExample]] = {}
    for view in views:
        kind = MEASURES.get(view.measure)
        if kind is None or kind.symmetry in ("diagonal", "definite") or view.bands is None:
            continue
        if windows.mask is not None:
            continue
        options = {"sfreq": windows.sfreq, "bands": view.bands, "measures": (view.measure,), **view.options}
        try:
            floor = noise_floor(x, seed=seed, **options)
        except EegdaeError:
            continue  # a measure whose surrogates need more windows than there are
        mean = mean_modulus(connectivity(x, **options), measures=(view.measure,))
        bands = {name: (float(lo), float(hi)) for name, (lo, hi) in view.bands.items()}
        same = found.setdefault(tuple(bands.items()), {})
        same.setdefault(view.measure, FloorExample(mean=mean, floor=floor, bands=bands))
    return [_joined(list(some.values())) for some in found.values()]


def _joined(examples: Sequence[FloorExample]) -> FloorExample:
    """One example of several measures."""
    floors = [example.floor for example in examples]
    return FloorExample(
        mean=np.concatenate([example.mean for example in examples]),
        floor=replace(
            floors[0],
            mean=np.concatenate([floor.mean for floor in floors]),
            sd=np.concatenate([floor.sd for floor in floors]),
            modulus=np.concatenate([floor.modulus for floor in floors]),
            q95=np.concatenate([floor.q95 for floor in floors]),
            measures=tuple(name for floor in floors for name in floor.measures),
        ),
        bands=examples[0].bands,
    )
