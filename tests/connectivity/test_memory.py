import pytest

from eegdae.connectivity.memory import free_memory, memory_budget
from eegdae.errors import EegdaeError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (1000, 1000),
        (2e9, 2_000_000_000),
        ("500 MB", 500_000_000),
        ("2GiB", 2 * 2**30),
        ("1.5 k", 1500),
        ("64kib", 65536),
        ("123", 123),
    ],
)
def test_amounts(given, expected):
    assert memory_budget(given) == expected


def test_the_default_is_a_quarter_of_what_is_free():
    assert 0.2 * free_memory() < memory_budget(None) < 0.3 * free_memory()
    assert free_memory() > 2**26


@pytest.mark.parametrize("given", [0, -5, "much", "1.2.3 GB", True, float("inf"), "0 GB"])
def test_no_amount(given):
    with pytest.raises(EegdaeError, match=r"max_memory: .*give bytes above 0, or text such as '2 GiB'"):
        memory_budget(given)
