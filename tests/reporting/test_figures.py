from __future__ import annotations

import numpy as np
import pytest

from eegdae.reporting.figures import code_map, loss_curves
from eegdae.reporting.style import figure_png

from .checks import check_figure, texts
from .conftest import history


def test_loss_curves_one_panel_a_view_one_line_a_stage():
    figure = loss_curves(history())
    check_figure(figure)
    assert [axes.get_title() for axes in figure.axes] == ["raw", "power"]
    for axes in figure.axes:
        assert axes.get_yscale() == "log"
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["layer 1", "joint"]
        assert len(axes.lines) == 4  # two stages of two models


def test_loss_curves_carry_numbers_however_little_the_loss_falls():
    for fall in (1.02, 2.0, 4.0, 50.0, 1e5):
        table = history()
        table["loss"] = np.where(table["epoch"] == 5, 1.0 / fall, 1.0)
        figure = loss_curves(table)
        figure_png(figure)
        low, high = figure.axes[0].get_ylim()
        ticks = zip(figure.axes[0].get_yticks(), figure.axes[0].get_yticklabels(), strict=True)
        shown = [tick for tick, label in ticks if low <= tick <= high and label.get_text()]
        assert len(shown) >= 2, fall


def test_loss_curves_take_negative_losses_and_single_epochs():
    table = history().query("epoch == 0").assign(loss=-1.0)
    figure = loss_curves(table)
    check_figure(figure)
    assert figure.axes[0].get_yscale() == "linear"
    assert figure.axes[0].lines[0].get_marker() == "o"


def test_loss_curves_refuse_an_empty_history():
    with pytest.raises(ValueError, match="no rows"):
        loss_curves(history().head(0))


@pytest.mark.parametrize("n_groups", [1, 2, 12])
def test_code_map_groups_differ_by_look(n_groups):
    rng = np.random.default_rng(0)
    labels = [f"g{i % n_groups}" for i in range(200)]
    figure = code_map(
        rng.normal(size=(200, 2)), labels=labels, title="Codes", legend_title="class", explained=(0.42, 0.1)
    )
    check_figure(figure)
    assert "42 % of variance" in texts(figure)
    axes = figure.axes[0]
    named = [handle for handle in axes.collections if not handle.get_label().startswith("_")]
    looks = {(tuple(h.get_facecolor()[0]), h.get_paths()[0].vertices.tobytes()) for h in named}
    assert len(looks) == n_groups
    drawn = sum(len(c.get_offsets()) for c in axes.collections)
    assert drawn == 200


def test_code_map_many_groups_share_a_colour_bar_in_numeric_order():
    labels = [str(i % 30) for i in range(90)]
    figure = code_map(
        np.zeros((90, 2)), labels=labels, title="Codes", legend_title="subject", explained=(1, 0)
    )
    check_figure(figure)
    ticks = [int(label.get_text()) for label in figure.axes[1].get_yticklabels()]
    assert ticks[0] == 0
    assert ticks[-1] == 29
    assert ticks == sorted(ticks)


def test_code_map_refuses_labels_of_another_length():
    with pytest.raises(ValueError, match="3 codes and 2 labels"):
        code_map(np.zeros((3, 2)), labels=["a", "b"], title="", legend_title="", explained=(0, 0))
