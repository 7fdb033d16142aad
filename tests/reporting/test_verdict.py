from __future__ import annotations

import pandas as pd

from eegdae.reporting.html import Strong
from eegdae.reporting.style import DASH
from eegdae.reporting.verdict import metrics_table, paired_table


def test_best_of_each_metric_is_bold_and_chance_is_last(report_data):
    metrics = {"chance": report_data.metrics["chance"], **report_data.metrics}
    table = metrics_table(metrics)
    assert table.header == ["representation", "balanced accuracy", "ROC-AUC", "what it is"]
    assert table.rows[-1][0] == "chance"
    bold = {(row[0], c) for row in table.rows for c, cell in enumerate(row) if isinstance(cell, Strong)}
    assert bold == {("denoising codes", 1), ("scaled features", 2)}
    cells = {row[0]: row[1:] for row in table.rows}
    assert cells["denoising codes"][0] == "0.861 [0.802, 0.917]"
    assert cells["PCA"][:2] == ["0.840", DASH]
    assert cells["my own"][-1] == ""


def test_transductive_is_in_every_column_with_a_figure(report_data):
    header = metrics_table(report_data.metrics, transductive="transductive").header
    assert header[1:3] == ["balanced accuracy, transductive", "ROC-AUC, transductive"]


def test_paired_table_says_codes_minus_the_rest_with_interval_and_p():
    paired = pd.DataFrame(
        [
            ("pca", "balanced_accuracy", 0.1014, 0.0521, 0.1507, 0.0021),
            ("pca", "roc_auc", -0.02, float("nan"), float("nan"), float("nan")),
        ],
        columns=["representation", "metric", "mean", "low", "high", "p"],
    )
    table = paired_table(paired)
    assert list(table.header) == ["codes minus", "balanced accuracy", "ROC-AUC"]
    assert [list(row) for row in table.rows] == [["PCA", "+0.101 [+0.052, +0.151], p 0.0021", "\u22120.020"]]
