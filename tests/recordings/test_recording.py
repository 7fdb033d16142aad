import numpy as np
import pytest

from eegdae.recordings import Annotation, as_recording, check_alike

RNG = np.random.default_rng(0)


def rec(data=None, **changes):
    data = RNG.normal(size=(2, 10)) if data is None else data
    names = changes.pop("ch_names", [f"c{k}" for k in range(len(data))])
    return as_recording(data, **{"sfreq": 10.0, "ch_names": names, "source": "a.edf"} | changes)


def test_finite_data_is_kept_and_fully_observed():
    data = RNG.normal(size=(3, 7))
    got = rec(data)
    assert got.data.dtype == np.float32
    assert np.array_equal(got.data, data.astype(np.float32))
    assert got.mask is None
    assert (got.n_chans, got.n_times) == (3, 7)


def test_nan_becomes_mask_and_the_input_is_left_alone():
    data = RNG.normal(size=(2, 10)).astype(np.float32)
    data[1, 3:5] = np.nan
    before = data.copy()
    got = rec(data)
    assert got.mask is not None
    assert np.array_equal(got.mask, ~np.isnan(data))
    assert np.array_equal(got.data, np.nan_to_num(before))
    assert np.array_equal(data, before, equal_nan=True)


def test_a_given_mask_is_joined_with_nan():
    data = np.ones((1, 4))
    data[0, 0] = np.nan
    got = rec(data, mask=np.array([[True, True, False, True]]))
    assert got.mask is not None
    assert got.mask.tolist() == [[False, True, False, True]]
    assert got.data.tolist() == [[0, 1, 0, 1]]


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e300])
def test_infinite_values_name_file_channel_and_first_sample(value, one_line):
    data = np.zeros((3, 10))
    data[2, 4:] = value
    message = one_line(rec, data, ch_names=["x", "y", "Cz"])
    assert "a.edf" in message
    assert "channel Cz" in message
    assert "sample 4" in message


@pytest.mark.parametrize(
    ("data", "changes", "said"),
    [
        (np.zeros(5), {"ch_names": ["a"]}, "(5,)"),
        (np.zeros((0, 5)), {}, "(0, 5)"),
        (np.zeros((2, 1)), {}, "(2, 1)"),
        (np.zeros((2, 5), dtype=complex), {}, "complex"),
        (np.zeros((2, 5)), {"ch_names": ["a", "a"]}, "more than once: a"),
        (np.zeros((2, 5)), {"ch_names": ["a"]}, "1 channel names for 2"),
        (np.zeros((2, 5)), {"unit": ["g"]}, "1 units for 2"),
        (np.zeros((2, 5)), {"sfreq": 0}, "sfreq=0"),
        (np.zeros((2, 5)), {"sfreq": np.nan}, "sfreq=nan"),
        (np.zeros((2, 5)), {"ch_pos": np.zeros((2, 2))}, "ch_pos"),
        (np.zeros((2, 5)), {"mask": np.ones((2, 4), dtype=bool)}, "mask"),
        (np.zeros((2, 5)), {"interpolated": ["c2"]}, "a.edf: interpolated: 'c2' is not a channel"),
        (np.zeros((2, 5)), {"annotations": [Annotation(3, 6, "late")]}, "'late'"),
        (np.zeros((2, 5)), {"annotations": [Annotation(3, 3, "none")]}, "'none'"),
    ],
)
def test_what_does_not_fit_is_refused(data, changes, said, one_line):
    message = one_line(rec, data, **changes)
    assert "a.edf" in message
    assert said in message


def test_interpolated_channels_go_by_any_name_of_theirs():
    got = rec(RNG.normal(size=(3, 10)), ch_names=["T3", "Cz", "T7"], interpolated=["cz", "T7"])
    assert got.interpolated == ("Cz", "T7")
    assert rec().interpolated == ()


def test_unit_names_the_shared_unit_or_all_of_them():
    assert rec(unit="uV").unit == "uV"
    assert rec(RNG.normal(size=(3, 5)), unit=["g", "rad/s", "g"]).unit == "g, rad/s"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"ch_names": ["c0", "Oz"]},
            "only in the first: c1; only in the second: Oz; windows.channels=shared",
        ),
        ({"ch_names": ["c1", "c0"]}, "the order differs"),
        ({"sfreq": 20.0}, "10 Hz and 20 Hz"),
        ({"unit": "g"}, "uV and g"),
    ],
)
def test_recordings_that_differ_are_named_with_the_difference(changes, said, one_line):
    first = rec(unit="uV")
    second = rec(**{"unit": "uV", "source": "b.edf"} | changes)
    message = one_line(check_alike, [first, first, second])
    assert "a.edf and b.edf" in message
    assert said in message
    check_alike([first, first])
