import pytest
import torch

from eegdae.corruption import Gaussian, Multiplicative, Uniform, level_of_snr
from eegdae.corruption.noise import training_sd
from tests.corruption.cases import keys

N, F = 2000, 6


@pytest.fixture(scope="module")
def x():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(N, F, generator=generator) * torch.tensor([1.0, 2, 3, 4, 5, 6]) + 50


@pytest.mark.parametrize("kind", [Gaussian, Uniform], ids=lambda k: k.__name__)
def test_sd_is_level_times_one_training_sd(kind, x):
    noise = kind().fitted(x).corrupt(x, level=0.5, keys=keys(N))[0] - x
    sd = x.double().var(0, correction=0).mean().sqrt()
    assert float(noise.std()) == pytest.approx(0.5 * float(sd), rel=0.03)
    assert noise.std(0).max() / noise.std(0).min() < 1.1
    own = kind(per_feature=True).fitted(x).corrupt(x, level=0.5, keys=keys(N))[0] - x
    torch.testing.assert_close(own.std(0), 0.5 * x.std(0), rtol=0.06, atol=0)
    assert abs(noise.mean()) < 5 * noise.std() / (N * F) ** 0.5


def test_uniform_noise_is_uniform(x):
    noise = (Uniform().fitted(x).corrupt(x, level=0.5, keys=keys(N))[0] - x) / (0.5 * training_sd(x))
    assert noise.abs().max() == pytest.approx(3**0.5, rel=1e-3)
    grid = torch.linspace(-1.7, 1.7, 9)
    shares = (noise.flatten()[:, None] < grid).double().mean(0)
    torch.testing.assert_close(shares, (grid / 3**0.5 + 1).double() / 2, rtol=0, atol=0.02)


def test_multiplicative_noise_is_a_factor_and_has_the_snr_of_its_level(x):
    centred = x - x.mean(0)
    level = level_of_snr(6.0)
    corrupted, _ = Multiplicative().fitted(centred).corrupt(centred, level=level, keys=keys(N))
    factor = corrupted / centred
    assert float(factor.mean()) == pytest.approx(1, abs=0.02)
    assert float(factor.std()) == pytest.approx(level, rel=0.03)
    snr = 10 * torch.log10(centred.square().mean() / (corrupted - centred).square().mean())
    assert float(snr) == pytest.approx(6.0, abs=0.3)
    zeros = torch.zeros(N, F)
    same, touched = Multiplicative().fitted(zeros).corrupt(zeros, level=1.0, keys=keys(N))
    assert torch.equal(same, zeros)
    assert not touched.any()


def test_a_constant_feature_is_left_alone_only_per_feature():
    x = torch.tensor([[1.0, 5.0], [2.0, 5.0], [4.0, 5.0]])
    corrupted, touched = Gaussian(per_feature=True).fitted(x).corrupt(x, level=1.0, keys=keys(3))
    assert torch.equal(corrupted[:, 1], x[:, 1])
    assert touched.tolist() == [[True, False]] * 3
    assert Gaussian().fitted(x).corrupt(x, level=1.0, keys=keys(3))[1].all()


def test_training_sd_counts_what_was_observed(x):
    observed = torch.rand(N, F, generator=torch.Generator().manual_seed(2)) > 0.3
    own = torch.stack([x[observed[:, k], k].double().var(correction=0) for k in range(F)])
    torch.testing.assert_close(training_sd(x, observed).double(), own.mean().sqrt(), rtol=1e-4, atol=0)
    each = training_sd(x, observed, per_feature=True)
    torch.testing.assert_close(each.double(), own.sqrt(), rtol=1e-4, atol=0)
