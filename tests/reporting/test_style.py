from __future__ import annotations

import matplotlib
import pytest
from matplotlib.figure import Figure

from eegdae.reporting.style import figure_png, new_figure, pretty_unit, shorten, styled

from .checks import check_png


def test_png_is_whole_nameless_and_repeatable():
    def draw():
        figure = new_figure(3, 2)
        axes = figure.subplots()
        axes.imshow([[0, 1], [2, 3]])
        axes.set_ylabel("a label")
        return figure

    figure = draw()
    first = figure_png(figure)
    assert check_png(first) == (432, 288)
    assert figure_png(figure) == first
    assert figure_png(draw()) == first


def test_styled_leaves_matplotlib_as_it_was():
    seen = []

    @styled
    def draw() -> Figure:
        seen.append(matplotlib.rcParams["font.size"])
        return new_figure(1, 1)

    with matplotlib.rc_context({"font.size": 31.0}):
        draw()
        assert matplotlib.rcParams["font.size"] == 31.0
    assert seen == [9.0]


def test_figures_are_unknown_to_pyplot():
    import matplotlib.pyplot as plt

    new_figure(1, 1)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("unit", "shown"), [("uV", "µV"), ("log uV^2/Hz", "log µV²/Hz"), ("", "a.u."), ("g", "g")]
)
def test_pretty_unit(unit, shown):
    assert pretty_unit(unit) == shown


def test_shorten_keeps_the_limit_and_disarms_formulas():
    assert shorten("abcdef", limit=4) == "abc…"
    assert shorten("abcd", limit=4) == "abcd"
    assert shorten("$x$", limit=9) == r"\$x\$"
