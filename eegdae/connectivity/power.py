"""Log power of a band: what the diagonal of a connectivity matrix keeps of each channel."""

from __future__ import annotations

import torch
from torch import Tensor

POWER_FLOOR = torch.finfo(torch.float32).tiny
"""Power of a channel without signal, unit^2: 1.2e-38, so that its log is -87.3 and not minus infinity."""


def log_power(z: Tensor) -> Tensor:
    r"""Give the natural logarithm of each channel's mean power in a band.

    .. math:: p_x = \ln \max\left(\frac{1}{T} \sum_t (\mathrm{Re}\, z_x(t))^2,\; 1.2 \cdot 10^{-38}\right)

    The floor is the smallest normal float32 in either precision: it lies below the noise of any sensor in any
    unit, volt and tesla included, and gives a constant channel the value -87.3 with a gradient of 0.

    Parameters
    ----------
    z : Tensor, shape (..., n_chans, n_times)
        Complex analytic signals of one band (or the real band-limited signals).

    Returns
    -------
    Tensor, shape (..., n_chans)
        Natural log of unit^2.
    """
    real = z.real if z.is_complex() else z
    return real.square().mean(dim=-1).clamp(min=POWER_FLOOR).log()
