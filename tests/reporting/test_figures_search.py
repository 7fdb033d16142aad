from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eegdae.reporting.figures_search import importance_bars, parallel_coordinates

from .checks import check_figure, texts


def trials():
    return pd.DataFrame(
        {
            "lr": [1e-4, 1e-3, 1e-2],
            "kind": ["masking", None, "gaussian"],
            "auc": [0.6, 0.9, 0.7],
            "size": [4.0, 8.0, 4.0],
        }
    )


def runs(figure):
    return [line for line in figure.axes[0].lines if len(line.get_xdata()) > 2]


def test_every_run_is_a_line_and_the_best_is_thick():
    figure = parallel_coordinates(trials(), values=["auc", "size"], label="AUC (area)")
    check_figure(figure)
    lines = runs(figure)
    heights = np.array([line.get_ydata() for line in lines])
    # worst first; the learning rate on a logarithmic axis
    np.testing.assert_allclose(heights[:, 0], [0, 1, 0.5])
    np.testing.assert_allclose(heights[:, 1], [0, 0.5, 1])
    np.testing.assert_allclose(heights[:, 2], [0, 1 / 3, 1])
    assert [line.get_linewidth() > 2 for line in lines] == [False, False, True]
    assert len({line.get_color() for line in lines}) == 3
    assert "not there" in texts(figure)
    labels = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert labels == ["lr", "kind", "auc", "size"]


def test_the_best_may_be_the_least():
    lines = runs(parallel_coordinates(trials(), values=["auc"], label="error (ratio)", maximize=False))
    assert lines[-1].get_ydata()[-1] == 0
    assert lines[-1].get_linewidth() > 2


def test_runs_without_a_figure_are_left_out_and_none_is_refused():
    table = trials().assign(auc=[0.5, np.nan, 0.5])
    assert len(runs(parallel_coordinates(table, values=["auc"], label="AUC (area)"))) == 2
    with pytest.raises(ValueError, match="no run"):
        parallel_coordinates(table.assign(auc=np.nan), values=["auc"], label="")


def test_importance_bars_with_the_mark_of_chance():
    table = pd.DataFrame({"parameter": ["lr", "kind"], "importance": [0.6, 0.1], "chance": [0.05, np.nan]})
    figure = importance_bars(table, label="share (0 to 1)")
    check_figure(figure)
    assert [bar.get_width() for bar in figure.axes[0].patches] == [0.6, 0.1]
    assert "without influence" in texts(figure)
    assert "without influence" not in texts(
        importance_bars(table.assign(chance=np.nan), label="share (0 to 1)")
    )
    with pytest.raises(ValueError, match="no rows"):
        importance_bars(table.head(0), label="")
