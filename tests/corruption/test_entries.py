import dataclasses

import pytest
import torch

from eegdae.corruption import Corruption, Gaussian, Masking, SaltAndPepper
from eegdae.errors import EegdaeError
from eegdae.randomness import Keys, Stream

KINDS = [Gaussian(), Gaussian(per_feature=True), Gaussian(clip=True), Masking(), SaltAndPepper()]
N, F = 2000, 6


@pytest.fixture(scope="module")
def x():
    # columns of different spread and offset; no entry is 0, and extremes are met once
    generator = torch.Generator().manual_seed(0)
    return torch.randn(N, F, generator=generator) * torch.tensor([1.0, 2, 3, 4, 5, 6]) + 50


def keys(n=N, *, epoch=0):
    return Keys(Stream(0, 0, "x", "layer 1", epoch), torch.arange(n))


def ids(kind):
    return type(kind).__name__ + "-clip" * kind.clip + "-per_feature" * getattr(kind, "per_feature", False)


@pytest.mark.parametrize("kind", KINDS, ids=ids)
@pytest.mark.parametrize("zero", [0, 0.0, torch.zeros(3, 1, 1)], ids=["int", "float", "tensor"])
def test_level_0_is_the_identity_bit_for_bit(kind, zero, x):
    corrupted, touched = kind.fitted(x).corrupt(x, level=zero, keys=keys())
    assert not touched.any()
    assert torch.equal(corrupted, x.expand(corrupted.shape))
    assert touched.shape == corrupted.shape


@pytest.mark.parametrize("kind", KINDS, ids=ids)
def test_touched_is_exactly_where_something_changed(kind, x):
    inner = x.clone()
    inner[0], inner[1] = x.amin(0) - 1, x.amax(0) + 1
    fitted = kind.fitted(inner)
    inner = inner[2:]
    corrupted, touched = fitted.corrupt(inner, level=0.3, keys=keys(N - 2))
    assert torch.equal(corrupted != inner, touched)
    if isinstance(kind, Gaussian):
        assert touched.all()


@pytest.mark.parametrize("kind", KINDS, ids=ids)
def test_the_noise_of_a_row_does_not_depend_on_its_batch_but_on_the_epoch(kind, x):
    fitted, order = kind.fitted(x), torch.randperm(N, generator=torch.Generator().manual_seed(1))
    whole, _ = fitted.corrupt(x, level=0.3, keys=keys())
    part, _ = fitted.corrupt(x[order], level=0.3, keys=Keys(Stream(0, 0, "x", "layer 1", 0), order))
    assert torch.equal(part, whole[order])
    assert not torch.equal(fitted.corrupt(x, level=0.3, keys=keys(epoch=1))[0], whole)


@pytest.mark.parametrize("kind", KINDS, ids=ids)
def test_many_levels_at_once_are_the_single_levels_of_nested_noise(kind, x):
    levels = [0.0, 0.2, 0.7]
    many, touched = kind.fitted(x).corrupt(x, level=torch.tensor(levels).reshape(3, 1, 1), keys=keys())
    assert many.shape == touched.shape == (3, N, F)
    for k, level in enumerate(levels):
        one, one_touched = kind.fitted(x).corrupt(x, level=level, keys=keys())
        torch.testing.assert_close(many[k], one, rtol=0, atol=1e-5)
        assert torch.equal(touched[k], one_touched)
    assert not (touched[1] & ~touched[2]).any()


def test_gaussian_sd_is_level_times_one_training_sd(x):
    noise = Gaussian().fitted(x).corrupt(x, level=0.5, keys=keys())[0] - x
    sd = x.double().var(0, correction=0).mean().sqrt()
    assert float(noise.std()) == pytest.approx(0.5 * float(sd), rel=0.03)
    assert noise.std(0).max() / noise.std(0).min() < 1.1
    own = Gaussian(per_feature=True).fitted(x).corrupt(x, level=0.5, keys=keys())[0] - x
    torch.testing.assert_close(own.std(0), 0.5 * x.std(0), rtol=0.06, atol=0)
    assert abs(noise.mean()) < 5 * noise.std() / (N * F) ** 0.5


