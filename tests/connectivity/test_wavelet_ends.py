import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eegdae.connectivity.convolution import fast_length, transfer_function
from eegdae.connectivity.wavelet_ends import end_factor, join_ends
from eegdae.connectivity.wavelets import morlet_wavelets, multitaper_wavelets

SINGLE, DOUBLE = (float(np.finfo(kind).eps) ** 1.5 for kind in (np.float32, np.float64))


def factor(wavelet, n_times, *, tolerance=DOUBLE, n_fft=None):
    wavelet = wavelet.reshape(-1, wavelet.shape[-1])
    transfer = transfer_function(wavelet, n_fft or fast_length(n_times + wavelet.shape[-1] // 2)).numpy()
    return end_factor(transfer, wavelet.numpy(), n_times=n_times, tolerance=tolerance), transfer


def products(wavelet, n_times, transfer):
    """M^T conj(M), from what the circular convolution of each unit impulse has on the zeros."""
    n_samples, n_fft = wavelet.shape[-1], transfer.shape[-1]
    ends = np.r_[: (n_samples - 1) // 2, n_times - n_samples // 2 : n_times]
    impulses = np.fft.fft(np.eye(n_fft)[ends])
    falls = np.fft.ifft(impulses[:, None] * transfer)[..., n_times:]  # (n_ends, n_tapers, n_zeros)
    return np.einsum("ukt,vkt->uv", falls, falls.conj())


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n_times=st.integers(2, 120),
    share=st.floats(0, 1),
    n_tapers=st.integers(1, 3),
    more=st.integers(0, 70),
)
def test_holds_the_products_of_any_wavelet(seed, n_times, share, n_tapers, more):
    """Also where the two ends fall on the same zeros, and where there are more zeros than either needs."""
    n_samples = 2 + round(share * (n_times - 2))
    rng = np.random.default_rng(seed)
    shape = (n_tapers, n_samples)
    wavelet = torch.from_numpy(rng.normal(size=shape) + 1j * rng.normal(size=shape))
    v, transfer = factor(wavelet, n_times, n_fft=n_times + n_samples // 2 + more)
    expected = products(wavelet, n_times, transfer)
    np.testing.assert_allclose(v @ v.conj().T, expected, atol=1e-12 * np.trace(expected).real)


@pytest.mark.parametrize("n_cycles", [2.0, 7.0, 12.0])
@pytest.mark.parametrize("n_fft", [None, 1600])
def test_few_columns_hold_a_wavelet_that_fades_out(n_cycles, n_fft):
    for freq in (9.0, 20.0):
        (wavelet,) = morlet_wavelets([freq], sfreq=250.0, n_cycles=n_cycles)
        v, transfer = factor(wavelet, 1024, tolerance=SINGLE, n_fft=n_fft)
        assert v.shape[1] <= 20
        expected = products(wavelet, 1024, transfer)
        error = expected - v @ v.conj().T
        assert np.trace(error).real < 2 * SINGLE * np.trace(expected).real
        np.testing.assert_allclose(v @ v.conj().T, expected, atol=SINGLE * np.trace(expected).real)


def test_all_columns_where_a_taper_ends_in_a_step():
    (wavelet,) = multitaper_wavelets([10.0], sfreq=128.0, n_cycles=7.0)
    v, transfer = factor(wavelet, 512, tolerance=SINGLE)
    assert v.shape == (wavelet.shape[-1] - 1, wavelet.shape[-1] - 1)
    expected = products(wavelet, 512, transfer)
    np.testing.assert_allclose(v @ v.conj().T, expected, atol=1e-13 * np.trace(expected).real)


def test_no_factor_where_it_would_save_nothing():
    (wavelet,) = morlet_wavelets([4.0], sfreq=500.0, n_cycles=7.0)
    assert factor(wavelet, 1500)[0] is None
    assert factor(wavelet, 1500, tolerance=SINGLE)[0].shape[1] < 20


def test_joined_factors_map_as_each_alone():
    n_times = 400
    wavelets = morlet_wavelets([6.0, 7.0, 9.0, 20.0, 40.0, 60.0], sfreq=160.0, n_cycles=7.0)
    factors = [factor(wavelet, n_times)[0] for wavelet in wavelets]
    x = np.random.default_rng(0).normal(size=(3, n_times))
    groups = join_ends(factors)
    assert [k for ends in groups for k in range(ends.rows.start, ends.rows.stop)] == list(range(6))
    assert 1 < len(groups) < 6
    for ends in groups:
        samples = np.concatenate([x[:, : ends.n_left], x[:, n_times - ends.n_right :]], axis=1)
        joint = (samples @ ends.factor.numpy()).reshape(3, ends.rows.stop - ends.rows.start, 2, -1)
        for k, v in enumerate(factors[ends.rows]):
            left = len(v) // 2
            alone = np.concatenate([x[:, :left], x[:, n_times - (len(v) - left) :]], axis=1) @ v
            np.testing.assert_allclose(joint[:, k, 0, : v.shape[1]], alone.real, atol=1e-12)
            np.testing.assert_allclose(joint[:, k, 1, : v.shape[1]], alone.imag, atol=1e-12)
            assert not joint[:, k, :, v.shape[1] :].any()


def test_no_factors_at_all():
    assert join_ends([]) == []
