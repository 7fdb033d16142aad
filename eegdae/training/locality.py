"""A graph of the rows that are near one another in a recording, and the term that keeps their codes near."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from eegdae.errors import EegdaeError

CHUNK_ROWS = 1024
"""Rows whose distances to all rows of their recording are held at once."""


@dataclass(frozen=True, eq=False)
class LocalityGraph:
    r"""Neighbours of every row and how near they are.

    .. math:: W_{ij} = \exp(-\lVert x_i - x_j \rVert^2 / t)

    where j is one of the nearest rows of i in its recording, or next to it in time; else 0. W is not
    symmetric: what is summed over all i and j has the symmetric part :math:`(W + W^T) / 2`.

    Parameters
    ----------
    neighbours : Tensor of int64, shape (n_rows, n_slots)
        Positions among the rows; where there is no neighbour, the row itself.
    weights : Tensor, shape (n_rows, n_slots)
        W; 0 where there is no neighbour.

    References
    ----------
    Yang et al., Comput Biol Med 109:159 (2019); He and Niyogi, Locality preserving projections, NIPS (2003).
    """

    neighbours: Tensor
    weights: Tensor

    @cached_property
    def degree(self) -> Tensor:
        """Sum of each row's weights, shape (n_rows,)."""
        return self.weights.sum(1)

    def draw(self, at: Tensor, uniform: Tensor) -> Tensor:
        """Draw one neighbour of some rows, each as likely as its weight says.

        Parameters
        ----------
        at : Tensor of int64, shape (n_drawn,)
            Positions of the rows.
        uniform : Tensor, shape (n_drawn,)
            Numbers uniform in [0, 1).

        Returns
        -------
        Tensor of int64, shape (n_drawn,)
            Positions of the neighbours; of a row without any, its own.
        """
        summed = self.weights.index_select(0, at).double().cumsum(1)
        wanted = uniform.double()[:, None] * summed[:, -1:]
        # the first slot whose sum is larger: never one of weight 0
        slot = (summed <= wanted).sum(1, keepdim=True).clamp(max=summed.shape[1] - 1)
        return self.neighbours.index_select(0, at).gather(1, slot)[:, 0]


def locality_graph(
    x: Tensor, recordings: Tensor, rows: Tensor, *, n_neighbours: int = 5, heat: float = 1.0
) -> LocalityGraph:
    """Connect every row with its nearest rows of the same recording and with those next in time.

    Parameters
    ----------
    x : Tensor, shape (n_rows, n_features)
        Scaled features; what was not observed is 0.
    recordings : Tensor of int64, shape (n_rows,)
        Which recording a row is of; rows of two recordings are never neighbours.
    rows : Tensor of int64, shape (n_rows,)
        Row numbers over the whole data set, in the order of time inside a recording: next in time are those
        whose numbers differ by 1.
    n_neighbours : int
        Nearest rows; 0 leaves those next in time.
    heat : float
        t over the mean squared distance of all pairs that are connected, above 0.

    Returns
    -------
    LocalityGraph
        Of these rows and no other; ``n_neighbours + 2`` slots a row.

    Raises
    ------
    EegdaeError
        If no row has a neighbour.
    """
    n_rows, own = len(x), torch.arange(len(x))
    neighbours = own[:, None].repeat(1, n_neighbours + 2)
    for recording in torch.unique(recordings):
        at = torch.nonzero(recordings == recording)[:, 0]
        at = at[torch.argsort(rows[at])]
        _connect_nearest(neighbours, x, at, n_neighbours)
        next_in_time = rows[at[1:]] - rows[at[:-1]] == 1
        before, after = at[:-1][next_in_time], at[1:][next_in_time]
        neighbours[before, n_neighbours] = after
        neighbours[after, n_neighbours + 1] = before
    # the row next in time may be a nearest one too: it counts once
    for slot in (n_neighbours, n_neighbours + 1):
        twice = (neighbours[:, :slot] == neighbours[:, slot : slot + 1]).any(1)
        neighbours[twice, slot] = own[twice]
    is_pair = neighbours != own[:, None]
    if not bool(is_pair.any()):
        raise EegdaeError(
            f"loss.locality: none of the {n_rows} training rows has a neighbour in its recording; set it to 0"
        )
    distance = torch.cat(
        [
            (x[part, None] - x[neighbours[part]]).square().sum(-1)
            for part in torch.split(own, max(1, CHUNK_ROWS // neighbours.shape[1]))
        ]
    )
    t = heat * distance[is_pair].mean().clamp(min=torch.finfo(x.dtype).tiny)
    return LocalityGraph(neighbours, torch.exp(-distance / t) * is_pair)


def _connect_nearest(neighbours: Tensor, x: Tensor, at: Tensor, n_neighbours: int) -> None:
    """Fill the first slots of a recording's rows, by chunks of rows."""
    n_found = min(n_neighbours, len(at) - 1)
    if n_found < 1:
        return
    for start in range(0, len(at), CHUNK_ROWS):
        part = at[start : start + CHUNK_ROWS]
        distance = torch.cdist(x[part], x[at])
        distance[torch.arange(len(part)), start + torch.arange(len(part))] = float("inf")
        neighbours[part, :n_found] = at[distance.topk(n_found, largest=False).indices]


@dataclass(frozen=True, eq=False)
class LocalityTerm:
    r"""What draws the codes of neighbours together, one drawn neighbour a row a step.

    .. math:: \frac{\sum_{ij} W_{ij} \lVert z_i - z_j \rVert^2}{m \sum_{ij} W_{ij}}

    with m codes. A batch gives an unbiased estimate of it: neighbour j is drawn with probability
    :math:`W_{ij} / d_i`, :math:`d_i = \sum_j W_{ij}`, and row i counts by :math:`d_i` over its mean.

    Parameters
    ----------
    graph : LocalityGraph
        Of the training rows.
    x : Tensor, shape (n_rows, n_features)
        Clean input of the layer that is trained, of the same rows; also memory-mapped.
    """

    graph: LocalityGraph
    x: Tensor

    def pairs(self, at: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Draw a neighbour of some rows.

        Parameters
        ----------
        at, uniform : Tensor, shape (n_drawn,)
            As for `LocalityGraph.draw`.

        Returns
        -------
        x : Tensor, shape (n_drawn, n_features)
            Clean input of the neighbours.
        share : Tensor, shape (n_drawn,)
            How much the pair counts; 1 on average over all rows.
        """
        degree = self.graph.degree
        return self.x.index_select(0, self.graph.draw(at, uniform)), degree[at] / degree.mean()


def neighbour_distance(codes: Tensor, neighbours: Tensor, share: Tensor) -> Tensor:
    """Mean squared difference of codes from their neighbours' codes, weighted by row.

    Parameters
    ----------
    codes, neighbours : Tensor, shape (n_rows, n_codes)
        Of rows and of one neighbour each.
    share : Tensor, shape (n_rows,)
        Of `LocalityTerm.pairs`.

    Returns
    -------
    Tensor, shape ()
        Mean over rows and codes.
    """
    return (share * (codes - neighbours).square().mean(1)).mean()