def test_gaussian_leaves_a_constant_feature_alone_only_per_feature():
    x = torch.tensor([[1.0, 5.0], [2.0, 5.0], [4.0, 5.0]])
    corrupted, touched = Gaussian(per_feature=True).fitted(x).corrupt(x, level=1.0, keys=keys(3))
    assert torch.equal(corrupted[:, 1], x[:, 1])
    assert touched.tolist() == [[True, False]] * 3
    assert Gaussian().fitted(x).corrupt(x, level=1.0, keys=keys(3))[1].all()


@pytest.mark.parametrize("level", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("kind", [Masking(), SaltAndPepper()], ids=ids)
def test_share_of_entries(kind, level, x):
    touched = kind.fitted(x).corrupt(x, level=level, keys=keys())[1]
    se = (level * (1 - level) / (N * F)) ** 0.5
    assert abs(touched.float().mean() - level) <= 5 * se
    assert (touched.float().mean(0) - level).abs().max() <= 5 * se * F**0.5


def test_masked_entries_are_0(x):
    corrupted, touched = Masking().fitted(x).corrupt(x, level=0.3, keys=keys())
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


def test_clip_keeps_the_result_inside_the_training_range(x):
    free = Gaussian().fitted(x).corrupt(x, level=2.0, keys=keys())[0]
    kept = Gaussian(clip=True).fitted(x).corrupt(x, level=2.0, keys=keys())[0]
    assert (free > x.amax(0)).any()
    assert torch.equal(kept, free.clamp(x.amin(0), x.amax(0)))


def test_clip_does_not_move_what_was_not_touched(x):
    beyond = x + 100
    corrupted, touched = Masking(clip=True).fitted(x).corrupt(beyond, level=0.3, keys=keys())
    assert torch.equal(corrupted[~touched], beyond[~touched])
    assert (corrupted <= x.amax(0))[touched].all()


@pytest.mark.parametrize("kind", KINDS, ids=ids)
def test_only_observed_entries_are_corrupted_and_counted(kind, x):
    observed = torch.rand(N, F, generator=torch.Generator().manual_seed(2)) > 0.3
    other = torch.where(observed, x, torch.full_like(x, 1e6))
    fitted = kind.fitted(x, observed)
    for name, value in vars(kind.fitted(other, observed)).items():
        mine = vars(fitted)[name]
        assert torch.equal(value, mine) if isinstance(value, torch.Tensor) else value == mine
    corrupted, touched = fitted.corrupt(x, level=0.5, keys=keys(), observed=observed)
    assert torch.equal(corrupted[~observed], x[~observed])
    assert not touched[~observed].any()
    assert touched[observed].any()
    torch.testing.assert_close(fitted.low, torch.stack([x[observed[:, k], k].min() for k in range(F)]))
    torch.testing.assert_close(fitted.high, torch.stack([x[observed[:, k], k].max() for k in range(F)]))
    if isinstance(kind, Gaussian):
        own = torch.stack([x[observed[:, k], k].double().var(correction=0) for k in range(F)])
        sd = own.sqrt() if kind.per_feature else own.mean().sqrt()
        torch.testing.assert_close(fitted.sd.double(), sd, rtol=1e-4, atol=0)


@pytest.mark.parametrize("kind", KINDS, ids=ids)
@pytest.mark.parametrize("level", [-0.1, float("nan"), float("inf"), 1.1])
def test_a_level_out_of_range_is_refused(kind, level):
    if level == 1.1 and isinstance(kind, Gaussian):
        kind.check_level(level)
        return
    with pytest.raises(
        EegdaeError, match=r"^corruption\.level=\S+: the level of \w+ must be (a number, )?0 .*$"
    ):
        kind.check_level(level)


def test_a_corruption_without_statistics_is_refused(x):
    with pytest.raises(EegdaeError, match="fitted"):
        Gaussian().corrupt(x, level=1.0, keys=keys())
    with pytest.raises(TypeError, match="one of the kinds"):
        Corruption().corrupt(x, level=1.0, keys=keys())
    with pytest.raises(dataclasses.FrozenInstanceError):
        Gaussian().clip = True
