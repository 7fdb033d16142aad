from itertools import pairwise

import pytest

from eegdae.corruption import LevelSchedule
from eegdae.errors import EegdaeError

EPOCHS = [k / 12 for k in range(13)]


def levels(*args, level=1.0):
    return [LevelSchedule(*args).at(level, p) for p in EPOCHS]


def test_constant_is_the_level():
    assert levels() == [1.0] * 13


@pytest.mark.parametrize("kind", ["linear", "exponential", "cyclic"])
def test_from_level_to_the_end(kind):
    for end in (None, 0.25, 2.0):
        found = levels(kind, end, 3)
        assert found[0] == 1.0
        assert found[-1] == pytest.approx(0.1 if end is None else end)
        assert all(min(1.0, found[-1]) - 1e-12 <= level <= max(1.0, found[-1]) + 1e-12 for level in found)
    assert LevelSchedule(kind, 0.25).at(0.0, 0.5) == 0.0


def test_linear_falls_by_the_same_step_and_exponential_by_the_same_ratio():
    linear, exponential = levels("linear", 0.4), levels("exponential", 0.4)
    assert [a - b for a, b in pairwise(linear)] == pytest.approx([0.05] * 12)
    assert [b / a for a, b in pairwise(exponential)] == pytest.approx([0.4 ** (1 / 12)] * 12)


def test_each_cycle_falls_and_the_next_starts_again():
    found = levels("cyclic", 0.2, 3)
    assert found[4] == found[8] == 1.0
    for start in (0, 4, 8):
        assert found[start : start + 4] == sorted(found[start : start + 4], reverse=True)
    assert found[2] == pytest.approx(0.6)
    assert found[12] == pytest.approx(0.2)


def test_it_says_how_the_level_changes():
    assert LevelSchedule().describe(1.0) == ""
    assert LevelSchedule("linear").describe(0.0) == ""
    assert LevelSchedule("linear").describe(2.0) == "linear to 0.2"
    assert LevelSchedule("cyclic", 0.5, 3).describe(2.0) == "cyclic to 0.5 in 3 cycles"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("linera",), r"corruption\.schedule='linera'.*did you mean 'linear'"),
        (("constant", 0.1), r"corruption\.end_level=0\.1: a constant level has no other end"),
        (("exponential", 0), r"corruption\.end_level=0: an exponential never gets to 0"),
        (("linear", -1), r"corruption\.end_level=-1"),
        (("linear", "low"), r"corruption\.end_level='low'"),
        (("linear", float("nan")), r"corruption\.end_level=nan"),
        (("cyclic", None, 0), r"corruption\.n_cycles=0"),
        (("cyclic", None, 1.5), r"corruption\.n_cycles=1\.5"),
    ],
)
def test_schedules_that_make_no_sense(args, said):
    with pytest.raises(EegdaeError, match=said):
        LevelSchedule(*args)
