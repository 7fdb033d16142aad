"""NumPy or torch at the door, torch inside, and the same kind out again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.errors import EegdaeError


def as_tensor(
    x: NDArray[Any] | Tensor, *, name: str
) -> tuple[Tensor, Callable[[Tensor], NDArray[Any] | Tensor]]:
    """Turn an array of real numbers into a float tensor, and say how to turn a result back.

    Parameters
    ----------
    x : ndarray or Tensor, any shape
        Real numbers. float64 stays; float32 stays; other reals, integers among them, become float32.
    name : str
        What an error calls it.

    Returns
    -------
    tensor : Tensor, same shape
        float32 or float64; shares no memory with an ndarray, keeps device and graph of a tensor.
    restore : callable
        Tensor -> the kind of `x`.

    Raises
    ------
    EegdaeError
        Where `x` is complex or no numbers at all.
    """
    if isinstance(x, Tensor):
        if x.is_complex():
            raise _not_real(name, x.dtype)
        return (x if x.dtype == torch.float64 else x.to(torch.float32)), lambda result: result
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise _not_real(name, array.dtype)
    kept = np.float64 if array.dtype.kind == "f" and array.dtype.itemsize >= 8 else np.float32
    # A copy, because torch warns about memory that cannot be written, such as a memory-mapped store.
    return torch.from_numpy(np.array(array, dtype=kept)), lambda result: result.detach().numpy()


def _not_real(name: str, dtype: object) -> EegdaeError:
    return EegdaeError(f"{name}: values of type {dtype}; allowed: real numbers (float32, float64, integers)")
