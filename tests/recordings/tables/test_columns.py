from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from eegdae.recordings.tables.columns import is_numeric, numbers, texts_of


def column(values, **kwargs):
    return pd.Series(values, index=pd.RangeIndex(1, len(values) + 1), name="c", **kwargs)


@pytest.mark.parametrize(
    "values",
    [
        [1, 0, 3],
        [1.0, 0.0, np.nan],
        [True, False, True],
        pd.array([1, 0, None], dtype="Int64"),
        pd.array([True, False, None], dtype="boolean"),
        [Decimal("1"), Decimal("0"), None],
        ["1", "0", None],
        pd.Categorical(["1", "0", None]),
    ],
)
def test_numbers_of_every_type(values):
    own = column(values)
    assert is_numeric(own, where="f")
    assert numbers(own, where="f")[:2].tolist() == [1, 0]
    third = numbers(own, where="f")[2]
    assert np.isnan(third) if pd.isna(own.iloc[2]) else third == float(own.iloc[2])


@pytest.mark.parametrize(
    "values",
    [
        ["walk", "run", None],
        [None, None, None],
        pd.to_datetime(["2026-01-01"] * 3),
        pd.to_datetime(["2026-01-01"] * 3).tz_localize("UTC"),
        pd.to_timedelta([1, 2, 3]),
        [[1], [2], [3]],
        [1j, 2j, 3j],
    ],
)
def test_what_is_no_channel(values):
    assert not is_numeric(column(values), where="f")


def test_one_odd_cell_loses_no_channel(one_line):
    own = column(["1.5", "oops", "3"])
    for function in (is_numeric, numbers):
        assert "f: row 2 has 'oops' in column 'c'" in one_line(function, own, where="f")
    assert "set data.decimal=','" in one_line(is_numeric, column(["1,5", "2,25", None]), where="f")


def test_texts():
    assert texts_of(column([1.0, 0.0, np.nan, 2.5])).tolist() == ["1", "0", "", "2.5"]
    assert texts_of(column(["01", "1.0", " x ", None])).tolist() == ["01", "1", "x", ""]
    assert texts_of(column(pd.Categorical(["b", "a", None]))).tolist() == ["b", "a", ""]
    assert texts_of(column([3, 4])).tolist() == ["3", "4"]
