from __future__ import annotations

import numpy as np
import pytest
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import FancyArrowPatch

from eegdae.reporting.electrode_layout import circle_layout
from eegdae.reporting.figures_network import (
    draw_circle,
    draw_scalp,
    luminance,
    neutral_value,
    strongest_edges,
)
from eegdae.reporting.figures_scalp import flatten_positions
from eegdae.reporting.style import SIGNED, new_figure

N = 19


@pytest.fixture(scope="module")
def square():
    return np.random.default_rng(0).uniform(0.1, 1, (N, N))


def pairs(network):
    return [(edge.row, edge.column) for edge in network.edges]


def test_a_symmetric_matrix_has_one_edge_a_pair(square):
    c = (square + square.T) / 2
    network = strongest_edges(c, n_edges=7)
    upper = np.triu_indices(N, 1)
    order = np.argsort(c[upper])[-7:]
    assert pairs(network) == list(zip(upper[0][order], upper[1][order], strict=True))
    assert not network.has_direction
    assert network.sentence == "7 strongest of 171 edges"


def test_a_directed_matrix_has_two(square):
    network = strongest_edges(square, n_edges=400)
    assert len(network.edges) == 342
    assert network.has_direction


@pytest.mark.parametrize("middle", [0.0, 0.5])
def test_signed_lags_point_from_the_channel_ahead(square, middle):
    c = middle + square - square.T
    assert neutral_value(c) == middle
    network = strongest_edges(c, n_edges=171)
    assert len(network.edges) == 171
    for edge in network.edges:
        assert c[edge.row, edge.column] > middle
        assert edge.strength == pytest.approx(c[edge.row, edge.column] - middle)


def test_negative_edges_are_as_strong_as_positive_ones(square):
    c = (square + square.T) / 20
    c[2, 9] = c[9, 2] = -3.0
    assert pairs(strongest_edges(c, n_edges=1)) == [(2, 9)]


@pytest.mark.parametrize(("n_chans", "n_shown"), [(6, 5), (19, 20), (64, 100), (128, 100)])
def test_how_many_are_drawn(n_chans, n_shown):
    c = np.random.default_rng(0).uniform(size=(n_chans, n_chans))
    assert len(strongest_edges(c + c.T).edges) == n_shown


def test_masked_channels_have_no_edges(square):
    c = square + square.T
    c[3] = c[:, 3] = np.nan
    network = strongest_edges(c, n_edges=171)
    assert len(network.edges) == network.n_possible == 153
    assert not {channel for pair in pairs(network) for channel in pair} & {3}
    assert strongest_edges(np.full((4, 4), np.nan)).sentence == "no edge has a value"


def test_of_a_difference_the_significant_edges_alone_are_drawn(square):
    c = square + square.T - 1
    significant = np.zeros((N, N), dtype=bool)
    for i, j in ((0, 5), (7, 8), (2, 3)):
        significant[i, j] = significant[j, i] = True
    options = {"is_difference": True, "significant": significant}
    network = strongest_edges(c, **options)
    assert set(pairs(network)) == {(0, 5), (7, 8), (2, 3)}
    assert network.sentence == "3 of 171 edges significant"
    assert not network.is_faint
    few = strongest_edges(c, n_edges=2, **options)
    assert few.sentence == "3 of 171 edges significant;\ndrawn: the 2 largest"


def test_what_passed_no_test_is_faint_and_said_to_be(square):
    c = square + square.T - 1
    none = strongest_edges(c, is_difference=True, significant=np.zeros((N, N), dtype=bool))
    untested = strongest_edges(c, is_difference=True)
    assert none.is_faint
    assert untested.is_faint
    assert "none of 171 edges significant" in none.sentence
    assert "not tested" in untested.sentence
    assert not strongest_edges(c).is_faint


def drawn(network, scalp, draw):
    axes = new_figure(3, 3).subplots()
    colours = ScalarMappable(Normalize(-1, 1), SIGNED)
    draw(axes, network, ch_names=scalp.ch_names, ch_pos=scalp.ch_pos, colours=colours)
    return axes, [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)], colours


@pytest.mark.parametrize("draw", [draw_circle, draw_scalp])
def test_edges_are_coloured_by_value_and_thick_by_strength(scalp, square, draw):
    network = strongest_edges((square + square.T) / 2, n_edges=12)
    axes, lines, colours = drawn(network, scalp, draw)
    assert len(lines) == 12
    for line, edge in zip(lines, network.edges, strict=True):
        assert line.get_edgecolor() == pytest.approx(colours.to_rgba(np.array(edge.value)))
    widths = [line.get_linewidth() for line in lines]
    assert widths == sorted(widths)
    assert widths[-1] > 2 * widths[0]
    assert {text.get_text() for text in axes.texts} >= set(scalp.ch_names)
    assert not axes.axison


@pytest.mark.parametrize("draw", [draw_circle, draw_scalp])
def test_an_arrow_goes_from_row_to_column_on_a_way_of_its_own(scalp, draw):
    c = np.zeros((N, N))
    c[4, 11], c[11, 4] = 1.0, 0.5
    _, lines, _ = drawn(strongest_edges(c, n_edges=2), scalp, draw)
    layout = circle_layout(scalp.ch_names, scalp.ch_pos).points
    points = layout if draw is draw_circle else flatten_positions(scalp.ch_pos)
    ways = [patch.get_arrowstyle().__class__.__name__ for patch in lines]
    assert ways == ["CurveFilledB"] * 2
    curves = [line._path_original.vertices for line in lines]
    for curve, (row, column) in zip(curves, [(11, 4), (4, 11)], strict=True):
        np.testing.assert_allclose(curve[0], points[row])
        assert np.linalg.norm(curve[2] - points[column]) == pytest.approx(0.06)
    assert np.linalg.norm(curves[0][1] - curves[1][1]) > 0.1


def test_faint_edges_are_dashed(scalp, square):
    network = strongest_edges(square + square.T - 1, is_difference=True)
    _, lines, _ = drawn(network, scalp, draw_circle)
    assert all(line.get_linestyle() != "-" and line.get_alpha() < 1 for line in lines)


def test_luminance():
    assert luminance((1.0, 1.0, 1.0, 1.0)) == pytest.approx(1)
    assert luminance(np.zeros((2, 4))).tolist() == [0, 0]
