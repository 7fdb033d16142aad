import numpy as np
import pytest
import torch

from eegdae.connectivity import feature_names
from eegdae.errors import EegdaeError
from eegdae.layout import Layout


def test_signals_unfold_channel_after_channel():
    layout = Layout("signals", (3, 5), 64.0)
    first, second = layout.channels()
    x = torch.arange(15.0).reshape(1, 3, 5)
    assert layout.n_features == 15
    assert layout.n_chans == 3
    assert torch.equal(first, second)
    assert torch.equal(first, (x.flatten() // 5).long())


@pytest.mark.parametrize("measure", ["plv", "granger", "power", "covariance"])
def test_matrix_entries_know_their_channels(measure):
    names = ["a", "b", "c", "d"]
    layout = Layout("matrices", (2, 4, 4), measure=measure)
    expected = feature_names(measure, band_names=["x", "y"], ch_names=names)
    first, second = layout.channels()
    assert layout.n_features == len(expected)
    for name, i, j in zip(expected, first, second, strict=True):
        entry = name.split("|")[2]
        assert entry in (f"{names[i]}-{names[j]}", f"{names[i]}>{names[j]}", names[i])


def test_rows_and_images_belong_to_no_channel():
    assert Layout.rows(7).n_features == 7
    assert Layout("images", (1, 8, 8)).n_features == 64
    assert Layout.rows(7).n_chans is None
    with pytest.raises(EegdaeError, match="belong to no channel"):
        Layout.rows(7).channels()


@pytest.mark.parametrize(("kind", "shape"), [("signal", (2, 3)), ("signals", (6,)), ("images", (8, 8))])
def test_shapes_that_do_not_fit(kind, shape):
    with pytest.raises(EegdaeError, match=r"^layout: "):
        Layout(kind, shape)


def test_a_view_gives_its_layout():
    from eegdae.features import View

    assert View("raw", "raw").layout(torch.zeros(2, 12), n_chans=3, sfreq=8.0) == Layout(
        "signals", (3, 4), 8.0
    )
    view = View("plv", "plv", {"a": (1, 4), "b": (4, 8)})
    layout = view.layout(torch.zeros(2, 6), n_chans=3)
    assert layout == Layout("matrices", (2, 3, 3), measure="plv")
    assert layout.n_features == 6 == np.triu_indices(3, 1)[0].size * 2
