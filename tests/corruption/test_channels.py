import numpy as np
import pytest
import torch

from eegdae.connectivity import MEASURES, unvectorize
from eegdae.corruption import ChannelDropout, EdgeDropout, NodeDropout
from eegdae.layout import Layout
from tests.corruption.cases import SIGNALS, Case, N, keys


def dropped(kind, layout, *, level=0.4, n=N):
    """Which entries of the matrices of each row were set to 0: (n, n_bands, n_chans, n_chans)."""
    case = Case(kind, layout)
    _, touched = case.fitted().corrupt(case.rows(), level=level, keys=keys(n))
    first, second = (c.reshape(layout.shape[0], -1)[0] for c in layout.channels())
    c = torch.zeros(n, *layout.shape, dtype=torch.bool)
    c[..., first, second] = touched.reshape(n, layout.shape[0], -1)
    return c, touched


def layout_of(measure, n_chans=5, n_bands=2):
    return Layout("matrices", (n_bands, n_chans, n_chans), measure=measure)


@pytest.mark.parametrize("measure", sorted(m for m in MEASURES if m != "power"))
def test_an_edge_is_lost_as_a_whole(measure):
    """In all bands, in both directions, and the matrix keeps its symmetry."""
    layout = layout_of(measure)
    c, touched = dropped(EdgeDropout(), layout)
    assert (c == c[:, :1]).all()
    assert not c.diagonal(dim1=-2, dim2=-1).any()
    if MEASURES[measure].symmetry == "directed":
        assert torch.equal(c, c.mT)
    assert abs(touched[:, layout.channels()[0] != layout.channels()[1]].float().mean() - 0.4) < 0.1
    # unfolded, two matrices differ in pairs alone: (x, y) where (y, x)
    x = torch.full((N, layout.n_features), 0.3)
    lost, _ = EdgeDropout().fitted(x, layout=layout).corrupt(x, level=0.4, keys=keys())
    whole, less = (unvectorize(v.numpy(), measure, n_bands=2, n_chans=5) for v in (x, lost))
    if MEASURES[measure].symmetry != "definite":
        changed = whole != less
        assert np.array_equal(changed, changed.swapaxes(-1, -2))
    transposed = less.swapaxes(-1, -2)
    own = {"antisymmetric": -transposed, "complementary": 1 - transposed}.get(
        MEASURES[measure].symmetry, transposed
    )
    off = ~np.eye(5, dtype=bool)
    np.testing.assert_allclose(less[..., off], own[..., off], atol=1e-6)


@pytest.mark.parametrize("measure", ["plv", "granger", "covariance", "phase_slope_index"])
@pytest.mark.parametrize("kind", [NodeDropout(), ChannelDropout()], ids=lambda k: k.name)
def test_a_node_is_lost_with_its_row_and_its_column(kind, measure):
    layout = layout_of(measure)
    c, _ = dropped(kind, layout)
    n_chans = layout.shape[-1]
    draw = keys().uniform("corruption", n_chans) < 0.4  # (n, n_chans): which channels are lost
    expected = draw[:, :, None] | draw[:, None, :]
    present = torch.zeros(n_chans, n_chans, dtype=torch.bool)
    first, second = layout.channels()
    present[first, second] = True
    assert torch.equal(c, (expected & present)[:, None].expand(c.shape))
    assert abs(draw.float().mean() - 0.4) < 0.05


def test_a_channel_is_lost_with_all_its_samples_or_bands():
    for layout, axis in ((SIGNALS, -1), (layout_of("power", n_bands=3), 1)):
        case = Case(ChannelDropout(), layout)
        corrupted, touched = case.fitted().corrupt(case.rows(), level=0.3, keys=keys())
        shape = SIGNALS.shape if layout is SIGNALS else (3, 5)
        block = touched.reshape(N, *shape)
        assert torch.equal(block.all(axis), block.any(axis))
        assert (corrupted[touched] == 0).all()
        assert abs(touched.float().mean() - 0.3) < 0.06


def test_layouts_with_too_few_channels_say_so():
    assert "2 are needed" in ChannelDropout().unusable(Layout("signals", (1, 50)))
    assert "3 are needed" in ChannelDropout().unusable(layout_of("plv", n_chans=2))
    assert ChannelDropout().unusable(layout_of("power", n_chans=2)) == ""
    assert ChannelDropout().unusable(None) == "have no channels"
    assert "no matrices" in NodeDropout().unusable(SIGNALS)
    assert NodeDropout().unusable(layout_of("power")) == ""
    assert "no pairs" in EdgeDropout().unusable(layout_of("power"))
