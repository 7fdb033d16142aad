import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eegdae.connectivity.convolution import convolve, fast_length, plan_convolution, transfer_function


def complex_noise(seed, shape):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=shape) + 1j * rng.normal(size=shape))


def plan(wavelets, x):
    return plan_convolution(wavelets, n_times=x.shape[-1], dtype=x.dtype, device=x.device)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n_times=st.integers(1, 150),
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=6),
    n_windows=st.integers(0, 3),
)
def test_agrees_with_a_plain_convolution(seed, n_times, shares, n_windows):
    """Any lengths in any order, up to that of the window, even and odd."""
    wavelets = [complex_noise(seed, (1 + round(share * (n_times - 1)),)) for share in shares]
    x = complex_noise(seed + 1, (n_windows, 2, n_times)).real.contiguous()
    done = 0
    for rows, z in convolve(x, plan(wavelets, x)):
        assert rows.start == done
        assert z.shape == (n_windows, rows.stop - rows.start, 2, n_times)
        done = rows.stop
        for window, found in zip(x.numpy(), z, strict=True):
            expected = [
                [np.convolve(chan, w.numpy(), mode="same") for chan in window] for w in wavelets[rows]
            ]
            np.testing.assert_allclose(found, expected, atol=1e-11)
    assert done == len(wavelets)


def test_several_at_a_time_for_few_windows_and_one_for_many():
    wavelets = [complex_noise(k, (21,)) for k in range(12)]
    few, many = (torch.randn(n, 20, 256, dtype=torch.float64) for n in (1, 40))
    assert len(list(convolve(few, plan(wavelets, few)))) < 4
    one_by_one = list(convolve(many, plan(wavelets, many)))
    assert len(one_by_one) == 12
    together = torch.cat([z[:1] for _, z in one_by_one], dim=1)
    for rows, z in convolve(many[:1], plan(wavelets, many)):
        torch.testing.assert_close(z, together[:, rows])


def test_sets_of_tapers_of_different_number():
    wavelets = [complex_noise(k, (n, 21)) for k, n in enumerate([3, 3, 1, 2])]
    x = torch.randn(2, 3, 100, dtype=torch.float64)
    groups = list(convolve(x, plan(wavelets, x)))
    assert [rows for rows, _ in groups] == [slice(0, 2), slice(2, 3), slice(3, 4)]
    assert [z.shape for _, z in groups] == [(2, 2, 3, 3, 100), (2, 1, 1, 3, 100), (2, 1, 2, 3, 100)]
    (_, alone) = next(convolve(x, plan([wavelets[3][1]], x)))
    torch.testing.assert_close(groups[2][1][:, :, 1], alone)


def test_short_wavelets_have_short_transforms():
    x = torch.zeros(1, 1, 512)
    lengths = [run.transfer.shape[-1] for run in plan([complex_noise(0, (n,)) for n in (357, 21)], x)]
    assert lengths == [720, 540]


def test_transfer_function_has_the_middle_at_time_0():
    assert transfer_function(torch.ones(1, dtype=torch.complex128), 8).allclose(
        torch.ones(8).to(torch.cdouble)
    )
    symmetric = torch.tensor([1.0, 2.0, 3.0, 2.0, 1.0], dtype=torch.complex128)
    assert transfer_function(symmetric, 8).imag.abs().max() < 1e-15


@pytest.mark.parametrize("n", [1, 2, 4, 5, 97, 540, 541, 690, 1000, 12345])
def test_fast_length(n):
    length = fast_length(n)
    assert length % 4 == 0
    assert n <= length <= max(4, 1.2 * n + 4)
    rest = length
    for prime in (2, 3, 5):
        while rest % prime == 0:
            rest //= prime
    assert rest == 1
