"""Reports open in a real browser without a message on the console or a request to the network."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml
from reporting.browser import check_page
from reporting.conftest import report_data, watch  # noqa: F401
from shell import run_json

from eegdae.cli import main
from eegdae.reporting import run_report
from eegdae.run import read_config

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


def test_page_of_a_sweep_opens_without_complaint(finished_run, tmp_path):
    """Copies of one run at several levels and learning rates, which is all that a page needs."""
    for number in range(9):
        folder = tmp_path / str(number)
        shutil.copytree(finished_run, folder)
        config = read_config(folder)
        config["corruption"]["level"] = float(number // 3)
        config["optimizer"]["lr"] = 10.0 ** -(number % 3)
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        state = run_json(folder) | {"config_hash": str(number)}
        (folder / "run.json").write_text(json.dumps(state))
    assert main(["sweep-report", str(tmp_path)]) == 0
    assert {"noise_curve.png", "heat_map.png"} <= {path.name for path in tmp_path.iterdir()}
    assert check_page(tmp_path / "sweep.html") == []
