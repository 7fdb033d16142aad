import pytest
import torch

from eegdae.corruption import Masking, SaltAndPepper, SampleSwap
from tests.corruption.cases import keys

N, F = 2000, 6


@pytest.fixture(scope="module")
def x():
    # columns of different spread and offset; no entry is 0, and extremes are met once
    generator = torch.Generator().manual_seed(0)
    return torch.randn(N, F, generator=generator) * torch.tensor([1.0, 2, 3, 4, 5, 6]) + 50


@pytest.mark.parametrize("level", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("kind", [Masking(), SaltAndPepper(), SampleSwap()], ids=lambda k: k.name)
def test_share_of_entries(kind, level, x):
    touched = kind.fitted(x).corrupt(x, level=level, keys=keys(N))[1]
    se = (level * (1 - level) / (N * F)) ** 0.5
    assert abs(touched.float().mean() - level) <= 5 * se
    assert (touched.float().mean(0) - level).abs().max() <= 5 * se * F**0.5


def test_masked_entries_are_0(x):
    corrupted, touched = Masking().fitted(x).corrupt(x, level=0.3, keys=keys(N))
    assert (corrupted[touched] == 0).all()
    assert torch.equal(corrupted[~touched], x[~touched])


def test_salt_and_pepper_are_the_training_extremes_half_each(x):
    train, test = x[:1500], x[1500:]
    corrupted, touched = SaltAndPepper().fitted(train).corrupt(test, level=0.8, keys=keys(500))
    low, high = train.amin(0).expand_as(test), train.amax(0).expand_as(test)
    is_low, is_high = (corrupted == low)[touched], (corrupted == high)[touched]
    assert (is_low ^ is_high).all()
    assert abs(is_high.float().mean() - 0.5) < 5 * 0.5 / touched.sum() ** 0.5
    assert torch.equal(corrupted[~touched], test[~touched])


def test_swapped_entries_come_from_the_same_feature_of_training_rows(x):
    train, test = x[:1500], x[1500:]
    corrupted, touched = SampleSwap().fitted(train).corrupt(test, level=0.5, keys=keys(500))
    for k in range(F):
        assert torch.isin(corrupted[touched[:, k], k], train[:, k]).all()
    assert torch.equal(corrupted[~touched], test[~touched])
    # of two features that are one, each has a donor of its own: what ties them together is lost
    twice = train[:, :1].repeat(1, 2)
    swapped, _ = SampleSwap().fitted(twice).corrupt(twice, level=0.99, keys=keys(1500))
    assert abs(torch.corrcoef(swapped.T)[0, 1]) < 0.15
    torch.testing.assert_close(swapped.std(0), twice.std(0), rtol=0.1, atol=0)


def test_a_donor_that_was_not_observed_gives_nothing(x):
    observed = torch.rand(N, F, generator=torch.Generator().manual_seed(2)) > 0.5
    corrupted, touched = SampleSwap().fitted(x, observed).corrupt(x, level=0.8, keys=keys(N))
    for k in range(F):
        assert torch.isin(corrupted[touched[:, k], k], x[observed[:, k], k]).all()
    assert abs(touched.float().mean() - 0.8 * 0.5) < 0.02


def test_clip_does_not_move_what_was_not_touched(x):
    beyond = x + 100
    corrupted, touched = Masking(clip=True).fitted(x).corrupt(beyond, level=0.3, keys=keys(N))
    assert torch.equal(corrupted[~touched], beyond[~touched])
    assert (corrupted <= x.amax(0))[touched].all()
