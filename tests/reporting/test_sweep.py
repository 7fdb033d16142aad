from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eegdae.reporting import sweep_page

from .checks import Page, check_png
from .test_figures_scores import curve


def table():
    return pd.DataFrame(
        {
            "corruption": "gaussian",
            "level": [0.0, 0.5, 1.0],
            "n_runs": [3, 3, 2],
            "mean": [0.7, 0.75, 0.73],
            "low": [0.65, 0.7, np.nan],
            "high": [0.75, 0.8, np.nan],
            "difference": [np.nan, 0.05, 0.03],
            "difference_low": [np.nan, 0.01, np.nan],
            "difference_high": [np.nan, 0.09, np.nan],
        }
    )


def test_sweep_page():
    html, figures = sweep_page(
        table(),
        curve=curve(),
        metric="roc_auc",
        title="A <b>sweep</b>",
        notes=["1 run failed."],
        transductive="transductive",
    )
    page = Page(html)
    check_png(figures["noise_curve.png"])
    assert len(page.all("tr")) == 4
    for text in (
        "A <b>sweep</b>",
        "0.750 [0.700, 0.800]",
        "+0.050 [+0.010, +0.090]",
        "1 run failed.",
        "same folds",
        "ROC-AUC, transductive",
    ):
        assert text in page.text
    row = html[html.index('<tr><th scope="row"><strong>') :]
    assert "0.750 [" in row[: row.index("</tr>")]
    assert ">best<" in row[: row.index("</tr>")]
    assert html.count(">best<") == 1


def test_one_setting_has_no_best_and_no_level_no_curve():
    html, figures = sweep_page(table().head(1), curve=curve().head(0), metric="roc_auc", title="One")
    assert "best" not in Page(html).text
    assert figures == {}


def test_a_table_without_its_columns_is_refused():
    with pytest.raises(ValueError, match="n_runs"):
        sweep_page(table().drop(columns="n_runs"), curve=curve(), metric="roc_auc", title="")
