import math
import warnings

import pytest
import torch

from eegdae.errors import EegdaeError
from eegdae.training import LearningRate

EPOCHS, PER_EPOCH = 6, 5
N = EPOCHS * PER_EPOCH


def factors(**options):
    schedule = LearningRate(**options)
    return [schedule.factor(step, n_steps=N, steps_per_epoch=PER_EPOCH) for step in range(N)]


def torch_factors(new):
    """The rates of a scheduler of torch at every step, lr = 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler, rates = new(optimizer), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(N):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    return rates


SCHEDULERS = torch.optim.lr_scheduler


@pytest.mark.parametrize(
    ("options", "new"),
    [
        ({"name": "cosine"}, lambda o: SCHEDULERS.CosineAnnealingLR(o, N)),
        ({"name": "cosine", "final": 0.1}, lambda o: SCHEDULERS.CosineAnnealingLR(o, N, eta_min=0.1)),
        ({"name": "linear", "final": 0.2}, lambda o: SCHEDULERS.LinearLR(o, 1.0, 0.2, N)),
        ({"name": "step", "gamma": 0.3, "every": 2}, lambda o: SCHEDULERS.StepLR(o, 2 * PER_EPOCH, 0.3)),
        (
            {"name": "exponential", "gamma": 0.3, "every": 2},
            lambda o: SCHEDULERS.ExponentialLR(o, 0.3 ** (1 / (2 * PER_EPOCH))),
        ),
        ({"warmup": 4}, lambda o: SCHEDULERS.LinearLR(o, 0.25, 1.0, 3)),
        ({"warmup": 4 / N + 1e-9}, lambda o: SCHEDULERS.LinearLR(o, 0.25, 1.0, 3)),
    ],
)
def test_it_is_the_schedule_of_torch(options, new):
    assert factors(**options) == pytest.approx(torch_factors(new), abs=1e-6)


def test_a_schedule_begins_after_its_warm_up():
    warm = factors(name="cosine", warmup=5)
    assert warm[:5] == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert warm[5] == 1.0
    rest = LearningRate("cosine")
    assert warm[5:] == [rest.factor(s, n_steps=N - 5, steps_per_epoch=PER_EPOCH) for s in range(N - 5)]


def test_constant_is_told_apart():
    assert LearningRate().is_constant
    assert not LearningRate(warmup=1).is_constant
    assert not LearningRate("linear").is_constant
    assert factors() == [1.0] * N


@pytest.mark.parametrize("name", ["constant", "cosine", "linear", "step", "exponential"])
@pytest.mark.parametrize("warmup", [0, 0.5, 1000])
def test_it_stays_between_0_and_1(name, warmup):
    assert all(0 < factor <= 1 and math.isfinite(factor) for factor in factors(name=name, warmup=warmup))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": "cosin"}, r"^lr_schedule\.name='cosin'.*did you mean 'cosine'"),
        ({"warmup": -0.1}, r"^lr_schedule\.warmup=-0\.1"),
        ({"warmup": 1.5}, r"^lr_schedule\.warmup=1\.5.*whole number of steps$"),
        ({"warmup": float("nan")}, r"^lr_schedule\.warmup=nan"),
        ({"final": 2.0}, r"^lr_schedule\.final=2\.0"),
        ({"gamma": 0.0}, r"^lr_schedule\.gamma=0\.0"),
        ({"every": 0}, r"^lr_schedule\.every=0"),
    ],
)
def test_options_are_checked_at_once(options, says):
    with pytest.raises(EegdaeError, match=says):
        LearningRate(**options)
