"""Random draws that are a pure function of (seed, fold, stage, epoch, purpose, row).

Nothing here keeps a state that a run could lose: a resumed, a vectorised, a distributed and a single run
that ask for the same key and the same rows get the same numbers. Numbers are drawn in fixed blocks of
``BLOCK_ROWS`` rows, so the draw of a row depends neither on the batch that it falls into nor on the
other rows that a process holds.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK_ROWS = 1024


def _generator(*key: object) -> torch.Generator:
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)


def library_seed(*key: int | str) -> int:
    """Make a seed for a library that draws by itself: a whole number in [0, 2^31), a function of the key."""
    return _generator(*key).initial_seed() % 2**31


class Stream:
    """The draws of one key; each purpose (corruption, order, init, ...) has numbers of its own.

    Blocks that were drawn are kept until the stream is forgotten, so that an epoch in shuffled batches
    draws each block once. Use one stream an epoch.

    Parameters
    ----------
    *key : int or str
        What the numbers depend on, for example ``(seed, fold, view, stage, epoch)``.
    """

    def __init__(self, *key: int | str) -> None:
        self.key = key
        self._children: dict[str, Stream] = {}
        self._drawn: dict[tuple[str, str, int], tuple[Tensor, set[int]]] = {}

    def child(self, name: str) -> Stream:
        """Return the stream of this key and one more name; asked for twice, it is the same object."""
        return self._children.setdefault(name, Stream(*self.key, name))

    def normal(self, purpose: str, rows: Tensor, n_features: int) -> Tensor:
        """Standard normal numbers of some rows.

        Parameters
        ----------
        purpose : str
            What they are for.
        rows : Tensor of int64, shape (n_rows,)
            Row numbers, counted over the whole data set.
        n_features : int
            Numbers a row.

        Returns
        -------
        Tensor, shape (n_rows, n_features)
            float32.
        """
        return self._rows("normal", purpose, rows, n_features)

    def uniform(self, purpose: str, rows: Tensor, n_features: int) -> Tensor:
        """Numbers uniform in [0, 1) of some rows; parameters and shape as for `normal`."""
        return self._rows("uniform", purpose, rows, n_features)

    def permutation(self, purpose: str, n: int) -> Tensor:
        """A random order of ``n`` things: Tensor of int64, shape (n,)."""
        return torch.randperm(n, generator=_generator(*self.key, purpose))

    def symmetric_uniform(self, purpose: str, shape: tuple[int, ...], bound: float) -> Tensor:
        """Numbers uniform in [-bound, bound) of any shape, for initial weights; float32."""
        draw = torch.empty(shape)
        return draw.uniform_(-bound, bound, generator=_generator(*self.key, purpose))

    def _rows(self, kind: str, purpose: str, rows: Tensor, n_features: int) -> Tensor:
        if len(rows) == 0:
            return torch.empty(0, n_features)
        last = int(rows.max()) // BLOCK_ROWS
        buffer, drawn = self._drawn.get((kind, purpose, n_features), (torch.empty(0, n_features), set()))
        if len(buffer) < (last + 1) * BLOCK_ROWS:
            grown = torch.empty((last + 1) * BLOCK_ROWS, n_features)
            grown[: len(buffer)] = buffer
            buffer = grown
        if len(drawn) * BLOCK_ROWS < len(buffer):
            for block in torch.unique(rows // BLOCK_ROWS).tolist():
                if block not in drawn:
                    generator = _generator(*self.key, purpose, block)
                    part = buffer[block * BLOCK_ROWS : (block + 1) * BLOCK_ROWS]
                    if kind == "normal":
                        part.normal_(generator=generator)
                    else:
                        part.uniform_(generator=generator)
                    drawn.add(block)
        self._drawn[(kind, purpose, n_features)] = (buffer, drawn)
        return buffer.index_select(0, rows)


@dataclass(frozen=True, eq=False)
class Keys:
    """The rows of one batch within a stream: what `corrupt` needs to draw its noise.

    Parameters
    ----------
    stream : Stream
        The stream of this seed, fold, stage and epoch.
    rows : Tensor of int64, shape (n_rows,)
        Row numbers of the batch, counted over the whole data set.
    progress : float
        How far the stage is: 0 in its first epoch, 1 in its last.
    """

    stream: Stream
    rows: Tensor
    progress: float = 1.0

    def normal(self, purpose: str, n_features: int) -> Tensor:
        """Standard normal numbers, shape (n_rows, n_features)."""
        return self.stream.normal(purpose, self.rows, n_features)

    def uniform(self, purpose: str, n_features: int) -> Tensor:
        """Numbers uniform in [0, 1), shape (n_rows, n_features)."""
        return self.stream.uniform(purpose, self.rows, n_features)
