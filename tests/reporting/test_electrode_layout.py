from __future__ import annotations

import numpy as np
import pytest

from eegdae.reporting.electrode_layout import HEAD, circle_layout, draw_head
from eegdae.reporting.style import new_figure

LEFT, RIGHT, MIDLINE = (
    ["Fp1", "F3", "F7", "T7", "C3", "P7", "P3", "O1"],
    ["Fp2", "F4", "F8", "T8", "C4", "P8", "P4", "O2"],
    ["Fz", "Cz", "Pz"],
)
TEN_TWENTY = LEFT + RIGHT + MIDLINE


def by_name(layout, names=TEN_TWENTY):
    return dict(zip(names, layout.points, strict=True))


@pytest.mark.parametrize("with_positions", [True, False])
def test_left_is_left_and_the_front_is_on_top(scalp, with_positions):
    names = scalp.ch_names if with_positions else TEN_TWENTY
    layout = circle_layout(names, scalp.ch_pos if with_positions else None)
    at = by_name(layout, names)
    assert layout.has_sides
    np.testing.assert_allclose(np.hypot(*layout.points.T), 1)
    for left, right in (("Fp1", "Fp2"), ("C3", "C4"), ("T7", "T8"), ("O1", "O2")):
        assert at[left][0] < -0.1
        np.testing.assert_allclose(at[left] * [-1, 1], at[right], atol=1e-9)
    assert at["Fp1"][1] > at["F3"][1] > at["C3"][1] > at["P3"][1] > at["O1"][1]
    assert at["Fz"][1] > 0.99
    assert at["Pz"][1] < -0.9


def test_nobody_stands_on_another(scalp):
    for names, ch_pos in ((scalp.ch_names, scalp.ch_pos), (["ax", "ay", "az"], None), (["Cz"], None)):
        angles = np.sort(circle_layout(names, ch_pos).angles % (2 * np.pi))
        gaps = np.diff([*angles, angles[0] + 2 * np.pi])
        assert gaps.min() > 0.8 * np.pi / len(names)


def test_one_side_alone_fills_its_half(scalp):
    left = [k for k, name in enumerate(scalp.ch_names) if name[-1] in "1357"]
    midline = [scalp.ch_names.index(name) for name in ("Fz", "Pz")]
    positions = np.concatenate([scalp.ch_pos[left], scalp.ch_pos[midline] * [0, 1, 1]])
    # the midline of what is there lies between T7 and the middle, so Fz and Pz count as right
    layout = circle_layout([scalp.ch_names[k] for k in left + midline], positions)
    assert (layout.points[-2:, 0] > 0).all()


def test_unknown_names_go_clockwise_from_the_top():
    layout = circle_layout(["ax", "ay", "az", "gx"])
    np.testing.assert_allclose(layout.points, [[0, 1], [1, 0], [0, -1], [-1, 0]], atol=1e-12)
    assert not layout.has_sides


def test_the_head_has_a_nose_and_two_ears_round_every_electrode():
    axes = new_figure(2, 2).subplots()
    draw_head(axes)
    assert len(axes.patches) == 4
    assert HEAD > 1
    tops = [patch.get_path().vertices[:, 1].max() for patch in axes.patches[1:]]
    assert max(tops) == tops[0] > HEAD
    assert not axes.axison
