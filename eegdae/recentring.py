"""Signals re-centred: each subject's or session's mean covariance becomes the identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.alignment import AlignmentSpec, first_rows, rows_of, told
from eegdae.connectivity import covariance
from eegdae.connectivity.covariance import estimate_rank
from eegdae.connectivity.spd import invsqrtm, sqrtm
from eegdae.connectivity.tangent import fit_subspace, mean_covariance, reduce
from eegdae.errors import EegdaeError
from eegdae.windows import Windows

UNIT = "sd"
"""Unit of re-centred signals: they have none of their own."""

# Bytes of windows that are held in float64 at once.
_BLOCK = 32 * 2**20


@dataclass(frozen=True, eq=False)
class Recentring:
    r"""Whitening of each group's signals by the mean of its windows' covariances.

    .. math:: x \leftarrow M^{-1/2} x

    with M the arithmetic (``euclidean``) or the Riemannian mean (``riemann``) of the empirical covariances of
    the group's own windows, so that groups differ no more in gain and mixing on average. M is taken in the
    subspace in which the group's signals have variance and the root is 0 outside of it: after an average
    reference, an interpolation or the removal of components the mean becomes the identity of that subspace.

    The symmetric root keeps every channel as near to itself as can be, but re-centred channels are mixtures:
    what connects two of them connects two directions, not two electrodes.

    Parameters
    ----------
    spec : AlignmentSpec
        How; of another kind than these two, nothing is done.
    whiteners, colourers : mapping of str to Tensor of float64, shape (n_chans, n_chans)
        :math:`M^{-1/2}` and :math:`M^{1/2}` by group.
    ranks : mapping of str to int
        Dimension of the subspace by group.

    References
    ----------
    H. He, D. Wu, Transfer learning for brain-computer interfaces: a Euclidean space data alignment approach,
    IEEE Trans. Biomedical Engineering 67(2), 2020. P. Zanini et al., Transfer learning: a Riemannian geometry
    framework with applications to brain-computer interfaces, IEEE Trans. Biomedical Engineering 65(5), 2018.
    """

    spec: AlignmentSpec
    whiteners: Mapping[str, Tensor] = field(default_factory=dict)
    colourers: Mapping[str, Tensor] = field(default_factory=dict)
    ranks: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def fit(cls, windows: Windows, spec: AlignmentSpec) -> Recentring:
        """Find the means of the very windows that are re-centred.

        Parameters
        ----------
        windows : Windows
            All of every group.
        spec : AlignmentSpec
            How.

        Returns
        -------
        Recentring
            Fitted.

        Raises
        ------
        EegdaeError
            If samples are missing, there is one channel only, a group has too few windows or no variance, or
            its covariances have no Riemannian mean.
        """
        if not spec.is_of_signals:
            return cls(spec)
        if windows.mask is not None:
            raise EegdaeError(
                f"alignment={spec.kind}: mixes channels, so it needs windows without missing samples; set "
                "windows.max_missing=0, or alignment=zscore"
            )
        if windows.n_chans < 2:
            raise EegdaeError(
                f"alignment={spec.kind}: needs 2 channels or more, there is 1 ({windows.ch_names[0]}); "
                "use alignment=zscore"
            )
        whiteners, colourers, ranks = {}, {}, {}
        for name, rows in first_rows(spec.groups(windows.metadata), spec.n_windows).items():
            whiteners[name], colourers[name], ranks[name] = _roots(
                _covariances(windows, rows), spec.kind, name
            )
        return cls(spec, whiteners, colourers, ranks)

    def transform(self, windows: Windows) -> Windows:
        """Re-centre windows of the groups that it was fitted on; their signals then have the unit ``sd``."""
        if not self.whiteners:
            return windows
        x = self._mixed(windows.x, self.spec.groups(windows.metadata), self.whiteners)
        return replace(windows, x=x, units=(UNIT,) * windows.n_chans)

    def inverse_transform(self, x: NDArray[np.float32], groups: NDArray[Any]) -> NDArray[np.float32]:
        """Bring re-centred signals back to their unit; what lay outside of the subspace stays lost.

        Parameters
        ----------
        x : ndarray of float32, shape (n_windows, n_chans, n_times)
            Re-centred signals, for instance as a network rebuilt them.
        groups : ndarray of str, shape (n_windows,)
            Of `AlignmentSpec.groups`.

        Returns
        -------
        ndarray of float32, shape (n_windows, n_chans, n_times)
            In the unit of the windows.
        """
        return self._mixed(x, groups, self.colourers) if self.colourers else x

    def _mixed(
        self, x: NDArray[np.float32], groups: NDArray[Any], matrices: Mapping[str, Tensor]
    ) -> NDArray[np.float32]:
        mixed = np.empty(x.shape, np.float32)
        for name, rows in rows_of(groups).items():
            matrix = matrices[name].numpy()
            for at in _blocks(rows, x.shape):
                mixed[at] = matrix @ np.asarray(x[at], np.float64)
        return mixed


def _blocks(rows: NDArray[np.int64], shape: tuple[int, ...]) -> list[NDArray[np.int64]]:
    size = max(1, _BLOCK // (8 * shape[1] * shape[2]))
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _covariances(windows: Windows, rows: NDArray[np.int64]) -> Tensor:
    blocks = (np.asarray(windows.x[at], np.float64) for at in _blocks(rows, windows.x.shape))
    return torch.cat([covariance(torch.from_numpy(block)) for block in blocks])


def _roots(c: Tensor, kind: str, name: str) -> tuple[Tensor, Tensor, int]:
    """Inverse square root and square root of the mean of covariances (n, p, p), and their rank."""
    if int(estimate_rank(c.mean(0))) == 0:
        raise EegdaeError(f"alignment={kind}: the windows of {told(name)} have no variance; leave them out")
    subspace = fit_subspace(c)
    inside = reduce(c, subspace)
    if kind == "riemann":
        eigenvalues = torch.linalg.eigvalsh(inside)
        regular = eigenvalues[:, 0] > inside.shape[-1] * torch.finfo(c.dtype).eps * eigenvalues[:, -1]
        if not bool(regular.all()):
            raise EegdaeError(
                f"alignment=riemann: window {int((~regular).nonzero()[0])} of {told(name)} has a singular "
                f"covariance of the {c.shape[-1]} channels, as where a window is short or flat; use "
                "alignment=euclidean, or longer windows"
            )
        try:
            mean = mean_covariance(inside)
        except EegdaeError as error:
            raise EegdaeError(f"alignment=riemann: {told(name)}: {error}; or alignment=euclidean") from error
    else:
        mean = inside.mean(0)
    whitener, colourer = (subspace @ root(mean) @ subspace.mT for root in (invsqrtm, sqrtm))
    return whitener, colourer, subspace.shape[-1]
