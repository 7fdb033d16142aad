import pytest
import torch

from eegdae.corruption import WindowNoise
from eegdae.errors import EegdaeError
from eegdae.randomness import Keys, Stream

N, F = 600, 4
# two recordings of one fold, a held-out row (300) in the middle of the second
ROWS = torch.tensor([r for r in range(N + 1) if r != 300])
RECORDINGS = (ROWS >= 200).long()


@pytest.fixture(scope="module")
def x():
    # each recording has a level of its own, and each feature its own scatter around it
    generator = torch.Generator().manual_seed(0)
    scatter = torch.randn(N, F, generator=generator) * torch.tensor([0.1, 1.0, 2.0, 4.0])
    return scatter + 100.0 * RECORDINGS[:, None]


def keys(rows=ROWS, *, epoch=0):
    return Keys(Stream(0, 0, "x", "layer 1", epoch), rows)


def fitted(x, **options):
    return WindowNoise(**options).for_rows(ROWS, RECORDINGS).fitted(x)


def noise(x, level=1.0, **how):
    return fitted(x).corrupt(torch.zeros_like(x), level=level, keys=keys(**how))[0]


def test_neighbours_are_next_in_time_of_one_recording():
    pairs = ROWS[WindowNoise().for_rows(ROWS, RECORDINGS).neighbours].tolist()
    assert sorted(pairs) == [[r, r + 1] for r in range(N) if r not in (199, 299, 300)]


def test_the_order_of_the_rows_does_not_matter():
    order = torch.randperm(N, generator=torch.Generator().manual_seed(1))
    pairs = WindowNoise().for_rows(ROWS[order], RECORDINGS[order]).neighbours
    assert torch.equal(ROWS[order][pairs], ROWS[WindowNoise().for_rows(ROWS, RECORDINGS).neighbours])


def test_every_row_gets_a_difference_of_two_neighbours(x):
    steps = (x[1:] - x[:-1])[(ROWS.diff() == 1) & (RECORDINGS.diff() == 0)]
    both = torch.cat([steps, -steps]) / 2**0.5
    assert torch.cdist(noise(x).double(), both.double()).amin(1).max() < 1e-4


def test_at_level_1_it_scatters_as_the_windows_do_and_crosses_no_recording(x):
    sd = torch.cat([noise(x, epoch=e) for e in range(20)]).std(0)
    assert torch.allclose(sd, torch.tensor([0.1, 1.0, 2.0, 4.0]), rtol=0.1)
    assert torch.allclose(noise(x, level=2.5), 2.5 * noise(x), rtol=1e-5)


def test_level_0_is_the_identity_and_a_row_keeps_its_noise_in_any_batch(x):
    kind = fitted(x)
    same, touched = kind.corrupt(x, level=0.0, keys=keys())
    assert torch.equal(same, x)
    assert not touched.any()
    part = kind.corrupt(x[10:20], level=1.0, keys=keys(ROWS[10:20]))[0]
    assert torch.equal(part, kind.corrupt(x, level=1.0, keys=keys())[0][10:20])


def test_many_levels_at_once_are_the_single_levels(x):
    many = fitted(x).corrupt(x, level=torch.tensor([0.0, 0.5, 2.0])[:, None, None], keys=keys())[0]
    for k, level in enumerate((0.0, 0.5, 2.0)):
        assert torch.allclose(many[k], fitted(x).corrupt(x, level=level, keys=keys())[0])


def test_entries_missing_in_one_of_two_windows_add_nothing(x):
    observed = torch.ones(N, F, dtype=torch.bool)
    observed[::2, 1] = False
    kind = WindowNoise().for_rows(ROWS, RECORDINGS).fitted(x, observed)
    added = kind.corrupt(torch.zeros_like(x), level=1.0, keys=keys())[0]
    lone = ROWS[kind.neighbours].diff(dim=1)
    assert (lone == 1).all()
    assert not added[:, 1].any()
    assert added[:, 2].any()


def test_no_neighbours_is_refused():
    with pytest.raises(EegdaeError, match="none of the 600 training rows has a neighbour"):
        WindowNoise().for_rows(ROWS, torch.arange(N))


def test_rows_have_to_be_told_before_it_is_fitted(x):
    with pytest.raises(EegdaeError, match=r"call for_rows\(rows, recordings\) first"):
        WindowNoise().fitted(x)
    with pytest.raises(EegdaeError, match=r"call fitted\(x\) first"):
        WindowNoise().for_rows(ROWS, RECORDINGS).corrupt(x, level=1.0, keys=keys())
    assert list(WindowNoise.options()) == ["clip"]
