from __future__ import annotations

import numpy as np
import pytest

from eegdae.reporting.figures_connectivity import connectivity_pictures
from eegdae.reporting.style import figure_png

from .checks import check_figure, check_png, texts

OPTIONS = {"measure": "plv", "band": "alpha (8 to 13 Hz)"}


@pytest.fixture(scope="module")
def matrices(scalp):
    """Symmetric values that fall with distance, two of them."""
    distance = np.linalg.norm(scalp.ch_pos[:, None] - scalp.ch_pos, axis=2)
    noise = np.random.default_rng(0).uniform(0, 0.1, (2, *distance.shape))
    return np.exp(-distance / 0.08) * 0.8 + noise + noise.swapaxes(1, 2)


def images(figure):
    return [axes.images[0] for axes in figure.axes if axes.images and not hasattr(axes, "_colorbar")]


@pytest.mark.parametrize(
    ("n_matrices", "with_difference"), [(0, True), (1, False), (1, True), (2, False), (2, True), (3, False)]
)
@pytest.mark.parametrize("with_positions", [True, False])
def test_every_matrix_is_drawn_in_every_way(scalp, matrices, n_matrices, with_difference, with_positions):
    values = np.concatenate([matrices, matrices[:1]])[:n_matrices]
    figure = connectivity_pictures(
        values,
        names=["rest", "task", "third"][:n_matrices],
        ch_names=scalp.ch_names,
        ch_pos=scalp.ch_pos if with_positions else None,
        difference=matrices[1] - matrices[0] if with_difference else None,
        difference_name="task - rest",
        note="A note.",
        **OPTIONS,
    )
    check_figure(figure)
    n_columns = n_matrices + with_difference
    assert len(images(figure)) == n_columns
    plots = [axes for axes in figure.axes if not axes.axison]
    assert len(plots) == n_columns * (2 if with_positions else 1)
    bars = [axes for axes in figure.axes if hasattr(axes, "_colorbar")]
    assert len(bars) == (n_matrices > 0) + with_difference
    shown = texts(figure)
    for text in ("PLV, alpha (8 to 13 Hz)", "A note.", *scalp.ch_names):
        assert text in shown
    assert ("20 strongest of 171 edges" in shown) == (n_matrices > 0)
    assert ("not tested" in shown) == with_difference


def test_scales_fit_the_measure(scalp, matrices):
    figure = connectivity_pictures(
        matrices,
        names=["a", "b"],
        ch_names=scalp.ch_names,
        difference=matrices[1] - matrices[0],
        **OPTIONS,
    )
    first, second, difference = images(figure)
    assert first.get_clim() == second.get_clim()
    assert first.get_clim()[0] > 0
    low, high = difference.get_clim()
    assert low == -high
    assert difference.get_cmap().name == "RdBu_r"
    drawn = difference.get_array().filled(np.nan)
    assert np.isnan(np.diag(drawn)).all()
    np.testing.assert_array_equal(drawn[3, 5], (matrices[1] - matrices[0])[3, 5])


@pytest.mark.parametrize("middle", [0.0, 0.5])
def test_signed_lags_have_a_scale_about_what_means_nothing(scalp, middle):
    x = np.random.default_rng(0).uniform(0, 0.4, (1, 19, 19))
    figure = connectivity_pictures(
        middle + x - x.swapaxes(1, 2), names=["a"], ch_names=scalp.ch_names, **OPTIONS
    )
    low, high = images(figure)[0].get_clim()
    assert (low + high) / 2 == pytest.approx(middle, abs=1e-3)
    assert images(figure)[0].get_cmap().name == "RdBu_r"


def test_significant_edges_are_marked_in_the_matrix(scalp, matrices):
    significant = np.zeros((19, 19), dtype=bool)
    significant[2, 7] = significant[7, 2] = True
    figure = connectivity_pictures(
        matrices[:0],
        names=[],
        ch_names=scalp.ch_names,
        difference=matrices[1] - matrices[0],
        difference_name="b - a",
        significant=significant,
        **OPTIONS,
    )
    (dots,) = figure.axes[0].collections
    assert sorted(map(tuple, dots.get_offsets().data.tolist())) == [(2.0, 7.0), (7.0, 2.0)]
    assert "b - a (dots: significant)" in texts(figure)
    assert "1 of 171 edges significant" in texts(figure)


def test_a_masked_channel_leaves_a_gap(scalp, matrices):
    values = matrices[:1].copy()
    values[:, 4] = values[:, :, 4] = np.nan
    figure = connectivity_pictures(
        values, names=["a"], ch_names=scalp.ch_names, ch_pos=scalp.ch_pos, **OPTIONS
    )
    check_png(figure_png(figure))
    assert "20 strongest of 153 edges" in texts(figure)
    nothing = np.full_like(values, np.nan)
    figure = connectivity_pictures(nothing, names=["a"], ch_names=scalp.ch_names, **OPTIONS)
    check_png(figure_png(figure))
    assert "no edge has a value" in texts(figure)


def test_a_long_note_is_broken_into_even_lines(scalp, matrices):
    note = "word " * 60
    figure = connectivity_pictures(matrices, names=["a", "b"], ch_names=scalp.ch_names, note=note, **OPTIONS)
    lines = figure.get_supxlabel().splitlines()
    assert len(lines) > 1
    assert min(map(len, lines)) > 0.6 * max(map(len, lines))


def test_what_disagrees_or_is_missing_is_refused(scalp, matrices):
    with pytest.raises(ValueError, match=r"values \(2, 19, 19\) for 1 names and 19 channels"):
        connectivity_pictures(matrices, names=["a"], ch_names=scalp.ch_names, **OPTIONS)
    with pytest.raises(ValueError, match="neither values nor a difference"):
        connectivity_pictures(matrices[:0], names=[], ch_names=scalp.ch_names, **OPTIONS)
