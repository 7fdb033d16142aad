"""The marginalised stacked denoising autoencoder: all masks at once, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from eegdae.errors import EegdaeError

RIDGE = 1e-5
"""Added to the diagonal of the second moments, times their mean: what a rank deficit needs, and no more."""

_BLOCK = 4096
"""Rows that are in double precision at once."""


@dataclass(frozen=True, eq=False)
class MarginalisedLayer:
    """One layer: ``tanh(x F_1 ... F_k + b)``.

    Parameters
    ----------
    factors : tuple of Tensor, float64
        Their product has shape (n_features, n_features): one matrix, or two narrow ones where the rows that
        the layer was fitted on are fewer than the features.
    bias : Tensor, shape (n_features,), float64
        Added before the tanh.
    """

    factors: tuple[Tensor, ...]
    bias: Tensor

    def reconstruct(self, x: Tensor) -> Tensor:
        """What the layer takes a corrupted row for: (n_rows, n_features) -> the same shape, float64."""
        out = x.double()
        for factor in self.factors:
            out = out @ factor
        return out + self.bias

    def transform(self, x: Tensor) -> Tensor:
        """Code of rows: (n_rows, n_features) -> the same shape and precision."""
        parts = [torch.tanh(self.reconstruct(part)).to(x) for part in torch.split(x, _BLOCK)]
        return torch.cat(parts)


@dataclass(frozen=True, eq=False)
class MarginalisedStack:
    """Layers on top of one another; the representation is the input beside the code of every layer.

    Parameters
    ----------
    layers : tuple of MarginalisedLayer
        From the input up.
    """

    layers: tuple[MarginalisedLayer, ...]

    @classmethod
    def fit(cls, x: Tensor, *, n_layers: int, p: float) -> MarginalisedStack:
        """Fit layer by layer, each on the clean code of the one below.

        Parameters
        ----------
        x : Tensor, shape (n_rows, n_features)
            Training rows, scaled.
        n_layers : int
            1 or more.
        p : float
            See `fit_layer`; the same in every layer.

        Returns
        -------
        MarginalisedStack
            Fitted.

        Raises
        ------
        EegdaeError
            As `fit_layer`.
        """
        layers = []
        for _ in range(n_layers):
            layers.append(fit_layer(x, p=p))
            x = layers[-1].transform(x)
        return cls(tuple(layers))

    def transform(self, x: Tensor) -> Tensor:
        """Input and code of every layer: (n_rows, n_features) -> (n_rows, (n_layers + 1) n_features)."""
        parts = [x]
        for layer in self.layers:
            parts.append(layer.transform(parts[-1]))
        return torch.cat(parts, 1)


def fit_layer(x: Tensor, *, p: float, ridge: float = RIDGE) -> MarginalisedLayer:
    """Fit the linear map that best undoes masking, over all masks at once.

    Each entry of a row is set to 0 with probability ``p``, by itself, and a bias that is never masked is
    added. ``W`` and ``b`` minimise the expectation of ``|x - W x' - b|^2`` over rows and masks. With
    ``q = 1 - p``, the mean ``m``, the covariance ``C`` and the mean squares ``s`` of the training rows ::

        W = q C (q^2 C + diag(p q s))^-1        b = m - q W m

    which is ``W = P Q^-1`` of the paper with the row of the bias solved for by hand. Where rows are fewer
    than features, the same ``W`` comes from a system of as many equations as there are rows.

    Parameters
    ----------
    x : Tensor, shape (n_rows, n_features)
        Training rows, scaled.
    p : float
        Share of the entries that are masked, 0 or more and less than 1.
    ridge : float
        Added to the diagonal of the inverted matrix, times the mean of ``s``; the bias has none.

    Returns
    -------
    MarginalisedLayer
        In double precision.

    Raises
    ------
    EegdaeError
        If ``p`` is not in [0, 1), or there are fewer than 2 rows.

    References
    ----------
    Chen et al., Marginalized denoising autoencoders for domain adaptation, ICML (2012), equations 4 to 6;
    Marginalizing stacked linear denoising autoencoders, JMLR 16:3849 (2015).
    """
    if not 0 <= p < 1:
        raise EegdaeError(f"msda={p}: the share of masked entries must be 0 or more and less than 1")
    n_rows, n_features = x.shape
    if n_rows < 2:
        raise EegdaeError(f"msda: {n_rows} rows; a marginalised layer needs 2 or more")
    q = 1 - p
    blocks = torch.split(x, _BLOCK)
    mean = sum((block.double().sum(0) for block in blocks), torch.zeros(n_features).double()) / n_rows
    square = sum((block.double().square().sum(0) for block in blocks), torch.zeros_like(mean)) / n_rows
    size = float(square.mean()) or 1.0  # rows of nothing but zeros are reconstructed by the bias
    diagonal = p * q * square + ridge * size
    if n_rows > n_features:
        covariance = torch.zeros(n_features, n_features, dtype=torch.float64)
        for block in blocks:
            centred = block.double() - mean
            covariance.addmm_(centred.T, centred, alpha=1 / n_rows)
        factor = torch.linalg.cholesky(q**2 * covariance + torch.diag(diagonal))
        factors: tuple[Tensor, ...] = (torch.cholesky_solve(q * covariance, factor),)
    else:
        centred = x.double() - mean
        whitened = centred / diagonal
        small = torch.eye(n_rows, dtype=torch.float64)
        small.addmm_(whitened, centred.T, alpha=q**2 / n_rows)
        factor = torch.linalg.cholesky(small)
        factors = (torch.cholesky_solve(whitened, factor).T, centred * (q / n_rows))
    offset = mean
    for factor in factors:
        offset = offset @ factor
    return MarginalisedLayer(factors, mean - q * offset)
