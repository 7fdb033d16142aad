from __future__ import annotations

import base64

import pytest

from eegdae.reporting.html import FigureBlock, Section, Strong, Table, Text, figures_of, render
from eegdae.reporting.style import DASH, MINUS, new_figure

from .checks import Page, check_png

EVIL = "<script>alert('x')</script>&\"$"


def figure_block(name="loss"):
    figure = new_figure(2, 1)
    figure.subplots()
    return FigureBlock(figure=figure, name=name, caption=EVIL, alt=EVIL)


def test_everything_from_users_is_escaped():
    table = Table(header=[EVIL], rows=[[EVIL, Strong(EVIL)]], caption=EVIL, notes=[EVIL])
    html = render(EVIL, [Section(EVIL, [Text(EVIL), table, figure_block()])])
    page = Page(html)
    assert page.all("script") == []
    # title, h1, contents, h2, paragraph, caption, header, two cells, note, figure caption
    assert page.text.count(EVIL) == 11
    assert page.all("img")[0]["alt"] == EVIL


def test_page_is_whole_and_asks_for_nothing():
    page = Page(
        render("A run", [Section("One", [figure_block()]), Section("None", []), Section("Two", [Text("t")])])
    )
    loads = [
        v
        for _, attrs in page.tags
        for k, v in attrs.items()
        if k in ("src", "href", "srcset", "action", "data")
    ]
    assert all(value.startswith(("data:", "#")) for value in loads)
    assert {"rel": "icon", "href": "data:,"} in page.all("link")
    assert any(meta.get("name") == "viewport" for meta in page.all("meta"))
    assert "default-src 'none'" in str(page.all("meta"))
    assert page.all("html")[0]["lang"] == "en"
    targets = [link["href"][1:] for link in page.all("a")]
    assert targets == [section["id"] for section in page.all("section")] == ["s1", "s2"]
    assert page.text.count("None") == 0


def test_figures_are_the_pngs_of_the_page():
    sections = [Section("One", [figure_block("a"), figure_block("b")])]
    page = Page(render("A run", sections))
    inside = [base64.b64decode(img["src"].removeprefix("data:image/png;base64,")) for img in page.all("img")]
    assert list(figures_of(sections).values()) == inside
    assert list(figures_of(sections)) == ["a.png", "b.png"]
    for data, img in zip(inside, page.all("img"), strict=True):
        assert check_png(data) == (288, 144)
        assert (img["width"], img["height"]) == ("192", "96")


@pytest.mark.parametrize(
    "cells", [["0.861 [0.802, 0.917]", "0.5"], [f"+0.010 [{MINUS}0.010, +0.030]", DASH], ["153 856", "3"]]
)
def test_numbers_stand_flush_right(cells):
    page = Page(Table(header=["n", "v"], rows=[["a", cell] for cell in cells]).html())
    assert [cell.get("class") for cell in page.all("td")] == ["num", "num"]


@pytest.mark.parametrize("cells", [["1 to 4", "2 to 3"], ["1, 2", "3, 4"]])
def test_words_and_lists_do_not(cells):
    page = Page(Table(header=["n", "v"], rows=[["a", cell] for cell in cells]).html())
    assert [cell.get("class") for cell in page.all("td")] == [None, None]


def test_best_cells_are_bold():
    page = Page(Table(header=["n"], rows=[["a", Strong("1")]]).html())
    assert len(page.all("strong")) == 1
