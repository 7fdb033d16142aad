from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from eegdae.reporting import sweep_page
from eegdae.reporting.html import Table
from eegdae.reporting.sweep import MOST_ROWS, p_text
from eegdae.reporting.sweep_data import SweepData

from .checks import Page, check_png
from .test_figures_sweep import curve, errors


def table(**columns):
    frame = pd.DataFrame(
        {
            "level": [0.0, 0.5, 1.0],
            "n_runs": [3, 3, 2],
            "validation": [0.6, 0.8, 0.7],
            "mean": [0.7, 0.75, 0.77],
            "low": [0.65, 0.7, np.nan],
            "high": [0.75, 0.8, np.nan],
            "difference": [np.nan, 0.05, 0.03],
            "difference_low": [np.nan, 0.01, np.nan],
            "difference_high": [np.nan, 0.09, np.nan],
            "p_holm": [np.nan, 0.0001, 0.25],
        }
    )
    return frame.assign(**columns)


def data(**changes):
    return SweepData(
        **{"title": "A <b>sweep</b>", "metric": "roc_auc", "keys": ["level"], "table": table(), **changes}
    )


def test_sweep_page():
    html, figures = sweep_page(
        data(
            curve=curve(),
            best=1,
            answer=Table(header=["", "figure"], rows=[["best", "0.750"]], caption="What to take"),
            baselines=Table(header=["", "figure"], rows=[["PCA", "0.650"]], caption="Baselines"),
            cautions=["flattering"],
            notes=["Averaged."],
            left_out=["1 run failed."],
            transductive="transductive",
        )
    )
    page = Page(html)
    check_png(figures["noise_curve.png"])
    assert list(figures) == ["noise_curve.png"]
    assert len(page.all("tr")) == 4 + 2 + 2
    for text in (
        "A <b>sweep</b>",
        "What to take",
        "PCA",
        "0.750 [0.700, 0.800]",
        "+0.050 [+0.010, +0.090]",
        "<0.001",
        "0.250",
        "1 run failed.",
        "flattering",
        "ROC-AUC, transductive",
    ):
        assert text in page.text
    row = html[html.index('<tr><th scope="row"') :]
    assert html.count(">best<") == 2  # in the answer, and the row of the best
    assert "<strong>0.750 [0.700, 0.800]</strong>" in row


def test_one_setting_has_no_best_and_no_level_no_curve():
    html, figures = sweep_page(data(table=table().head(1)))
    assert "best" not in Page(html).text
    assert figures == {}


def test_two_keys_make_a_map_where_half_of_it_is_there():
    pairs = list(itertools.product((0.0, 1.0), ("eegdae.A", "eegdae.B")))
    rows = pd.concat([table().head(1).assign(level=level, **{"x._target_": kind}) for level, kind in pairs])
    shown = data(keys=["x._target_", "level"], table=rows.assign(mean=[0.1, 0.2, 0.3, 0.4]), best=3)
    html, figures = sweep_page(shown)
    check_png(figures["heat_map.png"])
    assert "for every pair of level and x" in html
    assert "heat_map.png" not in sweep_page(data(keys=["level", "mean"]))[1]


def test_search_and_importance():
    across = pd.DataFrame({"lr": [0.1, 0.2], "auc": [0.5, 0.6]})
    importance = pd.DataFrame({"parameter": ["lr"], "importance": [0.5], "chance": [0.1]})
    shown = data(
        across=across,
        values=[("auc", "AUC (area)", True)],
        importance=importance,
        importance_label="share (0 to 1)",
        importance_note="Shares of variance.",
        search=["Search mine: 2 complete."],
    )
    html, figures = sweep_page(shown)
    assert set(figures) == {"parallel_coordinates.png", "importance.png"}
    assert "Search mine: 2 complete." in html
    assert "Shares of variance." in html
    html, figures = sweep_page(data(importance_note="Too few runs."))
    assert "Too few runs." in html
    assert figures == {}


def test_errors_of_runs_without_labels():
    rows = errors().assign(n_runs=2)
    html, figures = sweep_page(data(table=pd.DataFrame(), errors=rows, error_curve=rows))
    check_png(figures["error_curve.png"])
    assert "doing nothing" in html
    assert "Balanced" not in html
    assert len(Page(html).all("tr")) == 1 + 3


def test_of_very_many_settings_the_best_are_listed():
    n = MOST_ROWS + 50
    rows = pd.concat([table().iloc[[1]]] * n, ignore_index=True)
    rows["level"], rows["validation"] = np.arange(n), np.arange(n) / n
    html, _ = sweep_page(data(table=rows, best=n - 1))
    page = Page(html)
    assert len(page.all("tr")) == MOST_ROWS + 1
    assert f"The first {MOST_ROWS} of {n} settings by validation" in page.text
    assert html.index(">249<") < html.index(">248<")
    assert ">49<" not in html


def test_p_values():
    assert [p_text(p) for p in (None, 0.00001, 0.0123, 1.0)] == ["", "<0.001", "0.012", "1.000"]


def test_a_table_without_its_columns_is_refused():
    with pytest.raises(ValueError, match="n_runs"):
        sweep_page(data(table=table().drop(columns="n_runs")))
