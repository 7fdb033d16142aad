import numpy as np
import pytest

from eegdae.connectivity import check_settings
from eegdae.errors import EegdaeError

BANDS = {"theta": (4, 8), "alpha": (8, 13)}


def checked(**changed):
    return check_settings(**({"n_chans": 4, "n_times": 512, "sfreq": 128, "bands": BANDS} | changed))


def test_bands_that_are_taken_out_whole_have_no_frequencies():
    s = checked()
    assert s.freqs == ()
    assert s.members == ((0,), (1,))
    assert s.entries == ("theta", "alpha")


def test_wavelets_take_every_whole_hertz_and_an_edge_belongs_to_both_bands():
    s = checked(estimator="morlet")
    assert s.freqs == tuple(float(f) for f in range(4, 14))
    assert s.members == ((0, 1, 2, 3, 4), (4, 5, 6, 7, 8, 9))
    assert s.wavelets.n_cycles == (7.0,) * 10


def test_frequencies_outside_of_the_bands_are_not_computed():
    s = checked(estimator="morlet", freqs=[2, 5, 10, 30], n_cycles=[1, 2, 3, 4])
    assert s.freqs == (5.0, 10.0)
    assert s.wavelets.n_cycles == (2.0, 3.0)
    assert s.members == ((0,), (1,))


def test_without_bands_there_is_one_entry_a_frequency():
    s = checked(bands=None, estimator="multitaper", freqs=np.array([10, 12.5]))
    assert s.entries == ("10 Hz", "12.5 Hz")
    assert s.members == ((0,), (1,))
    assert s.wavelets.time_bandwidths == (4.0, 4.0)


def test_segments_have_the_frequencies_of_their_bins_without_the_mean():
    s = checked(bands=None, estimator="welch", n_per_segment=16)
    assert s.freqs == (8.0, 16.0, 24.0, 32.0, 40.0, 48.0, 56.0, 64.0)
    s = checked(estimator="welch")
    assert s.n_per_segment == 128
    assert s.freqs == tuple(float(f) for f in range(4, 14))


def test_a_bandwidth_in_hertz_is_a_product_that_falls_with_the_frequency():
    s = checked(estimator="multitaper", freqs=[4, 8], n_cycles=4, mt_bandwidth=4.0)
    assert s.wavelets.time_bandwidths == (4.0, 2.0)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"estimator": "mortel"}, "estimator: unknown estimator 'mortel'; did you mean 'morlet'"),
        ({"measures": ["plv", "pvl"]}, "measures: unknown measure 'pvl'; did you mean 'plv'"),
        ({"measures": ["ppc"]}, "'ppc' does not come from estimator='hilbert'; allowed: welch"),
        (
            {"measures": ["pearson"], "estimator": "welch"},
            "'pearson' does not come .* allowed: hilbert, filter",
        ),
        (
            {"freqs": [10]},
            "freqs: an option of morlet and multitaper, not of estimator='hilbert'; leave it out",
        ),
        ({"estimator": "morlet", "n_per_segment": 64}, "n_per_segment: an option of welch, not of"),
        ({"estimator": "welch", "time_bandwidth": 4}, "time_bandwidth: an option of multitaper, not of"),
        ({"bands": None}, "bands: None; estimator='hilbert' needs bands"),
        ({"bands": None, "estimator": "morlet"}, "freqs: None, and bands: None; give one of them"),
        (
            {"bands": None, "estimator": "welch", "measures": ["phase_slope_index"]},
            "bands: None; 'phase_slope_index' is one value a band",
        ),
        (
            {"bands": {"alpha": (8, 80)}, "estimator": "morlet"},
            "bands.alpha: .* above half the sampling rate",
        ),
        ({"bands": {"alpha": (13, 8)}, "estimator": "morlet"}, r"reversed; did you mean \[8, 13\]"),
        (
            {"bands": {"alpha": (8.2, 8.9)}, "estimator": "morlet"},
            "bands.alpha: .* holds none of the frequencies; give freqs",
        ),
        ({"bands": {"alpha": (8.2, 8.9)}, "estimator": "welch"}, "one every 1 Hz; raise n_per_segment"),
        ({"estimator": "morlet", "freqs": []}, "freqs: the list is empty"),
        ({"estimator": "morlet", "freqs": [9, 9]}, "freqs: .* holds one twice"),
        ({"estimator": "morlet", "freqs": "alpha"}, "freqs: 'alpha'; give a list of numbers"),
        ({"estimator": "morlet", "n_cycles": [7, 7]}, "n_cycles: 2 numbers for 10 frequencies"),
        ({"estimator": "morlet", "n_cycles": 0}, "n_cycles: 0; allowed: numbers above 0"),
        ({"estimator": "morlet", "n_cycles": "many"}, "n_cycles: 'many'; give a number"),
        (
            {"estimator": "multitaper", "time_bandwidth": 4, "mt_bandwidth": 4},
            "time_bandwidth: 4, and mt_bandwidth: 4; give one",
        ),
        (
            {"estimator": "multitaper", "mt_bandwidth": 0.5},
            "mt_bandwidth: 0.5 Hz times 7 cycles of 4 Hz is 0.88;",
        ),
        ({"estimator": "multitaper", "mt_bandwidth": -1}, "mt_bandwidth: -1; allowed: numbers above 0"),
        (
            {"estimator": "welch", "n_per_segment": 500},
            "n_per_segment: 500; allowed: whole samples, 2 to 341",
        ),
        ({"estimator": "welch", "n_per_segment": 64.5}, "n_per_segment: 64.5; allowed"),
        (
            {"estimator": "morlet", "measures": ["phase_slope_index"], "freqs": [5, 6, 9, 10, 12]},
            r"bands.alpha: \[8, 13\] Hz: 'phase_slope_index' needs .* evenly spaced, .* \[9.0, 10.0, 12.0\]",
        ),
        ({"measures": ["granger"]}, "order: None; 'granger' needs the samples of the past"),
        ({"max_lag": 512}, "max_lag: 512; allowed: whole samples, 0 to 511"),
        (
            {"covariance_estimator": "oaz"},
            "covariance_estimator: unknown estimator 'oaz'; did you mean 'oas'",
        ),
        ({"sfreq": 0}, "sfreq: 0 is not a sampling rate"),
        ({"sfreq": np.nan, "bands": None, "estimator": "welch"}, "sfreq: nan is not"),
        ({"n_chans": 1}, "'plv' needs two channels or more and there is 1; use power"),
    ],
)
def test_bad_input(changed, said):
    with pytest.raises(EegdaeError, match=said) as caught:
        checked(**changed)
    assert "\n" not in str(caught.value)
