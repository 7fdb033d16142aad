from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eegdae.reporting.figures_heat_map import heat_map

from .checks import check_figure, texts


def test_heat_map_puts_every_mean_in_its_place():
    table = pd.DataFrame(
        {"lr": [0.1, 0.01, 0.1, 0.01], "hidden": ["a", "a", "b", "b"], "mean": [0.1, 0.2, 0.3, 0.4]}
    )
    figure = heat_map(table.iloc[:3], x="lr", y="hidden", label="ROC-AUC (area)", best=(0.1, "b"))
    check_figure(figure)
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), [[0.2, 0.1], [np.nan, 0.3]])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0.01", "0.1"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b"]
    assert "0.300" in texts(figure)
    (frame,) = axes.patches
    assert frame.get_xy() == (0.5, 0.5)
    crosses = [line for line in axes.lines if len(line.get_xdata()) == 2]
    assert [line.get_ydata()[0] for line in crosses] == [0.5, 1.5]
    with pytest.raises(ValueError, match="no rows"):
        heat_map(table.head(0), x="lr", y="hidden", label="")
