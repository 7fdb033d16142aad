"""A correction of ocular artefacts, fitted on training rows: one matrix of the channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.ocular.ica import fit_ica
from eegdae.ocular.regression import fit_regression
from eegdae.ocular.signals import channel_numbers
from eegdae.ocular.spec import OcularSpec, refuse_missing, with_channels
from eegdae.windows import Windows

# Bytes of windows that are held in float64 at once.
_BLOCK = 32 * 2**20


def correct(
    x: NDArray[np.floating[Any]],
    matrix: NDArray[np.float64],
    *,
    center: NDArray[np.float64] | None = None,
    keep: Sequence[int] | None = None,
) -> NDArray[np.float32]:
    """Take out of windows what a matrix takes out: ``matrix (x - center) + center``.

    Parameters
    ----------
    x : ndarray, shape (n_windows, n_chans, n_times)
        Any windows of the channels that it was fitted on.
    matrix : ndarray of float64, shape (n_chans, n_chans)
        Of `fit_regression` or `fit_ica`.
    center : ndarray of float64, shape (n_chans,), or None
        Of `fit_ica`; None: each window is corrected about its own mean, as `fit_regression` needs it.
    keep : sequence of int or None
        Channels of the result; None = all.

    Returns
    -------
    ndarray of float32, shape (n_windows, n_kept, n_times)
        A window's signals depend on no other window.
    """
    kept = np.arange(len(matrix)) if keep is None else np.asarray(keep, np.int64)
    taken = (np.eye(len(matrix)) - matrix)[kept]  # (n_kept, n_chans)
    corrected = np.empty((len(x), len(kept), x.shape[-1]), np.float32)
    size = max(1, _BLOCK // (8 * x.shape[1] * x.shape[2]))
    for start in range(0, len(x), size):
        block = np.asarray(x[start : start + size], np.float64)
        middle = block.mean(-1, keepdims=True) if center is None else center[:, None]
        corrected[start : start + size] = block[:, kept] - taken @ (block - middle)
    return corrected


@dataclass(frozen=True, eq=False)
class OcularFilter:
    """A correction of ocular artefacts, fitted: see `eegdae.ocular.correct`.

    Parameters
    ----------
    matrix : Tensor of float64, shape (n_chans, n_chans)
        Of the channels of the windows.
    center : Tensor of float64, shape (n_chans,), or None
        None: windows are corrected about their own mean.
    keep : tuple of int
        Channels that views see.
    found : dict
        What was found, plain data: ``kind``, ``channels``, ``summary`` (one sentence), ``notes`` and, of a
        regression, ``coefficients`` by channel; of independent components ``n_components``, ``n_iter`` and
        ``removed``.
    """

    matrix: Tensor
    center: Tensor | None
    keep: tuple[int, ...]
    found: Mapping[str, Any]

    @classmethod
    def fit(cls, spec: OcularSpec, windows: Windows, rows: NDArray[np.int64], *, seed: int) -> OcularFilter:
        """Fit a correction on some windows.

        Parameters
        ----------
        spec : OcularSpec
            How.
        windows : Windows
            As they were recorded.
        rows : ndarray of int
            Those to fit on; no other is looked at.
        seed : int
            Of the first guess of independent components.

        Returns
        -------
        OcularFilter
            Fitted.

        Raises
        ------
        EegdaeError
            If the windows have not what the correction needs.
        """
        used = spec.used(windows)
        names = [windows.ch_names[k] for k in used]
        x = np.asarray(windows.x[rows], np.float64)[:, used]
        inner, center, found = (_regression if spec.kind == "regression" else _ica)(spec, x, names, seed)
        matrix = torch.eye(windows.n_chans, dtype=torch.float64)
        matrix[np.ix_(used, used)] = torch.from_numpy(inner)
        whole = None
        if center is not None:
            whole = torch.zeros(windows.n_chans, dtype=torch.float64)
            whole[used] = torch.from_numpy(center)
        found = {"kind": spec.kind, "channels": list(spec.channels), "kept": spec.keep, **found}
        return cls(matrix, whole, tuple(spec.kept(windows).tolist()), found)

    def transform(self, windows: Windows) -> Windows:
        """Correct windows of the channels that it was fitted on, and leave out those that no view sees.

        Raises
        ------
        EegdaeError
            If samples are missing.
        """
        refuse_missing(windows, str(self.found["kind"]))
        center = None if self.center is None else self.center.numpy()
        x = correct(windows.x, self.matrix.numpy(), center=center, keep=self.keep)
        return with_channels(windows, x, np.array(self.keep, dtype=np.int64))

    def state(self) -> dict[str, Any]:
        """Everything as plain data and tensors."""
        return {
            "matrix": self.matrix,
            "center": self.center,
            "keep": list(self.keep),
            "found": dict(self.found),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> OcularFilter:
        """Make a correction from `state`.

        Raises
        ------
        KeyError, TypeError, ValueError
            If a part is missing or they do not fit one another.
        """
        matrix, center, keep = state["matrix"], state["center"], tuple(int(k) for k in state["keep"])
        n = len(matrix)
        if matrix.shape != (n, n) or (center is not None and center.shape != (n,)):
            raise ValueError(
                f"ocular: a matrix of shape {tuple(matrix.shape)} and a center that does not fit"
            )
        if not keep or not set(keep) <= set(range(n)):
            raise ValueError(f"ocular: keep {keep} of {n} channels")
        return cls(matrix, center, keep, state["found"])


def _regression(
    spec: OcularSpec, x: NDArray[np.float64], names: list[str], seed: int
) -> tuple[NDArray[np.float64], None, dict[str, Any]]:
    matrix = fit_regression(x, ch_names=names, channels=spec.channels)
    eyes = channel_numbers(names, spec.channels)
    coefficients = {
        name: {names[e]: -float(matrix[k, e]) for e in eyes} for k, name in enumerate(names) if k not in eyes
    }
    _, eye, name = max((abs(b), eye, name) for name, row in coefficients.items() for eye, b in row.items())
    summary = (
        f"{', '.join(spec.channels)} regressed out of {len(coefficients)} channels, largest coefficient "
        f"{coefficients[name][eye]:.2f} ({eye} in {name})"
    )
    return matrix, None, {"summary": summary, "notes": [], "coefficients": coefficients}


def _ica(
    spec: OcularSpec, x: NDArray[np.float64], names: list[str], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[str, Any]]:
    fit = fit_ica(
        x,
        ch_names=names,
        channels=spec.channels,
        decompose_channels=spec.keep,
        n_components=spec.n_components,
        method=spec.method,
        threshold=spec.threshold,
        max_iter=spec.max_iter,
        seed=seed,
    )
    removed = {f"ICA{k:03d}": row for k, row in fit.removed.items()}
    summary = f"{len(removed)} of {fit.n_components} components taken out"
    if removed:
        each = (f"{name} {max(map(abs, row.values())):.2f}" for name, row in removed.items())
        summary += f" (correlation with {', '.join(spec.channels)}: {', '.join(each)})"
    return fit.matrix, fit.center, {
        "summary": summary,
        "notes": list(fit.notes),
        "method": spec.method,
        "n_components": fit.n_components,
        "n_iter": fit.n_iter,
        "removed": removed,
    }  # fmt: skip
