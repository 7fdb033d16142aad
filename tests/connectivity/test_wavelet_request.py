import math

import numpy as np
import pytest
import torch

from eegdae.connectivity.wavelet_request import check_morlet, check_multitaper
from eegdae.errors import EegdaeError


def test_numbers_of_any_kind_make_equal_requests():
    expected = check_multitaper([9.0, 20.0], sfreq=128.0, n_cycles=[7.0, 7.0], time_bandwidth=[4.0, 4.0])
    assert expected.n_cycles == (7.0, 7.0)
    assert expected.time_bandwidths == (4.0, 4.0)
    for kind in (np.array, torch.tensor, tuple):
        found = check_multitaper(
            kind([9.0, 20.0]), sfreq=np.float32(128), n_cycles=7, time_bandwidth=kind([4.0, 4.0])
        )
        assert found == expected
        assert hash(found) == hash(expected)
    scalars = {"n_cycles": torch.tensor(7.0), "time_bandwidth": np.float64(4)}
    assert check_multitaper([9, 20], sfreq=128, **scalars) == expected


def test_morlet_wavelets_have_no_bandwidth():
    assert check_morlet([9.0], sfreq=128.0, n_cycles=7.0).time_bandwidths is None
    tapers = check_multitaper([9.0], sfreq=128.0, n_cycles=7.0, time_bandwidth=4.0)
    assert check_morlet([9.0], sfreq=128.0, n_cycles=7.0) != tapers


@pytest.mark.parametrize("name", ["n_cycles", "time_bandwidth"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([4.0], "1 numbers for 2 frequencies; give one or one each"),
        ([4.0, 4.0, 4.0], "3 numbers for 2 frequencies"),
        ([4.0, 0.0], "0; allowed: numbers"),
        ([4.0, math.nan], "nan; allowed: numbers"),
        (math.inf, "inf; allowed: numbers"),
        (None, "None; give a number or a list of one a frequency"),
        ("many", "'many'; give a number or a list"),
        (["a", "b"], r"\['a', 'b'\]; give a number or a list"),
        ([[4.0, 4.0], [4.0, 4.0]], "give a number or a list of one a frequency"),
    ],
)
def test_numbers_that_no_wavelet_can_have(name, value, message):
    options = {"n_cycles": 7.0, "time_bandwidth": 4.0} | {name: value}
    with pytest.raises(EegdaeError, match=f"{name}: {message}" if message[0] != "g" else message):
        check_multitaper([9.0, 20.0], sfreq=128.0, **options)
