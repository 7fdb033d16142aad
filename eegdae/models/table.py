"""The layers of a network as a table, and what is odd about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from eegdae.models.stack import StackedAutoencoder
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
    cells += [
        (row.view, row.layer, row.shape.replace("→", "->"), f"{row.n_parameters:,}".replace(",", " "))
        for row in rows
    ]
    widths = [max(len(line[k]) for line in cells) for k in range(4)]
    return [
        "  ".join(
            [
                *(cell.ljust(width) for cell, width in zip(line[:3], widths, strict=False)),
                line[3].rjust(widths[3]),
            ]
        )
        for line in cells
    ]


def identity_note(stacks: Mapping[str, StackedAutoencoder], level: float) -> str | None:
    """Say which networks may learn to copy: at level 0 a code larger than its input.

    Parameters
    ----------
    stacks : mapping of str to StackedAutoencoder
        By view.
    level : float
        Of their corruption.

    Returns
    -------
    str or None
        One line; None where there is nothing to say.
    """
    found = [
        f"{view} layer {k} ({layer.n_in} to {layer.n_out})".lstrip()
        for view, stack in stacks.items()
        for k, layer in enumerate(stack.layers, 1)
        if layer.n_out > layer.n_in  # type: ignore[operator]
    ]
    if level != 0 or not found:
        return None
    return (
        f"level 0, and a code larger than its input in {', '.join(found)}: it can learn the identity; "
        "corrupt the input, or make the layer smaller"
    )
