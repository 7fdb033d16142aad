"""The table of measures: how each is computed, and how its values become unbounded features and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from eegdae.connectivity.phase import plv
from eegdae.connectivity.power import log_power
from eegdae.connectivity.temporal import pearson
from eegdae.errors import EegdaeError, did_you_mean


@dataclass(frozen=True)
class Measure:
    """One measure of connectivity.

    Attributes
    ----------
    compute : callable
        Complex analytic signals (..., n_chans, n_times) -> matrices (..., n_chans, n_chans).
    to_features : callable
        Entries of the matrices -> unbounded features, element by element.
    from_features : callable
        The inverse; any finite feature gives an allowed entry.
    of_pairs : bool
        True: the upper triangle carries the values and the diagonal is 1. False: the diagonal carries them
        and the rest is 0.
    min_bins : int
        Bins of a window's Fourier transform that a band must hold before the measure says anything.
    """

    compute: Callable[[Tensor], Tensor]
    to_features: Callable[[Tensor], Tensor]
    from_features: Callable[[Tensor], Tensor]
    of_pairs: bool
    min_bins: int


MEASURES: Mapping[str, Measure] = {
    "pearson": Measure(
        compute=lambda z: pearson(z.real),
        to_features=lambda r: torch.atanh(r.clamp(-0.999, 0.999)),
        from_features=torch.tanh,
        of_pairs=True,
        min_bins=1,
    ),
    "plv": Measure(
        compute=plv,
        to_features=lambda p: torch.logit(p.clamp(1e-3, 1 - 1e-3)),
        from_features=torch.sigmoid,
        of_pairs=True,
        min_bins=2,
    ),
    "power": Measure(
        compute=lambda z: torch.diag_embed(log_power(z)),
        to_features=lambda p: p,
        from_features=lambda v: v,
        of_pairs=False,
        min_bins=1,
    ),
}
"""Name -> measure."""


def get_measure(name: str) -> Measure:
    """Look a measure up.

    Parameters
    ----------
    name : str
        A key of `MEASURES`.

    Returns
    -------
    Measure
        The measure.

    Raises
    ------
    EegdaeError
        Where there is no such measure; names the nearest.
    """
    if not isinstance(name, str) or name not in MEASURES:
        raise EegdaeError(f"measures: unknown measure {name!r}; {did_you_mean(str(name), MEASURES)}")
    return MEASURES[name]
