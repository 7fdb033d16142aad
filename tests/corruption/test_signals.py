from itertools import pairwise

import numpy as np
import pytest
import torch

from eegdae.corruption import BandNoise, FrequencyBand, LineNoise, TimeBlock
from eegdae.corruption.signals import _block, channel_weights
from eegdae.errors import EegdaeError
from eegdae.layout import Layout
from tests.corruption.cases import N, keys

LAYOUT = Layout("signals", (3, 200), sfreq=100.0)


@pytest.fixture(scope="module")
def x():
    return torch.randn(N, 600, generator=torch.Generator().manual_seed(0)) * 2 + 1


def corrupt(kind, x, level, layout=LAYOUT):
    out, touched = kind.fitted(x, layout=layout).corrupt(x, level=level, keys=keys())
    shape = (len(x), *layout.shape)
    return out.reshape(shape), touched.reshape(shape)


def runs(touched):
    """Number of stretches in every row of the last axis."""
    return torch.nn.functional.pad(touched.int(), (1, 1)).diff().clamp(min=0).sum(-1)


@pytest.mark.parametrize("channels", ["all", "each"])
def test_one_stretch_of_its_share_is_lost(channels, x):
    out, touched = corrupt(TimeBlock(channels=channels), x, 0.3)
    assert (runs(touched) == 1).all()
    assert (touched.sum(-1) == 60).all()
    assert (out[touched] == 0).all()
    shared = (touched == touched[:, :1]).all()
    assert shared if channels == "all" else not shared
    starts = touched[:, 0].int().argmax(-1)
    assert 0 <= starts.min() < 15
    assert 125 < starts.max() <= 140


def test_blocks_are_of_every_length_from_one_to_all_but_one_and_lie_in_one_another():
    draw = torch.rand(50, 1, generator=torch.Generator().manual_seed(0))
    draw[0], draw[1] = 0.0, 1 - 2**-24
    blocks = [_block(draw, length / 10, 10) for length in range(11)]
    assert [int(b.sum(-1).unique()) for b in blocks] == [0, *range(1, 10), 9]
    for small, large in pairwise(blocks):
        assert not (small & ~large).any()
    assert int(_block(draw, 1e-6, 10).sum(-1).unique()) == 1
    one = blocks[1].squeeze(1).int().argmax(-1)
    assert one[0] == 0
    assert one[1] == 9
    assert len(one.unique()) == 10


def test_a_band_of_its_share_is_taken_out_and_the_rest_stays(x):
    out, touched = corrupt(FrequencyBand(), x, 0.2)
    before = np.fft.rfft(x.reshape(N, *LAYOUT.shape).double().numpy())
    after = np.fft.rfft(out.double().numpy())
    lost = np.abs(after) < 1e-3 * np.abs(before)
    assert (runs(torch.from_numpy(lost[:, 0])) == 1).all()
    assert (lost == lost[:, :1]).all()
    assert (lost.sum(-1) == 20).all()  # of 101 frequencies
    np.testing.assert_allclose(after[~lost], before[~lost], rtol=1e-2, atol=1e-2)
    assert touched.float().mean() > 0.99


@pytest.mark.parametrize("n_times", [200, 201])
@pytest.mark.parametrize("band", [(10.0, 20.0), (0.0, 50.0), (40.0, 50.0)])
def test_noise_of_a_band_has_its_sd_and_nothing_outside(band, n_times):
    layout = Layout("signals", (3, n_times), sfreq=100.0)
    x = torch.randn(N, layout.n_features, generator=torch.Generator().manual_seed(0)) * 2 + 1
    noise = (corrupt(BandNoise(band=band), x, 0.5, layout)[0] - x.reshape(N, *layout.shape)).double()
    assert float(noise.square().mean().sqrt()) == pytest.approx(0.5 * 2, rel=0.02)
    power = np.abs(np.fft.rfft(noise.numpy())) ** 2
    freqs = np.fft.rfftfreq(n_times, 0.01)
    inside = (freqs >= band[0]) & (freqs <= band[1])
    assert power[..., ~inside].sum() < 1e-6 * power.sum()


def test_the_mains_have_their_frequencies_and_their_rms(x):
    noise = corrupt(LineNoise(freq=15.0, n_harmonics=4), x, 2.0)[0] - x.reshape(N, *LAYOUT.shape)
    rms = noise.square().mean((1, 2)).sqrt()
    # 15, 30 and 45 Hz are whole cycles of the 2 s window, and 60 Hz is above half the rate
    torch.testing.assert_close(rms, 2.0 * x.square().mean().sqrt().expand(N), rtol=1e-3, atol=0)
    amplitude = noise[:, 0].double().numpy()
    amplitude = np.abs(np.fft.rfft(amplitude))
    peaks = amplitude[:, [30, 60, 90]]
    np.testing.assert_allclose(peaks / peaks[:, :1], np.tile([1, 1 / 2, 1 / 3], (N, 1)), rtol=1e-2)
    assert np.delete(amplitude, [30, 60, 90], axis=1).max() < 1e-2 * peaks.max()
    phase = np.angle(np.fft.rfft(noise[:, 0].numpy())[:, 30])
    assert abs(np.exp(1j * phase).mean()) < 0.2
    weights = channel_weights(keys(), 3)
    torch.testing.assert_close(weights.square().mean(1), torch.ones(N))
    assert torch.equal(channel_weights(keys(), 1).abs(), torch.ones(N, 1))


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        (TimeBlock, {"channels": "both"}, r"corruption\.channels='both': not known; known: all, each"),
        (BandNoise, {"band": [20, 10]}, r"corruption\.band=\[20, 10\]: must be a lower and a higher"),
        (BandNoise, {"band": [1, 2, 3]}, r"corruption\.band="),
        (BandNoise, {"band": "alpha"}, r"corruption\.band='alpha'"),
        (BandNoise, {"band": [-1, 3]}, r"corruption\.band=\[-1, 3\]"),
        (LineNoise, {"freq": 0}, r"corruption\.freq=0: must be a frequency"),
        (LineNoise, {"freq": "50"}, r"corruption\.freq='50'"),
        (LineNoise, {"n_harmonics": 0}, r"corruption\.n_harmonics=0: must be a whole number"),
        (LineNoise, {"n_harmonics": True}, r"corruption\.n_harmonics=True"),
    ],
)
def test_options_that_make_no_sense(kind, options, said):
    with pytest.raises(EegdaeError, match=said):
        kind(**options)


def test_frequencies_that_the_windows_do_not_have(x):
    with pytest.raises(EegdaeError, match=r"corruption\.freq=50: must be below half .* 50 Hz"):
        LineNoise().fitted(x, layout=LAYOUT)
    with pytest.raises(EegdaeError, match=r"corruption\.band=\[60.0, 70.0\]: holds no frequency"):
        BandNoise(band=(60, 70)).fitted(x, layout=LAYOUT)
    with pytest.raises(EegdaeError, match=r"they have every 0\.5 Hz up to 50"):
        BandNoise(band=(10.1, 10.2)).fitted(x, layout=LAYOUT)
