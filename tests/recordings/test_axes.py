from itertools import permutations

import numpy as np
import pytest

from eegdae.recordings.axes import LAYOUTS, signals_of

WHOLE = np.random.default_rng(0).normal(size=(4, 2, 5))  # trials, channels, times


@pytest.mark.parametrize("order", list(permutations(("trials", "channels", "times"))), ids="_".join)
def test_every_order_of_three_axes_gives_the_same_signals(order):
    standard = ("trials", "channels", "times")
    stored = np.transpose(WHOLE, [standard.index(axis) for axis in order])
    assert "_".join(order) in LAYOUTS
    assert np.array_equal(signals_of(stored, "_".join(order), where="x"), WHOLE)


def test_two_axes():
    (signal,) = signals_of(WHOLE[0], "channels_times", where="x")
    assert np.array_equal(signal, WHOLE[0])
    (signal,) = signals_of(WHOLE[0].T, "times_channels", where="x")
    assert np.array_equal(signal, WHOLE[0])
    assert len(LAYOUTS) == 10


def test_trials_of_one_channel():
    for stored, layout in ((WHOLE[:, 0], "trials_times"), (WHOLE[:, 0].T, "times_trials")):
        got = signals_of(stored, layout, where="x")
        assert [signal.shape for signal in got] == [(1, 5)] * 4
        assert np.array_equal(got, WHOLE[:, :1])


@pytest.mark.parametrize(
    ("shape", "layout", "said"),
    [
        (
            (2, 5),
            None,
            "data.layout=None: what the axes of f.mat: x (2 x 5) are; one of channels_times",
        ),
        ((2, 5), "channel_times", "did you mean 'channels_times'"),
        (
            (2, 5),
            "trials_channels_times",
            "shape 2 x 5, but data.layout=trials_channels_times; channels_times",
        ),
        ((2, 5, 3), "times_channels", "trials_channels_times, trials_times_channels"),
        ((5,), "times_channels", "two or three axes are needed"),
    ],
)
def test_what_does_not_fit(shape, layout, said, one_line):
    assert said in one_line(signals_of, np.ones(shape), layout, where="f.mat: x")
