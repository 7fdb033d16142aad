"""docs/noise_curves.md is made from its benchmark, and says surely only what is sure."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import noise_curves  # noqa: E402


def test_the_page_is_made_from_the_benchmark():
    found = json.loads((ROOT / "benchmarks/noise_curves.json").read_text())
    assert (ROOT / "docs/noise_curves.md").read_text() == noise_curves.page(found)
    for name in found:
        assert (ROOT / f"docs/noise_curves_{name}.png").exists()


def test_p_holds_for_the_largest_of_all_settings():
    """Forty settings that do nothing, 200 times: one of them comes out by chance in one time of twenty."""
    rng, n_found = np.random.default_rng(0), 0
    for _ in range(200):
        units = {("x", 0.0): np.zeros(10)} | {("x", 1.0 + k): rng.normal(size=10) for k in range(40)}
        found = noise_curves.compared(pd.DataFrame(units))
        n_found += min(figures["p_family"] for figures in found.values()) < 0.05
    assert n_found <= 18  # of a binomial of .05 more are seen once in 100


def test_a_difference_that_all_people_show_is_found_among_forty():
    rng = np.random.default_rng(1)
    units = {("x", 0.0): np.zeros(10)} | {("x", 1.0 + k): rng.normal(size=10) for k in range(40)}
    units[("x", 1.0)] = rng.normal(1.0, 0.1, 10)
    figures = noise_curves.compared(pd.DataFrame(units))[("x", 1.0)]
    assert figures["p_family"] == pytest.approx(2 / 1024, rel=0.01)  # all people one way
    assert figures["difference_low"] > 0.9
