import numpy as np
import pandas as pd
import pytest

from eegdae.recordings.tables.grid import MOST_SAMPLES_A_ROW, lay, seconds


def on_grid(times, sfreq=None, rows=None):
    times = np.asarray(times, dtype=np.float64)
    return lay(times, pd.RangeIndex(1, len(times) + 1) if rows is None else rows, sfreq, where="own.csv")


def column(values, **kwargs):
    return pd.Series(values, index=pd.RangeIndex(1, len(values) + 1), name="t", **kwargs)


STEPS = np.array([0, 0.25, 0.5, 1.5])
DAY = pd.Timestamp("2026-03-01 10:00")


@pytest.mark.parametrize(
    "values",
    [
        STEPS,
        STEPS + 1.7e9,
        (STEPS + 1.7e9) * 1e3,
        ((STEPS + 1.7e9) * 1e6).astype(np.int64),
        ((STEPS + 1.7e9) * 1e9).astype(np.int64),
        ((STEPS + 1.7e9) * 1e9).astype(np.uint64),
        pd.to_timedelta(STEPS, unit="s"),
        DAY + pd.to_timedelta(STEPS, unit="s"),
        (DAY + pd.to_timedelta(STEPS, unit="s")).tz_localize("Europe/Berlin"),
        [str(DAY + pd.Timedelta(s, "s")) for s in STEPS],
        [(DAY + pd.Timedelta(s, "s")).isoformat() + "+02:00" for s in STEPS],
        [(DAY + pd.Timedelta(s, "s")).strftime("%d.%m.%Y %H:%M:%S.%f") for s in STEPS],
        [str(s) for s in STEPS],
        pd.array([0, 0.25, 0.5, 1.5], dtype="Float64"),
    ],
    ids=lambda v: str(getattr(v, "dtype", v[0])),
)
def test_every_way_to_write_a_time(values):
    # doubles of the size of Unix times in milliseconds are 0.2 us apart
    assert np.allclose(seconds(column(values), where="own.csv"), STEPS, rtol=0, atol=1e-6)


def test_nanoseconds_do_not_lose_digits():
    times = 1_700_000_000_000_000_000 + np.arange(5) * 1_000_003
    assert np.array_equal(seconds(column(times), where="own.csv"), np.arange(5) * 1_000_003 * 1e-9)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.0, np.nan, 2.0], "row 2 has no time in column 't'"),
        ([0.0, 1.0, np.inf], "row 3 has no time"),
        ([DAY, pd.NaT, DAY], "row 2 has no time"),
        (["2026-01-01", None, "2026-01-02"], "row 2 has no time"),
        (["2026-01-01", "soon", "2026-01-02"], "row 2 has 'soon' in column 't'"),
        (["0.1", "0.2", "later", "0.4"], "row 3 has 'later'"),
        (["x", "y", "z"], "row 1 has 'x'"),
        ([True, False], "row 1 has 'True' in column 't'"),
    ],
)
def test_what_is_no_time_is_refused_by_row(values, said, one_line):
    assert said in one_line(seconds, column(values), where="own.csv")


@pytest.mark.parametrize(
    "rate", [256, 250, 1000, 30000, 100 / 3, 50.5, 1, 1 / 60, 1 / 3600, 1 / 86400, 0.1, 512.25]
)
def test_even_times_fill_the_grid_and_give_their_rate(rate):
    grid = on_grid(np.arange(20000) / rate + 1.7e5)
    assert grid.sfreq == pytest.approx(rate, rel=1e-9)
    assert np.array_equal(grid.slots, np.arange(20000))
    assert grid.is_kept.all()
    assert grid.n_times == 20000


@pytest.mark.parametrize("digits", [3, 4, 6])
def test_times_of_few_digits_give_the_rate_all_the_same(digits):
    grid = on_grid(np.round(np.arange(30000) / 256, digits))
    assert grid.sfreq == 256
    assert np.array_equal(grid.slots, np.arange(30000))


def test_jitter_within_half_a_step_loses_nothing():
    rng = np.random.default_rng(0)
    grid = on_grid((np.arange(5000) + rng.uniform(-0.4, 0.4, 5000)) / 100, 100)
    assert np.array_equal(grid.slots, np.arange(5000))


def test_gaps_stay_gaps():
    places = np.r_[0:10, 15:20, 47:50]
    grid = on_grid(places / 50)
    assert (grid.sfreq, grid.n_times) == (50, 50)
    assert np.array_equal(grid.slots, places)


def test_each_sample_is_the_nearest_row_within_half_a_step():
    """Against the definition, sample by sample."""
    rng = np.random.default_rng(1)
    times = np.sort(np.arange(400) * 0.01 + rng.normal(0, 0.002, 400))[rng.random(400) > 0.2]
    grid = on_grid(times, 100)
    origin = np.median(times - grid.slots / 100)
    for slot in range(grid.n_times):
        far = np.abs(times - origin - slot / 100)
        rows = np.flatnonzero(grid.slots == slot)
        kept = np.flatnonzero((grid.slots == slot) & grid.is_kept)
        assert len(kept) == min(len(rows), 1)
        if len(kept):
            assert far[kept[0]] == far[rows].min()
            assert far[kept[0]] < 0.0055  # the phase of the grid is a mean, here as good as the median


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ([0, 1, 1, 2], "row 3 has the time of row 2"),
        ([0, 1, 3, 2], "row 4 lies before row 3"),
        ([0], "has 1 row"),
    ],
)
def test_times_must_rise(times, said, one_line):
    message = one_line(on_grid, times)
    assert message.startswith("own.csv: ")
    assert said in message


def test_a_stray_time_does_not_fill_the_memory(one_line):
    times = np.r_[np.arange(100) / 256, 1.7e9]
    message = one_line(on_grid, times)
    assert f"above {MOST_SAMPLES_A_ROW} a row" in message
    assert "the widest gap is 1.7e+09 s after row 100" in message
    assert "above 20 a row" in one_line(on_grid, np.arange(10.0), 1e300)
    # of two steps the median is the lower; just below the limit, and at it
    assert on_grid([0, 1, 2, 79]).n_times == 80
    assert "above 20 a row" in one_line(on_grid, [0, 1, 80])


def test_a_grid_that_would_lose_rows_is_refused(one_line, caplog):
    message = one_line(on_grid, np.arange(1000) / 256, 100)
    assert "would leave out 609 of 1000 rows" in message
    assert "data.prepare.sfreq" in message
    grid = on_grid(np.arange(1000) / 256, 250)
    assert not grid.is_kept.all()
    assert f"own.csv: {(~grid.is_kept).sum()} of 1000 rows left out" in caplog.text


def test_rows_are_called_by_their_names(one_line):
    assert "row 30 has the time of row 20" in one_line(on_grid, [0, 1, 1], rows=pd.Index([10, 20, 30]))
