from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from eegdae.reporting import run_report
from eegdae.reporting.report import ReportData

from .checks import Page, check_png


def test_report_shows_everything(report_data, scalp):
    html, figures = run_report(replace(report_data, scalp=scalp))
    page = Page(html)
    assert set(figures) == {
        "metrics_balanced_accuracy.png",
        "metrics_roc_auc.png",
        "confusion.png",
        "codes_by_class.png",
        "codes_by_subject.png",
        "reconstruction_0_raw.png",
        "reconstruction_1_power.png",
        "matrices_pearson_all-frequencies.png",
        "floors_0.png",
        "networks_pearson_all-frequencies.png",
        "scalp_maps.png",
        "loss_curves.png",
    }
    for png in figures.values():
        check_png(png)
    assert len(page.all("img")) == len(figures)
    assert all(img["alt"] for img in page.all("img"))
    assert page.all("script") == []
    for text in (
        "<script>alert(1)</script>",  # a channel name, shown and not obeyed
        "+0.011 against scaled features",
        "No interval: fewer than 5 groups.",
        "fold",
        "final model, in-sample",
        "missing",
        "S1.edf: bad channel P7: flat; left out",
        "153 856",
        "doing nothing",
        "every subject counted once",
        "Paired t tests: ",
    ):
        assert text in page.text
    assert "transductive" not in page.text


def test_same_data_same_bytes(report_data):
    few = replace(report_data, matrices=[], codes2d=None, examples=report_data.examples[1:])
    assert run_report(few) == run_report(few)


def test_transductive_stands_by_every_figure(report_data):
    html, _ = run_report(
        replace(report_data, transductive="transductive", examples=[], matrices=[], networks=[])
    )
    page = Page(html)
    assert "balanced accuracy, transductive" in page.text
    assert "ROC-AUC, transductive" in page.text
    assert "unlabelled windows of the test groups" in page.text


def test_a_bare_run_has_a_report():
    html, figures = run_report(
        ReportData(name="bare", summary=[("data set", "x")], metrics={}, history=pd.DataFrame())
    )
    assert figures == {}
    assert len(Page(html).all("section")) == 1


def test_codes_without_a_score_are_said(report_data):
    metrics = {"raw": {"roc_auc": {"mean": None, "low": None, "high": None}}}
    bare = ReportData(name="x", summary=[], metrics=metrics, history=pd.DataFrame())
    html, figures = run_report(bare)
    assert "no ROC-AUC for its codes" in html
    assert figures == {}


def test_arrows_are_explained_where_there_are_some(report_data):
    bare = {"name": "x", "summary": [], "metrics": {}, "history": pd.DataFrame()}
    example = report_data.networks[0]
    html, _ = run_report(ReportData(**bare, networks=[example]))
    assert "every subject counted once" in html
    assert "arrows from row to column" not in html
    assert "on the head, seen from above" not in html
    one_way = replace(example, values=np.triu(example.values), difference=np.triu(example.difference))
    html, _ = run_report(ReportData(**bare, networks=[one_way]))
    assert "arrows from row to column" in html
