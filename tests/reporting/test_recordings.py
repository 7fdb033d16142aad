from __future__ import annotations

import numpy as np
import pytest

from eegdae.inspection import check_recordings
from eegdae.recordings import Annotation, as_recording
from eegdae.reporting import figure_png
from eegdae.reporting.figures_recordings import eigenvalue_ratios, signal, spectra
from eegdae.reporting.html import SIGNS
from eegdae.reporting.recordings import count_words, recordings_page

from .checks import Page, check_figure, check_png, texts


def inspection(n=6, **changes):
    rng = np.random.default_rng(0)
    recs = [
        as_recording(
            10 * rng.normal(size=(4, 2000)),
            sfreq=200,
            ch_names=["a$b", "<b>", "c", "d"],
            source=f"/d/<s{k}>.edf",
            subject=f"<s{k}>",
            **{"unit": "uV", "annotations": [Annotation(0, 2000, ("<x>", "y")[k % 2])], **changes},
        )
        for k in range(n)
    ]
    return check_recordings(recs)


def test_the_page_says_all_of_it():
    checked = inspection()
    page = Page(recordings_page(checked, title="a <b> c"))
    assert "eegdae data check: a <b> c" in page.text
    for finding in checked.findings:
        assert finding.what in page.text
        assert finding.mend in page.text
    for key, value in checked.facts:
        assert key in page.text
        assert value in page.text
    assert "<s5>.edf" in page.text
    assert len(page.all("img")) == 3
    assert all(image["alt"] for image in page.all("img"))
    assert count_words(checked) in page.text


def test_errors_stand_out_and_nothing_is_said_so():
    broken = Page(recordings_page(inspection(unit=["uV", "g", "uV", "uV"]), title="t"))
    assert "Rank of the covariance" not in broken.text  # of mixed units it says nothing
    volts = recordings_page(inspection(mask=np.arange(2000)[None] > np.full((4, 1), 99)), title="t")
    assert "gaps" in volts
    data = np.random.default_rng(0).normal(size=(4, 2000))
    data[1] = 3
    flat = check_recordings([as_recording(data, sfreq=200, ch_names="abcd", source="r")])
    page = recordings_page(flat, title="t")
    for severity, sign in SIGNS.items():
        cell = f'<span class="severity {severity}"><span aria-hidden="true">{sign}</span> {severity}</span>'
        assert (cell in page) == (severity != "warning")
    assert count_words(flat) == "1 error, 0 warnings, 1 note"


def test_figures():
    checked = inspection()
    summaries = checked.summaries
    figures = [
        signal(checked.example),
        spectra([s.freqs for s in summaries], [s.power for s in summaries], ["x", "y"] * 3, unit="uV"),
        eigenvalue_ratios({"x": [-1.0, -2.0], "y": [-3.0]}),
    ]
    for figure in figures:
        check_figure(figure)
        check_png(figure_png(figure))
    assert "µV²/Hz" in texts(figures[1])
    assert "<b>" in texts(figures[0])


@pytest.mark.parametrize("n", [1, 300])
def test_spectra_of_few_and_many(n):
    freqs = np.linspace(0, 100, 51)
    figure = spectra([freqs] * n, [np.full(51, np.nan), *[np.ones(51)] * (n - 1)], [""] * n, unit="g, rad/s")
    check_figure(figure)
    assert len(figure.axes[0].lines) == (0 if n == 1 else 201)


def test_the_same_bytes_twice():
    assert recordings_page(inspection(), title="t") == recordings_page(inspection(), title="t")
