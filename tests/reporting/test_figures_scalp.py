from __future__ import annotations

import numpy as np
import pytest

from eegdae.reporting.figures_scalp import flatten_positions, scalp_maps

from .checks import check_figure, texts


def test_two_classes_and_their_difference(scalp):
    figure = scalp_maps(**vars(scalp))
    check_figure(figure)
    shown = texts(figure)
    for text in ("first half", "second half", "all", "(0 to 250 Hz)", "log power\n(log µV²)"):
        assert text in shown
    bars = [axes for axes in figure.axes if hasattr(axes, "_colorbar")]
    assert len(bars) == 3  # one a band, one for the differences
    maps = [axes for axes in figure.axes if not axes.axison or axes.images]
    assert sum(bool(axes.images) for axes in maps if not hasattr(axes, "_colorbar")) == 6


def test_ten_twenty_lies_as_it_is_drawn_in_textbooks(scalp):
    at = dict(zip(scalp.ch_names, flatten_positions(scalp.ch_pos), strict=True))
    assert np.hypot(*at["Cz"]) < 0.05
    for name in ("Fp1", "O1", "T7", "P7", "F7"):
        assert 0.85 < np.hypot(*at[name]) <= 1
    assert at["Fp1"][1] > 0.8
    assert at["O1"][1] < -0.8
    assert at["T8"][0] > 0.8
    for left, right in (("F3", "F4"), ("C3", "C4"), ("O1", "O2")):
        np.testing.assert_allclose(at[left] * [-1, 1], at[right], atol=0.06)


def test_a_sphere_is_mapped_by_its_angles():
    """Oracle: on a sphere the radius is the angle from the top."""
    angle = np.deg2rad([0, 30, 60, 90, 30, 60, 90, 30, 60, 90, 30, 60, 90])
    turn = np.deg2rad([0, *[0] * 3, *[90] * 3, *[180] * 3, *[270] * 3])
    directions = np.column_stack([np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn), np.cos(angle)])
    flat = flatten_positions(0.09 * directions + [0.001, 0.02, 0.04])
    expected = np.column_stack([np.cos(turn), np.sin(turn)]) * (angle / (np.pi / 2))[:, None]
    np.testing.assert_allclose(flat, expected, atol=1e-9)


@pytest.mark.parametrize("n_chans", [4, 6])
def test_few_electrodes_in_a_plane_are_drawn(scalp, n_chans):
    flat = scalp.ch_pos[:n_chans].copy()
    flat[:, 2] = 0.08
    figure = scalp_maps(
        scalp.values[:1, :1, :n_chans],
        ch_pos=flat,
        ch_names=scalp.ch_names[:n_chans],
        classes=["a"],
        bands=["b"],
        unit="uV",
    )
    check_figure(figure)


def test_shapes_that_disagree_are_refused(scalp):
    with pytest.raises(ValueError, match="1 classes"):
        scalp_maps(**{**vars(scalp), "classes": ["a"]})
