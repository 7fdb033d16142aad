"""Covariances as vectors in the tangent space of their mean: a step fitted on training rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eegdae.connectivity.covariance import estimate_rank
from eegdae.connectivity.tangent import (
    fit_subspace,
    from_tangent_vectors,
    mean_covariance,
    reduce,
    tangent_vectors,
)
from eegdae.errors import EegdaeError

MOST_COMPONENTS = 15
"""Dimensions of a band's subspace unless other is said.

The directions of least variance tell how a recording was cleaned, and may tell its class by that alone.
"""

# Spread of eigenvalues, a share of the largest, that is rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class TangentSpace:
    r"""Subspace and mean of covariances, band by band, fitted on training rows.

    .. math:: v = \mathrm{upper}\,\log\bigl(M^{-1/2}\, W^\top C\, W M^{-1/2}\bigr)

    with W the subspace and M the mean in it; entries off the diagonal times :math:`\sqrt 2`.

    Parameters
    ----------
    subspaces : tuple of Tensor, shape (n_chans, n_components)
        W of each band; bands may have different numbers of components.
    references : tuple of Tensor, shape (n_components, n_components)
        M of each band, unit of the covariances.
    remainders : tuple of Tensor, shape (n_chans, n_chans)
        The training mean outside of each subspace.
    ranks : tuple of int
        Independent directions that each band's training covariances have.

    References
    ----------
    A. Barachant et al., Classification of covariance matrices using a Riemannian-based kernel for BCI
    applications, Neurocomputing 112, 2013.
    """

    subspaces: tuple[Tensor, ...]
    references: tuple[Tensor, ...]
    remainders: tuple[Tensor, ...]
    ranks: tuple[int, ...]

    @classmethod
    def fit(
        cls,
        x: Tensor,
        *,
        n_chans: int,
        metric: str = "riemann",
        n_components: int | None = MOST_COMPONENTS,
    ) -> TangentSpace:
        """Fit subspace and mean of each band.

        Parameters
        ----------
        x : Tensor of float64, shape (n_rows, n_bands n_chans (n_chans + 1) / 2)
            Training rows: the entries of each band's covariance, see `to_entries`.
        n_chans : int
            Channels.
        metric : str
            Of the mean: ``riemann`` or ``logeuclid``, see `mean_covariance`.
        n_components : int or None
            Most dimensions of a subspace; a band of smaller rank has that many. None: the rank.

        Returns
        -------
        TangentSpace
            Fitted.

        Raises
        ------
        EegdaeError
            If there is no row, a band has no variance, or a covariance is not positive
            definite in the subspace.
        """
        if not len(x):
            raise EegdaeError("0 rows to fit a mean covariance on; give at least one")
        parts: list[tuple[Tensor, Tensor, Tensor, int]] = []
        for c in from_entries(x, n_chans).unbind(1):
            rank = _rank(c)
            if not rank:
                raise EegdaeError(f"band {len(parts)} has no variance in any channel; leave it out")
            subspace = fit_subspace(c, n_components=min(rank, n_components or rank))
            reference = mean_covariance(reduce(c, subspace), metric=metric)
            mean = c.mean(0)
            inside = subspace @ reduce(mean, subspace) @ subspace.mT
            parts.append((subspace, reference, (mean - inside + (mean - inside).mT) / 2, rank))
        subspaces, references, remainders, ranks = zip(*parts, strict=True)
        return cls(subspaces, references, remainders, ranks)

    @property
    def n_components(self) -> tuple[int, ...]:
        """Dimensions of each band's subspace."""
        return tuple(subspace.shape[1] for subspace in self.subspaces)

    @property
    def n_chans(self) -> int:
        """Channels of the covariances."""
        return int(self.subspaces[0].shape[0])

    def transform(self, x: Tensor) -> Tensor:
        """Lay covariances flat around the training mean.

        Parameters
        ----------
        x : Tensor of float64, shape (n_rows, n_bands n_chans (n_chans + 1) / 2)
            As in `fit`; any rows.

        Returns
        -------
        Tensor of float32, shape (n_rows, n_features)
            Tangent vectors, band after band, n_components (n_components + 1) / 2 each.

        Raises
        ------
        EegdaeError
            If a covariance is not positive definite in the subspace.
        """
        bands = from_entries(x, self.n_chans).unbind(1)
        vectors = [
            tangent_vectors(reduce(c, subspace), reference)
            for c, subspace, reference in zip(bands, self.subspaces, self.references, strict=True)
        ]
        return torch.cat(vectors, 1).float()

    def inverse_transform(self, v: Tensor) -> Tensor:
        r"""Build covariances from tangent vectors.

        .. math:: C = W M^{1/2} \exp(S) M^{1/2} W^\top + R

        R, the training mean outside of the subspace, stands for what the vectors do not tell.

        Parameters
        ----------
        v : Tensor, shape (n_rows, n_features)
            Any finite vectors, for instance as a network rebuilt them.

        Returns
        -------
        Tensor of float64, shape (n_rows, n_bands n_chans (n_chans + 1) / 2)
            As in `fit`: entries of matrices that are symmetric and, where the training mean is,
            positive definite.
        """
        sizes = [k * (k + 1) // 2 for k in self.n_components]
        bands = []
        for k, part in enumerate(torch.split(v.double(), sizes, 1)):
            w = self.subspaces[k]
            inside = w @ from_tangent_vectors(part, self.references[k]) @ w.mT
            bands.append((inside + inside.mT) / 2 + self.remainders[k])
        return to_entries(torch.stack(bands, 1))

    def state(self) -> dict[str, Any]:
        """Everything as plain data and tensors; `from_state` makes the same step of it."""
        return {
            "subspaces": list(self.subspaces),
            "references": list(self.references),
            "remainders": list(self.remainders),
            "ranks": list(self.ranks),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> TangentSpace:
        """Make a step of `state`."""
        return cls(
            subspaces=tuple(state["subspaces"]),
            references=tuple(state["references"]),
            remainders=tuple(state["remainders"]),
            ranks=tuple(int(rank) for rank in state["ranks"]),
        )


def to_entries(c: Tensor) -> Tensor:
    """Lay symmetric matrices out: upper triangle with the diagonal, row by row, band after band.

    Parameters
    ----------
    c : Tensor, shape (n_rows, n_bands, n_chans, n_chans)
        Symmetric.

    Returns
    -------
    Tensor, shape (n_rows, n_bands n_chans (n_chans + 1) / 2)
        In the type and unit of `c`.
    """
    rows, columns = torch.triu_indices(c.shape[-1], c.shape[-1], device=c.device)
    return c[..., rows, columns].flatten(1)


def from_entries(x: Tensor, n_chans: int) -> Tensor:
    """Build symmetric matrices: the inverse of `to_entries`.

    Parameters
    ----------
    x : Tensor, shape (n_rows, n_bands n_chans (n_chans + 1) / 2)
        Entries.
    n_chans : int
        Channels.

    Returns
    -------
    Tensor, shape (n_rows, n_bands, n_chans, n_chans)
        Symmetric.
    """
    rows, columns = torch.triu_indices(n_chans, n_chans, device=x.device)
    x = x.reshape(len(x), x.shape[1] // len(rows), len(rows))
    c = x.new_zeros((*x.shape[:2], n_chans, n_chans))
    c[..., rows, columns] = x
    c[..., columns, rows] = x
    return c


def _rank(c: Tensor) -> int:
    """Independent directions of covariances (n, p, p): those of their mean that every other one has."""
    n_chans = c.shape[-1]
    eigenvalues = torch.linalg.eigvalsh(c)
    least, largest = eigenvalues[:, 0], eigenvalues[:, -1]
    # Shrinkage adds the same variance in every direction, so no shrunk matrix is singular: take it off. A
    # matrix of nothing else tells no direction from another.
    telling = largest - least > _ROUNDING * largest
    if not bool(telling.any()):
        return n_chans if bool((largest > 0).any()) else 0
    plain = (c - least[:, None, None] * torch.eye(n_chans, dtype=c.dtype))[telling]
    # Of a regular matrix that takes the least direction too; the mean over windows has it again.
    each = estimate_rank(plain)
    each = torch.where(each == n_chans - 1, n_chans, each)
    return min(int(estimate_rank(plain.mean(0))), int(each.median()))
