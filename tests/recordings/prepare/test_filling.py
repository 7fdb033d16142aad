"""Short gaps become observed; pandas' interpolation is the oracle."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from eegdae.errors import EegdaeError
from eegdae.recordings import as_recording
from eegdae.recordings.prepare import check_prepare, prepare

SFREQ = 10.0


def gappy(gaps, n_times=60, n_chans=2, seed=0):
    data = np.random.default_rng(seed).normal(size=(n_chans, n_times)).astype(np.float32)
    for chan, start, stop in gaps:
        data[chan, start:stop] = np.nan
    return as_recording(data, sfreq=SFREQ, ch_names=["A", "B"][:n_chans], unit="g")


def test_gaps_up_to_the_limit_lie_on_a_straight_line_and_longer_ones_stay():
    rec = gappy([(0, 5, 8), (0, 20, 24), (1, 0, 2), (1, 58, 60), (1, 30, 31)])
    found = prepare(rec, fill=0.3)
    seen = np.ones((2, 60), dtype=bool)
    seen[0, 20:24] = seen[1, :2] = seen[1, 58:] = False
    assert np.array_equal(found.mask, seen)
    nans = np.where(rec.mask, rec.data, np.nan).T
    expected = pd.DataFrame(nans).interpolate(limit_area="inside").to_numpy().T
    np.testing.assert_allclose(found.data[seen], expected[seen], rtol=1e-6)
    assert found.notes == ("filled 3.3% of the samples, gaps of up to 0.3 s",)


def test_causal_holds_the_last_sample_and_never_looks_ahead():
    rec = gappy([(0, 5, 8), (0, 20, 30), (1, 0, 2)])
    whole = prepare(rec, fill=0.3, causal=True)
    assert np.array_equal(whole.data[0, 20:23], np.repeat(rec.data[0, 19], 3))
    assert whole.mask[0, 20:23].all()
    assert not whole.mask[0, 23:30].any()
    assert not whole.mask[1, :2].any()
    for stop in (6, 21, 27, 40):
        cut = as_recording(
            np.where(rec.mask, rec.data, np.nan)[:, :stop], sfreq=SFREQ, ch_names=["A", "B"], unit="g"
        )
        early = prepare(cut, fill=0.3, causal=True)
        seen = np.ones((2, stop), dtype=bool) if early.mask is None else early.mask
        assert np.array_equal(seen, whole.mask[:, :stop])
        assert np.array_equal(early.data[seen], whole.data[:, :stop][seen])


def test_nothing_left_to_miss_means_no_mask():
    assert prepare(gappy([(0, 5, 8)]), fill=1).mask is None
    rec = gappy([])
    assert prepare(rec, fill=1) is rec


def test_what_is_marked_later_is_not_filled():
    found = prepare(gappy([(0, 5, 8)]), fill=1, bad_channels={"names": ["B"]})
    assert found.mask[0].all()
    assert not found.mask[1].any()


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), True, "2 s"])
def test_no_length_of_a_gap(value):
    with pytest.raises(EegdaeError, match=r"^data\.prepare\.fill=.*: a number of seconds above 0 is needed"):
        check_prepare({"fill": value})


def test_shorter_than_a_sample():
    with pytest.raises(EegdaeError, match=r"data\.prepare\.fill=0\.01 s is shorter than a sample; give 0\.1"):
        prepare(gappy([(0, 5, 8)]), fill=0.01)
