import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eegdae.randomness import BLOCK_ROWS, Keys, Stream

KEY = (3, 1, "raw", "layer 1", 7)


def row_by_row(kind, purpose, rows, n_features):
    """The slow way: a fresh stream for every row."""
    return torch.cat(
        [getattr(Stream(*KEY), kind)(purpose, rows[k : k + 1], n_features) for k in range(len(rows))]
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, 5 * BLOCK_ROWS), min_size=1, max_size=5), min_size=1, max_size=4))
@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_a_row_has_its_numbers_whatever_was_asked_before_and_beside_it(kind, batches):
    stream = Stream(*KEY)
    for batch in batches:
        rows = torch.tensor(batch)
        assert torch.equal(getattr(stream, kind)("noise", rows, 2), row_by_row(kind, "noise", rows, 2))


def test_late_blocks_first_leave_no_undrawn_block():
    # once as many blocks were drawn as lie below the row, an undrawn one must still be drawn
    rows = torch.arange(3 * BLOCK_ROWS, 4 * BLOCK_ROWS)
    stream = Stream(*KEY)
    stream.normal("noise", rows, 3)
    first = torch.arange(5)
    assert torch.equal(stream.normal("noise", first, 3), Stream(*KEY).normal("noise", first, 3))


def test_both_sides_of_a_block_border():
    rows = torch.arange(BLOCK_ROWS - 2, BLOCK_ROWS + 2)
    whole = Stream(*KEY).normal("noise", torch.arange(2 * BLOCK_ROWS), 4)
    assert torch.equal(Stream(*KEY).normal("noise", rows, 4), whole[rows])
    assert torch.equal(Stream(*KEY).normal("noise", rows.flip(0), 4), whole[rows.flip(0)])


@pytest.mark.parametrize("at", range(len(KEY)))
def test_each_part_of_the_key_counts(at):
    other = tuple("other" if k == at else part for k, part in enumerate(KEY))
    rows = torch.arange(64)
    a, b = Stream(*KEY), Stream(*other)
    assert not torch.isclose(a.normal("noise", rows, 2), b.normal("noise", rows, 2)).any()
    assert not torch.equal(a.permutation("order", 64), b.permutation("order", 64))
    assert not torch.equal(a.symmetric_uniform("w", (3, 3), 1.0), b.symmetric_uniform("w", (3, 3), 1.0))


def test_each_purpose_block_and_child_has_numbers_of_its_own():
    rows = torch.arange(2 * BLOCK_ROWS)
    stream = Stream(*KEY)
    draws = [
        stream.normal("noise", rows, 1),
        stream.normal("salt", rows, 1),
        stream.child("raw").normal("noise", rows, 1),
        stream.child("power").normal("noise", rows, 1),
    ]
    columns = [half for draw in draws for half in draw[:, 0].split(BLOCK_ROWS)]
    correlation = torch.corrcoef(torch.stack(columns)) - torch.eye(len(columns))
    assert correlation.abs().max() < 5 / BLOCK_ROWS**0.5
    assert stream.child("raw") is stream.child("raw")


def test_moments():
    rows = torch.arange(20_000)
    n, u = Stream(*KEY).normal("a", rows, 5), Stream(*KEY).uniform("b", rows, 5)
    se = n.numel() ** -0.5
    assert abs(n.mean()) < 5 * se
    assert abs(n.var() - 1) < 5 * se * 2**0.5
    assert abs((n**4).mean() - 3) < 5 * se * 96**0.5
    assert abs(u.mean() - 0.5) < 5 * se * 12**-0.5
    assert u.min() >= 0
    assert u.max() < 1
    assert torch.equal(Stream(*KEY).permutation("order", 100).sort().values, torch.arange(100))
    w = Stream(*KEY).symmetric_uniform("w", (100, 100), 0.1)
    assert w.abs().max() <= 0.1
    assert abs(w.std() - 0.1 / 3**0.5) < 0.002


def test_keys_are_the_rows_of_a_batch_and_nothing_global_is_touched():
    before = torch.get_rng_state()
    rows = torch.tensor([5, 2, 9])
    keys = Keys(Stream(*KEY), rows)
    assert torch.equal(keys.normal("a", 3), Stream(*KEY).normal("a", rows, 3))
    assert torch.equal(keys.uniform("a", 3), Stream(*KEY).uniform("a", rows, 3))
    assert Stream(*KEY).normal("a", rows[:0], 3).shape == (0, 3)
    Stream(*KEY).permutation("order", 10)
    Stream(*KEY).symmetric_uniform("w", (2, 2), 1.0)
    assert torch.equal(torch.get_rng_state(), before)
