import pytest
import torch

from eegdae.connectivity.phase_lag_sums import lag_means, scaled


def complex_noise(seed, shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.complex128, generator=generator)


@pytest.mark.parametrize("tapers", [False, True])
def test_agrees_with_the_definition(tapers):
    z = complex_noise(0, (2, 3, 4, 50))
    mean, size, sign = lag_means(z, tapers=tapers, signs=True)
    z = z / z.abs().amax(dim=(-3, -1) if tapers else -1, keepdim=True)
    s = torch.einsum("bkxt,bkyt->bkxyt", z, z.conj())
    im = s.sum(dim=1).imag if tapers else s.imag
    im = im.masked_fill(torch.eye(4, dtype=torch.bool)[..., None], 0.0)
    torch.testing.assert_close(mean, im.mean(dim=-1))
    torch.testing.assert_close(size, im.abs().mean(dim=-1))
    torch.testing.assert_close(sign, im.sign().mean(dim=-1))


def test_signs_only_where_they_are_asked_for():
    z = complex_noise(1, (3, 50))
    with_signs, without = lag_means(z, tapers=False, signs=True), lag_means(z, tapers=False, signs=False)
    assert torch.equal(with_signs[0], without[0])
    assert torch.equal(with_signs[1], without[1])
    assert torch.count_nonzero(without[2]) == 0


def test_rounding_is_no_lag_and_missing_is_no_sign():
    z = complex_noise(2, (4, 50)).to(torch.complex64)
    z[1] = -3.3 * z[0]
    z[3, 7] = torch.nan
    for part in lag_means(z, tapers=False, signs=True):
        assert part[0, 1] == part[1, 0] == 0
        assert part[0, 2] != 0
        assert part[3, :3].isnan().all()


@pytest.mark.parametrize("tapers", [False, True])
def test_scaled_to_a_peak_of_one(tapers):
    z = complex_noise(3, (2, 3, 4, 50)) * 1e-25
    z[..., 1, :] = 0
    peak = scaled(z, tapers=tapers).abs().amax(dim=(-3, -1) if tapers else -1)
    torch.testing.assert_close(peak[..., [0, 2, 3]], torch.ones_like(peak[..., [0, 2, 3]]))
    assert torch.count_nonzero(peak[..., 1]) == 0
