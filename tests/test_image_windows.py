"""Images are windows as they are: cut, stored, described by views, checked by models."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from eegdae.coder import CodeModel
from eegdae.corruption import ChannelDropout, Gaussian
from eegdae.cutting import Cutting, plan
from eegdae.errors import EegdaeError
from eegdae.features import View, compute_views
from eegdae.layout import Layout
from eegdae.models import ViewStacks, new_stack
from eegdae.models.convolution import Convolution
from eegdae.randomness import Stream
from eegdae.recordings import Annotation, as_recording
from eegdae.scaling import Scaler
from eegdae.store import build, read
from eegdae.windows import make_windows

H, W = 4, 3


def rec(seed, *, n=5, shape=(H, W), n_colours=1, **changes):
    data = np.random.default_rng(seed).random((n_colours, n * shape[0] * shape[1])).astype(np.float32)
    step = shape[0] * shape[1]
    options = {
        "sfreq": 1.0,
        "ch_names": ["grey"] if n_colours == 1 else ["red", "green", "blue"],
        "source": f"{seed}.npy",
        "run": str(seed),
        "annotations": [Annotation(k * step, (k + 1) * step, "ab"[k % 2]) for k in range(n)],
        "image_shape": shape,
    }
    return as_recording(data, **{**options, **changes})


def windows_of(**changes):
    return make_windows([rec(k, n_colours=3) for k in range(3)], **changes)


def test_each_image_is_a_window():
    recordings = [rec(k) for k in range(2)]
    for how in ({}, {"size": None, "stride": 1.0}, {"size": 12.0}):
        windows = make_windows(recordings, **how)
        assert windows.image_shape == (H, W)
        assert np.array_equal(
            windows.x.reshape(10, -1), np.concatenate([r.data.reshape(5, -1) for r in recordings])
        )
        assert windows.metadata["trial"].tolist() == [*range(5), *range(5)]
        assert windows.metadata["label"].tolist() == list("ababaababa")


def test_images_without_labels_and_with_one_over_all():
    assert len(make_windows([rec(0, annotations=[])])) == 5
    whole = rec(0, annotations=[Annotation(0, 5 * H * W, "all")])
    windows = make_windows([whole])
    assert windows.metadata["i_start"].tolist() == [0, 12, 24, 36, 48]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 2.0}, "windows.size=2: a window of images is one image, here of 4 x 3 pixels (0.npy)"),
        ({"size": 24.0}, "set windows.size=null, or 12"),
        ({"size": None, "tmin": 0.5}, "windows.tmin=0.5: images have no events in time"),
        ({"size": "small"}, "windows.size='small': a number"),
    ],
)
def test_windows_that_images_do_not_have(options, said):
    with pytest.raises(EegdaeError) as caught:
        make_windows([rec(0)], **options)
    assert said in str(caught.value)


def test_signals_still_need_a_size():
    signal = as_recording(np.eye(1, 50), sfreq=10, ch_names=["a"])
    with pytest.raises(EegdaeError, match=r"windows\.size=None: a number of seconds is needed"):
        make_windows([signal])


def test_a_trial_must_begin_with_an_image():
    with pytest.raises(EegdaeError, match=r"trial 'x' begins at pixel 5, inside an image of 4 x 3"):
        plan(rec(0, annotations=[Annotation(5, 17, "x")]), Cutting(None))


def test_images_of_other_sizes_and_signals_are_refused_together():
    with pytest.raises(EegdaeError, match="images of 4 x 3 pixels and images of 3 x 4 pixels; give"):
        make_windows([rec(0), rec(1, shape=(3, 4))])
    signal = as_recording(np.eye(1, 50), sfreq=1, ch_names=["grey"], source="s.edf")
    with pytest.raises(EegdaeError, match=r"0\.npy and s\.edf do not go together: images .* and signals"):
        make_windows([rec(0), signal], size=12)
    with pytest.raises(EegdaeError, match="60 pixels are no whole number of images of 7 x 7"):
        rec(0, image_shape=(7, 7))


def test_the_store_keeps_the_size(tmp_path):
    build(tmp_path / "a", range(3), lambda k: [rec(k)], Cutting(None))
    plain, stored = make_windows([rec(k) for k in range(3)]), read(tmp_path / "a")
    assert stored.image_shape == (H, W)
    assert np.array_equal(stored.x, plain.x)
    assert stored.metadata.equals(plain.metadata)


def test_views_know_pixels_and_refuse_the_rest():
    windows = windows_of()
    view = View("raw", "raw")
    x = compute_views(windows, [view])["raw"]
    layout = view.layout(x, n_chans=3, sfreq=1.0, image_shape=windows.image_shape)
    assert layout == Layout("images", (3, H, W))
    assert view.layout(x, n_chans=3, sfreq=1.0) == Layout("signals", (3, H * W), 1.0)
    names = view.feature_names(windows)
    assert (names[0], names[5], names[-1]) == ("raw|red|0,0", "raw|red|1,2", "raw|blue|3,2")
    assert len(set(names)) == len(names) == x.shape[1]
    for measure in ("power", "plv", "covariance_tangent"):
        with pytest.raises(EegdaeError, match="these are images, without bands and connectivity"):
            View("v", measure).features(windows)


def test_corruption_of_channels_and_time_is_told_what_images_are():
    layout = Layout("images", (3, H, W))
    assert ChannelDropout().unusable(layout) == "have no channels"
    assert not Gaussian().unusable(layout)


def model_of(windows):
    view = View("raw", "raw")
    x = view.features(windows)
    layout = view.layout(x, n_chans=windows.n_chans, image_shape=windows.image_shape)
    stack = new_stack(layout, hidden=(4,), convolution=Convolution("2d", [2], kernel_size=3)).reset(Stream(0))
    return CodeModel(
        views=(view,),
        scalers={"raw": Scaler.fit(x, "standard", n_groups=3)},
        stacks=ViewStacks({"raw": stack}),
        sfreq=windows.sfreq,
        n_times=windows.n_times,
        ch_names=windows.ch_names,
        units=windows.units,
        image_shape=windows.image_shape,
    )


def test_a_model_of_images_says_what_it_needs():
    windows = windows_of()
    model = model_of(windows)
    again = CodeModel.from_state(model.state())
    assert again.image_shape == (H, W)
    assert np.array_equal(again.transform(windows), model.transform(windows))
    assert model.reconstruct(windows)["raw"].shape == windows.x.shape
    turned = replace(windows, image_shape=(W, H))
    with pytest.raises(
        EegdaeError, match=r"holds images of 3 x 4 pixels, .* of 4 x 3 pixels; set data.size=\[4, 3\]"
    ):
        model.transform(turned)
    with pytest.raises(EegdaeError, match="data: holds signals, the run was trained on images of 4 x 3"):
        model.transform(replace(windows, image_shape=None))


def test_a_model_of_older_runs_is_of_signals():
    state = model_of(windows_of()).state()
    del state["image_shape"]
    assert CodeModel.from_state(state).image_shape is None


def test_a_convolution_sees_neighbours_on_the_plane():
    """A change of one pixel moves only units whose field it lies in."""
    layout = Layout("images", (1, 8, 8))
    stack = new_stack(layout, hidden=(), convolution=Convolution("2d", [1], kernel_size=3, factor=1)).reset(
        Stream(0)
    )
    x = torch.zeros(1, 64)
    moved = x.clone()
    moved[0, 8 * 3 + 4] = 1.0
    changed = (stack.encode(x) != stack.encode(moved)).reshape(8, 8).nonzero().tolist()
    assert changed
    assert all(abs(row - 3) <= 1 and abs(column - 4) <= 1 for row, column in changed)
