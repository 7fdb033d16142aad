from __future__ import annotations

import numpy as np
import pytest

from eegdae.reporting.figures_scores import confusion, metric_bars
from eegdae.reporting.verdict import metrics_table

from .checks import check_figure, texts


@pytest.mark.parametrize("n_classes", [2, 7, 12, 20])
def test_confusion_shares_are_of_the_true_class(n_classes):
    matrix = np.random.default_rng(0).integers(0, 50, size=(n_classes, n_classes))
    matrix[0] = 0
    figure = confusion(matrix, classes=[f"class {i}" for i in range(n_classes)], transductive="transductive")
    check_figure(figure)
    share = np.asarray(figure.axes[0].images[0].get_array())
    np.testing.assert_allclose(share[1:].sum(axis=1), 100)
    np.testing.assert_allclose(share[0], 0)
    assert "transductive" in texts(figure)
    if n_classes == 2:
        assert f"{share[1, 1]:.0f} %\n{matrix[1, 1]}" in texts(figure)


def test_confusion_refuses_other_classes():
    with pytest.raises(ValueError, match="3 classes"):
        confusion(np.zeros((2, 2), dtype=int), classes=["a", "b", "c"])


def test_metric_bars_show_mean_interval_and_chance(report_data):
    figure = metric_bars(report_data.metrics, metric="balanced_accuracy")
    check_figure(figure)
    axes = figure.axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["denoising codes", "scaled features", "PCA"]
    assert [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"] == [
        pytest.approx(1 / 7)
    ]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    whiskers = [line for line in axes.lines if line.get_linestyle() == "-"]
    assert [line.get_xdata()[0] for line in dots] == [0.861, 0.85, 0.84]
    assert [list(line.get_xdata()) for line in whiskers] == [[0.802, 0.917]] * 2


def test_metric_bars_name_what_they_do_not_know_and_say_transductive(report_data):
    shown = texts(metric_bars(report_data.metrics, metric="roc_auc", transductive="transductive"))
    assert "eigenvalue ratio" in shown
    assert "my own" in shown
    assert "ROC-AUC, transductive" in shown


def test_metric_bars_refuse_a_metric_that_nothing_has(report_data):
    with pytest.raises(ValueError, match="'f1'"):
        metric_bars(report_data.metrics, metric="f1")


def test_what_has_no_interval_promises_none():
    metrics = {name: {"roc_auc": {"mean": 0.5, "low": None, "high": None}} for name in ("codes", "raw")}
    assert not any("95 %" in text for text in texts(metric_bars(metrics, metric="roc_auc")))
    assert metrics_table(metrics).caption == "Mean over held-out groups, best in bold"
