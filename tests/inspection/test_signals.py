from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from eegdae.inspection.signals import KINDS, signs_of

from .conftest import noise, recording


def found(data, **changes):
    """Kind -> sign."""
    signs = {sign.kind: sign for sign in signs_of(recording(data, **changes))}
    assert signs.keys() <= KINDS.keys()
    return signs


def test_nothing_is_wrong_with_clean_signals():
    assert found(noise()) == {}
    assert found(noise(scale=0.01), unit="g") == {}  # a small number says nothing of another unit


def test_a_flat_channel():
    data = noise()
    data[3] = 7.0
    sign = found(data)["flat"]
    assert sign.channels == ("c3",)
    assert KINDS["flat"][0] == "error"


def test_a_channel_that_was_never_observed_and_no_gap_beside():
    data = noise()
    data[3] = np.nan
    assert found(data).keys() == {"never observed"}
    data[:] = np.nan
    assert found(data).keys() == {"never observed"}


@pytest.mark.parametrize(("stop", "kind"), [(520, "small gaps"), (1250, "gaps")])
def test_gaps(stop, kind):
    data = noise()
    data[:, 500:stop] = np.nan
    data[0, 3000:3010] = np.nan
    sign = found(data)[kind]
    assert "2 gaps" in sign.said
    assert f"the longest {(stop - 500) / 250:.3g} s" in sign.said


@pytest.mark.parametrize(("factor", "kind"), [(20.0, "noisy"), (0.05, "weak")])
def test_a_channel_unlike_the_others(factor, kind):
    data = noise()
    data[2] *= factor
    sign = found(data)[kind]
    assert sign.channels == ("c2",)
    assert 15 < sign.size < 25
    assert found(data, unit=["uV", "uV", "mmHg", *["uV"] * 5]) == {}  # nothing else is in its unit


def test_a_channel_that_hisses_is_noisy_although_it_is_not_larger():
    data = noise()
    white = np.random.default_rng(1).normal(size=5000)
    data[5] = 0.3 * data[5] + 14 * white
    assert found(data).keys() <= {"noisy"}
    data[5] = 90 * np.sign(white) * np.abs(white)
    assert found(data)["noisy"].channels == ("c5",)


def test_different_channels_are_not_noisy():
    data = noise() * 2.0 ** np.arange(8)[:, None]
    assert found(data, unit="a.u.") == {}


def test_clipping():
    data = noise()
    data[1] = np.clip(data[1], -25, 25)
    assert found(data)["clipped"].channels == ("c1",)
    assert found(data, unit="bar").keys() == {"bounded"}


def test_a_largest_value_now_and_then_is_not_clipping():
    data = noise()
    data[1, ::200] = 120
    assert found(data) == {}


def test_a_switch_is_not_clipped():
    data = noise(6, scale=1.0)
    data[1] = data[1] > 0
    assert found(data, unit="a.u.") == {}


def test_a_channel_that_stands_still():
    data = noise()
    data[:, 4000:4600] = 1.0
    sign = found(data)["standing"]
    assert len(sign.channels) == 8
    assert "2.4 s from 16 s on" in sign.said
    data = noise()
    data[:, 4000:4100] = 1.0  # less than a second
    assert "standing" not in found(data)


def test_spikes():
    data = noise()
    data[4, 77] = 9e4
    sign = found(data)["spikes"]
    assert "1 samples of c4" in sign.said
    data[4, 77] = 300  # a blink
    assert found(data) == {}


@pytest.mark.parametrize(
    ("scale", "factor"), [(2e-5, "1e+06"), (0.02, "1000"), (2e4, "0.001"), (2e7, "1e-06")]
)
def test_an_impossible_unit_suggests_the_factor(scale, factor):
    sign = found(noise(scale=scale))["unit"]
    assert f"a factor of {factor} " in sign.said


@pytest.mark.parametrize("scale", [0.5, 20, 900])
def test_a_possible_unit(scale):
    assert found(noise(scale=scale)) == {}


def test_one_sample_more_than_none():
    assert signs_of(recording([[1.0, 2.0], [3.0, np.nan]]))  # two samples: gaps, no crash


def test_what_was_repaired_while_it_was_read():
    notes = ("brought to 250 Hz: c3 from 50 Hz", "2 events left out: outside the recording")
    signs = signs_of(replace(recording(noise()), notes=notes))
    assert [(sign.kind, sign.said) for sign in signs] == [
        ("slow channels", notes[0]),
        ("events outside", notes[1]),
    ]
    assert {sign.kind for sign in signs} <= KINDS.keys()
