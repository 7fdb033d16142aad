import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import hilbert
from scipy.special import hyp2f1

from eegdae.connectivity import analytic_signal, plv

SFREQ = 128
ALPHA = (8, 13)


def noise(seed, shape):
    return np.random.default_rng(seed).normal(size=shape)


def alpha_plv(x):
    return plv(analytic_signal(torch.from_numpy(x), SFREQ, band=ALPHA)).numpy()


def slow_plv(z):
    """The definition, one pair at a time."""
    c = np.empty((len(z), len(z)))
    for i in range(len(z)):
        for j in range(len(z)):
            c[i, j] = abs(np.mean(np.exp(1j * (np.angle(z[i]) - np.angle(z[j])))))
    return c


def test_agrees_with_the_definition():
    z = analytic_signal(torch.from_numpy(noise(0, (4, 5, 256))), SFREQ, band=ALPHA)
    np.testing.assert_allclose(plv(z).numpy(), [slow_plv(w) for w in z.numpy()], atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    gain=st.floats(1e-6, 1e6),
    turn=st.floats(-np.pi, np.pi),
    channel=st.integers(0, 3),
)
def test_properties(seed, gain, turn, channel):
    z = analytic_signal(torch.from_numpy(noise(seed, (3, 4, 100))), SFREQ, band=ALPHA)
    c = plv(z)
    assert torch.equal(c, c.mT)
    assert c.min() >= 0
    assert c.max() <= 1
    assert torch.equal(c.diagonal(dim1=-2, dim2=-1), torch.ones(3, 4, dtype=c.dtype))
    changed = z.clone()
    changed[:, channel] *= gain * np.exp(1j * turn)  # neither a gain nor a constant lag unlocks a phase
    torch.testing.assert_close(plv(changed), c)
    order = torch.randperm(4, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(plv(z[:, order]), c[:, order][:, :, order])


@pytest.mark.parametrize("lag", [0.0, 0.3, np.pi / 2, np.pi])
def test_locked_phases_give_one(lag):
    t = np.arange(256) / SFREQ
    phase = 2 * np.pi * 10 * t + np.sin(2 * np.pi * 0.5 * t)
    z = torch.from_numpy(np.exp(1j * np.stack([phase, phase + lag])) * [[1.0], [50.0]])
    torch.testing.assert_close(plv(z), torch.ones(2, 2, dtype=torch.float64))


def test_copies_do_not_leave_the_range():
    z = analytic_signal(torch.from_numpy(noise(8, (500, 3, 100))).float(), SFREQ, band=ALPHA)
    assert plv(torch.cat([z, 3 * z], dim=1)).max() == 1


def test_no_amplitude_no_phase():
    z = analytic_signal(torch.from_numpy(noise(1, (1, 3, 128))), SFREQ, band=ALPHA)
    z[:, 1] = 0
    z[:, 2, :64] = 0
    c = plv(z)[0]
    assert torch.equal(c[1], torch.tensor([0.0, 1, 0], dtype=c.dtype))
    unit = z[0] / z[0].abs()
    torch.testing.assert_close(c[0, 2], (unit[0, 64:] * unit[2, 64:].conj()).sum().abs() / 128)


@pytest.mark.parametrize(("seconds", "published"), [(1, None), (2, 0.24), (8, 0.13)])
def test_floor_of_independent_noise(seconds, published):
    """The floor is .9 sqrt(pi / (4 B T)), B T being the bins inside the band: 6 in 1 s, both edges counted.

    A published .37 for 1 s is not ours (.33): in one second the filter decides, 5 bins already give .36.
    """
    floor = alpha_plv(noise(2, (3000, 2, SFREQ * seconds)))[:, 0, 1].mean()
    n_bins = 5 * seconds + 1
    assert floor == pytest.approx(0.9 * np.sqrt(np.pi / (4 * n_bins)), abs=0.02)
    assert published is None or floor == pytest.approx(published, abs=0.02)


def test_instant_mixing_is_not_told_from_coupling():
    x = np.array([[1, 0.5], [0.5, 1]]) @ noise(3, (3000, 2, SFREQ * 2))
    assert alpha_plv(x)[:, 0, 1].mean() == pytest.approx(0.72, abs=0.02)


def test_coupling_at_ninety_degrees_is_seen():
    rng = np.random.default_rng(4)
    source = rng.normal(size=(3000, SFREQ * 2))
    x = np.stack([source, hilbert(source).imag], axis=1)
    x += 0.65 * rng.normal(size=x.shape)
    assert alpha_plv(x)[:, 0, 1].mean() == pytest.approx(0.61, abs=0.02)


@pytest.mark.parametrize("coherence", [0.3, 0.6, 0.9])
def test_long_windows_reach_the_value_of_gaussian_theory(coherence):
    """E e^(i dphi) of two complex Gaussians is (pi / 4) k 2F1(1/2, 1/2; 2; k^2), k their coherence."""
    a, b = noise(5, (2, 40, SFREQ * 120))
    x = np.stack([a, coherence * a + np.sqrt(1 - coherence**2) * b], axis=1)
    expected = np.pi / 4 * coherence * hyp2f1(0.5, 0.5, 2, coherence**2)
    assert alpha_plv(x)[:, 0, 1].mean() == pytest.approx(expected, abs=0.01)


def test_float32_agrees_with_float64():
    x = torch.from_numpy(noise(6, (8, 6, 512)))
    single = plv(analytic_signal(x.float(), SFREQ, band=ALPHA))
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), plv(analytic_signal(x, SFREQ, band=ALPHA)), atol=1e-5, rtol=0)


def test_gradient_from_the_signal_on():
    x = torch.from_numpy(noise(7, (2, 3, 24))).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: plv(analytic_signal(v, 24.0, band=(2, 9))).triu(1), x)
