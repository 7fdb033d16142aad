"""Where electrodes stand in a picture: round a circle by side of the head, and the outline of the head."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Polygon
from numpy.typing import NDArray

HEAD = 1.18
"""Radius of the drawn head where the outermost electrode has 1."""

_GAP = 1.0
_MIDLINE = 0.1
_TEN_TWENTY = re.compile(r"(fp|af|f|ft|fc|t|c|tp|cp|p|po|o|i)(z|\d{1,2})h?", re.IGNORECASE)
_FRONT_TO_BACK = ("fp", "af", "f", "ft", "fc", "t", "c", "tp", "cp", "p", "po", "o", "i")
_OUTLINE: dict[str, Any] = {"facecolor": "none", "edgecolor": "#555555", "linewidth": 1.0, "zorder": 0}


@dataclass(frozen=True, eq=False)
class CircleLayout:
    """Angles of channels round a circle.

    Parameters
    ----------
    angles : ndarray, shape (n_chans,)
        Radians, anticlockwise from the right.
    has_sides : bool
        Whether channels of the left hemisphere are on the left.
    """

    angles: NDArray[np.float64]
    has_sides: bool

    @property
    def points(self) -> NDArray[np.float64]:
        """Points on the unit circle, shape (n_chans, 2)."""
        return np.column_stack([np.cos(self.angles), np.sin(self.angles)])


def circle_layout(ch_names: Sequence[str], ch_pos: NDArray[Any] | None = None) -> CircleLayout:
    """Lay channels round a circle: left ones on the left, right ones on the right, the front on top.

    The midline stands between the sides, its front half on top, the rest at the bottom. Without positions,
    the names of the 10-20 system tell the place; where they do not either, channels follow one another
    clockwise from the top.

    Parameters
    ----------
    ch_names : sequence of str, length n_chans
    ch_pos : ndarray, shape (n_chans, 3), or None
        Metres, head coordinates (x right, y front, z up).

    Returns
    -------
    CircleLayout
    """
    n_chans = len(ch_names)
    places = _places(ch_names, ch_pos)
    if places is None:
        return CircleLayout(np.pi / 2 - 2 * np.pi * np.arange(n_chans) / n_chans, False)
    across, along = places
    front_first = np.argsort(-along, kind="stable")
    left = [int(k) for k in front_first if across[k] < -_MIDLINE]
    right = [int(k) for k in front_first if across[k] > _MIDLINE]
    middle = [int(k) for k in front_first if abs(across[k]) <= _MIDLINE]
    top, bottom = middle[: len(middle) // 2], middle[len(middle) // 2 :]
    angles = np.empty(n_chans)
    unit = 2 * np.pi / (n_chans + 2 * _GAP)
    # Each side fills its half of the circle, however many channels the other has.
    first, last = ((len(group) + _GAP) / 2 * unit for group in (top, bottom))
    for group, on_left in ((right, False), (left, True)):
        turn = np.linspace(np.pi / 2 - first, last - np.pi / 2, 2 * len(group) + 1)[1::2]
        angles[group] = np.pi - turn if on_left else turn
    for group, middle_angle in ((top, np.pi / 2), (bottom, -np.pi / 2)):
        angles[group] = middle_angle + unit * (np.arange(len(group)) - (len(group) - 1) / 2)
    return CircleLayout(angles, True)


def draw_head(axes: Axes) -> None:
    """Draw a head from above, nose up, round the unit circle of `flatten_positions`.

    Parameters
    ----------
    axes : Axes
        Its limits and aspect are set and its frame taken off.
    """
    axes.add_patch(Circle((0, 0), HEAD, **_OUTLINE))
    half = np.deg2rad(9.0)
    sides = [(HEAD * np.sin(turn), HEAD * np.cos(turn)) for turn in (-half, half)]
    axes.add_patch(Polygon([sides[0], (0.0, HEAD * 1.11), sides[1]], closed=False, **_OUTLINE))
    turn = np.linspace(-1, 1, 40)
    for side in (-1, 1):
        # half an ellipse that begins and ends on the head
        depth = np.sqrt(1 - turn**2) * 0.08
        height = 0.2 * turn
        x = side * (np.sqrt(HEAD**2 - height**2) + depth)
        axes.add_patch(Polygon(np.column_stack([x, height]), closed=False, **_OUTLINE))
    axes.set(xlim=(-1.34, 1.34), ylim=(-1.24, 1.36), aspect="equal")
    axes.set_axis_off()


def _places(
    ch_names: Sequence[str], ch_pos: NDArray[Any] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """How far right and how far to the front each channel is, the outermost at 1; None where unknown."""
    if ch_pos is not None:
        x, y = np.asarray(ch_pos, dtype=np.float64).T[:2]
        # half of the way between the outermost ones is the midline, wherever the coordinates have their zero
        return (x - (x.max() + x.min()) / 2) / max(float(np.ptp(x)) / 2, 1e-12), y
    found = [_TEN_TWENTY.fullmatch(name) for name in ch_names]
    across, along = [], []
    for match in found:
        if match is None:
            return None
        region, number = match[1].lower(), match[2].lower()
        across.append(0.0 if number == "z" else 1.0 if int(number) % 2 == 0 else -1.0)
        along.append(-float(_FRONT_TO_BACK.index(region)))
    return np.array(across), np.array(along)
