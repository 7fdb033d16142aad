"""Reports open in a real browser without a message on the console or a request to the network."""

from __future__ import annotations

import pytest
from reporting.browser import check_page
from reporting.conftest import report_data, watch  # noqa: F401

from eegdae.cli import main
from eegdae.reporting import run_report

pytestmark = pytest.mark.browser


def test_report_opens_without_complaint(report_data, tmp_path):  # noqa: F811
    page = tmp_path / "report.html"
    page.write_text(run_report(report_data)[0], encoding="utf-8")
    assert check_page(page) == []


def test_check_page_sees_what_is_wrong(tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(
        "<html><body><img src='http://example.org/x.png'><script>console.error('boom')</script></body></html>"
    )
    complaints = check_page(page)
    assert any("boom" in complaint for complaint in complaints)
    assert "request: http://example.org/x.png" in complaints


def test_report_of_a_real_run_opens_without_complaint(finished_run):
    assert check_page(finished_run / "report.html") == []


def test_page_of_a_check_opens_without_complaint(tmp_path):
    page = tmp_path / "check.html"
    assert main(["data", "check", "watch", f"out={page}"]) == 0
    assert check_page(page) == []
