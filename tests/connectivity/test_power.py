import math

import numpy as np
import torch
from scipy.signal import periodogram

from eegdae.connectivity import analytic_signal, log_power
from eegdae.connectivity.power import POWER_FLOOR


def noise(seed, shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_agrees_with_the_periodogram():
    x = noise(0, (3, 4, 256)) * 7
    freqs, density = periodogram(x.numpy(), fs=128.0, detrend="constant")
    inside = (freqs >= 8) & (freqs <= 13)
    expected = np.log(density[..., inside].sum(-1) * (freqs[1] - freqs[0]))
    np.testing.assert_allclose(
        log_power(analytic_signal(x, 128.0, band=(8, 13))).numpy(), expected, atol=1e-12
    )


def test_of_a_sine_is_half_its_amplitude_squared():
    t = torch.arange(256, dtype=torch.float64) / 128
    z = analytic_signal(3 * torch.sin(2 * torch.pi * 10 * t)[None], 128.0, band=(8, 13))
    torch.testing.assert_close(log_power(z), torch.tensor([math.log(4.5)], dtype=torch.float64))


def test_takes_real_signals_too():
    z = analytic_signal(noise(1, (2, 64)), 64.0, band=(4, 20))
    assert torch.equal(log_power(z.real), log_power(z))


def test_gain_adds_its_log():
    z = analytic_signal(noise(2, (2, 64)), 64.0, band=(4, 20))
    torch.testing.assert_close(log_power(100 * z), log_power(z) + 2 * math.log(100))


def test_constant_channel_has_the_floor_in_both_precisions():
    for dtype in (torch.float32, torch.float64):
        x = torch.full((1, 100), 0.1, dtype=dtype, requires_grad=True)
        p = log_power(analytic_signal(x, 100.0, band=(1, 50)))
        torch.testing.assert_close(p.detach(), torch.tensor([math.log(POWER_FLOOR)], dtype=dtype))
        p.sum().backward()
        assert torch.count_nonzero(x.grad) == 0


def test_volts_are_above_the_floor():
    x = noise(3, (2, 256))
    exact = log_power(analytic_signal(x * 1e-15, 128.0, band=(8, 13)))
    single = log_power(analytic_signal((x * 1e-15).float(), 128.0, band=(8, 13)))
    torch.testing.assert_close(single.double(), exact, atol=1e-5, rtol=0)


def test_gradient():
    x = noise(4, (2, 3, 20)).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: log_power(analytic_signal(v, 20.0, band=(2, 8))), x)
