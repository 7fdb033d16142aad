"""The layers of a network as a table, for the screen and the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from eegdae.models.view_stacks import FUSION, ViewStacks


class LayerRow(NamedTuple):
    """One layer: whose it is, which, widths on the way to its code and back, and how many parameters."""

    view: str
    layer: str
    shape: str
    n_parameters: int


def layer_table(stacks: ViewStacks) -> list[LayerRow]:
    """List all layers, those of the joint layer last.

    Parameters
    ----------
    stacks : ViewStacks
        Trained or not.

    Returns
    -------
    list of LayerRow
        The last is the total; encoders and decoders both count, a tied weight once.
    """
    named = [*stacks.items(), *([(FUSION, stacks.joint)] if stacks.joint else [])]
    rows = [
        LayerRow(view, f"layer {k}", layer.shape, sum(p.numel() for p in layer.parameters()))  # type: ignore[arg-type]
        for view, stack in named
        for k, layer in enumerate(stack.layers, 1)
    ]
    total = sum(row.n_parameters for row in rows)
    return [*rows, LayerRow("all", "total", f"{stacks.n_codes} codes", total)]


def table_lines(rows: Sequence[LayerRow]) -> list[str]:
    """Lay a table of layers out as lines of text.

    Parameters
    ----------
    rows : sequence of LayerRow
        Of `layer_table`.

    Returns
    -------
    list of str
        The first names the columns; in ASCII.
    """
    cells = [("view", "layer", "shape", "parameters")]
    for row in rows:
        number = f"{row.n_parameters:,}".replace(",", " ")
        cells.append((row.view, row.layer, row.shape.replace("→", "->"), number))
    view, layer, shape, number_ = (max(len(line[k]) for line in cells) for k in range(4))
    return [f"{a:<{view}}  {b:<{layer}}  {c:<{shape}}  {d:>{number_}}" for a, b, c, d in cells]
