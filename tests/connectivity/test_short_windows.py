import warnings

import pytest

from eegdae.connectivity import EEG_BANDS, ShortWindowWarning, check_cycles
from eegdae.errors import EegdaeError


def lines(bands, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        said = check_cycles(bands, **{"sfreq": 128, "n_times": 128, **options})
    assert [str(w.message) for w in caught] == said
    assert all(w.category is ShortWindowWarning for w in caught)
    assert not any("\n" in line for line in said)
    return said


def test_the_whole_line():
    assert lines({"theta": (4, 8), "alpha": (8, 13)}, measures=["pearson", "plv", "wpli"]) == [
        "windows of 1 s: fewer than 6 cycles of theta (4.0); BT below 10 in theta (5), alpha (6): floor of "
        "plv up to 0.36, of wpli above 0; lengthen the windows, subtract the floor or leave bands out"
    ]


def test_one_line_names_all_bands_and_none_for_long_windows():
    (line,) = lines(EEG_BANDS)
    assert "cycles of delta (1.0), theta (4.0);" in line
    assert "BT below 10 in delta (4), theta (5), alpha (6), low_beta (8):" in line
    assert lines(EEG_BANDS, n_times=128 * 6) == []


@pytest.mark.parametrize(
    ("band", "n_times", "cycles", "bt"),
    [
        ((6, 24), 128, False, False),  # exactly six cycles, 19 bins
        ((5.9, 23), 128, True, False),
        ((8, 16), 128, False, True),  # nine bins
        ((8, 17), 128, False, False),  # ten
        ((1, 40), 512, False, False),  # wider than two octaves
        ((0, 5), 128, False, True),
        ((3, 9), 256, False, False),
    ],
)
def test_borders(band, n_times, cycles, bt):
    said = "".join(lines({"b": band}, n_times=n_times))
    assert ("cycles" in said) == cycles
    assert ("BT" in said) == bt


@pytest.mark.parametrize(
    ("measure", "warned"),
    [
        ("plv", "plv up to 0.33"),
        ("ciplv", "ciplv up to 0.22"),
        ("coherence", "coherence up to 0.37"),
        ("lagged_coherence", "lagged_coherence up to 0.25"),
        ("pli", "pli above 0"),
        ("envelope_correlation", "envelope_correlation above 0"),
        ("pearson", None),
        ("covariance", None),
        ("power", None),
        ("imaginary_coherence", None),
        ("dpli", None),
        ("ppc", None),
    ],
)
def test_only_biased_measures_are_warned_for_bt(measure, warned):
    said = lines({"alpha": (8, 13)}, measures=[measure])
    assert said == [] if warned is None else warned in said[0]


def test_cycles_matter_to_every_measure():
    assert lines({"theta": (4, 8)}, measures=["power"]) == [
        "windows of 1 s: fewer than 6 cycles of theta (4.0); lengthen the windows or leave bands out"
    ]


def test_frequencies_have_one_line():
    assert lines(None, freqs=range(2, 41)) == [
        "freqs: 4 of 39, 2 to 5 Hz, have fewer than 6 cycles in a window of 1 s; lengthen the window "
        "or leave out those below 6 Hz"
    ]
    assert lines(None, freqs=[6.0, 10.0]) == []


def test_the_warning_points_at_who_called_the_function_that_checks():
    def connectivity():
        check_cycles({"theta": (4, 8)}, sfreq=128, n_times=128)

    with pytest.warns(ShortWindowWarning) as caught:
        connectivity()  # this line
    assert caught[0].filename == __file__
    assert (
        caught[0].lineno
        == test_the_warning_points_at_who_called_the_function_that_checks.__code__.co_firstlineno + 5
    )


def test_a_band_that_the_window_cannot_have():
    with pytest.raises(EegdaeError, match=r"bands\.b: .* above half"):
        check_cycles({"b": (8, 80)}, sfreq=128, n_times=128)


@pytest.mark.parametrize("estimator", ["morlet", "multitaper", "welch"])
def test_bands_of_frequencies_are_warned_for_too_without_a_formula_for_their_floor(estimator):
    assert lines({"alpha": (8, 13), "ten": (10.1, 10.4)}, measures=["plv"], estimator=estimator) == [
        "windows of 1 s: BT below 10 in alpha (6), ten (0): floor of plv above 0; lengthen the windows, "
        "subtract the floor or leave bands out"
    ]
