import numpy as np
import pytest
import torch
from scipy.signal import hilbert

from eegdae.connectivity import EEG_BANDS
from eegdae.connectivity.bands import analytic_signal, analytic_signals, band_bins, check_bands
from eegdae.errors import EegdaeError


def brickwalled_hilbert(x, sfreq, lo, hi):
    """The slow way: cut the spectrum, come back to the real signal, let scipy make it analytic."""
    n_times = x.shape[-1]
    spectrum = np.fft.rfft(x - x.mean(-1, keepdims=True))
    freqs = np.fft.rfftfreq(n_times, 1 / sfreq)
    spectrum[..., (freqs < lo) | (freqs > hi)] = 0
    return hilbert(np.fft.irfft(spectrum, n_times))


@pytest.mark.parametrize("n_times", [256, 255, 100, 97])
@pytest.mark.parametrize("band", [(8, 13), (0.5, 64), (40, 64), (0, 64), (60.3, 64)])
def test_agrees_with_scipy(n_times, band):
    x = np.random.default_rng(0).normal(3.0, 2.0, size=(2, 3, n_times))
    z = analytic_signal(torch.from_numpy(x), 128.0, band=band).numpy()
    np.testing.assert_allclose(z, brickwalled_hilbert(x, 128.0, *band), atol=1e-12)


def test_bands_together_are_the_signal_without_its_mean():
    x = torch.randn(4, 2, 128, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) + 5
    parts = list(analytic_signals(x, 64.0, bands=[(0.1, 7.9), (8, 19.9), (20, 32)]))
    torch.testing.assert_close(sum(z.real for z in parts), x - x.mean(-1, keepdim=True))


def test_both_edges_belong_to_the_band():
    t = torch.arange(256, dtype=torch.float64) / 128
    for freq, inside in [(7.5, False), (8.0, True), (13.0, True), (13.5, False)]:
        amplitude = analytic_signal(torch.cos(2 * torch.pi * freq * t)[None], 128.0, band=(8, 13)).abs()
        torch.testing.assert_close(amplitude, torch.full_like(amplitude, float(inside)))


def test_edges_are_not_lost_to_rounding():
    assert list(band_bins((0.1 + 0.2, 0.7), sfreq=10.0, n_times=100)) == [3, 4, 5, 6, 7]
    assert list(band_bins((0.55, 0.57), sfreq=2.0, n_times=200)) == [55, 56, 57]  # 0.57 * 200 < 114
    assert list(band_bins((1.1, 1.1), sfreq=1.1 * 100, n_times=100)) == [1]


@pytest.mark.parametrize("value", [0.1, 1e6, -3.3e-6, 12345.678])
@pytest.mark.parametrize("n_times", [100, 97, 512])
def test_constant_channel_is_exactly_zero(value, n_times):
    x = torch.full((1, n_times), value, dtype=torch.float32)
    assert torch.count_nonzero(analytic_signal(x, 100.0, band=(1, 50))) == 0


def test_a_large_offset_costs_no_precision():
    x = torch.randn(3, 256, generator=torch.Generator().manual_seed(0)).round(decimals=2)
    shifted = (x.double() + 1024.0).float()
    shifted[0, 0] = 0.0  # as where an amplifier settles: the first sample alone cannot stand for the offset
    exact = analytic_signal(shifted.double(), 128.0, band=(8, 13))
    torch.testing.assert_close(
        analytic_signal(shifted, 128.0, band=(8, 13)).to(torch.complex128), exact, atol=1e-5, rtol=0
    )


def test_eeg_bands_fit_eeg():
    assert list(check_bands(EEG_BANDS, sfreq=128, n_times=512)) == list(EEG_BANDS)


def test_check_returns_plain_floats_in_order():
    checked = check_bands(
        {"b": [np.float32(8), np.int64(13)], "a": (1, 4)}, sfreq=np.float64(128), n_times=128
    )
    assert checked == {"b": (8.0, 13.0), "a": (1.0, 4.0)}
    assert list(checked) == ["b", "a"]
    assert all(type(edge) is float for band in checked.values() for edge in band)


@pytest.mark.parametrize(
    ("band", "said"),
    [
        ((30, 65), "above half the sampling rate, 64 Hz"),
        ((13, 8), r"reversed; did you mean \[8, 13\]"),
        ((8.1, 8.4), "holds 0 of the frequencies .* which lie 0.5 Hz apart"),
        ((0, 0.4), "holds 0 of the frequencies"),
        ((float("nan"), 13), "not finite"),
        ((8, float("inf")), "not finite"),
        ((-1, 4), "begins below 0"),
        ((8,), "two numbers"),
        (("a", "b"), "two numbers"),
        (8, "two numbers"),
    ],
)
def test_impossible_bands_are_named(band, said):
    with pytest.raises(EegdaeError, match=rf"bands\.alpha: .*{said}") as caught:
        check_bands({"theta": (4, 8), "alpha": band}, sfreq=128, n_times=256)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bands", [{}, None, [(8, 13)], "alpha"])
def test_no_bands(bands):
    with pytest.raises(EegdaeError, match=r"bands: .* at least one band"):
        check_bands(bands, sfreq=128, n_times=256)


@pytest.mark.parametrize("sfreq", [0, -1, float("nan"), float("inf"), None, "128"])
def test_impossible_rate(sfreq):
    with pytest.raises(EegdaeError, match="sfreq: "):
        check_bands({"alpha": (8, 13)}, sfreq=sfreq, n_times=256)


def test_too_few_bins():
    assert check_bands({"a": (8, 8.5)}, sfreq=128, n_times=256, min_bins=2)
    with pytest.raises(EegdaeError, match=r"bands\.a: .* holds 1 of .* needs 2"):
        check_bands({"a": (8, 8.4)}, sfreq=128, n_times=256, min_bins=2)
