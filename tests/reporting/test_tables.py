from __future__ import annotations

import pandas as pd
import pytest

from eegdae.reporting.style import DASH, MINUS
from eegdae.reporting.tables import cell, frame_table, interval, setting_cell, setting_key


@pytest.mark.parametrize(
    ("values", "signed", "shown"),
    [
        ({"mean": 0.8611, "low": 0.8, "high": 0.9}, False, "0.861 [0.800, 0.900]"),
        ({"mean": 0.01, "low": -0.01, "high": 0.03}, True, f"+0.010 [{MINUS}0.010, +0.030]"),
        ({"mean": 0.5, "low": None, "high": None}, False, "0.500"),
        ({"mean": None}, False, DASH),
        ({}, False, DASH),
    ],
)
def test_interval(values, signed, shown):
    assert interval(values, signed=signed) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.123456, "0.1235"),
        (float("nan"), DASH),
        (None, DASH),
        (["b", "a"], "b, a"),
        ({"b", "a"}, "a, b"),
        ([], DASH),
        (3, "3"),
    ],
)
def test_cell(value, shown):
    assert cell(value) == shown


def test_frame_table_keeps_every_cell():
    table = frame_table(pd.DataFrame({"n_test": [1, 2], "groups": [["01", "02"], []]}), caption="Folds")
    assert table.header == ["n test", "groups"]
    assert table.rows == [["1", "01, 02"], ["2", DASH]]


def test_settings_of_a_class_are_told_by_its_name():
    assert setting_key("corruption._target_") == "corruption"
    assert setting_key("corruption.level") == "corruption.level"
    assert setting_cell("corruption._target_", "eegdae.corruption.SaltAndPepper") == "salt_and_pepper"
    assert setting_cell("optimizer._target_", "torch.optim.AdamW") == "AdamW"
    assert setting_cell("corruption.level", 0.5) == "0.5"
    assert setting_cell("optimizer._target_", None) == DASH
